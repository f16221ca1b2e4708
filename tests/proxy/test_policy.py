"""Rules put to requests: nothing gets round them, and a shadow changes nothing."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.decoding import (
    ABSENT,
    DIALECTS,
    PARAMETERS,
    PROFILES,
    EngineFacts,
    Mode,
    Policy,
    PolicyHit,
    PolicyRule,
    Profile,
    gather,
    resolve,
)
from evenhand_proxy.decoding.asked import Draft, fill, translate_meanings
from evenhand_proxy.decoding.defaults import rules_of
from evenhand_proxy.decoding.dialect import Range, Rewrite, Rule
from evenhand_proxy.decoding.edits import at
from evenhand_proxy.decoding.policy import apply
from evenhand_proxy.decoding.record import PolicyAction

LENGTHS = PARAMETERS["max_tokens"].spellings
CAP = PolicyRule("short", "cap", "max_tokens", 100)
WARM = PolicyRule("warm", "floor", "temperature", 0.5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def put(
    body: Mapping[str, Any],
    *rules: PolicyRule,
    dialect: str = "vllm_openai",
    profile: Profile | None = None,
    **defaults: Any,
) -> tuple[dict[str, Any], tuple[PolicyHit, ...]]:
    """Put a body to rules; gives the values after them, and what they did."""
    spoken = rules_of(DIALECTS[dialect], None)
    drafts: dict[str, Draft] = gather(body)
    fill(drafts, (profile,) if profile else ())
    translate_meanings(drafts, spoken)
    hits = apply(rules, drafts, lambda name: defaults.get(name, ABSENT), spoken, body)
    translate_meanings(drafts, spoken)
    return {name: draft.value for name, draft in drafts.items()}, hits


def rule(action: PolicyAction, parameter: str, value: Any = ABSENT, **more: Any) -> PolicyRule:
    """A rule called `r`."""
    return PolicyRule("r", action, parameter, value, **more)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("spelling", LENGTHS)
def test_every_spelling_is_capped_on_every_route(dialect: str, spelling: str) -> None:
    """And the client's own field does not stay beside the one that is sent."""
    rules = (CAP,)
    body = {spelling: 5000}
    facts = EngineFacts("any")
    done = resolve(body, DIALECTS[dialect], model="m", facts=facts, rules=rules)
    sent = done.apply(body)
    assert all(at(sent, path) in (ABSENT, 100) for path in LENGTHS)
    (hit,) = done.record.policy_hits
    assert (hit.old, hit.new, hit.enforced) == (5000, 100, True)


@given(
    body=st.dictionaries(st.sampled_from(LENGTHS), JSON, min_size=1),
    dialect=st.sampled_from(sorted(DIALECTS)),
)
def test_no_value_in_any_spelling_gets_past_a_cap(body: dict[str, Any], dialect: str) -> None:
    """Whatever JSON stands there, in one spelling or several: a number up to the cap, or 400."""
    done = resolve(body, DIALECTS[dialect], model="m", facts=EngineFacts("any"), rules=(CAP,))
    if done.refusals:
        return
    sent = done.apply(body)
    for path in LENGTHS:
        value = at(sent, path)
        assert value in (ABSENT, None) or 0 <= value <= 100


@given(body=st.dictionaries(st.sampled_from([*PARAMETERS, "Top_K"]), JSON), data=st.data())
def test_any_rule_takes_any_json(body: dict[str, Any], data: st.DataObject) -> None:
    """Every action on every kind of parameter, in every dialect."""
    actions = {"default": 1, "pin": 1, "cap": 1, "floor": 1, "forbid": ABSENT, "require": ABSENT}
    for action, value in actions.items():
        name = data.draw(st.sampled_from(sorted(PARAMETERS)))
        dialect = data.draw(st.sampled_from(sorted(DIALECTS)))
        _, hits = put(body, rule(action, name, value), dialect=dialect)  # type: ignore[arg-type]
        assert all(hit.reason.startswith("policy r: ") for hit in hits)


