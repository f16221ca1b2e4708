"""litellm as a translator and nothing else, against a server that records what really arrives."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from evenhand_proxy.config import Timeouts
from evenhand_proxy.errors import (
    ConfigError,
    RequestError,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from evenhand_proxy.upstream.hosted import PROVIDERS, HostedRequest, Route, provider_of
from evenhand_proxy.upstream.litellm_client import HostedCall, LitellmClient, check_settings
from tests.fake_engine import FakeEngine, plain, silence
from tests.fake_engine import stream as stream_of
from tests.proxy.recording_provider import anthropic_events, cut, named, recording_provider

pytestmark = [
    # litellm's own, raised while pydantic builds and reads its models.
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
]

KEY = "sk-very-secret"
MESSAGES = [{"role": "user", "content": "hi"}]
PATIENCE = Timeouts(connect=2, first_byte=5, between_bytes=5, total=20)
HASTE = Timeouts(connect=2, first_byte=0.2, between_bytes=0.2, total=20)

MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "bigmodel": "glm-4.6",
    "dashscope": "qwen3-max",
    "deepseek": "deepseek-chat",
    "gemini": "gemini-2.5-flash",
    "hosted_vllm": "glm-4",
    "mistral": "mistral-small-latest",
    "moonshot": "kimi-k2-0905-preview",
    "ollama_chat": "llama3",
    "openai": "gpt-4o",
    "zai": "glm-4.6",
}
CHAT = [f"{provider}/{model}" for provider, model in MODELS.items()]
KINDS = ["zai/glm-4.6", "anthropic/claude-sonnet-4-5"]
"""One model for each way in which litellm reaches providers."""


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[LitellmClient]:
    """The client, loaded once."""
    async with LitellmClient() as loaded:
        yield loaded


@pytest.fixture
async def provider() -> AsyncIterator[FakeEngine]:
    """The recording server."""
    async with recording_provider() as running:
        yield running


def asked(
    provider: FakeEngine,
    model: str,
    document: Mapping[str, Any],
    route: Route = "chat",
    timeouts: Timeouts = PATIENCE,
) -> HostedRequest:
    """One call; a chat gets its messages."""
    whole = {"messages": MESSAGES, **document} if route == "chat" else document
    return HostedRequest(model, route, whole, provider.url, KEY, timeouts, "r1")


async def sent(client: LitellmClient, request: HostedRequest) -> tuple[HostedCall, Any]:
    """Make the call whole and give its answer's JSON."""
    call = await client.begin(request)
    answer = await call.send()
    body = json.loads(await answer.read())
    answer.close()
    return call, body


async def streamed(client: LitellmClient, request: HostedRequest) -> list[Any]:
    """Make a streaming call and give its events, the last of which must be [DONE]."""
    answer = await (await client.begin(request)).send()
    assert answer.headers["content-type"] == "text/event-stream"
    try:
        text = (await answer.read()).decode()
    finally:
        answer.close()
    *events, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_models_for_each_provider() -> None:
    """Every provider that is offered is tested below."""
    assert set(MODELS) == set(PROVIDERS)


@pytest.mark.parametrize("model", CHAT)
async def test_plain_chat(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """Nothing goes out before `send`, then what `wire` showed, once; OpenAI's shape returns."""
    call = await client.begin(asked(provider, model, {"temperature": 0}))
    assert provider.seen == []
    answer = await call.send()
    body = json.loads(await answer.read())
    [seen] = provider.seen
    assert seen.json == call.wire.document
    assert call.wire.method == seen.method == "POST"
    assert call.wire.url == provider.url + seen.path
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    [choice] = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] == "hello"
    assert choice["finish_reason"] == "stop"
    assert body["object"] == "chat.completion"
    assert {name: body["usage"][name] for name in ("prompt_tokens", "completion_tokens")} == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
    }


