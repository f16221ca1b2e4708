"""What several of vLLM's routes share, as read in 0.33.0 and, where it says so, in 0.32.0."""

from dataclasses import replace

from evenhand_proxy.decoding.dialect import (
    Interaction,
    Over,
    Range,
    Rewrite,
    Rule,
    Typed,
)
from evenhand_proxy.decoding.vocabulary import ABSENT

SAMPLING = "vllm 0.33.0 vllm/sampling_params.py"
CHAT = "vllm 0.33.0 vllm/entrypoints/openai/chat_completion/protocol.py"
COMPLETION = "vllm 0.33.0 vllm/entrypoints/openai/completion/protocol.py"
RESPONSE = "vllm 0.32.0 vllm/entrypoints/openai/responses/protocol.py ResponsesRequest"
READ = "vllm 0.32.0 vllm/entrypoints/openai/chat_completion/protocol.py ChatCompletionRequest"
_CONFIG = "vllm 0.33.0 vllm/config/model.py"
_GUIDED = "vllm 0.33.0 vllm/entrypoints/serve/engine/protocol.py L25-71"
SCHEMA = "from the engine's schema"
_BOUNDARY = "the release that changed it lies after 0.11.0 and is not known; 0.12 is assumed"
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_INT64 = Range(-(2**63), 2**63 - 1)
CONSTRAINTS = ("response_format", "json_schema", "regex", "grammar", "choice", "structural_tag")
_TEMPERATURE = (
    Rewrite(
        when=Range(0, 0),
        sets={"top_p": 1.0, "top_k": 0, "min_p": 0.0},
        reason=f"greedy resets top_p, top_k and min_p ({SAMPLING} L615-620)",
    ),
    Rewrite(
        when=Range(0, 0.01, open="both"),
        becomes=0.01,
        reason=f"a temperature between 0 and 0.01 is raised to 0.01 ({SAMPLING} L560-568)",
    ),
)
_SEED = Rewrite(
    when=Range(-1, -1),
    becomes=None,
    action="converted",
    reason=f"-1 means no seed ({SAMPLING} L570-571)",
)
_NO_LIMIT = Rewrite(
    when=Range(-1, -1),
    becomes=None,
    action="converted",
    reason=f"-1 means no budget ({SAMPLING} validate_thinking_token_budget)",
)


def _before_012(rule: Rule, older: Rule) -> Rule:
    return replace(rule, before=(("0.12", older),), status=_BOUNDARY)


def _additive(name: str) -> Rule:
    rule = Rule(
        name,
        f"{CHAT} L705-713",
        range=Range(-2, 2),
        default=0.0,
        from_model=True,
        note="over the answer only",
    )
    return _before_012(rule, replace(rule, from_model=False))


def distribution() -> dict[str, Rule]:
    """Make the rules that every route has."""
    temperature = Rule(
        "temperature",
        f"{SAMPLING} L560-568, L662-673",
        range=Range(0, 2),
        default=1.0,
        from_model=True,
        rewrites=_TEMPERATURE,
        note="only exactly 0 is greedy",
    )
    return {
        "temperature": _before_012(temperature, replace(temperature, range=Range(0))),
        "top_p": Rule(
            "top_p",
            f"{SAMPLING} L674-679",
            range=Range(0, 1, "minimum"),
            default=1.0,
            from_model=True,
        ),
        "top_k": Rule(
            "top_k",
            f"{SAMPLING} L680-684",
            range=Range(-1),
            default=0,
            from_model=True,
            translate={-1: 0},
            note="0 and -1 both keep all tokens",
        ),
        "min_p": Rule(
            "min_p",
            f"{SAMPLING} L689, L1193",
            range=Range(0, 1),
            default=0.0,
            from_model=True,
            note="an error together with speculative decoding",
        ),
        "repetition_penalty": Rule(
            "repetition_penalty",
            SAMPLING,
            range=Range(0, open="minimum"),
            default=1.0,
            from_model=True,
            note="over prompt and generated tokens",
        ),
        "do_sample": Rule(
            None,
            f"{_CONFIG} L1882-1892: do_sample=false does not make vLLM greedy",
            equivalent={False: {"temperature": 0}, True: {}},
        ),
        **_ends_and_biases(),
    }


