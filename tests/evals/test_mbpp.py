"""MBPP in both forms: prompts, answers, and the published programs."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import mbpp, mbpp_base
from evenhand_evals.types import Completion, DataSource, Sample, Text

ROW: dict[str, Any] = {
    "task_id": 11,
    "text": "Write a function to double a number.",
    "code": "def double(x):\r\n  return 2 * x",
    "test_setup_code": "",
    "test_list": ["assert double(1) == 2", "assert double(0) == 0", "assert double(-1) == -2"],
    "challenge_test_list": [],
}
RIGHT = "def double(x):\n    return x + x\n"


def _write(folder: Path, *rows: dict[str, Any]) -> DataSource:
    file = folder / "mbpp.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return DataSource(path=file)


def test_prompt_of_a_chat(tmp_path: Path) -> None:
    """Three examples as turns, then the problem, in the words of lm-evaluation-harness."""
    dataset = mbpp.load(_write(tmp_path, {**ROW, "task_id": 10}, ROW, {**ROW, "task_id": 511}))
    (sample,) = dataset.samples
    assert (sample.id, dataset.licence) == ("mbpp-011", "CC-BY-4.0")
    assert [each.role for each in sample.messages] == [*["user", "assistant"] * 3, "user"]
    assert sample.messages[-1].text == (
        "You are an expert Python programmer, and here is your task:\n"
        "Write a function to double a number.\n"
        "Your code should pass these tests:\n"
        "assert double(1) == 2\nassert double(0) == 0\nassert double(-1) == -2"
    )
    assert sample.messages[1].text == (
        "```python\ndef similar_elements(test_tup1, test_tup2):\r\n"
        "  res = tuple(set(test_tup1) & set(test_tup2))\r\n  return (res) \n```"
    )


def test_prompt_of_a_base_model(tmp_path: Path) -> None:
    """The authors' prompt: examples between [BEGIN] and [DONE], and the beginning of one more."""
    (sample,) = mbpp_base.load(_write(tmp_path, ROW)).samples
    assert isinstance(sample.first, Text)
    prompt = sample.first.prompt
    assert sample.first.fields == {"stop": ["[DONE]"]}
    assert prompt.startswith(
        "You are an expert Python programmer, and here is your task: Write a function to find the "
        "similar elements from the given two tuple lists. Your code should pass these tests:\n\n"
        "assert similar_elements((3, 4, 5, 6),(5, 7, 4, 10)) == (4, 5)\n"
    )
    assert prompt.count("[BEGIN]\n") == 4
    assert prompt.count("\n[DONE]\n\nYou are") == 3
    assert prompt.endswith(
        "here is your task: Write a function to double a number. Your code should pass these "
        "tests:\n\nassert double(1) == 2\nassert double(0) == 0\nassert double(-1) == -2\n[BEGIN]\n"
    )


@pytest.mark.parametrize(
    ("text", "outcome", "metric"),
    [
        (f"```python\n{RIGHT}```", "correct", None),
        (f"```\n{RIGHT}```", "correct", None),
        (RIGHT, "correct", None),
        (f"Let me see.\n```python\n{RIGHT}```\n```python\ndouble('x')\n```", "correct", None),
        (f"<think>hm</think>```python\n{RIGHT}```", "correct", None),
        ("```python\ndef double(x):\n    return x\n```", "wrong", "failed_test"),
        ("```python\ndef double(x)\n    return x\n```", "wrong", "syntax_error"),
        ("```python\ndef triple(x):\n    return x\n```", "wrong", "raised"),
        ("I am sorry, but no.", "unparsed", "syntax_error"),
        ("", "unparsed", None),
    ],
)
def test_answers_of_a_chat(tmp_path: Path, text: str, outcome: str, metric: str | None) -> None:
    """A block is run with the assertions; what is no program is unparsed."""
    (sample,) = mbpp.load(_write(tmp_path, ROW)).samples
    score = mbpp.score(sample, Completion(text))
    assert (score.outcome, score.value) == (outcome, float(outcome == "correct"))
    assert [name for name, value in score.metrics.items() if value] == ([metric] if metric else [])


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (RIGHT, "correct"),
        (f"{RIGHT}\n[DONE]\n\nYou are an expert", "correct"),
        (ROW["code"], "correct"),
        (f"```python\n{RIGHT}```", "wrong"),
        ("", "wrong"),
    ],
)
def test_answers_of_a_base_model(tmp_path: Path, text: str, outcome: str) -> None:
    """What comes before [DONE] is the program, whatever it is."""
    (sample,) = mbpp_base.load(_write(tmp_path, ROW)).samples
    assert mbpp_base.score(sample, Completion(text)).outcome == outcome


def test_setup_code_goes_between_program_and_tests(tmp_path: Path) -> None:
    """The setup builds on the program, and the assertions on the setup."""
    row = {**ROW, "test_setup_code": "two = double(1)", "test_list": ["assert two == 2"]}
    (sample,) = mbpp.load(_write(tmp_path, row)).samples
    assert mbpp.tested(sample, RIGHT) == f"{RIGHT}\ntwo = double(1)\nassert two == 2"
    assert mbpp.score(sample, Completion(RIGHT)).outcome == "correct"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_list": []}, r"line 1: the field 'test_list' is \[\], not a list of assertions"),
        ({"test_list": [1]}, r"line 1: the field 'test_list' is \[1\]"),
        ({"task_id": "11"}, "line 1: the field 'task_id' is '11', not a whole number"),
        ({"task_id": 601}, "no item has a 'task_id' from 11 to 510"),
    ],
)
def test_unusable_rows(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A row that cannot be asked or judged is an error that names the place and the field."""
    with pytest.raises(DataError, match=message):
        mbpp.load(_write(tmp_path, {**ROW, **change}))


def test_published_programs_score_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the 500 published programs of the test split every fifth is run, and passes."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published MBPP items are not at hand")
    dataset = mbpp_base.load(DataSource(root=Path(root)))
    assert len(dataset.samples) == 500
    lines = (Path(root) / mbpp.ORIGIN.file).read_text(encoding="utf-8").splitlines()
    codes = {f"mbpp-{row['task_id']:03d}": row["code"] for row in map(json.loads, lines)}
    chosen = [each for each in dataset.samples if each.id in ("mbpp-123", "mbpp-367")]
    chosen += dataset.samples[::5]

    def passes(sample: Sample) -> bool:
        return mbpp_base.score(sample, Completion(codes[sample.id])).outcome == "correct"

    with ThreadPoolExecutor(4) as pool:
        passed = list(pool.map(passes, chosen))
    assert [each.id for each, right in zip(chosen, passed, strict=True) if not right] == []
    with capsys.disabled():
        sys.stdout.write(f" [{len(chosen)} MBPP programs run] ")
