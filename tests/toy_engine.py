"""An OpenAI-style engine over loopback that samples from a toy model, honestly or not.

For tests that must know exactly what an engine does: it follows each parameter as vLLM would, and
one that is told to lie about chosen parameters lies about those alone. What is random without a
seed still repeats from run to run: it follows `engine_seed` and the order of the requests.

Routes: GET /health, GET /v1/models, POST /tokenize (`prompt` as vLLM, `content` as llama.cpp, or
`messages`), POST /v1/chat/completions, POST /v1/completions; the last two also as streams.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.toy_grammar import Grammar, UnsupportedGrammar
from tests.toy_model import VOCABULARY, ToyModel, tokenize
from tests.toy_request import BadRequest, Lies, chat_prompt, decoding_of, text_prompt
from tests.toy_sampling import Answer, Decoding, Generation, Step

MODEL = "toy"


@dataclass(frozen=True, slots=True)
class Habits:
    """What an engine is like before anything is asked of it; see `toy_engine`."""

    logprobs: bool
    scaled_logprobs: bool
    peaked: bool
    engine_seed: int
    cached: bool
    default_seed: int | None


class ToyEngine:
    """One engine, its lies, and what it has been asked.

    `requests` counts chat and text completions, refused ones too; `last` is the newest body.
    """

    def __init__(self, lies: Lies, habits: "Habits") -> None:
        self.base_url = ""
        self.model = MODEL
        self.requests = 0
        self.last: dict[str, Any] = {}
        self._lies = lies
        self._habits = habits
        self._language = ToyModel(peaked=habits.peaked)
        self._seeds = random.Random(habits.engine_seed)
        self._grammars: dict[str, Grammar] = {}

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[_refusals])
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, _: web.Request) -> web.Response:
        entry = {"id": self.model, "object": "model", "created": 1, "owned_by": "toy"}
        return web.json_response({"object": "list", "data": [entry | {"max_model_len": 8192}]})

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if "messages" in body:
            tokens = chat_prompt(body)
        else:
            tokens = tokenize(str(body.get("prompt", body.get("content", ""))))
        return web.json_response({"tokens": tokens, "count": len(tokens), "max_model_len": 8192})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, chat_prompt, _CHAT)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, text_prompt, _TEXT)

    async def _answer(
        self,
        request: web.Request,
        prompt_of: Callable[[Mapping[str, Any]], list[int]],
        shape: "_Shape",
    ) -> web.StreamResponse:
        body = await _body(request)
        self.requests += 1
        self.last = body
        if body.get("model") != self.model:
            return _error(404, f"the model {body.get('model')!r} does not exist", "model")
        prompt = prompt_of(body)
        decoding = decoding_of(body, self._lies, chat=shape is _CHAT)
        decoding = replace(
            decoding,
            logprobs=decoding.logprobs if self._habits.logprobs else None,
            scaled_logprobs=self._habits.scaled_logprobs,
        )
        answers = self._generate(prompt, decoding, body)
        usage = _usage(len(prompt), answers)
        head = {"id": f"{shape.prefix}-{self.requests}", "created": 1, "model": self.model}
        if not body.get("stream"):
            choices = [shape.choice(i, one, decoding) for i, one in enumerate(answers)]
            whole = {**head, "object": shape.whole, "choices": choices, "usage": usage}
            return web.json_response(whole)
        options = body.get("stream_options")
        wanted = isinstance(options, dict) and options.get("include_usage")
        head["object"] = shape.part
        events = _events(head, answers, decoding, shape, usage if wanted else None)
        return await _streamed(request, events)

    def _generate(
        self, prompt: Sequence[int], decoding: Decoding, body: Mapping[str, Any]
    ) -> list[Answer]:
        chance = random.Random(json.dumps(body)) if self._habits.cached else self._seeds
        seed = self._habits.default_seed if decoding.seed is None else decoding.seed
        seed = chance.getrandbits(48) if seed is None else seed
        grammar = None if decoding.pattern is None else self._grammar(decoding.pattern)
        return [
            Generation(self._language, prompt, decoding, grammar).run(
                random.Random(str(seed + index))
            )
            for index in range(decoding.n)
        ]

    def _grammar(self, pattern: str) -> Grammar:
        if pattern not in self._grammars:
            try:
                self._grammars[pattern] = Grammar(pattern)
            except UnsupportedGrammar as error:
                raise BadRequest(f"the constraint cannot be followed: {error}", "regex") from error
        return self._grammars[pattern]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one route spells an answer, whole and in parts."""

    prefix: str
    whole: str
    part: str
    choice: Callable[[int, Answer, Decoding], dict[str, Any]]
    opening: dict[str, Any] | None
    delta: Callable[[Step], dict[str, Any]]
    logprobs: Callable[[Sequence[Step]], dict[str, Any]]


def _bytes(token: int) -> list[int]:
    return list(VOCABULARY[token].encode())