def _ends_and_biases() -> dict[str, Rule]:
    stop = Rule(
        "stop",
        "vllm 0.33.0 vllm/envs.py L1157 VLLM_MAX_STOP_STRINGS; "
        "vllm/entrypoints/generate/base/protocol.py L27",
        range=Range(0, 4),
    )
    return {
        "seed": Rule(
            "seed",
            f"{SAMPLING} L570-571; vllm/v1/engine/parallel_sampling.py L69-81",
            range=_INT64,
            rewrites=(_SEED,),
            note="answer i of n is drawn with seed + i",
        ),
        "stop": _before_012(stop, replace(stop, range=Range())),
        "stop_token_ids": Rule(
            "stop_token_ids",
            f"{SAMPLING} update_from_generation_config; vllm/config/model.py L1837",
            note="the end tokens of generation_config.json are added, whatever the flags say",
        ),
        "ignore_eos": Rule("ignore_eos", SAMPLING, default=False, null="refused"),
        "presence_penalty": _additive("presence_penalty"),
        "frequency_penalty": _additive("frequency_penalty"),
        "logit_bias": Rule(
            "logit_bias",
            SAMPLING,
            range=Range(-100, 100),
            out_of_range="clamped",
            note="an error for ids outside the vocabulary, and with speculative decoding",
        ),
        "skip_special_tokens": Rule(
            "skip_special_tokens", READ, default=True, null="refused", status=SCHEMA
        ),
        "custom_params": Rule(
            "vllm_xargs",
            SAMPLING,
            evidence="unknown",
            note="which logits processor of the server reads it is not known",
        ),
        **_structured(),
    }


def _constraint(name: str, wire: str, guided: str) -> Rule:
    old = Rule(guided, _GUIDED, accepts=(f"structured_outputs.{wire}",))
    return Rule(
        f"structured_outputs.{wire}",
        f"{_GUIDED}; vLLM pull request 29326",
        before=(("0.12", old),),
        note=f"{guided} itself is accepted and ignored from 0.12 on: {name} is sent where it acts",
    )


def _structured() -> dict[str, Rule]:
    return {
        "response_format": Rule(
            "response_format", CHAT, note="json_object is a grammar of any JSON"
        ),
        "json_schema": _constraint("json_schema", "json", "guided_json"),
        "regex": _constraint("regex", "regex", "guided_regex"),
        "grammar": _constraint("grammar", "grammar", "guided_grammar"),
        "choice": _constraint("choice", "choice", "guided_choice"),
        "structural_tag": Rule("structured_outputs.structural_tag", CHAT, form="json_text"),
    }


def generated() -> dict[str, Rule]:
    """Make the rules that chat and completions have and responses lacks."""
    return {
        "min_tokens": Rule("min_tokens", SAMPLING, range=Range(0), default=0, null="refused"),
        "best_of": Rule(None, f"{READ}: no longer a field", status=SCHEMA),
        "use_beam_search": Rule(
            "use_beam_search",
            f"{CHAT} L715-735",
            default=False,
            null="refused",
            note="n is then the number of beams; on /v1/completions an error together with stream",
        ),
        "length_penalty": Rule("length_penalty", f"{CHAT} L715-735", default=1.0, null="refused"),
        "allowed_token_ids": Rule(
            "allowed_token_ids",
            SAMPLING,
            note="an error for ids outside the vocabulary, and where none fits a constraint",
        ),
        "bad_words": Rule("bad_words", SAMPLING, form="list", null="refused"),
        "thinking_budget": Rule(
            "thinking_token_budget",
            f"{SAMPLING}; vllm 0.32.0 vllm/v1/engine/input_processor.py L203",
            range=Range(-1),
            rewrites=(_NO_LIMIT,),
            note="an error unless the server has --reasoning-parser or --reasoning-config",
        ),
    }