@given(body=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), JSON), data=st.data())
def test_a_shadow_changes_nothing_and_tells_the_same(
    body: dict[str, Any], data: st.DataObject
) -> None:
    """Its hits are those of the enforced rule, but for the word."""
    actions: list[tuple[PolicyAction, Any]] = [("pin", 1), ("cap", 1), ("floor", 1)]
    action, value = data.draw(st.sampled_from([*actions, ("forbid", ABSENT)]))
    name = data.draw(st.sampled_from(["temperature", "max_tokens", "n", "top_k"]))
    drafts = gather(body)
    before = copy.deepcopy(drafts)
    shadow = rule(action, name, value, enforce=False)
    told = apply((shadow,), drafts, lambda _: ABSENT)
    assert json.dumps(drafts, default=repr) == json.dumps(before, default=repr)
    done = apply((rule(action, name, value),), drafts, lambda _: ABSENT)
    assert [(hit.parameter, hit.reason) for hit in told] == [
        (hit.parameter, hit.reason) for hit in done
    ]
    assert not any(hit.enforced or hit.refuses for hit in told)


@given(
    value=st.none() | st.integers(-5, 300) | st.floats(0, 3),
    bounds=st.sampled_from([("cap", 0.9), ("floor", 0.2), ("pin", 0.7)]),
    name=st.sampled_from(["temperature", "top_p", "max_tokens", "top_k"]),
)
def test_a_rule_that_was_applied_finds_nothing_more(
    value: Any, bounds: tuple[PolicyAction, float], name: str
) -> None:
    """What it made of a request is what it wants."""
    action, bound = bounds
    if name in ("max_tokens", "top_k"):
        bound = round(bound * 100)
    values, hits = put({name: value}, rule(action, name, bound))
    assert not any(hit.refuses for hit in hits)
    assert put(values, rule(action, name, bound), **{name: value})[1] == ()


@pytest.mark.parametrize("value", ["100", "many", True, False, [1], {}, float("nan"), float("inf")])
@pytest.mark.parametrize("action", ["cap", "floor"])
def test_what_is_no_number_is_refused_under_a_bound(value: Any, action: PolicyAction) -> None:
    """Engines would coerce it, each in its own way."""
    _, (hit,) = put({"max_tokens": value}, rule(action, "max_tokens", 50, reason="cost"))
    assert hit.refuses
    assert "is not a number" in hit.reason
    assert hit.reason.endswith("(cost)")


@pytest.mark.parametrize("body", [{}, {"max_tokens": None}, {"max_completion_tokens": None}])
def test_what_is_left_out_is_capped_where_no_known_default_is_smaller(body: Any) -> None:
    """Null asks engines for the default, too."""
    assert put(body, CAP, max_tokens=16) == (gather_values(body), ())
    for defaults in ({}, {"max_tokens": -1}, {"max_tokens": 4096}, {"max_tokens": None}):
        values, (hit,) = put(body, CAP, **defaults)
        assert values["max_tokens"] == 100
        assert hit.old == (None if body else ABSENT)


def gather_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a body asks for."""
    return {name: draft.value for name, draft in gather(body).items()}


@pytest.mark.parametrize(
    ("name", "value", "dialect"),
    [
        ("max_tokens", -1, "llamacpp_server"),
        ("max_tokens", -2, "llamacpp_server"),
        ("max_tokens", -0.5, "ollama_openai"),
        ("thinking_budget", -1, "vllm_openai"),
        ("top_k", 0, "vllm_openai"),
        ("top_k", -1, "sglang_openai_chat"),
        ("top_k", -7, "llamacpp_server"),
        ("top_logprobs", -1, "vllm_openai"),
    ],
)
def test_a_value_that_means_no_bound_is_capped(name: str, value: Any, dialect: str) -> None:
    """Whatever the engine: one that refuses the value loses nothing by it."""
    values, (hit,) = put({name: value}, rule("cap", name, 5), dialect=dialect)
    assert values[name] == 5
    assert hit.old == value


def test_a_value_that_the_engine_takes_for_unset_is_no_bound() -> None:
    """As a dialect says with a rewrite to nothing: more than any cap, enough for any floor."""
    unset = Rewrite(Range(0, 0), "0 counts as unset", becomes=None)
    dialect = {"max_tokens": Rule("max_tokens", "made for this test", rewrites=(unset,))}
    drafts = gather({"max_tokens": 0})
    (hit,) = apply((CAP,), drafts, lambda _: ABSENT, dialect)
    assert (hit.old, hit.new, drafts["max_tokens"].value) == (0, 100, 100)
    long = rule("floor", "max_tokens", 9)
    assert not apply((long,), gather({"n_predict": 0}), lambda _: ABSENT, dialect)


def test_zero_tokens_stay_zero_where_the_engine_means_it() -> None:
    """VLLM's completions take 0 together with echo: only the prompt is scored."""
    assert put({"max_tokens": 0}, CAP, dialect="vllm_openai_completions")[1] == ()


