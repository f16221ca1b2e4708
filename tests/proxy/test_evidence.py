"""What is claimed of an engine, and what is not: nobody knows what an engine did not say."""

from typing import Any

import pytest

from evenhand_proxy.decoding import ABSENT, DIALECTS, EngineFacts, Mode, Resolution, resolve
from tests.proxy.test_resolve import entry

BIAS = {"logit_bias": {"hello": 1}}


def on(dialect: str, body: dict[str, Any], mode: Mode = "report", **facts: Any) -> Resolution:
    """Resolve a body on a dialect."""
    known = EngineFacts(DIALECTS[dialect].engine, **{"model_defaults": {}, **facts})
    return resolve(body, DIALECTS[dialect], model="m", facts=known, mode=mode)


@pytest.mark.parametrize(
    ("dialect", "name", "default"),
    [
        ("llamacpp_server", "temperature", 0.8),
        ("llamacpp_server", "top_k", 40),
        ("llamacpp_server_completions", "min_p", 0.05),
        ("llamacpp_server_responses", "max_tokens", -1),
        ("llamacpp_native", "repeat_last_n", 64),
        ("ollama_openai", "top_k", 40),
        ("ollama_native", "min_p", 0.0),
    ],
)
def test_a_default_that_flags_may_change_is_known_of_an_engine_that_answered(
    dialect: str, name: str, default: float
) -> None:
    """Else it is unknown, and pin mode does not send it: it might not be the one that acts."""
    assert entry(on(dialect, {}), name)["effective"] == default
    silent = on(dialect, {}, "pin", told=False)
    found = entry(silent, name)
    assert (found["evidence"], found["action"]) == ("unknown", "defaulted")
    assert not {"effective", "sent"} & set(found)
    assert name not in silent.set
    reported = on(dialect, {}, told=False, reported_defaults={name: 7})
    assert entry(reported, name)["effective"] == 7


def test_a_default_that_no_flag_changes_stays_modelled() -> None:
    """Ollama's OpenAI routes write 1.0 for a temperature that is left out, whatever is set."""
    found = entry(on("ollama_openai", {}, told=False), "temperature")
    assert (found["effective"], found["evidence"]) == (1.0, "modelled")


def test_what_takes_the_place_of_any_default_is_known() -> None:
    """Greedy on SGLang is top_k 1, whether or not the checkpoint's own is known."""
    found = entry(on("sglang_openai_chat", {"temperature": 0}, model_defaults=None), "top_k")
    assert (found["effective"], found["evidence"]) == (1, "modelled")
    assert "not known" not in found["reason"]


@pytest.mark.parametrize("dialect", ["generic_chat", "generic_completions", "generic_responses"])
def test_of_an_unknown_endpoint_no_value_is_effective(dialect: str) -> None:
    """Each value that is sent is told as uncertain; strict mode has nothing to refuse it for."""
    found = on(dialect, {"top_k": 5}, "strict")
    record = entry(found, "top_k")
    assert (record["sent"], record["evidence"], "effective" in record) == (5, "unknown", False)
    (change,) = found.record.changes
    assert (change.parameter, change.action, change.new) == ("top_k", "passed", ABSENT)
    assert found.violations == ()


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("sglang_openai_chat", {"reasoning_effort": "bogus"}),
        ("sglang_openai_responses", {"reasoning_effort": "bogus"}),
        ("vllm_openai", {"reasoning_effort": "bogus"}),
        ("vllm_openai_responses", {"reasoning": {"effort": "bogus"}}),
        ("vllm_openai", {"response_format": {"type": "bogus"}}),
        ("openai_chat", {"response_format": {}}),
        ("sglang_openai_chat", BIAS),
        ("vllm_openai", BIAS),
        ("openai_chat", BIAS),
        ("vllm_openai", {"top_k": 1e30}),
        ("sglang_openai_chat", {"top_k": 10**30}),
        ("llamacpp_server", {"top_k": -(2**70)}),
    ],
)
def test_a_value_that_means_nothing_is_not_called_effective(
    dialect: str, body: dict[str, Any]
) -> None:
    """It goes to the engine as it came, with a word; strict mode refuses it."""
    found = on(dialect, body)
    (violation,) = found.violations
    record = entry(found, violation.parameter)
    assert (record["evidence"], "effective" in record) == ("unknown", False)
    assert entry(on(dialect, body, "strict"), violation.parameter)["action"] == "refused"


def test_a_change_tells_the_effective_value() -> None:
    """Where it is known; else what was sent in the place of what was asked."""
    for dialect, body, name, new in (
        ("vllm_openai", {"thinking": {"type": "disabled"}}, "thinking", False),
        ("zhipu_glm_45", {"enable_thinking": False}, "thinking", False),
        ("vllm_openai", {"temperature": 0.001}, "temperature", 0.01),
        ("generic_chat", {"temperature": 0.5}, "temperature", ABSENT),
    ):
        changes = {each.parameter: each.new for each in on(dialect, body).record.changes}
        assert changes[name] == new, (dialect, body)


def test_a_field_that_may_act_is_in_the_fingerprint() -> None:
    """An engine that ignores it gives the same one; fields without decoding count nowhere."""

    def fingerprint(dialect: str, body: dict[str, Any]) -> str:
        return on(dialect, body).record.fingerprint

    plain = fingerprint("generic_chat", {})
    acting: tuple[dict[str, Any], ...] = (
        {"temprature": 0.5},
        {"smoothing": 0.3},
        {"quality": "high"},
        {"fast": True},
    )
    for body in acting:
        assert fingerprint("generic_chat", body) != plain, body
        assert entry(on("generic_chat", body), *body)["evidence"] == "unknown"
    for body in ({"user": "ann"}, {"note": "two words"}, {"odd": {"a": 1}}, {"model": "x"}):
        assert fingerprint("generic_chat", body) == plain, body
    ignored = fingerprint("llamacpp_server", {"temprature": 0.5, "smoothing": 0.3})
    assert ignored == fingerprint("llamacpp_server", {})
    kept = {"thinking": {"type": "enabled", "clear_thinking": False}}
    more = {"thinking": {"type": "enabled", "clear_thinking": True}}
    assert fingerprint("generic_chat", kept) != fingerprint("generic_chat", more)
