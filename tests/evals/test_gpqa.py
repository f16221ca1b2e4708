"""GPQA Diamond on rows of our own: the order of options, the prompt, the reading."""

import random
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Completion, Dataset, DataSource
from tests.evals.subject_files import write

HEADER = [
    "Record ID",
    "Question",
    "Correct Answer",
    "Incorrect Answer 1",
    "Incorrect Answer 2",
    "Incorrect Answer 3",
    "High-level domain",
]
TASK = TASKS["gpqa_diamond"]


def load(folder: Path, seed: int = 0, items: int = 20) -> Dataset:
    """Write some rows and load them."""
    file = folder / "gpqa.csv"
    rows = [[f"rec{n}", f"Why {n}?", "right", "w1", "w2", "w3", "Physics"] for n in range(items)]
    write(file, [HEADER, *rows])
    return TASK.load(DataSource(path=file, seed=seed))


def test_options_are_shuffled_with_the_seed(tmp_path: Path) -> None:
    """The order is simple-evals': one draw for each row, from the seed."""
    for seed in (0, 7):
        draw = random.Random(seed)
        for sample in load(tmp_path, seed).samples:
            order = draw.sample(range(4), 4)
            given = ["right", "w1", "w2", "w3"]
            assert sample.metadata["options"] == [given[place] for place in order]
            assert sample.target == "ABCD"[order.index(0)]
    assert {each.target for each in load(tmp_path).samples} == set("ABCD")


def test_prompt_and_reading(tmp_path: Path) -> None:
    """The prompt is simple-evals', the first `Answer: X` is the answer, ids are the records'."""
    sample = load(tmp_path).samples[0]
    assert (sample.id, sample.metadata["group"]) == ("rec0", "Physics")
    text = sample.messages[0].text
    assert text.startswith("Answer the following multiple choice question. The last line of")
    assert "\n\nWhy 0?\n\nA) " in text
    assert TASK.score(sample, Completion(f"Answer: {sample.target}")).outcome == "correct"
    assert TASK.score(sample, Completion("I give up.")).outcome == "unparsed"


def test_more_items_do_not_move_earlier_ones(tmp_path: Path) -> None:
    """The order of a row depends on the rows before it only."""
    assert load(tmp_path, items=3).samples == load(tmp_path).samples[:3]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """The hub's column names are needed."""
    file = tmp_path / "gpqa.csv"
    write(file, [["Question", "Correct Answer"], ["q", "a"]])
    with pytest.raises(DataError, match="the field 'Incorrect Answer 1' is missing"):
        TASK.load(DataSource(path=file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        TASK.load(DataSource(path=file))
