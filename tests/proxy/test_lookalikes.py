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
