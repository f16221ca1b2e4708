"""GSM8K: the prompt, three readings of one answer, and the published items."""

import json
import os
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks.gsm8k import SHOTS_FILE, TASK
from evenhand_evals.tasks.sources import shipped
from evenhand_evals.types import Completion, DataSource, Sample

SAMPLE = Sample("gsm8k-0001", (), "9 * 2 = $<<9*2=18>>18.\n#### 18")


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published GSM8K items are not at hand")
    return Path(root)


@pytest.mark.parametrize(
    ("text", "outcome", "strict", "flexible"),
    [
        ("9 * 2 = 18\n#### 18", "correct", True, True),
        (r"So she makes \boxed{18} dollars.", "correct", False, True),
        ("Answer: 18 dollars. (Step 3)", "correct", False, False),
        ("She makes 18.00", "correct", False, False),
        ("#### 18.00", "correct", False, False),
        ("#### 17", "wrong", False, False),
        ("I do not know.", "unparsed", False, False),
        ("", "unparsed", False, False),
        ("<think>is it #### 17?</think>\n#### 18", "correct", True, True),
        ("#### 18\n\nQuestion: What is 2 + 3?\nAnswer: 5\n#### 5", "correct", True, True),
        ("Question: what is asked? She makes 18", "correct", False, False),
    ],
)
def test_three_readings(text: str, outcome: str, strict: bool, flexible: bool) -> None:
    """The robust reading decides; both filters stand beside it, and so does every disagreement."""
    score = TASK.score(SAMPLE, Completion(text))
    robust = outcome == "correct"
    assert (score.outcome, score.value) == (outcome, float(robust))
    assert score.metrics == {
        "robust": robust,
        "compat_strict": strict,
        "compat_flexible": flexible,
        "disagree_strict": robust != strict,
        "disagree_flexible": robust != flexible,
    }


def test_thousands_are_not_cut() -> None:
    """`$70,000` is seventy thousand, and what was read is kept with how it was found."""
    score = TASK.score(Sample("a", (), "#### 70000"), Completion("He made a profit of $70,000."))
    assert (score.outcome, score.extracted, score.explanation) == (
        "correct",
        "$70,000",
        "read after: last",
    )


def test_prompt_is_five_shots_and_the_question(tmp_path: Path) -> None:
    """One user message: five worked examples, then the question, ending in `Answer:`."""
    file = tmp_path / "test.jsonl"
    row = {"question": "How many?", "answer": "two\n#### 2"}
    file.write_text(json.dumps(row), encoding="utf-8")
    dataset = TASK.load(DataSource(path=file))
    (sample,) = dataset.samples
    (message,) = sample.messages
    assert message.role == "user"
    assert message.text.count("Question: ") == 6
    assert message.text.startswith("Question: Natalia sold clips to 48 of her friends in April")
    assert message.text.endswith("#### 624\n\nQuestion: How many?\nAnswer:")
    assert (sample.id, dataset.licence) == ("gsm8k-0001", "MIT")


def test_answers_without_a_number_are_refused(tmp_path: Path) -> None:
    """A row whose answer has no `#### ` is an error, not an item that nobody can get right."""
    file = tmp_path / "test.jsonl"
    file.write_text(json.dumps({"question": "How many?", "answer": "two"}), encoding="utf-8")
    with pytest.raises(DataError, match="line 1: the field 'answer' is 'two'"):
        TASK.load(DataSource(path=file))


def test_published_items() -> None:
    """All 1,319 items load, and every published solution is right in all three readings."""
    dataset = TASK.load(DataSource(root=data_root()))
    assert len(dataset.samples) == 1319
    for sample in dataset.samples:
        metrics = TASK.score(sample, Completion(sample.target)).metrics
        assert (metrics["robust"], metrics["compat_strict"]) == (True, True), sample.id


def test_shots_are_the_first_of_the_train_split() -> None:
    """The five shipped examples are the first five lines of the train split, byte for byte."""
    train = data_root() / "gsm8k" / "train_first200.jsonl"
    assert shipped(SHOTS_FILE).splitlines() == train.read_bytes().splitlines()[:5]
