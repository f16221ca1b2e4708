"""The profiles that ship: their values are what was published, and engines can honour them."""

from collections.abc import Mapping
from typing import Any

import pytest

from evenhand_proxy.decoding import PARAMETERS, PROFILES, EngineFacts, resolve
from evenhand_proxy.decoding.dialect_sglang import SGLANG_OPENAI_CHAT
from evenhand_proxy.decoding.settings import split_model

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"temperature": 0},
    # generation_config.json of THUDM/glm-4-9b; the demo of glm-4-9b-chat
    "glm-4-9b": {"do_sample": True, "temperature": 0.8, "top_p": 0.8},
    "glm-4-9b-chat": {"do_sample": True, "temperature": 0.8, "top_p": 0.8},
    "glm-4-9b-chat-example": {"do_sample": True, "top_k": 1},
    "glm-4-0414": {"temperature": 0},
    "glm-4-0414-hosted": {"temperature": 0.75, "top_p": 0.9},
    "glm-z1-0414": {"temperature": 0.6, "top_p": 0.95},
    "glm-z1-0414-card": {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "max_tokens": 30000},
    "glm-4.5": {"temperature": 0.6, "top_p": 0.95},
    "glm-4.6": {"temperature": 1.0},
    "glm-4.6-code": {"temperature": 1.0, "top_p": 0.95, "top_k": 40},
    "glm-4.7": {"temperature": 1.0, "top_p": 0.95, "max_tokens": 131072},
    "glm-4.7-checkpoint": {"temperature": 1.0},
    "glm-4.7-swe": {"temperature": 0.7, "top_p": 1.0, "max_tokens": 16384},
    "glm-4.7-tau2": {"temperature": 0, "max_tokens": 16384},
    "glm-5": {"temperature": 1.0, "top_p": 0.95},
    "deepseek-r1": {"do_sample": True, "temperature": 0.6, "top_p": 0.95},
    "deepseek-v3-0324": {"temperature": 0.3},
    # DeepSeek's guide to the temperature by task
    "deepseek-api-code": {"temperature": 0.0},
    "deepseek-api-data": {"temperature": 1.0},
    "deepseek-api-chat": {"temperature": 1.3},
    "deepseek-api-creative": {"temperature": 1.5},
    "deepseek-v3.2": {"temperature": 1.0, "top_p": 0.95},
    "deepseek-v4": {"temperature": 1.0, "top_p": 1.0},
    "deepseek-v4-agentic": {"temperature": 1.0, "top_p": 0.95},
    "qwen2.5": {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "repetition_penalty": 1.05,
    },
    "qwen3-thinking": {
        "do_sample": True,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "min_p": 0,
    },
    "qwen3": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0},
    "qwen3-served": {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "min_p": 0,
        "presence_penalty": 1.5,
    },
    "llama-3": {"do_sample": True, "temperature": 0.6, "top_p": 0.9},
    "gemma-3": {"do_sample": True, "top_k": 64, "top_p": 0.95},
    "mistral-small-3": {"temperature": 0.15},
    "magistral-small": {"temperature": 0.7, "top_p": 0.95},
    "kimi-k2": {"temperature": 0.6},
    "kimi-k2-thinking": {"temperature": 1.0},
    "gpt-oss": {"temperature": 1.0, "top_p": 1.0},
    "deepseek-r1-report": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
    "qwen3-report-thinking": {
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "max_tokens": 32768,
    },
    "qwen3-report-creative": {
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "presence_penalty": 1.5,
        "max_tokens": 32768,
    },
    "qwen3-report-aime": {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_tokens": 38912},
    "qwen3-report": {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "presence_penalty": 1.5,
        "max_tokens": 32768,
    },
    "glm-4.5-report-swe": {"temperature": 0.6, "top_p": 1.0},
    "glm-4.6-tools": {"temperature": 1.0},
    "simple-evals": {"temperature": 0.5},
    "simple-evals-claude": {"temperature": 0.0},
    "lm-eval": {"temperature": 0, "do_sample": False, "max_tokens": 256, "seed": 1234},
    "lighteval": {"temperature": 0},
    "evalscope": {"temperature": 0.0},
    "evalscope-local": {"do_sample": False},
    "opencompass": {"temperature": 0.7},
    "opencompass-hf": {"do_sample": False},
    "opencompass-glm4": {"top_k": 1, "temperature": 1e-06},
    "helm": {"temperature": 0.0},
    "helm-adapter": {"temperature": 1},
    # FastChat llm_judge/common.py, by category
    "mt-bench-writing": {"temperature": 0.7},
    "mt-bench-roleplay": {"temperature": 0.7},
    "mt-bench-math": {"temperature": 0.0},
    "mt-bench-coding": {"temperature": 0.0},
    "mt-bench-reasoning": {"temperature": 0.0},
    "mt-bench-extraction": {"temperature": 0.0},
    "mt-bench-stem": {"temperature": 0.1},
    "mt-bench-humanities": {"temperature": 0.1},
    "mt-bench-judge": {"temperature": 0},
    # AlignBench config/temperature.json, by category
    "alignbench-mathematics": {"temperature": 0.1},
    "alignbench-reasoning": {"temperature": 0.1},
    "alignbench-roleplay": {"temperature": 0.7},
    "alignbench-writing": {"temperature": 0.7},
    "alignbench-professional": {"temperature": 0.1},
    "alignbench-chinese": {"temperature": 0.1},
    "alignbench-open-questions": {"temperature": 0.7},
    "alignbench-fundamental": {"temperature": 0.1},
    "longbench": {"do_sample": False},
    "longbench-v2": {"temperature": 0.1},
    "longbench-chat": {"temperature": 1.0},
    "bfcl": {"temperature": 0.001},
    "ruler": {"temperature": 0.0},
    "sglang-run-eval": {"temperature": 0.0},
    "transformers": {"do_sample": False},
}
FACTS = EngineFacts("sglang", version="0.5.23", model_defaults={})


