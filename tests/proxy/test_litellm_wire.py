"""What litellm 1.109 makes of each parameter, as the recording server receives it.

The expected documents are written by hand. Where litellm changes a value without a word, the test
says so: these are the facts that the decoding record shows as `sent`.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from evenhand_proxy.config import Timeouts
from evenhand_proxy.errors import RequestError
from evenhand_proxy.upstream.hosted import HostedRequest
from evenhand_proxy.upstream.litellm_client import LitellmClient
from tests.fake_engine import FakeEngine
from tests.proxy.recording_provider import recording_provider

pytestmark = [
    # litellm's own, raised while pydantic builds and reads its models.
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
]

MESSAGES = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "f", "strict": True, "parameters": SCHEMA}}
THINKING_OFF = {"thinking": {"type": "disabled"}}
THINKING_5000 = {"thinking": {"type": "enabled", "budget_tokens": 5000}}

ZAI = "zai/glm-4.6"
GPT_5 = "openai/gpt-5-mini"
KIMI = "moonshot/kimi-k2-0905-preview"
KIMI_25 = "moonshot/kimi-k2.5"
OLLAMA = "ollama_chat/llama3"
VLLM = "hosted_vllm/glm-4"
CLAUDE = "anthropic/claude-sonnet-4-5"
GEMINI = "gemini/gemini-2.5-flash"
GEMINI_3 = "gemini/gemini-3-pro-preview"
MISTRAL = "mistral/mistral-small-latest"
DEEPSEEK = "deepseek/deepseek-chat"

Case = tuple[str, dict[str, Any], dict[str, Any]]

PASSED: list[Case] = [
    (ZAI, {"temperature": 0, "top_k": 5}, {"temperature": 0, "top_k": 5}),
    (ZAI, {"temperature": 1.5, "do_sample": False}, {"temperature": 1.5, "do_sample": False}),
    (ZAI, THINKING_OFF, THINKING_OFF),
    (GPT_5, {"temperature": 1}, {"temperature": 1}),
    (KIMI, {"n": 2, "seed": 0}, {"n": 2, "seed": 0}),
    (VLLM, {"top_k": -1, "min_p": 0.0}, {"top_k": -1, "min_p": 0.0}),
    (
        VLLM,
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    (CLAUDE, {"temperature": 1.5, "max_tokens": 9}, {"temperature": 1.5, "max_tokens": 9}),
    (CLAUDE, {"top_k": 5, "max_tokens": 9}, {"top_k": 5, "max_tokens": 9}),
]
"""As it came, even where the provider will refuse it."""

RENAMED: list[Case] = [
    (ZAI, {"max_completion_tokens": 9}, {"max_tokens": 9}),
    (GPT_5, {"max_tokens": 9}, {"max_completion_tokens": 9}),
    (MISTRAL, {"seed": 0}, {"random_seed": 0}),
    (
        OLLAMA,
        {"max_tokens": 9, "temperature": 0, "top_k": 5, "min_p": 0.1, "num_ctx": 64},
        {"options": {"num_predict": 9, "temperature": 0, "top_k": 5, "min_p": 0.1, "num_ctx": 64}},
    ),
    (CLAUDE, {"stop": [" "], "max_tokens": 9}, {"stop_sequences": [" "], "max_tokens": 9}),
    (CLAUDE, {"user": "u", "max_tokens": 9}, {"metadata": {"user_id": "u"}, "max_tokens": 9}),
    (
        GEMINI,
        {"temperature": 0, "n": 2, "max_tokens": 9, "top_k": 5, "seed": 0},
        {
            "generationConfig": {
                "temperature": 0,
                "candidate_count": 2,
                "max_output_tokens": 9,
                "top_k": 5,
                "seed": 0,
            }
        },
    ),
]
"""Under the provider's name for it."""

