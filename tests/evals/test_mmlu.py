"""MMLU in its four variants: prompts, scores, averages, and the published items."""

import os
from pathlib import Path

import pytest

from evenhand_evals.aggregates import AGGREGATES
from evenhand_evals.errors import DataError
from evenhand_evals.tasks import TASKS, mmlu
from evenhand_evals.types import (
    Chat,
    Completion,
    DataSource,
    Likelihood,
    Likelihoods,
    Sample,
    ScoredItem,
    Task,
)
from tests.evals.subject_files import write, write_mmlu

CHATS = ("mmlu_cot", "mmlu_generative", "mmlu_opencompass")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All subjects with one item each."""
    write_mmlu(tmp_path, mmlu.SUBJECTS)
    return tmp_path


def first(task: Task, folder: Path) -> Sample:
    """Load a task and give its first item, of abstract algebra."""
    return task.load(DataSource(path=folder)).samples[0]


def test_cot_prompt(folder: Path) -> None:
    """One message in simple-evals' words, options with a bracket, the question as it is."""
    sample = first(TASKS["mmlu_cot"], folder)
    (message,) = sample.messages
    assert message.text == (
        "Answer the following multiple choice question. The last line of your response should be "
        "of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. "
        "Think step by step before answering.\n\n abstract_algebra 0 ?\n\n"
        "A)  abstract_algebra 0  one\nB)  abstract_algebra 0  two\n"
        "C)  abstract_algebra 0  three\nD)  abstract_algebra 0  four"
    )
    assert (sample.id, sample.target) == ("abstract_algebra-0001", "A")
    assert sample.metadata["group"] == "abstract_algebra"


def test_harness_prompt(folder: Path) -> None:
    """Five shots and the question as one text; the letters with a blank before them."""
    ask = first(TASKS["mmlu_loglikelihood"], folder).first
    assert isinstance(ask, Likelihood)
    assert ask.continuations == (" A", " B", " C", " D")
    assert ask.context.startswith(
        "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
        "abstract_algebra shot 0?\nA. abstract_algebra shot 0 one\n"
    )
    assert ask.context.count("\nAnswer: ") == 5
    assert "four\nAnswer: B\n\nabstract_algebra shot 2?\n" in ask.context
    assert ask.context.endswith(
        "Answer: A\n\nabstract_algebra 0 ?\nA.  abstract_algebra 0  one\n"
        "B.  abstract_algebra 0  two\nC.  abstract_algebra 0  three\n"
        "D.  abstract_algebra 0  four\nAnswer:"
    )
    chat = first(TASKS["mmlu_generative"], folder).first
    assert isinstance(chat, Chat)
    assert chat.messages[0].text == ask.context
    assert chat.fields == {"stop": ["</s>", "\n"]}


def test_opencompass_prompt(folder: Path) -> None:
    """Ten turns and the question, each naming the subject and ending in a blank."""
    messages = first(TASKS["mmlu_opencompass"], folder).messages
    assert [each.role for each in messages] == ["user", "assistant"] * 5 + ["user"]
    assert messages[1].text == "A\n"
    assert messages[-1].text == (
        "There is a single choice question about abstract algebra. Answer the question by replying "
        "A, B, C or D.\nQuestion:  abstract_algebra 0 ?\nA.  abstract_algebra 0  one\n"
        "B.  abstract_algebra 0  two\nC.  abstract_algebra 0  three\n"
        "D.  abstract_algebra 0  four\nAnswer: "
    )


SAMPLE = Sample("x", (), "B", {"group": "law", "options": ["w", "x", "y", "z"]})