def test_a_value_that_the_engine_ignores_leaves_its_default_to_be_capped() -> None:
    """Transformers ignores a negative no_repeat_ngram_size; whatever its default is then acts."""
    body = {"no_repeat_ngram_size": -3}
    values, _ = put(body, rule("cap", "no_repeat_ngram_size", 2), dialect="hf_transformers")
    assert values["no_repeat_ngram_size"] == 2


@pytest.mark.parametrize("dialect", ["vllm_openai", "sglang_openai_chat", "tgi_native"])
@pytest.mark.parametrize("action", ["floor", "pin"])
def test_greedy_by_do_sample_is_no_way_under_a_temperature(
    dialect: str, action: PolicyAction
) -> None:
    """Where an engine says it with temperature 0, and where it has a switch of its own."""
    warm = rule(action, "temperature", 0.5)
    values, hits = put({"do_sample": False, "temperature": 0.9}, warm, dialect=dialect)
    assert values["do_sample"] is True
    assert values["temperature"] == (0.9 if dialect == "tgi_native" and action == "floor" else 0.5)
    assert not any(hit.refuses for hit in hits)


@pytest.mark.parametrize("action", ["floor", "pin"])
def test_greedy_by_top_k_is_refused_under_a_temperature(action: PolicyAction) -> None:
    """Dropping a sampler that was asked for would be a silent change."""
    _, hits = put({"top_k": 1, "temperature": 0.5}, rule(action, "temperature", 0.5))
    (hit,) = hits
    assert (hit.parameter, hit.old, hit.refuses) == ("top_k", 1, True)
    assert "demands sampling" in hit.reason
    assert put({"top_k": 2, "temperature": 0.5}, rule(action, "temperature", 0.5))[1] == ()
    assert put({"top_k": 1}, rule(action, "temperature", 0), temperature=0)[1][1:] == ()


def test_sampling_that_is_pinned_allows_no_other_greedy() -> None:
    """do_sample true with temperature 0 is a contradiction that no engine resolves alike."""
    _, hits = put({"temperature": 0}, rule("pin", "do_sample", True))
    assert [(hit.parameter, hit.refuses) for hit in hits] == [
        ("do_sample", False),
        ("temperature", True),
    ]


@pytest.mark.parametrize("dialect", ["tgi_native", "vllm_openai"])
def test_what_a_rule_pins_is_said_as_the_engine_says_it(dialect: str) -> None:
    """Temperature 0 is do_sample false on TGI, and wins over the client's true."""
    body = {"do_sample": True, "temperature": 0.8}
    values, _ = put(body, rule("pin", "temperature", 0), dialect=dialect)
    assert values["temperature"] == 0
    assert values["do_sample"] is (dialect != "tgi_native")
    values, _ = put(body, rule("pin", "do_sample", False), dialect=dialect)
    assert values["temperature"] == (0.8 if dialect == "tgi_native" else 0)


@pytest.mark.parametrize(("best_of", "after"), [(1, 1), (2, 2), (50, 2), (-1, 2)])
def test_a_cap_on_n_bounds_best_of(best_of: int, after: int) -> None:
    """Answers that are drawn cost as much as those that come back."""
    values, _ = put({"n": 1, "best_of": best_of}, rule("cap", "n", 2), dialect="openai_completions")
    assert values == {"n": 1, "best_of": after}


def test_a_cap_on_alternatives_bounds_both_routes() -> None:
    """The completions route asks for them with a number in logprobs; a switch is left alone."""
    bound = rule("cap", "top_logprobs", 3)
    assert put({"logprobs": 20}, bound, dialect="vllm_openai_completions")[0] == {"logprobs": 3}
    assert put({"logprobs": True, "top_logprobs": 1}, bound)[1] == ()


