"""Whole runs against a real server: plan, ask, judge, log, go on."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import DataError, EndpointError, RunDiffers, RunExists
from evenhand_evals.manifest import DecodingFacts, Manifest
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import check_identity, order, plan, run_task
from evenhand_evals.types import DataSource, Message, Sample, Task
from tests.evals.fake import (
    QUICK,
    Fake,
    Reply,
    Script,
    prompt_of,
    reach,
    serving,
    settings_for,
    yes_task,
)
from tests.evals.test_manifest import MANIFEST


async def run(
    out: Path, script: Script | None = None, task: Task | None = None, **changes: Any
) -> tuple[RunData, Fake]:
    """Run the yes task against a fake with that script."""
    async with serving(Fake(script)) as fake:
        data = await run_task(task or yes_task(), settings_for(fake, out, **changes), backoff=QUICK)
    return data, fake


def counting(asked: list[Any], reply: Reply) -> Script:
    """Answer everything alike, and keep what was asked."""

    def script(body: dict[str, Any], _times: int) -> Reply:
        asked.append(body)
        return reply

    return script


def by_number(replies: dict[int, Reply]) -> Script:
    """Answer question N with its reply, others well."""
    return lambda body, _times: replies.get(int(prompt_of(body).split()[-1]), Reply())


async def test_every_kind_of_outcome_is_counted_apart(tmp_path: Path) -> None:
    """Six kinds, from one run; the score rests on what was answered."""
    replies = {
        0: Reply("no"),
        1: Reply("maybe"),
        2: Reply("no", finish_reason="length"),
        3: Reply("yes", finish_reason="length"),
        4: Reply("", finish_reason="content_filter"),
        5: Reply(status=400, message="maximum context length exceeded"),
    }
    data, _ = await run(tmp_path / "out", by_number(replies))
    assert data.result.outcomes == {
        "correct": 7,
        "wrong": 1,
        "unparsed": 1,
        "truncated": 1,
        "refused": 1,
        "failed": 1,
    }
    assert data.result.score is not None
    assert data.result.score.value == pytest.approx(7 / 11)
    assert data.result.complete


async def test_a_400_is_a_failed_outcome_and_not_an_answer(tmp_path: Path) -> None:
    """Its record holds the endpoint's words as response and reason, and no score."""
    data, fake = await run(tmp_path / "out", by_number({5: Reply(status=400, message="too long")}))
    record = next(each for each in data.records if each.item == "item-5")
    assert (record.outcome, record.score, record.status) == ("failed", None, 400)
    assert record.reason == "HTTP 400: too long"
    assert record.response is not None
    assert record.completion is None
    assert fake.seen["question 5"] == 1


async def test_a_429_costs_an_attempt_and_nothing_else(tmp_path: Path) -> None:
    """Every first request is turned away, and every sample is answered."""
    busy = Reply(status=429, headers={"retry-after": "0.01"})
    data, _ = await run(tmp_path / "out", lambda _body, times: Reply() if times else busy)
    assert data.result.outcomes["correct"] == 12
    assert all([each.status for each in record.attempts] == [429, 200] for record in data.records)


async def test_the_log_holds_request_and_response(tmp_path: Path) -> None:
    """As they were on the wire, with times, ids and the group."""
    headers = {"evenhand-request-id": "r", "evenhand-decoding": "f"}
    data, fake = await run(
        tmp_path / "out",
        lambda _body, _times: Reply(headers=headers),
        limit=1,
        parameters={"top_p": 0},
    )
    (record,) = data.records
    assert record.request == fake.bodies[0]
    assert fake.bodies[0]["top_p"] == 0
    assert fake.bodies[0]["max_tokens"] == 16
    assert "temperature" not in fake.bodies[0]
    assert (record.request_id, record.fingerprint, record.status) == ("r", "f", 200)
    assert record.group in ("even", "odd")
    assert record.completion is not None
    assert record.completion.usage.completion_tokens == 3
    assert data.result.fingerprints == {"0": ("f",)}


async def test_the_manifest_says_what_was_run(tmp_path: Path) -> None:
    """And result.json is there for scripts."""
    data, fake = await run(tmp_path / "out", profile="greedy", limit=3, repeats=2, seed=5)
    manifest = data.manifest
    assert (manifest.model, manifest.base_url, manifest.seed) == ("tiny", fake.url, 5)
    assert (manifest.items, manifest.planned) == (3, 6)
    assert manifest.decoding.requested == {"temperature": 0, "max_tokens": 16}
    assert manifest.decoding.by_task == ("max_tokens",)
    assert manifest.decoding.profile == "greedy"
    assert manifest.decoding.record is None
    assert manifest.finished_at is not None
    assert manifest.finished_at >= manifest.started_at
    result = orjson.loads((tmp_path / "out" / "result.json").read_bytes())
    assert result["samples"] == 6


async def test_the_record_of_a_proxy_goes_into_the_manifest(tmp_path: Path) -> None:
    """With the hidden defaults of the engine."""
    record = {"engine": "llamacpp", "fingerprint": "f", "parameters": {"top_k": {"effective": 40}}}
    async with serving(Fake()) as fake:
        fake.explain = lambda _body: (200, record)
        data = await run_task(yes_task(), settings_for(fake, tmp_path / "out"))
    assert data.manifest.decoding.record == record
    assert data.manifest.server.kind == "evenhand"


