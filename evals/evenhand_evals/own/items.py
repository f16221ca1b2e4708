"""The items of a user's own task: its rows, its worked examples, and what each row asks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.own.prompt import LETTERS, Row, check_fields, template
from evenhand_evals.own.reading import MOST_LETTERS, normaliser, value_of
from evenhand_evals.own.task_file import RESPONSE, Drawing, OwnTask
from evenhand_evals.pictures.files import image_url, read_image
from evenhand_evals.sampling import stratified
from evenhand_evals.tasks.sources import Found, read_file
from evenhand_evals.tasks.vision_small import picture_part
from evenhand_evals.types import Ask, Chat, Dataset, DataSource, Likelihood, Message, Sample, Text
from evenhand_evals.yaml_tree import Document


def read_data(path: Path, key: str) -> Found:
    """Read a file that `key` names.

    Raises:
        DataError: it cannot be read.

    """
    return read_file(path, f"{key}: cannot read")


def _rows(own: OwnTask, found: Found) -> list[Row]:
    folder = Path(found.source).parent
    rows = [Row(where, values) for where, values in found.lines()]
    return [replace(row, images=_images(own, row, folder)) for row in rows]


def _images(own: OwnTask, row: Row, folder: Path) -> tuple[bytes, ...]:
    """Read the images that a row names, by paths from the data's own folder or as `data:` URLs."""
    names = [
        (name, text)
        for name in own.images
        for text in (row.texts(name) if isinstance(row.get(name), list) else [row.text(name)])
    ]
    return tuple(read_image(text, folder, row.where, name) for name, text in names)


def _digest(found: Found, rows: Sequence[Row]) -> str:
    """Give the digest of the file and, where there are some, of the images, as lower-case hex.

    Those of the worked examples count: other ones make other prompts.
    """
    digest = sha256(found.data)
    for row in rows:
        for image in row.images:
            digest.update(image)
    return digest.hexdigest()


def load_items(document: Document[OwnTask], folder: Path, source: DataSource) -> Dataset:
    """Load the items: from `--data`, else from the file that the task names."""
    own = document.value
    if source.path is None and own.data is None:
        raise DataError(f"{document.name}: names no data; add the key data, or give --data FILE")
    path = source.path if source.path is not None else folder / (own.data or "")
    found = read_data(path, "--data" if source.path is not None else f"{document.name}: data")
    rows = _rows(own, found)
    shots, asked = _shots(document, folder, rows)
    _check_placeholders(document, rows, shots)
    _check_target(document, rows)
    taken = {id(row) for row in asked}
    named = [(_name(own, row, number), row) for number, row in enumerate(rows, 1)]
    chosen = [(name, row) for name, row in named if id(row) in taken]
    _check_names(own, chosen)
    if own.sampling is not None:
        chosen = _drawn(own.sampling, chosen, source.seed)
    samples = tuple(_sample(document, name, row, shots) for name, row in chosen)
    return Dataset(samples, found.source, None, _digest(found, [*rows, *shots]), "unknown")


def _name(own: OwnTask, row: Row, number: int) -> str:
    return f"row-{number}" if own.id_field is None else row.text(own.id_field)


def _check_names(own: OwnTask, rows: Sequence[tuple[str, Row]]) -> None:
    first: dict[str, Row] = {}
    for name, row in rows:
        known = first.setdefault(name, row)
        if known is not row:
            line = known.where.rpartition(", ")[2]
            raise DataError(
                f"{row.where}: the field {own.id_field!r} is {name!r}, as in {line}; "
                "make ids unique"
            )


def _drawn(drawing: Drawing, rows: Sequence[tuple[str, Row]], seed: int) -> list[tuple[str, Row]]:
    return stratified(
        rows,
        lambda each: each[1].text(drawing.by),
        lambda each: each[0],
        seed=seed,
        size=drawing.size,
        share=drawing.share,
    )


def _shots(
    document: Document[OwnTask], folder: Path, rows: Sequence[Row]
) -> tuple[Sequence[Row], Sequence[Row]]:
    """Give the rows of the examples and those that are asked."""
    examples = document.value.examples
    if examples is None:
        return (), rows
    if examples.first is not None:
        if examples.first >= len(rows):
            raise DataError(
                f"{document.name}: examples.first takes {examples.first} of {len(rows)} rows, "
                "so that none is left to ask"
            )
        return rows[: examples.first], rows[examples.first :]
    shots = _rows(
        document.value, read_data(folder / (examples.file or ""), f"{document.name}: examples.file")
    )
    if examples.count is not None and examples.count > len(shots):
        raise DataError(f"{document.name}: examples.count: the file has only {len(shots)} rows")
    return shots[: examples.count], rows


def _check_placeholders(
    document: Document[OwnTask], rows: Sequence[Row], shots: Sequence[Row]
) -> None:
    own = document.value
    shown = own.examples.answer if own.examples is not None else None
    judged = own.metric.prompt
    places = {
        "prompt": (own.prompt, rows),
        "system": (own.system, rows),
        "metric.prompt": (judged, [Row("", {RESPONSE: ""}), *rows] if judged else ()),
    }
    if shown is not None:
        places["examples.answer"] = (shown, shots)
    for key, (text, known) in places.items():
        try:
            check_fields(template(text or "").fields, known)
        except UsageError as error:
            raise document.error(key, str(error)) from error


