"""logit_bias: an offset of +100 on any one token must make it the only one.

That needs no knowledge of the vocabulary: which token has the number does not matter, as long as
one answer is all that comes with it, and another with another number.
"""

from collections import Counter

from evenhand_evals.attest.answers import Symbol
from evenhand_evals.attest.asker import Refused
from evenhand_evals.attest.lab import Lab, symbols
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, unseparated
from evenhand_evals.stats.exact import concentration

TOKENS, DRAWS = 3, 12
ANSWERS = TOKENS * DRAWS
OFFSET = 100
IDS = (range(256, 1000), range(64, 256))
"""Token ids to draw from: below the size of any real vocabulary, or where these are refused, lower.
The first of a vocabulary often are single bytes, whose texts do not tell them apart. Two tokens
can have the same text, three hardly."""
UNREADABLE = "\ufffd"


async def probe_logit_bias(lab: Lab) -> Outcome:
    """Test that each of some offsets forces its token."""
    try:
        forced = await _forced(lab, IDS[0])
    except Refused:
        forced = await _forced(lab, IDS[1])
    common = [Counter(drawn).most_common(1)[0] for drawn in forced]
    agreeing = sum(count for _, count in common)
    p_applied = breaches(ANSWERS, ANSWERS - agreeing)
    tests = [concentration(drawn, lab.place.control) for drawn in forced]
    p_ignored = min(1.0, TOKENS * min(tests))
    same = len({symbol for symbol, _ in common}) == 1
    detail = f"{agreeing} of {ANSWERS} answers are the token that was forced"
    if same and agreeing == ANSWERS and "".join(common[0][0]).strip(UNREADABLE):
        p_applied = min(p_applied, p_ignored)
        detail += f", but {TOKENS} different tokens were"
    return Outcome(
        p_applied,
        p_ignored,
        Statistic("answers that agree", agreeing / ANSWERS),
        detail,
        unseparated(TOKENS, DRAWS, lab.place.shares, lab.alpha),
        lab.place.note(),
    )


async def _forced(lab: Lab, ids: range) -> list[list[Symbol]]:
    """Draw with each of some tokens forced."""
    drawn = []
    for token in lab.chance.sample(ids, TOKENS):
        asked = lab.short({"logit_bias": {str(token): OFFSET}})
        drawn.append(symbols(await lab.asker.draws(DRAWS, asked)))
    return drawn
