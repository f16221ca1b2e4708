r"""Your own questions about your own images: a file of JSON lines, no program.

Each line has the fields `image` (a path within the file's folder, or a `data:` URL; or a list of
them), `question` and `answer`, and may have `labels`, `group` and `id`:

    {"image": "sky.png", "question": "Will it rain? Yes or no.", "answer": "yes",
     "labels": ["yes", "no"], "group": "clouds"}

A message is the images, as `data:` URLs, and then the question as it stands: nothing is added, so
say in it what the answer should look like. The type of an image is told by its first bytes (PNG,
JPEG, GIF, WebP), whatever its name; each may have up to 10 MiB. All images are read before the
first request, and one that cannot be sent is an error then.

`accuracy`, the headline: with `labels`, the one label that stands by itself in the answer is the
right one; without, the answer is the same text but for case, blanks, and punctuation around it.
`exact` is equality to the byte, `mentioned` says that the right answer stands somewhere in the
text, and of several labels only it. Without labels an answer is unparsed if it is empty. Thinking
text is removed before scoring.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.pictures.files import image_url, read_image
from evenhand_evals.scorers.labels import mentioned_label
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Found, field, read_file
from evenhand_evals.tasks.vision_small import label_of, picture_part
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
)

_AROUND = " .,;:!?\"'`*_()[]“”‘’「」『』（）。，；：！？"


def _found(source: DataSource) -> Found:
    if source.path is None:
        raise DataError("vision has no data of its own: name a file of JSON lines with --data FILE")
    return read_file(source.path)


def _texts(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = row[name] if name in row else field(row, name, str, where)
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(each, str) and each for each in several):
        raise DataError(f"{where}: the field {name!r} must be texts, not {str(value)[:80]!r}")
    return tuple(several)


def _labels(row: Mapping[str, Any], answer: str, where: str) -> tuple[str, ...]:
    if "labels" not in row:
        return ()
    labels = _texts(row, "labels", where)
    if len({label.casefold() for label in labels}) < len(labels) or len(labels) < 2:
        raise DataError(f"{where}: the field 'labels' is {list(labels)}; two or more must differ")
    if answer not in labels:
        raise DataError(f"{where}: the field 'answer' is {answer!r}, not one of {list(labels)}")
    return labels


def _sample(number: int, where: str, row: Mapping[str, Any], images: Sequence[bytes]) -> Sample:
    question, answer = field(row, "question", str, where), field(row, "answer", str, where)
    labels = _labels(row, answer, where)
    if not _plain(answer):
        raise DataError(f"{where}: the field 'answer' is {answer!r}, which nothing could match")
    group = field(row, "group", str, where) if "group" in row else None
    parts = (
        *(picture_part(image_url(each)) for each in images),
        {"type": "text", "text": question},
    )
    return Sample(
        id=field(row, "id", str, where) if "id" in row else f"vision-{number:04d}",
        messages=(Message("user", parts),),
        target=answer,
        metadata={"labels": list(labels), **({"group": group} if group is not None else {})},
    )


def load(source: DataSource) -> Dataset:
    """Read the file and every image that it names."""
    found = _found(source)
    folder = Path(found.source).parent
    digest, samples = sha256(found.data), []
    for number, (where, row) in enumerate(found.lines(), start=1):
        images = [read_image(each, folder, where) for each in _texts(row, "image", where)]
        for each in images:
            digest.update(each)
        samples.append(_sample(number, where, row, images))
    return Dataset(tuple(samples), found.source, None, digest.hexdigest(), "unknown")


def _plain(text: str) -> str:
    """Give a text without regard to case, runs of blanks, and punctuation around it."""
    words = " ".join(text.casefold().split())
    return words.strip(_AROUND) or words


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by its labels where the item has some, else by the text."""
    answer = answer_of(completion.text)
    labels = [str(label).casefold() for label in sample.metadata["labels"]]
    if labels:
        read = label_of(sample, answer.text)
        right = read == sample.target
        mentioned = mentioned_label(answer.text.casefold(), labels) == sample.target.casefold()
    else:
        read = " ".join(answer.text.split()) or None
        right = _plain(answer.text) == _plain(sample.target)
        mentioned = _plain(sample.target) in _plain(answer.text)
    failure: Outcome = "wrong" if read else "unparsed"
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={
            "accuracy": right,
            "exact": answer.text == sample.target,
            "mentioned": mentioned,
        },
        extracted=read,
        explanation="thinking text removed" if answer.thinking_removed else None,
    )


TASK = Task(
    name="vision",
    title="Vision: your own images and questions",
    headline="accuracy",
    version="1",
    load=load,
    score=score,
    max_tokens=256,
    data="--data FILE, JSON lines with image, question and answer",
)
