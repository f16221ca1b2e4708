"""The llama.cpp server: its OpenAI routes share one schema with its native one.

Line numbers are those of the source vendored in llama_cpp_python 0.3.36; where a source says
b11434, it was read in that build.
"""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import Dialect, Interaction, Range, Rewrite, Rule, Typed
from evenhand_proxy.decoding.vocabulary import ABSENT

_SCHEMA = "llama.cpp tools/server/server-schema.cpp"
_COMMON = "llama.cpp common/common.h L226-290"
_PARSE = "llama.cpp tools/server/server-common.cpp L1224-"
_READ = "llama.cpp b11434 tools/server/server-schema.cpp"
_CHAT = "llama.cpp b11434 tools/server/server-common.cpp oaicompat_chat_params_parse"
_RESPONSES = "llama.cpp b11434 tools/server/server-chat.cpp"
_BEST_OF = "llama.cpp tools/server/server-common.cpp oaicompat_completion_params_parse"
_TAKEN = "from the engine's schema"
_GREEDY = {False: {"temperature": 0}, True: {}}
_SEED = (
    Rewrite(
        when=Range(-1, -1),
        becomes=None,
        action="converted",
        reason="-1 draws a random seed for each request",
    ),
    Rewrite(
        when=Range(maximum=-2),
        becomes=None,
        action="not-honoured",
        reason="seeds are 32 bits wide: the upper bits are cut off",
    ),
    Rewrite(
        when=Range(0xFFFFFFFF),
        becomes=None,
        action="not-honoured",
        reason="seeds are 32 bits wide, and 4294967295 draws a random one",
    ),
)
_COUNT = (
    Rewrite(
        when=Range(2**31),
        becomes=None,
        action="not-honoured",
        reason="counts are 32 bits wide: a larger one wraps around",
    ),
)
_AT_LEAST_ONE = (
    Rewrite(when=Range(0, 0), becomes=1, reason="0 still generates one token, as seen on b11549"),
)
_WINDOW = "over the last repeat_last_n tokens, the prompt's among them"


def _by_flags(rules: dict[str, Rule]) -> dict[str, Rule]:
    """Let the server's flags and the GGUF file's own settings replace the defaults."""
    return {
        name: rule if rule.default is ABSENT else replace(rule, from_server=True)
        for name, rule in rules.items()
    }


def _truncation() -> dict[str, Rule]:
    return {
        "temperature": Rule(
            "temperature",
            f"{_SCHEMA} L116; {_COMMON}",
            range=Range(0),
            out_of_range="clamped",
            default=0.8,
            note="applied last in the sampler chain; only exactly 0 is greedy",
        ),
        "top_p": Rule(
            "top_p",
            f"{_SCHEMA}; {_COMMON}",
            range=Range(0, 1),
            out_of_range="clamped",
            default=0.95,
        ),
        "top_k": Rule(
            "top_k",
            f"{_SCHEMA} L89; {_COMMON}",
            range=Range(0),
            out_of_range="clamped",
            default=40,
            translate={-1: 0},
            rewrites=_COUNT,
        ),
        "min_p": Rule(
            "min_p",
            f"{_SCHEMA} L97; {_COMMON}",
            range=Range(0, 1),
            out_of_range="clamped",
            default=0.05,
            note="a hidden default that acts on the OpenAI routes too",
        ),
        "typical_p": Rule("typical_p", f"{_SCHEMA} (limits commented out); {_COMMON}", default=1.0),
        "top_n_sigma": Rule("top_n_sigma", _COMMON, default=-1.0),
        "xtc_probability": Rule(
            "xtc_probability",
            f"{_COMMON}; {_READ}",
            range=Range(0, 1),
            out_of_range="clamped",
            default=0.0,
            note="xtc_threshold is 0.10 unless sent",
        ),
        "mirostat": Rule(
            "mirostat", f"{_COMMON}; {_READ}", range=Range(0, 2), out_of_range="clamped", default=0
        ),
        "samplers": Rule(
            "samplers",
            _COMMON,
            default_note="penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, "
            "temperature",
            note="unknown names are left out; the order changes what equal numbers do",
        ),
        "do_sample": Rule(None, f"{_SCHEMA}: not a field", equivalent=_GREEDY),
        "seed": Rule("seed", _COMMON, rewrites=_SEED, default_note="random for each request"),
    }


