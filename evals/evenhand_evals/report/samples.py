"""The list of items on which runs disagree, with what each of them answered."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evenhand_evals.log import Record
from evenhand_evals.report.view import AnswerView, SampleView, Turn
from evenhand_evals.results import RunData

SHOWN = 50
LONGEST = 6000
LARGEST_IMAGE = 400_000
"""How many characters the `data:` URL of an image may have that is put into the page."""
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
NO_PROMPT = "The prompt is not in the log: these answers were made elsewhere."


def disagreements(runs: Mapping[str, RunData]) -> tuple[tuple[SampleView, ...], int]:
    """Find the items that every run has and whose scores differ, greatest difference first.

    An item's score in a run is its mean over the repeats that were scored; an item that was
    answered in one run and failed in another counts as a disagreement too, after the others.

    Returns:
        At most `SHOWN` of them, and how many there are.

    """
    by_item = {letter: _by_item(run.records) for letter, run in runs.items()}
    first, *others = by_item.values()
    shared = [item for item in first if all(item in other for other in others)]
    spreads = {item: _spread([records[item] for records in by_item.values()]) for item in shared}
    differing = sorted((item for item in shared if spreads[item]), key=lambda item: -spreads[item])
    return tuple(_sample(item, by_item) for item in differing[:SHOWN]), len(differing)


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


def _sample(item: str, by_item: Mapping[str, Mapping[str, list[Record]]]) -> SampleView:
    records = {letter: items[item] for letter, items in by_item.items()}
    one = next(iter(records.values()))[0]
    answers = tuple(_answer(letter, repeats) for letter, repeats in records.items())
    return SampleView(item, one.group, _prompt(one), answers)


def _prompt(record: Record) -> tuple[Turn, ...]:
    messages = (record.request or {}).get("messages")
    if not isinstance(messages, Sequence) or not messages:
        return (Turn("prompt", NO_PROMPT),)
    return tuple(
        Turn(
            str(message.get("role", "message")),
            cut(_text(message.get("content"))),
            _images(message.get("content")),
        )
        for message in messages
    )


def _text(content: Any) -> str:
    """Give a message's content as text; a part that is neither text nor a picture as JSON."""
    return content if isinstance(content, str) else "\n".join(map(_part, _parts(content)))


def _parts(content: Any) -> Sequence[Any]:
    return content if isinstance(content, Sequence) else (content,)


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return str(part["text"])
    url = _url(part)
    if url is None:
        return orjson.dumps(part).decode()
    if _shown(url):
        return "(the image above)"
    told = f"{len(url):,} characters" if url.startswith("data:") else url
    return f"(an image that is not shown here: {told})"


def _images(content: Any) -> tuple[str, ...]:
    """Give the images that the page can show: small ones that came inside the message."""
    parts = () if isinstance(content, str) else _parts(content)
    return tuple(url for part in parts if (url := _url(part)) is not None and _shown(url))


def _url(part: Any) -> str | None:
    image = part.get("image_url") if isinstance(part, Mapping) else None
    url = image.get("url") if isinstance(image, Mapping) else image
    return url if isinstance(url, str) else None


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
    completion = record.completion
    if completion is None or not completion.reasoning:
        return None
    return f"{len(completion.reasoning):,} characters, in the run's log"
