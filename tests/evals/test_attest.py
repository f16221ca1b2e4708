"""Attestation of a toy engine that lies as told: each lie is found, and no truth called a lie."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from evenhand_evals.attest.asker import Asker
from evenhand_evals.attest.lab import open_lab
from evenhand_evals.attest.runner import PROBES, AttestSettings, attest, examine
from evenhand_evals.attest.verdicts import Attestation
from evenhand_evals.http.client import Client
from tests.toy_engine import toy_engine


async def attested(
    lies: dict[str, Any], *only: str, random_seed: int = 0, **settings: Any
) -> Attestation:
    """Attest a toy engine that lies so."""
    async with toy_engine(**lies) as engine:
        asked = AttestSettings(
            engine.base_url, engine.model, only=only, random_seed=random_seed, **settings
        )
        return await attest(asked)


def verdict(found: Attestation, name: str) -> str:
    """The verdict on one parameter."""
    return found.findings[name].verdict


TOLD = {"json_schema": "response_format", "thinking": "enable_thinking"}
"""Parameters that the toy engine is told to lie about by another name: it is spoken to as OpenAI
is, which takes a schema in `response_format` only."""


@pytest.mark.parametrize("name", PROBES)
async def test_a_parameter_that_is_ignored_is_found(name: str) -> None:
    """Whichever it is, the verdict is `ignored`, and its p-value below its error rate."""
    finding = (await attested({"ignore": (TOLD.get(name, name),)}, name)).findings[name]
    assert finding.verdict == "ignored", finding
    assert finding.p_applied is not None
    assert finding.p_applied < finding.alpha <= 0.001


ALTERED: list[tuple[str, Any]] = [
    ("temperature", 0.7),
    ("temperature", lambda value: min(value, 1.0)),
    ("top_k", lambda value: 3 * value if value > 0 else value),
    ("top_k", lambda value: min(value, 1) if value > 0 else value),
    ("top_p", lambda value: max(value, 0.8)),
    ("min_p", lambda value: value / 4),
    ("seed", 7),
    ("max_tokens", lambda value: 2 * value),
    ("max_tokens", 16),
    ("min_tokens", 10),
    ("stop", ["zz"]),
    ("logit_bias", {"70": 100}),
    ("presence_penalty", lambda value: max(value, 0)),
    ("frequency_penalty", lambda value: value / 4),
    ("repetition_penalty", 1.05),
    ("n", 1),
    ("top_logprobs", 1),
    ("response_format", {"type": "json_object"}),
    ("regex", "[a-z ]{1,8}"),
    ("choice", ["yes", "no"]),
    ("grammar", 'root ::= "yes"'),
    ("enable_thinking", True),
    ("reasoning_effort", "high"),
]


@pytest.mark.parametrize(("name", "change"), ALTERED)
async def test_a_parameter_that_acts_otherwise_is_found(name: str, change: Any) -> None:
    """Clamped, scaled, pinned or swapped: never `applied`."""
    tested = next((known for known, told in TOLD.items() if told == name), name)
    found = await attested({"alter": {name: change}}, tested)
    assert verdict(found, tested) in ("ignored", "altered"), found.findings[tested]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("temperature", lambda value: min(value, 1.0)),
        ("seed", 7),
        ("logit_bias", {"70": 100}),
        ("max_tokens", lambda value: 2 * value),
    ],
)
async def test_what_acts_but_wrongly_is_altered(name: str, change: Any) -> None:
    """Where the answers fit neither claim the verdict is `altered`, not `ignored`."""
    found = await attested({"alter": {name: change}}, name)
    assert verdict(found, name) == "altered", found.findings[name]


async def test_one_lie_is_not_blamed_on_another_parameter() -> None:
    """An engine that always keeps six tokens: temperature is not called ignored for that."""
    found = await attested({"alter": {"top_k": 6}}, "temperature", "top_k", "top_p", "min_p")
    assert verdict(found, "top_k") == "ignored"
    assert verdict(found, "temperature") in ("applied", "unverifiable")
    assert verdict(found, "top_p") == verdict(found, "min_p") == "applied"


@pytest.mark.parametrize("start", range(0, 20, 4))
async def test_clean_runs_raise_no_alarm(start: int) -> None:
    """Twenty attestations of an honest engine: every verdict on all parameters is `applied`."""
    for seed in range(start, start + 4):
        found = await attested({"engine_seed": 1000 + seed}, random_seed=seed)
        verdicts = {name: each.verdict for name, each in found.findings.items()}
        assert verdicts == dict.fromkeys(PROBES, "applied"), (seed, found.findings)
        assert found.requests < 900


@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p"])
async def test_an_unlucky_control_is_drawn_once_more(name: str) -> None:
    """A control more peaked than the model leaves the first look open; the second decides."""
    async with toy_engine() as engine, Client(engine.base_url) as client:
        asker = Asker(client, engine.model, "chat", budget=1200, concurrency=4)
        lab = await open_lab(asker, "openai", 0.001 / len(PROBES) / 2, seed=0)
        likeliest = Counter(lab.place.control).most_common(1)[0][0]
        peaked = (*lab.place.control[:18], *[likeliest] * 30)
        lab.place = replace(lab.place, control=peaked)
        finding = await examine(lab, PROBES[name])
    assert finding.verdict == "applied", finding
    assert lab.wider is not None, "the first look was enough"
    assert lab.wider.control[: len(peaked)] == peaked == lab.place.control
    assert len(lab.wider.control) == 2 * len(peaked)


SPELLED = {
    "greedy": ("temperature",),
    "max_tokens": (),
    "json_schema": ("response_format",),
    "regex": ("regex", "guided_regex", "structured_outputs"),
    "choice": ("guided_choice", "structured_outputs"),
    "grammar": ("grammar", "ebnf", "guided_grammar"),
    "thinking": ("chat_template_kwargs",),
}
"""What must be refused for a parameter to be; an endpoint must take some limit of tokens."""


@pytest.mark.parametrize("name", ["n", "top_k", "logit_bias", "seed", "repetition_penalty"])
async def test_a_refusal_is_reported_with_its_message(name: str) -> None:
    """A parameter that the engine answers with 400 is `refused`, and no other one is."""
    others = ("stop", "max_tokens", "min_p")
    found = await attested({"refuse": (name,)}, name, *others)
    assert verdict(found, name) == "refused"
    assert name in found.findings[name].detail
    assert {verdict(found, each) for each in others} == {"applied"}
    assert not found.failed


async def test_everything_may_be_refused() -> None:
    """Then nothing is called ignored, and the limit of tokens is tested by its newer name."""
    names = {wire for name in PROBES for wire in SPELLED.get(name, (name,))} | {"max_tokens"}
    found = await attested({"refuse": tuple(names)})
    verdicts = {name: each.verdict for name, each in found.findings.items()}
    assert verdicts == dict.fromkeys(PROBES, "refused") | {"max_tokens": "applied"}
    details = [each.detail for each in found.findings.values() if each.verdict == "refused"]
    assert all("not supported by this engine" in detail for detail in details)


REPEATED = ("greedy", "seed", "top_k", "stop", "n", "logit_bias")


async def test_answers_that_are_kept_are_no_proof() -> None:
    """An endpoint that gives an equal request its old answer is drawn from with other seeds."""
    honest = await attested({"cached": True}, *REPEATED)
    assert {verdict(honest, name) for name in REPEATED} == {"applied"}
    lying = await attested({"cached": True, "ignore": REPEATED}, *REPEATED)
    assert {verdict(lying, name) for name in REPEATED} == {"ignored"}


async def test_answers_that_are_kept_without_a_seed_prove_nothing() -> None:
    """Where no seed tells equal requests apart, no luck is mistaken for an effect."""
    for lies in ({"cached": True}, {"cached": True, "ignore": REPEATED}):
        found = await attested({**lies, "refuse": ("seed",)}, *REPEATED)
        assert {verdict(found, name) for name in REPEATED} == {"unverifiable", "refused"}
        assert verdict(found, "seed") == "refused"
        assert "answered equally" in found.findings["top_k"].detail


async def test_a_fixed_seed_is_told_from_no_choice() -> None:
    """An engine that was started with a seed answers alike, and yet follows another one."""
    found = await attested({"default_seed": 42}, "seed", "top_p", "greedy")
    assert {each.verdict for each in found.findings.values()} == {"applied"}


async def test_a_model_that_is_certain_leaves_sampling_unverifiable() -> None:
    """Where every answer is the same anyway, nothing is called applied or ignored by sampling."""
    sampling = ("greedy", "seed", "temperature", "top_k", "top_p", "min_p")
    for lies in ({"peaked": True}, {"peaked": True, "ignore": sampling}):
        found = await attested(lies, *sampling, "stop", "max_tokens")
        assert {verdict(found, name) for name in sampling} == {"unverifiable"}
        assert verdict(found, "stop") == verdict(found, "max_tokens") == "applied"
        assert "the same" in found.findings["top_k"].detail


@pytest.mark.parametrize("name", ["greedy", "temperature", "top_k", "top_p", "min_p", "seed"])
async def test_lies_are_found_without_log_probabilities(name: str) -> None:
    """An engine that reports none is told honest from lying by its answers alone."""
    blind = {"logprobs": False}
    assert verdict(await attested(blind, name), name) == "applied"
    assert verdict(await attested({**blind, "ignore": (name,)}, name), name) == "ignored"


async def test_penalties_need_log_probabilities() -> None:
    """Without them a penalty is unverifiable, and the detail says why."""
    found = await attested({"logprobs": False}, "presence_penalty")
    assert verdict(found, "presence_penalty") == "unverifiable"
    assert "log probabilities" in found.findings["presence_penalty"].detail


async def test_the_completions_route() -> None:
    """The legacy route and its shape of log probabilities serve as well."""
    names = ("greedy", "seed", "temperature", "top_k", "logprobs", "frequency_penalty")
    honest = await attested({}, *names, route="completions")
    assert {verdict(honest, name) for name in names} == {"applied"}
    lying = await attested({"ignore": ("seed",)}, "seed", route="completions")
    assert verdict(lying, "seed") == "ignored"


async def test_a_spent_budget_leaves_the_rest_unverifiable() -> None:
    """No request is made beyond the budget."""
    async with toy_engine() as engine:
        settings = AttestSettings(engine.base_url, engine.model, budget=150)
        found = await attest(settings)
        assert engine.requests <= 150
    assert found.requests == 150
    assert found.findings["repetition_penalty"].verdict == "unverifiable"
    assert "budget" in found.findings["repetition_penalty"].detail


async def test_the_same_seed_asks_the_same() -> None:
    """Two attestations of two engines alike, one request at a time, are alike."""
    lies = {"engine_seed": 4}
    first, second = [
        (await attested(lies, "seed", "logit_bias", "top_k", concurrency=1, random_seed=9))
        for _ in range(2)
    ]
    assert first.findings == second.findings


@pytest.mark.parametrize("name", ["json_schema", "regex", "choice", "grammar"])
async def test_an_engine_that_is_known_is_asked_in_its_own_words(name: str) -> None:
    """A verdict is of the spelling that a proxy would send, and of no other one."""
    other = "guided_" + name.removesuffix("_schema")
    for lie, expected in (("structured_outputs", "ignored"), (other, "applied")):
        found = await attested({"ignore": (lie,)}, name, engine="vllm")
        assert verdict(found, name) == expected, found.findings[name]
        assert "structured_outputs." in found.findings[name].detail
