"""Greedy and seed: answers that must repeat, and answers that must not."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from evenhand_evals.attest.answers import Reply, Token
from evenhand_evals.attest.asker import Ask
from evenhand_evals.attest.lab import Lab, shares
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, unseparated
from evenhand_evals.stats.exact import binomial_tail, concentration, pairing

REPEATS = 8
LOOKS = 3
TOKENS = 8
SEEDS = 8
TEXT_SLIP = 0.05
"""The share of longer texts that may differ although the seed is followed: each of their tokens
can slip, and one slip changes all that follows."""
TIE, NEAR = 0.01, 0.1
"""Log probabilities this close count as a tie: within one answer, and between two answers."""

Text = tuple[str, str]


def _texts(replies: Sequence[Reply]) -> list[Text]:
    return [(reply.first.reasoning, reply.first.text) for reply in replies]


def _commonest(texts: Sequence[Text]) -> tuple[Text, int]:
    return Counter(texts).most_common(1)[0]


async def _in_turn(lab: Lab, asked: Sequence[Ask]) -> list[Reply]:
    """Ask one after the other: answers made side by side can differ by how they are batched."""
    return [await lab.asker.ask(lab.asker.drawn(each)) for each in asked]


async def probe_greedy(lab: Lab) -> Outcome:
    """Test that temperature 0 takes the likeliest token, each time.

    Two promises: repeated answers agree, and each emitted token is the likeliest of those that are
    reported for its place. Answers at temperature 1 or more, and answers without any temperature,
    are the controls: whoever agrees no more than they do does not follow temperature 0. More are
    drawn while the result is open; the p-values are multiplied by the number of looks.
    """
    cold: list[Reply] = []
    free: list[Text] = []
    absent: list[Text] = []
    asked = replace(lab.long({"temperature": 0}, TOKENS), top=lab.asker.alternatives or None)
    for _ in range(LOOKS):
        cold += await _in_turn(lab, [asked] * REPEATS)
        texts = _texts(cold)
        free += _texts(await lab.asker.draws(2 * REPEATS, lab.long({}, TOKENS)))
        bare = lab.long({"temperature": None}, TOKENS)
        absent += _texts(await lab.asker.draws(2 * REPEATS, bare))
        common, agreeing = _commonest(texts)
        parted = strays(cold)
        p_applied = min(1.0, LOOKS * breaches(len(texts), parted))
        p_ignored = concentration(texts, free)
        if any(text != common for text in absent):
            p_ignored = max(p_ignored, concentration(texts, absent))
        p_ignored = min(1.0, LOOKS * p_ignored)
        if 2 * min(p_applied, p_ignored) < lab.alpha or len({*texts, *free}) == 1:
            break
    detail = f"{agreeing} of {len(texts)} answers at temperature 0 are the same"
    alpha = lab.alpha / LOOKS
    if parted < len(texts) - agreeing:
        detail += f" ({len(texts) - agreeing - parted} part at a tie)"
    if lab.asker.alternatives:
        alpha /= 2
        places, wrong = await _not_likeliest(lab)
        p_applied = min(1.0, 2 * min(p_applied, breaches(places, wrong)))
        detail += f"; {places - wrong} of {places} tokens are the likeliest as reported"
    return Outcome(
        p_applied,
        p_ignored,
        Statistic("answers that agree", agreeing / len(texts)),
        detail,
        unseparated(1, len(texts), shares(free), alpha),
        f"{_commonest(absent)[1]} of {len(absent)} answers without a temperature are the same",
    )


def strays(replies: Sequence[Reply]) -> int:
    """Count the answers that part from the commonest, and not at a tie.

    Where two tokens are nearly as likely, greedy decoding on parallel hardware may take either,
    as other requests in the batch change the last digits.
    """
    common, _ = _commonest(_texts(replies))
    model = next(reply.first for reply in replies if _texts([reply])[0] == common)
    others = [reply.first for reply in replies if _texts([reply])[0] != common]
    return sum(not _tied(model.tokens or (), other.tokens or ()) for other in others)


def _tied(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """Tell whether two answers part where both tokens were about as likely."""
    parting = next(
        (pair for pair in zip(one, other, strict=False) if pair[0].text != pair[1].text), None
    )
    if parting is None:
        return False
    first, second = parting
    return abs(first.options.get(second.text, -math.inf) - first.logprob) < NEAR


async def _not_likeliest(lab: Lab) -> tuple[int, int]:
    """Count the tokens of a greedy answer, and those that are not the likeliest at their place."""
    top = lab.asker.alternatives
    reply = await lab.asker.ask(Ask(lab.writing, 2 * TOKENS, {"temperature": 0}, top=top))
    tokens = [token for token in reply.first.tokens or () if token.top]
    wrong = sum(token.logprob < max(p for _, p in token.top) - TIE for token in tokens)
    return len(tokens), wrong


async def probe_seed(lab: Lab) -> Outcome:
    """Test that the same seed gives the same text, and that other seeds give others.

    Each seed, 0 among them, is asked twice, in two rounds. If the seed does not act, any pairing
    of the answers agrees as often as that by seed.
    """
    seeds = [0, *(lab.chance.randrange(1, 2**31) for _ in range(SEEDS - 1))]
    asked = [lab.long({"seed": seed}, TOKENS) for seed in seeds]
    # where answers may be kept for equal requests, the second round must not be equal to the first
    more = {} if lab.asker.seeds is None else {"n": 1}
    anew = [replace(each, fields={**each.fields, **more}) for each in asked]
    once, again = _texts(await _in_turn(lab, asked)), _texts(await _in_turn(lab, anew))
    free = _texts(await lab.asker.draws(2 * SEEDS, lab.long({}, TOKENS)))
    pairs = list(zip(once, again, strict=True))
    equal = sum(first == second for first, second in pairs)
    others = len(set(once))
    p_repeat = binomial_tail(SEEDS, TEXT_SLIP, SEEDS - equal)
    p_same = concentration(once, free) if others == 1 else 1.0
    return Outcome(
        min(1.0, 2 * min(p_repeat, p_same)),
        p_same if others == 1 else pairing(pairs),
        Statistic("seeds whose two answers agree", equal / SEEDS),
        f"{equal} of {SEEDS} seeds gave the same answer twice; "
        f"{SEEDS} seeds gave {others} different answers",
        _missed_seed(_commonest(free)[1] / len(free), lab.alpha),
        f"{len(set(free))} of {len(free)} answers without a seed are different",
    )


def _missed_seed(collision: float, alpha: float) -> float:
    """Give the chance to miss an ignored seed, when two answers agree by chance this often."""
    tails = (binomial_tail(SEEDS, TEXT_SLIP, k) for k in range(SEEDS + 1))
    needed = next((k for k, tail in enumerate(tails) if 2 * tail < alpha), SEEDS + 1)
    return 1.0 - binomial_tail(SEEDS, 1.0 - collision, needed)
