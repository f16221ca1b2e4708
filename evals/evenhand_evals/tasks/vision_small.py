"""Vision, small: pictures that are drawn here, questions with one label as the answer.

For models that see. 48 pictures of 320 by 240 dots in four kinds, which are the groups: the weather
over a house, shapes to count, bar charts, a word on a sign. Half are asked in English, half in
Chinese. A message is the picture, as a `data:` URL of a PNG file, and then the question with its
labels. What is drawn depends only on `--seed`; no file is read, and the data set's digest is over
the dots and the questions, not over PNG bytes.

Answers are read as in the task `labels`, without regard to case: `accuracy`, the headline, is the
right label in any dress, `exact` the right label and nothing else. `chance` is what guessing gives:
a score near it says that the pictures were not seen. An endpoint whose model cannot see refuses,
which ends the run at once, or leaves the picture out, which only the comparison with `chance`, and
the prompt tokens, show. Thinking text is removed before scoring.
"""

from hashlib import sha256

from evenhand_evals.errors import DataError
from evenhand_evals.pictures.canvas import data_url
from evenhand_evals.scorers.labels import stated_label
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.options import choices, whole
from evenhand_evals.tasks.vision_scenes import KINDS, LANGUAGES, Scene, scene
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Part,
    Sample,
    Score,
    Task,
)

EACH = 12


def picture_part(url: str) -> Part:
    """Give the part of a message that shows an image."""
    return {"type": "image_url", "image_url": {"url": url}}


def shown(each: Scene) -> Message:
    """Show a scene and ask about it."""
    url = data_url(each.picture.png())
    return Message("user", (picture_part(url), {"type": "text", "text": each.question}))


def scenes(source: DataSource) -> list[tuple[str, str, str, Scene]]:
    """Draw all scenes: their ids, kinds and languages."""
    if source.path is not None:
        raise DataError(
            f"--data {source.path}: this task draws its own pictures; leave it out, or ask about "
            "yours with the task vision"
        )
    kinds = choices(source, "kinds", tuple(KINDS), tuple(KINDS))
    languages = choices(source, "languages", LANGUAGES, LANGUAGES)
    each = whole(source, "items", EACH)
    found = []
    for kind in kinds:
        for number in range(each):
            turn, place = divmod(number, len(languages))
            language = languages[place]
            drawn = scene(kind, language, turn, source.seed)
            found.append((f"{kind}-{number:03d}-{language}", kind, language, drawn))
    return found


def load(source: DataSource) -> Dataset:
    """Draw the pictures."""
    drawn = scenes(source)
    samples = tuple(
        Sample(
            id=name,
            messages=(shown(each),),
            target=each.target,
            metadata={
                "group": kind,
                "labels": list(each.labels),
                "told": each.description,
                "language": language,
            },
        )
        for name, kind, language, each in drawn
    )
    plan = [(n, s.picture.sha256, s.question, s.target, s.description) for n, _, _, s in drawn]
    return Dataset(
        samples,
        f"drawn with seed {source.seed}",
        None,
        sha256(repr(plan).encode()).hexdigest(),
        "Apache-2.0",
        dict(source.options),
    )


def label_of(sample: Sample, text: str) -> str | None:
    """Give the label that a text states, in any case of letters, None if none or several."""
    labels = {str(label).casefold(): str(label) for label in sample.metadata["labels"]}
    stated = stated_label(text.casefold(), list(labels))
    return labels[stated] if stated is not None else None


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer; `unparsed` if no single label stands by itself in it."""
    answer = answer_of(completion.text)
    stated = label_of(sample, answer.text)
    right = stated == sample.target
    failure: Outcome = "wrong" if stated else "unparsed"
    return Score(
        outcome="correct" if right else failure,
        value=float(right),
        metrics={
            "accuracy": right,
            "exact": answer.text.strip() == sample.target,
            "chance": 1 / len(sample.metadata["labels"]),
        },
        extracted=stated,
        explanation="thinking text removed" if answer.thinking_removed else None,
    )


OPTIONS = {
    "kinds": f"which kinds, by commas ({','.join(KINDS)})",
    "languages": "of the questions, by commas, taking turns (en,zh)",
    "items": f"how many pictures of each kind ({EACH})",
}

TASK = Task(
    name="vision_small",
    title="Vision, small: weather, counting, charts and text in drawn pictures",
    headline="accuracy",
    version="1",
    load=load,
    score=score,
    max_tokens=64,
    data="drawn by evenhand",
    options=OPTIONS,
)