@pytest.mark.parametrize("model", CHAT)
async def test_the_key(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """The provider gets the key; what is shown of the request does not hold it."""
    call, _ = await sent(client, asked(provider, model, {}))
    [seen] = provider.seen
    assert KEY in seen.path + repr(seen.headers)
    assert KEY not in repr(call.wire)
    assert "***" in repr(call.wire)


async def test_no_key(client: LitellmClient, provider: FakeEngine) -> None:
    """Without a key nothing stands in for it on the wire, and who needs one is not called."""
    request = asked(provider, "ollama_chat/llama3", {})
    bare = HostedRequest(
        *(request.model, "chat", request.document, provider.url), None, PATIENCE, "r"
    )
    call = await client.begin(bare)
    await call.send()
    assert "authorization" not in provider.seen[0].headers
    lacking = replace(asked(provider, "zai/glm-4.6", {}), api_key=None)
    with pytest.raises(UpstreamError, match="api_key"):
        await client.begin(lacking)


async def test_headers_tell_nothing_of_this_machine(
    client: LitellmClient, provider: FakeEngine
) -> None:
    """What the SDK reports about the machine stays here."""
    await sent(client, asked(provider, "openai/gpt-4o", {}))
    assert not [name for name in provider.seen[0].headers if name.startswith("x-stainless")]


@pytest.mark.parametrize("model", CHAT)
async def test_stream(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """A stream is OpenAI's, whatever the provider's was; no counts that were not asked for."""
    events = await streamed(client, asked(provider, model, {"stream": True}))
    assert len(provider.seen) == 1
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    choices = [event["choices"][0] for event in events]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "hello"
    assert [choice["finish_reason"] for choice in choices][-1] == "stop"
    assert [choice["finish_reason"] for choice in choices].count("stop") == 1
    assert not [event for event in events if "usage" in event]


@pytest.mark.parametrize("model", CHAT)
async def test_stream_with_usage(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """Counts that were asked for come once, in a last event without choices, if there are any."""
    document = {"stream": True, "stream_options": {"include_usage": True}}
    events = await streamed(client, asked(provider, model, document))
    counted = [event for event in events if "usage" in event]
    if model.startswith("mistral/"):  # litellm does not ask it, and this server does not offer
        assert counted == []
        return
    assert counted == events[-1:]
    assert counted[0]["choices"] == []
    assert counted[0]["usage"]["completion_tokens"] == 2


async def test_no_invented_usage(client: LitellmClient, provider: FakeEngine) -> None:
    """Where a provider counts no tokens litellm makes figures up: they are not passed on."""
    bare = {"message": {"role": "assistant", "content": "hello"}, "done": True, "model": "m"}
    provider.reply = plain(bare)
    _, body = await sent(client, asked(provider, "ollama_chat/llama3", {}))
    assert body["choices"][0]["message"]["content"] == "hello"
    assert "usage" not in body


async def test_other_routes(client: LitellmClient, provider: FakeEngine) -> None:
    """Completions and embeddings go to their own paths, with zeros and strangers kept."""
    document = {"prompt": "hi", "temperature": 0, "seed": 0, "echo": False, "min_p": 0.1}
    for model in ("openai/gpt-3.5-turbo-instruct", "hosted_vllm/m"):
        call, body = await sent(client, asked(provider, model, document, "completions"))
        assert call.wire.document == {"model": model.partition("/")[2], **document}
        assert body["choices"][0]["text"] == "hello"
    for model in ("openai/text-embedding-3-small", "hosted_vllm/m", "mistral/mistral-embed"):
        request = asked(provider, model, {"input": ["hi"]}, "embeddings")
        call, body = await sent(client, request)
        assert call.wire.document == {"model": model.partition("/")[2], "input": ["hi"]}
        assert body["data"][0]["embedding"] == [0.25, -0.5]
    assert all(seen.json for seen in provider.seen)
    assert len(provider.seen) == 5


async def test_stream_of_completions(client: LitellmClient, provider: FakeEngine) -> None:
    """The completions route streams too."""
    document = {"prompt": "hi", "stream": True}
    request = asked(provider, "openai/gpt-3.5-turbo-instruct", document, "completions")
    events = await streamed(client, request)
    assert "".join(event["choices"][0].get("text", "") for event in events) == "hello"


async def test_route_that_a_provider_lacks(client: LitellmClient, provider: FakeEngine) -> None:
    """A prompt is not made into a chat behind the client's back."""
    request = asked(provider, "anthropic/claude-sonnet-4-5", {"prompt": "hi"}, "completions")
    with pytest.raises(RequestError, match="no route for completions"):
        await client.begin(request)


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 422, 429, 500, 503])
async def test_errors_keep_their_status(
    client: LitellmClient, provider: FakeEngine, model: str, stream: bool, status: int
) -> None:
    """A provider's refusal is its own: status, message, and not asked for twice."""
    said = {"error": {"message": f"no, {KEY}", "type": "t"}}
    provider.reply = plain(said, status, "retry-after: 7")
    answer = await (await client.begin(asked(provider, model, {"stream": stream}))).send()
    assert answer.status == status
    assert answer.headers["retry-after"] == "7"
    assert json.loads(await answer.read()) == {"error": {"message": "no, ***", "type": "t"}}
    assert len(provider.seen) == 1


@pytest.mark.parametrize("model", KINDS)
async def test_unreachable(client: LitellmClient, model: str) -> None:
    """A provider that is not there is said to be unreachable."""
    async with recording_provider() as gone:
        request = asked(gone, model, {})
    with pytest.raises(UpstreamUnreachable):
        await (await client.begin(request)).send()


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("stream", [False, True])
async def test_silence(
    client: LitellmClient, provider: FakeEngine, model: str, stream: bool
) -> None:
    """A provider that says nothing times out, and is asked once."""
    provider.reply = silence()
    call = await client.begin(asked(provider, model, {"stream": stream}, timeouts=HASTE))
    with pytest.raises(UpstreamTimeout):
        await call.send()
    assert len(provider.seen) == 1


@pytest.mark.parametrize("model", CHAT)
@pytest.mark.parametrize(("then", "error"), [("break", UpstreamBroken), ("end", UpstreamBroken)])
async def test_stream_cut_short(
    client: LitellmClient, provider: FakeEngine, model: str, then: str, error: type[Exception]
) -> None:
    """A stream that ends early is broken, also where litellm would invent a finish reason."""
    keep = 3 if model.startswith("anthropic/") else 1
    provider.reply = cut(keep, then)
    with pytest.raises(error):
        await streamed(client, asked(provider, model, {"stream": True}))


@pytest.mark.parametrize("model", KINDS)
async def test_stream_that_stalls(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """A stream that falls silent times out."""
    provider.reply = cut(3, "hang")
    with pytest.raises(UpstreamTimeout):
        await streamed(client, asked(provider, model, {"stream": True}, timeouts=HASTE))


async def test_error_in_a_stream(client: LitellmClient, provider: FakeEngine) -> None:
    """An error that a provider reports in the middle of a stream breaks it, with its message."""
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}
    line = f"event: error\ndata: {json.dumps(event)}\n\n".encode()
    provider.reply = stream_of(*anthropic_events()[:3], line)
    with pytest.raises(UpstreamBroken, match="too busy"):
        await streamed(client, asked(provider, "anthropic/claude-sonnet-4-5", {"stream": True}))


async def test_tool_calls_in_a_stream(client: LitellmClient, provider: FakeEngine) -> None:
    """A provider's tool use arrives as OpenAI's tool calls."""
    start = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a": 1}'}
    first, *_, last, stop = anthropic_events()
    provider.reply = stream_of(
        first,
        named({"type": "content_block_start", "index": 0, "content_block": start}),
        named({"type": "content_block_delta", "index": 0, "delta": delta}),
        named({"type": "content_block_stop", "index": 0}),
        last.replace(b"end_turn", b"tool_use"),
        stop,
    )
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    document = {"stream": True, "tools": [tool]}
    events = await streamed(client, asked(provider, "anthropic/claude-sonnet-4-5", document))
    choices = [event["choices"][0] for event in events]
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls if call["function"].get("name")] == ["f"]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a": 1}'
    assert choices[-1]["finish_reason"] == "tool_calls"


