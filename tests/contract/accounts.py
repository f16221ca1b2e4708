"""What an engine says that it used, in canonical names, to be held against the record.

An account leaves out what the engine does not report. UNSET stands for a parameter that it
reports as not set.
"""

import ast
import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from evenhand_proxy.decoding import ABSENT

UNSET: Final = ABSENT
Account = Mapping[str, Any]

RANDOM_SEED: Final = 0xFFFFFFFF
"""llama.cpp's LLAMA_DEFAULT_SEED: each request draws its own."""
TOP_K_ALL: Final = 1 << 30
"""What SGLang's class makes of top_k -1: all tokens (srt/sampling/sampling_params.py)."""

RAISED_TO: Final = 0.01
"""The least temperature above 0 that vLLM's SamplingParams leave alone (_MAX_TEMP)."""

CONSTRAINTS: Final = ("response_format", "json_schema", "regex", "grammar", "choice")

_LLAMACPP: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "top_n_sigma": "top_n_sigma",
    "xtc_probability": "xtc_probability",
    "mirostat": "mirostat",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "repeat_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "dry_multiplier": "dry_multiplier",
    "max_tokens": "max_tokens",
    "ignore_eos": "ignore_eos",
    "reasoning_budget_tokens": "thinking_budget",
}


def single(value: Any) -> Any:
    """Give a number as a 32-bit float holds it, which is how engines in C++ keep it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def llamacpp(verbose: Mapping[str, Any], unset: Mapping[str, Any], choices: int) -> Account:
    """Read `__verbose`; `unset` are the settings of a request that sets `ignore_eos` only."""
    settings = verbose["generation_settings"]
    found = {name: settings[key] for key, name in _LLAMACPP.items() if key in settings}
    if not found["max_tokens"]:
        # 0 is shown as it came, and what was generated beside it
        found["max_tokens"] = verbose["tokens_predicted"]
    seed, samplers = settings["seed"], settings["samplers"]
    found["seed"] = UNSET if seed == RANDOM_SEED else seed
    found["samplers"] = UNSET if samplers == unset["samplers"] else samplers
    found["stop"] = settings["stop"] or UNSET
    found["n"] = choices
    found["alternatives"] = settings["n_probs"]
    # ignore_eos is carried out as a ban of every end token
    ends = {each["token"] for each in unset["logit_bias"]} if settings["ignore_eos"] else ()
    biases = {each["token"]: each["bias"] for each in settings["logit_bias"]}
    bias = {token: value for token, value in biases.items() if token not in ends}
    found["logit_bias"] = bias or UNSET
    found["constraint"] = settings["grammar"] or UNSET
    return found


_SGLANG: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "max_new_tokens": "max_tokens",
    "min_new_tokens": "min_tokens",
    "n": "n",
    "ignore_eos": "ignore_eos",
    "skip_special_tokens": "skip_special_tokens",
    "sampling_seed": "seed",
    "stop_strs": "stop",
    "stop_regex_strs": "stop_regex",
    "stop_token_ids": "stop_token_ids",
    "logit_bias": "logit_bias",
    "custom_params": "custom_params",
}


def sglang(parameters: Mapping[str, Any], event: Mapping[str, Any]) -> Account:
    """Read what SGLang's own class made of the parameters in a line of its request log."""
    found = {name: _or_unset(parameters[key]) for key, name in _SGLANG.items()}
    if found["top_k"] == TOP_K_ALL:
        found["top_k"] = -1
    schema = parameters["json_schema"]
    forms = {
        "json_schema": None if schema is None else json.loads(schema),
        "regex": parameters["regex"],
        "grammar": parameters["ebnf"],
    }
    found["constraint"] = _first(forms)
    found["logprobs"] = event["return_logprob"]
    found["alternatives"] = event["top_logprobs_num"]
    return found


_VLLM: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "max_tokens": "max_tokens",
    "min_tokens": "min_tokens",
    "n": "n",
    "ignore_eos": "ignore_eos",
    "skip_special_tokens": "skip_special_tokens",
    "seed": "seed",
    "stop": "stop",
    "stop_token_ids": "stop_token_ids",
    "bad_words": "bad_words",
    "thinking_token_budget": "thinking_budget",
    "extra_args": "custom_params",
}
_BEAMS: Final[Mapping[str, str]] = {
    "beam_width": "n",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "ignore_eos": "ignore_eos",
    "length_penalty": "length_penalty",
}


def vllm(shown: str) -> Account:
    """Read the parameters that a line of vLLM's request log shows, as its class prints itself."""
    kind, parameters = _printed(ast.parse(shown, mode="eval").body)
    if kind == "BeamSearchParams":
        found = {name: parameters[key] for key, name in _BEAMS.items() if key in parameters}
        if 0 < found.get("temperature", 0) < RAISED_TO:
            # it is raised in the parameters of each step, which are not in the log
            del found["temperature"]
        return {**found, "use_beam_search": True}
    found = {name: _or_unset(parameters[key]) for key, name in _VLLM.items()}
    found["use_beam_search"] = False
    structured = parameters["structured_outputs"]
    forms: Mapping[str, Any] = {} if structured is None else structured[1]
    schema = forms.get("json")
    found["constraint"] = _first(
        {
            "json_schema": json.loads(schema) if isinstance(schema, str) else schema,
            "regex": forms.get("regex"),
            "grammar": forms.get("grammar"),
            "choice": forms.get("choice"),
            "json_object": forms.get("json_object"),
        }
    )
    count = parameters["logprobs"]
    found["logprobs"] = count is not None
    found["alternatives"] = count or 0
    return found


def _printed(node: ast.expr) -> Any:
    """Read `Name(key=value, ...)` into the name and its keywords, and literals as they are."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        pairs = {str(each.arg): _printed(each.value) for each in node.keywords}
        return node.func.id, pairs
    return ast.literal_eval(node)


def _or_unset(value: Any) -> Any:
    return UNSET if value is None or value in ([], {}) else value


def _first(forms: Mapping[str, Any]) -> Any:
    return next(((name, value) for name, value in forms.items() if value), UNSET)
