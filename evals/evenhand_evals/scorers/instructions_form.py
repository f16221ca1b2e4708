"""IFEval's rules about an answer's form: lengths, paragraphs, lists, sections, JSON, titles.

The meaning of each rule is that of the published checker (google-research,
`instruction_following_eval/instructions.py`; Zhou et al. 2023, arXiv:2311.07911), including its
odd corners, which the docstrings name. Every rule takes the answer and returns whether it follows.
"""

import json
import re

from evenhand_evals.scorers.instructions_content import Relation, compare
from evenhand_evals.scorers.sentences import sentences, words

_FENCES = ("```json", "```Json", "```JSON", "```")
_ALLOWED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def number_words(response: str, *, relation: Relation, num_words: int) -> bool:
    r"""Count runs of `\w` characters: "don't" is two words, a line of Chinese is one."""
    return compare(len(words(response)), relation, num_words)


def number_sentences(response: str, *, relation: Relation, num_sentences: int) -> bool:
    """Count sentences as Punkt splits English; a list without full stops is one sentence."""
    return compare(len(sentences(response)), relation, num_sentences)


def _blank_inside(parts: list[str]) -> bool:
    return any(not part.strip() for part in parts[1:-1])


def number_paragraphs(response: str, *, num_paragraphs: int) -> bool:
    """Exactly so many texts between `***` dividers; the first and the last may be blank."""
    parts = re.split(r"\s?\*\*\*\s?", response)
    return not _blank_inside(parts) and sum(bool(part.strip()) for part in parts) == num_paragraphs


def nth_paragraph_first_word(
    response: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    r"""Exactly so many texts between `\n\n`, and the nth begins with a word, in any case.

    Blank paragraphs do not count, but they keep their place when the nth is looked up. The word
    ends at the first of `. , ? ! ' "`; other marks, such as a colon or `**`, belong to it.
    """
    parts = response.split("\n\n")
    filled = sum(bool(part.strip()) for part in parts)
    if filled != num_paragraphs or nth_paragraph > filled or not parts[nth_paragraph - 1].strip():
        return False
    word = parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"')
    return re.split(r"[.,?!'\"]", word, maxsplit=1)[0].lower() == first_word.lower()


def number_bullet_lists(response: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin with `*` (not `**`) or with `-`, also as in `---`."""
    starred = re.findall(r"^\s*\*[^\*].*$", response, re.MULTILINE)
    dashed = re.findall(r"^\s*-.*$", response, re.MULTILINE)
    return len(starred) + len(dashed) == num_bullets


def number_highlighted_sections(response: str, *, num_highlights: int) -> bool:
    """At least so many non-blank `*texts*` within a line.

    A `**text**` is found by both patterns of the published checker; the pair of single asterisks
    inside it is empty and does not count, so it counts once.
    """
    single = [found.strip("*") for found in re.findall(r"\*[^\n\*]*\*", response)]
    double = [found[2:-2] for found in re.findall(r"\*\*[^\n\*]*\*\*", response)]
    return sum(bool(text.strip()) for text in single + double) >= num_highlights


def multiple_sections(response: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many marks like "Section 1"; the keyword keeps its case, the numbers are free."""
    marks = re.findall(rf"\s?{section_spliter.strip()}\s?\d+\s?", response)
    return len(marks) >= num_sections


def constrained_response(response: str) -> bool:
    """One of the three allowed sentences occurs, whatever else is said."""
    return any(answer in response for answer in _ALLOWED_ANSWERS)


def json_format(response: str) -> bool:
    """The whole text is JSON, apart from a Markdown fence around it; a bare number is JSON too."""
    text = response.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(response: str) -> bool:
    """A non-blank title in double angle brackets occurs, within one line."""
    found = re.findall(r"<<[^\n]+>>", response)
    return any(text.lstrip("<").rstrip(">").strip() for text in found)


def two_responses(response: str) -> bool:
    """Exactly two different answers with `******` between; one more may open or close the text."""
    parts = response.split("******")
    answers = [part.strip() for part in parts if part.strip()]
    return not _blank_inside(parts) and len(answers) == 2 and answers[0] != answers[1]