def _penalties() -> dict[str, Rule]:
    return {
        "repetition_penalty": Rule(
            "repeat_penalty",
            f"{_SCHEMA} L130; {_COMMON}",
            range=Range(0, open="minimum"),
            default=1.0,
            note=_WINDOW,
        ),
        "presence_penalty": Rule("presence_penalty", _COMMON, default=0.0, note=_WINDOW),
        "frequency_penalty": Rule(
            "frequency_penalty", f"{_SCHEMA} L133", default=0.0, note=_WINDOW
        ),
        "repeat_last_n": Rule(
            "repeat_last_n",
            f"{_COMMON}; {_SCHEMA}",
            range=Range(0),
            default=64,
            rewrites=_COUNT,
            note="older builds took -1 for the whole context",
        ),
        "dry_multiplier": Rule(
            "dry_multiplier",
            f"{_COMMON}; {_READ}",
            default=0.0,
            note="dry_base is 1.75 and dry_allowed_length 2 unless sent; 0 and less is off",
        ),
        "logit_bias": Rule(
            "logit_bias",
            _SCHEMA,
            kind="any",
            note="a map or a list of pairs; takes words for ids, and false for a ban; what it "
            "cannot read is left out",
        ),
    }


def _answers(length: str, *others: str) -> dict[str, Rule]:
    return {
        "max_tokens": Rule(
            length,
            f"{_SCHEMA} L44",
            accepts=others,
            range=Range(-1),
            default=-1,
            from_server=True,
            rewrites=_AT_LEAST_ONE,
            note="-1 is until the context or an end token",
        ),
        "n": Rule(
            "n",
            f"{_SCHEMA} L63-64",
            accepts=("n_cmpl",),
            range=Range(1),
            default=1,
            note="an error above the number of slots",
        ),
        "stop": Rule("stop", _SCHEMA, note="no limit; an empty list gives way to the server's own"),
        "ignore_eos": Rule("ignore_eos", _COMMON, default=False, from_server=True),
    }


def _constraints(source: str) -> dict[str, Rule]:
    return {
        "json_schema": Rule("json_schema", source),
        "grammar": Rule("grammar", source, note="GBNF"),
        "regex": Rule(None, f"{_READ}: not a field", status=_TAKEN),
        "choice": Rule(None, f"{_READ}: not a field", status=_TAKEN),
    }


def _templated(effort: str, *others: str) -> dict[str, Rule]:
    """Make the rules of the routes that render a chat template."""
    return {
        **_constraints(f"{_SCHEMA}; {_PARSE}"),
        "grammar": Rule(
            "grammar",
            f"{_SCHEMA}; {_PARSE}; seen on b11549",
            range=Range(1),
            out_of_range="ignored",
            note="GBNF; an empty one counts as unset",
        ),
        "response_format": Rule("response_format", f"{_SCHEMA}; {_PARSE}"),
        "chat_template_kwargs": Rule("chat_template_kwargs", _CHAT, status=_TAKEN),
        "thinking": Rule(
            "chat_template_kwargs.enable_thinking",
            _PARSE,
            default_note="the chat template's own",
            note="text instead of a switch is an error",
        ),
        "reasoning_effort": Rule(
            effort, _PARSE, kind="text", accepts=others, note="none turns thinking off"
        ),
        "thinking_budget": Rule(
            "reasoning_budget_tokens",
            f"{_COMMON}; {_PARSE}",
            range=Range(-1),
            default=-1,
            note="-1 is the server's own --reasoning-budget; acts on templates with thinking tags; "
            "the server looks at thinking_budget_tokens too, but only there",
        ),
        "tool_choice": Rule("tool_choice", _CHAT, default="auto", status=_TAKEN),
        "parallel_tool_calls": Rule(
            "parallel_tool_calls", _CHAT, default_note="what the template can do", status=_TAKEN
        ),
        "continue_final_message": Rule(
            "continue_final_message",
            _CHAT,
            kind="any",
            default=False,
            note="an error unless add_generation_prompt=false is sent too",
            status=_TAKEN,
        ),
        "logprobs": Rule("logprobs", _PARSE, default=False),
        "top_logprobs": Rule("top_logprobs", _PARSE, range=Range(0)),
    }


def _plain(logprobs: str) -> dict[str, Rule]:
    """Make the rules of the routes without messages."""
    return {
        **_constraints(_SCHEMA),
        "response_format": Rule(
            None, f"{_READ}: not a field", note="json_schema is read here", status=_TAKEN
        ),
        "thinking_budget": Rule(
            "reasoning_budget_tokens",
            f"{_COMMON}; {_READ}",
            range=Range(-1),
            default=-1,
            evidence="unknown",
            note="acts only where the request names the tags that thinking stands in",
        ),
        "logprobs": Rule(
            logprobs,
            f"{_READ} n_probs, logprobs",
            kind="integer",
            default=0,
            status=_TAKEN,
        ),
        "top_logprobs": Rule(None, f"{_READ}: not a field", status=_TAKEN),
    }


