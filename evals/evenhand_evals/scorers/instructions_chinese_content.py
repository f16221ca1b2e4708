"""Rules about what a Chinese answer says: keywords, characters, language, case, given parts.

Texts are compared after NFKC and case folding, so that `：` is `:` and `Ａ` is `a`. Every keyword,
phrase and marker is a plain text, never a regular expression. Every rule takes the answer and
returns whether it follows.
"""

import re
from collections.abc import Sequence
from typing import Literal

from evenhand_evals.scorers import chinese
from evenhand_evals.scorers.chinese import LATIN, fold
from evenhand_evals.scorers.language import language_of

Relation = Literal["less than", "at least", "at most", "exactly"]

_LATIN_LETTER = re.compile(f"[{LATIN}]")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]*)\]")
_BRACKETS = str.maketrans("［］【】", "[][]")
_COMMAS = frozenset(",，、﹐﹑､")
_QUOTES = {'"': '"', "＂": "＂", "“": "”", "「": "」", "『": "』", "｢": "｣"}
_MARKERS = {"p.s.": r"p\.\s?s\.", "p.p.s": r"p\.\s?p\.\s?s", "p.p.s.": r"p\.\s?p\.\s?s"}


def compare(number: int, relation: Relation, threshold: int) -> bool:
    """Hold a count against a threshold: IFEval's two relations and two more."""
    return {
        "less than": number < threshold,
        "at least": number >= threshold,
        "at most": number <= threshold,
        "exactly": number == threshold,
    }[relation]


def keywords_existence(response: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword occurs somewhere."""
    return all(fold(keyword) in fold(response) for keyword in keywords)


def keyword_frequency(response: str, *, keyword: str, frequency: int, relation: Relation) -> bool:
    """Count a keyword's occurrences that do not overlap."""
    return compare(fold(response).count(fold(keyword.strip())), relation, frequency)


def _whole_latin(word: str) -> str:
    """Make a pattern that does not match a Latin word inside a longer one; Han has no borders."""
    before = r"(?<![a-z0-9])" if re.match("[a-z0-9]", word) else ""
    after = r"(?![a-z0-9])" if re.search("[a-z0-9]$", word) else ""
    return before + re.escape(word) + after


def forbidden_words(response: str, *, forbidden_words: Sequence[str]) -> bool:
    """No forbidden word occurs; one of Latin letters is not found inside a longer Latin word."""
    text = fold(response)
    return not any(re.search(_whole_latin(fold(word.strip())), text) for word in forbidden_words)


def letter_frequency(
    response: str, *, letter: str, let_frequency: int, let_relation: Relation
) -> bool:
    """Count one character, of any script."""
    return compare(fold(response).count(fold(letter)), let_relation, let_frequency)


def response_language(response: str, *, language: str) -> bool:
    """The text is in a language; a text without any letter, such as digits, follows.

    `zh` and `en` are told by script (`is_chinese`, `is_latin`), others by IFEval's own detector.
    """
    if not chinese.scripts(response):
        return True
    if language == "zh":
        return chinese.is_chinese(response)
    if language == "en":
        return chinese.is_latin(response)
    return language_of(response) == language


def script(response: str, *, script: str) -> bool:
    """The text is in simplified or traditional Chinese, or in Latin letters; see `chinese`."""
    told = {
        "simplified": chinese.is_simplified,
        "traditional": chinese.is_traditional,
        "latin": chinese.is_latin,
    }
    return told[script](response)


def _latin_letters(response: str) -> str:
    return "".join(_LATIN_LETTER.findall(response))


def latin_capital(response: str) -> bool:
    """There are Latin letters, and none is lower-case; Chinese around them is ignored."""
    return _latin_letters(response).isupper()


def latin_lowercase(response: str) -> bool:
    """There are Latin letters, and none is upper-case; Chinese around them is ignored."""
    return _latin_letters(response).islower()


def english_capital(response: str) -> bool:
    """No lower-case Latin letter, and most of the text is in Latin letters."""
    return latin_capital(response) and chinese.is_latin(response)


def english_lowercase(response: str) -> bool:
    """No upper-case Latin letter, and most of the text is in Latin letters."""
    return latin_lowercase(response) and chinese.is_latin(response)


def capital_word_frequency(
    response: str, *, capital_frequency: int, capital_relation: Relation
) -> bool:
    """Count Latin words without lower-case letters, such as `NASA` and `GPT-4`."""
    found = sum(_latin_letters(unit).isupper() for unit in chinese.units(response))
    return compare(found, capital_relation, capital_frequency)


def no_comma(response: str) -> bool:
    """Neither a comma nor a `、` occurs, whether full-width, half-width or small."""
    return not _COMMAS & set(response)


def postscript(response: str, *, postscript_marker: str) -> bool:
    """A postscript marker occurs anywhere; a blank may follow the first dots of `P.S.`."""
    marker = fold(postscript_marker.strip())
    return re.search(_MARKERS.get(marker, re.escape(marker)), fold(response)) is not None


def number_placeholders(response: str, *, num_placeholders: int) -> bool:
    """At least so many `[...]` or `【...】`, each within one line and not blank inside."""
    inside = _PLACEHOLDER.findall(response.translate(_BRACKETS))
    return sum(bool(text.strip()) for text in inside) >= num_placeholders


def end_checker(response: str, *, end_phrase: str) -> bool:
    """The text ends with a phrase; white space and double quotation marks around are ignored."""
    text = response.strip().strip('"＂“”「」『』').strip()
    return fold(text).endswith(fold(end_phrase.strip().strip('"＂“”「」『』')))


def quotation(response: str) -> bool:
    """The text begins and ends with quotation marks of one kind: `“”`, `「」`, `『』` or `""`."""
    text = response.strip()
    return len(text) > 1 and _QUOTES.get(text[0]) == text[-1]


def repeat_prompt(response: str, *, prompt_to_repeat: str) -> bool:
    """The text begins with the request; nothing is asked of what follows."""
    return fold(response.strip()).startswith(fold(prompt_to_repeat.strip()))
