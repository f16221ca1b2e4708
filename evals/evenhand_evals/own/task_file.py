"""What a user's own task may say in its file, and whether that fits together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from evenhand_evals.errors import UsageError
from evenhand_evals.own.prompt import Template, template
from evenhand_evals.own.reading import Extraction, Metric, check_extraction
from evenhand_evals.types import Interface
from evenhand_evals.yaml_tree import Document, called


@dataclass(frozen=True, slots=True)
class Examples:
    """Worked examples before the question: rows of `file`, or the `first` rows of the data.

    The latter are not asked. `answer` is the template of their answers, the target if left out.
    """

    file: Path | None = None
    first: int | None = None
    count: int | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """So many rows, or a share of the rows, of each value of the field `by`."""

    by: str
    size: int | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class OwnTask:
    """What a task's file may say.

    `prompt` and `system` are templates (`prompt.py`). `data` and the examples' file are found from
    the task's own folder. `interface` completions writes examples and prompt as one text, joined by
    `between`; likelihood asks for the likeliest of `choices`, or of those in the row's
    `choices_field`, each written as `choice` says. `target` names the field with the right answer:
    a text, a number, or a list of which any is right; for likelihood a choice or its place from 0.
    `images` names fields with an image or a list of images, which stand before the prompt.
    `id` names the field that tells rows apart, the row's number if it is left out; `group` the
    field by which scores are also given. Answers are read by `extraction` and judged by `metric`
    (`reading.py`). `sampling` draws from the rows, seeded and stable.
    """

    prompt: str
    data: Path | None = None
    name: str | None = None
    title: str | None = None
    interface: Interface = "chat"
    system: str | None = None
    examples: Examples | None = None
    between: str = "\n\n"
    choices: tuple[str, ...] = ()
    choices_field: str | None = None
    choice: str = " {choice}"
    target: str = "target"
    id_field: str | None = field(default=None, metadata=called("id"))
    group: str | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    extraction: Extraction = field(default_factory=Extraction)
    metric: Metric = field(default_factory=Metric)
    sampling: Drawing | None = None


RESPONSE: Final = "response"
"""What a judge's prompt calls the answer of the model that is evaluated."""

_CHOICES = ("choices", "choices_field", "choice")
_UNREAD: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("between", *_CHOICES),
    "completions": ("images", *_CHOICES),
    "likelihood": ("system", "stop", "max_tokens", "images", "extraction", "metric"),
}
"""The keys that mean nothing to an interface."""
_SWITCHES = ("ignore_case", "ignore_punctuation", "ignore_blanks", "ignore_width")
_OF_METRIC: Final[Mapping[str, tuple[str, ...]]] = {
    "exact": _SWITCHES,
    "label": _SWITCHES,
    "contains": _SWITCHES,
    "number": ("tolerance",),
    "judge": ("prompt", "scale", "threshold"),
    **dict.fromkeys(("f1", "f1_zh", "rouge_l", "rouge_l_zh"), ("threshold",)),
}
_OF_EXTRACTION: Final[Mapping[str, tuple[str, ...]]] = {
    "regex": ("pattern", "group", "take"),
    "json_path": ("path",),
    "label_set": ("labels",),
    "choice_letter": ("options",),
}
"""The keys that each kind reads beside `kind`."""


def check_own_task(document: Document[OwnTask]) -> None:
    """Check what a task's file says beyond the types of its values.

    Raises:
        UsageError: something cannot be used, with file, line and key.

    """
    own = document.value
    _check_unread(document)
    for key in ("prompt", "system", "choice"):
        template_at(document, key, getattr(own, key))
    if own.max_tokens < 1:
        raise document.error(
            "max_tokens", f"{own.max_tokens} is below 1; write 1 or more, or leave it out"
        )
    try:
        check_extraction(own.extraction)
    except UsageError as error:
        key, _, message = str(error).partition(": ")
        raise document.error(f"extraction.{key}", message) from error
    if own.metric.kind == "label" and own.extraction.kind != "label_set":
        raise document.error("metric", "label needs the extraction label_set")
    if own.metric.kind == "judge":
        _check_judge(document)
    if own.sampling is not None:
        _check_drawing(document, own.sampling)
    if own.examples is not None:
        _check_examples(document, own.examples)
    _check_choices(document)


