"""How many requests are let through at once."""

import asyncio
import contextlib

from evenhand_evals.http.client import Backoff, Client
from evenhand_evals.http.pace import Pace
from tests.evals.fake import Fake, Reply, always, serving


async def test_no_more_than_allowed_are_under_way() -> None:
    """The others wait for their turn, and get it in order."""
    pace, most, order = Pace(3), 0, []

    async def one(number: int) -> None:
        nonlocal most
        async with pace:
            order.append(number)
            most = max(most, pace.under_way)
            await asyncio.sleep(0)

    await asyncio.gather(*map(one, range(20)))
    assert most == 3
    assert order == list(range(20))
    assert pace.under_way == 0


def test_trouble_halves_once_for_all_that_were_under_way() -> None:
    """A burst of refusals is one piece of news."""
    pace = Pace(64)
    for _ in range(10):
        pace.trouble(0)
    assert pace.limit == 32
    pace.trouble(pace.round)
    assert pace.limit == 16
    for _ in range(20):
        pace.trouble(pace.round)
    assert pace.limit == 1


async def test_good_answers_win_back_one_at_a_time() -> None:
    """About as many answers as are allowed at once make one more."""
    pace = Pace(100, 10)
    for _ in range(11):
        pace.good()
    assert 11 <= pace.limit < 12
    for _ in range(100_000):
        pace.good()
    assert pace.limit == 100


async def test_a_wait_holds_everything_back() -> None:
    """Until the time that the endpoint named."""
    pace = Pace(4)
    pace.trouble(pace.round, 0.05)
    begun = asyncio.get_running_loop().time()
    async with pace:
        assert asyncio.get_running_loop().time() - begun >= 0.04


async def test_who_gives_up_waiting_takes_no_place() -> None:
    """Cancelled before its turn, or just as it came."""
    pace = Pace(1)
    async with pace:
        waiting = asyncio.create_task(pace.__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    assert pace.under_way == 0
    async with pace:
        assert pace.under_way == 1


async def test_the_client_slows_down_for_an_endpoint_in_trouble() -> None:
    """A 429 halves the limit, and the answer comes all the same."""
    replies = {0: Reply(status=429), 1: Reply(text="fine")}
    async with serving(Fake(lambda _body, time: replies[min(time, 1)])) as fake:
        pace = Pace(8)
        async with Client(fake.url, backoff=Backoff(base=0.01), pace=pace) as client:
            body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
            exchange = await client.ask("/chat/completions", body)
    assert exchange.failure is None
    assert [each.status for each in exchange.attempts] == [429, 200]
    assert 4 <= pace.limit < 5


async def test_a_client_without_a_pace_is_not_held() -> None:
    """One hundred at once."""
    async with serving(Fake(always(Reply(text="fine")))) as fake, Client(fake.url) as client:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
        done = await asyncio.gather(*(client.ask("/chat/completions", body) for _ in range(100)))
    assert all(each.failure is None for each in done)
