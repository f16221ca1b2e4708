"""Which dialect an engine speaks on which route to which model."""

import pytest

from evenhand_proxy.decoding.dialects import DIALECTS, ENGINES, VARIANTS, dialect_for


@pytest.mark.parametrize(
    ("engine", "model", "name"),
    [
        ("zhipu", "glm-4.5-air", "zhipu_glm_45"),
        ("zhipu", "glm-4.6", "zhipu_glm_earlier"),
        ("zhipu", "glm-4-plus", "zhipu_glm_earlier"),
        ("zhipu", "glm-z1-air", "zhipu_glm_earlier"),
        ("zhipu", "GLM-5", "zhipu_glm_earlier"),
        ("zhipu", "glm-5.1", "zhipu_glm_earlier"),
        ("zhipu", "glm-5.2", "zhipu_glm"),
        ("deepseek", "deepseek-reasoner", "deepseek_reasoner"),
        ("deepseek", "deepseek-chat", "deepseek_api"),
        ("deepseek", "deepseek-v3-0324", "deepseek_v3_0324"),
        ("dashscope", "qwen-plus", "dashscope_qwen"),
        ("dashscope", "qwen3.8-plus", "dashscope_qwen38"),
        ("dashscope", "ZHIPU/GLM-5", "dashscope_suppliers"),
        ("dashscope", "deepseek-v3.2", "dashscope_without_top_k"),
        ("dashscope", "MiniMax/MiniMax-M2", "dashscope_without_top_k"),
        ("openai", "gpt-4o", "openai_chat"),
        ("openai", "o3", "openai_reasoning"),
        ("openai", "gpt-5-mini", "openai_reasoning"),
        ("openai", "gpt-5-chat-latest", "openai_chat"),
        ("openai", "gpt-5.2", "openai_switched"),
        ("anthropic", "claude-sonnet-4-5", "anthropic_one_sampler"),
        ("anthropic", "claude-opus-4-7", "anthropic_fixed"),
        ("anthropic", "claude-3-7-sonnet", "anthropic_messages"),
        ("moonshot", "kimi-k2.5", "moonshot_kimi_fixed"),
        ("moonshot", "kimi-k2-0905-preview", "moonshot_kimi"),
    ],
)
def test_the_models_name_chooses(engine: str, model: str, name: str) -> None:
    """Families that take other values have a dialect of their own, whatever the case of a name."""
    found = dialect_for(engine, "chat", model)
    assert found is not None
    assert found.name == name


def test_every_variant_is_listed_under_its_name() -> None:
    """Nothing that a model's name leads to is missing from the list."""
    spoken = [dialect for routes in ENGINES.values() for dialect in routes.values()]
    chosen = [dialect for variants in VARIANTS.values() for _, dialect in variants]
    for dialect in (*spoken, *chosen):
        assert DIALECTS[dialect.name] is dialect
    assert set(VARIANTS) <= {dialect.name for dialect in spoken}


def test_a_route_that_an_engine_lacks_has_no_dialect() -> None:
    """Embeddings have one everywhere, for they decode nothing."""
    assert dialect_for("deepseek", "responses", "deepseek-chat") is None
    assert dialect_for("deepseek", "embeddings", "deepseek-chat") is not None
