"""MMLU-Pro with and without shots: the prompt, both readings, and the published items."""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Chat, Completion, DataSource, Sample

ROW = {
    "question_id": 7,
    "question": "How many?",
    "options": [" one", "two ", "three", "four", "five"],
    "answer": "E",
    "category": "law",
}


def write(file: Path, *rows: Mapping[str, Any]) -> None:
    """Write JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def shots(count: int = 5) -> list[dict[str, Any]]:
    """Make worked examples of the category law."""
    worked = "A: Let's think step by step. It is {}. The answer is (A)."
    return [
        {**ROW, "question_id": number, "answer": "A", "cot_content": worked.format(number)}
        for number in range(count)
    ]


def first(name: str, path: Path) -> Sample:
    """Load a task and give its first item."""
    return TASKS[name].load(DataSource(path=path)).samples[0]


QUESTION = (
    "Question:\nHow many?\nOptions:\nA. one\nB. two\nC. three\nD. four\nE. five\n"
    "Answer: Let's think step by step."
)
OPENING = (
    "The following are multiple choice questions (with answers) about law. Think step by step and "
    'then finish your answer with "the answer is (X)" where X is the correct letter choice.\n'
)


def test_prompt_with_shots(tmp_path: Path) -> None:
    """Five worked examples of the item's category, in the harness' words."""
    write(tmp_path / "test.jsonl", ROW)
    write(tmp_path / "validation.jsonl", *shots())
    sample = first("mmlu_pro", tmp_path)
    worked = "".join(f"{QUESTION} It is {n}. The answer is (A).\n\n" for n in range(5))
    assert sample.messages[0].text == OPENING + worked + QUESTION
    assert isinstance(sample.first, Chat)
    assert sample.first.fields == {"stop": ["Question:"]}
    assert (sample.id, sample.target, sample.metadata["group"]) == ("mmlu-pro-7", "E", "law")


def test_without_shots(tmp_path: Path) -> None:
    """The variant without shots has a name of its own, and reads gzip and single files."""
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode()))
    assert first("mmlu_pro_zero_shot", tmp_path).messages[0].text == OPENING + QUESTION
    file = tmp_path / "test.jsonl.gz"
    assert first("mmlu_pro_zero_shot", file).id == "mmlu-pro-7"
    with pytest.raises(DataError, match=r"no validation\.jsonl .*choose mmlu_pro_zero_shot"):
        first("mmlu_pro", tmp_path)


def test_the_digest_is_of_both_files(tmp_path: Path) -> None:
    """Other worked examples are another data set."""
    write(tmp_path / "test.jsonl", ROW)
    write(tmp_path / "validation.jsonl", *shots())
    source = DataSource(path=tmp_path)
    one, bare = TASKS["mmlu_pro"].load(source), TASKS["mmlu_pro_zero_shot"].load(source)
    write(tmp_path / "validation.jsonl", *shots(6))
    assert len({one.sha256, bare.sha256, TASKS["mmlu_pro"].load(source).sha256}) == 3


@pytest.mark.parametrize(
    ("text", "compat", "robust"),
    [
        ("So the answer is (E).", True, True),
        ("If the answer is A then ..., so the answer is (E)", False, True),
        ("The answer is **E**.", False, True),
        ("\\boxed{E}", False, True),
        ("the answer is E. Question: the answer is A", True, False),
        ("The answer is B", False, False),
    ],
)
def test_two_readings(text: str, compat: bool, robust: bool) -> None:
    """The first `answer is X` is the score; the last statement stands beside it."""
    sample = Sample("x", (), "E", {"group": "law", "options": list("abcde")})
    score = TASKS["mmlu_pro"].score(sample, Completion(text))
    assert score.value == float(compat)
    assert score.metrics == {"compat": compat, "robust": robust, "disagree": compat != robust}


def test_bad_rows_are_named(tmp_path: Path) -> None:
    """Options, answer, worked examples and files that do not fit say what is wrong."""
    file = tmp_path / "test.jsonl"
    for change, said in (
        ({"options": ["one"]}, "the field 'options' is .*not 2 to 10 texts"),
        ({"answer": "F"}, "the field 'answer' is 'F', which is none of its options"),
        ({"category": None}, "the field 'category' is None, not a text"),
    ):
        write(file, {**ROW, **change})
        with pytest.raises(DataError, match=said):
            first("mmlu_pro_zero_shot", tmp_path)
    write(file, ROW)
    write(tmp_path / "validation.jsonl", *shots(4))
    with pytest.raises(DataError, match="'law' has 4 worked examples"):
        first("mmlu_pro", tmp_path)
    with pytest.raises(DataError, match="set EVENHAND_DATA to a folder that holds mmlu-pro/"):
        TASKS["mmlu_pro"].load(DataSource())
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="line 1: not JSON"):
        first("mmlu_pro_zero_shot", broken)


def test_published_items() -> None:
    """All 12,032 items load, in 14 categories."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published MMLU-Pro items are not at hand")
    samples = TASKS["mmlu_pro_zero_shot"].load(DataSource(root=Path(root))).samples
    assert len(samples) == 12032
    assert len({each.metadata["group"] for each in samples}) == 14
