"""What each request carries is worked out once, and is still each request's own."""

import pytest

from evenhand_evals.endpoint.asking import talk
from evenhand_evals.endpoint.speaker import REMEMBERED, speaker
from evenhand_evals.errors import UsageError
from evenhand_evals.settings import Target
from evenhand_evals.types import Chat, Message
from tests.evals.fake import Fake, Reply, serving

FIRST = Chat((Message("user", "hello"),))


async def test_parameters_differ_by_repeat_route_and_fields() -> None:
    """And only by those: the same is not resolved again."""
    async with serving(Fake()) as fake:
        target = Target(fake.url, "tiny", parameters={"seed": 5}, engine="vllm", mode="pin")
        async with speaker(target, FIRST, 16) as model:
            first, second = (model.voice(repeat).parameters for repeat in (0, 1))
            assert (first("chat", {})["seed"], second("chat", {})["seed"]) == (5, 6)
            assert first("chat", {}) is model.voice(0).parameters("chat", {})
            assert first("chat", {"max_tokens": 3})["max_tokens"] == 3
            assert first("chat", {})["max_tokens"] == 16
            assert first("completions", {}) != first("chat", {})


async def test_not_everything_is_remembered() -> None:
    """Items that all bring fields of their own do not fill the memory, and get their own."""
    async with serving(Fake()) as fake, speaker(Target(fake.url, "tiny"), FIRST, 16) as model:
        parameters = model.voice(0).parameters
        for number in range(REMEMBERED + 10):
            assert parameters("chat", {"max_tokens": number})["max_tokens"] == number


REFUSAL = "extra fields not permitted: stream_options"


async def test_an_endpoint_that_takes_no_stream_options() -> None:
    """It ends the run with what to do, before all samples are refused one by one."""
    refusing = Fake(lambda _body, _times: Reply(status=400, message=REFUSAL))
    async with (
        serving(refusing) as fake,
        speaker(Target(fake.url, "tiny", stream=True), FIRST, 16) as model,
    ):
        with pytest.raises(UsageError, match=r"stream_options.*ask without --stream"):
            await model.ask(next(talk(FIRST, model.voice(0))), 0)
    assert len(fake.bodies) == 1


async def test_a_refusal_after_a_stream_is_of_the_sample() -> None:
    """The endpoint takes such requests, whatever words of ours its message repeats."""
    fake = Fake(lambda _body, times: Reply(status=400, message=REFUSAL) if times else Reply())
    fake.streams = True
    async with serving(fake), speaker(Target(fake.url, "tiny", stream=True), FIRST, 16) as model:
        outgoing = next(talk(FIRST, model.voice(0)))
        assert (await model.ask(outgoing, 0)).failure is None
        assert (await model.ask(outgoing, 0)).failure == f"HTTP 400: {REFUSAL}"
