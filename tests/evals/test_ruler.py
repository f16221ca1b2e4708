"""RULER: thirteen programs that write problems of a length, and the published scores."""

import json
import random
import re
import uuid
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import ruler
from evenhand_evals.tasks.ruler_needles import DEPTHS, NEEDLES, write
from evenhand_evals.tasks.ruler_words import compounds
from evenhand_evals.token_counts import estimated
from evenhand_evals.types import Chat, Completion, DataSource, Sample, Usage

GENERATED = [name for name in ruler.KINDS if not name.startswith("qa")]
SMALL = {"lengths": "1500,2500", "samples": "3"}


def chat(sample: Sample) -> Chat:
    """What is asked."""
    assert isinstance(sample.ask, Chat)
    return sample.ask


def load(name: str, **options: str) -> tuple[Sample, ...]:
    """Write a few problems."""
    source = DataSource(options={**SMALL, **options})
    return ruler.TASKS[f"ruler_{name}"].load(source).samples


def test_the_thirteen_tasks() -> None:
    """They are those of the paper, each with its published budget."""
    assert list(ruler.TASKS) == [
        f"ruler_{name}"
        for name in (
            *(f"niah_single_{number}" for number in (1, 2, 3)),
            *(f"niah_multikey_{number}" for number in (1, 2, 3)),
            "niah_multivalue",
            "niah_multiquery",
            "vt",
            "cwe",
            "fwe",
            "qa_1",
            "qa_2",
        )
    ]
    budgets = [task.max_tokens for task in ruler.TASKS.values()]
    assert budgets == [128] * 8 + [30, 120, 50, 32, 32]


@pytest.mark.parametrize("name", GENERATED)
def test_problems_fit_and_hold_their_answers(name: str) -> None:
    """Prompt, first words and answer have the length, nearly, and the answers are in the text."""
    samples = load(name)
    assert len({sample.id for sample in samples}) == 6
    for sample in samples:
        asked = chat(sample)
        assert asked.prefill is not None
        text = asked.messages[0].text
        length = estimated().count(text) + estimated().count(asked.prefill)
        assert length <= sample.metadata["planned"]
        assert length == pytest.approx(sample.metadata["planned"], rel=0.12)
        assert all(answer in text for answer in sample.target)
        assert not any(answer in asked.prefill for answer in sample.target)


@pytest.mark.parametrize("name", GENERATED)
def test_the_seed_decides(name: str) -> None:
    """The same seed writes the same problems, another one others; a length keeps its answers."""
    first = load(name)
    assert load(name) == first
    other = ruler.TASKS[f"ruler_{name}"].load(DataSource(seed=1, options=SMALL)).samples
    assert [each.target for each in other] != [each.target for each in first]


def test_forms_of_needles() -> None:
    """Keys, values and queries are as many, and of the kinds, that the task says."""
    targets = {name: load(f"niah_{name}", lengths="1500")[0].target for name in NEEDLES}
    assert {name: len(target) for name, target in targets.items()} == {
        **dict.fromkeys(NEEDLES, 1),
        "multivalue": 4,
        "multiquery": 4,
    }
    for name in ("single_3", "multikey_3"):
        assert str(uuid.UUID(targets[name][0])) == targets[name][0]
    assert all(len(number) == 7 for number in targets["multiquery"])
    text = chat(load("niah_multikey_1", lengths="1500")[0]).messages[0].text
    assert text.count("One of the special magic numbers for ") == 4


def test_one_needle_is_asked_for_in_the_singular() -> None:
    """The published template changes its grammar where one value is asked for."""
    asked = chat(load("niah_single_1")[0])
    text, prefill = asked.messages[0].text, str(asked.prefill)
    assert text.startswith("A special magic number is hidden within the following text. Make sure")
    assert "\nWhat is the special magic number for " in text
    assert prefill.endswith(" mentioned in the provided text is")
    many = chat(load("niah_multivalue")[0])
    assert many.messages[0].text.startswith("Some special magic numbers are hidden within")
    assert "\nWhat are all the special magic numbers for " in many.messages[0].text
    assert str(many.prefill).endswith(" mentioned in the provided text are")


def test_needles_among_sentences() -> None:
    """Forty depths from 0 to 100 per cent; every needle is a sentence among the others."""
    assert (DEPTHS[0], DEPTHS[-1], len(DEPTHS)) == (0, 100, 40)
    words = " ".join(f"Word {letter}." for letter in "abcdefghij").split()
    problem = write(NEEDLES["multiquery"], words, random.Random(1), 20)
    lines = problem.prompt.split("\n")[1]
    assert Counter(each for each in lines.split() if each == "Word")["Word"] == 10
    assert sum(lines.count(answer) for answer in problem.answers) == 4


def test_variables_are_a_chain() -> None:
    """Each variable is the one before; the first has the value that is asked for."""
    text = chat(load("vt")[0]).messages[0].text
    target = load("vt")[0].target
    problem = text[text.rindex("Memorize and track") :]
    lines = [line.strip() for line in problem.split("\n") if line.startswith("VAR ")]
    value = lines[0].rpartition(" = ")[2]
    assert lines == [
        f"VAR {target[0]} = {value}",
        *(f"VAR {name} = VAR {before}" for before, name in pairwise(target)),
    ]
    assert f"assigned the value {value} in the text above." in problem
    assert text.count("Memorize and track") == 2


