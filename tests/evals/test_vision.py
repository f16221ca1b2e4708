"""Vision: drawn scenes, what is asked of them, consistency, and images of the user's."""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.judge import judge
from evenhand_evals.pictures.canvas import Canvas, data_url
from evenhand_evals.run import run_task
from evenhand_evals.tasks import vision, vision_consistency, vision_scenes, vision_small
from evenhand_evals.types import Completion, DataSource, Sample
from tests.evals.fake import QUICK, Fake, Reply, always, serving, settings_for
from tests.evals.test_pictures import read_png

PNG = Canvas(2, 2).png()


def parts(sample: Sample) -> list[dict[str, Any]]:
    """The parts of the one message of a sample."""
    (message,) = sample.messages
    assert not isinstance(message.content, str)
    return [dict(part) for part in message.content]


def test_the_set() -> None:
    """Four kinds of twelve, in both languages by turns, every label reachable, ids unique."""
    dataset = vision_small.TASK.load(DataSource())
    groups = Counter(sample.metadata["group"] for sample in dataset.samples)
    assert groups == {"weather": 12, "counting": 12, "charts": 12, "text": 12}
    assert len({sample.id for sample in dataset.samples}) == 48
    assert sum(sample.id.endswith("-zh") for sample in dataset.samples) == 24
    weather = {s.target for s in dataset.samples if s.metadata["group"] == "weather"}
    assert weather == {label for labels in vision_scenes.WEATHER.values() for label in labels}
    for sample in dataset.samples:
        image, text = parts(sample)
        head, _, body = image["image_url"]["url"].partition(",")
        assert (image["type"], head) == ("image_url", "data:image/png;base64")
        assert read_png(base64.b64decode(body))[:2] == vision_scenes.SIZE
        assert sample.target in sample.metadata["labels"]
        assert all(label in text["text"] for label in sample.metadata["labels"])


def test_the_same_seed_draws_the_same() -> None:
    """The digest is of dots and questions: stable, and other with another seed or selection."""
    first = vision_small.TASK.load(DataSource())
    assert vision_small.TASK.load(DataSource()) == first
    assert vision_small.TASK.load(DataSource(seed=1)).sha256 != first.sha256
    options = {"kinds": "text", "languages": "zh", "items": "3"}
    small = vision_small.TASK.load(DataSource(options=options))
    assert [sample.id for sample in small.samples] == [f"text-00{n}-zh" for n in range(3)]
    assert small.options == options
    with pytest.raises(UsageError, match="'audio' is none of weather, counting, charts, text"):
        vision_small.TASK.load(DataSource(options={"kinds": "audio"}))


@pytest.mark.parametrize("language", vision_scenes.LANGUAGES)
def test_scenes_show_what_they_say(language: str) -> None:
    """Of many scenes: the description has the answer's facts, and the picture its colours."""
    for turn in range(24):
        for kind in vision_scenes.KINDS:
            scene = vision_scenes.scene(kind, language, turn, seed=5)
            assert scene.target in scene.labels
            if kind == "text":
                assert "-".join(scene.target) in scene.description
            if kind == "weather":
                assert scene.target not in scene.description
            if kind == "charts":
                told = {
                    name: int("".join(filter(str.isdigit, part)))
                    for name in vision_scenes.NAMES
                    for part in scene.description.replace("，", ",").split(",")
                    if name in part and "100" not in part
                }
                assert all(_bar(scene.picture, name) == value for name, value in told.items())


def _bar(picture: Canvas, name: str) -> int:
    """The height of a bar, measured in the picture."""
    x = 70 + vision_scenes.NAMES.index(name) * 62 + 18
    dots = sum(picture.at(x, y) == vision_scenes.BLUE for y in range(205))
    return round(dots / 1.8)


def test_counted_shapes_are_in_the_picture() -> None:
    """The number asked for is the number of separate patches of that colour and shape."""
    for turn in range(12):
        scene = vision_scenes.scene("counting", "en", turn, seed=3)
        colour = next(c for c in ("red", "blue", "green") if f"many {c} " in scene.question)
        told = scene.description.partition("there are ")[2].rstrip(".").replace(" and ", ", ")
        of_colour = sum(int(p.split()[0]) for p in told.split(", ") if f" {colour} " in p)
        assert of_colour == _patches(scene.picture, vision_scenes._COLOURS[colour][2])


