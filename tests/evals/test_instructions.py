"""The 25 rules by hand, their arguments, the loose reading, and the set that ships with us."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.instructions import (
    INSTRUCTIONS,
    check,
    judge,
    loose_variants,
    parse_instruction,
)
from evenhand_evals.tasks import TASKS
from evenhand_evals.tasks.instructions import TASK
from evenhand_evals.types import Completion, Dataset, DataSource

ANSWERS = Path(__file__).with_name("instructions_answers.jsonl")

# (instruction, arguments, answers that follow, answers that do not)
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NASA and ESA", "I saw A cat", "I'M here"],
        ["Nasa and ESA", "none"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["A WELL-known cat", "none"],
        ["NASA and ESA"],
    ),
    (
        "change_case:english_capital",
        {},
        ["THE SHOP OPENS AT NINE IN THE MORNING."],
        ["The shop opens.", "12345", "DER LADEN IST HEUTE LEIDER SCHON GESCHLOSSEN."],
    ),
    (
        "change_case:english_lowercase",
        {},
        ["the quiet lake lies between the hills."],
        ["The quiet lake.", "der laden ist heute leider schon geschlossen."],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Name a tree. "},
        ["Name a tree.\nAn oak.", "  name A tree.", "Name a tree. Name a tree."],
        ['"Name a tree." An oak.', "An oak."],
    ),
    (
        "combination:two_responses",
        {},
        ["a******b", "******a******b******", "a\n******\nb"],
        ["a", "a******a ", "a************b", "a******b******c", "a\n***\nb"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[a] [b]", "[] [x] [y]"],
        ["[a]", "[a\nb] [c]"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Bye\nP.S. Cheese", "bye p. s. cheese"],
        ["Bye\nPS: cheese", "P.S cheese"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye\nP.P.S more", "p. p. s more"],
        ["P.S. more"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "Well. My answer is maybe. OK"],
        ["my answer is yes.", "Yes.", "My answer is **no**."],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": 1}', '```json\n["b"]\n```', "```JSON\n12```", " 3 "],
        ["{a: 1}", 'Here: {"a": 1}', "[" * 100_000, "```python\n{}\n```"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection 2\nb", "Section1 Section1", "Section 1 Section 2 Section 3"],
        ["Section 1", "SECTION 1 SECTION 2", "Section one Section two"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "- a\n  * b", "Title\n---\n* a"],
        ["* a", "* a\n* b\n* c", "• a\n• b", "** a\n** b"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* and *b*", "**a** and **b**", "*a* **b**"],
        ["*a*", "**a**", "* * *a*", "*a\nb* *c*"],
    ),
    (
        "detectable_format:title",
        {},
        ["<<Sea>>\nwaves", "waves <<x>>"],
        ["<Sea>", "<< >>", "<<a\nb>>"],
    ),
    (
        "keywords:existence",
        {"keywords": ["bee", "rose"]},
        ["A BEE in a rose", "beehive and roses"],
        ["a bee", ""],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["cold", "white"]},
        ["It is colder than whitewash"],
        ["It is COLD.", "so white!"],
    ),
    (
        "keywords:frequency",
        {"keyword": "goal ", "frequency": 2, "relation": "at least"},
        ["Goal! goals!"],
        ["goal"],
    ),
    (
        "keywords:frequency",
        {"keyword": "goal", "frequency": 2, "relation": "less than"},
        ["goal"],
        ["goal goal"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "Z", "let_frequency": 2, "let_relation": "at least"},
        ["zebra Zoo"],
        ["zebra"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "less than"},
        ["# one"],
        ["## two"],
    ),
    (
        "language:response_language",
        {"language": "fr"},
        ["Bonjour, je suis votre assistant et je réponds à vos questions.", "12345"],
        ["The shop at the corner opens at nine in the morning."],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Waves"},
        ["The sea.\n\nWaves, big ones.", "a\n\n\"waves' roar"],
        ["The sea.\nWaves", "a\n\nwaves\n\nc", "a\n\n**waves** b", "a\n\n\n\nwaves", "waves"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "***\na *** b\n***"],
        ["a\n\nb", "a *** *** b", "a *** b *** c"],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "less than", "num_sentences": 2},
        ["Dr. Lee went home at 5 p.m. today."],
        ["He left. She stayed."],
    ),
    (
        "length_constraints:number_words",
        {"relation": "at least", "num_words": 4},
        ["one two three four", "don't I know"],
        ["one two three", "今天会下雨吗"],
    ),
    ("punctuation:no_comma", {}, ["one and two", "你好，世界"], ["one, two"]),
    (
        "startend:end_checker",
        {"end_phrase": " The end."},
        ["And so on. THE END.", '"It is done. The end."\n'],
        ["The end. Bye", "The end"],
    ),
    ("startend:quotation", {}, ['"yes"', ' "a" and "b" \n'], ["“yes”", '"', '"yes', "'yes'"]),
]


@pytest.mark.parametrize(("name", "kwargs", "followed", "missed"), CASES)
def test_rules_by_hand(
    name: str, kwargs: dict[str, Any], followed: list[str], missed: list[str]
) -> None:
    """Every rule accepts and refuses what the published checker accepts and refuses."""
    for answer in followed:
        assert check(name, kwargs, answer), answer
    for answer in missed:
        assert not check(name, kwargs, answer), answer


def test_all_25_types_have_cases() -> None:
    """There are 25 types, and each has hand-written cases of both kinds."""
    assert len(INSTRUCTIONS) == 25
    assert {name for name, *_ in CASES} == set(INSTRUCTIONS)


@pytest.mark.parametrize(("name", "kwargs"), [(name, kwargs) for name, kwargs, *_ in CASES])
@settings(deadline=None, max_examples=20)
@given(text=st.text(alphabet="aZ5 \n*.,-\"'<>[]{}#今。", max_size=60))
def test_any_text_gets_a_verdict(name: str, kwargs: dict[str, Any], text: str) -> None:
    """No text breaks a rule, a blank one never follows, and strict implies loose."""
    instruction = parse_instruction(name, kwargs)
    verdicts = judge([instruction], text)
    assert not (verdicts.strict[0] and not text.strip())
    assert not verdicts.strict[0] or verdicts.loose[0]


@pytest.mark.parametrize(
    ("name", "kwargs", "reason"),
    [
        ("length_constraints:number_word", {}, "nearest is 'length_constraints:number_words'"),
        ("startend:quotation", {"mark": "x"}, r"takes the arguments \[\]"),
        ("detectable_format:number_bullet_lists", {}, r"\['num_bullets'\], not \[\]"),
        ("detectable_format:number_bullet_lists", {"num_bullets": -1}, "-1, but it must not be"),
        ("detectable_format:number_bullet_lists", {"num_bullets": 1.5}, "a whole number"),
        ("detectable_format:number_bullet_lists", {"num_bullets": True}, "a whole number"),
        ("detectable_format:number_bullet_lists", {"num_bullets": float("inf")}, "whole number"),
        ("keywords:existence", {"keywords": []}, "at least one text"),
        ("keywords:existence", {"keywords": ["(c"]}, "regular expression"),
        ("startend:end_checker", {"end_phrase": " "}, "not blank"),
        (
            "keywords:letter_frequency",
            {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
            "one character",
        ),
        (
            "length_constraints:number_words",
            {"num_words": 3, "relation": "at most"},
            "'less than' or 'at least'",
        ),
        (
            "length_constraints:nth_paragraph_first_word",
            {"num_paragraphs": 2, "nth_paragraph": 0, "first_word": "a"},
            "counts from 1",
        ),
    ],
)
def test_bad_instructions_are_explained(name: str, kwargs: dict[str, Any], reason: str) -> None:
    """An instruction that cannot be read is an error that names the argument and the reason."""
    with pytest.raises(DataError, match=reason):
        parse_instruction(name, kwargs)


def test_absent_arguments_may_be_null() -> None:
    """The hub's copy of IFEval fills in null for every argument that a rule does not take."""
    assert check("detectable_format:number_bullet_lists", {"num_bullets": 1.0, "x": None}, "* a")


