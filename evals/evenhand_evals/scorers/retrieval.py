"""What long-context benchmarks read out of an answer: numbers, strings, classes, lines of code."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d+(?:[,，]\d{3})*")
_CONTROL = re.compile(r"[\x00-\x1f]")


def numbers(text: str) -> list[str]:
    """Give the whole numbers of a text as plain digits: full-width ones, and 1,234,567, too."""
    folded = "".join(str(int(each)) if each.isdecimal() else each for each in text)
    return [re.sub("[,，]", "", found) for found in _NUMBER.findall(folded)]


def key_match(text: str, key: str) -> str | None:
    """Give the key if it stands in a text as a number of its own, else the text's last number."""
    found = numbers(text)
    if key in found:
        return key
    return found[-1] if found else None


def clean(text: str) -> str:
    """Prepare an answer as RULER does: control characters become line ends, the rim is trimmed.

    Source: NVIDIA/RULER, scripts/eval/evaluate.py, `postprocess_pred`.
    """
    return _CONTROL.sub("\n", text.strip()).strip()


def match_all(text: str, references: Sequence[str]) -> float:
    """Give the share of references that stand in a text, whatever their case.

    Source: NVIDIA/RULER, scripts/eval/synthetic/constants.py, `string_match_all`.
    """
    lower = text.lower()
    return sum(each.lower() in lower for each in references) / len(references)


def match_part(text: str, references: Sequence[str]) -> float:
    """Give 1 if any reference stands in a text, whatever its case.

    Source: NVIDIA/RULER, scripts/eval/synthetic/constants.py, `string_match_part`.
    """
    lower = text.lower()
    return float(any(each.lower() in lower for each in references))


def count_score(text: str, reference: str) -> float:
    """Give the share of a text's numbers that are the reference (LongBench, passage_count)."""
    found = re.findall(r"\d+", text)
    return found.count(str(reference)) / len(found) if found else 0.0


def paragraph_score(text: str, reference: str, label: str) -> float:
    """Give the share of a text's numbers that are the number after `label` in the reference.

    LongBench's passage retrieval; `label` is "Paragraph " or "段落".
    """
    (number, *_) = re.findall(re.escape(label) + r"(\d+)", reference)
    return count_score(text, number)


def classification_score(text: str, reference: str, classes: Sequence[str]) -> float:
    """Score a class name that stands somewhere in an answer (LongBench: trec, lsht).

    The classes named in the answer share one point. One that is only a part of the right name is
    struck off; the original does so while it walks the same list, and therefore passes over the
    one that follows each struck name. This does as it does.
    """
    named = [each for each in classes if each in text]
    place = 0
    while place < len(named):
        if named[place] in reference and named[place] != reference:
            named.remove(named[place])
        place += 1
    return 1.0 / len(named) if reference in named else 0.0


def first_code_line(text: str) -> str:
    """Give the first line that is neither a fence nor a comment (LongBench: lcc, repobench-p)."""
    lines = text.lstrip("\n").split("\n")
    return next((each for each in lines if not any(sign in each for sign in ("`", "#", "//"))), "")


def code_similarity(text: str, reference: str) -> float:
    """Compare lines of code as fuzzywuzzy does with python-Levenshtein installed: 0..1 in 1/100.

    That is the normalised insertion and deletion distance, rounded to a whole per cent.
    """
    from rapidfuzz import fuzz

    if text == reference:
        return 1.0
    return round(fuzz.ratio(text, reference)) / 100 if text and reference else 0.0


def code_similarity_difflib(text: str, reference: str) -> float:
    """Compare lines of code as fuzzywuzzy does by itself, by difflib: 0..1 in 1/100."""
    from difflib import SequenceMatcher

    if text == reference:
        return 1.0
    if not text or not reference:
        return 0.0
    return round(100 * SequenceMatcher(None, text, reference).ratio()) / 100
