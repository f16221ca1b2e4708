"""Ollama: its own /api/chat and /api/generate, and its OpenAI routes, as read in fb307609.

What a Modelfile sets stands between the client and the defaults here, except for temperature and
top_p on the OpenAI routes: there the route itself writes 1.0 where the client says nothing.
"""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule

_TYPES = "ollama fb307609 api/types.go L1096-1123"
_ROUTES = "ollama fb307609 server/routes.go"
_OPENAI = "ollama fb307609 openai/openai.go"
_STRUCT = f"{_OPENAI} L105-124"
_TEXT = f"{_OPENAI} CompletionRequest, FromCompleteRequest"
_SCHEMA = "from the engine's schema, not from the reference"
_GREEDY = {False: {"temperature": 0}, True: {}}
_OVER_MODELFILE = "where it is left out the route writes 1.0, whatever the Modelfile says"
_MODELFILE_ONLY = "no such field on this route; the Modelfile sets it"
_RANDOM = (
    Rewrite(when=Range(-1, -1), becomes=None, action="converted", reason="-1 draws a random seed"),
)
_NO_LIMIT = (
    Rewrite(
        when=Range(0, 0),
        becomes=-1,
        action="not-honoured",
        reason="0 sets no limit: the runner counts against a larger number only "
        "(ollama runner/ollamarunner/runner.go)",
    ),
)


def _option(name: str, default: float | None = None, note: str | None = None) -> Rule:
    if default is None:
        return Rule(f"options.{name}", _TYPES, note=note)
    return Rule(f"options.{name}", _TYPES, default=default, from_server=True, note=note)


OLLAMA_NATIVE = Dialect(
    "ollama_native",
    "Ollama POST /api/chat and /api/generate",
    "Ollama",
    {
        "temperature": _option("temperature", 0.8),
        "top_k": _option("top_k", 40),
        "top_p": _option("top_p", 0.9, "llama.cpp itself has 0.95"),
        "min_p": _option("min_p", 0.0, "llama.cpp itself has 0.05"),
        "typical_p": _option("typical_p", 1.0),
        "do_sample": Rule(None, _TYPES, equivalent=_GREEDY, status=_SCHEMA),
        "repetition_penalty": _option("repeat_penalty", 1.0, "1.1 in older releases"),
        "repeat_last_n": _option("repeat_last_n", 64),
        "presence_penalty": _option("presence_penalty", 0.0),
        "frequency_penalty": _option("frequency_penalty", 0.0),
        "seed": Rule(
            "options.seed", _TYPES, rewrites=_RANDOM, default_note="random for each request"
        ),
        "max_tokens": replace(
            _option("num_predict", -1, "-1 is without limit, and so is 0"), rewrites=_NO_LIMIT
        ),
        "num_ctx": Rule(
            "options.num_ctx",
            _TYPES,
            default_note="OLLAMA_CONTEXT_LENGTH of the server",
            note="a longer prompt is cut to it",
        ),
        "stop": Rule("options.stop", _TYPES, form="list"),
        "thinking": Rule(
            "think",
            _TYPES,
            kind="any",
            values=(True, False, "low", "medium", "high"),
            default_note="the model's own",
            note="an error if it cannot think",
        ),
        "reasoning_effort": Rule(
            "think",
            _TYPES,
            values=("low", "medium", "high"),
            default_note="the model's own",
            note="an error if it cannot think",
        ),
        "response_format": Rule("format", _TYPES, form="format_field"),
        "json_schema": Rule("format", _TYPES),
        "logprobs": Rule("logprobs", _ROUTES, default=False, status=_SCHEMA),
        "top_logprobs": Rule("top_logprobs", _ROUTES, range=Range(0, 20), status=_SCHEMA),
    },
    unknown_fields="ignored",
    exclusive=(("thinking", "reasoning_effort"), ("response_format", "json_schema")),
)


def _unsent(default: float) -> Rule:
    return Rule(
        None, f"{_STRUCT}; {_TYPES}", default=default, from_server=True, note=_MODELFILE_ONLY
    )


