"""A real server on loopback that speaks OpenAI's chat protocol and misbehaves when told to."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from evenhand_evals.http.client import Backoff
from evenhand_evals.settings import RunSettings
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Sample,
    Score,
    Task,
)

PROMPT_TOKENS, COMPLETION_TOKENS = 7, 3
QUICK = Backoff(base=0.001, cap=0.002)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the fake: a chat completion, an error body, or a connection that breaks."""

    text: str | None = "yes"
    status: int = 200
    finish_reason: str = "stop"
    refusal: str | None = None
    reasoning: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "something is wrong"
    drop: bool = False
    raw: str | None = None


Script = Callable[[dict[str, Any], int], Reply]


def always(reply: Reply) -> Script:
    """Give a script that answers everything alike."""
    return lambda _body, _time: reply


def prompt_of(body: Mapping[str, Any]) -> str:
    """Give the last message of a request."""
    return str(body["messages"][-1]["content"])


class Fake:
    """The fake endpoint: `script` gets a request and how often that prompt was seen before.

    `explain` makes it an Evenhand proxy: it gets the request and gives the decoding record.
    `facts` stand beside each model's name.
    `hold_after` lets that many chat requests through and keeps the others until the fake closes.
    `streams` answers requests for a stream with one, else they get the plain answer.
    """

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or always(Reply())
        self.models = ["tiny", "tiny-instruct"]
        self.models_status = 200
        self.facts: Mapping[str, Any] = {}
        self.explain: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]] | None = None
        self.bodies: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.authorizations: list[str | None] = []
        self.hold_after: int | None = None
        self.streams = False
        self.over = asyncio.Event()
        self.url = ""

    @property
    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/decoding/explain", self._explain)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers.get("authorization"))
        if self.models_status != 200:
            key = (request.headers.get("authorization") or "").removeprefix("Bearer ")
            error = {"error": {"message": f"bad key {key}"}}
            return web.json_response(error, status=self.models_status)
        return web.json_response(
            {"data": [{"id": name, "owned_by": "us", **self.facts} for name in self.models]}
        )

    async def _explain(self, request: web.Request) -> web.Response:
        if self.explain is None:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        status, body = self.explain(await request.json())
        return web.json_response(body, status=status, headers={"evenhand-request-id": "explain"})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.hold_after is not None and len(self.bodies) >= self.hold_after:
            await self.over.wait()
            return _response(Reply(status=503, message="the fake is closing"))
        times = self.seen[prompt_of(body)]
        self.seen[prompt_of(body)] += 1
        self.bodies.append(body)
        reply = self.script(body, times)
        if reply.drop:
            assert request.transport is not None
            request.transport.close()
        if self.streams and body.get("stream") and reply.status == 200:
            return _stream(reply, body)
        return _response(reply)


def _stream(reply: Reply, body: Mapping[str, Any]) -> web.Response:
    """Answer with a chunk for each character, and one with the usage if that is asked for."""
    deltas = [
        {"role": "assistant", "content": ""},
        *({"content": each} for each in reply.text or ""),
    ]
    choices: list[list[dict[str, Any]]] = [[{"index": 0, "delta": delta}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}])
    chunks: list[dict[str, Any]] = [{"id": "chatcmpl-1", "choices": each} for each in choices]
    if body.get("stream_options", {}).get("include_usage"):
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
        chunks.append({"id": "chatcmpl-1", "choices": [], "usage": usage})
    text = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
    return web.Response(text=text, content_type="text/event-stream", headers=reply.headers)


def _response(reply: Reply) -> web.Response:
    if reply.raw is not None:
        return web.Response(text=reply.raw, status=reply.status, headers=reply.headers)
    if reply.status != 200:
        error = {"error": {"message": reply.message, "type": "fake", "code": None}}
        return web.json_response(error, status=reply.status, headers=reply.headers)
    message = {"role": "assistant", "content": reply.text}
    if reply.refusal:
        message["refusal"] = reply.refusal
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    document = {
        "id": "chatcmpl-1",
        "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
        "usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS},
    }
    return web.json_response(document, headers=reply.headers)


@asynccontextmanager
async def serving(fake: Fake) -> AsyncIterator[Fake]:
    """Serve a fake on a free loopback port; `fake.url` is its base URL."""
    runner = web.AppRunner(fake.app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        fake.url = f"http://127.0.0.1:{port}/v1"
        yield fake
    finally:
        fake.over.set()
        await runner.cleanup()


def yes_task(items: int = 12, sha256: str = "0" * 64, version: str = "1") -> Task:
    """Make a task whose items ask for "yes"; an answer that is neither yes nor no is unparsed."""

    def load(_source: DataSource) -> Dataset:
        samples = tuple(
            Sample(
                f"item-{number}",
                (Message("user", f"question {number}"),),
                "yes",
                {"group": "even" if number % 2 == 0 else "odd"},
            )
            for number in range(items)
        )
        return Dataset(samples, "made here", None, sha256, "Apache-2.0")

    def score(sample: Sample, completion: Completion) -> Score:
        right = completion.text == sample.target
        parsed = completion.text in ("yes", "no")
        return Score(
            outcome="correct" if right else ("wrong" if parsed else "unparsed"),
            value=float(right),
            metrics={"accuracy": right, "short": len(completion.text) < 4},
            counts={"letters": (completion.text.count("e"), max(1, len(completion.text)))},
            extracted=completion.text if parsed else None,
        )

    return Task(
        name="yes",
        title="Say yes",
        headline="accuracy",
        version=version,
        load=load,
        score=score,
        max_tokens=16,
    )


def settings_for(fake: Fake, out: Path, **changes: Any) -> RunSettings:
    """Give the settings of a run against a fake."""
    return RunSettings(**{"base_url": fake.url, "model": "tiny", "out": out, **changes})


async def reach(out: Path, lines: int) -> None:
    """Wait until that many samples are in a run's log, which another task or process writes."""
    log = out / "samples.jsonl"
    while not log.exists() or log.read_bytes().count(b"\n") < lines:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
