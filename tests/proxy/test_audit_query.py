"""Reading a journal: filters, prefixes, and errors that name the fix."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.audit.query import get_request, latest_request, list_requests
from evenhand_proxy.errors import ConfigError
from tests.proxy.facts import DECODING, opening, outcome


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """Give a journal with four requests, opened at 1, 2, 3 and 4 seconds; the last is open."""
    path = tmp_path / "a journal" / "journal#1.db"
    writer = Journal(path)
    await writer.start()
    for moment, (name, model, profile) in enumerate(
        [("aa1", "glm", "greedy"), ("ab2", "glm", None), ("ab3", "qwen", None), ("b", "glm", "g")],
        start=1,
    ):
        await writer.open(
            opening(name, opened_at=float(moment), model=model, profile=profile, content=b"secret")
        )
    writer.close(outcome("aa1"))
    writer.close(outcome("ab2", kind="refused", status=400, usage=None))
    await writer.open(opening("ab", opened_at=0.5))
    writer.close(outcome("ab3", content=b"secret"))
    writer.close(outcome("ab"))
    await writer.stop()
    return path


def ids(path: Path, limit: int = 10, **filters: Any) -> list[str]:
    """List the ids."""
    rows = list_requests(path, limit=limit, **filters)
    return [row.opening.request_id for row in rows]


def test_the_newest_come_first_and_the_limit_holds(journal: Path) -> None:
    """Requests are ordered by their opening time, not by when they were written."""
    assert ids(journal) == ["b", "ab3", "ab2", "aa1", "ab"]
    assert ids(journal, limit=2) == ["b", "ab3"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"model": "glm"}, ["b", "ab2", "aa1"]),
        ({"model": "glm@greedy"}, ["aa1"]),
        ({"model": "gl"}, []),
        ({"outcome": "refused"}, ["ab2"]),
        ({"outcome": "unknown_outcome"}, ["b"]),
        ({"outcome": "completed", "model": "qwen"}, ["ab3"]),
        ({"since": 3.0}, ["b", "ab3"]),
        ({"since": 3.5, "outcome": "completed"}, []),
    ],
)
def test_filters_select(journal: Path, filters: dict[str, Any], expected: list[str]) -> None:
    """Model, model@profile, outcome and time each narrow the list, and together."""
    assert ids(journal, **filters) == expected


async def test_a_request_under_way_is_open(tmp_path: Path) -> None:
    """A row without an outcome has the kind `open`, and can be asked for by it."""
    path = tmp_path / "journal.db"
    writer = Journal(path)
    await writer.start()
    await writer.open(opening("now"))
    assert ids(path, outcome="open") == ["now"]
    assert get_request(path, "now").outcome is None
    await writer.stop()


def test_lists_leave_contents_out(journal: Path) -> None:
    """Contents are read for one request only."""
    assert all(row.opening.content is None for row in list_requests(journal, limit=9))
    row = get_request(journal, "ab3")
    assert row.outcome is not None
    assert (row.opening.content, row.outcome.content) == (b"secret", b"secret")


def test_a_prefix_finds_its_request_and_an_exact_id_wins(journal: Path) -> None:
    """`aa` is enough for `aa1`; `ab` is the request of that name, not the longer ones."""
    assert get_request(journal, "aa").opening.request_id == "aa1"
    assert get_request(journal, "ab").opening.request_id == "ab"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("a", r"several requests begin with 'a': aa1, ab, ab2, ab3; give more"),
        ("zz", r"no request 'zz' in .*evenhand audit list"),
        ("%", r"no request '%'"),
        ("_", r"no request '_'"),
    ],
)
def test_ids_that_name_no_single_request_are_refused(
    journal: Path, asked: str, message: str
) -> None:
    """Ambiguous and unknown ids fail with the candidates or the fix; SQL wildcards mean nothing."""
    with pytest.raises(ConfigError, match=message):
        get_request(journal, asked)


@settings(deadline=None)
@given(asked=st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_any_text_is_a_safe_id(asked: str, journal_of_one: Path) -> None:
    """No text breaks the query: it finds the request that begins so, or says there is none."""
    if "only-one".startswith(asked):
        assert get_request(journal_of_one, asked).opening.request_id == "only-one"
    else:
        with pytest.raises(ConfigError, match="no request"):
            get_request(journal_of_one, asked)


@pytest.fixture(scope="module")
async def journal_of_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a journal with one request."""
    path = tmp_path_factory.mktemp("one") / "journal.db"
    writer = Journal(path)
    await writer.start()
    await writer.open(opening("only-one"))
    await writer.stop()
    return path


def test_the_latest_is_the_one_opened_last(journal: Path) -> None:
    """`latest_request` gives the newest opening, whole."""
    row = latest_request(journal)
    assert (row.opening.request_id, row.opening.content) == ("b", b"secret")


def test_the_decoding_record_is_given_as_stored(journal: Path) -> None:
    """Zero, null and absent stay three different things."""
    parameters = get_request(journal, "b").decoding()["parameters"]
    assert parameters == DECODING["parameters"]
    assert parameters["temperature"]["requested"] == 0
    assert parameters["seed"]["requested"] is None
    assert "requested" not in parameters["top_p"]


async def test_absent_empty_and_broken_journals_say_what_to_do(tmp_path: Path) -> None:
    """Each error names the path and the way out."""
    path = tmp_path / "journal.db"
    with pytest.raises(ConfigError, match=r"no audit journal at .*evenhand serve"):
        list_requests(path, limit=1)
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(ConfigError, match="cannot be read"):
        get_request(path, "x")
    path.unlink()
    writer = Journal(path)
    await writer.start()
    await writer.stop()
    with pytest.raises(ConfigError, match="is empty"):
        latest_request(path)


async def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A reader leaves the file's bytes as they are."""
    path = tmp_path / "journal.db"
    writer = Journal(path)
    await writer.start()
    await writer.open(opening("one"))
    await writer.stop()
    before = path.read_bytes()
    assert json.loads(get_request(path, "one").opening.decoding) == DECODING
    assert path.read_bytes() == before
