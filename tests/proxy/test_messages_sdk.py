"""The Anthropic Python SDK, unchanged, puts our events together to the message that we answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anthropic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.errors import RequestError
from evenhand_proxy.messages import MessageStream, error_body, to_chat, to_message
from tests.fake_engine import FakeEngine, fake_engine, plain, stream
from tests.proxy.messages_chats import Chat, data, event, pieces

QUESTION: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def server() -> AsyncIterator[FakeEngine]:
    """A server whose answers each test sets."""
    async with fake_engine() as running:
        yield running


@pytest.fixture
async def sdk(server: FakeEngine) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """The SDK with nothing set but base URL and key."""
    async with anthropic.AsyncAnthropic(
        base_url=server.url, api_key="any", max_retries=0
    ) as client:
        yield client


def translated(chat: Chat, cuts: Sequence[int] = (), stops: Sequence[str] = ()) -> list[bytes]:
    """What the proxy would send for each read from the engine."""
    translator = MessageStream("m", stops)
    sent = [translator.feed(piece) for piece in pieces(chat.stream(), cuts)]
    return [piece for piece in (*sent, translator.finish()) if piece]


async def accumulated(
    sdk: anthropic.AsyncAnthropic, server: FakeEngine, sent: Sequence[bytes]
) -> Any:
    """The final message of the SDK's own accumulator."""
    server.reply = stream(*sent)
    async with sdk.messages.stream(model="m", max_tokens=9, messages=QUESTION) as streamed:
        final = await streamed.get_final_message()
    return final.to_dict(exclude_none=True)


def without_null(message: dict[str, Any]) -> dict[str, Any]:
    """A message as the SDK writes it."""
    return {name: value for name, value in message.items() if value is not None}


CHATS = {
    "text": Chat(text=("Hel", "lo")),
    "empty": Chat(),
    "no usage": Chat(text=("x",), usage=None),
    "thinking": Chat(thinking=("Hm", "m"), text=("4",)),
    "tools": Chat(calls=(("a", ('{"x":', " 1}")), ("b", ()), ("c", ("{}",))), finish="tool_calls"),
    "everything": Chat(
        thinking=("Hm",), text=("So 你", "好😀"), calls=(("a", ('{"ä": "😀"}',)),), finish="stop"
    ),
    "cut off": Chat(text=("x",), finish="length"),
    "refused": Chat(text=("x",), finish="content_filter"),
    "stopped": Chat(text=("x",), choice={"stop_reason": "END"}),
}


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
async def test_the_stream_is_the_answer(
    chat: Chat, sdk: anthropic.AsyncAnthropic, server: FakeEngine
) -> None:
    """The same message, streamed and plain."""
    wanted = to_message(chat.answer(), "m", ["END"])
    streamed = await accumulated(sdk, server, translated(chat, stops=["END"]))
    assert streamed == without_null(wanted)
    server.reply = plain(wanted)
    answered = await sdk.messages.create(model="m", max_tokens=9, messages=QUESTION)
    assert answered.to_dict(exclude_none=True) == without_null(wanted)


WORDS = st.text(max_size=6)
INPUTS = st.dictionaries(WORDS, st.integers(-9, 9) | WORDS | st.none(), max_size=3)


@st.composite
def chats(draw: st.DrawFn) -> tuple[Chat, list[int]]:
    """Any answer, and where the network cuts its stream."""

    def cut(text: str) -> list[str]:
        edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
        return [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]

    calls = [
        (f"tool_{number}", cut(json.dumps(item, ensure_ascii=draw(st.booleans()))))
        for number, item in enumerate(draw(st.lists(INPUTS, max_size=3)))
    ]
    chat = Chat(
        thinking=draw(st.lists(WORDS, max_size=3)),
        text=draw(st.lists(WORDS, max_size=3)),
        calls=calls,
        finish=draw(st.sampled_from(("stop", "length", "tool_calls"))),
    )
    return chat, draw(st.lists(st.integers(0, 4000), max_size=8))


@given(chats())
@settings(max_examples=60, deadline=None)
def test_any_stream_is_the_answer(case: tuple[Chat, list[int]]) -> None:
    """Thinking, text and tools of any content, cut anywhere."""
    chat, cuts = case

    async def scene() -> Any:
        async with (
            fake_engine() as server,
            anthropic.AsyncAnthropic(base_url=server.url, api_key="any", max_retries=0) as sdk,
        ):
            return await accumulated(sdk, server, translated(chat, cuts))

    assert asyncio.run(scene()) == without_null(to_message(chat.answer(), "m"))


async def test_an_error_in_the_stream_is_raised_by_the_sdk(
    sdk: anthropic.AsyncAnthropic, server: FakeEngine
) -> None:
    """With its type and message."""
    translator = MessageStream("m")
    broken = event({"content": "Hel"}) + data({"error": {"message": "out of memory", "code": 500}})
    with pytest.raises(anthropic.APIStatusError) as raised:
        await accumulated(sdk, server, [translator.feed(broken)])
    assert raised.value.body == {
        "type": "error",
        "error": {"type": "api_error", "message": "out of memory"},
    }


async def test_an_error_answer_is_raised_by_the_sdk(
    sdk: anthropic.AsyncAnthropic, server: FakeEngine
) -> None:
    """By its status, with the message that names field and fix."""
    error = RequestError("max_tokens: Field required. Send one.")
    server.reply = plain(error_body(error, "req_1"), 400, "request-id: req_1")
    with pytest.raises(anthropic.BadRequestError) as raised:
        await sdk.messages.create(model="m", max_tokens=9, messages=QUESTION)
    assert "max_tokens: Field required" in raised.value.message
    assert raised.value.request_id == "req_1"


async def test_what_the_sdk_sends_is_understood(
    sdk: anthropic.AsyncAnthropic, server: FakeEngine
) -> None:
    """A tool turn as the SDK writes it, with an answer of ours as its history."""
    chat = CHATS["everything"]
    server.reply = plain(to_message(chat.answer(), "m"))
    first = await sdk.messages.create(model="m", max_tokens=9, messages=QUESTION)
    call = first.content[-1]
    assert call.type == "tool_use"
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "ok"}
    await sdk.messages.create(
        model="m",
        max_tokens=9,
        messages=[
            *QUESTION,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ],
        tools=[{"name": "a", "input_schema": {"type": "object"}}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    )
    seen = server.seen[-1]
    assert (seen.path, seen.headers["authorization"]) == ("/v1/messages", "Bearer any")
    chat_request = to_chat(seen.json)
    said = chat.answer()["choices"][0]["message"]
    assistant = chat_request["messages"][2]
    assert (assistant["content"], assistant["reasoning_content"]) == (
        said["content"],
        said["reasoning_content"],
    )
    assert [message["role"] for message in chat_request["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert chat_request["parallel_tool_calls"] is False
    assert chat_request["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert chat_request["stop_sequences"] == ["END"]
