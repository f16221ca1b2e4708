"""Mistyped parameters are told; real fields that look like one are left alone."""

from typing import Any

import pytest

from evenhand_proxy.decoding import DIALECTS, EngineFacts, resolve
from tests.proxy.test_resolve import ENGINES, entry, resolved

OTHER_FIELDS = (
    "messages",
    "model",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "user",
    "prompt",
    "response_format",
    "min_tokens",
    "min_new_tokens",
    "best_of",
    "typical_p",
    "ignore_eos",
    "stop_token_ids",
    "top_n_sigma",
    "top_a",
    "length_penalty",
    "reasoning_effort",
    "metadata",
    "chat_template_kwargs",
    "parallel_tool_calls",
    "store",
    "repeat_last_n",
    "prompt_logprobs",
    "logprobs_mode",
    "dry_multiplier",
    "xtc_probability",
    "echo",
    "n_probs",
    "max_input_tokens",
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("typed", "meant"),
    [("temprature", "temperature"), ("topp", "top_p"), ("maxTokens", "max_tokens")],
)
def test_a_mistyped_parameter_is_told(engine: str, typed: str, meant: str) -> None:
    """Engines ignore it without a word; the record and the changes have one."""
    body: dict[str, Any] = {typed: 1}
    resolution = resolved(engine, **body)
    assert resolution.apply(body) == body
    assert [change.parameter for change in resolution.record.changes] == [typed]
    assert f"did you mean {meant}?" in entry(resolution, typed)["reason"]
    facts = EngineFacts(engine)
    strict = resolve(body, DIALECTS[engine]["chat"], model="m", facts=facts, mode="strict")
    assert entry(strict, typed)["action"] == "refused"


@pytest.mark.parametrize("name", OTHER_FIELDS)
def test_other_fields_are_not_taken_for_typing_errors(name: str) -> None:
    """Real fields of requests and engines pass without a word."""
    body: dict[str, Any] = {name: 1}
    assert resolved("vllm", **body).record.changes == ()
