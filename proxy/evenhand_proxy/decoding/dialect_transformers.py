"""Hugging Face transformers: the keyword arguments of `generate()`, and `transformers serve`.

Read in 5.23.0, and in 5.12.1 and 5.19.0 for what changed.
"""

from collections.abc import Mapping
from typing import Any

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Over, Range, Rewrite, Rule

_CONFIG = "transformers 5.23.0 generation/configuration_utils.py L602-646"
_UTILS = "transformers 5.23.0 generation/utils.py"
_VALIDATE = "transformers 5.23.0 generation/configuration_utils.py validate"
_PROCESS = "transformers 5.23.0 generation/logits_process.py"
_SERVE = "transformers 5.23.0 cli/serving/utils.py L1155-1190"
_SERVE_CHAT = "transformers 5.23.0 cli/serving/chat_completion.py"
_SERVE_TEXT = "transformers 5.23.0 cli/serving/completion.py"
_UNUSED = (
    f"{_SERVE_CHAT} L70-92, and cli/serving/utils.py _validate_request: one warning in the log"
)
_SCHEMA = "from the engine's schema, not from the reference"
_OFF = "the library tests for a value below 1 and leaves the sampler out otherwise"
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
_ZERO: Mapping[Any, Mapping[str, Any]] = {0: {"do_sample": False}}
_NO_FIELD = "only the checkpoint's generation_config.json or the library's default sets it"


def _mass(name: str, wire: str | None, bounds: Range, source: str) -> Rule:
    """Make the rule of a probability mass: more than 1 switches the sampler off like 1."""
    off = Rewrite(when=Range(1, open="minimum"), becomes=1.0, reason=f"{name}: {_OFF}")
    return Rule(wire, source, range=bounds, default=1.0, from_model=True, rewrites=(off,))


