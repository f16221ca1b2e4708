"""The words in which a translator is spoken to."""

import pytest

from evenhand_proxy.decoding import DIALECTS, EngineFacts, resolve
from evenhand_proxy.decoding.dialect import Dialect, Rule
from evenhand_proxy.decoding.handed import handed
from evenhand_proxy.upstream.hosted import PROVIDERS

CHAT = {
    "anthropic": "anthropic_messages",
    "gemini": "gemini_generate_content",
    "hosted_vllm": "vllm_openai",
    "ollama_chat": "ollama_native",
    "zai": "zhipu_glm",
}
"""Provider to the dialect that litellm speaks to it."""


def given(provider: str, body: dict[str, object]) -> dict[str, object]:
    """What litellm is handed for a body, in report mode."""
    entry = PROVIDERS[provider]
    words = handed(
        DIALECTS[CHAT[provider]], entry.words("chat"), verbatim=entry.verbatim, by="litellm"
    )
    return resolve(body, words, model="m", facts=EngineFacts("generic")).apply(body)


@pytest.mark.parametrize(
    ("provider", "body", "expected"),
    [
        ("zai", {"temperature": 0, "seed": 0}, {"temperature": 0, "seed": 0}),
        ("zai", {"n": 2, "top_k": 5, "stop": "a"}, {"stop": "a"}),
        ("zai", {"max_new_tokens": 9}, {"max_tokens": 9}),
        ("zai", {"max_tokens": 9, "max_completion_tokens": 8}, {"max_completion_tokens": 8}),
        ("zai", {"enable_thinking": False}, {"thinking": {"type": "disabled"}}),
        ("anthropic", {"stop_sequences": ["a"]}, {"stop": ["a"]}),
        ("anthropic", {"seed": 0, "top_k": 0, "min_p": 0.0}, {"top_k": 0}),
        ("anthropic", {"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ("anthropic", {"do_sample": False}, {"temperature": 0}),
        ("ollama_chat", {"repetition_penalty": 1.1}, {"repeat_penalty": 1.1}),
        ("ollama_chat", {"num_predict": 9, "think": False}, {"num_predict": 9, "think": False}),
        (
            "gemini",
            {"top_k": 5, "enable_thinking": False},
            {"top_k": 5, "thinking": {"budget_tokens": 0}},
        ),
        (
            "hosted_vllm",
            {"thinking": {"type": "disabled"}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("hosted_vllm", {"guided_regex": "a+"}, {"structured_outputs": {"regex": "a+"}}),
    ],
)
def test_what_is_handed_over(
    provider: str, body: dict[str, object], expected: dict[str, object]
) -> None:
    """Only what the provider has, under a name that litellm reads or leaves alone."""
    assert given(provider, body) == expected


def test_a_schema_is_handed_over_as_openai_says_it() -> None:
    """Whatever the provider calls it, litellm reads `response_format`."""
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    assert given("anthropic", {"guided_json": schema}) == {"response_format": wanted}
    assert given("anthropic", {"response_format": wanted}) == {"response_format": wanted}


def test_a_parameter_without_a_word() -> None:
    """What neither the translator reads nor passes on is dropped, with a reason."""
    dialect = Dialect("d", "D", "D", {"min_p": Rule("sampling.minimum", "made up")})
    words = handed(dialect, {"temperature"}, verbatim=False, by="T")
    resolution = resolve({"min_p": 0.1}, words, model="m", facts=EngineFacts("generic"))
    (record,) = resolution.record.parameters
    assert record.action == "dropped"
    assert "no word for it" in (record.reason or "")


def test_a_default_that_may_not_be_written_is_not_pinned() -> None:
    """An engine may refuse the very value that it defaults to."""
    rules = {"top_k": Rule("top_k", "made up", values=(5,), default=40)}
    words = handed(Dialect("d", "D", "D", rules), {"top_k"}, verbatim=True, by="T")
    resolution = resolve({}, words, model="m", facts=EngineFacts("generic"), mode="pin")
    assert resolution.apply({}) == {}
