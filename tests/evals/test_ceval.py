"""C-Eval in its four variants: prompts, scores, and the published items."""

import os
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.subjects import CEVAL_NAMES
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Completion, DataSource, Likelihood, Sample
from tests.evals.subject_files import write, write_ceval


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All subjects with one val item each."""
    write_ceval(tmp_path, CEVAL_NAMES)
    return tmp_path


def first(name: str, folder: Path) -> Sample:
    """Load a task and give its first item, of computer networks."""
    return TASKS[name].load(DataSource(path=folder)).samples[0]


QUESTION = (
    "computer_network?\nA. computer_network one\nB. computer_network two\n"
    "C. computer_network three\nD. computer_network four\n答案："
)
OPENING = "以下是中国关于计算机网络考试的单项选择题，请选出其中的正确答案。\n\n"


def test_turns_of_letters(folder: Path) -> None:
    """Five turns whose answers are letters; the opening stands in the first of them."""
    messages = first("ceval", folder).messages
    assert [each.role for each in messages] == ["user", "assistant"] * 5 + ["user"]
    assert messages[0].text.startswith(f"{OPENING}computer_network例0?\nA. ")
    assert [each.text for each in messages if each.role == "assistant"] == list("ABCDA")
    assert messages[2].text.startswith("computer_network例1?")
    assert messages[-1].text == QUESTION


def test_turns_of_reasons(folder: Path) -> None:
    """The worked answers are the explanations, with the sentence that is read afterwards."""
    messages = first("ceval_cot", folder).messages
    assert messages[3].text == "让我们一步一步思考，\n1. 因为1。\n所以答案是B。"
    assert messages[-1].text == QUESTION


def test_without_shots(folder: Path) -> None:
    """One message: the opening and the question; the dev files are not needed."""
    for file in (folder / "dev").iterdir():
        file.unlink()
    sample = first("ceval_answer_only", folder)
    assert [each.text for each in sample.messages] == [OPENING + QUESTION]
    assert (sample.id, sample.target) == ("computer_network-0001", "C")
    with pytest.raises(DataError, match="52 of 104 files are missing: dev/"):
        first("ceval", folder)


def test_harness_text(folder: Path) -> None:
    """The harness leaves 考试 out and puts a blank before the letter."""
    ask = first("ceval_loglikelihood", folder).first
    assert isinstance(ask, Likelihood)
    assert ask.context.startswith(
        "以下是中国关于计算机网络的单项选择题，请选出其中的正确答案。\n\ncomputer_network例0?\nA. "
    )
    assert ask.context.count("\n答案： ") == 5
    assert ask.context.endswith(f"答案： A\n\n{QUESTION}")
    assert ask.continuations == (" A", " B", " C", " D")


def test_scores(folder: Path) -> None:
    """The official extraction decides, an option's text included; nothing found is unparsed."""
    task, sample = TASKS["ceval"], first("ceval", folder)
    quoted = task.score(sample, Completion("应该是computer_network three。"))
    assert (quoted.outcome, quoted.extracted) == ("correct", "C")
    assert quoted.metrics == {"compat": True, "robust": False, "disagree": True}
    assert task.score(sample, Completion("答案是A。")).outcome == "wrong"
    assert task.score(sample, Completion("不知道")).outcome == "unparsed"
    assert task.score(sample, Completion("<think>答案是A</think>\nC")).outcome == "correct"


def test_columns_are_checked(folder: Path) -> None:
    """A missing column and a short row name the file and what is there."""
    file = folder / "val" / "law_val.csv"
    write(file, [["id", "question", "A", "B", "C", "answer"], ["0", "q", "a", "b", "c", "A"]])
    with pytest.raises(DataError, match=r"law_val\.csv, line 1: the column 'D' is missing"):
        first("ceval", folder)
    write(file, [["id", "question", "A", "B", "C", "D", "answer"], ["0", "q", "a"]])
    with pytest.raises(DataError, match=r"law_val\.csv, line 2: 3 cells"):
        first("ceval", folder)


@pytest.mark.parametrize("name", ["ceval", "ceval_answer_only", "ceval_cot", "ceval_loglikelihood"])
def test_published_items(name: str) -> None:
    """All 1,346 val items load, in 52 subjects."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published C-Eval items are not at hand")
    samples = TASKS[name].load(DataSource(root=Path(root))).samples
    assert len(samples) == 1346
    assert {each.metadata["group"] for each in samples} == set(CEVAL_NAMES)