async def test_repeats_use_successive_seeds(tmp_path: Path) -> None:
    """Where a seed is set; the first repeat of all items comes before the second of any."""
    data, fake = await run(
        tmp_path / "out", repeats=3, limit=2, parameters={"seed": 7}, concurrency=1
    )
    assert [body["seed"] for body in fake.bodies] == [7, 7, 8, 8, 9, 9]
    assert [record.repeat for record in data.records] == [0, 0, 1, 1, 2, 2]


async def test_a_run_in_the_way_is_an_error(tmp_path: Path) -> None:
    """The fix is in the message, and nothing was asked."""
    await run(tmp_path / "out")
    async with serving(Fake()) as fake:
        with pytest.raises(RunExists, match="--resume"):
            await run_task(yes_task(), settings_for(fake, tmp_path / "out"))
        assert fake.bodies == []


async def test_resume_asks_only_what_failed(tmp_path: Path) -> None:
    """A finished sample is never asked again."""
    out = tmp_path / "out"
    async with serving(Fake(by_number({4: Reply(status=500)}))) as fake:
        first = await run_task(yes_task(), settings_for(fake, out), backoff=QUICK)
        assert first.result.outcomes["failed"] == 1
        fake.script = by_number({})
        fake.bodies.clear()
        again = await run_task(yes_task(), settings_for(fake, out, resume=True), backoff=QUICK)
        assert [prompt_of(body) for body in fake.bodies] == ["question 4"]
    assert again.result.outcomes["correct"] == 12
    assert again.manifest.started_at == first.manifest.started_at


async def test_resume_can_grow_a_run(tmp_path: Path) -> None:
    """A larger limit holds the smaller one's items, and more repeats come on top."""
    out = tmp_path / "out"
    async with serving(Fake()) as fake:
        await run_task(yes_task(), settings_for(fake, out, limit=3))
        few = {prompt_of(body) for body in fake.bodies}
        fake.bodies.clear()
        grown = settings_for(fake, out, limit=5, repeats=2, resume=True)
        data = await run_task(yes_task(), grown)
    assert data.result.complete
    assert len(fake.bodies) == 2 * 5 - 3
    assert few < {record.prompt for record in data.records}


async def test_resume_refuses_another_run(tmp_path: Path) -> None:
    """Each difference is named."""
    out = tmp_path / "out"
    async with serving(Fake()) as fake:
        await run_task(yes_task(), settings_for(fake, out))
        other = settings_for(
            fake, out, resume=True, model="tiny-instruct", limit=2, profile="greedy"
        )
        with pytest.raises(RunDiffers) as caught:
            await run_task(yes_task(version="2"), other)
    message = str(caught.value)
    for name in ("task version", "model", "decoding", "profile", "limit"):
        assert name in message
    assert "dataset" not in message


async def test_resume_without_a_run_begins_one(tmp_path: Path) -> None:
    """So that a script can always say --resume."""
    data, _ = await run(tmp_path / "out", resume=True)
    assert data.result.complete