@pytest.mark.parametrize("field", ["Max_Tokens", "MAX_TOKENS", "max_to\u212aens", "Num_Predict"])
def test_a_field_in_another_case_is_refused_where_a_rule_is_about_it(field: str) -> None:
    """Go's JSON reader, which Ollama uses, takes any case, and the Kelvin sign for a k."""
    _, hits = put({"max_tokens": 5, field: 9000}, CAP, dialect="ollama_openai")
    (hit,) = hits
    assert (hit.refuses, hit.old) == (True, 9000)
    assert repr(field) in hit.reason
    assert put({"max_tokens": 5, field: 9000}, WARM, temperature=1)[1] == ()


@pytest.mark.parametrize(
    ("dialect", "body", "name"),
    [
        ("ollama_openai", {"Reasoning": {"effort": "high"}}, "reasoning_effort"),
        ("ollama_openai", {"reasoning": {"EFFORT": "high"}}, "reasoning_effort"),
        ("ollama_native", {"Options": {"num_predict": 9}}, "max_tokens"),
    ],
)
def test_a_nested_field_in_another_case_is_refused_too(
    dialect: str, body: dict[str, Any], name: str
) -> None:
    """In the words of clients and in the engine's own; nothing else is said of other rules."""
    _, hits = put(body, rule("forbid", name), dialect=dialect)
    assert [(hit.parameter, hit.refuses) for hit in hits] == [(name, True)]
    assert put(body, rule("forbid", "seed"), dialect=dialect)[1] == ()


def test_profiles_come_under_the_rules() -> None:
    """A profile's value is raised, and satisfies a demand."""
    values, (hit,) = put({}, WARM, profile=PROFILES["greedy"])
    assert (values["temperature"], hit.old) == (0.5, 0)
    assert put({}, rule("require", "temperature"), profile=PROFILES["greedy"])[1] == ()


@pytest.mark.parametrize("default", [ABSENT, 0, None])
def test_a_floor_holds_against_defaults_that_are_lower_or_unknown(default: Any) -> None:
    """Leaving the field out is no way round it."""
    assert put({}, WARM, temperature=default)[0] == {"temperature": 0.5}
    assert put({}, WARM, temperature=1.0)[1] == ()


def test_a_floor_under_a_length_is_met_by_no_bound() -> None:
    """Neither -1 nor an engine's rest of the context is too short."""
    long = rule("floor", "max_tokens", 1000)
    assert put({"max_tokens": -1}, long)[1] == ()
    assert put({}, long)[1] == ()
    assert put({"max_tokens": 10}, long)[0] == {"max_tokens": 1000}


@pytest.mark.parametrize("old", [1, True, 0.0, None, "a", [1]])
def test_a_pin_holds_for_every_value_but_its_own(old: Any) -> None:
    """1 and true are two values, 1 and 1.0 are one."""
    values, hits = put({"n": old}, rule("pin", "n", 1.0))
    assert values["n"] == 1
    assert bool(hits) == (old is not 1)  # noqa: F632


def test_a_default_gives_way_to_everybody() -> None:
    """Null asks for nothing, so it is filled."""
    seed = rule("default", "seed", 7)
    assert put({"seed": 0}, seed)[1] == ()
    assert put({"seed": None}, seed)[0] == put({}, seed)[0] == {"seed": 7}


def test_forbid_and_require_refuse_with_names_and_reason() -> None:
    """Null is not a value: it may be sent where one is forbidden, and meets no demand."""
    forbidden, required = rule("forbid", "seed", reason="audit"), rule("require", "seed")
    assert put({"seed": 0}, forbidden)[1][0].refuses
    assert put({"seed": 0}, forbidden)[1][0].reason == "policy r: forbids seed (audit)"
    assert put({"seed": None}, forbidden)[1] == ()
    assert put({"seed": 0}, required)[1] == ()
    for body in ({}, {"seed": None}):
        assert put(body, required)[1][0].reason == "policy r: requires seed, and nobody gave it"


def test_rules_are_applied_from_top_to_bottom() -> None:
    """The second sees what the first has set, and the last word is the last rule's."""
    first, second = rule("default", "max_tokens", 500), CAP
    assert put({}, first, second)[0] == {"max_tokens": 100}
    assert [hit.old for hit in put({}, first, second)[1]] == [ABSENT, 500]
    assert put({}, second, first)[0] == {"max_tokens": 100}