async def test_nonsense(client: LitellmClient, provider: FakeEngine) -> None:
    """An answer that litellm cannot read is the provider's fault, not the client's."""
    provider.reply = plain([1])
    with pytest.raises(UpstreamBroken):
        await (await client.begin(asked(provider, "anthropic/claude-sonnet-4-5", {}))).send()


@pytest.mark.parametrize("model", CHAT)
async def test_closed_before_send(client: LitellmClient, provider: FakeEngine, model: str) -> None:
    """A call that is given up before `send` never goes out, also not later."""
    call = await client.begin(asked(provider, model, {}))
    call.close()
    with pytest.raises(asyncio.CancelledError):
        await call.send()
    assert provider.seen == []


@pytest.mark.parametrize("model", CHAT)
async def test_closed_while_streaming(
    client: LitellmClient, provider: FakeEngine, model: str
) -> None:
    """Closing an answer drops the provider's connection."""
    provider.reply = cut(3 if model.startswith("anthropic/") else 1, "hang")
    answer = await (await client.begin(asked(provider, model, {"stream": True}))).send()
    async for _ in answer.chunks():
        break
    answer.close()
    await asyncio.wait_for(provider.seen[0].dropped.wait(), 5)


@pytest.mark.parametrize("model", KINDS)
async def test_cancelled_while_waiting(
    client: LitellmClient, provider: FakeEngine, model: str
) -> None:
    """A caller that is cancelled before the answer drops the provider's connection."""
    provider.reply = silence()
    call = await client.begin(asked(provider, model, {}))
    sending = asyncio.ensure_future(call.send())
    await asyncio.wait_for(provider.called.wait(), 5)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(provider.seen[0].dropped.wait(), 5)