async def test_cancelling_keeps_what_is_done(tmp_path: Path) -> None:
    """The result of the finished samples is written before the cancellation goes on."""
    fake = Fake()
    fake.hold_after = 5
    async with serving(fake):
        task = asyncio.create_task(run_task(yes_task(), settings_for(fake, tmp_path / "out")))
        await reach(tmp_path / "out", 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    data = load_run(tmp_path / "out")
    assert (data.result.samples, data.result.complete) == (5, False)
    assert data.manifest.finished_at is None
    assert (tmp_path / "out" / "result.json").exists()


async def test_a_dead_endpoint_ends_the_run(tmp_path: Path) -> None:
    """Twenty failures in a row are enough; the fix is in the message."""
    script: Script = lambda _body, _times: Reply(status=401, message="key expired")  # noqa: E731
    with pytest.raises(EndpointError, match=r"20 times in a row.*key expired.*--resume"):
        await run(tmp_path / "out", script, yes_task(100))
    assert load_run(tmp_path / "out").result.samples < 100


async def test_rejections_of_items_do_not_end_the_run(tmp_path: Path) -> None:
    """A 400 that speaks of its item is about the item: a prompt too long, of so many tokens."""

    def too_long(body: dict[str, Any], _times: int) -> Reply:
        return Reply(status=400, message=f"too long: {prompt_of(body)}")

    data, _ = await run(tmp_path / "out", too_long, yes_task(40))
    assert data.result.outcomes["failed"] == 40
    assert data.result.score is None


async def test_rejections_after_an_answer_do_not_end_the_run(tmp_path: Path) -> None:
    """Where one item was answered, what is asked can be: the others are to blame."""

    def one(_body: dict[str, Any], _times: int) -> Reply:
        seen.append(1)
        return Reply() if len(seen) == 1 else Reply(status=400)

    seen: list[int] = []
    data, _ = await run(tmp_path / "out", one, yes_task(40))
    assert data.result.outcomes["failed"] == 39


async def test_rejections_of_everything_end_the_run(tmp_path: Path) -> None:
    """The first twenty in the same words are enough; the message has them, and what to change."""
    asked: list[Any] = []
    script = counting(asked, Reply(status=400, message="no seed here"))
    with pytest.raises(EndpointError, match=r"all of the first 20.*no seed here.*--set"):
        await run(tmp_path / "out", script, yes_task(100))
    assert 20 <= len(asked) < 40
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("status", [404, 405])
async def test_a_wrong_path_ends_the_run_at_once(tmp_path: Path, status: int) -> None:
    """The first answer tells; the message names the option."""
    asked: list[Any] = []
    script = counting(asked, Reply(status=status, message="no route"))
    with pytest.raises(EndpointError, match=r"--base-url: the first request.*no route"):
        await run(tmp_path / "out", script, yes_task(100))
    assert 1 <= len(asked) < 8


async def test_the_folder_of_a_wrong_path_is_free_again(tmp_path: Path) -> None:
    """Nothing was answered, so there is no run; a file of the user's stays where it is."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(EndpointError, match="--base-url"):
        await run(out, counting([], Reply(status=404)))
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    data, _ = await run(out)
    assert data.result.complete


async def test_what_was_answered_outlives_a_path_that_went(tmp_path: Path) -> None:
    """A run that is gone on with stays, however its endpoint answers now."""
    async with serving(Fake()) as fake:
        settings = settings_for(fake, tmp_path / "out", resume=True)
        await run_task(yes_task(), replace(settings, limit=4))
        fake.script = counting([], Reply(status=404))
        data = await run_task(yes_task(), settings)
    assert data.result.outcomes["correct"] == 4
    assert data.result.outcomes["failed"] == data.manifest.planned - 4


async def test_failures_outlive_a_path_that_went(tmp_path: Path) -> None:
    """Nor is a log of failures thrown away for what came after it."""
    async with serving(Fake(counting([], Reply(status=401)))) as fake:
        settings = settings_for(fake, tmp_path / "out", resume=True)
        with pytest.raises(EndpointError, match="20 times in a row"):
            await run_task(yes_task(100), settings)
        fake.script = counting([], Reply(status=404))
        with pytest.raises(EndpointError, match="--base-url"):
            await run_task(yes_task(100), settings)
    assert load_run(tmp_path / "out").result.outcomes["failed"] >= 20


async def test_data_that_cannot_be_run(tmp_path: Path) -> None:
    """No items, or two with one id."""
    with pytest.raises(DataError, match="no items"):
        await run(tmp_path / "a", task=yes_task(0))
    task = yes_task()
    dataset = task.load(DataSource())
    doubled = replace(dataset, samples=dataset.samples * 2)
    with pytest.raises(DataError, match="two items with the id 'item-0'"):
        await run(tmp_path / "b", task=replace(task, load=lambda _source: doubled))


NAMES = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)


@given(NAMES, st.integers(0, 5), st.integers(0, 30), st.integers(0, 30))
def test_a_smaller_limit_is_part_of_a_larger_one(
    names: list[str], seed: int, one: int, two: int
) -> None:
    """Whatever the data set and the seed."""
    samples = [Sample(name, (Message("user", name),), None) for name in names]
    small = {sample.id for sample, _ in plan(samples, seed=seed, limit=min(one, two), repeats=1)}
    large = {sample.id for sample, _ in plan(samples, seed=seed, limit=max(one, two), repeats=1)}
    assert small <= large
    assert len(large) == min(max(one, two), len(names))


@given(NAMES, st.integers(0, 5))
def test_the_order_depends_only_on_seed_and_ids(names: list[str], seed: int) -> None:
    """Not on the order of the file, nor on the other items."""
    samples = [Sample(name, (Message("user", name),), None) for name in names]
    ordered = order(samples, seed)
    assert order(reversed(samples), seed) == ordered
    assert order(samples[1:], seed) == [each for each in ordered if each in samples[1:]]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (replace(MANIFEST, sent_model="x"), "model"),
        (replace(MANIFEST, base_url="http://y/v1"), "base_url"),
        (replace(MANIFEST, seed=1), "seed"),
        (replace(MANIFEST, dataset=replace(MANIFEST.dataset, sha256="1" * 64)), "dataset sha256"),
        (replace(MANIFEST, decoding=DecodingFacts({"temperature": 0})), "decoding"),
        (replace(MANIFEST, repeats=1), "repeats"),
        (replace(MANIFEST, limit=4), "limit"),
        (
            replace(MANIFEST, decoding=replace(MANIFEST.decoding, record={"fingerprint": "z"})),
            "decoding fingerprint",
        ),
    ],
)
def test_what_makes_a_run_another_one(changed: Manifest, name: str) -> None:
    """The identity of a run, difference by difference."""
    with pytest.raises(RunDiffers, match=name):
        check_identity(MANIFEST, changed)


def test_what_leaves_a_run_the_same() -> None:
    """Concurrency, more items and more repeats."""
    check_identity(MANIFEST, replace(MANIFEST, concurrency=64, limit=None, repeats=9))