def _patches(picture: Canvas, colour: tuple[int, int, int]) -> int:
    left = {
        (x, y)
        for x in range(picture.width)
        for y in range(picture.height)
        if picture.at(x, y) == colour
    }
    patches = 0
    while left:
        patches += 1
        edge = [left.pop()]
        while edge:
            x, y = edge.pop()
            near = {(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & left
            left -= near
            edge += near
    return patches


@pytest.mark.parametrize(
    ("text", "outcome", "exact"),
    [
        ("STORM", "correct", True),
        ("**Storm**.", "correct", False),
        ("The word is STORM.", "correct", False),
        ("STORY", "wrong", False),
        ("STORM or STORY", "unparsed", False),
        ("I cannot see images.", "unparsed", False),
        ("<think>STORY</think>STORM", "correct", True),
        ("", "unparsed", False),
    ],
)
def test_scores(text: str, outcome: str, exact: bool) -> None:
    """The one label that is stated counts, in any case of letters."""
    labels = ["STERN", "STORK", "STORM", "STORY"]
    score = vision_small.score(Sample("a", (), "STORM", {"labels": labels}), Completion(text))
    assert (score.outcome, score.value) == (outcome, float(outcome == "correct"))
    assert score.metrics == {"accuracy": outcome == "correct", "exact": exact, "chance": 0.25}


@pytest.mark.parametrize(
    ("image", "text", "outcome", "value"),
    [
        (Completion("3", "stop"), Completion("3", "stop"), "correct", 1.0),
        (Completion("4", "stop"), Completion("4", "stop"), "correct", 1.0),
        (Completion("4", "stop"), Completion("3", "stop"), "wrong", 0.0),
        (Completion("many", "stop"), Completion("3", "stop"), "unparsed", 0.0),
        (Completion("many", "stop"), Completion("lots", "stop"), "unparsed", 0.0),
        (Completion("The", "length"), Completion("3", "stop"), "truncated", 0.0),
        (Completion("3", "content_filter"), Completion("3", "stop"), "refused", 0.0),
    ],
)
def test_consistency(image: Completion, text: Completion, outcome: str, value: float) -> None:
    """Agreement is apart from being right; nothing agrees with an answer without a label."""
    options = {"kinds": "counting", "languages": "en", "items": "1"}
    sample = vision_small.TASK.load(DataSource(options=options)).samples[0]
    asked = vision_consistency.follow(sample, [image])
    assert asked is not None
    assert vision_consistency.follow(sample, [image, text]) is None
    known = Sample(sample.id, sample.messages, "3", sample.metadata)
    score = vision_consistency.score_all(known, [image, text])
    assert (score.outcome, score.value) == (outcome, value)
    assert score.metrics["text_accuracy"] == (text.text == "3")
    assert score.metrics["both_right"] == (image.text == text.text == "3" and outcome != "refused")


async def test_a_model_that_sees_and_one_that_cannot(tmp_path: Path) -> None:
    """The picture reaches the endpoint whole, then its description; a rejection is the reason."""
    drawn = vision_small.TASK.load(DataSource())
    answers = {parts(sample)[0]["image_url"]["url"]: sample.target for sample in drawn.samples}
    told = {sample.metadata["told"]: sample.target for sample in drawn.samples}

    def sees(body: dict[str, Any], _times: int) -> Reply:
        content = body["messages"][-1]["content"]
        if isinstance(content, str):
            return Reply(next(target for text, target in told.items() if text in content))
        return Reply(answers[content[0]["image_url"]["url"]])

    async with serving(Fake(sees)) as fake:
        settings = settings_for(fake, tmp_path / "sees")
        run = await run_task(vision_consistency.TASK, settings, backoff=QUICK)
    metrics = run.result.metrics
    assert metrics["image_accuracy"].value == metrics["agreement"].value == 1.0
    assert (run.result.outcomes["correct"], len(run.result.groups)) == (48, 4)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_model_that_cannot_see_ends_the_run(tmp_path: Path, status: int) -> None:
    """The first refusal does, whatever its status; it is not asked again, and no run is left."""
    message = "image input is not supported - hint: you may need to provide the mmproj"
    async with serving(Fake(always(Reply(status=status, message=message)))) as fake:
        settings = settings_for(fake, tmp_path / "blind", concurrency=1)
        with pytest.raises(UsageError, match=r"the model takes no images: HTTP .* choose a model"):
            await run_task(vision_small.TASK, settings, backoff=QUICK)
        assert len(fake.bodies) == 1
    assert not (tmp_path / "blind").exists()


async def test_a_model_that_says_that_it_cannot_see(tmp_path: Path) -> None:
    """llama.cpp's list of models says what each takes: then nothing is asked."""
    async with serving(Fake()) as fake:
        fake.facts = {"architecture": {"input_modalities": ["text"]}}
        with pytest.raises(UsageError, match="tiny takes text, and no images; choose a model"):
            await run_task(vision_small.TASK, settings_for(fake, tmp_path / "out"), backoff=QUICK)
        assert not fake.bodies
        fake.facts = {"architecture": {"input_modalities": ["text", "image"]}}
        settings = settings_for(fake, tmp_path / "out", limit=1, concurrency=1)
        await run_task(vision_small.TASK, settings, backoff=QUICK)
        assert len(fake.bodies) == 1


def write(folder: Path, *rows: dict[str, Any]) -> DataSource:
    """Write a set of the user's beside an image."""
    (folder / "sky.png").write_bytes(PNG)
    file = folder / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return DataSource(path=file)


ROW = {"image": "sky.png", "question": "Will it rain?", "answer": "yes"}


def test_your_own_images(tmp_path: Path) -> None:
    """Images by path and by data URL, one or several, go before the question."""
    rows = (
        {**ROW, "labels": ["yes", "no"], "group": "clouds", "id": "sky"},
        {**ROW, "image": ["sky.png", data_url(PNG)]},
    )
    dataset = vision.TASK.load(write(tmp_path, *rows))
    first, second = dataset.samples
    assert (first.id, first.metadata) == ("sky", {"labels": ["yes", "no"], "group": "clouds"})
    url = {"type": "image_url", "image_url": {"url": data_url(PNG)}}
    text = {"type": "text", "text": "Will it rain?"}
    assert (parts(first), parts(second)) == ([url, text], [url, url, text])
    (tmp_path / "sky.png").write_bytes(Canvas(3, 3).png())
    assert vision.TASK.load(DataSource(path=tmp_path / "mine.jsonl")).sha256 != dataset.sha256


@pytest.mark.parametrize(
    ("labels", "answer", "text", "outcome", "mentioned"),
    [
        (["yes", "no"], "yes", "Yes.", "correct", True),
        (["yes", "no"], "yes", "No, it will not.", "wrong", False),
        (["yes", "no"], "yes", "yes or no", "unparsed", False),
        ([], "Mont Blanc", "mont  blanc.", "correct", True),
        ([], "Mont Blanc", "It is Mont Blanc, in winter.", "wrong", True),
        ([], "Mont Blanc", "", "unparsed", False),
        ([], "-5", "**-5**", "correct", True),
        ([], "-5", "5", "wrong", False),
        ([], "晴", "“晴”。", "correct", True),
    ],
)
def test_your_own_answers(
    labels: list[str], answer: str, text: str, outcome: str, mentioned: bool
) -> None:
    """With labels the stated one decides, without them the same text in any dress."""
    score = vision.score(Sample("a", (), answer, {"labels": labels}), Completion(text))
    assert (score.outcome, score.metrics["mentioned"]) == (outcome, mentioned)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "q", "answer": "a"}, "the field 'image' is missing"),
        ({**ROW, "image": []}, "the field 'image' must be texts"),
        ({**ROW, "image": 7}, "the field 'image' must be texts, not '7'"),
        ({**ROW, "image": "rain.png"}, "the field 'image' is 'rain.png', and .* cannot be read"),
        ({**ROW, "image": "../../etc/hostname"}, "leads out of the data's folder"),
        ({**ROW, "answer": " "}, "which nothing could match"),
        ({**ROW, "labels": ["no", "maybe"]}, "'answer' is 'yes', not one of"),
        ({**ROW, "labels": ["yes", "Yes"]}, "two or more must differ"),
        ({**ROW, "labels": ["yes"]}, "two or more must differ"),
        ({"image": "sky.png", "answer": "a"}, "the field 'question' is missing"),
    ],
)
def test_rows_that_cannot_be_asked(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    """A broken row is an error before the first request, with its line."""
    with pytest.raises(DataError, match=f"mine.jsonl, line 1: .*{message}"):
        vision.TASK.load(write(tmp_path, row))


def test_a_file_must_be_named(tmp_path: Path) -> None:
    """There is no data of its own, and a file that is not there is said so."""
    with pytest.raises(DataError, match="name a file of JSON lines with --data FILE"):
        vision.TASK.load(DataSource())
    with pytest.raises(DataError, match=r"nothing.jsonl: there is no such file"):
        vision.TASK.load(DataSource(path=tmp_path / "nothing.jsonl"))


def test_a_refusal_of_an_image() -> None:
    """An answer that the endpoint calls a refusal is refused, whatever it says."""
    sample = Sample("a", (), "yes", {"labels": ["yes", "no"]})
    assert judge(vision.score, sample, Completion("yes", "content_filter")).outcome == "refused"
