"""Needles: the grid, what is hidden and asked, the score, and the table by length."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from evenhand_evals.errors import UsageError
from evenhand_evals.scorers.retrieval_lengths import agreement, by_length
from evenhand_evals.tasks import TASKS, needle, needle_glm
from evenhand_evals.token_counts import EstimatedTokens, estimated
from evenhand_evals.types import (
    Chat,
    Completion,
    DataSource,
    Sample,
    Score,
    ScoredItem,
    Task,
    Usage,
)

SMALL = {"lengths": "400,800", "depths": "0,50,100", "questions": "2"}


def source(**options: str) -> DataSource:
    """A small grid."""
    return DataSource(options={**SMALL, **options})


def prompt(sample: Sample) -> str:
    """The text that is asked."""
    (message,) = sample.messages
    return message.text


def test_the_grid() -> None:
    """Lengths by depths by languages by questions, every prompt of its length, keys inside."""
    dataset = needle.TASK.load(source())
    assert len(dataset.samples) == 2 * 3 * 2 * 2
    assert len({sample.id for sample in dataset.samples}) == 24
    for sample in dataset.samples:
        length, text = sample.metadata["length"], prompt(sample)
        assert estimated().count(text) == pytest.approx(length, rel=0.02)
        assert text.count(sample.target) == 1
        place = text.index(sample.target) / len(text)
        assert place == pytest.approx(sample.metadata["depth"] / 100, abs=0.3)
    groups = sorted({sample.metadata["group"] for sample in dataset.samples})
    assert groups[0] == "    400 tokens, depth   0 %"
    assert groups[-1] == "    800 tokens, depth 100 %"


def test_the_same_plan_has_the_same_digest() -> None:
    """The digest is of the plan: another tokeniser keeps it, another seed or depth does not."""
    first = needle.TASK.load(source()).sha256
    other = DataSource(options=SMALL, tokens=lambda: EstimatedTokens(1.3, 0.8))
    assert needle.TASK.load(other).sha256 == first
    assert needle.TASK.load(source(depths="0,50")).sha256 != first
    assert needle.TASK.load(DataSource(seed=1, options=SMALL)).sha256 != first
    assert needle.REASONING.load(source()).sha256 != first


def test_two_facts_and_their_sum() -> None:
    """Both facts stand in the text, half of it apart, and the sum does not."""
    dataset = needle.REASONING.load(source(languages="en", depths="0", questions="1"))
    for sample in dataset.samples:
        text = prompt(sample)
        facts = [part for part in text.split(". ") if "barrels of lamp oil" in part]
        assert text.count("barrels of lamp oil.") == 2
        assert len(facts) >= 2
        assert sample.target not in text


@pytest.mark.parametrize(
    ("language", "sends", "number"),
    [
        ("en", r"The ([\w ]+) sends all its post to the ([\w ]+)\.", r"of the {} is (\d{{7}})\."),
        ("zh", r"(\w{2,8})的信件都送往(\w{2,8})。", r"{}的登记号码是(\d{{7}})。"),
    ],
)
def test_a_chain_of_two_and_a_false_trail(language: str, sends: str, number: str) -> None:
    """The answer is the number of the place that the first fact names; another's stands by."""
    loaded = needle.REASONING.load(source(languages=language, lengths="800", depths="20"))
    (sample,) = (each for each in loaded.samples if each.metadata["question"].endswith("-1"))
    text = prompt(sample)
    found = re.search(sends, text)
    assert found is not None
    first, second = found.groups()
    assert first in text.rpartition("\n")[2]
    assert second not in text.rpartition("\n")[2]
    named = re.search(number.format(second), text)
    assert named is not None
    assert named[1] == sample.target
    trails = set(re.findall(r"\d{7}", text))
    assert len(trails) == 2
    assert estimated().count(text) == pytest.approx(800, rel=0.02)


def test_both_kinds_in_one_task() -> None:
    """Retrieval is asked as in `needle`, reasoning as in `needle_reasoning`, at the same places."""
    loaded = TASKS["long_context"].load(source(languages="en"))
    kinds = Counter((each.metadata["kind"], each.metadata["length"]) for each in loaded.samples)
    assert kinds == dict.fromkeys(
        [(kind, length) for kind in ("retrieval", "reasoning") for length in (400, 800)], 6
    )
    assert len({each.id for each in loaded.samples}) == 24
    assert loaded.options["lengths"] == "400,800"


@pytest.mark.parametrize("name", ["needle", "needle_glm", "long_context", "ruler_vt"])
def test_lengths_are_asked_one_after_the_other(name: str) -> None:
    """So that the engine's memory can be told by length."""
    assert TASKS[name].stages == "length"


