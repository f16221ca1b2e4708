"""What a user's own task reads out of an answer, and what it counts as right.

Every reader gives the text that it found, None where there is nothing: that answer is `unparsed`.
Thinking text was removed before.
"""

import json
import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

from evenhand_evals.errors import UsageError
from evenhand_evals.own.prompt import plain_text
from evenhand_evals.scorers.choices import stated_letter
from evenhand_evals.scorers.labels import stated_label
from evenhand_evals.scorers.numbers import numbers, plain
from evenhand_evals.yaml_tree import SHORT

Kind = Literal["whole", "regex", "json_path", "last_number", "label_set", "choice_letter"]
Measure = Literal[
    "exact", "label", "number", "contains", "f1", "f1_zh", "rouge_l", "rouge_l_zh", "judge"
]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|(\.)")
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
MOST_LETTERS: Final = 10


@dataclass(frozen=True, slots=True)
class Extraction:
    """How the answer is read; a plain text is the kind alone.

    regex: `pattern` with its `group`, the `first` or `last` match. json_path: `path` such as
    `answer.items[0]` in the first JSON value of the text. label_set: the one of `labels` that is
    stated. choice_letter: the letter that is stated, of `options` letters.
    """

    kind: Kind = field(default="whole", metadata=SHORT)
    pattern: str | None = None
    group: int | None = None
    take: Literal["first", "last"] = "first"
    path: str | None = None
    labels: tuple[str, ...] = ()
    options: int = 4


@dataclass(frozen=True, slots=True)
class Metric:
    """What is right; a plain text is the kind alone.

    exact and contains compare after what the switches say was made alike; number compares values
    that differ by `tolerance` at most; f1 and rouge_l are shares, right from `threshold` on. judge
    asks another model by `prompt` for a mark `[[n]]` from `scale`'s low to its high end.
    """

    kind: Measure = field(default="exact", metadata=SHORT)
    ignore_case: bool = False
    ignore_punctuation: bool = False
    ignore_blanks: bool = False
    ignore_width: bool = False
    tolerance: float = 0.0
    threshold: float = 1.0
    prompt: str | None = None
    scale: tuple[float, ...] = (1.0, 10.0)


Reader = Callable[[str], str | None]
Measurer = Callable[[str, str], float]


def check_extraction(extraction: Extraction) -> None:
    """Check that what a kind needs is there and can be used.

    Raises:
        UsageError: it is not; the message begins with the key.

    """
    needs = {"regex": "pattern", "json_path": "path", "label_set": "labels"}
    for kind, name in needs.items():
        given = bool(getattr(extraction, name))
        if given != (extraction.kind == kind):
            does = "needs" if extraction.kind == kind else "does not read"
            raise UsageError(f"{name}: {extraction.kind} {does} it")
    if extraction.kind == "regex":
        _check_pattern(extraction)
    elif extraction.group is not None:
        raise UsageError(f"group: {extraction.kind} does not read it")
    if extraction.kind == "json_path":
        _steps(extraction.path or "")
    if not 2 <= extraction.options <= MOST_LETTERS:
        raise UsageError(f"options: {extraction.options} is not of 2 to {MOST_LETTERS}")


def _check_pattern(extraction: Extraction) -> None:
    try:
        pattern = re.compile(extraction.pattern or "")
    except re.error as error:
        raise UsageError(f"pattern: {extraction.pattern!r} is no pattern: {error}") from error
    if extraction.group is not None and not 0 <= extraction.group <= pattern.groups:
        raise UsageError(
            f"group: {extraction.group}, but the pattern has groups 0 to {pattern.groups}"
        )


def reader(extraction: Extraction) -> Reader:
    """Give what reads an answer, of an extraction that was checked."""
    makers: Mapping[Kind, Callable[[Extraction], Reader]] = {
        "whole": lambda _each: _whole,
        "regex": _regex,
        "json_path": lambda each: _json_reader(_steps(each.path or "")),
        "last_number": lambda _each: last_number,
        "label_set": lambda each: lambda text: stated_label(text, each.labels),
        "choice_letter": lambda each: lambda text: stated_letter(text, each.options),
    }
    return makers[extraction.kind](extraction)


