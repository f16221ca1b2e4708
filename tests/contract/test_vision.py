"""Pictures on real engines: counted, seen, relayed untouched, and asked about by every task."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_evals.pictures.canvas import Canvas, data_url
from evenhand_evals.results import RunData
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.tasks import TASKS
from evenhand_evals.tasks.vision_scenes import scene
from evenhand_proxy.config import Config, Model
from tests.contract.conftest import Subject
from tests.contract.seeing import AROUND, NAME, PICTURE_TOKENS, SEEING
from tests.running import RunningProxy, evenhand, running_proxy

QUESTION = {"type": "text", "text": "What is the weather in this picture?"}


@dataclass(frozen=True)
class Seer:
    """A model that sees, behind the proxy and by itself."""

    proxy: RunningProxy
    engine: Model
    folder: Path

    @property
    def url(self) -> str:
        """The proxy's base URL."""
        return f"{self.proxy.url}/v1"

    @property
    def direct(self) -> str:
        """The engine's base URL."""
        return f"{self.engine.base_url}/v1"


@pytest.fixture(
    scope="module",
    params=[
        "llamacpp",
        pytest.param("sglang", marks=pytest.mark.sglang),
        pytest.param("vllm", marks=pytest.mark.vllm),
    ],
)
async def seer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Seer]:
    """The tiny model that sees, on one engine, with a proxy in front."""
    folder = tmp_path_factory.mktemp(request.param)
    async with (
        SEEING[request.param](folder) as engine,
        running_proxy(Config(models={NAME: engine}), folder / "proxy") as proxy,
    ):
        yield Seer(proxy, engine, folder)


def shown(turn: int) -> dict[str, Any]:
    """A picture of the weather; four turns show four kinds."""
    return picture(scene("weather", "en", turn, 5).picture)


def picture(canvas: Canvas) -> dict[str, Any]:
    """The part of a message that shows a picture."""
    return {"type": "image_url", "image_url": {"url": data_url(canvas.png())}}


