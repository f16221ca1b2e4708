"""IFEval's rules about what an answer says: keywords, letters, language, case, and given parts.

The meaning of each rule is that of the published checker (google-research,
`instruction_following_eval/instructions.py`; Zhou et al. 2023, arXiv:2311.07911), including its
odd corners, which the docstrings name. Every rule takes the answer and returns whether it follows.
"""

import re
from collections.abc import Sequence
from typing import Literal

from evenhand_evals.scorers.language import language_of
from evenhand_evals.scorers.sentences import tokens

Relation = Literal["less than", "at least"]


def compare(number: int, relation: Relation, threshold: int) -> bool:
    """Hold a count against a threshold; the two relations are the only ones IFEval has."""
    return number < threshold if relation == "less than" else number >= threshold


def keywords_existence(response: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword occurs, in any case, also in a longer word; each is a regular expression."""
    return all(re.search(keyword, response, re.IGNORECASE) for keyword in keywords)


def keyword_frequency(response: str, *, keyword: str, frequency: int, relation: Relation) -> bool:
    """Count a keyword's occurrences, in any case, also inside longer words."""
    found = len(re.findall(keyword.strip(), response, re.IGNORECASE))
    return compare(found, relation, frequency)


def forbidden_words(response: str, *, forbidden_words: Sequence[str]) -> bool:
    """No forbidden word occurs as a whole word, in any case."""
    return not any(re.search(rf"\b{word}\b", response, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(
    response: str, *, letter: str, let_frequency: int, let_relation: Relation
) -> bool:
    """Count one character, in any case.

    The published checker replaces a character outside a-z by a random letter (two of its prompts
    ask for `#` and `!`); here the character that the prompt asks for is counted.
    """
    return compare(response.lower().count(letter.lower()), let_relation, let_frequency)


def response_language(response: str, *, language: str) -> bool:
    """The text is in a language; a text without any language, such as digits, follows."""
    detected = language_of(response)
    return detected is None or detected == language


def english_capital(response: str) -> bool:
    """No lower-case letter, and English; see `response_language` for texts without a language."""
    return response.isupper() and response_language(response, language="en")


def english_lowercase(response: str) -> bool:
    """No upper-case letter, and English; see `response_language` for texts without a language."""
    return response.islower() and response_language(response, language="en")


def capital_word_frequency(
    response: str, *, capital_frequency: int, capital_relation: Relation
) -> bool:
    """Count tokens without lower-case letters; "I" and "A" are among them, "WELL-KNOWN" is one."""
    found = sum(token.isupper() for token in tokens(response))
    return compare(found, capital_relation, capital_frequency)


def no_comma(response: str) -> bool:
    """The ASCII comma does not occur; the full-width one may."""
    return "," not in response


def postscript(response: str, *, postscript_marker: str) -> bool:
    """A postscript marker occurs anywhere, in any case.

    For "P.S." and "P.P.S" a blank may follow the first dots, and the last dot of the second is
    not asked for. Any other marker is a regular expression.
    """
    patterns = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    marker = postscript_marker.strip()
    return re.search(patterns.get(marker, marker.lower()), response.lower()) is not None


def number_placeholders(response: str, *, num_placeholders: int) -> bool:
    """At least so many pairs of square brackets, each within one line; they may be empty."""
    return len(re.findall(r"\[.*?\]", response)) >= num_placeholders


def end_checker(response: str, *, end_phrase: str) -> bool:
    """The text ends with a phrase, in any case; blanks, then double quotes around are ignored."""
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(response: str) -> bool:
    """The text begins and ends with a straight double quotation mark."""
    text = response.strip()
    return len(text) > 1 and text[0] == '"' and text[-1] == '"'


def repeat_prompt(response: str, *, prompt_to_repeat: str) -> bool:
    """The text begins with the request, in any case; nothing is asked of what follows."""
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())
