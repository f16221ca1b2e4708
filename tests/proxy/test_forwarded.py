"""The record of a request that a translator wrote, from what was asked and what it wrote."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.decoding import (
    ABSENT,
    DIALECTS,
    PARAMETERS,
    PROFILES,
    Dialect,
    EngineFacts,
    Mode,
    ParameterRecord,
    PolicyRule,
    Resolution,
    Resolver,
)
from evenhand_proxy.decoding.forwarded import Readback, Written, refused
from evenhand_proxy.decoding.handed import handed
from evenhand_proxy.decoding.record import PolicyAction
from evenhand_proxy.upstream.hosted import PROVIDERS

FACTS = EngineFacts("generic")
CHAT = {
    "anthropic": "anthropic_messages",
    "dashscope": "dashscope_qwen",
    "deepseek": "deepseek_api",
    "gemini": "gemini_generate_content",
    "hosted_vllm": "vllm_openai",
    "mistral": "mistral_api",
    "moonshot": "moonshot_kimi",
    "ollama_chat": "ollama_native",
    "openai": "openai_chat",
    "zai": "zhipu_glm",
}
SCHEMA = {"type": "object"}


def words(provider: str) -> Dialect:
    """What litellm is spoken to in, for a provider."""
    entry = PROVIDERS[provider]
    dialect = DIALECTS[CHAT[provider]]
    return handed(dialect, entry.words("chat"), verbatim=entry.verbatim, by="T")


def planned(
    provider: str, asked: Any, mode: Mode = "report", profile: str | None = None
) -> Resolution:
    """What was asked, resolved for the translator."""
    profiles = () if profile is None else (PROFILES[profile],)
    return Resolver(words(provider), model="m", facts=FACTS, mode=mode).resolve(
        asked, profiles=profiles
    )


def read(provider: str, asked: Any, document: Any, **more: Any) -> Resolution:
    """What was asked, joined with what a translator wrote."""
    retold = more.pop("retold", False)
    reader = Readback(DIALECTS[CHAT[provider]], model="m", facts=FACTS, route="chat", by="T")
    return reader.read(planned(provider, asked, **more), Written(asked, document, retold))


def entry(resolution: Resolution, name: str) -> ParameterRecord:
    """The record of one parameter."""
    return next(each for each in resolution.record.parameters if each.name == name)


def test_a_value_that_arrives() -> None:
    """Zero is a value, and is sent as it came."""
    resolution = read("zai", {"temperature": 0}, {"temperature": 0.0})
    found = entry(resolution, "temperature")
    assert (found.action, found.requested, found.sent, found.effective) == ("passed", 0, 0.0, 0)
    assert resolution.violations == ()


def test_true_is_not_one() -> None:
    """A translator that writes 1 for true has written something else."""
    assert entry(read("zai", {"do_sample": True}, {"do_sample": 1}), "do_sample").action != "passed"


def test_a_value_that_is_lost() -> None:
    """The provider's default acts, and strict mode has a reason to refuse."""
    resolution = read("gemini", {"temperature": 0.2}, {"generationConfig": {}})
    found = entry(resolution, "temperature")
    assert (found.action, found.sent) == ("dropped", ABSENT)
    assert (found.effective, found.source) == (1.0, "engine")
    assert found.reason == "T left it out without a word"
    assert [each.parameter for each in resolution.violations] == ["temperature"]


def test_null_is_left_out_in_peace() -> None:
    """It asked for the default, and gets it."""
    resolution = read("gemini", {"temperature": None}, {})
    found = entry(resolution, "temperature")
    assert (found.action, found.requested, found.sent) == ("defaulted", None, ABSENT)
    assert found.effective == 1.0
    assert resolution.violations == ()


def test_a_value_of_a_profiles_keeps_its_source() -> None:
    """Also where the translator writes it elsewhere."""
    resolution = read(
        "gemini", {}, {"generationConfig": {"temperature": 0, "topP": 1}}, profile="greedy"
    )
    found = entry(resolution, "temperature")
    assert (found.requested, found.source, found.sent) == (ABSENT, "profile", 0)
    assert "profile greedy" in (found.reason or "")
    assert resolution.record.profiles == ("greedy",)


def test_a_pinned_default_that_is_not_sent() -> None:
    """Nobody asked for it, so nothing is refused; the record says that it could not be pinned."""
    resolution = read("gemini", {}, {}, mode="pin")
    found = entry(resolution, "temperature")
    assert (found.action, found.sent, found.effective) == ("defaulted", ABSENT, 1.0)
    assert "not pinned" in (found.reason or "")
    assert resolution.violations == ()
    assert resolution.record.mode == "pin"


def test_one_thing_written_for_another() -> None:
    """Both records name the other."""
    document = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 5120}
    resolution = read("anthropic", {"reasoning_effort": "low"}, document)
    asked, added = entry(resolution, "reasoning_effort"), entry(resolution, "thinking_budget")
    assert asked.reason == 'T wrote thinking="enabled", thinking_budget=1024 for it'
    assert (asked.action, asked.sent, asked.effective) == ("converted", ABSENT, ABSENT)
    assert (added.action, added.requested, added.sent) == ("injected", ABSENT, 1024)
    assert added.reason == "T put it on the wire for reasoning_effort"
    assert "nobody asked" in (entry(resolution, "max_tokens").reason or "")