async def asked(url: str, *parts: dict[str, Any]) -> httpx.Response:
    """Ask greedily about pictures, log-probabilities of the first token included."""
    body = {
        "model": NAME,
        "messages": [{"role": "user", "content": [*parts, QUESTION]}],
        "temperature": 0,
        "max_tokens": 4,
        "logprobs": True,
        "top_logprobs": 5,
    }
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        answer = await client.post(f"{url}/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def prompt_tokens(answer: httpx.Response) -> int:
    """What the engine counted."""
    return int(answer.json()["usage"]["prompt_tokens"])


def likely(answer: httpx.Response) -> dict[str, float]:
    """The first token's likeliest alternatives with their log-probabilities."""
    first = answer.json()["choices"][0]["logprobs"]["content"][0]
    return {each["token"]: each["logprob"] for each in first["top_logprobs"]}


def alike(answers: Sequence[httpx.Response]) -> bool:
    """Whether two begin with one token, as likely as batches of other sizes leave it."""
    one, other = (each.json()["choices"][0]["logprobs"]["content"][0] for each in answers)
    near = math.isclose(one["logprob"], other["logprob"], abs_tol=0.05)
    return near and one["token"] == other["token"]


async def test_a_pictures_tokens_are_counted(seer: Seer) -> None:
    """A picture costs its squares, a larger one more of them, two pictures both."""
    without = prompt_tokens(await asked(seer.url))
    assert prompt_tokens(await asked(seer.url, shown(0))) == without + PICTURE_TOKENS + AROUND
    wide = prompt_tokens(await asked(seer.url, picture(Canvas(640, 240))))
    assert wide == without + 2 * PICTURE_TOKENS + AROUND
    both = prompt_tokens(await asked(seer.url, shown(0), shown(1)))
    assert both == without + 2 * (PICTURE_TOKENS + AROUND)


async def test_pictures_are_seen(seer: Seer) -> None:
    """Each picture gives log-probabilities of its own, and the same one the same."""
    found = [likely(await asked(seer.url, shown(turn))) for turn in range(4)]
    assert all(a != b for n, a in enumerate(found) for b in found[:n])
    assert alike([await asked(seer.url, shown(3)) for _ in range(2)])


async def test_pictures_are_relayed_untouched(seer: Seer) -> None:
    """The engine counts and answers as without the proxy; the record is that of any request."""
    ours, own = await asked(seer.url, shown(2)), await asked(seer.direct, shown(2))
    assert prompt_tokens(ours) == prompt_tokens(own)
    assert alike((ours, own))
    row = await audited(seer.proxy, ours.headers["evenhand-request-id"])
    assert (row.outcome.kind, row.outcome.usage.source) == ("completed", "engine")
    assert row.outcome.usage.prompt_tokens == prompt_tokens(own)
    without = await asked(seer.url)
    told = await audited(seer.proxy, without.headers["evenhand-request-id"])
    assert row.decoding()["parameters"] == told.decoding()["parameters"]
    assert row.decoding()["parameters"]["temperature"]["requested"] == 0


async def audited(proxy: RunningProxy, request_id: str) -> Any:
    """The request's row, once it has its outcome."""
    for _ in range(200):
        row = proxy.request(request_id)
        if row.outcome is not None:
            return row
        await asyncio.sleep(0.02)
    raise AssertionError(f"{request_id} has no outcome")


async def run(seer: Seer, task: str, url: str, **more: Any) -> RunData:
    """Run a task greedily, and hold its log to what every run must be."""
    out = seer.folder / f"{task}-{'ours' if url == seer.url else 'own'}"
    engine = "auto" if url == seer.url else seer.engine.engine
    settings = RunSettings(url, NAME, out, profile="greedy", engine=engine, **more)
    done = await run_task(TASKS[task], settings)
    outcomes = done.result.outcomes
    assert (outcomes["failed"], outcomes["refused"]) == (0, 0)
    lines = (out / "samples.jsonl").read_bytes().splitlines()
    assert len(lines) == sum(outcomes.values())
    assert b"data:image/png;base64," in lines[0]
    return done


async def test_every_item_of_the_drawn_tasks_is_asked_and_scored(seer: Seer) -> None:
    """Both tasks, all kinds; on the weather it is right far more often than by chance."""
    small = await run(seer, "vision_small", seer.url)
    assert small.result.groups["weather"].value > 0.6
    assert sum(small.result.outcomes.values()) == 48
    twice = await run(seer, "vision_consistency", seer.url, options={"items": "2"})
    assert set(twice.result.metrics) >= {"agreement", "image_accuracy", "text_accuracy"}
    assert all(len(record.steps) == 2 for record in twice.records)


async def test_your_own_pictures_through_the_proxy_and_without(seer: Seer) -> None:
    """A user's file is answered alike on both ways, one item with two pictures among it."""
    data = own_set(seer.folder)
    ours = await run(seer, "vision", seer.url, data=data)
    own = await run(seer, "vision", seer.direct, data=data)
    texts = [
        {record.item: said(record.response) for record in each.records} for each in (ours, own)
    ]
    assert texts[0] == texts[1]
    assert ours.result.outcomes == own.result.outcomes
    report = seer.folder / "report.html"
    code, _, problems = await evenhand(
        "eval", "report", str(seer.folder / "vision-ours"), "--out", str(report)
    )
    assert code == 0, problems
    assert TASKS["vision"].title in report.read_text("utf-8")


async def test_a_model_that_cannot_see_is_refused_with_the_reason(
    subject: Subject, tmp_path: Path
) -> None:
    """A text model is not scored on pictures: the run ends with the engine's own words."""
    where = ("--base-url", subject.url, "--model", subject.model, "--out", str(tmp_path / "run"))
    code, _, problems = await evenhand("eval", "run", "vision_small", *where, "--limit", "4")
    assert code == 2, problems
    assert "takes no images" in problems
    assert "choose a model that sees" in problems


def said(response: Any) -> str:
    """The text of an answer."""
    return str(response["choices"][0]["message"]["content"])


def own_set(folder: Path) -> Path:
    """Write pictures and questions as a user would."""
    rows: list[dict[str, Any]] = []
    for turn in range(3):
        drawn = scene("weather", "en", turn, 9)
        (folder / f"{turn}.png").write_bytes(drawn.picture.png())
        answer = {"question": drawn.question, "answer": drawn.target, "labels": drawn.labels}
        rows.append({"id": f"sky {turn}", "image": f"{turn}.png", **answer})
    rows.append({**rows[0], "id": "two pictures", "image": ["0.png", "1.png"]})
    file = folder / "own.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file
