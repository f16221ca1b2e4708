"""top_k, top_p, min_p: what is drawn must lie inside the claimed set.

Two settings of each. The tightest (one token, almost no mass, as likely as the likeliest) leaves
only the likeliest token on every engine, whatever the order of its samplers. A moderate one is
chosen so that exactly the few likeliest tokens remain, which needs their log probabilities and
temperature 1, at which the order of the samplers does not matter either.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from evenhand_evals.attest.lab import Lab, Place, symbols
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, missed, unseparated
from evenhand_evals.stats.exact import best_cut, concentration, fisher_greater

TIGHT_DRAWS, MODERATE_DRAWS = 22, 32
BOUNDARY = math.log(1.08)
WANTED_MASS = 0.55

Choose = Callable[[list[float], int], float]


@dataclass(frozen=True, slots=True)
class Truncation:
    """One of the three: its name, its tightest value, and the value that keeps `count` tokens.

    `moderate` gets the log probabilities, likeliest first, and the count.
    """

    name: str
    tight: float
    moderate: Choose


def _mass_between(logprobs: list[float], count: int) -> float:
    masses = list(accumulate(math.exp(value) for value in logprobs))
    return round((masses[count - 2] + masses[count - 1]) / 2, 4)


def _share_between(logprobs: list[float], count: int) -> float:
    return round(math.exp((logprobs[count - 1] + logprobs[count]) / 2 - logprobs[0]), 4)


TOP_K = Truncation("top_k", 1, lambda _, count: count)
TOP_P = Truncation("top_p", 0.01, _mass_between)
MIN_P = Truncation("min_p", 1.0, _share_between)


async def probe_top_k(lab: Lab) -> Outcome:
    """Test that no more than k tokens come out."""
    return await _probe(lab, TOP_K)


async def probe_top_p(lab: Lab) -> Outcome:
    """Test that only tokens of the nucleus come out."""
    return await _probe(lab, TOP_P)


async def probe_min_p(lab: Lab) -> Outcome:
    """Test that only tokens come out that are likely enough beside the likeliest."""
    return await _probe(lab, MIN_P)


def kept_count(logprobs: list[float]) -> int | None:
    """Choose how many tokens a moderate value should keep, None where nothing is clear-cut.

    The mass kept is near a half, at least two tokens are, and the last of them is clearly likelier
    than the first that is dropped.
    """
    masses = list(accumulate(math.exp(value) for value in logprobs))
    fitting = [
        count
        for count in range(2, len(logprobs) - 1)
        if 0.3 <= masses[count - 1] <= 0.8 and logprobs[count - 1] - logprobs[count] >= BOUNDARY
    ]
    return min(fitting, key=lambda count: abs(masses[count - 1] - WANTED_MASS), default=None)


async def _probe(lab: Lab, kind: Truncation) -> Outcome:
    place = lab.place
    draws = TIGHT_DRAWS * lab.look
    tight = symbols(await lab.asker.draws(draws, lab.short({kind.name: kind.tight})))
    agreeing = Counter(tight).most_common(1)[0][1]
    strays = place.strays(tight) if kind is MIN_P else draws - agreeing
    p_applied = breaches(draws, strays)
    p_ignored = concentration(tight, place.control)
    detail = f"{agreeing} of {draws} answers with {kind.tight:g} are the same"
    moderate = await _moderate(lab, kind)
    if moderate is not None:
        p_applied = min(1.0, 2 * min(p_applied, moderate.p_applied))
        p_ignored = min(1.0, 2 * min(p_ignored, moderate.p_ignored))
        detail += f"; {moderate.detail}"
    return Outcome(
        p_applied,
        p_ignored,
        Statistic(f"answers that agree with {kind.tight:g}", agreeing / draws),
        f"{detail}; {place.peak:.0%} are with all neutral",
        _missed(place, kind, draws, lab.alpha if moderate is None else lab.alpha / 2),
        place.note(),
    )


def _missed(place: Place, kind: Truncation, draws: int, alpha: float) -> float:
    if kind is MIN_P:
        return missed(draws, place.strays(place.control) / len(place.control), alpha)
    return unseparated(1, draws, place.shares, alpha)


async def _moderate(lab: Lab, kind: Truncation) -> Outcome | None:
    place = lab.place
    logprobs = list(place.base.values())
    count = kept_count(logprobs) if place.exact else None
    if count is None:
        return None
    value = kind.moderate(logprobs, count)
    kept = list(place.base)[:count]
    replies = await lab.asker.draws(MODERATE_DRAWS, lab.short({kind.name: value}))
    drawn = [symbol[0] for symbol in symbols(replies)]
    free = [symbol[0] for symbol in place.control]
    outside = sum(text not in kept for text in drawn)
    p_inside = breaches(MODERATE_DRAWS, outside)
    p_spread = _too_narrow(drawn, free, kept)
    return Outcome(
        min(1.0, 2 * min(p_inside, p_spread)),
        best_cut(_likelihoods(drawn, place), _likelihoods(free, place)),
        Statistic("draws outside the claimed set", outside / MODERATE_DRAWS),
        f"with {value:g}, which keeps {count} tokens, {outside} of {MODERATE_DRAWS} draws lie "
        f"outside and {len(set(drawn))} different came",
    )


def _too_narrow(drawn: list[str], free: list[str], kept: list[str]) -> float:
    """Test whether the likeliest token is too frequent among the kept ones."""
    inside = [text for text in drawn if text in kept]
    control = [text for text in free if text in kept]
    if not inside or not control:
        return 1.0
    return fisher_greater(inside.count(kept[0]), len(inside), control.count(kept[0]), len(control))


def _likelihoods(drawn: list[str], place: Place) -> list[float]:
    base: Mapping[str, float] = place.base
    return [base.get(text, -math.inf) for text in drawn]
