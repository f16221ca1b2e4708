"""n, logprobs, top_logprobs: what an answer must bring along."""

from evenhand_evals.attest.answers import Reply
from evenhand_evals.attest.asker import Ask
from evenhand_evals.attest.lab import Lab
from evenhand_evals.attest.verdicts import SLIP, Outcome, Statistic, breaches
from evenhand_evals.stats.exact import binomial_tail, pairing

REQUESTS = 8
CONTROLS = 4
TOKENS = 8
COUNTS = (2, 4)


def _counted(name: str, hits: int, n: int, anyway: int, detail: str) -> Outcome:
    """Judge a promise that can be read off each answer, and never comes about by chance.

    `anyway` counts the answers that keep it without being asked to.
    """
    return Outcome(
        breaches(n, n - hits),
        1.0 if anyway else binomial_tail(n, SLIP, hits),
        Statistic(name, hits / n),
        detail,
        0.0,
        "it comes without being asked for as well" if anyway else "some answers do, some do not",
    )


async def probe_n(lab: Lab) -> Outcome:
    """Test that two answers come where two are asked for, and that they are not copies."""
    replies = await lab.asker.draws(REQUESTS, lab.long({"n": 2}, TOKENS))
    hits = sum(len(reply.choices) == 2 for reply in replies)
    pairs = [
        ((first.reasoning, first.text), (second.reasoning, second.text))
        for first, second in (reply.choices for reply in replies if len(reply.choices) == 2)
    ]
    copies = sum(first == second for first, second in pairs)
    outcome = _counted(
        "requests with two answers",
        hits,
        REQUESTS,
        0,
        f"{hits} of {REQUESTS} requests for two answers brought two; "
        f"{copies} of {len(pairs)} pairs are copies",
    )
    p_copies = pairing(pairs) if pairs else 1.0
    return Outcome(
        min(1.0, 2 * min(outcome.p_applied, p_copies)),
        outcome.p_ignored,
        outcome.statistic,
        outcome.detail,
        outcome.beta,
        outcome.reason,
    )


def _complete(reply: Reply) -> bool:
    """Whether every token came with a log probability that can be one."""
    tokens = reply.first.tokens
    if not tokens or any(not token.logprob <= 0 for token in tokens):
        return False
    return reply.completion_tokens is None or abs(len(tokens) - reply.completion_tokens) <= 1


async def probe_logprobs(lab: Lab) -> Outcome:
    """Test that log probabilities come where they are asked for, one for each token."""
    value = True if lab.asker.route == "chat" else 1
    replies = await lab.asker.draws(REQUESTS, lab.long({"logprobs": value}, TOKENS))
    free = await lab.asker.draws(CONTROLS, lab.long({}, TOKENS))
    hits = sum(_complete(reply) for reply in replies)
    anyway = sum(bool(reply.first.tokens) for reply in free)
    return _counted(
        "answers with log probabilities",
        hits,
        REQUESTS,
        anyway,
        f"{hits} of {REQUESTS} answers have a log probability for each token, "
        f"{anyway} of {CONTROLS} without being asked",
    )


async def probe_top_logprobs(lab: Lab) -> Outcome:
    """Test that as many alternatives come as are asked for (chat; elsewhere `logprobs` counts)."""
    hits, came = 0, set()
    for count in COUNTS:
        asked = Ask(lab.writing, TOKENS, {}, top=count)
        for reply in await lab.asker.draws(REQUESTS // len(COUNTS), asked):
            found = {len(token.top) for token in reply.first.tokens or ()}
            came |= found
            # OpenAI's legacy shape adds the drawn token where it is not among the likeliest.
            hits += bool(found) and found <= {count, count + (lab.asker.route != "chat")}
    shown = ", ".join(str(each) for each in sorted(came)) or "none"
    return _counted(
        "answers with as many alternatives",
        hits,
        REQUESTS,
        0,
        f"{hits} of {REQUESTS} answers have as many alternatives as asked "
        f"({' or '.join(map(str, COUNTS))}); seen: {shown}",
    )
