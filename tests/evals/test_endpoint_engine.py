"""An engine without a proxy: asked what it is, and sent every default that it told."""

from pathlib import Path

import pytest

from evenhand_evals.endpoint.asking import STREAMED
from evenhand_evals.endpoint.engine import AUTO, direct, engine_facts, root_of
from evenhand_evals.errors import UsageError
from evenhand_evals.http.client import Client
from evenhand_evals.settings import RunSettings, decide
from evenhand_evals.types import Message
from evenhand_evals.wire import chat_body, parse_completion
from evenhand_proxy.decoding import EngineFacts
from evenhand_proxy.engines.local import LocalEngine
from tests.evals.fake import Fake, serving
from tests.evals.test_endpoint_facts import asked


async def test_the_engine_is_recognised(engine: LocalEngine) -> None:
    """It tells its name and the defaults that it uses."""
    async with Client(root_of(engine.base_url)) as root:
        facts = await engine_facts(root, AUTO, engine.model)
    assert facts.engine == "llamacpp"
    assert facts.reported_defaults["min_p"] == 0.05


async def test_pinning_sends_every_default_that_is_known(engine: LocalEngine) -> None:
    """What the engine would have used unseen stands in each request."""
    found = await asked(f"{engine.base_url}/v1", engine.model)
    sent = found.parameters(decide(None, {"temperature": 0.5}, 16), 0)
    assert found.record is not None
    assert sent["temperature"] == 0.5
    assert sent["max_tokens"] == 16
    assert (sent["min_p"], sent["top_k"], sent["repeat_penalty"]) == (0.05, 40, 1.0)
    assert found.record["parameters"]["min_p"]["action"] == "injected"


async def test_without_pinning_only_what_was_asked_is_sent(engine: LocalEngine) -> None:
    """The hidden defaults act, and the record says which."""
    found = await asked(f"{engine.base_url}/v1", engine.model, mode="report")
    asking = decide(None, {"temperature": 0.5}, 16)
    assert found.parameters(asking, 0) == {"temperature": 0.5, "max_tokens": 16}
    assert found.record is not None
    assert found.record["parameters"]["min_p"]["effective"] == 0.05


async def test_a_seed_still_grows_with_each_repeat(engine: LocalEngine) -> None:
    """Pinning does not make every repeat the same."""
    found = await asked(f"{engine.base_url}/v1", engine.model)
    asking = decide(None, {"seed": 5}, 16)
    assert [found.parameters(asking, repeat)["seed"] for repeat in (0, 2)] == [5, 7]


async def test_strict_refuses_before_the_first_sample(engine: LocalEngine) -> None:
    """What the engine cannot honour is an error that names it."""
    with pytest.raises(UsageError, match="top_p"):
        await asked(
            f"{engine.base_url}/v1", engine.model, decide(None, {"top_p": 7}, 16), mode="strict"
        )


async def test_an_engine_that_does_not_exist() -> None:
    """The message names the nearest."""
    fake = Fake()
    async with serving(fake):
        with pytest.raises(UsageError, match="did you mean 'vllm'"):
            await asked(fake.url, engine="vlm")


async def test_an_endpoint_that_shows_nothing_is_pinned_only_by_name() -> None:
    """OpenAI's defaults are not forced on a stranger, unless the user says that it is one."""
    facts = EngineFacts("openai")
    assert direct(facts, "m", "pin", named=False) is None
    named = direct(facts, "m", "pin", named=True)
    assert named is not None
    assert named.resolve({}).apply({})["temperature"] == 1


def test_settings_pin_unless_told_otherwise() -> None:
    """Evaluations leave no default hidden."""
    assert RunSettings("http://x/v1", "m", Path("out")).mode == "pin"


async def test_a_stream_of_the_engine_is_its_plain_answer(engine: LocalEngine) -> None:
    """The very same text, thinking, finish reason and usage."""
    body = chat_body(
        engine.model,
        (Message("user", "Say something about tea."),),
        {"temperature": 0, "seed": 1, "max_tokens": 24, "cache_prompt": False},
    )
    async with Client(f"{engine.base_url}/v1") as client:
        plain = await client.ask("/chat/completions", body)
        streamed = await client.ask("/chat/completions", {**body, **STREAMED}, stream=True)
    assert (plain.failure, streamed.failure) == (None, None)
    assert parse_completion(streamed.answer.body) == parse_completion(plain.answer.body)
    assert streamed.answer.body["object"] == "chat.completion"
    (attempt,) = streamed.attempts
    assert attempt.first_token is not None
    assert 0 < attempt.first_token <= attempt.duration
    assert (attempt.chunks or 0) > 2