HF_TRANSFORMERS = Dialect(
    "hf_transformers",
    "transformers generate()",
    "transformers",
    {
        "do_sample": Rule(
            "do_sample",
            _CONFIG,
            default=False,
            from_model=True,
            note="temperature, top_k and top_p do nothing without it",
        ),
        "temperature": Rule(
            "temperature",
            f"{_PROCESS} L291-296; {_CONFIG}",
            range=Range(0, open="minimum"),
            default=1.0,
            from_model=True,
            equivalent=_ZERO,
            note="must be written as a float: 2 is refused where 2.0 is taken",
        ),
        "top_k": Rule(
            "top_k",
            f"{_CONFIG}; {_UTILS} L1616",
            range=Range(0),
            default=50,
            from_model=True,
            translate={-1: 0},
            note="a hidden default that acts as soon as do_sample is true",
        ),
        "top_p": _mass("top_p", "top_p", Range(0), f"{_UTILS} L1620; {_CONFIG}"),
        "min_p": Rule(
            "min_p",
            f"{_CONFIG}; {_PROCESS}",
            range=Range(0, 1),
            from_model=True,
            default_note="off",
        ),
        "typical_p": _mass(
            "typical_p", "typical_p", Range(0, open="minimum"), f"{_UTILS} L1629; {_CONFIG}"
        ),
        "epsilon_cutoff": Rule(
            "epsilon_cutoff",
            f"{_UTILS} L1633; {_CONFIG}",
            range=Range(0, 1, "maximum"),
            out_of_range="ignored",
            default=0.0,
        ),
        "eta_cutoff": Rule(
            "eta_cutoff",
            f"{_UTILS} L1639; {_CONFIG}",
            range=Range(0, 1, "maximum"),
            out_of_range="ignored",
            default=0.0,
        ),
        "repetition_penalty": Rule(
            "repetition_penalty",
            f"{_PROCESS}; {_CONFIG}",
            range=Range(0, open="minimum"),
            default=1.0,
            from_model=True,
            note="over prompt and generated tokens; must be written as a float",
        ),
        "no_repeat_ngram_size": Rule(
            "no_repeat_ngram_size", _CONFIG, range=Range(0), out_of_range="ignored", default=0
        ),
        "beam_width": Rule("num_beams", _CONFIG, range=Range(1), default=1),
        "n": Rule(
            "num_return_sequences",
            f"{_VALIDATE} 2.4; {_UTILS} expand_size",
            range=Range(1),
            out_of_range="clamped",
            default=1,
        ),
        "length_penalty": Rule("length_penalty", _CONFIG, default=1.0),
        "max_length": Rule(
            "max_length",
            _CONFIG,
            range=Range(1),
            default_note="20, over the generated tokens only",
            note="over prompt and generated tokens",
        ),
        "max_tokens": Rule(
            "max_new_tokens",
            f"{_VALIDATE} 1.1; {_CONFIG}",
            range=Range(1),
            from_model=True,
            default_note="max_length decides",
        ),
        "min_tokens": Rule(
            "min_new_tokens", _PROCESS, range=Range(0), default_note="none", status=_SCHEMA
        ),
        "stop": Rule(
            "stop_strings", _CONFIG, note="generate() needs the tokenizer for it", status=_SCHEMA
        ),
        "seed": Rule(
            None,
            _CONFIG,
            unsupported="refused",
            note="torch.manual_seed sets it for the whole process",
        ),
        "stop_token_ids": Rule(
            None,
            _CONFIG,
            unsupported="refused",
            note="eos_token_id would take the place of the model's own end tokens",
            status=_SCHEMA,
        ),
        "logit_bias": Rule(
            None,
            _CONFIG,
            unsupported="refused",
            note="sequence_bias is its like, but holds sequences of tokens",
            status=_SCHEMA,
        ),
    },
    unknown_fields="refused",
    interactions=(
        Interaction(
            {"do_sample": (False,)},
            _SAMPLING,
            "not-honoured",
            f"without do_sample=true only a warning is logged ({_VALIDATE} 2.1)",
            defaults={"top_k": 0, "top_p": 1.0, "typical_p": 1.0},
        ),
        Interaction(
            {"do_sample": (False,), "beam_width": (1,), "n": Range(2)},
            ("n",),
            "refused",
            f"greedy without beams gives one answer only ({_VALIDATE} 2.4)",
        ),
        Interaction(
            {"beam_width": Range(2), "n": Over("beam_width")},
            ("n",),
            "refused",
            f"a beam search gives as many answers as it has beams at most ({_VALIDATE} 2.4)",
        ),
        Interaction(
            {"beam_width": (1,)},
            ("length_penalty",),
            "not-honoured",
            f"it weighs beams, and there is one ({_VALIDATE} 2.2)",
        ),
        Interaction(
            {"max_tokens": "sent"},
            ("max_length",),
            "not-honoured",
            f"max_new_tokens wins over max_length ({_UTILS} _prepare_generated_length)",
        ),
    ),
)


def _unused(source: str = _UNUSED, note: str | None = None) -> Rule:
    return Rule(None, source, note=note)


def _serve_distribution() -> dict[str, Rule]:
    return {
        "do_sample": Rule(
            None,
            _SERVE,
            unsupported="refused",
            equivalent={False: {"temperature": 0}},
            default=False,
            from_model=True,
            note="nothing but the checkpoint's generation_config.json turns sampling on; under "
            "--continuous-batching the first request's temperature, top_p and do_sample act for "
            "all (5.19.0 cli/serving/utils.py CBGenerateManager)",
        ),
        "temperature": Rule(
            "temperature",
            _SERVE,
            range=Range(0),
            default=1.0,
            from_model=True,
            rewrites=(
                Rewrite(
                    when=Range(0, 0),
                    sets={"do_sample": False},
                    reason=f"temperature 0 turns do_sample off ({_SERVE})",
                ),
            ),
        ),
        "top_p": _mass("top_p", "top_p", Range(0), _SERVE),
        "top_k": Rule(
            None,
            f"{_CONFIG}; {_SERVE}",
            unsupported="refused",
            default=50,
            from_model=True,
            equivalent={1: {"temperature": 0}},
            note=_NO_FIELD,
        ),
        "min_p": Rule(
            None, _SERVE, unsupported="refused", from_model=True, default_note="off", note=_NO_FIELD
        ),
        "repetition_penalty": Rule(
            None,
            f"{_CONFIG}; {_SERVE}",
            unsupported="refused",
            default=1.0,
            from_model=True,
            note=_NO_FIELD,
        ),
    }