def _whole(text: str) -> str | None:
    return text.strip() or None


def last_number(text: str) -> str | None:
    """Give the last number of a text as it is written there."""
    found = list(numbers(plain(text)))
    return found[-1][1] if found else None


def _regex(extraction: Extraction) -> Reader:
    pattern = re.compile(extraction.pattern or "")
    group = extraction.group if extraction.group is not None else min(1, pattern.groups)

    def read(text: str) -> str | None:
        matches = list(pattern.finditer(text))
        if not matches:
            return None
        value = matches[0 if extraction.take == "first" else -1].group(group)
        return value.strip() if value is not None else None

    return read


def _steps(path: str) -> tuple[str | int, ...]:
    """Read `a.b[0]`.

    Raises:
        UsageError: it is no path of names and places.

    """
    steps: list[str | int] = []
    end, dotted = 0, True
    for found in _STEP.finditer(path):
        named = found[1] is not None
        # A name stands at the beginning or after a dot, a place and a dot do not.
        if found.start() != end or (named != dotted and not (found[2] and not steps)):
            break
        end, dotted = found.end(), found[3] is not None
        if named:
            steps.append(found[1])
        elif found[2] is not None:
            steps.append(int(found[2]))
    if end != len(path) or dotted or not steps:
        raise UsageError(f"path: {path!r} is no path; write names and places, as in a.b[0]")
    return tuple(steps)


def _json_reader(steps: tuple[str | int, ...]) -> Reader:
    def read(text: str) -> str | None:
        value = _first_json(text)
        for step in steps:
            if isinstance(step, str) and isinstance(value, dict):
                value = value.get(step)
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                value = value[step]
            else:
                return None
        found = plain_text(value)
        if found is not None or value is None:
            return found
        return json.dumps(value, ensure_ascii=False, sort_keys=True)

    return read


def _first_json(text: str) -> Any:
    """Give the first object or list of a text, of a fenced block if there is one."""
    fenced = _FENCE.search(text)
    for part in (fenced[1], text) if fenced else (text,):
        for start in (found.start() for found in re.finditer(r"[{\[]", part)):
            try:
                return json.JSONDecoder().raw_decode(part, start)[0]
            except (ValueError, RecursionError):
                continue
    return None


def normaliser(metric: Metric) -> Callable[[str], str]:
    """Give what makes texts alike before they are compared."""

    def normalise(text: str) -> str:
        if metric.ignore_width:
            text = unicodedata.normalize("NFKC", text)
        if metric.ignore_case:
            text = text.casefold()
        if metric.ignore_punctuation:
            text = "".join(each for each in text if not _is_punctuation(each))
        return "".join(text.split()) if metric.ignore_blanks else text.strip()

    return normalise


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def measurer(metric: Metric) -> Measurer:
    """Give what an extracted answer is worth against a target, 0..1."""
    normalise = normaliser(metric)
    if metric.kind == "number":
        return lambda answer, target: float(_near(answer, target, metric.tolerance))
    if metric.kind == "contains":
        return lambda answer, target: float(normalise(target) in normalise(answer))
    if metric.kind in ("exact", "label"):
        return lambda answer, target: float(normalise(answer) == normalise(target))
    return _overlap(metric.kind)


def _overlap(kind: str) -> Measurer:
    from evenhand_evals.scorers import overlap, rouge

    found: Mapping[str, Measurer] = {
        "f1": overlap.qa_f1,
        "f1_zh": overlap.qa_f1_zh,
        "rouge_l": rouge.rouge_l,
        "rouge_l_zh": rouge.rouge_l_zh,
    }
    return found[kind]


def value_of(text: str) -> Fraction | None:
    """Give the last number of a text, None where there is none."""
    found = list(numbers(plain(text)))
    return found[-1][0] if found else None


def _near(answer: str, target: str, tolerance: float) -> bool:
    found, wanted = value_of(answer), value_of(target)
    if found is None or wanted is None:
        return False
    return abs(found - wanted) <= Fraction(str(tolerance))
