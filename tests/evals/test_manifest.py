"""The manifest is written in one step and read back as it was."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from evenhand_evals.errors import RunUnreadable
from evenhand_evals.manifest import (
    SCORING_LIBRARIES,
    DatasetFacts,
    DecodingFacts,
    Manifest,
    ServerFacts,
    TaskFacts,
    command_line,
    mask_url,
    now,
    read_manifest,
    versions,
    write_manifest,
)

MANIFEST = Manifest(
    task=TaskFacts("yes", "Say yes", "1", "accuracy"),
    dataset=DatasetFacts("made here", None, "0" * 64, "Apache-2.0", 12),
    model="tiny",
    sent_model="tiny",
    base_url="http://127.0.0.1:1/v1",
    server=ServerFacts("openai-style", {"id": "tiny"}),
    decoding=DecodingFacts({"temperature": 0, "seed": None}, ("max_tokens",), "greedy"),
    repeats=2,
    limit=5,
    seed=0,
    concurrency=4,
    started_at=now(),
    command=("evenhand", "eval"),
    versions=versions(),
)


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    """Null stays null, and what was not sent stays out."""
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(("limit", "items"), [(None, 12), (5, 5), (100, 12)])
def test_planned_samples(limit: int | None, items: int) -> None:
    """A limit beyond the data set is the data set."""
    manifest = replace(MANIFEST, limit=limit)
    assert (manifest.items, manifest.planned) == (items, 2 * items)


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    """The message says what a run is."""
    with pytest.raises(RunUnreadable, match="--out"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1}'])
def test_a_damaged_manifest_is_an_error_of_ours(tmp_path: Path, text: str) -> None:
    """No damage gets through as a foreign exception."""
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunUnreadable, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_field_of_a_later_version_is_an_error(tmp_path: Path) -> None:
    """What is not understood is not ignored."""
    document = orjson.loads(orjson.dumps(MANIFEST))
    (tmp_path / "manifest.json").write_bytes(orjson.dumps({**document, "new": 1}))
    with pytest.raises(RunUnreadable, match="new"):
        read_manifest(tmp_path)


def test_versions_and_time_are_there() -> None:
    """The facts that a later reader needs."""
    assert set(versions()) == {"evenhand", "python", "platform", *SCORING_LIBRARIES}
    assert now().endswith("+00:00")


def test_the_command_line_holds_no_secret() -> None:
    """A user and key inside a URL are masked, and the program is only its name."""
    given = ["/somewhere/bin/evenhand", "--base-url", "https://me:key@host/v1?a=b", "plain@text"]
    assert command_line(given) == (
        "evenhand",
        "--base-url",
        "https://***@host/v1?a=b",
        "plain@text",
    )
    assert mask_url("http://host/v1") == "http://host/v1"