def _check_target(document: Document[OwnTask], rows: Sequence[Row]) -> None:
    """Say that the key is missing, where its default is a field of no row."""
    own = document.value
    unnamed = "target" not in document.lines and own.metric.kind != "judge"
    if unnamed and not any(own.target in row.values for row in rows):
        known = ", ".join(sorted({name for row in rows for name in row.values})[:12]) or "none"
        raise document.error(
            "target",
            f"missing in the task file, and the data has no field {own.target!r}; name the field "
            f"with the right answer; known are: {known}",
        )


def _sample(document: Document[OwnTask], name: str, row: Row, shots: Sequence[Row]) -> Sample:
    own = document.value
    metadata = {"row": row.where}
    for field_name in (own.group, own.sampling.by if own.sampling else None):
        if field_name is not None:
            metadata[field_name] = row.text(field_name)
    if own.group is not None:
        metadata["group"] = row.text(own.group)
    if own.interface == "likelihood":
        return _likelihood_sample(own, name, row, shots, metadata)
    target: Any = _targets(own, row) if own.metric.kind != "judge" else _judged(own, row)
    if own.interface == "completions":
        ask: Ask = Text(_joined(own, row, shots), {"stop": list(own.stop)} if own.stop else {})
        return Sample(name, (), target, metadata, ask)
    messages = _messages(own, row, shots)
    if not own.stop:
        return Sample(name, messages, target, metadata)
    return Sample(name, messages, target, metadata, Chat(messages, {"stop": list(own.stop)}))


def _targets(own: OwnTask, row: Row) -> list[str]:
    """Give the right answers: one, or a list of which any is right."""
    if isinstance(row.get(own.target), list):
        targets = list(row.texts(own.target))
    else:
        targets = [row.text(own.target)]
    letters = _letters(own, row)
    for target in targets:
        if own.metric.kind == "number" and value_of(target) is None:
            raise DataError(f"{row.where}: the field {own.target!r} is {target!r}, not a number")
        labels = own.extraction.labels
        if own.extraction.kind == "label_set" and target not in labels:
            raise DataError(
                f"{row.where}: the field {own.target!r} is {target!r}, none of {list(labels)}"
            )
        alike = normaliser(own.metric)
        if own.metric.kind == "contains" and not alike(target):
            raise DataError(
                f"{row.where}: the field {own.target!r} is {target!r}, of which nothing is left to "
                "look for in an answer, so that each would be right; give the words, or take "
                "another metric"
            )
        if letters and alike(target) not in map(alike, letters):
            raise DataError(
                f"{row.where}: the field {own.target!r} is {target!r}, none of the letters that "
                f"can be read, {', '.join(letters)}"
            )
    return targets


def _letters(own: OwnTask, row: Row) -> str:
    """Give the letters that can be read in an answer to a row, none if answers are read otherwise.

    Raises:
        DataError: the prompt shows more options than are read.

    """
    if own.extraction.kind != "choice_letter":
        return ""
    most = own.extraction.options
    shown = {name: len(row.texts(name)) for name in template(own.prompt).lettered}
    for name, count in shown.items():
        if count > most:
            fix = f"set it to {count}" if count <= MOST_LETTERS else f"show {MOST_LETTERS} at most"
            raise DataError(
                f"{row.where}: the field {name!r} has {count} options, but extraction.options is "
                f"{most}; {fix}"
            )
    return LETTERS[: max(shown.values(), default=most)]


def _judged(own: OwnTask, row: Row) -> dict[str, Any]:
    """Give the fields that the judge is shown."""
    names = template(own.metric.prompt or "").fields
    return {name: row.get(name) for name in names if name != RESPONSE}


def _answer(own: OwnTask, row: Row) -> str:
    if own.examples is not None and own.examples.answer is not None:
        return template(own.examples.answer).fill(row)
    return (
        row.texts(own.target)[0] if isinstance(row.get(own.target), list) else row.text(own.target)
    )


def _messages(own: OwnTask, row: Row, shots: Sequence[Row]) -> tuple[Message, ...]:
    prompt = template(own.prompt)
    messages = []
    if own.system:
        messages.append(Message("system", template(own.system).fill(row)))
    for shot in shots:
        messages.append(_user(prompt.fill(shot), shot))
        messages.append(Message("assistant", _answer(own, shot)))
    return (*messages, _user(prompt.fill(row), row))


def _user(text: str, row: Row) -> Message:
    images = tuple(picture_part(image_url(each)) for each in row.images)
    return Message("user", (*images, {"type": "text", "text": text}) if images else text)


def _joined(own: OwnTask, row: Row, shots: Sequence[Row]) -> str:
    """Write the prompt as one text: each example is its prompt with its answer right after."""
    prompt = template(own.prompt)
    head = [template(own.system).fill(row)] if own.system else []
    parts = [prompt.fill(shot) + _answer(own, shot) for shot in shots]
    return own.between.join([*head, *parts, prompt.fill(row)])


def _likelihood_sample(
    own: OwnTask, name: str, row: Row, shots: Sequence[Row], metadata: Mapping[str, Any]
) -> Sample:
    choices = row.texts(own.choices_field) if own.choices_field else own.choices
    target = row.get(own.target)
    place = target if isinstance(target, int) and not isinstance(target, bool) else None
    if place is None and target in choices:
        place = choices.index(target)
    if place is None or not 0 <= place < len(choices):
        raise DataError(
            f"{row.where}: the field {own.target!r} is {target!r}, neither one of the choices "
            f"{list(choices)} nor a place among them from 0"
        )
    written = template(own.choice)
    texts = tuple(written.fill(Row(row.where, {"choice": each})) for each in choices)
    ask = Likelihood(_joined(own, row, shots), texts)
    return Sample(name, (), {"place": place, "choices": list(choices)}, metadata, ask)
