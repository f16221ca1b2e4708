"""stop, max_tokens, min_tokens: where an answer ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evenhand_evals.attest.answers import Choice, Reply
from evenhand_evals.attest.asker import Ask, Refused
from evenhand_evals.attest.lab import LONG_TOKENS, Lab
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, missed
from evenhand_evals.stats.exact import concentration, fisher_greater

REQUESTS, STOPPED, PILOT = 14, 20, 4
USUAL = 0.9
MOST = 1
LEAST = 64
MARKS = 3
"""Stop strings to ask for; OpenAI takes four."""
BRIEF_PROMPTS = ("1 + 1 =", "Hello", "What is the capital of France?", "Say OK.", "Write a story.")


def _whole(choice: Choice) -> str:
    return f"{choice.reasoning}{choice.text}"


async def probe_stop(lab: Lab) -> Outcome:
    """Test that an answer ends before a stop string: those that most answers hold are asked for."""
    marks, fields = await _marked(lab)
    # drawn anew: those that the marks were chosen for hold them more often than others would
    free = await _long_texts(lab, STOPPED, fields)
    stopped = await _long_texts(lab, STOPPED, {**fields, "stop": marks})
    through, held = _holding(stopped, marks), _holding(free, marks)
    share = held / STOPPED
    return Outcome(
        breaches(STOPPED, through),
        fisher_greater(STOPPED - through, STOPPED, STOPPED - held, STOPPED),
        Statistic("answers that hold a stop string", through / STOPPED),
        f"{through} of {STOPPED} answers hold a stop string ({' '.join(marks)}), "
        f"{held} of {STOPPED} do without",
        missed(STOPPED, share, lab.alpha),
        f"only {share:.0%} of the answers would hold a stop string anyway",
    )


async def _marked(lab: Lab) -> tuple[list[str], Mapping[str, Any]]:
    """Choose the stop strings, and the fields that make answers hold them.

    Where answers have too little in common, greedy ones may have more.
    """
    texts = [_whole(reply.first) for reply in lab.texts]
    marks = frequent_marks(texts)
    usual = _holding(texts, marks) / len(texts)
    if usual >= USUAL:
        return marks, {}
    try:
        cold = await _long_texts(lab, PILOT, lab.temperature(0))
    except Refused:
        return marks, {}
    greedy = frequent_marks(cold)
    if _holding(cold, greedy) / PILOT > usual:
        return greedy, lab.temperature(0)
    return marks, {}


async def _long_texts(lab: Lab, count: int, fields: Mapping[str, Any]) -> list[str]:
    return [_whole(reply.first) for reply in await lab.asker.draws(count, lab.long(fields))]


def frequent_marks(texts: Sequence[str]) -> list[str]:
    """Choose letters so that most texts hold at least one: each is in most of what is left."""
    marks: list[str] = []
    left = list(texts)
    while left and len(marks) < MARKS:
        held = Counter(mark for text in left for mark in set(text) if mark.isalnum())
        if not held:
            break
        marks.append(max(held, key=lambda each: (held[each], each)))
        left = [text for text in left if marks[-1] not in text]
    return marks or ["e"]


def _holding(texts: Sequence[str], marks: Sequence[str]) -> int:
    return sum(any(mark in text for mark in marks) for text in texts)


async def probe_max_tokens(lab: Lab) -> Outcome:
    """Test that no answer is longer than the limit, and none is cut off before it."""
    replies = await lab.asker.draws(REQUESTS, lab.long({}, MOST))
    lengths = [_length(reply) for reply in replies]
    free = [_length(reply) for reply in lab.texts]
    wrong = sum(not _ends_rightly(reply, MOST) for reply in replies)
    within = sum(length <= MOST for length in lengths)
    longer = sum(length > MOST for length in free)
    p_shorter = fisher_greater(within, REQUESTS, len(free) - longer, len(free))
    return Outcome(
        breaches(REQUESTS, wrong),
        min(1.0, 2 * min(p_shorter, concentration(lengths, free))),
        Statistic("answers that keep to the limit", 1 - wrong / REQUESTS),
        f"asked for {MOST} token at most, {min(lengths)} to {max(lengths)} came; "
        f"{min(free)} to {max(free)} with {LONG_TOKENS}",
        missed(REQUESTS, longer / len(free), lab.alpha),
        f"only {longer} of {len(free)} answers would be longer anyway",
    )


def _length(reply: Reply) -> int:
    """Give the tokens of an answer: reported, or at least as many as there are words."""
    return len(_whole(reply.first).split()) if reply.length is None else reply.length


def _ends_rightly(reply: Reply, most: int) -> bool:
    length = _length(reply)
    cut_early = reply.length is not None and reply.first.finish == "length" and length < most
    return length <= most and not cut_early


async def probe_min_tokens(lab: Lab) -> Outcome:
    """Test that no answer ends of itself before the least number of tokens."""
    prompt, free = await _brief(lab)
    own = lab.temperature(lab.place.temperature)
    asked = Ask(prompt, LEAST, {**own, "min_tokens": LEAST})
    short = sum(_early(reply) for reply in await lab.asker.draws(REQUESTS, asked))
    short_free = sum(_early(reply) for reply in free)
    share = short_free / len(free)
    return Outcome(
        breaches(REQUESTS, short),
        fisher_greater(REQUESTS - short, REQUESTS, len(free) - short_free, len(free)),
        Statistic("answers shorter than asked", short / REQUESTS),
        f"{short} of {REQUESTS} answers ended before {LEAST} tokens, {share:.0%} do without",
        missed(REQUESTS, share, lab.alpha),
        f"only {share:.0%} of the answers would end sooner anyway",
    )


def _early(reply: Reply) -> bool:
    """Whether an answer ended of itself before the least number of tokens."""
    return _length(reply) < LEAST and reply.first.finish != "length"


async def _brief(lab: Lab) -> tuple[str, list[Reply]]:
    """Find a prompt whose answers end soon, and give answers to it."""
    own = lab.temperature(lab.place.temperature)
    shares: list[tuple[float, str]] = []
    for prompt in (*BRIEF_PROMPTS, lab.place.prompt, lab.writing):
        replies = await lab.asker.draws(3, Ask(prompt, LEAST, own))
        shares.append((-sum(_early(reply) for reply in replies), prompt))
        if shares[-1][0] == -3:
            break
    prompt = min(shares)[1]
    replies = await lab.asker.draws(REQUESTS, Ask(prompt, LEAST, own))
    return prompt, replies
