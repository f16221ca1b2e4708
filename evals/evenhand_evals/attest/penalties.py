"""Presence, frequency and repetition penalty: what came before must become less likely.

Where the reported log probabilities contain the penalty (SGLang), the same place of the same
greedy answer shows it directly. Where they are reported before it (vLLM, llama.cpp), the penalty
is estimated from which tokens come out: those that the answer already holds must be drawn less
often than reported. Both need log probabilities with alternatives.

Tokens of the prompt are left out, as engines differ in whether those count: the repetition penalty
of vLLM and all three of llama.cpp see them. So is the token just before: SGLang 0.5.20 was seen to
count it one token late (its scheduler prepares a step while the one before still runs).
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evenhand_evals.attest.answers import Token
from evenhand_evals.attest.asker import Ask, Refused
from evenhand_evals.attest.lab import PROMPTS, Lab
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches
from evenhand_evals.stats.tilting import Draw, Tilt

TOKENS = 48
MOST_ROUNDS = 11
GRID = tuple(step / 4 for step in range(-8, 41))  # nats, from -2 to 10
LEAST_SHOWN = 3
REPEATING = ("Say go ten times.", "Count: one two one two one two")
BRIEF = ("Go", "Hi")
"""Prompts that hold hardly any text whose tokens would have to be left out."""
WEAKEST = 1.5
"""The least effect in nats that a repetition penalty of 2 must have: that of logits of 3."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """One penalty: its wire name, the value to test, and whether it counts occurrences.

    `effect` is the range of the offset in nats that the value must have for each occurrence.
    `opposite` is a value of the opposite effect, None where there is none: a reward for what came
    before shows in fewer draws than a penalty.
    """

    wire: str
    value: float
    counts: bool
    effect: tuple[float, float]
    opposite: float | None = None

    def weight(self, occurrences: int) -> float:
        """Give how often the penalty applies to a token that occurred so often."""
        return float(occurrences) if self.counts else float(occurrences > 0)


async def probe_presence_penalty(lab: Lab) -> Outcome:
    """Test that a token that occurred is less likely by the penalty, once for all."""
    return await _probe(lab, Penalty("presence_penalty", 2.0, False, (2.0, 2.0), -2.0))


async def probe_frequency_penalty(lab: Lab) -> Outcome:
    """Test that a token is less likely by the penalty for each time that it occurred."""
    return await _probe(lab, Penalty("frequency_penalty", 2.0, True, (2.0, 2.0), -2.0))


async def probe_repetition_penalty(lab: Lab) -> Outcome:
    """Test that a token that occurred is less likely; how much depends on unreported logits."""
    return await _probe(lab, Penalty(lab.asker.repetition, 2.0, False, (WEAKEST, math.inf)))


async def _probe(lab: Lab, penalty: Penalty) -> Outcome:
    if lab.asker.alternatives < 5:
        await lab.asker.ask(lab.long({penalty.wire: penalty.value}, TOKENS))
        reason = "the endpoint reports no log probabilities of alternatives"
        return Outcome(1.0, 1.0, Statistic("draws", 0), "no test was made", None, reason)
    offsets = await _reported(lab, penalty)
    shown = [offset for offset in offsets if abs(offset) > WEAKEST / 2]
    if len(offsets) >= LEAST_SHOWN and 2 * len(shown) > len(offsets):
        return _directly(penalty, offsets)
    return await _by_draws(lab, penalty, raw=len(offsets) >= LEAST_SHOWN)


def _directly(penalty: Penalty, offsets: list[float]) -> Outcome:
    """Judge offsets that the reported log probabilities show."""
    low, high = penalty.effect
    wrong = sum(not low - 0.5 <= offset <= high + 0.5 for offset in offsets)
    seen = sum(abs(offset) > WEAKEST / 2 for offset in offsets)
    value = statistics.median(offsets)
    return Outcome(
        breaches(len(offsets), wrong),
        breaches(len(offsets), seen),
        Statistic("penalty in nats", value, min(offsets), max(offsets)),
        f"the reported log probabilities contain it: {value:.2f} nats at the median of "
        f"{len(offsets)} places, {_claim(penalty)}",
    )


def _claim(penalty: Penalty) -> str:
    low, high = penalty.effect
    return f"{low:g} asked" if low == high else f"at least {low:g} expected of {penalty.value:g}"


async def _reported(lab: Lab, penalty: Penalty) -> list[float]:
    """Give the offsets per occurrence between greedy answers with and without, place by place."""
    offsets: list[float] = []
    for prompt in (*REPEATING, *PROMPTS):
        plain, penalised = [
            (await lab.asker.ask(Ask(prompt, TOKENS, fields, top=lab.asker.alternatives))).first
            for fields in (lab.temperature(0), {**lab.temperature(0), penalty.wire: penalty.value})
        ]
        offsets += _offsets(plain.tokens or (), penalised.tokens or (), penalty, prompt)
        if len(offsets) >= 2 * LEAST_SHOWN:
            break
    return offsets


def _offsets(
    plain: Sequence[Token], penalised: Sequence[Token], penalty: Penalty, prompt: str
) -> Iterator[float]:
    """Compare the places up to the first at which the two answers part."""
    counts: Counter[str] = Counter()
    last = ""
    for one, other in zip(plain, penalised, strict=False):
        moved = {
            text: other.options[text] - logprob
            for text, logprob in _usable(one, prompt, last).items()
            if math.isfinite(other.options.get(text, -math.inf))
        }
        seen = [(moved[text], counts[text]) for text in moved if counts[text]]
        unseen = [moved[text] for text in moved if not counts[text]]
        if seen and unseen:
            level = statistics.median(unseen)
            yield statistics.median((level - move) / penalty.weight(count) for move, count in seen)
        if one.text != other.text:
            return
        counts[one.text] += 1
        last = one.text


def _usable(token: Token, prompt: str, last: str) -> dict[str, float]:
    """Give the alternatives that are finite, unmistakable, not of the prompt and not the last."""
    return {
        text: logprob
        for text, logprob in token.options.items()
        if text.strip()
        and "<" not in text
        and logprob > -50
        and text.strip() not in prompt
        and text != last
    }


async def _by_draws(lab: Lab, penalty: Penalty, *, raw: bool) -> Outcome:
    """Estimate the penalty from what is drawn.

    `raw` says that the reported log probabilities were seen not to contain the penalty. Without
    that, drawing as reported does not mean that it is ignored.
    """
    asked = await _requests(lab, penalty)
    draws: list[Draw] = []
    tilt = Tilt(draws, GRID)
    for _ in range(MOST_ROUNDS):
        for one, reply in zip(asked, await lab.asker.many(asked), strict=True):
            sign = 1.0 if one.fields[penalty.wire] == penalty.value else -1.0
            draws += _draws(reply.first.tokens or (), penalty, one.prompt, sign)
        tilt = Tilt(draws, GRID)
        if min(_p_applied(tilt, penalty), tilt.p(0.0)) < lab.alpha / 10:
            break
    estimate = tilt.interval(lab.alpha)
    p_applied, p_ignored = _p_applied(tilt, penalty) if raw else 1.0, tilt.p(0.0)
    if lab.place.truncated and p_ignored < lab.alpha:
        p_applied = 1.0  # what truncates unasked moves the estimate: it acts, but who knows how far
    return Outcome(
        p_applied,
        p_ignored,
        Statistic("penalty in nats", estimate.value, estimate.low, estimate.high),
        f"{estimate.value:.2f} nats ({estimate.low:.2f} to {estimate.high:.2f}) by {len(draws)} "
        f"draws, {_claim(penalty)}",
        None,
        "the answers hold too few repetitions"
        if raw
        else "whether the reported log probabilities contain the penalty could not be seen",
    )


async def _requests(lab: Lab, penalty: Penalty) -> list[Ask]:
    """Give the requests of one round; the opposite value's only where the endpoint takes it."""
    values = [penalty.value]
    if penalty.opposite is not None:
        try:
            await lab.asker.ask(lab.short({penalty.wire: penalty.opposite}))
            values.append(penalty.opposite)
        except Refused:
            pass
    return [
        Ask(
            prompt,
            TOKENS,
            {**lab.temperature(1.0), penalty.wire: values[turn % len(values)]},
            top=lab.asker.alternatives,
        )
        for turn, prompt in enumerate((*BRIEF, PROMPTS[0], lab.writing))
    ]


def _p_applied(tilt: Tilt, penalty: Penalty) -> float:
    low, high = penalty.effect
    return max(tilt.p(theta) for theta in {low, *(t for t in GRID if low <= t <= high)})


def _draws(tokens: Sequence[Token], penalty: Penalty, prompt: str, sign: float) -> Iterator[Draw]:
    """Make a draw of each place at which some of the likeliest tokens occurred and some did not.

    `sign` is -1 where the opposite value was asked for.
    """
    counts: Counter[str] = Counter()
    last = ""
    for token in tokens:
        options = _usable(token, prompt, last)
        weights = tuple(-sign * penalty.weight(counts[text]) for text in options)
        if token.text in options and len(set(weights)) > 1:
            yield Draw(tuple(options.values()), weights, list(options).index(token.text))
        counts[token.text] += 1
        last = token.text
