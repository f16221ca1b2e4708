"""The list of items on which runs disagree, with what each of them answered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from evenhand_evals.compare import identity
from evenhand_evals.log import Record
from evenhand_evals.report.view import AnswerView, SampleView, Turn
from evenhand_evals.results import RunData
from evenhand_evals.thinking import thinking_of
from evenhand_evals.wire import image_url

SHOWN = 50
LONGEST = 6000
LARGEST_IMAGE = 400_000
"""How many characters the `data:` URL of an image may have that is put into the page."""
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
NO_PROMPT = "The prompt is not in the log: these answers were made elsewhere."


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The items whose scores differ between runs, and which runs were looked at.

    `samples` are at most `SHOWN` of the `differing` items. `together` holds the letters of runs of
    the same task and data that have scored items in common, a tuple for each task; `alone` those
    of the other runs.
    """

    samples: tuple[SampleView, ...]
    differing: int
    together: tuple[tuple[str, ...], ...]
    alone: tuple[str, ...]


def disagreements(runs: Mapping[str, RunData]) -> Disagreements:
    """Find the items whose scores differ between runs that have them, greatest difference first.

    Runs are held against each other where they are of the same task and data, as in the verdicts on
    pairs. An item's score in a run is its mean over the repeats that were scored; an item that was
    answered in one run and failed in another counts as a disagreement too, after the others.
    """
    found: list[tuple[float, str, Mapping[str, list[Record]]]] = []
    together: list[tuple[str, ...]] = []
    for family in (each for each in _families(runs) if len(each) > 1):
        shared = list(_shared({letter: _by_item(runs[letter].records) for letter in family}))
        letters = {letter for _, answers in shared for letter in answers}
        if letters:
            together.append(tuple(letter for letter in family if letter in letters))
        found += [(_spread(list(answers.values())), item, answers) for item, answers in shared]
    differing = sorted((each for each in found if each[0]), key=lambda each: -each[0])
    compared = {letter for letters in together for letter in letters}
    return Disagreements(
        tuple(_sample(item, answers) for _, item, answers in differing[:SHOWN]),
        len(differing),
        tuple(together),
        tuple(letter for letter in runs if letter not in compared),
    )


def samples_hint(found: Disagreements) -> str:
    """Say what the list holds, and of which runs."""
    if not found.together:
        return "No two of these runs have scored items in common: there is nothing to compare."
    return f"{_compared(found)}{_listed(len(found.samples), found.differing)}"


def _compared(found: Disagreements) -> str:
    """Say which runs were compared, nothing where it was all with all."""
    if len(found.together) == 1 and not found.alone:
        return ""
    groups = "; ".join(_joined(letters) for letters in found.together)
    has = "has" if len(found.alone) == 1 else "have"
    alone = f" {_joined(found.alone)} {has} no item in common with another." if found.alone else ""
    return f"Compared with each other: {groups}.{alone} "


def _joined(letters: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(letters[:-1]), letters[-1])))


def _listed(shown: int, differing: int) -> str:
    if not differing:
        return "The runs have the same score on every item that they share."
    if shown == differing:
        items = "1 item has" if differing == 1 else f"{differing} items have"
        return f"{items} different scores in these runs; greatest difference first."
    return (
        f"{differing} items have different scores in these runs. "
        f"The {shown} with the greatest difference are shown; all are in the runs' logs."
    )


def _families(runs: Mapping[str, RunData]) -> list[list[str]]:
    """Give the letters of the runs that are of one task and data, a list for each."""
    families: dict[tuple[str, ...], list[str]] = {}
    for letter, run in runs.items():
        families.setdefault(tuple(identity(run.manifest).values()), []).append(letter)
    return list(families.values())


def _shared(
    by_item: Mapping[str, Mapping[str, list[Record]]],
) -> Iterator[tuple[str, Mapping[str, list[Record]]]]:
    """Give each item that two runs or more have and one of them scored, with their records."""
    for item in dict.fromkeys(item for items in by_item.values() for item in items):
        answers = {letter: items[item] for letter, items in by_item.items() if item in items}
        if len(answers) > 1 and any(_mean(records) is not None for records in answers.values()):
            yield item, answers


