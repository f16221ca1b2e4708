"""Answers made elsewhere get the same verdicts as those of a run."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.score import Scored, score_responses
from evenhand_evals.types import DataSource
from tests.evals.fake import yes_task

TASK = yes_task(4)
DATASET = TASK.load(DataSource())


def score(folder: Path, *rows: Any) -> Scored:
    """Score some rows; text is written as it is."""
    path = folder / "responses.jsonl"
    lines = [row.encode() if isinstance(row, str) else orjson.dumps(row) for row in rows]
    path.write_bytes(b"\n".join(lines))
    return score_responses(TASK, DATASET, path)


def test_by_id_and_by_prompt(tmp_path: Path) -> None:
    """Both name an item; blank lines are nothing."""
    scored = score(
        tmp_path,
        {"id": "item-0", "response": "yes"},
        "",
        {"prompt": "question 1\n", "response": "no"},
    )
    assert [(each.item, each.outcome) for each in scored.run.records] == [
        ("item-0", "correct"),
        ("item-1", "wrong"),
    ]
    assert scored.missing == ("item-2", "item-3")
    assert scored.run.records[1].prompt == "question 1"
    assert scored.run.records[1].completion is not None
    assert scored.run.records[1].completion.text == "no"


def test_several_lines_for_an_item_are_repeats(tmp_path: Path) -> None:
    """They are averaged within the item."""
    scored = score(
        tmp_path,
        {"id": "item-0", "response": "yes"},
        {"id": "item-0", "response": "no"},
        {"id": "item-1", "response": "yes"},
    )
    assert [each.key for each in scored.run.records] == [
        ("item-0", 0),
        ("item-0", 1),
        ("item-1", 0),
    ]
    assert scored.run.result.score is not None
    assert scored.run.result.score.value == pytest.approx(0.75)


def test_what_belongs_to_no_item_is_named(tmp_path: Path) -> None:
    """An unknown id, an unknown prompt, and a prompt that several items contain."""
    scored = score(
        tmp_path,
        {"id": "item-9", "response": "yes"},
        {"prompt": "what?", "response": "yes"},
        {"prompt": "question", "response": "yes"},
        {"prompt": "", "response": "yes"},
        {"prompt": "tion 3", "response": "yes"},
    )
    assert scored.unknown == (
        "line 1: item-9",
        "line 2: what?",
        "line 3: question",
        "line 4: ",
    )
    assert [each.item for each in scored.run.records] == ["item-3"]


def test_no_response_is_a_failure_and_not_a_wrong_answer(tmp_path: Path) -> None:
    """Null is not the empty text."""
    scored = score(tmp_path, {"id": "item-0", "response": None}, {"id": "item-1", "response": ""})
    assert [each.outcome for each in scored.run.records] == ["failed", "unparsed"]
    assert scored.run.result.outcomes["failed"] == 1


def test_a_finish_reason_is_heeded(tmp_path: Path) -> None:
    """An answer that was cut is truncated."""
    row = {"id": "item-0", "response": "n", "finish_reason": "length"}
    assert score(tmp_path, row).run.records[0].outcome == "truncated"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_what_the_engine_gave_up_failed(tmp_path: Path, reason: str) -> None:
    """Its text is not what the model would have answered."""
    row = {"id": "item-0", "response": "yes", "finish_reason": reason}
    (record,) = score(tmp_path, row).run.records
    assert (record.outcome, record.score) == ("failed", None)
    assert reason in (record.reason or "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nonsense", "line 1: not JSON"),
        ([], "needs 'response'"),
        ({"id": "item-0"}, "needs 'response'"),
        ({"response": "yes"}, "'id' or 'prompt'"),
        ({"id": "item-0", "response": 5}, "'response' is 5"),
        ({"id": [], "response": "yes"}, "'id' is"),
        ({"id": "other", "response": "yes"}, "none of its 1 lines.*'item-0'"),
    ],
)
def test_files_that_cannot_be_scored(tmp_path: Path, row: Any, message: str) -> None:
    """The line and the field are named."""
    with pytest.raises(DataError, match=message):
        score(tmp_path, row)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The option and the path are named."""
    with pytest.raises(DataError, match=r"--responses: .*none"):
        score_responses(TASK, DATASET, tmp_path / "none")


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    """A number stands for its digits; here no item has such an id."""
    with pytest.raises(DataError, match="none of its"):
        score(tmp_path, {"id": 7, "response": "yes"})