@pytest.mark.parametrize(
    ("task", "text", "outcome", "robust"),
    [
        ("mmlu_cot", "Because.\nAnswer: B", "correct", True),
        ("mmlu_cot", "Answer: A? No. Answer: B", "wrong", True),
        ("mmlu_cot", "answer: b", "wrong", False),
        ("mmlu_cot", "The answer is B", "unparsed", True),
        ("mmlu_cot", "<think>Answer: A</think>Answer: B", "correct", True),
        ("mmlu_cot", "<think>Answer: B", "unparsed", False),
        ("mmlu_generative", "(b)", "correct", False),
        ("mmlu_generative", "B\nbecause", "correct", True),
        ("mmlu_generative", "The answer is B", "unparsed", True),
        ("mmlu_opencompass", "B", "correct", True),
        ("mmlu_opencompass", "A good one: I decline", "wrong", False),
        ("mmlu_opencompass", "", "unparsed", False),
    ],
)
def test_scores(task: str, text: str, outcome: str, robust: bool) -> None:
    """The published reading decides; our own stands beside it, and every disagreement."""
    score = TASKS[task].score(SAMPLE, Completion(text))
    compat = outcome == "correct"
    assert (score.outcome, score.value) == (outcome, float(compat))
    assert score.metrics == {"compat": compat, "robust": robust, "disagree": compat != robust}


def test_likeliest_letter() -> None:
    """The greatest sum wins; of equals the first."""
    judge = TASKS["mmlu_loglikelihood"].score_all
    assert judge is not None
    counts, greedy = (1, 1, 1, 1), (None,) * 4
    right = judge(SAMPLE, [Likelihoods((-3.0, -1.0, -2.0, -4.0), counts, greedy)])
    assert (right.outcome, right.value, right.extracted) == ("correct", 1.0, "B")
    tied = judge(SAMPLE, [Likelihoods((-1.0, -1.0, -2.0, -4.0), counts, greedy)])
    assert (tied.outcome, tied.extracted) == ("wrong", "A")
    with pytest.raises(TypeError, match="asks for likelihoods"):
        judge(SAMPLE, [Completion("B")])


def test_bad_rows_are_named(folder: Path) -> None:
    """A row that is too short and an answer that is no letter say where they stand."""
    file = folder / "test" / "virology_test.csv"
    write(file, [["q", "a", "b", "c", "A"]])
    with pytest.raises(DataError, match=r"virology_test\.csv, line 1: 5 columns"):
        first(TASKS["mmlu_cot"], folder)
    write(file, [["q", "a", "b", "c", "d", "E"]])
    with pytest.raises(DataError, match="the field 'answer' is 'E', not one of A, B, C, D"):
        first(TASKS["mmlu_cot"], folder)


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published MMLU items are not at hand")
    return Path(root)


@pytest.mark.parametrize("name", CHATS)
def test_always_a_scores_the_share_of_a(name: str) -> None:
    """On the published 14,042 items a model that says A has A's share of the key, every way."""
    task = TASKS[name]
    dataset = task.load(DataSource(root=data_root()))
    assert len(dataset.samples) == 14042
    says = {"mmlu_cot": "Answer: A"}.get(name, "A")
    items = [
        ScoredItem(each.id, 0, str(each.metadata["group"]), task.score(each, Completion(says)))
        for each in dataset.samples
    ]
    assert task.aggregate is not None
    found = AGGREGATES[task.aggregate](items)
    keys: dict[str, list[bool]] = {}
    for each in dataset.samples:
        keys.setdefault(str(each.metadata["group"]), []).append(each.target == "A")
    micro = sum(map(sum, keys.values())) / 14042
    macro = sum(sum(each) / len(each) for each in keys.values()) / 57
    assert found["micro"].value == pytest.approx(micro, abs=1e-12)
    assert found["macro"].value == pytest.approx(macro, abs=1e-12)
    assert round(micro, 4) == 0.2295
    assert len(found) == 10


def test_likelihoods_of_the_published_items() -> None:
    """A model for which A is the likeliest scores the same by likelihood."""
    task = TASKS["mmlu_loglikelihood"]
    dataset = task.load(DataSource(root=data_root()))
    reply = Likelihoods((-1.0, -2.0, -3.0, -4.0), (1, 1, 1, 1), (None,) * 4)
    assert task.score_all is not None
    right = sum(task.score_all(each, [reply]).value for each in dataset.samples)
    assert round(right / len(dataset.samples), 4) == 0.2295