def template(source: str, effort: str) -> dict[str, Rule]:
    """Make the rules of the routes that render a chat template."""
    return {
        "chat_template_kwargs": Rule("chat_template_kwargs", source),
        "thinking": Rule(
            "chat_template_kwargs.enable_thinking",
            source,
            accepts=("chat_template_kwargs.thinking",),
            default_note="the chat template's own",
            note="templates without it ignore it; DeepSeek's and Kimi's read thinking instead",
        ),
        "reasoning_effort": Rule(effort, f"{source} L664-666", values=_EFFORTS),
        "tool_choice": Rule(
            "tool_choice",
            f"{READ}.check_tool_usage",
            default_note="auto where there are tools, else none",
            status=SCHEMA,
        ),
        "parallel_tool_calls": Rule("parallel_tool_calls", source, default=True),
    }


def _filled(levels: tuple[str, ...], *, thinks: bool) -> Interaction:
    return Interaction(
        {"reasoning_effort": levels, "thinking": (ABSENT,)},
        ("thinking",),
        "not-honoured",
        f"reasoning_effort fills enable_thinking in ({CHAT} L664-666)",
        {"thinking": thinks},
    )


def empty(name: str, *values: object) -> Interaction:
    """Refuse what holds nothing."""
    return Interaction(
        {name: values}, (name,), "refused", f"{name} may not be empty ({SAMPLING} _verify_args)"
    )


EFFORT = (_filled(("none",), thinks=False), _filled(_EFFORTS[1:], thinks=True))
_CHECKED_BEAM = ("seed", "stop", "thinking_budget", *CONSTRAINTS)
_UNCHECKED_BEAM = (
    *("top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    *("stop_token_ids", "logit_bias", "min_tokens", "allowed_token_ids", "bad_words"),
)
GENERATED = (
    Interaction(
        {"temperature": Range(0, 0), "n": Range(2), "use_beam_search": (False,)},
        ("n",),
        "refused",
        f"greedy gives one answer only ({SAMPLING} L769-773)",
    ),
    Interaction(
        {"min_tokens": Over("max_tokens")},
        ("min_tokens",),
        "refused",
        f"min_tokens may not exceed max_tokens ({SAMPLING} _verify_args)",
    ),
    *(
        Interaction(
            {"use_beam_search": (True,)},
            names,
            "not-honoured",
            f"a beam search takes n, max_tokens, temperature and length_penalty ({CHAT} L715-735)",
            unchecked=unchecked,
        )
        for names, unchecked in ((_CHECKED_BEAM, False), (_UNCHECKED_BEAM, True))
    ),
    Interaction(
        {"use_beam_search": (False,)},
        ("length_penalty",),
        "not-honoured",
        f"length_penalty acts in a beam search only ({CHAT} L715-735)",
    ),
    empty("stop", "", [""]),
    empty("bad_words", "", [""]),
    empty("allowed_token_ids", []),
)
_BASE = "vllm 0.32.0 vllm/entrypoints/generate/base/protocol.py L181-211"
FORMAT_WINS = (
    Interaction(
        {"response_format": Typed(("json_schema",)), "json_schema": "sent"},
        ("json_schema",),
        "not-honoured",
        f"the schema in response_format takes its place ({_BASE})",
    ),
    Interaction(
        {"response_format": Typed(("json_object", "structural_tag")), "json_schema": "sent"},
        ("json_schema",),
        "refused",
        f"response_format is another constraint, and there may be one ({_BASE})",
    ),
)
NAMED_TOOL = tuple(
    Interaction(
        {"tool_choice": Typed(("function",)), name: "sent"},
        (name,),
        "refused",
        f"a named tool and a constraint exclude each other ({READ}.check_structured_outputs_count)",
    )
    for name in ("json_schema", "regex", "choice")
)
ONE = (("response_format", *CONSTRAINTS[2:]), CONSTRAINTS[1:])
TOP_LOGPROBS = Interaction(
    {"logprobs": (False,), "top_logprobs": Range(1, also=(-1,))},
    ("top_logprobs",),
    "refused",
    f"top_logprobs needs logprobs=true ({READ}.check_logprobs)",
)
BESIDE_TEXT = tuple(
    Interaction(
        {"response_format": Typed(("text",)), name: "sent"},
        (name,),
        "refused",
        f"structured_outputs beside any text.format is an error ({RESPONSE}."
        "extract_structured_outputs)",
    )
    for name in CONSTRAINTS[1:]
)