@pytest.mark.parametrize(("length", "common", "seldom"), [(2500, 6, 1), (6000, 30, 3)])
def test_common_words(length: int, common: int, seldom: int) -> None:
    """Ten words come often, the others seldom; above them stands a worked example."""
    sample = load("cwe", lengths=str(length), samples="1")[0]
    text = chat(sample).messages[0].text
    _, _, listed = text.rpartition("Memorize the ones that appear most often.\n")
    counted = Counter(word for word in listed.split("\nQuestion")[0].split() if word.isalpha())
    often = {word for word, count in counted.items() if count == common}
    assert often == set(sample.target)
    assert len(often) == 10
    assert {count for word, count in counted.items() if word not in often} == {seldom}
    assert len(compounds()) > 40000


def test_coded_words() -> None:
    """The three commonest words are the answer; dots are more frequent, and no word."""
    sample = load("fwe", lengths="4000", samples="1")[0]
    text = chat(sample).messages[0].text
    coded = text.split("coded words. ")[1].split("\nQuestion")[0]
    ranked = [word for word, _ in Counter(coded.split()).most_common(4)]
    assert ranked[0] == "..."
    assert ranked[1:] == sample.target


def test_where_the_first_words_go() -> None:
    """They begin the answer, end the question, or are left out."""
    (first, *_), (question, *_), (none, *_) = (
        load("niah_single_1", prefix=prefix) for prefix in ("answer", "question", "none")
    )
    prefix = f" {chat(first).prefill}"
    assert chat(question).messages[0].text == chat(first).messages[0].text + prefix
    assert chat(none).messages == chat(first).messages
    assert (chat(question).prefill, chat(none).prefill) == (None, None)


def test_scores() -> None:
    """The share of references that are there; correct when all are; qa needs one of them."""
    sample = load("niah_multiquery")[0]
    task = ruler.TASKS["ruler_niah_multiquery"]
    half = task.score(sample, Completion(" and ".join(sample.target[:2])))
    assert (half.outcome, half.value) == ("wrong", 0.5)
    whole = task.score(sample, Completion("\n".join(sample.target), usage=Usage(1400)))
    assert (whole.outcome, whole.value) == ("correct", 1.0)
    assert whole.data == {"planned": 1372, "length": 1500, "prompt_tokens": 1400}
    assert task.score(sample, Completion("<think>1</think>\n")).outcome == "unparsed"
    asked = Sample("q", (), ["Paris", "the capital"], {"planned": 1, "length": 2})
    assert ruler.TASKS["ruler_qa_1"].score(asked, Completion("PARIS")).value == 1.0


SQUAD: dict[str, Any] = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": f"Town {town} has paragraph {part}. " + "Filler goes here. " * 20,
                    "qas": [
                        {
                            "question": f"What has paragraph {part} in town {town}?",
                            "answers": [{"text": f"Town {town}"}],
                            "is_impossible": part == 1,
                        }
                    ],
                }
                for part in range(3)
            ]
        }
        for town in range(20)
    ]
}
HOTPOT = [
    {
        "question": f"Who wrote book {number}?",
        "answer": f"Writer {number}",
        "context": [
            [f"Title {number} {part}", [f"Writer {number}. ", "Filler. " * 20]] for part in range(3)
        ],
    }
    for number in range(20)
]


@pytest.mark.parametrize(("name", "data"), [("qa_1", SQUAD), ("qa_2", HOTPOT)])
def test_questions(tmp_path: Path, name: str, data: Any) -> None:
    """The paragraphs of a question stand among others, numbered from 1."""
    file = tmp_path / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    source = DataSource(path=file, options={"lengths": "700", "samples": "5"})
    for sample in ruler.TASKS[f"ruler_{name}"].load(source).samples:
        text = chat(sample).messages[0].text
        assert sample.target[0] in text
        assert "\n\nDocument 1:\n" in text
        assert "paragraph 1 in town" not in text
        assert chat(sample).prefill == "Answer:"
    long = DataSource(path=file, options={"lengths": "90000", "samples": "1"})
    with pytest.raises(DataError, match=r"data\.json is too short"):
        ruler.TASKS[f"ruler_{name}"].load(long)


def test_questions_need_their_file(tmp_path: Path) -> None:
    """Without the file, or with another, the message says which one is needed."""
    small = {"lengths": "700", "samples": "1"}
    with pytest.raises(DataError, match=r"needs SQuAD 2\.0 .*--data FILE"):
        ruler.TASKS["ruler_qa_1"].load(DataSource(options=small))
    file = tmp_path / "other.json"
    for content in ('{"rows": []}', "not json", '{"data": []}'):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=r"other\.json: (this is not|it holds no|not JSON)"):
            ruler.TASKS["ruler_qa_1"].load(DataSource(path=file, options=small))


def test_a_length_without_room() -> None:
    """A length that the smallest problem does not fit into is refused; the one named does."""
    says = r"--task-set lengths=200: the smallest .* has \d+ tokens, .* give a length of (\d+) or"
    with pytest.raises(DataError, match=says) as refused:
        load("cwe", lengths="200")
    found = re.search(says, str(refused.value))
    assert found is not None
    assert load("cwe", lengths=found[1], samples="1")
