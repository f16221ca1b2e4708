"""Runs the probes one after the other and puts the attestation together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from evenhand_evals.attest.asker import Asker, BudgetSpent, Refused, Route
from evenhand_evals.attest.bias import probe_logit_bias
from evenhand_evals.attest.constraints import (
    probe_choice,
    probe_grammar,
    probe_json_schema,
    probe_regex,
    probe_response_format,
)
from evenhand_evals.attest.delivery import probe_logprobs, probe_n, probe_top_logprobs
from evenhand_evals.attest.detect import identify
from evenhand_evals.attest.lab import Lab, open_lab
from evenhand_evals.attest.limits import probe_max_tokens, probe_min_tokens, probe_stop
from evenhand_evals.attest.penalties import (
    probe_frequency_penalty,
    probe_presence_penalty,
    probe_repetition_penalty,
)
from evenhand_evals.attest.repeats import probe_greedy, probe_seed
from evenhand_evals.attest.spelling import written
from evenhand_evals.attest.temperature import probe_temperature
from evenhand_evals.attest.thinking import probe_reasoning_effort, probe_thinking
from evenhand_evals.attest.truncation import probe_min_p, probe_top_k, probe_top_p
from evenhand_evals.attest.verdicts import Attestation, Finding, Outcome, conclude
from evenhand_evals.endpoint.engine import AUTO, root_of
from evenhand_evals.errors import EndpointError, UsageError
from evenhand_evals.http.client import Client
from evenhand_evals.settings import TIMEOUT, nearest_names

Probe = Callable[[Lab], Awaitable[Outcome]]
Notify = Callable[[str, Finding], None]

PROBES: Mapping[str, Probe] = {
    "greedy": probe_greedy,
    "seed": probe_seed,
    "temperature": probe_temperature,
    "top_k": probe_top_k,
    "top_p": probe_top_p,
    "min_p": probe_min_p,
    "stop": probe_stop,
    "max_tokens": probe_max_tokens,
    "min_tokens": probe_min_tokens,
    "logit_bias": probe_logit_bias,
    "n": probe_n,
    "logprobs": probe_logprobs,
    "top_logprobs": probe_top_logprobs,
    "response_format": probe_response_format,
    "json_schema": probe_json_schema,
    "regex": probe_regex,
    "choice": probe_choice,
    "grammar": probe_grammar,
    "thinking": probe_thinking,
    "reasoning_effort": probe_reasoning_effort,
    "presence_penalty": probe_presence_penalty,
    "frequency_penalty": probe_frequency_penalty,
    "repetition_penalty": probe_repetition_penalty,
}
"""Every parameter that can be tested; `greedy` is temperature 0. The penalties, which can take the
most requests, come last."""

CHAT_ONLY = frozenset(("top_logprobs", "response_format", "thinking", "reasoning_effort"))
ALPHA, BUDGET, CONCURRENCY = 0.001, 1200, 4
LOOKS, HOPELESS = 2, 0.05
"""How often a probe is run at most, and the p-value above which once more would not help."""
BUDGET_SPENT = "the budget was spent before the test was done"
REPEATS = (
    "equal requests are answered equally, and a seed to tell them apart is refused: the answers "
    "may all be one draw"
)


@dataclass(frozen=True, slots=True)
class AttestSettings:
    """What is asked for: `alpha` is the error rate of the whole attestation, in 0..1.

    `only` names the parameters to test, empty for all. `engine` is `auto` or an engine's name.
    `timeout` is the longest wait for one answer in seconds.
    """

    base_url: str
    model: str
    engine: str = AUTO
    route: Route = "chat"
    only: tuple[str, ...] = ()
    budget: int = BUDGET
    alpha: float = ALPHA
    concurrency: int = CONCURRENCY
    random_seed: int = 0
    timeout: float = TIMEOUT


def chosen(settings: AttestSettings) -> tuple[str, ...]:
    """Give the parameters to test, in the order of the test.

    Raises:
        UsageError: a name is unknown, or is not tested on the route.

    """
    for name in settings.only:
        if name not in PROBES:
            raise UsageError(f"--only: {name!r} is not tested; {nearest_names(name, list(PROBES))}")
        if settings.route != "chat" and name in CHAT_ONLY:
            raise UsageError(f"--only: {name!r} exists on the chat route only; use --route chat")
    usable = [name for name in PROBES if settings.route == "chat" or name not in CHAT_ONLY]
    return tuple(name for name in usable if not settings.only or name in settings.only)


async def attest(
    settings: AttestSettings, key: str | None = None, notify: Notify | None = None
) -> Attestation:
    """Test an endpoint with its key; `notify` is called with each finding as it is made.

    The error rate is shared out evenly among the parameters and their looks (Bonferroni), so that
    the chance that any verdict of the attestation is wrong stays below `settings.alpha`.

    Raises:
        EndpointError: the endpoint cannot be used, or fails on the way.
        UsageError: what is asked for cannot be tested.

    """
    names = chosen(settings)
    url, timeout = settings.base_url, settings.timeout
    async with (
        Client(url, key=key, timeout=timeout) as client,
        Client(root_of(url), key=key, timeout=timeout) as root,
    ):
        identity = await identify(client, root, settings.engine, settings.model)
        engine = str(identity.get("name", "openai"))
        spelled = written(engine, settings.route, settings.model, {"repetition_penalty": 1.0})
        asker = Asker(
            client,
            settings.model,
            settings.route,
            budget=settings.budget,
            concurrency=settings.concurrency,
            repetition=next(iter(spelled), "repetition_penalty"),
        )
        alpha = settings.alpha / len(names) / LOOKS
        lab = await _open(asker, engine, alpha, settings)
        findings: dict[str, Finding] = {}
        for name in names:
            findings[name] = await examine(lab, PROBES[name])
            if notify is not None:
                notify(name, findings[name])
    return Attestation(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        base_url=settings.base_url,
        model=settings.model,
        route=settings.route,
        engine=identity,
        alpha=settings.alpha,
        requests=asker.requests,
        findings=findings,
        through_proxy=asker.through_proxy,
    )


async def _open(asker: Asker, engine: str, alpha: float, settings: AttestSettings) -> Lab:
    try:
        return await open_lab(asker, engine, alpha, settings.random_seed)
    except BudgetSpent as error:
        raise UsageError(
            f"--budget: {settings.budget} requests do not reach for the controls; allow 300 or more"
        ) from error
    except Refused as error:
        raise EndpointError(f"the endpoint refuses a plain request: {error}") from error


async def examine(lab: Lab, probe: Probe) -> Finding:
    """Run one probe, once more where the first look leaves open what a second may decide.

    The second look compares with a larger control: see `Lab.closer`.
    """
    alpha, before = lab.alpha * LOOKS, lab.asker.requests
    finding = Finding("unverifiable", BUDGET_SPENT, 0, alpha)
    for look in range(LOOKS):
        try:
            outcome = await probe(await lab.closer() if look else lab)
        except Refused as refusal:
            return Finding("refused", str(refusal), lab.asker.requests - before, alpha)
        except BudgetSpent:
            return replace(finding, requests=lab.asker.requests - before)
        if lab.repeats:
            outcome = replace(outcome, p_applied=1.0, p_ignored=1.0, beta=1.0, reason=REPEATS)
        finding = conclude(outcome, alpha, LOOKS, lab.asker.requests - before)
        if (
            finding.verdict != "unverifiable"
            or min(outcome.p_applied, outcome.p_ignored) > HOPELESS
        ):
            break
    return finding


def names_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Split comma-separated names."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