def test_a_schema_in_a_field_of_its_own() -> None:
    """It is honoured, so strict mode has nothing against it; another schema is not."""
    asked = {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}
    config = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    resolution = read("gemini", asked, {"generationConfig": config})
    assert entry(resolution, "response_format").effective == asked["response_format"]
    assert resolution.violations == ()
    other = {**config, "responseJsonSchema": {"type": "array"}}
    assert read("gemini", asked, {"generationConfig": other}).violations


def test_changed_messages_are_told() -> None:
    """Where a form or a tool was asked for, and only there."""
    asked = {"tool_choice": "required", "temperature": 1}
    resolution = read("moonshot", asked, {}, retold=True)
    assert "changed the messages" in (entry(resolution, "tool_choice").reason or "")
    assert "messages" not in (entry(resolution, "temperature").reason or "")


def test_words_that_the_provider_does_not_have() -> None:
    """What stands on the wire under a foreign name is told, and is nobody's effective value."""
    resolution = read("ollama_chat", {"temperature": 0.5}, {"temperature": 0.5, "n": 2})
    found = entry(resolution, "temperature")
    assert (found.sent, found.effective, found.evidence) == (0.5, ABSENT, "unknown")
    assert "does not have" in (found.reason or "")
    assert entry(resolution, "n").action == "injected"
    assert {each.parameter for each in resolution.violations} == {"temperature", "n"}


def test_a_demanded_value_that_nobody_sent() -> None:
    """It is not recorded as sent."""
    found = entry(read("anthropic", {}, {}), "max_tokens")
    assert (found.action, found.sent, found.effective) == ("defaulted", ABSENT, ABSENT)


@pytest.mark.parametrize("stop", ["a", ["a"]])
def test_a_stop_string_is_a_list_of_one(stop: Any) -> None:
    """Writing the one for the other changes nothing."""
    resolution = read("anthropic", {"stop": stop}, {"stop_sequences": ["a"], "max_tokens": 9})
    assert entry(resolution, "stop").action == "renamed"
    assert resolution.violations == ()


def test_a_refused_field() -> None:
    """It is marked by its canonical name; with it, nothing is sent."""
    resolution = refused(planned("zai", {"seed": 0, "temperature": 0}), "seed", "no seed here")
    found = entry(resolution, "seed")
    assert (found.action, found.sent, found.reason) == ("refused", ABSENT, "no seed here")
    other = entry(resolution, "temperature")
    assert (other.action, other.sent, other.effective) == ("dropped", ABSENT, ABSENT)
    resolution = refused(planned("zai", {"max_tokens": 9}), "max_completion_tokens", "no")
    assert entry(resolution, "max_tokens").action == "refused"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
STEPS = sorted(
    {
        step
        for name in CHAT.values()
        for rule in DIALECTS[name].rules.values()
        if rule.wire is not None
        for step in rule.wire.split(".")
    }
    | {step for each in PARAMETERS.values() for path in each.spellings for step in path.split(".")}
)
BODIES = st.recursive(
    st.dictionaries(st.sampled_from(STEPS), JSON, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(STEPS), inner | JSON, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(sorted(CHAT)), BODIES, BODIES | JSON, st.booleans())
def test_any_json_is_read(provider: str, asked: Any, document: Any, retold: bool) -> None:
    """It never raises, loses nothing that was asked, and claims nothing sent that is not there."""
    before = json.dumps(document)
    plan = planned(provider, asked)
    resolution = read(provider, asked, document, retold=retold)
    assert json.dumps(document) == before
    records = {each.name: each for each in resolution.record.parameters}
    for each in plan.record.parameters:
        if each.requested is not ABSENT:
            assert records[each.name].requested is each.requested or (
                json.dumps(records[each.name].requested) == json.dumps(each.requested)
            )
    if not isinstance(document, dict) or not document:
        assert all(each.sent is ABSENT for each in resolution.record.parameters)
    names = [each.parameter for each in resolution.violations]
    assert len(names) == len(set(names))
    json.dumps(resolution.record.document())


@given(st.sampled_from(sorted(CHAT)), BODIES)
def test_reading_is_repeatable(provider: str, document: Any) -> None:
    """The same request gives the same record: nothing is remembered."""
    first, second = (read(provider, {}, document) for _ in range(2))
    assert json.dumps(first.record.document()) == json.dumps(second.record.document())


@pytest.mark.parametrize(
    ("action", "value", "document", "refused_"),
    [
        ("cap", 8, {"options": {"num_predict": 8}}, False),
        ("cap", 8, {"options": {"num_predict": 9}}, True),
        ("cap", 8, {"options": {}}, True),
        ("floor", 8, {"options": {"num_predict": 7}}, True),
        ("pin", 8, {"options": {"num_predict": 9}}, True),
        ("pin", 8, {"options": {}}, False),
        ("forbid", ABSENT, {"options": {"num_predict": 9}}, True),
        ("require", ABSENT, {"options": {}}, False),
        ("default", 8, {"options": {"num_predict": 9}}, False),
    ],
)
def test_what_is_written_is_held_against_the_rules(
    action: PolicyAction, value: Any, document: Any, refused_: bool
) -> None:
    """A bound that is lost or overridden on the way refuses; a shadow never does."""
    for enforce in (True, False):
        rule = PolicyRule("r", action, "max_tokens", value, enforce=enforce)
        plan = planned("ollama_chat", {"max_tokens": 8})
        reader = Readback(DIALECTS["ollama_native"], model="m", facts=FACTS, route="chat", by="T")
        found = reader.read(plan, Written({"max_tokens": 8}, document), (rule,))
        assert [each.parameter for each in found.refusals] == ["max_tokens"] * (
            refused_ and enforce
        )