def test_the_values_are_the_published_ones() -> None:
    """Every profile says what its source says, to the value and its type, and none is unknown."""
    shipped = {name: dict(profile.parameters) for name, profile in PROFILES.items()}
    assert shipped == PUBLISHED
    for name, parameters in PUBLISHED.items():
        for parameter, value in parameters.items():
            assert type(shipped[name][parameter]) is type(value), (name, parameter)


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_profile_can_be_named_and_traced(name: str) -> None:
    """A profile is found under its own name, a model's suffix can say it, and it has a source."""
    profile = PROFILES[name]
    assert profile.name == name
    assert split_model(f"glm-4@{name}") == ("glm-4", name)
    assert len(profile.source) > 10
    assert set(profile.parameters) <= set(PARAMETERS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_profile_is_honoured_by_sglang(name: str) -> None:
    """On SGLang's chat route no parameter of a profile is refused, moved or lost."""
    profile = PROFILES[name]
    found = resolve({}, SGLANG_OPENAI_CHAT, model="m", facts=FACTS, profiles=[profile])
    against_itself = ("do_sample",) if name == "glm-4-9b-chat-example" else ()
    assert tuple(violation.parameter for violation in found.violations) == against_itself
    sent = found.apply({})
    for parameter, value in profile.parameters.items():
        record = next(each for each in found.record.parameters if each.name == parameter)
        assert record.resolved == value
        if parameter not in ("do_sample", "max_tokens"):
            assert sent[parameter] == value
    assert found.record.profiles == (name,)


def test_a_profile_yields_to_the_client() -> None:
    """What the client sent wins, 0 included, and the rest of the profile is filled in."""
    profile = PROFILES["glm-4.6-code"]
    body = {"temperature": 0, "top_p": None}
    found = resolve(body, SGLANG_OPENAI_CHAT, model="m", facts=FACTS, profiles=[profile])
    assert found.apply(body) == {"temperature": 0, "top_p": 0.95, "top_k": 40}


def test_profiles_without_sampling_are_greedy_on_sglang() -> None:
    """`do_sample: false` becomes the spelling that SGLang obeys."""
    profile = PROFILES["longbench"]
    found = resolve({}, SGLANG_OPENAI_CHAT, model="m", facts=FACTS, profiles=[profile])
    assert found.apply({}) == {"temperature": 0}