def test_lengths_that_the_context_has_no_room_for() -> None:
    """Of the default those that fit are taken; what the user asks for must fit."""
    small = DataSource(
        options={"depths": "50", "languages": "zh", "questions": "1"},
        tokens=lambda: EstimatedTokens(limit=10000),
    )
    (sample,) = needle.TASK.load(small).samples
    assert sample.metadata["length"] == 8192
    why = "left out: the endpoint serves a context of 10000 tokens, 64 of them for the answer"
    why += "; serve the model with a larger one to ask them"
    assert needle.TASK.load(small).left_out == {"32768": why, "131072": why}
    assert needle.TASK.load(source()).left_out == {}
    tiny = DataSource(options={"lengths": "500,900"}, tokens=lambda: EstimatedTokens(limit=700))
    with pytest.raises(UsageError, match=r"context of 700 .*room for prompts of 900; serve"):
        needle.TASK.load(tiny)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lengths", "8k", "write whole numbers separated by commas, of 100 or more"),
        ("lengths", "50", "of 100 or more"),
        ("depths", "0,101", "of 0 to 100"),
        ("languages", "en,fr", "'fr' is none of en, zh"),
        ("questions", "1,2", "write one whole number"),
        ("haystack", "generated,books", "name only one"),
    ],
)
def test_wrong_options(name: str, value: str, message: str) -> None:
    """A value that cannot be meant is refused with the option's name."""
    with pytest.raises(UsageError, match=f"--task-set {name}={value}: .*{message}"):
        needle.TASK.load(source(**{name: value}))


def answered(task: Task, sample: Sample, text: str, tokens: int | None = None) -> Score:
    """Score a text."""
    return task.score(sample, Completion(text, usage=Usage(prompt_tokens=tokens)))


def test_scores() -> None:
    """The number decides; none is unparsed; thinking does not count."""
    sample = needle.TASK.load(source(lengths="400", languages="en")).samples[0]
    key = sample.target
    assert answered(needle.TASK, sample, f"It is {key}.").outcome == "correct"
    assert answered(needle.TASK, sample, f"{key[0]},{key[1:4]},{key[4:]}").outcome == "correct"
    assert answered(needle.TASK, sample, "It is 1.").outcome == "wrong"
    assert answered(needle.TASK, sample, "I do not know.").outcome == "unparsed"
    assert answered(needle.TASK, sample, f"<think>{key}</think>7").extracted == "7"
    score = answered(needle.TASK, sample, key, 404)
    assert score.data == {
        "planned": 400,
        "length": 400,
        "prompt_tokens": 404,
        "question": "retrieval-en-0",
        "depth": 0,
        "kind": "retrieval",
    }


def test_agreement() -> None:
    """The share of pairs that say the same; silence agrees with nothing."""
    assert agreement(["1", "1", "1"]) == 1.0
    assert agreement(["1", "1", "2"]) == 1 / 3
    assert agreement([None, None]) == 0.0
    assert agreement(["1"]) is None


def test_the_table_by_length() -> None:
    """Accuracy and agreement at each length, and how far the endpoint's count is off."""
    items = []
    for sample in needle.TASK.load(source(languages="en")).samples:
        length, first = sample.metadata["length"], sample.metadata["question"] == "retrieval-en-0"
        text = sample.target if length == 400 or first else f"{sample.metadata['depth']}"
        score = answered(needle.TASK, sample, text, length + (8 if length == 400 else 0))
        items.append(ScoredItem(sample.id, 0, None, score))
    table = by_length(items)
    assert (table["accuracy at 400"].value, table["accuracy at 400"].n) == (1.0, 6)
    assert table["accuracy at 800"].value == 0.5
    assert table["agreement at 400"].value == 1.0
    assert (table["agreement at 800"].value, table["agreement at 800"].n) == (0.5, 2)
    assert table["agreement at 400"].low < 0.5  # two questions that agree prove little
    same = table["agreement with 400 at 800"]
    assert (same.value, same.n, same.low < 0.5 < same.high) == (0.5, 2, True)
    assert "agreement with 400 at 400" not in table
    assert table["length at 400"].value == pytest.approx(1.02)
    assert table["length deviation"].value == pytest.approx(0.02)


def test_the_same_answer_as_at_the_shortest() -> None:
    """Right or wrong, at the same depth, in the same repeat; silence agrees with nothing."""
    texts = {(400, 0): "1", (800, 0): "1", (400, 50): "2", (800, 50): "3", (400, 100): "no"}
    items = []
    for sample in needle.REASONING.load(source(languages="en", questions="1")).samples:
        place = sample.metadata["length"], sample.metadata["depth"]
        for repeat in (0, 1):
            text = texts.get(place, "no") if repeat == 0 else sample.target
            items.append(
                ScoredItem(sample.id, repeat, None, answered(needle.REASONING, sample, text))
            )
    table = by_length(items)
    assert table["agreement with 400 at 800"].value == pytest.approx(4 / 6)
    assert not any(name.startswith("reasoning at") for name in table)


