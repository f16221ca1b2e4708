"""How fast streamed answers came: the time to the first token, and the time for each one after it.

The first token is the first chunk with content, thinking or a call of a tool, counted from when the
client turned to the request: the first one on a connection has the making of it in its time. The
time per output token is what the answer took from there to its end, for each further token that the
endpoint reported; tokens that it counts and does not send (hidden thinking) make it look faster
than it is. Answers of the cache have no times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from evenhand_evals.log import Attempt


class Pulse(NamedTuple):
    """The times of one streamed answer, in seconds.

    `per_token` is None where the endpoint reported no tokens, or fewer than two.
    """

    first_token: float
    per_token: float | None
    chunks: int


@dataclass(frozen=True, slots=True)
class Times:
    """Median and 95th percentile, in seconds, of `n` answers."""

    median: float
    p95: float
    n: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast the streamed answers of a run came, and how many chunks they had in all."""

    first_token: Times
    per_token: Times | None
    chunks: int


def pulse(attempts: Sequence[Attempt], tokens: int | None) -> Pulse | None:
    """Give the times of an answer of so many tokens, None where no token was seen to come."""
    last = attempts[-1] if attempts else None
    if last is None or last.first_token is None:
        return None
    rest = max(0.0, last.duration - last.first_token)
    per_token = rest / (tokens - 1) if tokens is not None and tokens > 1 else None
    return Pulse(last.first_token, per_token, last.chunks or 0)


def latency(pulses: Iterable[Pulse]) -> Latency | None:
    """Sum up the times of answers, None if there are none."""
    found = list(pulses)
    if not found:
        return None
    per_token = [each.per_token for each in found if each.per_token is not None]
    return Latency(
        _times([each.first_token for each in found]),
        _times(per_token) if per_token else None,
        sum(each.chunks for each in found),
    )


def milliseconds(seconds: float) -> str:
    """Write a time so that three figures of it are seen: `1.23 ms`, `12.3 ms`, `123 ms`."""
    shown = 1e3 * seconds
    return f"{shown:.{2 if shown < 10 else 1 if shown < 100 else 0}f} ms"


def _times(values: Sequence[float]) -> Times:
    tail = quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    return Times(median(values), tail, len(values))