CHANGED: list[Case] = [
    (KIMI, {"temperature": 1.5}, {"temperature": 1}),
    (KIMI, {"temperature": 0, "n": 2}, {"temperature": 0.3, "n": 2}),
    (OLLAMA, {"frequency_penalty": 0}, {"options": {"repeat_penalty": 0}}),
    (OLLAMA, {"frequency_penalty": 0.5}, {"options": {"repeat_penalty": 0.5}}),
    (OLLAMA, {"reasoning_effort": "low"}, {"options": {}, "think": True}),
    (VLLM, THINKING_5000, {"reasoning_effort": "high"}),
    (
        CLAUDE,
        {"reasoning_effort": "low"},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 5120},
    ),
    (CLAUDE, THINKING_5000, {**THINKING_5000, "max_tokens": 9096}),
    (DEEPSEEK, THINKING_5000, {"thinking": {"type": "enabled"}}),
    (MISTRAL, {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
    (
        "bigmodel/glm-5.3",
        THINKING_OFF,
        {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
    ),
    (
        GEMINI_3,
        {"reasoning_effort": "none"},
        {
            "generationConfig": {
                "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": False}
            }
        },
    ),
]
"""To another value, or another meaning."""

ADDED: list[Case] = [(CLAUDE, {}, {"max_tokens": 64000})]
"""By litellm alone."""

LOST: list[Case] = [
    (VLLM, THINKING_OFF, {}),
    (KIMI_25, {"temperature": 0.6}, {}),
    (ZAI, {"user": "u"}, {}),
    (ZAI, {"max_tokens": 9, "max_completion_tokens": 8}, {"max_tokens": 8}),
    (ZAI, {"temperature": None}, {}),
    (CLAUDE, {"response_format": {"type": "json_object"}, "max_tokens": 9}, {"max_tokens": 9}),
    (CLAUDE, {"reasoning_effort": "none", "max_tokens": 9}, {"max_tokens": 9}),
    (CLAUDE, {"min_p": None, "max_tokens": 9}, {"max_tokens": 9}),
    (GEMINI_3, {"presence_penalty": 0.5}, {"generationConfig": {}}),
    (GEMINI_3, {"frequency_penalty": 0.5}, {"generationConfig": {}}),
]
"""Without an error, though nothing was ever told to drop it."""

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (ZAI, {"seed": 0}, "seed"),
    (ZAI, {"n": 2}, "n"),
    (ZAI, {"presence_penalty": 0}, "presence_penalty"),
    (ZAI, {"frequency_penalty": 0.5}, "frequency_penalty"),
    (ZAI, {"logprobs": True}, "logprobs"),
    (ZAI, {"logit_bias": {"1": 5}}, "logit_bias"),
    (ZAI, {"parallel_tool_calls": False, "tools": [TOOL]}, "parallel_tool_calls"),
    ("zai/glm-4.5", THINKING_OFF, "thinking"),
    (GPT_5, {"temperature": 0.2, "reasoning_effort": "low"}, "temperature"),
    (GPT_5, {"reasoning_effort": "low", "temperature": 0}, "temperature"),
    (GPT_5, {"top_p": 0.5}, "top_p"),
    (GPT_5, {"stop": ["a"]}, "stop"),
    ("openai/o4-mini", {"temperature": 0}, "temperature"),
    (KIMI, {"reasoning_effort": "low"}, "reasoning_effort"),
    (OLLAMA, {"presence_penalty": 0.5}, "presence_penalty"),
    (OLLAMA, {"n": 2}, "n"),
    (OLLAMA, {"logprobs": True}, "logprobs"),
    (MISTRAL, {"presence_penalty": 0.5}, "presence_penalty"),
    (MISTRAL, {"n": 2}, "n"),
    (CLAUDE, {"seed": 0}, "seed"),
    (CLAUDE, {"n": 2}, "n"),
    (CLAUDE, {"min_p": 0.1}, "min_p"),
    (CLAUDE, {"logprobs": True}, "logprobs"),
    ("anthropic/claude-opus-4-7", {"temperature": 0.5}, "temperature"),
    (GEMINI, {"logit_bias": {"1": 5}}, "logit_bias"),
]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[LitellmClient]:
    """The client, loaded once."""
    async with LitellmClient() as loaded:
        yield loaded


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[FakeEngine]:
    """The recording server."""
    async with recording_provider() as running:
        yield running


