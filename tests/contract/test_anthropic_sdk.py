"""Anthropic's Messages API through its official Python SDK, translated for every engine."""

from collections.abc import AsyncIterator

import anthropic
import pytest
from anthropic.types import MessageParam

from tests.contract.conftest import Subject, settled

QUESTION: list[MessageParam] = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
async def client(subject: Subject) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """The SDK with nothing set but base URL and key."""
    async with anthropic.AsyncAnthropic(
        base_url=subject.proxy.url, api_key="any", max_retries=0
    ) as sdk:
        yield sdk


async def test_a_message(client: anthropic.AsyncAnthropic, subject: Subject) -> None:
    """A parsed message with usage, and the record of what the engine was asked."""
    raw = await client.messages.with_raw_response.create(
        model=subject.model, messages=QUESTION, max_tokens=24, extra_body={"temperature": 0}
    )
    message = await raw.parse()
    assert message.content[0].type == "text"
    assert message.content[0].text
    assert message.stop_reason in ("end_turn", "max_tokens")
    row = await settled(subject, raw.headers["evenhand-request-id"])
    assert row.outcome.kind == "completed"
    assert row.outcome.usage.completion_tokens == message.usage.output_tokens
    assert row.decoding()["parameters"]["max_tokens"]["effective"] == 24


async def test_a_stream(client: anthropic.AsyncAnthropic, subject: Subject) -> None:
    """The SDK puts the events together into the message that comes without a stream."""
    plain = await client.messages.create(
        model=subject.model, messages=QUESTION, max_tokens=24, extra_body={"temperature": 0}
    )
    async with client.messages.stream(
        model=subject.model, messages=QUESTION, max_tokens=24, extra_body={"temperature": 0}
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert plain.content[0].type == "text"
    assert text == plain.content[0].text
    assert message.stop_reason == plain.stop_reason
    assert message.usage.output_tokens == plain.usage.output_tokens


async def test_stop_sequences(client: anthropic.AsyncAnthropic, subject: Subject) -> None:
    """The stop sequence ends the answer before it, and is cut off."""
    message = await client.messages.create(
        model=subject.model,
        messages=QUESTION,
        max_tokens=24,
        stop_sequences=["is"],
        extra_body={"temperature": 0},
    )
    texts = [block.text for block in message.content if block.type == "text"]
    assert "is" not in "".join(texts)


async def test_errors_have_the_sdks_types(
    client: anthropic.AsyncAnthropic, subject: Subject
) -> None:
    """404 and 400 arrive as the exceptions that a client catches."""
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(model="no-such-model", messages=QUESTION, max_tokens=4)
    with pytest.raises(anthropic.BadRequestError) as refused:
        await client.messages.create(
            model="strict", messages=QUESTION, max_tokens=4, extra_body={"top_p": -1}
        )
    assert "top_p" in str(refused.value)