def cut(text: str) -> str:
    """Shorten a text for the page, and say how much is missing."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n… and {len(text) - LONGEST:,} more characters, in the run's log."


def _by_item(records: Sequence[Record]) -> dict[str, list[Record]]:
    items: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.key):
        items.setdefault(record.item, []).append(record)
    return items


def _spread(runs: Sequence[Sequence[Record]]) -> float:
    """Give the range of an item's mean scores; a tiny one if only failures set runs apart."""
    means = [_mean(records) for records in runs]
    known = [mean for mean in means if mean is not None]
    spread = max(known) - min(known) if known else 0.0
    return spread or (1e-9 if known and len(known) < len(means) else 0.0)


def _mean(records: Sequence[Record]) -> float | None:
    values = [record.score.value for record in records if record.score is not None]
    return sum(values) / len(values) if values else None


def _sample(item: str, records: Mapping[str, list[Record]]) -> SampleView:
    one = next(iter(records.values()))[0]
    answers = tuple(_answer(letter, repeats) for letter, repeats in records.items())
    return SampleView(item, one.group, _prompt(one), answers)


def _prompt(record: Record) -> tuple[Turn, ...]:
    request = record.request or {}
    messages = request.get("messages")
    if not isinstance(messages, Sequence) or not messages:
        # SGLang's own route calls it `text`.
        return _prompts(request.get("prompt", request.get("text")))
    return tuple(
        Turn(
            str(message.get("role", "message")),
            cut(_text(message.get("content"))),
            _images(message.get("content")),
        )
        for message in messages
    )


def _prompts(prompt: Any) -> tuple[Turn, ...]:
    """Give what a request without messages asked: a text, several, or token ids."""
    if not prompt:
        return (Turn("prompt", NO_PROMPT),)
    if isinstance(prompt, list) and isinstance(prompt[0], int):
        return (Turn("prompt", f"({len(prompt):,} token ids)"),)
    texts = prompt if isinstance(prompt, list) else [prompt]
    return tuple(Turn("prompt", cut(str(text))) for text in texts)


def _text(content: Any) -> str:
    """Give a message's content as text; a part that is neither text nor a picture as JSON."""
    return content if isinstance(content, str) else "\n".join(map(_part, _parts(content)))


def _parts(content: Any) -> Sequence[Any]:
    return content if isinstance(content, Sequence) else (content,)


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return str(part["text"])
    url = image_url(part)
    if url is None:
        return orjson.dumps(part).decode()
    if _shown(url):
        return "(the image above)"
    told = f"{len(url):,} characters" if url.startswith("data:") else url
    return f"(an image that is not shown here: {told})"


def _images(content: Any) -> tuple[str, ...]:
    """Give the images that the page can show: small ones that came inside the message."""
    parts = () if isinstance(content, str) else _parts(content)
    return tuple(url for part in parts if (url := image_url(part)) is not None and _shown(url))


def _shown(url: str) -> bool:
    return len(url) <= LARGEST_IMAGE and _IMAGE.fullmatch(url) is not None


def _answer(letter: str, repeats: Sequence[Record]) -> AnswerView:
    shown = repeats[0]
    completion = shown.completion
    text = completion.text if completion else str(shown.response or "")
    return AnswerView(
        letter, shown.outcome, _verdict(repeats), cut(text) or "(empty)", tuple(_facts(repeats))
    )


def _verdict(repeats: Sequence[Record]) -> str:
    if len(repeats) == 1:
        score = repeats[0].score
        partial = score is not None and 0.0 < score.value < 1.0
        return f"{repeats[0].outcome}{f', {score.value:.2f}' if score and partial else ''}"
    correct = sum(record.outcome == "correct" for record in repeats)
    return f"{correct} of {len(repeats)} correct"


def _facts(repeats: Sequence[Record]) -> list[tuple[str, str]]:
    shown = repeats[0]
    completion, score = shown.completion, shown.score
    facts = [
        ("shown", f"repeat {shown.repeat + 1} of {len(repeats)}" if len(repeats) > 1 else None),
        ("failure", shown.reason),
        ("read as", score.extracted if score else None),
        ("because", score.explanation if score else None),
        ("finish reason", completion.finish_reason if completion else None),
        ("tokens", _tokens(shown)),
        ("thinking", _thinking(shown)),
        ("request id", shown.request_id),
    ]
    return [(name, cut(value)) for name, value in facts if value]


def _tokens(record: Record) -> str | None:
    completion = record.completion
    count = completion.usage.completion_tokens if completion else None
    return f"{count:,}" if count is not None else None


def _thinking(record: Record) -> str | None:
    found = thinking_of([record.completion]) if record.completion else None
    return f"{found.characters:,} characters, in the run's log" if found else None
