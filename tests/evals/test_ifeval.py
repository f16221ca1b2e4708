"""IFEval: loading, scoring, and the published prompts themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.instructions import INSTRUCTIONS
from evenhand_evals.tasks.ifeval import TASK
from evenhand_evals.types import Completion, DataSource, Sample

ROW: dict[str, Any] = {
    "key": 7,
    "prompt": "Say yes in quotes, without a comma.",
    "instruction_id_list": ["startend:quotation", "punctuation:no_comma"],
    "kwargs": [{}, {"num_words": None}],
}


def load(tmp_path: Path, *rows: Any) -> tuple[Sample, ...]:
    """Load rows from a file as a user would."""
    path = tmp_path / "input_data.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return TASK.load(DataSource(path=path)).samples


def test_sample_is_the_prompt_alone(tmp_path: Path) -> None:
    """A prompt becomes one user message; its key is the id."""
    (sample,) = load(tmp_path, ROW)
    assert (sample.id, [(m.role, m.content) for m in sample.messages]) == (
        "7",
        [("user", ROW["prompt"])],
    )
    assert sample.metadata["group"] == "2 instructions"


@pytest.mark.parametrize(
    ("text", "outcome", "strict", "loose", "counts"),
    [
        ('"yes"', "correct", True, True, ((2, 2), (2, 2))),
        ('**"yes"**', "wrong", False, True, ((1, 2), (2, 2))),
        ("yes, sir", "wrong", False, False, ((0, 2), (0, 2))),
        ('<think>well, well</think>\n"yes"', "correct", True, True, ((2, 2), (2, 2))),
        ("<think>still thinking", "unparsed", False, False, ((0, 2), (0, 2))),
        (" \n", "unparsed", False, False, ((0, 2), (0, 2))),
    ],
)
def test_score(
    tmp_path: Path,
    text: str,
    outcome: str,
    strict: bool,
    loose: bool,
    counts: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """An answer is judged strictly and loosely, as a whole and by instruction."""
    (sample,) = load(tmp_path, ROW)
    score = TASK.score(sample, Completion(text))
    assert (score.outcome, score.value) == (outcome, float(strict))
    assert score.metrics == {"prompt_strict": strict, "prompt_loose": loose}
    assert (score.counts["instruction_strict"], score.counts["instruction_loose"]) == counts


def test_explanation_names_what_was_missed(tmp_path: Path) -> None:
    """The explanation says which instructions were missed, and that thinking was removed."""
    (sample,) = load(tmp_path, ROW)
    missed = TASK.score(sample, Completion('<think>x</think>**"yes"**, sir')).explanation
    assert missed == (
        "thinking text removed; not followed: startend:quotation; "
        "not followed: punctuation:no_comma"
    )
    forgiven = TASK.score(sample, Completion('**"yes"**')).explanation
    assert forgiven == "not followed strictly: startend:quotation"
    assert TASK.score(sample, Completion('"yes"')).explanation is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kwargs": [{}]}, "2 instructions and 1 sets"),
        ({"instruction_id_list": ["a:b", "c:d"]}, "line 2: unknown instruction 'a:b'"),
        ({"prompt": 5}, "'prompt' is 5, not a text"),
        ({"key": 7}, "the key '7' occurs twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """A faulty row is an error that names the file, the line and the field."""
    with pytest.raises(DataError, match=reason):
        load(tmp_path, ROW, {**ROW, "key": 8, **change})


def test_importing_tasks_is_light() -> None:
    """Naming the tasks loads none of the packages that scoring needs."""
    heavy = ["nltk", "langdetect", "punkt", "httpx", "aiohttp"]
    code = f"import sys, evenhand_evals.tasks; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_published_prompts_are_all_understood() -> None:
    """All 541 prompts load: 834 instructions, every one of the 25 types among them."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published IFEval prompts are not at hand")
    dataset = TASK.load(DataSource(root=Path(root)))
    ids = [each["id"] for sample in dataset.samples for each in sample.target]
    assert (len(dataset.samples), len(ids), set(ids)) == (541, 834, set(INSTRUCTIONS))
    empty = [TASK.score(sample, Completion("")) for sample in dataset.samples]
    assert {score.value for score in empty} == {0.0}