async def test_calls_at_once(client: LitellmClient, provider: FakeEngine) -> None:
    """Calls do not mix: each wire request is its own."""
    requests = [asked(provider, model, {"max_tokens": 7}) for model in CHAT * 3]
    results = await asyncio.gather(*(sent(client, request) for request in requests))
    shown = sorted(json.dumps(call.wire.document, sort_keys=True) for call, _ in results)
    assert shown == sorted(json.dumps(seen.json, sort_keys=True) for seen in provider.seen)


async def test_settings_of_litellm_in_a_body(client: LitellmClient, provider: FakeEngine) -> None:
    """A client cannot set litellm: its names are fields of the body like any other."""
    ruse = {
        "api_base": "http://127.0.0.1:9",
        "drop_params": True,
        "mock_response": "x",
        "num_retries": 3,
        "fallbacks": ["openai/gpt-4o"],
        "metadata": {"a": "b"},
        "extra_body": {"seed": 1},
        "custom_llm_provider": "openai",
    }
    call, body = await sent(client, asked(provider, "zai/glm-4.6", ruse))
    assert call.wire.document == {"model": "glm-4.6", "messages": MESSAGES, **ruse}
    assert body["choices"][0]["message"]["content"] == "hello"


async def test_remote_pictures(client: LitellmClient, provider: FakeEngine) -> None:
    """Pictures that litellm would fetch itself, from wherever the client says, are refused."""
    part = {"type": "image_url", "image_url": {"url": provider.url + "/cat.png"}}
    document = {"messages": [{"role": "user", "content": [part]}]}
    for model in ("ollama_chat/llama3", "gemini/gemini-2.5-flash"):
        with pytest.raises(RequestError, match=r"messages\[0\]\.content\[0\]\.image_url"):
            await client.begin(asked(provider, model, document))
    call, _ = await sent(client, asked(provider, "openai/gpt-4o", document))
    assert call.wire.document["messages"] == document["messages"]
    assert len(provider.seen) == 1


async def test_remote_files(client: LitellmClient, provider: FakeEngine) -> None:
    """Files are fetched by litellm for every provider, so none is."""
    part = {"type": "file", "file": {"file_id": provider.url + "/a.pdf"}}
    document = {"messages": [{"role": "user", "content": [part]}]}
    for model in CHAT:
        with pytest.raises(RequestError, match=r"content\[0\]\.file\.file_id is an address"):
            await client.begin(asked(provider, model, document))


async def test_the_document_is_left_alone(client: LitellmClient, provider: FakeEngine) -> None:
    """The caller's document stays as it was, though litellm writes into what it gets."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    document = {"messages": [{"role": "user", "content": "hi"}], "response_format": schema}
    before = json.dumps(document)
    await sent(client, asked(provider, "zai/glm-4.6", document))
    assert provider.seen[0].json["messages"] != document["messages"]
    assert json.dumps(document) == before


async def test_large_numbers(client: LitellmClient, provider: FakeEngine) -> None:
    """A whole number of any size is shown as it is sent."""
    call, _ = await sent(client, asked(provider, "openai/gpt-4o", {"seed": 2**70 + 1}))
    assert call.wire.document["seed"] == provider.seen[0].json["seed"] == 2**70 + 1


def test_unknown_provider() -> None:
    """A model whose provider litellm is not used for is a mistake in the config."""
    assert provider_of("zai/glm-4.6")[::2] == ("zai", "glm-4.6")
    for model in ("gpt-4o", "cohere/command-r", "zai/", "/glm"):
        with pytest.raises(ConfigError, match="PROVIDER/MODEL"):
            provider_of(model)


def test_a_litellm_that_was_tampered_with() -> None:
    """The settings of litellm for the whole process must be neutral."""
    check_settings(SimpleNamespace(drop_params=False, callbacks=[]))
    for name, value in (("drop_params", True), ("cache", object()), ("callbacks", ["x"])):
        with pytest.raises(ConfigError, match=f"litellm.{name}"):
            check_settings(SimpleNamespace(**{name: value}))


def test_a_switch_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch that would lead litellm past the gate is refused."""
    monkeypatch.setenv("EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER", "true")
    with pytest.raises(ConfigError, match="EXPERIMENTAL_OPENAI"):
        check_settings(SimpleNamespace())