def _openai() -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature", f"{_OPENAI} L655-683", default=1.0, note=_OVER_MODELFILE
        ),
        "top_p": Rule("top_p", f"{_OPENAI} L681", default=1.0, note=_OVER_MODELFILE),
        "do_sample": Rule(None, _STRUCT, equivalent=_GREEDY, status=_SCHEMA),
        "top_k": Rule(
            None,
            f"{_STRUCT}; {_TYPES}",
            default=40,
            from_server=True,
            equivalent={1: {"temperature": 0}},
            note=_MODELFILE_ONLY,
        ),
        "min_p": _unsent(0.0),
        "repetition_penalty": _unsent(1.0),
        "max_tokens": Rule(
            "max_tokens",
            f"{_STRUCT}; {_TYPES}",
            default=-1,
            from_server=True,
            rewrites=_NO_LIMIT,
            note="max_completion_tokens is ignored; -1 is without limit, and so is 0",
        ),
        "seed": Rule("seed", _OPENAI, rewrites=_RANDOM, default_note="random for each request"),
        "stop": Rule("stop", _OPENAI, status=_SCHEMA),
        **{
            name: Rule(name, f"{_OPENAI}; {_TYPES}", default=0.0, from_server=True)
            for name in ("presence_penalty", "frequency_penalty")
        },
        "n": Rule(None, _STRUCT),
        "logit_bias": Rule(None, _STRUCT),
    }


OLLAMA_OPENAI = Dialect(
    "ollama_openai",
    "Ollama POST /v1/chat/completions",
    "Ollama",
    {
        **_openai(),
        "logprobs": Rule("logprobs", _OPENAI, default=False, status=_SCHEMA),
        "top_logprobs": Rule("top_logprobs", _OPENAI, range=Range(0, 20)),
        "reasoning_effort": Rule(
            "reasoning_effort",
            _OPENAI,
            accepts=("reasoning.effort",),
            values=("none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"),
            default_note="the model's own",
            note="none switches thinking off",
        ),
        "thinking": Rule(
            None,
            _OPENAI,
            equivalent={False: {"reasoning_effort": "none"}},
            note="think is a field of /api/chat only; a level of reasoning_effort asks for it here",
            status=_SCHEMA,
        ),
        "response_format": Rule("response_format", f"{_OPENAI} FromChatRequest", status=_SCHEMA),
        "json_schema": Rule(
            "response_format",
            f"{_OPENAI} FromChatRequest",
            form="schema_format",
            status=_SCHEMA,
        ),
        "tool_choice": Rule(None, _STRUCT),
        "parallel_tool_calls": Rule(None, _STRUCT),
    },
    unknown_fields="ignored",
    interactions=(
        Interaction(
            {"reasoning_effort": ("minimal",)},
            ("reasoning_effort",),
            "not-honoured",
            f"minimal acts as low ({_OPENAI})",
            defaults={"reasoning_effort": "low"},
        ),
        Interaction(
            {"reasoning_effort": ("xhigh", "ultra")},
            ("reasoning_effort",),
            "not-honoured",
            f"xhigh and ultra act as max ({_OPENAI})",
            defaults={"reasoning_effort": "max"},
        ),
    ),
    exclusive=(("response_format", "json_schema"),),
)

OLLAMA_OPENAI_COMPLETIONS = Dialect(
    "ollama_openai_completions",
    "Ollama POST /v1/completions",
    "Ollama",
    {
        **_openai(),
        "top_p": Rule(
            "top_p",
            _TEXT,
            default=1.0,
            rewrites=(
                Rewrite(
                    when=Range(0, 0),
                    becomes=1.0,
                    reason=f"0 is taken for left out on this route ({_TEXT})",
                ),
            ),
            note=_OVER_MODELFILE,
            status=_SCHEMA,
        ),
        "logprobs": Rule(
            "logprobs", _TEXT, kind="integer", range=Range(0, 20), default=0, status=_SCHEMA
        ),
        "top_logprobs": Rule(None, _TEXT, note="logprobs is the count here", status=_SCHEMA),
    },
    unknown_fields="ignored",
)