def asked(provider: FakeEngine, model: str, document: dict[str, Any]) -> HostedRequest:
    """One chat."""
    whole = {"messages": MESSAGES, **document}
    return HostedRequest(model, "chat", whole, provider.url, "sk-1", Timeouts(), "r1")


async def received(
    client: LitellmClient, provider: FakeEngine, model: str, document: dict[str, Any]
) -> dict[str, Any]:
    """Send a chat and give what arrived, after checking that `wire` had told it beforehand."""
    call = await client.begin(asked(provider, model, document))
    provider.seen.clear()
    answer = await call.send()
    await answer.read()
    answer.close()
    [seen] = provider.seen
    assert seen.json == call.wire.document
    body: dict[str, Any] = seen.json
    return body


_FIXED = ("model", "messages", "contents", "stream")


@pytest.mark.parametrize(
    ("model", "document", "expected"), [*PASSED, *RENAMED, *CHANGED, *ADDED, *LOST]
)
async def test_what_arrives(
    client: LitellmClient,
    provider: FakeEngine,
    model: str,
    document: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """The parameters arrive as the tables say, and nothing else does."""
    body = await received(client, provider, model, document)
    got = {name: value for name, value in body.items() if name not in _FIXED}
    if model.startswith("gemini/"):
        got.setdefault("generationConfig", {})
    assert got == expected


@pytest.mark.parametrize(("model", "document", "parameter"), REFUSED)
async def test_refusals(
    client: LitellmClient,
    provider: FakeEngine,
    model: str,
    document: dict[str, Any],
    parameter: str,
) -> None:
    """What litellm refuses is a 400 with parameter, value, reason and fix; nobody is called."""
    provider.seen.clear()
    with pytest.raises(RequestError) as caught:
        await client.begin(asked(provider, model, document))
    error = caught.value
    assert (error.status, error.param) == (400, parameter)
    assert error.error_code == "decoding_not_honoured"
    assert f"{parameter}={document[parameter]!r}" in error.message
    assert model.partition("/")[0] in error.message
    assert "Leave it out" in error.message
    assert "drop_params" not in error.message
    assert provider.seen == []


async def test_all_refusals_at_once(client: LitellmClient, provider: FakeEngine) -> None:
    """A request with several parameters that cannot be sent names each of them."""
    document = {"temperature": 0, "seed": 0, "n": 2, "logprobs": True, "top_k": 5}
    with pytest.raises(RequestError) as caught:
        await client.begin(asked(provider, ZAI, document))
    for named in ("seed=0", "n=2", "logprobs=True"):
        assert named in caught.value.message
    for innocent in ("temperature=", "top_k="):
        assert innocent not in caught.value.message


async def test_a_schema_that_becomes_a_prompt(client: LitellmClient, provider: FakeEngine) -> None:
    """For zai litellm turns a JSON schema into a sentence in the prompt: the wire shows it."""
    body = await received(client, provider, ZAI, {"response_format": JSON_SCHEMA})
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"] != MESSAGES
    assert "additionalProperties" in str(body["messages"])


async def test_tools_that_lose_their_strictness(
    client: LitellmClient, provider: FakeEngine
) -> None:
    """For vLLM litellm takes `strict` and `additionalProperties` out of each tool."""
    body = await received(client, provider, VLLM, {"tools": [TOOL]})
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
            },
        }
    ]


async def test_a_tool_choice_that_becomes_a_prompt(
    client: LitellmClient, provider: FakeEngine
) -> None:
    """For moonshot `tool_choice: required` becomes another message; for ollama it vanishes."""
    document = {"tools": [TOOL], "tool_choice": "required"}
    body = await received(client, provider, KIMI, document)
    assert "tool_choice" not in body
    assert body["messages"][:1] == MESSAGES
    assert len(body["messages"]) == 2
    body = await received(client, provider, OLLAMA, document)
    assert "tool_choice" not in body
    assert len(body["messages"]) == 1