def test_drop_params_in_the_environment() -> None:
    """With dropping switched on for the process, the client does not start."""
    program = (
        "import asyncio\n"
        "from evenhand_proxy.upstream.litellm_client import LitellmClient\n"
        "asyncio.run(LitellmClient().__aenter__())"
    )
    environment = {"LITELLM_DROP_PARAMS": "true", "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "litellm.drop_params is True" in ended.stderr


def test_litellm_is_loaded_late() -> None:
    """Importing the client costs the proxy nothing: neither litellm nor openai comes with it."""
    program = (
        "import sys, evenhand_proxy.upstream.litellm_client\n"
        "print({'litellm', 'openai'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "set()\n"


REMOTE = "http://127.0.0.1:9/cat.png"


@pytest.mark.parametrize(
    "message",
    [
        {"content": "a", "images": [{"type": "image_url", "image_url": {"url": REMOTE}}]},
        {"content": [{"type": "document", "source": {"type": "url", "url": REMOTE}}]},
        {
            "content": [
                {"type": "image_url", "image_url": REMOTE.replace("://", ":\n//") + "base64"}
            ]
        },
        {"content": [{"type": "image_url", "image_url": {"url": f"\t{REMOTE}"}}]},
        {"content": [{"type": "file", "file": {"file_id": f" {REMOTE}"}}]},
        {"content": [{"type": "file", "file_data": REMOTE}]},
        {"content": [{"type": "image_url", "image_url": {"url": "gs://bucket/cat"}}]},
    ],
)
async def test_addresses_in_odd_places(
    client: LitellmClient, provider: FakeEngine, message: dict[str, Any]
) -> None:
    """Wherever litellm or Python's urllib would still find one, in whatever disguise."""
    document = {"messages": [*MESSAGES, {"role": "user", **message}], "max_tokens": 9}
    for model in ("gemini/gemini-2.5-flash", "anthropic/claude-sonnet-4-5", "ollama_chat/llama3"):
        with pytest.raises(RequestError, match=r"messages\[1\]\.\S+ is an address"):
            await client.begin(asked(provider, model, document))
    assert provider.seen == []


async def test_words_may_speak_of_addresses(client: LitellmClient, provider: FakeEngine) -> None:
    """In text, in a tool's arguments and in thinking; and data is no address."""
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": '{"u":"http://a"}'},
    }
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    words = {"type": "text", "text": "see https://example.org"}
    messages = [
        {"role": "user", "content": [words, picture]},
        {"role": "assistant", "content": "at http://a", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "http://a"},
    ]
    document = {"messages": messages, "max_tokens": 9}
    for model in ("gemini/gemini-2.5-flash", "anthropic/claude-sonnet-4-5", "ollama_chat/llama3"):
        call_made, _ = await sent(client, asked(provider, model, document))
        assert "https://example.org" in json.dumps(call_made.wire.document)


async def test_a_cache_is_not_made_on_the_side(client: LitellmClient, provider: FakeEngine) -> None:
    """For `cache_control` litellm would call Gemini before the request that is recorded."""
    part = {"type": "text", "text": "word " * 5000, "cache_control": {"type": "ephemeral"}}
    document = {"messages": [{"role": "user", "content": [part]}, *MESSAGES]}
    call, _ = await sent(client, asked(provider, "gemini/gemini-2.5-flash", document))
    assert [seen.path for seen in provider.seen] == ["/models/gemini-2.5-flash:generateContent"]
    assert call.wire.document["contents"][0]["parts"][0]["text"] == part["text"]


async def test_tool_servers_are_the_providers(client: LitellmClient, provider: FakeEngine) -> None:
    """The address `litellm_proxy` has litellm call tools itself; here it is just passed on."""
    tool = {"type": "mcp", "server_label": "x", "server_url": "litellm_proxy"}
    call, _ = await sent(client, asked(provider, "openai/gpt-4o", {"tools": [tool]}))
    assert call.wire.document["tools"] == [tool]
