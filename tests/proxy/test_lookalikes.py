"""Mistyped parameters are told; real fields that look like one are left alone."""

from typing import Any

import pytest

from evenhand_proxy.decoding import ENGINES, SPELLINGS, EngineFacts, resolve
from tests.proxy.test_resolve import CHAT_ENGINES, entry, resolved

OTHER_FIELDS = (
    *("messages", "model", "stream", "stream_options", "tools", "user", "prompt", "metadata"),
    *("store", "top_a", "logprobs_mode", "echo", "n_probs", "max_input_tokens", "priority"),
    *("service_tier", "prediction", "modalities", "truncation", "prompt_cache_key"),
)


@pytest.mark.parametrize("engine", CHAT_ENGINES)
@pytest.mark.parametrize(
    ("typed", "meant"),
    [("temprature", "temperature"), ("topp", "top_p"), ("maxTokens", "max_tokens")],
)
def test_a_mistyped_parameter_is_told(engine: str, typed: str, meant: str) -> None:
    """Engines ignore it without a word; the record and the changes have one."""
    body: dict[str, Any] = {typed: 1}
    resolution = resolved(engine, **body)
    assert resolution.apply(body)[typed] == 1
    assert [each for each in resolution.record.changes if each.action != "injected"] == [
        each for each in resolution.record.changes if each.parameter == typed
    ]
    assert f"did you mean {meant}?" in entry(resolution, typed)["reason"]
    facts = EngineFacts(engine)
    strict = resolve(body, ENGINES[engine]["chat"], model="m", facts=facts, mode="strict")
    assert entry(strict, typed)["action"] == "refused"


@pytest.mark.parametrize("name", OTHER_FIELDS)
def test_other_fields_are_not_taken_for_typing_errors(name: str) -> None:
    """Real fields of requests and engines pass without a word."""
    body: dict[str, Any] = {name: 1}
    assert resolved("vllm", **body).record.changes == ()


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_known_spelling_is_never_taken_for_another(name: str) -> None:
    """What the vocabulary knows is read as what it is."""
    head = name.partition(".")[0]
    body: dict[str, Any] = {head: 1}
    record = resolved("vllm", **body).record
    assert "did you mean" not in record.changes_header()


BESIDE = {
    "thinking": {"type": "disabled", "clear_thinking": False},
    "reasoning": {"effort": "low", "summary": "auto"},
}


def test_what_stands_beside_a_parameter_is_dropped_with_its_object() -> None:
    """What is moved out of an object that vLLM lacks leaves a rest; it goes, with a word."""
    resolution = resolved("vllm", **BESIDE)
    assert resolution.apply(dict(BESIDE)) == {
        "reasoning_effort": "low",
        "chat_template_kwargs": {"enable_thinking": False},
    }
    for path in ("thinking.clear_thinking", "reasoning.summary"):
        found = entry(resolution, path)
        assert (found["action"], "sent" in found) == ("dropped", False)
        assert path in {each.parameter for each in resolution.violations}
    assert entry(resolved("openai", "responses", **BESIDE), "thinking")["action"] == "dropped"


def test_what_stands_beside_a_parameter_is_told_where_the_engine_has_the_object() -> None:
    """It is sent as it came; OpenAI's summary of the reasoning is no decoding, and untold."""
    own = {"structured_outputs": {"regex": "a+", "odd": 1, "whitespace_pattern": " "}}
    resolution = resolved("vllm", **own)
    assert resolution.apply(own) == own
    assert entry(resolution, "structured_outputs.odd")["evidence"] == "unknown"
    assert {each.parameter for each in resolution.violations} == {"structured_outputs.odd"}
    reasoning = {"reasoning": BESIDE["reasoning"]}
    assert resolved("openai", "responses", **reasoning).record.changes == ()