def _check_unread(document: Document[OwnTask]) -> None:
    """Refuse what would be read by nobody, so that no key is without effect."""
    own = document.value
    for key in _UNREAD[own.interface]:
        if key in document.lines:
            raise document.error(
                key, f"the interface {own.interface} does not read it; leave it out"
            )
    kinds = {
        "metric": (own.metric.kind, _OF_METRIC),
        "extraction": (own.extraction.kind, _OF_EXTRACTION),
    }
    for part, (kind, known) in kinds.items():
        for path in document.lines:
            key = path.removeprefix(f"{part}.")
            if key != path and "." not in key and key not in ("kind", *known.get(kind, ())):
                raise document.error(path, f"{kind} does not read it; leave it out")
    if own.metric.tolerance < 0:
        raise document.error(
            "metric.tolerance", f"{own.metric.tolerance:g} is below 0; write 0 or more"
        )
    if not 0 < own.metric.threshold <= 1:
        shown = f"{own.metric.threshold:g}"
        raise document.error("metric.threshold", f"{shown} is not above 0 and at most 1")


def _check_judge(document: Document[OwnTask]) -> None:
    metric = document.value.metric
    if metric.prompt is None:
        raise document.error("metric", "judge needs a prompt; write what the judge is asked")
    if RESPONSE not in template_at(document, "metric.prompt", metric.prompt).fields:
        raise document.error("metric.prompt", "must name {response}, the answer to judge")
    if len(metric.scale) != 2 or metric.scale[0] >= metric.scale[1]:
        shown = ", ".join(f"{each:g}" for each in metric.scale)
        raise document.error(
            "metric.scale", f"[{shown}] is no lowest and highest mark; write [1, 10]"
        )
    if "[[" not in metric.prompt:
        low, high = metric.scale[0], metric.scale[-1]
        raise document.error(
            "metric.prompt",
            "asks for no mark in the form [[n]], and no other is read; add for example: "
            f"End with a mark from [[{low:g}]] to [[{high:g}]].",
        )
    for key in ("extraction", "target"):
        if key in document.lines:
            raise document.error(key, "the metric judge does not read it; leave it out")


def _check_drawing(document: Document[OwnTask], drawing: Drawing) -> None:
    if (drawing.size is None) == (drawing.share is None):
        raise document.error("sampling", "needs size or share, and one of them only")
    if drawing.size is not None and drawing.size < 1:
        raise document.error("sampling.size", f"{drawing.size} is below 1; write 1 or more")
    if drawing.share is not None and not 0 < drawing.share <= 1:
        raise document.error("sampling.share", f"{drawing.share} is not above 0 and at most 1")


def _check_examples(document: Document[OwnTask], examples: Examples) -> None:
    if (examples.file is None) == (examples.first is None):
        raise document.error("examples", "needs file or first, and one of them only")
    for key in ("first", "count"):
        value = getattr(examples, key)
        if value is not None and value < 1:
            raise document.error(f"examples.{key}", f"{value} is below 1; write 1 or more")
    if examples.count is not None and examples.first is not None:
        raise document.error("examples.count", "is of a file; first says how many already")
    template_at(document, "examples.answer", examples.answer)


def _check_choices(document: Document[OwnTask]) -> None:
    own = document.value
    if own.interface != "likelihood":
        return
    given = [each for each in ("choices", "choices_field") if getattr(own, each)]
    if len(given) != 1:
        raise document.error(
            given[-1] if given else "interface",
            "likelihood needs choices or choices_field, and one of them only",
        )
    if template_at(document, "choice", own.choice).fields != ("choice",):
        raise document.error("choice", "must name {choice} and no other field")


def template_at(document: Document[OwnTask], key: str, text: str | None) -> Template:
    """Read the template that a key holds, an empty one where it has none.

    Raises:
        UsageError: it is none; with file, line and key.

    """
    try:
        return template(text or "")
    except UsageError as error:
        raise document.error(key, str(error)) from error
