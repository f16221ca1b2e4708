"""The client against a real server that refuses, fails, breaks off and stalls."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.http.client import Answer, Backoff, Client, Exchange, error_text, retry_after
from evenhand_evals.types import Message
from evenhand_evals.wire import chat_body
from tests.evals.fake import QUICK, Fake, Reply, Script, serving

BODY = chat_body("tiny", (Message("user", "hello"),), {"temperature": 0})


async def sample(script: Script, backoff: Backoff = QUICK) -> tuple[Exchange, Fake]:
    """Send one request to a fake with that script."""
    async with serving(Fake(script)) as fake, Client(fake.url, backoff=backoff) as client:
        return await client.ask("/chat/completions", BODY), fake


def first(reply: Reply, then: Reply | None = None) -> Script:
    """Answer the first request with `reply`, later ones well."""
    return lambda _body, times: reply if times == 0 else (then or Reply())


async def test_a_good_answer_takes_one_attempt() -> None:
    """The body arrives as it was built, and the answer comes back whole."""
    headers = {"evenhand-request-id": "r-1", "evenhand-decoding": "abc"}
    exchange, fake = await sample(lambda _body, _times: Reply(headers=headers))
    assert fake.bodies == [BODY]
    assert exchange.failure is None
    assert exchange.answer.body["choices"][0]["message"]["content"] == "yes"
    assert (exchange.answer.request_id, exchange.answer.fingerprint) == ("r-1", "abc")
    assert [attempt.status for attempt in exchange.attempts] == [200]
    assert exchange.duration == exchange.attempts[0].duration > 0


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_a_passing_failure_is_asked_again(status: int) -> None:
    """Every attempt is recorded with its status, its reason and the pause after it."""
    exchange, fake = await sample(first(Reply(status=status, message="busy")))
    assert exchange.failure is None
    assert len(fake.bodies) == 2
    assert [attempt.status for attempt in exchange.attempts] == [status, 200]
    assert exchange.attempts[0].error == f"HTTP {status}: busy"
    assert exchange.attempts[0].waited is not None
    assert exchange.attempts[1].waited is None


async def test_a_broken_connection_is_asked_again() -> None:
    """A connection that closes without an answer has no status."""
    exchange, _ = await sample(first(Reply(drop=True)))
    assert exchange.failure is None
    assert [attempt.status for attempt in exchange.attempts] == [None, 200]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 422])
async def test_a_verdict_on_the_request_is_not_asked_again(status: int) -> None:
    """A 400 is neither an answer nor worth a second try."""
    exchange, fake = await sample(lambda _body, _times: Reply(status=status, message="too long"))
    assert exchange.failure == f"HTTP {status}: too long"
    assert len(fake.bodies) == 1


async def test_five_attempts_are_enough() -> None:
    """Then the sample has failed, with its last reason."""
    exchange, fake = await sample(lambda _body, _times: Reply(status=503, message="down"))
    assert len(fake.bodies) == len(exchange.attempts) == 5
    assert exchange.failure == "HTTP 503: down"


async def test_retry_after_is_obeyed() -> None:
    """The pause is at least what the endpoint asked for."""
    reply = Reply(status=429, headers={"retry-after": "0.05"})
    exchange, _ = await sample(first(reply))
    assert exchange.failure is None
    assert exchange.attempts[0].waited is not None
    assert exchange.attempts[0].waited >= 0.05
    assert exchange.attempts[1].started - exchange.attempts[0].started >= 0.05


async def test_an_hour_is_not_waited_for() -> None:
    """An endpoint that asks for more than our patience is given up at once."""
    reply = Reply(status=429, message="quota", headers={"retry-after": "3600"})
    exchange, fake = await sample(lambda _body, _times: reply)
    assert len(fake.bodies) == 1
    assert exchange.failure == "HTTP 429: quota"


@pytest.mark.parametrize("raw", ["<html>welcome</html>", '{"choices": []}', "null", ""])
async def test_a_200_without_an_answer_is_a_failure(raw: str) -> None:
    """A login page is not what the model said."""
    exchange, _ = await sample(lambda _body, _times: Reply(raw=raw))
    assert exchange.failure is not None
    assert "no chat answer" in exchange.failure


@pytest.mark.parametrize("reason", ["abort", "error"])
async def test_an_answer_that_the_engine_gave_up_is_asked_again(reason: str) -> None:
    """Like a 5xx: the second answer counts, and five such are a failure with its reason."""
    given_up = Reply(finish_reason=reason)
    exchange, fake = await sample(first(given_up))
    assert exchange.failure is None
    assert len(fake.bodies) == 2
    exchange, fake = await sample(lambda _body, _times: given_up)
    assert len(fake.bodies) == 5
    assert f"finish_reason is '{reason}'" in (exchange.failure or "")


async def test_content_of_an_unknown_shape_is_a_failure() -> None:
    """Asking again would not help; the reason shows the content."""
    raw = '{"choices": [{"message": {"content": {"text": "yes"}}}]}'
    exchange, fake = await sample(lambda _body, _times: Reply(raw=raw))
    assert "content is \"{'text': 'yes'}\"" in (exchange.failure or "")
    assert len(fake.bodies) == 1


async def test_a_late_answer_is_a_failure() -> None:
    """The reason says how long was waited."""
    fake = Fake()
    fake.hold_after = 0
    backoff = Backoff(attempts=2, base=0.001)
    async with serving(fake), Client(fake.url, timeout=0.05, backoff=backoff) as client:
        exchange = await client.ask("/chat/completions", BODY)
    assert exchange.failure == "no whole answer within 0.05 s"
    assert len(exchange.attempts) == 2


async def test_nobody_there_is_a_failure(unused_tcp_port: int) -> None:
    """A refused connection is described, not raised."""
    async with Client(f"http://127.0.0.1:{unused_tcp_port}/v1", backoff=QUICK) as client:
        exchange = await client.ask("/chat/completions", BODY)
    assert exchange.answer.status is None
    assert "ConnectionRefusedError" in (exchange.failure or "")


async def test_the_key_is_sent_and_never_comes_back() -> None:
    """A server that repeats the key it refuses does not get it into the log."""
    fake = Fake()
    fake.models_status = 401
    async with serving(fake), Client(fake.url, key="sk-very-secret") as client:
        answer = await client.request("GET", "/models")
    assert fake.authorizations == ["Bearer sk-very-secret"]
    assert answer.body == {"error": {"message": "bad key ***"}}


async def test_many_at_once_use_many_connections() -> None:
    """No limit of ours stands between the workers and the endpoint."""
    async with serving(Fake()) as fake, Client(fake.url) as client:
        exchanges = await asyncio.gather(
            *(client.ask("/chat/completions", BODY) for _ in range(150))
        )
    assert all(exchange.failure is None for exchange in exchanges)
    assert len(fake.bodies) == 150


async def test_a_client_outside_its_block_is_a_mistake() -> None:
    """There is no hidden session."""
    with pytest.raises(RuntimeError, match="async with"):
        await Client("http://127.0.0.1:1/v1").request("GET", "/models")


@given(st.integers(0, 40), st.none() | st.floats(0, 100))
def test_pauses_are_jittered_within_their_bounds(attempt: int, asked: float | None) -> None:
    """Never longer than the cap, never shorter than what was asked for."""
    pause = Backoff().pause(attempt, asked)
    floor = asked or 0.0
    assert floor <= pause <= floor + 30.0


@given(st.text(max_size=40))
def test_any_retry_after_is_read_or_ignored(value: str) -> None:
    """A header of any shape gives seconds or nothing."""
    seconds = retry_after(value)
    assert seconds is None or seconds >= 0


def test_retry_after_as_a_date() -> None:
    """An HTTP date counts from now; a past one is no wait."""
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 30 < soon <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 -0000") == 0
    assert retry_after("nan") is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "no\n  such"}}, "no such"),
        ({"error": "plain"}, "plain"),
        ({"detail": "not found"}, "not found"),
        ({"message": "bad"}, "bad"),
        ("text", "text"),
        ([1], "[1]"),
        (None, "null"),
    ],
)
def test_error_bodies_of_many_servers(body: object, text: str) -> None:
    """OpenAI's shape, FastAPI's, bare ones."""
    assert error_text(body) == text


def test_what_is_worth_asking_again() -> None:
    """No answer and 5xx are, other verdicts are not."""
    assert Answer(error="gone").transient
    assert Answer(status=529).transient
    assert not Answer(status=404).transient
