"""The log survives crashes: a torn last line costs that line and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import RunUnreadable, UsageError
from evenhand_evals.log import BLOCK, Attempt, LogWriter, Record, parse_record, read_log
from evenhand_evals.types import Score

RECORD = Record(
    item="item-1",
    repeat=2,
    outcome="correct",
    score=Score("correct", 1.0, {"short": True}, {"letters": (1, 3)}, "yes", "as asked"),
    request={"model": "m", "messages": [{"role": "user", "content": "会下雨吗？"}]},
    response={"choices": [{"message": {"content": "会"}, "finish_reason": "stop"}]},
    status=200,
    started=0.5,
    duration=0.25,
    attempts=(Attempt(0.5, 0.1, 429, "busy", 0.01), Attempt(0.61, 0.14, 200)),
    request_id="r-1",
    fingerprint="f" * 64,
)
OTHER = Record(item="item-2", repeat=0, outcome="failed", reason="HTTP 500", status=500)


def write(path: Path, *records: Record) -> None:
    """Append some records."""
    with LogWriter(path) as log:
        for record in records:
            log.append(record)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every field survives, nested ones included."""
    write(tmp_path / "log", RECORD, OTHER)
    assert read_log(tmp_path / "log") == (RECORD, OTHER)


def test_a_record_gives_prompt_and_completion() -> None:
    """They are read from the raw request and response."""
    assert RECORD.prompt == "会下雨吗？"
    assert RECORD.completion is not None
    assert RECORD.completion.text == "会"
    assert OTHER.prompt == ""
    assert OTHER.completion is None


def test_a_prompt_of_several_messages_names_the_roles() -> None:
    """So that shots can be told from the question."""
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    record = Record("a", 0, "wrong", request={"messages": messages})
    assert record.prompt == "system: be brief\n\nuser: hi"


def test_every_line_is_whole_on_disk_before_the_next(tmp_path: Path) -> None:
    """Nothing waits in a buffer of ours."""
    with LogWriter(tmp_path / "log") as log:
        log.append(RECORD)
        assert read_log(tmp_path / "log") == (RECORD,)


@given(st.integers(min_value=1))
def test_a_torn_line_is_left_out_and_cut_off(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Wherever the last line tore, the others stay, and appending goes on after them."""
    path = tmp_path_factory.mktemp("torn") / "log"
    write(path, RECORD, OTHER)
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: -1 - cut % (len(last) - 1)])
    assert read_log(path) == (RECORD,)
    write(path, OTHER)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("before", [(), (RECORD,)], ids=["nothing before", "a line before"])
def test_a_torn_line_of_several_blocks(tmp_path: Path, before: tuple[Record, ...]) -> None:
    """The end of the last whole line is found from behind, however far away it is."""
    write(tmp_path / "log", *before)
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole + b"x" * (2 * BLOCK + 5))
    write(tmp_path / "log", OTHER)
    assert read_log(tmp_path / "log") == (*before, OTHER)


def test_of_two_lines_about_a_sample_the_later_counts(tmp_path: Path) -> None:
    """A sample that was asked again replaces its failure."""
    again = Record(item="item-2", repeat=0, outcome="wrong", score=Score("wrong", 0.0))
    write(tmp_path / "log", OTHER, RECORD, again)
    assert {record.key: record for record in read_log(tmp_path / "log")} == {
        again.key: again,
        RECORD.key: RECORD,
    }


@pytest.mark.parametrize(
    "line", [b"nonsense", b"{}", b'{"item":"a","repeat":0,"outcome":"wrong","x":1}']
)
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    """Damage is reported with its line, never skipped."""
    write(tmp_path / "log", RECORD)
    good = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(good + line + b"\n" + good)
    with pytest.raises(RunUnreadable, match="line 2"):
        read_log(tmp_path / "log")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_an_expected_error(line: bytes) -> None:
    """The reader knows every way in which a line can be wrong."""
    try:
        parse_record(line)
    except ValueError:
        return


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    """Two processes cannot write one run."""
    with LogWriter(tmp_path / "log"), pytest.raises(UsageError, match="another process"):
        LogWriter(tmp_path / "log")