def test_each_kind_has_its_accuracy() -> None:
    """Where both are asked, both stand beside the whole, and reasoning alone must agree."""
    items = []
    for sample in TASKS["long_context"].load(source(languages="en")).samples:
        reasons = sample.metadata["kind"] == "reasoning"
        text = sample.target if reasons else str(sample.metadata["depth"])
        items.append(ScoredItem(sample.id, 0, None, answered(needle.TASK, sample, text)))
    table = by_length(items)
    assert (table["retrieval at 400"].value, table["reasoning at 400"].value) == (0.0, 1.0)
    assert table["accuracy at 400"].value == 0.5
    assert (table["agreement at 800"].value, table["agreement at 800"].n) == (1.0, 2)
    assert table["agreement with 400 at 800"].value == 1.0


def test_the_table_without_usage() -> None:
    """An endpoint that reports no usage leaves the lengths unchecked, and the table says so."""
    sample = needle.TASK.load(source(lengths="400", languages="en")).samples[0]
    item = ScoredItem(sample.id, 0, None, answered(needle.TASK, sample, "1"))
    assert set(by_length([item])) == {"accuracy at 400"}


def test_books() -> None:
    """Books of EVENHAND_DATA serve as the text, in both languages."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: no books at hand")
    books = DataSource(root=Path(root), options={**SMALL, "haystack": "books"})
    dataset = needle.TASK.load(books)
    assert dataset.source.startswith("gatsby.txt, inaugural.zip and hongloumeng_ch01-20.txt;")
    assert len(dataset.samples) == 24


GLM = DataSource(options={"lengths": "500", "depths": "50"})


def test_the_published_prompt() -> None:
    """One user message: the system text, the document with the needle, the question."""
    (sample,) = needle_glm.TASK.load(GLM).samples
    text = prompt(sample)
    assert text.startswith("You are a helpful AI bot that answers questions for a user. Keep your")
    assert f"\n{needle_glm.NEEDLE}\n" in text
    assert text.endswith(
        "\n\nRead the document and answer: What is the best thing to do in San Francisco? "
        "Here is the most relevant sentence in the context:"
    )
    assert len(needle_glm.LENGTHS) * len(needle_glm.DEPTHS) == 100


@pytest.mark.parametrize(
    ("text", "outcome", "some"),
    [
        (needle_glm.NEEDLE, "correct", True),
        ("Eat a SANDWICH in dolores park.", "correct", True),
        ("Eat a sandwich.", "wrong", True),
        ("See the bridge.", "wrong", False),
        ("", "unparsed", False),
    ],
)
def test_both_things_must_be_said(text: str, outcome: str, some: bool) -> None:
    """An answer is right if it says both things; one of two is counted beside it."""
    (sample,) = needle_glm.TASK.load(GLM).samples
    score = answered(needle_glm.TASK, sample, text)
    assert (score.outcome, score.metrics["one_of_two"]) == (outcome, some)


@pytest.mark.parametrize(
    ("verdict", "outcome", "value"),
    [
        ("Rating: [[10]]", "correct", 1.0),
        ("Fine. Rating: [[7]], not [[10]]", "wrong", 0.7),
        ("<think>[[1]]</think>[[10]]", "correct", 1.0),
        ("ten", "unparsed", 0.0),
        ("[[99]]", "correct", 1.0),
    ],
)
def test_the_judge(verdict: str, outcome: str, value: float) -> None:
    """The judge sees needle, question and answer; its first mark counts."""
    (sample,) = needle_glm.JUDGED.load(GLM).samples
    answer = Completion("<think>hm</think>Eat a sandwich.")
    asked = needle_glm.follow(sample, [answer])
    assert isinstance(asked, Chat)
    assert asked.judge
    system, user = asked.messages
    assert system.text == "You are a helpful assistant."
    assert f"[Ground truth]\n{needle_glm.NEEDLE}\n" in user.text
    assert "[The Start of Assistant's Answer]\nEat a sandwich.\n[The End" in user.text
    replies = [answer, Completion(verdict)]
    assert needle_glm.follow(sample, replies) is None
    score = needle_glm.score_all(sample, replies)
    assert (score.outcome, score.value) == (outcome, value)
    assert score.metrics["verdict_unparsed"] == (outcome == "unparsed")