def _serve(source: str) -> dict[str, Rule]:
    return {
        **_serve_distribution(),
        "max_tokens": Rule(
            "max_tokens",
            f"{source}; {_SERVE}",
            range=Range(1),
            default=1024,
            from_model=True,
            note="a smaller limit of the checkpoint is lifted to 1024; releases up to 5.19.0 "
            "ignore max_completion_tokens",
        ),
        "seed": Rule(
            "seed",
            _SERVE,
            evidence="unknown",
            note="it sets the seed of the whole process, so that other requests disturb it",
        ),
        "stop": Rule("stop", f"{_SERVE_CHAT} L358-359"),
        "frequency_penalty": Rule(
            None,
            f"{_SERVE_CHAT} L354-355; {_SERVE_TEXT} L270-271",
            note="it would become repetition_penalty = 1 + value, which multiplies over the prompt "
            "too and is an error at -1 and below; so it is not sent",
        ),
        "presence_penalty": _unused(),
        "n": _unused(),
    }


_SERVE_INTERACTIONS = (
    Interaction(
        {"do_sample": (False,), "temperature": Range(0, open="minimum")},
        ("temperature", "top_p", "top_k"),
        "not-honoured",
        f"the checkpoint does not sample, and temperature does not turn it on ({_SERVE})",
        defaults={"top_k": 0, "top_p": 1.0},
    ),
    Interaction(
        {"temperature": Range(0, 0)},
        ("top_p", "top_k"),
        "not-honoured",
        f"temperature 0 is greedy ({_SERVE})",
        defaults={"top_k": 0, "top_p": 1.0},
    ),
)

HF_TRANSFORMERS_SERVE = Dialect(
    "hf_transformers_serve",
    "transformers serve POST /v1/chat/completions",
    "transformers serve",
    {
        **_serve(f"{_SERVE_CHAT} L345-361"),
        "logit_bias": Rule(
            "logit_bias", f"{_SERVE_CHAT} L356-357", note="sent on as sequence_bias, not clamped"
        ),
        "logprobs": _unused(),
        "top_logprobs": _unused(),
        "response_format": _unused(),
        "tool_choice": _unused(),
        "parallel_tool_calls": _unused(),
        "reasoning_effort": _unused(),
        "chat_template_kwargs": Rule("chat_template_kwargs", f"{_SERVE_CHAT} L137", status=_SCHEMA),
        "thinking": Rule(
            "chat_template_kwargs.enable_thinking", f"{_SERVE_CHAT} L137", status=_SCHEMA
        ),
    },
    unknown_fields="refused",
    interactions=_SERVE_INTERACTIONS,
)

HF_TRANSFORMERS_SERVE_COMPLETIONS = Dialect(
    "hf_transformers_serve_completions",
    "transformers serve POST /v1/completions",
    "transformers serve",
    {
        **_serve(f"{_SERVE_TEXT} L264-275"),
        "best_of": _unused(f"{_SERVE_TEXT} L52-60"),
        "logprobs": _unused(f"{_SERVE_TEXT} L52-60"),
        "logit_bias": _unused(
            f"{_SERVE_TEXT} L264-275", "it is accepted without even a warning here"
        ),
    },
    unknown_fields="refused",
    interactions=_SERVE_INTERACTIONS,
)
