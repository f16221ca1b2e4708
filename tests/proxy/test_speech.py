"""Reading a body that is in a provider's own words."""

from typing import Any

import pytest

from evenhand_proxy.decoding import DIALECTS
from evenhand_proxy.decoding.asked import gather
from evenhand_proxy.decoding.speech import speaks, speech_of

GEMINI, ANTHROPIC, OLLAMA = "gemini_generate_content", "anthropic_messages", "ollama_native"


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        (GEMINI, {"generationConfig": {"topP": 0}}, {"top_p": 0}),
        (GEMINI, {"generationConfig": {"top_p": None}}, {"top_p": None}),
        (
            GEMINI,
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "other": True}}},
            {"thinking_budget": 0},
        ),
        (
            GEMINI,
            {"generation_config": {"thinking_config": {"thinking_level": "low"}}},
            {"reasoning_effort": "low"},
        ),
        (
            GEMINI,
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            {"tool_choice": "ANY"},
        ),
        (
            ANTHROPIC,
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            {"tool_choice": {"type": "any"}, "parallel_tool_calls": True},
        ),
        (
            ANTHROPIC,
            {"output_format": {"type": "json_schema", "schema": {}}},
            {"json_schema": {"type": "json_schema", "schema": {}}},
        ),
        (OLLAMA, {"options": {"num_predict": 9}, "temperature": 1}, {"max_tokens": 9}),
        (OLLAMA, {"options": 5, "think": True}, {"thinking": True}),
    ],
)
def test_what_is_read(dialect: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Objects are opened as deep as the dialect's words lead, in either case."""
    drafts = gather(body, speech_of(DIALECTS[dialect]))
    assert {name: draft.requested for name, draft in drafts.items()} == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("generationConfig.candidate_count", True),
        ("generation_config.thinkingConfig.thinking_budget", True),
        ("generationConfig", False),
        ("temperature", False),
        ("a.b.c", False),
    ],
)
def test_which_paths_mean_something(path: str, expected: bool) -> None:
    """A path that only leads to others means nothing itself."""
    assert speaks(speech_of(DIALECTS[GEMINI]), path) is expected
