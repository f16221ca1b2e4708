"""Answers kept between runs: never another model's, never one made with other settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evenhand_evals.cache import Cache, Kept, default_folder, key_of
from evenhand_evals.cli.root import eval_group
from evenhand_evals.http.client import Backoff
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.tasks import TASKS
from tests.evals.fake import Fake, Reply, always, serving

BODY: dict[str, Any] = {"model": "m", "messages": [], "temperature": 0}
KEY = key_of("http://a/v1", {"engine": "x"}, "/chat/completions", BODY, (0, 0))
KEPT = Kept({"choices": []}, "id-1", "print-1")


@pytest.mark.parametrize(
    "other",
    [
        ("http://b/v1", {"engine": "x"}, "/chat/completions", BODY, (0, 0)),
        ("http://a/v1", {"engine": "y"}, "/chat/completions", BODY, (0, 0)),
        ("http://a/v1", {"engine": "x"}, "/completions", BODY, (0, 0)),
        ("http://a/v1", {"engine": "x"}, "/chat/completions", {**BODY, "model": "n"}, (0, 0)),
        ("http://a/v1", {"engine": "x"}, "/chat/completions", {**BODY, "temperature": 0.1}, (0, 0)),
        ("http://a/v1", {"engine": "x"}, "/chat/completions", {**BODY, "top_p": 1}, (0, 0)),
        ("http://a/v1", {"engine": "x"}, "/chat/completions", BODY, (1, 0)),
        ("http://a/v1", {"engine": "x"}, "/chat/completions", BODY, (0, 1)),
    ],
)
def test_every_part_of_the_request_counts(other: tuple[Any, ...]) -> None:
    """So does the repeat; the order of keys does not."""
    assert key_of(*other) != KEY
    turned = dict(reversed(BODY.items()))
    assert key_of("http://a/v1", {"engine": "x"}, "/chat/completions", turned, (0, 0)) == KEY


def test_what_is_put_is_got(tmp_path: Path) -> None:
    """By another process too, and the first answer stays."""
    with Cache(tmp_path) as cache, Cache(tmp_path) as other:
        assert cache.get(KEY) is None
        cache.put(KEY, "http://a/v1", "m", KEPT)
        other.put(KEY, "http://a/v1", "m", replace(KEPT, request_id="id-2"))
        assert other.get(KEY) == KEPT


def test_cleaning_takes_what_fits(tmp_path: Path) -> None:
    """All conditions together; nothing given is everything."""
    with Cache(tmp_path) as cache:
        for number, (endpoint, model) in enumerate([("a", "m"), ("a", "n"), ("b", "m")]):
            cache.put(bytes([number]), endpoint, model, KEPT)
        assert {(each.endpoint, each.model) for each in cache.contents()} == {
            ("a", "m"),
            ("a", "n"),
            ("b", "m"),
        }
        assert cache.clean(endpoint="a", model="m") == 1
        assert cache.clean(before=0) == 0
        assert cache.clean() == 2
        assert cache.contents() == []


def test_an_endpoint_is_named_as_a_run_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With or without /v1; what is no URL fits nothing and is said."""
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path))
    with Cache(tmp_path) as cache:
        cache.put(KEY, "http://a/v1", "m", KEPT)
    refused = CliRunner().invoke(eval_group, ["cache", "--clean", "--endpoint", "a"])
    assert refused.exit_code == 2
    assert "--endpoint: 'a' is not an http or https URL" in refused.stderr
    done = CliRunner().invoke(eval_group, ["cache", "--clean", "--endpoint", "http://a/"])
    assert done.stdout.startswith("1 answers deleted")


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """EVENHAND_CACHE, then the base directories' rule."""
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("EVENHAND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/evenhand")


async def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    """It says so; one without the cache, or of another model, asks again."""
    async with serving(Fake(always(Reply(text="rain")))) as fake:
        settings = RunSettings(fake.url, "tiny", tmp_path / "1", limit=3, cache=tmp_path / "kept")
        first = await run_task(TASKS["labels"], settings, backoff=Backoff(attempts=1))
        asked = len(fake.bodies)
        again = await run_task(TASKS["labels"], replace(settings, out=tmp_path / "2"))
        assert len(fake.bodies) == asked
        await run_task(TASKS["labels"], replace(settings, out=tmp_path / "3", cache=None))
        await run_task(
            TASKS["labels"], replace(settings, out=tmp_path / "4", model="tiny-instruct")
        )
        assert len(fake.bodies) == asked + 6
    assert again.result.score == first.result.score
    assert [record.cached for record in again.records] == [True] * 3
    assert any("3 of 3 answers were made in an earlier run" in w for w in again.result.warnings)


async def test_kept_answers_have_no_times(tmp_path: Path) -> None:
    """A note says of how many answers the times of streams are."""
    fake = Fake(always(Reply(text="rain")))
    fake.streams = True
    async with serving(fake):
        settings = RunSettings(
            fake.url, "tiny", tmp_path / "1", limit=3, cache=tmp_path / "kept", stream=True
        )
        first = await run_task(TASKS["labels"], settings)
        more = await run_task(TASKS["labels"], replace(settings, out=tmp_path / "2", limit=5))
        none = await run_task(TASKS["labels"], replace(settings, out=tmp_path / "3"))
    assert first.result.latency is not None
    assert not any("times of streams" in each for each in first.result.warnings)
    assert any("are of 2 answers: those kept" in each for each in more.result.warnings)
    assert none.result.latency is None
    assert any("are of 0 answers" in each for each in none.result.warnings)


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    """The next run asks them again."""
    async with serving(Fake(always(Reply(status=400)))) as fake:
        settings = RunSettings(fake.url, "tiny", tmp_path / "1", limit=2, cache=tmp_path / "kept")
        await run_task(TASKS["labels"], settings, backoff=Backoff(attempts=1))
        fake.script = always(Reply(text="rain"))
        again = await run_task(TASKS["labels"], replace(settings, out=tmp_path / "2"))
    assert again.result.outcomes["failed"] == 0
    assert not any(record.cached for record in again.records)
