"""From two p-values to one verdict, and the document that holds the verdicts.

Every probe tests two claims about its parameter: that the endpoint follows it as asked, and that
it does as if the parameter had not been sent. A verdict stands only where the other claim is
rejected; where neither is, the answer is `unverifiable`, never a guess.

An endpoint that follows a parameter may still slip now and then, because arithmetic on parallel
hardware is not exact and ties break either way. Claims of the kind "every answer must" therefore
allow a share of slips, and are rejected only by more of them than that share explains.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evenhand_evals.stats.exact import binomial_tail

VerdictName = Literal["applied", "ignored", "altered", "refused", "unverifiable"]

SLIP = 0.02
"""The share of answers that may break a promise which is kept."""

FORMAT = 1
"""The version of the attestation document."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """What was measured: a name and a value, with bounds where it is an estimate."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        bounds = {"low": self.low, "high": self.high}
        return {
            "name": self.name,
            "value": self.value,
            **{name: value for name, value in bounds.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe found.

    `p_applied` and `p_ignored` are the p-values of the two claims (see the module). `beta` is the
    chance that one look misses a parameter that is ignored, were the answers as various as the
    control's; None where it is not known.
    `reason` says why neither claim could be rejected, in case that neither is.
    """

    p_applied: float
    p_ignored: float
    statistic: Statistic
    detail: str
    beta: float | None = None
    reason: str = "the answers fit both a parameter that acts and one that does not"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one parameter, as the document shows it."""

    verdict: VerdictName
    detail: str
    requests: int
    alpha: float
    statistic: Statistic | None = None
    beta: float | None = None
    p_applied: float | None = None
    p_ignored: float | None = None

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "verdict": self.verdict,
            "statistic": self.statistic and self.statistic.document(),
            "requests": self.requests,
            "alpha": self.alpha,
            "beta": self.beta,
            "p_applied": self.p_applied,
            "p_ignored": self.p_ignored,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Attestation:
    """All that was found out about one endpoint."""

    made_at: str
    base_url: str
    model: str
    route: str
    engine: Mapping[str, Any]
    alpha: float
    requests: int
    findings: Mapping[str, Finding]
    through_proxy: bool = False

    @property
    def failed(self) -> tuple[str, ...]:
        """The parameters that are ignored or altered."""
        return tuple(
            name
            for name, finding in self.findings.items()
            if finding.verdict in ("ignored", "altered")
        )

    def document(self) -> dict[str, Any]:
        """Give the attestation document."""
        return {
            "evenhand_attestation": FORMAT,
            "made_at": self.made_at,
            "base_url": self.base_url,
            "model": self.model,
            "route": self.route,
            "engine": dict(self.engine),
            "through_proxy": self.through_proxy,
            "alpha": self.alpha,
            "correction": "bonferroni",
            "requests": self.requests,
            "verdicts": {name: each.document() for name, each in self.findings.items()},
        }


def decide(p_applied: float, p_ignored: float, alpha: float) -> VerdictName:
    """Give the verdict that follows from the p-values of the two claims.

    >>> decide(0.4, 1e-9, 0.001), decide(1e-9, 0.4, 0.001)
    ('applied', 'ignored')
    """
    if p_applied < alpha:
        return "altered" if p_ignored < alpha else "ignored"
    return "applied" if p_ignored < alpha else "unverifiable"


def breaches(n: int, broken: int) -> float:
    """Give the chance of this many broken promises or more among `n`, slips being allowed."""
    return binomial_tail(n, SLIP, broken)


def missed(n: int, chance: float, alpha: float) -> float:
    """Give the chance to miss an ignored parameter, when each of `n` answers breaks by `chance`."""
    return 1.0 - binomial_tail(n, chance, _needed(n, alpha))


def unseparated(arms: int, n: int, shares: Sequence[float], alpha: float) -> float:
    """Bound the chance to miss an ignored parameter that should make `n` answers of an arm agree.

    `shares` are those of the outcomes; an answer breaks the promise if it is not the commonest of
    its arm. How common that is, is bounded by the sum over the outcomes (the union bound).
    """
    tails = [
        min(1.0, math.fsum(binomial_tail(n, share, count) for share in shares))
        for count in range(n + 1)
    ] + [0.0]
    strays = [tails[n - k] - tails[n - k + 1] for k in range(n + 1)]
    sums = [1.0]
    for _ in range(arms):
        sums = [
            math.fsum(sums[i] * strays[k - i] for i in range(len(sums)) if 0 <= k - i <= n)
            for k in range(len(sums) + n)
        ]
    return min(1.0, math.fsum(sums[: _needed(arms * n, alpha)]))


def _needed(n: int, alpha: float) -> int:
    """Give how many broken promises among `n` reject that they are slips."""
    return next((k for k in range(n + 1) if breaches(n, k) < alpha), n + 1)


def conclude(outcome: Outcome, alpha: float, looks: int, requests: int) -> Finding:
    """Turn a probe's outcome into the finding.

    `alpha` is the error rate of the parameter. The p-values are multiplied by the number of looks
    that there may be, so that they can be compared with it.
    """
    p_applied = min(1.0, looks * outcome.p_applied)
    p_ignored = min(1.0, looks * outcome.p_ignored)
    verdict = decide(p_applied, p_ignored, alpha)
    detail = outcome.detail
    if verdict == "unverifiable":
        detail = f"{outcome.reason}; {detail}"
    return Finding(
        verdict,
        detail,
        requests,
        alpha,
        outcome.statistic,
        outcome.beta,
        p_applied,
        p_ignored,
    )
