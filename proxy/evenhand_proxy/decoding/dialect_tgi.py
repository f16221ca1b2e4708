"""Text Generation Inference: its own /generate, and its OpenAI routes, as read in db931fcf."""

from collections.abc import Mapping
from typing import Any

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rule, Test

_VALID = "TGI db931fcf router/src/validation.rs L204-447"
_LIB = "TGI db931fcf router/src/lib.rs"
_NATIVE = f"{_LIB} L436-457, L1340"
_CHAT = f"{_LIB} L900-1010"
_CHOOSER = "TGI server/text_generation_server/utils/tokens.py NextTokenChooser"
_SCHEMA = "from the engine's schema, not from the reference"
_U64 = Range(0, 2**64 - 1)
_OPEN_MASS = Range(0, 1, "both")
_PROPERTIES = "the schema must have properties"
_GREEDY = {False: {"temperature": 0}, True: {}}
_OFF: Mapping[Any, Mapping[str, Any]] = {1: {}}
_ALL_TOKENS: Mapping[Any, Mapping[str, Any]] = {0: {}, -1: {}}
_ZERO: Mapping[Any, Mapping[str, Any]] = {0: {"do_sample": False}}

_WARPERS: Mapping[str, Test] = {"top_p": "sent", "top_k": "sent", "typical_p": "sent"}


def _sampled(name: str, test: Test) -> Interaction:
    """Say that a warper makes it sample, whatever do_sample says."""
    return Interaction(
        {"do_sample": (False,), name: test},
        ("do_sample",),
        "not-honoured",
        f"{name} makes it sample all the same ({_CHOOSER})",
        defaults={"do_sample": True},
    )


def _at_one(name: str, test: Test) -> Interaction:
    """Say that temperature 0, which is no temperature here, samples at 1.0 beside a warper."""
    return Interaction(
        {"temperature": Range(0, 0), name: test},
        ("temperature",),
        "not-honoured",
        f"temperature 0 leaves the temperature out, and {name} makes it sample at 1.0 ({_CHOOSER})",
        defaults={"temperature": 1.0},
    )


TGI_NATIVE = Dialect(
    "tgi_native",
    "TGI POST /generate",
    "TGI",
    {
        "do_sample": Rule(
            "parameters.do_sample",
            _NATIVE,
            default_note="false where a parameters object is sent, true where it is left out",
        ),
        "temperature": Rule(
            "parameters.temperature",
            _VALID,
            range=Range(0, open="minimum"),
            default_note="1.0",
            equivalent=_ZERO,
            note="0 is an error",
        ),
        "top_p": Rule(
            "parameters.top_p",
            _VALID,
            range=_OPEN_MASS,
            default=1.0,
            equivalent=_OFF,
            note="1.0 is an error",
        ),
        "typical_p": Rule(
            "parameters.typical_p", _VALID, range=_OPEN_MASS, default=1.0, equivalent=_OFF
        ),
        "top_k": Rule(
            "parameters.top_k",
            _VALID,
            range=Range(1),
            default=0,
            equivalent=_ALL_TOKENS,
            note="0 is an error",
        ),
        "repetition_penalty": Rule(
            "parameters.repetition_penalty",
            _VALID,
            range=Range(0, open="minimum"),
            default_note="1.0",
        ),
        "frequency_penalty": Rule(
            "parameters.frequency_penalty", _VALID, range=Range(-2, 2), default_note="0"
        ),
        "presence_penalty": Rule(None, _NATIVE, status=_SCHEMA),
        "seed": Rule("parameters.seed", _VALID, range=_U64, default_note="random for each request"),
        "best_of": Rule(
            "parameters.best_of",
            _VALID,
            range=Range(1, 2),
            default_note="1",
            note="--max-best-of sets the bound; an error where nothing makes it sample",
        ),
        "n": Rule(None, _NATIVE, note="best_of gives the likeliest answer only", status=_SCHEMA),
        "stop": Rule(
            "parameters.stop",
            _VALID,
            form="list",
            range=Range(0, 4),
            note="--max-stop-sequences sets the bound",
        ),
        "max_tokens": Rule(
            "parameters.max_new_tokens",
            _VALID,
            range=Range(1),
            default_note="what --max-total-tokens leaves",
        ),
        "logprobs": Rule("parameters.details", _NATIVE, default_note="false", status=_SCHEMA),
        "top_logprobs": Rule(
            "parameters.top_n_tokens",
            _VALID,
            range=Range(0, 5),
            default_note="0",
            note="--max-top-n-tokens sets the bound",
        ),
        "json_schema": Rule(
            "parameters.grammar",
            _VALID,
            form="typed_json",
            note=f"{_PROPERTIES}; an error where the server has grammars switched off",
        ),
        "regex": Rule(
            "parameters.grammar",
            _VALID,
            form="typed_regex",
            note="an error where the server has grammars switched off",
        ),
    },
    interactions=(
        Interaction(
            {"best_of": Range(2), "seed": "sent"},
            ("seed",),
            "refused",
            f"a seed and best_of above 1 exclude each other ({_VALID})",
        ),
        *(_at_one(name, test) for name, test in _WARPERS.items()),
        *(_sampled(name, test) for name, test in _WARPERS.items()),
        _sampled("temperature", _OPEN_MASS),
        _sampled("temperature", Range(1, open="minimum")),
    ),
    exclusive=(("json_schema", "regex"),),
)


