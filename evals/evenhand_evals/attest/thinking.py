"""reasoning_effort and the thinking switch: seen in the thinking itself, or in the prompt's length.

A switch that the chat template knows either changes the prompt that the model gets, which the
reported prompt tokens show, or makes the model think. Where neither is ever seen, the model may
have no such switch at all, and nothing can be said.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evenhand_evals.attest.answers import Reply
from evenhand_evals.attest.asker import Ask, Refused
from evenhand_evals.attest.lab import Arms, Lab
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches
from evenhand_evals.stats.exact import fisher_greater

REQUESTS, PILOT = 10, 4
TOKENS = 12


def _template(on: bool) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}


SWITCHES: Mapping[str, tuple[tuple[Mapping[str, Any], Mapping[str, Any], bool], ...]] = {
    "thinking": ((_template(True), _template(False), True),),
    "reasoning_effort": (
        ({"reasoning_effort": "high"}, {"reasoning_effort": "none"}, True),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "low"}, False),
    ),
}
"""Each switch's fields on and off, and whether off promises that there is no thinking; the first
that the endpoint takes is used."""


async def probe_thinking(lab: Lab) -> Outcome:
    """Test the chat template's switch."""
    return await _probe(lab, "thinking")


async def probe_reasoning_effort(lab: Lab) -> Outcome:
    """Test `reasoning_effort`, `high` against `none`."""
    return await _probe(lab, "reasoning_effort")


async def _probe(lab: Lab, name: str) -> Outcome:
    arms = await _arms(lab, name)
    if arms is None:
        raise lab.refusals[name]
    on, off, each = _thoughts(arms.on), _thoughts(arms.off), len(arms.on)
    p_silent = breaches(each, off) if arms.silent else 1.0
    # a model that decides for itself need not think each time, but then does now and then
    p_loud = breaches(each, each) if on == 0 and await _can_think(lab) else 1.0
    return Outcome(
        min(1.0, 2 * min(p_silent, p_loud)),
        min(
            1.0,
            3
            * min(
                _told_apart(arms),
                fisher_greater(on, each, off, each),
                fisher_greater(off, each, on, each),
            ),
        ),
        Statistic("answers with thinking, on minus off", (on - off) / each),
        f"{on} of {each} answers think when on, {off} when off; prompt tokens "
        f"{_lengths(arms.on)} when on, {_lengths(arms.off)} when off",
        None,
        "neither thinking nor the prompt's length ever changed: the model may have no such switch",
    )


async def _arms(lab: Lab, name: str) -> Arms | None:
    """Give the replies for one switch, None where the endpoint refuses it."""
    if name in lab.arms:
        return lab.arms[name]
    found = None
    for on, off, silent in SWITCHES[name]:
        try:
            found = await _drawn(lab, on, off, PILOT, silent)
            if _visible(found):
                more = await _drawn(lab, on, off, REQUESTS - PILOT, silent)
                found = Arms((*found.on, *more.on), (*found.off, *more.off), silent)
        except Refused as error:
            lab.refusals.setdefault(name, error)
            continue
        break
    lab.arms[name] = found
    return found


async def _drawn(
    lab: Lab, on: Mapping[str, Any], off: Mapping[str, Any], count: int, silent: bool
) -> Arms:
    replies = [
        await lab.asker.draws(count, Ask(lab.place.prompt, TOKENS, fields)) for fields in (on, off)
    ]
    return Arms(tuple(replies[0]), tuple(replies[1]), silent)


def _visible(arms: Arms) -> bool:
    """Whether there is anything to see: thinking, or prompts of different lengths."""
    every = [*arms.on, *arms.off]
    return _thoughts(every) > 0 or len({reply.prompt_tokens for reply in every}) > 1


async def _can_think(lab: Lab) -> bool:
    """Tell whether this model was ever seen thinking."""
    every = [await _arms(lab, name) for name in SWITCHES]
    seen = [arms for arms in every if arms is not None]
    return any(_thoughts([*arms.on, *arms.off]) for arms in seen)


def _thoughts(replies: Sequence[Reply]) -> int:
    return sum(reply.first.thinks for reply in replies)


def _told_apart(arms: Arms) -> float:
    """Test whether the prompts differ in length: the same request always has the same length."""
    on, off = ([reply.prompt_tokens for reply in some] for some in (arms.on, arms.off))
    common = Counter(on).most_common(1)[0][0]
    if common is None:
        return 1.0
    return fisher_greater(on.count(common), len(on), off.count(common), len(off))


def _lengths(replies: Sequence[Reply]) -> str:
    lengths = sorted({str(reply.prompt_tokens) for reply in replies})
    return "/".join(lengths).replace("None", "unknown")