_MIROSTAT = Interaction(
    {"mirostat": Range(1, 2)},
    (
        *("top_p", "top_k", "min_p", "typical_p", "top_n_sigma", "xtc_probability", "samplers"),
        *("repetition_penalty", "presence_penalty", "frequency_penalty", "dry_multiplier"),
    ),
    "not-honoured",
    "mirostat takes the place of every sampler but temperature "
    "(llama.cpp b11434 common/sampling.cpp L344-412)",
)
_GRAMMAR_WINS = Interaction(
    {"json_schema": "sent", "grammar": "sent"},
    ("json_schema",),
    "not-honoured",
    f"grammar wins over json_schema on this route ({_READ})",
)
_FORMAT_WINS = (
    Interaction(
        {"response_format": Typed(("json_object",)), "json_schema": "sent"},
        ("response_format",),
        "not-honoured",
        f"json_schema is more than json_object, and wins ({_CHAT} L1304)",
    ),
    Interaction(
        {"response_format": Typed(("json_schema",))},
        ("json_schema", "grammar"),
        "not-honoured",
        f"the schema of response_format wins ({_CHAT} L1308; common/chat.cpp L1432)",
    ),
    Interaction(
        {"response_format": Typed(("json_object",))},
        ("grammar",),
        "not-honoured",
        "json_object wins over grammar (llama.cpp b11434 common/chat.cpp L1432)",
    ),
)
_NO_EFFORT = Interaction(
    {"reasoning_effort": ("none",), "thinking": (ABSENT,)},
    ("thinking",),
    "not-honoured",
    f"reasoning_effort none turns thinking off ({_CHAT})",
    {"thinking": False},
)
_LOGPROBS = (
    Interaction(
        {"logprobs": (False,), "top_logprobs": "sent"},
        ("top_logprobs",),
        "refused",
        f"top_logprobs needs logprobs=true ({_CHAT})",
    ),
    Interaction(
        {"logprobs": (True,), "top_logprobs": (ABSENT,)},
        ("top_logprobs",),
        "not-honoured",
        f"logprobs=true without a number asks for 20 ({_PARSE})",
        {"top_logprobs": 20},
    ),
)
_CHAT_EFFECTS = (_MIROSTAT, *_FORMAT_WINS, _NO_EFFORT, *_LOGPROBS)
_LENGTHS = ("max_tokens", "max_completion_tokens", "n_predict")

LLAMACPP_SERVER = Dialect(
    "llamacpp_server",
    "llama.cpp POST /v1/chat/completions",
    "llama.cpp",
    {
        **_by_flags({**_truncation(), **_penalties()}),
        **_answers(*_LENGTHS),
        **_templated("reasoning_effort"),
        "best_of": Rule(None, f"{_READ}: not a field", status=_TAKEN),
    },
    interactions=_CHAT_EFFECTS,
    exclusive=(("json_schema", "grammar"),),
)

LLAMACPP_SERVER_COMPLETIONS = Dialect(
    "llamacpp_server_completions",
    "llama.cpp POST /v1/completions",
    "llama.cpp",
    {
        **_by_flags({**_truncation(), **_penalties()}),
        **_answers(*_LENGTHS),
        **_plain("logprobs"),
        "best_of": Rule(
            None,
            f"{_BEST_OF}; on b11549 it is accepted and read by nothing",
            before=(
                (
                    "11549",
                    Rule(
                        None,
                        _BEST_OF,
                        unsupported="refused",
                        note="1 is taken by some of these builds, other values by none",
                    ),
                ),
            ),
            status="seen on b11549 and b11434; which release between them changed it is not known",
        ),
    },
    interactions=(_MIROSTAT, _GRAMMAR_WINS),
)

LLAMACPP_SERVER_RESPONSES = Dialect(
    "llamacpp_server_responses",
    "llama.cpp POST /v1/responses",
    "llama.cpp",
    {
        name: replace(rule, source=f"{_RESPONSES}; {rule.source}", status=_TAKEN)
        for name, rule in {
            **_by_flags({**_truncation(), **_penalties()}),
            **_answers("max_output_tokens", *_LENGTHS),
            **_templated("reasoning.effort", "reasoning_effort"),
        }.items()
    },
    interactions=_CHAT_EFFECTS,
    exclusive=(("json_schema", "grammar"),),
)

LLAMACPP_NATIVE = Dialect(
    "llamacpp_native",
    "llama.cpp POST /completion",
    "llama.cpp",
    {
        **_by_flags({**_truncation(), **_penalties()}),
        **_answers("n_predict", *_LENGTHS[:2]),
        **_plain("n_probs"),
    },
    interactions=(_MIROSTAT, _GRAMMAR_WINS),
)
