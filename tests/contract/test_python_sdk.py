"""The official OpenAI Python SDK, unchanged, against the proxy."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.contract.conftest import Subject

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "capital",
        "parameters": {"type": "object", "properties": {"country": {"type": "string"}}},
    },
}


@pytest.fixture
async def client(subject: Subject) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK with nothing set but base URL and key."""
    async with openai.AsyncOpenAI(base_url=subject.url, api_key="any", max_retries=0) as sdk:
        yield sdk


async def test_chat(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """A parsed answer, its request id, and our headers on the raw response."""
    raw = await client.chat.completions.with_raw_response.create(
        model=subject.model, messages=QUESTION, max_tokens=8, temperature=0
    )
    completion = raw.parse()
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert completion._request_id == raw.headers["evenhand-request-id"]
    assert len(raw.headers["evenhand-decoding"]) == 64


async def test_stream_with_usage(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """Deltas, and a last chunk with usage and no choices."""
    stream = await client.chat.completions.create(
        model=subject.model,
        messages=QUESTION,
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


async def test_completions(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """The legacy route."""
    completion = await client.completions.create(
        model=subject.model, prompt="The capital", max_tokens=4, temperature=0
    )
    assert completion.choices[0].text


async def test_logprobs(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """Greedy tokens are the likeliest of their alternatives."""
    completion = await client.chat.completions.create(
        model=subject.model,
        messages=QUESTION,
        max_tokens=4,
        temperature=0,
        logprobs=True,
        top_logprobs=3,
    )
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    for token in logprobs.content:
        assert token.token == max(token.top_logprobs, key=lambda item: item.logprob).token


async def test_response_format(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """A JSON schema is passed on and obeyed."""
    completion = await client.chat.completions.create(
        model=subject.model,
        messages=QUESTION,
        max_tokens=40,
        temperature=0,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "schema": {
                    "type": "object",
                    "properties": {"sure": {"type": "boolean"}},
                    "required": ["sure"],
                    "additionalProperties": False,
                },
            },
        },
    )
    assert (completion.choices[0].message.content or "").lstrip().startswith("{")


async def test_tools_and_images_are_passed_on(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """Tools reach the engine; an image meets a model that cannot see, which says so."""
    answer = await client.chat.completions.create(
        model=subject.model, messages=QUESTION, tools=[TOOL], tool_choice="none", max_tokens=4
    )
    assert answer.choices
    image: list[Any] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        }
    ]
    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(model=subject.model, messages=image, max_tokens=4)
    assert caught.value.message


async def test_errors_have_the_sdks_types(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """404 and 400 arrive as the exceptions that a client catches."""
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="no-such-model", messages=QUESTION)
    assert missing.value.code == "model_not_found"
    assert missing.value.param == "model"
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="strict", messages=QUESTION, top_p=-1)
    assert refused.value.param == "top_p"


async def test_models(client: openai.AsyncOpenAI, subject: Subject) -> None:
    """The list parses, profiles included."""
    names = [model.id async for model in client.models.list()]
    assert {subject.model, f"{subject.model}@greedy"} <= set(names)
    assert (await client.models.retrieve(f"{subject.model}@greedy")).id.endswith("@greedy")