def test_loose_reading_forgives_frame_and_emphasis() -> None:
    """An opening line, a closing line and asterisks are forgiven loosely and never strictly."""
    quote = [parse_instruction("startend:quotation", {})]
    for answer in ('Sure:\n"yes"', '"yes"\nBye', 'Sure:\n"yes"\nBye', '*"yes"*'):
        verdicts = judge(quote, answer)
        assert (verdicts.strict, verdicts.loose) == ((False,), (True,)), answer
    assert judge(quote, "a\nb\n").loose == (False,)


def test_loose_variants_are_eight() -> None:
    """The variants are {as it is, no first line, no last line, neither} x {with, without *}."""
    assert loose_variants("*a*\nb\nc") == (
        "*a*\nb\nc",
        "b\nc",
        "*a*\nb",
        "b",
        "a\nb\nc",
        "b\nc",
        "a\nb",
        "b",
    )


@pytest.fixture(scope="module")
def shipped() -> Dataset:
    """The set that comes with the package."""
    return TASK.load(DataSource())


def test_shipped_set_covers_every_type(shipped: Dataset) -> None:
    """At least 80 different prompts, and each of the 25 types at least three times."""
    prompts = [sample.messages[0].text for sample in shipped.samples]
    ids = [each["id"] for sample in shipped.samples for each in sample.target]
    assert len(set(prompts)) == len(prompts) >= 80
    assert set(ids) == set(INSTRUCTIONS)
    assert min(ids.count(name) for name in INSTRUCTIONS) >= 3
    assert {len(sample.target) for sample in shipped.samples} == {1, 2, 3}