def _openai(source: str) -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            source,
            range=Range(0),
            default=1.0,
            note="0 is greedy here; /generate refuses it",
        ),
        "do_sample": Rule(None, source, equivalent=_GREEDY),
        "top_p": Rule(
            "top_p",
            source,
            range=_OPEN_MASS,
            default=1.0,
            equivalent=_OFF,
            note="1.0 is an error",
        ),
        "top_k": Rule(
            None,
            source,
            default=0,
            equivalent={1: {"temperature": 0}, **_ALL_TOKENS},
            note="this route cannot set it",
        ),
        "frequency_penalty": Rule(
            "frequency_penalty", f"{source}; {_VALID}", range=Range(-2, 2), default=0.0
        ),
        "max_tokens": Rule(
            "max_tokens",
            f"{source}; {_VALID}",
            accepts=("max_completion_tokens",),
            range=Range(1),
            default_note="what --max-total-tokens leaves",
        ),
        "seed": Rule("seed", source, range=_U64, default_note="random for each request"),
        "stop": Rule(
            "stop",
            f"{source}; {_VALID}",
            form="list",
            range=Range(0, 4),
            note="--max-stop-sequences sets the bound",
            status=_SCHEMA,
        ),
    }


TGI_OPENAI_CHAT = Dialect(
    "tgi_openai_chat",
    "TGI POST /v1/chat/completions",
    "TGI",
    {
        **_openai(_CHAT),
        "presence_penalty": Rule(
            None,
            f"{_LIB} L960",
            note="it would become repetition_penalty = value + 2.0, which multiplies: 0 acts as a "
            "strong penalty and -2 is an error; so it is not sent",
        ),
        "repetition_penalty": Rule(
            None,
            _CHAT,
            default=1.0,
            note="only presence_penalty reaches it, shifted by 2.0",
            status=_SCHEMA,
        ),
        "n": Rule(None, _CHAT),
        "logit_bias": Rule(None, _CHAT),
        "logprobs": Rule("logprobs", _CHAT, default=False, status=_SCHEMA),
        "top_logprobs": Rule(
            "top_logprobs",
            f"{_CHAT}; {_VALID}",
            range=Range(0, 5),
            note="--max-top-n-tokens sets the bound",
            status=_SCHEMA,
        ),
        "response_format": Rule(
            "response_format",
            _CHAT,
            evidence="unknown",
            note="TGI's own object is {type, value}; that it reads OpenAI's is not established",
        ),
        "json_schema": Rule("response_format", _CHAT, form="typed_json", note=_PROPERTIES),
        "regex": Rule("response_format", _CHAT, form="typed_regex"),
        "tool_choice": Rule(
            "tool_choice", _CHAT, note="tools and response_format are an error", status=_SCHEMA
        ),
    },
    interactions=(
        _at_one("top_p", "sent"),
        Interaction(
            {"logprobs": (False,), "top_logprobs": "sent"},
            ("top_logprobs",),
            "not-honoured",
            f"they are returned with logprobs=true only ({_CHAT})",
        ),
    ),
    exclusive=(("response_format", "json_schema", "regex"),),
)

TGI_OPENAI_COMPLETIONS = Dialect(
    "tgi_openai_completions",
    "TGI POST /v1/completions",
    "TGI",
    {
        **_openai(f"{_LIB} CompletionRequest"),
        "repetition_penalty": Rule(
            "repetition_penalty",
            f"{_LIB} CompletionRequest",
            range=Range(0, open="minimum"),
            default=1.0,
            status=_SCHEMA,
        ),
        "presence_penalty": Rule(None, f"{_LIB} CompletionRequest", status=_SCHEMA),
        "n": Rule(None, f"{_LIB} CompletionRequest", status=_SCHEMA),
        "logprobs": Rule(None, f"{_LIB} CompletionRequest", status=_SCHEMA),
    },
    interactions=(_at_one("top_p", "sent"),),
)
