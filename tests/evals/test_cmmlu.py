"""CMMLU in its three variants: prompts, scores without a guess, and the published items."""

import os
from pathlib import Path

import pytest

from evenhand_evals.scorers.subjects import CMMLU_NAMES
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Completion, DataSource, Likelihood, Sample
from tests.evals.subject_files import write_cmmlu


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All subjects with one test item each."""
    write_cmmlu(tmp_path, CMMLU_NAMES)
    return tmp_path


def first(name: str, folder: Path) -> Sample:
    """Load a task and give its first item, of agronomy."""
    return TASKS[name].load(DataSource(path=folder)).samples[0]


OPTIONS = "A. agronomy one\nB. agronomy two\nC. agronomy three\nD. agronomy four"


def test_direct_prompt(folder: Path) -> None:
    """One message with five letters as shots."""
    sample = first("cmmlu", folder)
    (message,) = sample.messages
    assert message.text.startswith(
        "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n\n题目：agronomy例0?\nA. "
    )
    assert "four\n答案是：B\n\n题目：agronomy例2?\n" in message.text
    assert message.text.endswith(f"答案是：A\n\n题目：agronomy?\n{OPTIONS}\n答案是：")
    assert (sample.id, sample.target) == ("agronomy-0001", "B")


def test_analysing_prompt(folder: Path) -> None:
    """No shots, and a demand for analysis before and after the question."""
    (message,) = first("cmmlu_cot", folder).messages
    assert message.text == (
        "以下是关于农学的单项选择题，请分析并选出正确答案。\n\n"
        f"题目：agronomy?\n{OPTIONS}\n逐步分析并给出答案选项。"
    )


def test_harness_text(folder: Path) -> None:
    """The harness has no 题目：, and a blank before the letter."""
    ask = first("cmmlu_loglikelihood", folder).first
    assert isinstance(ask, Likelihood)
    assert "题目" not in ask.context
    assert ask.context.count("\n答案： ") == 5
    assert ask.context.endswith(f"答案： A\n\nagronomy?\n{OPTIONS}\n答案：")


@pytest.mark.parametrize(
    ("text", "outcome", "value", "guess"),
    [
        ("B", "correct", 1.0, 1.0),
        ("答案是：B", "correct", 1.0, 1.0),
        ("答案\n是B", "correct", 1.0, 1.0),
        ("C", "wrong", 0.0, 0.0),
        ("不知道", "unparsed", 0.0, 0.25),
        ("", "unparsed", 0.0, 0.25),
    ],
)
def test_no_guess(folder: Path, text: str, outcome: str, value: float, guess: float) -> None:
    """Where the original draws a letter, ours is wrong and counted; the draw's mean is shown."""
    score = TASKS["cmmlu"].score(first("cmmlu", folder), Completion(text))
    assert (score.outcome, score.value, score.metrics["with_guess"]) == (outcome, value, guess)


@pytest.mark.parametrize("name", ["cmmlu", "cmmlu_cot", "cmmlu_loglikelihood"])
def test_published_items(name: str) -> None:
    """All 11,582 test items load, in 67 subjects."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published CMMLU items are not at hand")
    samples = TASKS[name].load(DataSource(root=Path(root))).samples
    assert len(samples) == 11582
    assert {each.metadata["group"] for each in samples} == set(CMMLU_NAMES)