def test_shipped_prompts_say_what_is_checked(shipped: Dataset) -> None:
    """Every number, word and phrase among the arguments stands in the prompt."""
    numerals = {1: "first", 2: "two|both|second", 3: "three|third", 4: "four", 5: "five"}
    languages = {"fr": "French", "es": "Spanish", "de": "German", "it": "Italian"}
    for sample in shipped.samples:
        prompt = sample.messages[0].text
        for each in sample.target:
            for name, value in each["kwargs"].items():
                if isinstance(value, int):
                    wanted = [rf"\b(?:{value}|{numerals.get(value, value)})\b"]
                elif name == "language":
                    wanted = [languages[value]]
                elif name.endswith("relation"):
                    wanted = ["less than|fewer than" if value == "less than" else "at least"]
                else:
                    wanted = [re.escape(text) for text in ([value] * isinstance(value, str))]
                    wanted += [re.escape(text) for text in value if isinstance(value, list)]
                for pattern in wanted:
                    assert re.search(pattern, prompt, re.IGNORECASE), (sample.id, pattern)


def test_shipped_prompts_can_all_be_followed(shipped: Dataset) -> None:
    """For each prompt a person wrote a short answer that follows it strictly."""
    answers = {
        row["id"]: row["response"]
        for row in map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())
    }
    assert set(answers) == {sample.id for sample in shipped.samples}
    for sample in shipped.samples:
        score = TASK.score(sample, Completion(answers[sample.id]))
        assert score.outcome == "correct", (sample.id, score.explanation)
        assert len(answers[sample.id].split()) < 60


def test_shipped_prompts_are_not_followed_by_chance(shipped: Dataset) -> None:
    """One bland answer follows only a few of the prompts."""
    bland = Completion("Of course, I can help you with that. What would you like to know?")
    passed = sum(TASK.score(sample, bland).value for sample in shipped.samples)
    assert passed < 0.25 * len(shipped.samples)


def test_tasks_are_named_as_they_are_listed() -> None:
    """The table of tasks and the tasks agree, and each says where its data comes from."""
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert set(TASKS) >= {"gsm8k", "ifeval", "instructions", "labels"}
    assert all(task.data and task.title and task.max_tokens > 0 for task in TASKS.values())