@pytest.mark.parametrize("action", ["default", "cap", "floor", "require"])
def test_nothing_is_demanded_of_an_engine_that_lacks_the_parameter(action: PolicyAction) -> None:
    """In strict mode it would refuse requests for what nobody asked."""
    value = ABSENT if action == "require" else 40
    assert put({}, rule(action, "top_k", value), dialect="openai_chat")[1] == ()
    assert put({}, rule(action, "top_k", value))[1] != ()


def test_a_refusal_reaches_the_resolution_in_any_mode() -> None:
    """With the rule, the parameter and the reason; a shadow stands in the record alone."""
    dialect, facts = DIALECTS["vllm_openai"], EngineFacts("vllm")
    body = {"seed": 1}
    rules = (rule("forbid", "seed"), PolicyRule("s", "forbid", "seed", enforce=False))
    done = resolve(body, dialect, model="m", facts=facts, rules=rules, policy_digest="d")
    (refusal,) = done.refusals
    assert (refusal.parameter, refusal.value) == ("seed", 1)
    assert refusal.reason == "policy r: forbids seed"
    document = done.record.document()["policy"]
    assert document["digest"] == "d"
    assert [hit["enforced"] for hit in document["hits"]] == [True, False]


@pytest.mark.parametrize("mode", ["report", "pin", "strict"])
def test_a_refused_request_is_recorded_as_not_sent(mode: Mode) -> None:
    """The culprits are refused, also one that nobody gave; nothing else is claimed as sent."""
    body = {"seed": 1, "temperature": 0.5, "n_predict": 9, "temprature": 3, "top_p": None}
    rules = (rule("forbid", "seed"), PolicyRule("s", "require", "top_k"))
    facts = EngineFacts("vllm", model_defaults={})
    dialect = DIALECTS["vllm_openai"]
    done = resolve(body, dialect, model="m", facts=facts, rules=rules, mode=mode)
    records = {each.name: each for each in done.record.parameters}
    for name, reason in {"seed": "forbids seed", "top_k": "requires top_k"}.items():
        found = records[name]
        assert (found.action, found.sent, found.effective) == ("refused", ABSENT, ABSENT)
        assert reason in (found.reason or "")
    assert all(each.sent is ABSENT for each in records.values())
    assert (records["temperature"].action, records["temperature"].evidence) == ("dropped", None)
    assert records["n"].effective == 1
    refused = {each.parameter for each in done.record.changes if each.action == "refused"}
    assert refused >= {"seed", "top_k"}
    assert done.apply({**body, "messages": []}) == {"messages": []}


def test_a_rule_fits_by_model_key_tag_and_route() -> None:
    """All kinds must fit, one pattern of each is enough, and nobody's key fits no pattern."""
    policy = Policy(
        (
            rule("forbid", "seed", models=("glm-*", "x"), routes=("chat",)),
            rule("forbid", "n", keys=("*",)),
            rule("forbid", "stop", tags=("production",)),
        )
    )

    def names(*about: Any) -> list[str]:
        return [each.parameter for each in policy.matching(*about)]

    assert names("glm-4", None, (), "chat") == ["seed"]
    assert names("glm-4", "team", ("production", "eu"), "messages") == ["n", "stop"]
    assert names("GLM-4", None, ("prod",), "chat") == []
    assert names("glm-4", "team", ("production",), "embeddings") == []  # they decode nothing


def test_the_digest_names_the_rules() -> None:
    """Every part of a rule counts, and so does the order."""
    rules = [CAP, WARM, PolicyRule("short", "cap", "max_tokens", 101)]
    rules += [PolicyRule("short", "cap", "max_tokens", 100, **more) for more in VARIANTS]
    digests = {Policy((each,)).digest for each in rules}
    digests |= {Policy((CAP, WARM)).digest, Policy((WARM, CAP)).digest}
    assert len(digests) == len(rules) + 2
    assert Policy((CAP,)).digest == Policy((copy.copy(CAP),)).digest
    assert Policy().digest is None


VARIANTS: tuple[dict[str, Any], ...] = (
    {"models": ("m",)},
    {"keys": ("m",)},
    {"tags": ("m",)},
    {"routes": ("chat",)},
    {"enforce": False},
    {"reason": "m"},
)
