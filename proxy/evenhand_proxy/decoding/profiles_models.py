"""What the makers of models recommend, as they publish it.

A checkpoint's `do_sample` is kept, because Hugging Face's own servers are greedy without it. Its
`max_length` is left out: it bounds prompt and answer together, which most engines cannot be told.

Not here, because no values were found: the generation_config.json of GLM-4-0414 and of GLM-4.5
(their hosted defaults are). Where a card gives a range, the parameter is left out.
"""

from collections.abc import Mapping
from typing import Any, Final

MODELS: Final[tuple[tuple[str, Mapping[str, Any], str], ...]] = (
    (
        "greedy",
        {"temperature": 0},
        "the most likely token at each step; the usual setting of published benchmarks",
    ),
    (
        "glm-4-9b",
        {"do_sample": True, "temperature": 0.8, "top_p": 0.8},
        "generation_config.json of THUDM/glm-4-9b; that of glm-4v-9b is the same",
    ),
    (
        "glm-4-9b-chat",
        {"do_sample": True, "temperature": 0.8, "top_p": 0.8},
        (
            "GLM-4@3f79b543 trans_batch_demo.py; generation_config.json of THUDM/glm-4-9b-chat "
            "corroborated, the file itself not seen"
        ),
    ),
    (
        "glm-4-9b-chat-example",
        {"do_sample": True, "top_k": 1},
        "GLM-4@3f79b543 README, the example for Transformers: greedy in spite of do_sample",
    ),
    (
        "glm-4-0414",
        {"temperature": 0},
        "GLM-4-0414's published IFEval run: do_sample=False (zai-org/GLM-4 issue 748)",
    ),
    (
        "glm-4-0414-hosted",
        {"temperature": 0.75, "top_p": 0.9},
        "docs.z.ai and docs.bigmodel.cn, defaults of the hosted GLM-4-32B-0414-128K",
    ),
    (
        "glm-z1-0414",
        {"temperature": 0.6, "top_p": 0.95},
        "GLM-Z1-0414's model card and published runs: temperature 0.6, top_p 0.95",
    ),
    (
        "glm-z1-0414-card",
        {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "max_tokens": 30000},
        "GLM-4@3f79b543 README and the model card of GLM-Z1-0414, with their top_k and limit",
    ),
    (
        "glm-4.5",
        {"temperature": 0.6, "top_p": 0.95},
        "docs.z.ai and docs.bigmodel.cn, defaults of the hosted GLM-4.5 and GLM-4.5-Air",
    ),
    (
        "glm-4.6",
        {"temperature": 1.0},
        "model card and generation_config.json of zai-org/GLM-4.6",
    ),
    (
        "glm-4.6-code",
        {"temperature": 1.0, "top_p": 0.95, "top_k": 40},
        "model card of zai-org/GLM-4.6, for code",
    ),
    (
        "glm-4.7",
        {"temperature": 1.0, "top_p": 0.95, "max_tokens": 131072},
        "model card of zai-org/GLM-4.7 and GLM-4.7-Flash, the default of its evaluations",
    ),
    (
        "glm-4.7-checkpoint",
        {"temperature": 1.0},
        "generation_config.json of zai-org/GLM-4.7, which has no top_p",
    ),
    (
        "glm-4.7-swe",
        {"temperature": 0.7, "top_p": 1.0, "max_tokens": 16384},
        "model card of zai-org/GLM-4.7, Terminal Bench and SWE-bench",
    ),
    (
        "glm-4.7-tau2",
        {"temperature": 0, "max_tokens": 16384},
        "model card of zai-org/GLM-4.7, tau2-bench",
    ),
    (
        "glm-5",
        {"temperature": 1.0, "top_p": 0.95},
        "model cards of GLM-5, 5.1 and 5.2 and docs.z.ai; partly verified",
    ),
    (
        "deepseek-r1",
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95},
        "DeepSeek-R1@0cf78561 README, usage recommendations, and generation_config.json",
    ),
    (
        "deepseek-v3-0324",
        {"temperature": 0.3},
        "model card of deepseek-ai/DeepSeek-V3-0324, on the model's scale",
    ),
    (
        "deepseek-api-code",
        {"temperature": 0.0},
        "api-docs.deepseek.com quick_start/parameter_settings, code and mathematics",
    ),
    (
        "deepseek-api-data",
        {"temperature": 1.0},
        "api-docs.deepseek.com quick_start/parameter_settings, data analysis",
    ),
    (
        "deepseek-api-chat",
        {"temperature": 1.3},
        "api-docs.deepseek.com quick_start/parameter_settings, conversation and translation",
    ),
    (
        "deepseek-api-creative",
        {"temperature": 1.5},
        "api-docs.deepseek.com quick_start/parameter_settings, creative writing",
    ),
    (
        "deepseek-v3.2",
        {"temperature": 1.0, "top_p": 0.95},
        "model card of deepseek-ai/DeepSeek-V3.2",
    ),
    (
        "deepseek-v4",
        {"temperature": 1.0, "top_p": 1.0},
        "model card of deepseek-ai/DeepSeek-V4; secondary source",
    ),
    (
        "deepseek-v4-agentic",
        {"temperature": 1.0, "top_p": 0.95},
        "model card of deepseek-ai/DeepSeek-V4, agentic tasks; secondary source",
    ),
    (
        "qwen2.5",
        {
            "do_sample": True,
            "temperature": 0.7,
            "top_p": 0.8,
            "top_k": 20,
            "repetition_penalty": 1.05,
        },
        (
            "generation_config.json of Qwen2 and the larger Qwen2.5 Instruct models, as derivative "
            "repositories ship it; some sizes may have a penalty of 1.1"
        ),
    ),
    (
        "qwen3-thinking",
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0},
        "Qwen3@7a2f61ff docs/source/getting_started/quickstart.md L222 and generation_config.json",
    ),
    (
        "qwen3",
        {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0},
        (
            "Qwen3@7a2f61ff docs, without thinking and Instruct-2507; a presence_penalty of 0 to 2 "
            "may be added"
        ),
    ),
    (
        "qwen3-served",
        {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0, "presence_penalty": 1.5},
        "Qwen3@7a2f61ff docs/source/deployment/vllm.md and sglang.md, without thinking",
    ),
    (
        "llama-3",
        {"do_sample": True, "temperature": 0.6, "top_p": 0.9},
        "generation_config.json of Llama 3, 3.1 and 3.3 Instruct, as mirrors ship it",
    ),
    (
        "gemma-3",
        {"do_sample": True, "top_k": 64, "top_p": 0.95},
        (
            "generation_config.json of google/gemma-3 it, as derivative repositories ship it; it "
            "gives no temperature"
        ),
    ),
    (
        "mistral-small-3",
        {"temperature": 0.15},
        "model cards of Mistral-Small-3.1 and 3.2",
    ),
    (
        "magistral-small",
        {"temperature": 0.7, "top_p": 0.95},
        "model card of mistralai/Magistral-Small; unverified",
    ),
    (
        "kimi-k2",
        {"temperature": 0.6},
        "Kimi-K2@c6157be8 README, Kimi-K2-Instruct",
    ),
    (
        "kimi-k2-thinking",
        {"temperature": 1.0},
        "model card of moonshotai/Kimi-K2-Thinking",
    ),
    (
        "gpt-oss",
        {"temperature": 1.0, "top_p": 1.0},
        "openai/gpt-oss README, 20b and 120b",
    ),
)
"""Name, canonical parameters and source of each profile."""
