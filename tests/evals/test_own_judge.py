"""A user's own task with images and a judge: its file, what both are asked, and the marks."""

import json
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.own.judge import mark_of
from evenhand_evals.own.task import read_own_task
from evenhand_evals.run import run_task
from evenhand_evals.settings import Target
from evenhand_evals.types import Dataset, DataSource
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 9
ROWS: list[dict[str, Any]] = [
    {"q": "What is this?", "photo": "a.png", "expert": "a cat"},
    {"q": "And these?", "photo": ["a.png", "data:image/png;base64,iVBORw0KGgo="], "expert": "dogs"},
]
TASK = """
data: rows.jsonl
prompt: "{q}"
images: [photo]
metric:
  kind: judge
  prompt: "Expert: {expert}. Answer: {response}. Mark it from [[0]] to [[4]]."
  scale: [0, 4]
  threshold: 0.75
"""


def write(folder: Path, text: str = TASK, rows: list[dict[str, Any]] | None = None) -> Path:
    """Write a task, its rows and an image beside them."""
    (folder / "a.png").write_bytes(PNG)
    lines = (json.dumps(row) for row in (ROWS if rows is None else rows))
    (folder / "rows.jsonl").write_text("\n".join(lines))
    (folder / "pets.yaml").write_text(text)
    return folder / "pets.yaml"


def load(folder: Path, text: str = TASK, rows: list[dict[str, Any]] | None = None) -> Dataset:
    """Load the items of a task."""
    return read_own_task(write(folder, text, rows)).load(DataSource())


def test_images_stand_before_the_prompt(tmp_path: Path) -> None:
    """As `data:` URLs of their true type; another image is another data set."""
    dataset = load(tmp_path)
    first, second = (sample.messages[0].content for sample in dataset.samples)
    assert [part["type"] for part in first] == ["image_url", "text"]  # type: ignore[index]
    assert [part["type"] for part in second] == ["image_url", "image_url", "text"]  # type: ignore[index]
    assert first[0]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")  # type: ignore[index]
    (tmp_path / "a.png").write_bytes(PNG + b"y")
    task = read_own_task(tmp_path / "pets.yaml")
    assert task.load(DataSource()).sha256 != dataset.sha256


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"photo": "none.png"}, "the field 'photo' is 'none.png', and .*none.png cannot be read"),
        ({"photo": "pets.yaml"}, "no PNG, JPEG, GIF or WebP"),
        ({"photo": "https://x.test/a.png"}, "an address on the web"),
        ({"photo": "/etc/hostname"}, "an absolute path; keep the image in the data's own folder"),
        ({"photo": "../a.png"}, "leads out of the data's folder; keep the image"),
        ({"photo": 5}, "the field 'photo' is '5', and .* cannot be read"),
        ({"photo": None}, "the field 'photo' is null, not a text or number"),
        ({"photo": []}, "the field 'photo' is .*, not a list of texts"),
    ],
)
def test_images_that_cannot_be_sent(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    """Errors name file, line and field."""
    with pytest.raises(DataError, match=rf"rows\.jsonl, line 3: {says}|line 3: .*{says}"):
        load(tmp_path, rows=[*ROWS, {**ROWS[0], **row}])


def test_links_and_bytes(tmp_path: Path) -> None:
    """A link that leads out is refused, one within is not; no message has bytes of a file."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret").write_bytes(b"password")
    (data / "out.png").symlink_to(tmp_path / "secret")
    (data / "in.png").symlink_to("a.png")
    (data / "loop.png").symlink_to("loop.png")
    (data / "text.png").write_bytes(b"password")
    assert len(load(data, rows=[{**ROWS[0], "photo": "in.png"}]).samples) == 1
    for name, says in (
        ("out.png", "leads out of the data's folder"),
        ("loop.png", "cannot be read"),
        ("text.png", "no PNG, JPEG, GIF or WebP"),
    ):
        with pytest.raises(DataError, match=says) as raised:
            load(data, rows=[{**ROWS[0], "photo": name}])
        assert "pass" not in str(raised.value)
        assert b"pass".hex(" ") not in str(raised.value)
    (tmp_path / "link").symlink_to(data)
    write(data)
    assert read_own_task(tmp_path / "link" / "pets.yaml").load(DataSource()).samples


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  scale: [0, 4]", "  scale: [4, 0]", r"pets.yaml:8: metric.scale: \[4, 0\] is no lowest"),
        ("  scale: [0, 4]", "  scale: [4]", r"pets.yaml:8: metric.scale: \[4\] is no lowest"),
        ("[[0]] to [[4]]", "0 to 4", r"yaml:7: metric.prompt: asks for no mark .* \[\[0\]\]"),
        ("{response}", "it", "pets.yaml:7: metric.prompt: must name {response}"),
        ("{expert}", "{exprt}", "pets.yaml:7: metric.prompt: .*did you mean 'expert'"),
        ("metric:", "target: a\nmetric:", "pets.yaml:5: target: the metric judge does not read"),
        ("metric:", "extraction: whole\nmetric:", "pets.yaml:5: extraction: the metric judge does"),
        ("  kind: judge", "  kind: exact", "pets.yaml:7: metric.prompt: exact does not read it"),
        ("images:", "interface: completions\nimages:", "pets.yaml:5: images: the interface compl"),
    ],
)
def test_a_wrong_file(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Errors name line and key."""
    with pytest.raises(UsageError, match=says):
        load(tmp_path, TASK.replace(old, new))
    with pytest.raises(UsageError, match="judge needs a prompt"):
        load(tmp_path, "data: rows.jsonl\nprompt: '{q}'\nmetric: judge\n")


def test_marks() -> None:
    """The last one counts, and it must be on the scale."""
    assert mark_of("[[1]], or rather [[ 3.5 ]].", (0, 4)) == 3.5
    for text in ("4", "[4]", "[[5]]", "[[-1]]", "[[four]]", ""):
        assert mark_of(text, (0, 4)) is None


async def test_a_run(tmp_path: Path) -> None:
    """The judge sees the answer and the row's fields; a verdict without a mark is counted."""
    task = read_own_task(write(tmp_path))
    with pytest.raises(UsageError, match="pets needs a judge"):
        await run_task(task, settings_for(Fake(), tmp_path / "none"), backoff=QUICK)
    verdict = {"Expert: a cat. Answer: one.": "[[3]]", "Expert: dogs. Answer: two.": "Good!"}

    def says(body: dict[str, Any], _times: int) -> Reply:
        asked = prompt_of(body)
        known = next((said for text, said in verdict.items() if text in asked), None)
        return Reply(known or ("one" if "What is this?" in asked else "two"))

    async with serving(Fake(says)) as fake:
        settings = settings_for(fake, tmp_path / "out", judge=Target(fake.url, "tiny"))
        run = await run_task(task, settings, backoff=QUICK)
    result = run.result
    assert result.score is not None
    assert result.score.value == 0.375
    assert (result.outcomes["correct"], result.outcomes["unparsed"]) == (1, 1)
    assert result.metrics["unparsed_verdicts"].value == 0.5
    assert result.unparsed_answers == {"Good!": 1}
