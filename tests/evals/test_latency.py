"""How fast streams came, from a single answer to the command's last lines and the report."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import RunDiffers
from evenhand_evals.latency import Pulse, latency, milliseconds, pulse
from evenhand_evals.log import Attempt
from evenhand_evals.report.page import to_html
from evenhand_evals.rescore import rescore
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import load_data, run_task
from tests.evals.fake import QUICK, Fake, Reply, serving, settings_for, yes_task
from tests.evals.test_cli import shell


def test_the_times_of_an_answer() -> None:
    """Those of its last attempt; nine tokens come after the first of ten."""
    broken = Attempt(0.0, 9.0, None, "broken", 0.1, 8.0, 3)
    attempts = (broken, Attempt(10.0, 2.5, 200, None, None, 0.25, 12))
    assert pulse(attempts, 10) == Pulse(0.25, 0.25, 12)


@pytest.mark.parametrize("tokens", [None, 0, 1])
def test_one_token_has_none_after_it(tokens: int | None) -> None:
    """Nor is anything known of tokens that nobody counted."""
    assert pulse((Attempt(0.0, 2.0, 200, first_token=0.5, chunks=2),), tokens) == Pulse(
        0.5, None, 2
    )


def test_plain_and_kept_answers_have_no_times() -> None:
    """So that a run of them has none."""
    assert pulse((), 10) is None
    assert pulse((Attempt(0.0, 2.0, 200),), 10) is None
    assert latency([]) is None


def test_median_and_percentile() -> None:
    """Between two values by linear interpolation."""
    found = latency(Pulse(float(each), None if each else 0.5, 2) for each in range(101))
    assert found is not None
    assert (found.first_token.median, found.first_token.p95, found.first_token.n) == (50, 95, 101)
    assert found.per_token is not None
    assert (found.per_token.p95, found.per_token.n) == (0.5, 1)
    assert found.chunks == 202


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_quantiles_lie_within(values: list[float]) -> None:
    """Whatever the values, in any order."""
    found = latency(Pulse(each, None, 1) for each in values)
    assert found is not None
    low, high = min(values), max(values)
    assert low <= found.first_token.median <= found.first_token.p95 * (1 + 1e-12)
    assert found.first_token.p95 <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00123, "1.23 ms"), (0.0123, "12.3 ms"), (1.234, "1234 ms")]
)
def test_three_figures(seconds: float, shown: str) -> None:
    """As many as there are worth telling."""
    assert milliseconds(seconds) == shown


async def streamed(fake: Fake, out: Path, **changes: object) -> RunData:
    """Run the yes task on streams."""
    settings = settings_for(fake, out, **{"stream": True, **changes})
    return await run_task(yes_task(4), settings, backoff=QUICK)


@pytest.mark.parametrize("streams", [True, False], ids=["streams", "plain answers"])
async def test_a_run_on_streams(tmp_path: Path, streams: bool) -> None:
    """It asks for streams and their usage, and scores as a plain run; times where streams came."""
    fake = Fake()
    fake.streams = streams
    async with serving(fake):
        run = await streamed(fake, tmp_path / "out")
    assert fake.bodies[0]["stream"] is True
    assert fake.bodies[0]["stream_options"] == {"include_usage": True}
    assert run.manifest.stream
    assert run.result.outcomes["correct"] == 4
    assert run.result.tokens.completion == 12
    assert (run.result.latency is not None) == streams
    if run.result.latency:
        assert run.result.latency.first_token.n == 4
        assert run.result.latency.chunks == 4 * 6
        assert run.result.latency.per_token is not None
        assert "Time of streamed answers" in to_html([run])
    else:
        assert "Time of streamed answers" not in to_html([run])


async def test_a_run_on_streams_is_read_back(tmp_path: Path) -> None:
    """Its log has whole answers, so that scoring again needs nothing new; --resume heeds it."""
    fake = Fake()
    fake.streams = True
    out = tmp_path / "out"
    async with serving(fake):
        run = await streamed(fake, out, cache=tmp_path / "kept")
        again = await streamed(fake, tmp_path / "again", cache=tmp_path / "kept")
        with pytest.raises(RunDiffers, match="stream was True, is False"):
            await streamed(fake, out, stream=False, resume=True)
    assert len(fake.bodies) == 4
    assert again.result.outcomes == run.result.outcomes
    assert again.result.latency is None
    assert load_run(out).result == run.result
    scored = rescore(run, yes_task(4), load_data(yes_task(4), settings_for(fake, out)))
    assert scored.changed == ()
    assert scored.run.result.latency == run.result.latency


async def test_the_command(tmp_path: Path) -> None:
    """`--stream` prints the times below the tokens."""
    fake = Fake(lambda _body, _times: Reply("不会下雨"))
    fake.streams = True
    given = ["--model", "tiny", "--out", str(tmp_path / "out"), "--limit", "3", "--stream"]
    async with serving(fake):
        code, stdout, stderr = await shell("run", "labels", "--base-url", fake.url, *given)
    assert code == 0, stderr
    assert "; per output token " in stdout
    assert "3 streams of 3 samples, 21 chunks" in stdout
