"""With which parameters published evaluations and harnesses decode.

A profile is one request's parameters. Repeats and averages (64 samples in DeepSeek-R1's report,
Avg@32 for AIME in GLM-4.5's) are the run's business and are not here.

Not here, because there is nothing to set: inspect_ai and simple-evals with o-series models send no
temperature at all; the README of GLM-4-0414 states none; the report of GLM-4.5 states one for
SWE-bench only; the settings on GLM-4.7's card are `glm-4.7`, `glm-4.7-swe` and `glm-4.7-tau2`.
"""

from collections.abc import Mapping
from typing import Any, Final

_ALIGN = "THUDM/AlignBench config/temperature.json"
_MT = "FastChat@0e6d3e4b llm_judge/common.py"
_OPENCOMPASS = "opencompass@a5acc4bb"
_QWEN = "Qwen3 technical report"
_SIMPLE = "simple-evals@ee3b0318 sampler"

EVALUATIONS: Final[tuple[tuple[str, Mapping[str, Any], str], ...]] = (
    (
        "deepseek-r1-report",
        {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768},
        "DeepSeek-R1@0cf78561 README L102; 64 samples for each item",
    ),
    (
        "qwen3-report-thinking",
        {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_tokens": 32768},
        f"{_QWEN}, thinking",
    ),
    (
        "qwen3-report-creative",
        {
            "temperature": 0.6,
            "top_p": 0.95,
            "top_k": 20,
            "presence_penalty": 1.5,
            "max_tokens": 32768,
        },
        f"{_QWEN}, thinking, creative writing",
    ),
    (
        "qwen3-report-aime",
        {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_tokens": 38912},
        f"{_QWEN}, thinking, AIME",
    ),
    (
        "qwen3-report",
        {
            "temperature": 0.7,
            "top_p": 0.8,
            "top_k": 20,
            "presence_penalty": 1.5,
            "max_tokens": 32768,
        },
        f"{_QWEN}, without thinking",
    ),
    (
        "glm-4.5-report-swe",
        {"temperature": 0.6, "top_p": 1.0},
        "GLM-4.5 technical report, SWE-bench with OpenHands",
    ),
    (
        "glm-4.6-tools",
        {"temperature": 1.0},
        "zai-org/GLM-4.5@170f20b2 resources, the guide to tool-integrated reasoning",
    ),
    (
        "simple-evals",
        {"temperature": 0.5},
        f"{_SIMPLE}/chat_completion_sampler.py L25; responses_sampler.py L20",
    ),
    ("simple-evals-claude", {"temperature": 0.0}, f"{_SIMPLE}/claude_sampler.py"),
    (
        "lm-eval",
        {"do_sample": False, "temperature": 0, "max_tokens": 256, "seed": 1234},
        (
            "lm-evaluation-harness@4e7e0d47 models/openai_completions.py L195-212, where a "
            "task sets nothing else"
        ),
    ),
    ("lighteval", {"temperature": 0}, "lighteval@3fd15266 generation parameters"),
    ("evalscope", {"temperature": 0.0}, "evalscope@fde259d2, models behind a service"),
    ("evalscope-local", {"do_sample": False}, "evalscope@fde259d2, local models"),
    ("opencompass", {"temperature": 0.7}, f"{_OPENCOMPASS} models/openai_api.py"),
    ("opencompass-hf", {"do_sample": False}, f"{_OPENCOMPASS}, Hugging Face models"),
    (
        "opencompass-glm4",
        {"top_k": 1, "temperature": 1e-06},
        f"{_OPENCOMPASS} configs/models/chatglm, LMDeploy",
    ),
    ("helm", {"temperature": 0.0}, "helm@63754d05, its common run specifications"),
    ("helm-adapter", {"temperature": 1}, "helm@63754d05 adaptation, AdapterSpec's default"),
    ("mt-bench-writing", {"temperature": 0.7}, _MT),
    ("mt-bench-roleplay", {"temperature": 0.7}, _MT),
    ("mt-bench-math", {"temperature": 0.0}, _MT),
    ("mt-bench-coding", {"temperature": 0.0}, _MT),
    ("mt-bench-reasoning", {"temperature": 0.0}, _MT),
    ("mt-bench-extraction", {"temperature": 0.0}, _MT),
    ("mt-bench-stem", {"temperature": 0.1}, _MT),
    ("mt-bench-humanities", {"temperature": 0.1}, _MT),
    ("mt-bench-judge", {"temperature": 0}, _MT),
    ("alignbench-mathematics", {"temperature": 0.1}, _ALIGN),
    ("alignbench-reasoning", {"temperature": 0.1}, _ALIGN),
    ("alignbench-roleplay", {"temperature": 0.7}, _ALIGN),
    ("alignbench-writing", {"temperature": 0.7}, _ALIGN),
    ("alignbench-professional", {"temperature": 0.1}, _ALIGN),
    ("alignbench-chinese", {"temperature": 0.1}, _ALIGN),
    ("alignbench-open-questions", {"temperature": 0.7}, _ALIGN),
    ("alignbench-fundamental", {"temperature": 0.1}, _ALIGN),
    ("longbench", {"do_sample": False}, "LongBench@2e00731f pred.py, version 1"),
    ("longbench-v2", {"temperature": 0.1}, "LongBench@2e00731f pred.py, version 2"),
    ("longbench-chat", {"temperature": 1.0}, "LongAlign repository; secondary source"),
    (
        "bfcl",
        {"temperature": 0.001},
        "gorilla@6ea57973 berkeley-function-call-leaderboard; vLLM raises it to 0.01",
    ),
    ("ruler", {"temperature": 0.0}, "RULER and needle repositories; secondary source"),
    ("sglang-run-eval", {"temperature": 0.0}, "sglang 0.5.23 test/run_eval.py"),
    (
        "transformers",
        {"do_sample": False},
        "transformers 5.23.0 generation/configuration_utils.py L613, generate() unless told else",
    ),
)
"""Name, canonical parameters and source of each profile."""
