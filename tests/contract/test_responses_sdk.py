"""OpenAI's Responses API through the official Python SDK, on the engines that have it."""

from collections.abc import AsyncIterator

import openai
import pytest

from tests.contract.conftest import Subject, settled

QUESTION = "What is the capital of France?"


@pytest.fixture
async def client(subject: Subject) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK with nothing set but base URL and key."""
    async with openai.AsyncOpenAI(base_url=subject.url, api_key="any", max_retries=0) as sdk:
        yield sdk


async def test_a_response(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """A parsed answer with usage; the record has the values of this route."""
    raw = await client.responses.with_raw_response.create(
        model=subject.model, input=QUESTION, temperature=0, max_output_tokens=24
    )
    response = raw.parse()
    assert response.output_text
    assert response.usage is not None
    row = await settled(subject, raw.headers["evenhand-request-id"])
    assert row.outcome.kind == "completed"
    assert row.outcome.usage.completion_tokens == response.usage.output_tokens
    parameters = row.decoding()["parameters"]
    assert parameters["max_tokens"]["requested"] == 24
    heat = parameters["temperature"]["effective"], parameters["top_k"]["effective"]
    assert heat[0] == 0 or heat[1] == 1


async def test_a_stream(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """The deltas make up the text of the last event, which has the usage."""
    stream = await client.responses.create(
        model=subject.model, input=QUESTION, temperature=0, max_output_tokens=24, stream=True
    )
    events = [event async for event in stream]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text == text
    assert last.response.usage is not None
    (row, *_) = await subject.proxy.settled()
    assert row.opening.route == "/v1/responses"
    assert row.outcome.kind == "completed"
    assert row.outcome.usage.completion_tokens == last.response.usage.output_tokens


async def test_strict_mode_holds_here_too(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """An impossible value is refused on this route as on the others."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="strict", input=QUESTION, top_p=-1)
    assert refused.value.param == "top_p"
