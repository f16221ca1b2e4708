"""The 25 verifiable instructions of IFEval: names, arguments, strict and loose verdicts.

Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models" (arXiv:2311.07911).
An instruction is a name and arguments, for example `length_constraints:number_words` with
`{"relation": "less than", "num_words": 40}`. The rules themselves are in `instructions_content` and
`instructions_form`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers import instructions_arguments as read
from evenhand_evals.scorers import instructions_content as content
from evenhand_evals.scorers import instructions_form as form

MODULES = ("langdetect", "nltk", "punkt")
"""What the rules import when they are first used; the extra `evals` brings them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of IFEval: the function that checks it and a reader for each of its arguments."""

    follows: Callable[..., bool]
    arguments: Mapping[str, Callable[[Any], object]]


INSTRUCTIONS: dict[str, Rule] = {
    "change_case:capital_word_frequency": Rule(
        content.capital_word_frequency,
        {"capital_frequency": read.count, "capital_relation": read.relation},
    ),
    "change_case:english_capital": Rule(content.english_capital, {}),
    "change_case:english_lowercase": Rule(content.english_lowercase, {}),
    "combination:repeat_prompt": Rule(content.repeat_prompt, {"prompt_to_repeat": read.text}),
    "combination:two_responses": Rule(form.two_responses, {}),
    "detectable_content:number_placeholders": Rule(
        content.number_placeholders, {"num_placeholders": read.count}
    ),
    "detectable_content:postscript": Rule(content.postscript, {"postscript_marker": read.pattern}),
    "detectable_format:constrained_response": Rule(form.constrained_response, {}),
    "detectable_format:json_format": Rule(form.json_format, {}),
    "detectable_format:multiple_sections": Rule(
        form.multiple_sections, {"section_spliter": read.pattern, "num_sections": read.count}
    ),
    "detectable_format:number_bullet_lists": Rule(
        form.number_bullet_lists, {"num_bullets": read.count}
    ),
    "detectable_format:number_highlighted_sections": Rule(
        form.number_highlighted_sections, {"num_highlights": read.count}
    ),
    "detectable_format:title": Rule(form.title, {}),
    "keywords:existence": Rule(content.keywords_existence, {"keywords": read.patterns}),
    "keywords:forbidden_words": Rule(content.forbidden_words, {"forbidden_words": read.patterns}),
    "keywords:frequency": Rule(
        content.keyword_frequency,
        {"keyword": read.pattern, "frequency": read.count, "relation": read.relation},
    ),
    "keywords:letter_frequency": Rule(
        content.letter_frequency,
        {"letter": read.character, "let_frequency": read.count, "let_relation": read.relation},
    ),
    "language:response_language": Rule(content.response_language, {"language": read.text}),
    "length_constraints:nth_paragraph_first_word": Rule(
        form.nth_paragraph_first_word,
        {"num_paragraphs": read.count, "nth_paragraph": read.position, "first_word": read.text},
    ),
    "length_constraints:number_paragraphs": Rule(
        form.number_paragraphs, {"num_paragraphs": read.count}
    ),
    "length_constraints:number_sentences": Rule(
        form.number_sentences, {"relation": read.relation, "num_sentences": read.count}
    ),
    "length_constraints:number_words": Rule(
        form.number_words, {"relation": read.relation, "num_words": read.count}
    ),
    "punctuation:no_comma": Rule(content.no_comma, {}),
    "startend:end_checker": Rule(content.end_checker, {"end_phrase": read.text}),
    "startend:quotation": Rule(content.quotation, {}),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction whose arguments have been read: ready to check answers."""

    id: str
    arguments: Mapping[str, object]
    follows: Callable[..., bool]

    def followed_by(self, response: str) -> bool:
        """Check one text; an empty or blank one never follows."""
        if not response.strip():
            return False
        return self.follows(response, **self.arguments)


def parse_instruction(
    instruction_id: str, kwargs: Mapping[str, Any], rules: Mapping[str, Rule] = INSTRUCTIONS
) -> Instruction:
    """Read an instruction as data sets hold it; arguments that are None count as absent.

    Raises:
        DataError: for an unknown name, and for a missing, unknown or unusable argument.

    """
    rule = rules.get(instruction_id)
    if rule is None:
        near = get_close_matches(instruction_id, rules, n=1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise DataError(f"unknown instruction {instruction_id!r} in 'instruction_id_list'{hint}")
    given = {name: value for name, value in kwargs.items() if value is not None}
    if given.keys() != rule.arguments.keys():
        raise DataError(
            f"'kwargs': instruction {instruction_id!r} takes the arguments "
            f"{sorted(rule.arguments)}, not {sorted(given)}"
        )
    arguments = {}
    for name, reader in rule.arguments.items():
        try:
            arguments[name] = reader(given[name])
        except ValueError as error:
            raise DataError(
                f"'kwargs': instruction {instruction_id!r}: argument {name!r} is {given[name]!r}, "
                f"but it {error}"
            ) from error
    return Instruction(instruction_id, arguments, rule.follows)


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
