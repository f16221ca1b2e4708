"""The 25 verifiable instructions of IFEval: names, arguments, strict and loose verdicts.

Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models" (arXiv:2311.07911).
An instruction is a name and arguments, for example `length_constraints:number_words` with
`{"relation": "less than", "num_words": 40}`. The rules themselves are in `instructions_content` and
`instructions_form`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers import instructions_content as content
from evenhand_evals.scorers import instructions_form as form

MODULES = ("langdetect", "nltk", "punkt")
"""What the rules import when they are first used; the extra `evals` brings them."""


def _count(value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise ValueError("must be a whole number")
    if value < 0:
        raise ValueError("must not be negative")
    return int(value)


def _position(value: Any) -> int:
    if _count(value) == 0:
        raise ValueError("counts from 1")
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not blank")
    return value


def _pattern(value: Any) -> str:
    try:
        re.compile(_text(value))
    except re.error as error:
        raise ValueError(f"must be a regular expression ({error})") from error
    return str(value)


def _patterns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a list of at least one text")
    return tuple(_pattern(item) for item in value)


def _character(value: Any) -> str:
    if len(_text(value).strip()) != 1:
        raise ValueError("must be one character")
    return str(value).strip()


def _relation(value: Any) -> str:
    if value not in ("less than", "at least"):
        raise ValueError("must be 'less than' or 'at least'")
    return str(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of IFEval: the function that checks it and a reader for each of its arguments."""

    follows: Callable[..., bool]
    arguments: Mapping[str, Callable[[Any], object]]


INSTRUCTIONS: dict[str, Rule] = {
    "change_case:capital_word_frequency": Rule(
        content.capital_word_frequency,
        {"capital_frequency": _count, "capital_relation": _relation},
    ),
    "change_case:english_capital": Rule(content.english_capital, {}),
    "change_case:english_lowercase": Rule(content.english_lowercase, {}),
    "combination:repeat_prompt": Rule(content.repeat_prompt, {"prompt_to_repeat": _text}),
    "combination:two_responses": Rule(form.two_responses, {}),
    "detectable_content:number_placeholders": Rule(
        content.number_placeholders, {"num_placeholders": _count}
    ),
    "detectable_content:postscript": Rule(content.postscript, {"postscript_marker": _pattern}),
    "detectable_format:constrained_response": Rule(form.constrained_response, {}),
    "detectable_format:json_format": Rule(form.json_format, {}),
    "detectable_format:multiple_sections": Rule(
        form.multiple_sections, {"section_spliter": _pattern, "num_sections": _count}
    ),
    "detectable_format:number_bullet_lists": Rule(
        form.number_bullet_lists, {"num_bullets": _count}
    ),
    "detectable_format:number_highlighted_sections": Rule(
        form.number_highlighted_sections, {"num_highlights": _count}
    ),
    "detectable_format:title": Rule(form.title, {}),
    "keywords:existence": Rule(content.keywords_existence, {"keywords": _patterns}),
    "keywords:forbidden_words": Rule(content.forbidden_words, {"forbidden_words": _patterns}),
    "keywords:frequency": Rule(
        content.keyword_frequency,
        {"keyword": _pattern, "frequency": _count, "relation": _relation},
    ),
    "keywords:letter_frequency": Rule(
        content.letter_frequency,
        {"letter": _character, "let_frequency": _count, "let_relation": _relation},
    ),
    "language:response_language": Rule(content.response_language, {"language": _text}),
    "length_constraints:nth_paragraph_first_word": Rule(
        form.nth_paragraph_first_word,
        {"num_paragraphs": _count, "nth_paragraph": _position, "first_word": _text},
    ),
    "length_constraints:number_paragraphs": Rule(
        form.number_paragraphs, {"num_paragraphs": _count}
    ),
    "length_constraints:number_sentences": Rule(
        form.number_sentences, {"relation": _relation, "num_sentences": _count}
    ),
    "length_constraints:number_words": Rule(
        form.number_words, {"relation": _relation, "num_words": _count}
    ),
    "punctuation:no_comma": Rule(content.no_comma, {}),
    "startend:end_checker": Rule(content.end_checker, {"end_phrase": _text}),
    "startend:quotation": Rule(content.quotation, {}),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction whose arguments have been read: ready to check answers."""

    id: str
    arguments: Mapping[str, object]

    def followed_by(self, response: str) -> bool:
        """Check one text; an empty or blank one never follows."""
        if not response.strip():
            return False
        return INSTRUCTIONS[self.id].follows(response, **self.arguments)


def parse_instruction(instruction_id: str, kwargs: Mapping[str, Any]) -> Instruction:
    """Read an instruction as data sets hold it; arguments that are None count as absent.

    Raises:
        DataError: for an unknown name, and for a missing, unknown or unusable argument.

    """
    rule = INSTRUCTIONS.get(instruction_id)
    if rule is None:
        near = get_close_matches(instruction_id, INSTRUCTIONS, n=1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise DataError(f"unknown instruction {instruction_id!r}{hint}")
    given = {name: value for name, value in kwargs.items() if value is not None}
    if given.keys() != rule.arguments.keys():
        raise DataError(
            f"instruction {instruction_id!r} takes the arguments {sorted(rule.arguments)}, "
            f"not {sorted(given)}"
        )
    arguments = {}
    for name, read in rule.arguments.items():
        try:
            arguments[name] = read(given[name])
        except ValueError as error:
            raise DataError(
                f"instruction {instruction_id!r}: argument {name!r} is {given[name]!r}, "
                f"but it {error}"
            ) from error
    return Instruction(instruction_id, arguments)


def check(instruction_id: str, kwargs: Mapping[str, Any], response: str) -> bool:
    """Say whether a response follows one instruction, as it stands (strict).

    Raises:
        DataError: if the instruction cannot be read.

    """
    return parse_instruction(instruction_id, kwargs).followed_by(response)


def loose_variants(response: str) -> tuple[str, ...]:
    """Give the eight texts of which one must follow in IFEval's loose reading.

    They are the response without its first line, its last line, both or neither, each with and
    without its asterisks: an opening "Sure, here is ..." or Markdown emphasis is forgiven.
    """
    lines = response.split("\n")
    texts = (
        response,
        "\n".join(lines[1:]).strip(),
        "\n".join(lines[:-1]).strip(),
        "\n".join(lines[1:-1]).strip(),
    )
    return texts + tuple(text.replace("*", "") for text in texts)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Whether each instruction of a prompt was followed, in order."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def judge(instructions: Sequence[Instruction], response: str) -> Verdicts:
    """Check every instruction of a prompt, strictly and loosely."""
    variants = loose_variants(response)
    strict = tuple(instruction.followed_by(response) for instruction in instructions)
    loose = tuple(
        passed or any(instruction.followed_by(variant) for variant in variants[1:])
        for instruction, passed in zip(instructions, strict, strict=True)
    )
    return Verdicts(strict, loose)