def _chat_logprobs(steps: Sequence[Step]) -> dict[str, Any]:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        return {"token": VOCABULARY[token], "logprob": logprob, "bytes": _bytes(token)}

    return {
        "content": [
            entry(step.token, step.logprob) | {"top_logprobs": [entry(*pair) for pair in step.top]}
            for step in steps
        ]
    }


def _text_logprobs(steps: Sequence[Step]) -> dict[str, Any]:
    offsets, reached = [], 0
    for step in steps:
        offsets.append(reached)
        reached += len(step.text)
    return {
        "tokens": [VOCABULARY[step.token] for step in steps],
        "token_logprobs": [step.logprob for step in steps],
        "top_logprobs": [
            {
                VOCABULARY[token]: logprob
                for token, logprob in (*step.top, (step.token, step.logprob))
            }
            for step in steps
        ],
        "text_offset": offsets,
    }


def _chat_choice(index: int, answer: Answer, decoding: Decoding) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if decoding.thinking:
        message["reasoning_content"] = answer.reasoning
    return {
        "index": index,
        "message": message,
        "logprobs": None if decoding.logprobs is None else _chat_logprobs(answer.steps),
        "finish_reason": answer.finish,
    }


def _text_choice(index: int, answer: Answer, decoding: Decoding) -> dict[str, Any]:
    return {
        "index": index,
        "text": answer.text,
        "logprobs": None if decoding.logprobs is None else _text_logprobs(answer.steps),
        "finish_reason": answer.finish,
    }


def _chat_delta(step: Step) -> dict[str, Any]:
    if step.reasoning:
        return {"delta": {"reasoning_content": step.reasoning}}
    return {"delta": {"content": step.text}}


_CHAT = _Shape(
    "chatcmpl",
    "chat.completion",
    "chat.completion.chunk",
    _chat_choice,
    {"delta": {"role": "assistant", "content": ""}},
    _chat_delta,
    _chat_logprobs,
)
_TEXT = _Shape(
    "cmpl",
    "text_completion",
    "text_completion",
    _text_choice,
    None,
    lambda step: {"text": step.text},
    _text_logprobs,
)


def _events(
    head: Mapping[str, Any],
    answers: Sequence[Answer],
    decoding: Decoding,
    shape: _Shape,
    usage: Mapping[str, Any] | None,
) -> Iterator[bytes]:
    """One event for each token; the last of each answer carries why it ended."""
    for index, answer in enumerate(answers):
        if shape.opening is not None:
            yield _event(head, [{"index": index, **shape.opening, "finish_reason": None}])
        for place, step in enumerate(answer.steps, start=1):
            last = place == len(answer.steps)
            logprobs = None if decoding.logprobs is None else shape.logprobs([step])
            finish = answer.finish if last else None
            choice = {"index": index, **shape.delta(step)}
            yield _event(head, [{**choice, "logprobs": logprobs, "finish_reason": finish}])
    if usage is not None:
        yield _event({**head, "usage": usage}, [])
    yield b"data: [DONE]\n\n"


def _event(head: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return b"data: " + json.dumps({**head, "choices": choices}).encode() + b"\n\n"


def _usage(prompt: int, answers: Sequence[Answer]) -> dict[str, int]:
    generated = sum(len(answer.steps) for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
    }


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}", None) from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object", None)
    return body


def _error(status: int, message: str, param: str | None) -> web.StreamResponse:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": status}
    return web.json_response({"error": error}, status=status)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadRequest as error:
        return _error(400, str(error), error.param)


async def _streamed(request: web.Request, events: Iterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        await response.write(event)
    await response.write_eof()
    return response


@asynccontextmanager
async def toy_engine(
    *,
    ignore: Collection[str] = (),
    alter: Mapping[str, Any] | None = None,
    refuse: Collection[str] = (),
    logprobs: bool = True,
    scaled_logprobs: bool = False,
    peaked: bool = False,
    engine_seed: int = 0,
    cached: bool = False,
    default_seed: int | None = None,
) -> AsyncIterator[ToyEngine]:
    """Run a toy engine on a free loopback port.

    Args:
        ignore: Parameters that it accepts and does not follow; see `Lies`.
        alter: Parameters that it follows with another value; see `Lies`.
        refuse: Parameters that it answers with 400.
        logprobs: False for an engine that accepts the parameter and never returns any.
        scaled_logprobs: True for log probabilities of what was sampled from, after bias, penalties
            and temperature, as SGLang's; else of the model's own logits, as vLLM's.
        peaked: Whether the model is nearly certain of each token.
        engine_seed: Where what has no seed starts from.
        cached: Whether it answers an equal body equally, as where answers are kept.
        default_seed: The seed that acts where none is sent; None for a new one each time.
    """
    lies = Lies(ignore, alter or {}, refuse)
    engine = ToyEngine(
        lies, Habits(logprobs, scaled_logprobs, peaked, engine_seed, cached, default_seed)
    )
    runner = web.AppRunner(engine.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        engine.base_url = f"http://{host}:{port}/v1"
        yield engine
    finally:
        await runner.cleanup()
