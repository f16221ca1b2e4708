"""What several of SGLang's routes share, as read in 0.5.23 and, where it says so, in 0.5.20."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from evenhand_proxy.decoding.dialect import (
    Interaction,
    Need,
    Over,
    Range,
    Rewrite,
    Rule,
    Test,
    Typed,
)
from evenhand_proxy.decoding.vocabulary import ABSENT

Null = Literal["default", "refused"]
"""What null is to a field: its default, or an error."""

PROTOCOL = "sglang 0.5.23 srt/entrypoints/openai/protocol.py"
CHAT = f"{PROTOCOL} L909-1290"
COMPLETION = f"{PROTOCOL} L365-455; serving_completions.py L148-"
RESPONSE = f"{PROTOCOL} L1952-"
SAMPLING = "sglang 0.5.23 srt/sampling/sampling_params.py"
READ = "sglang 0.5.20 srt/entrypoints/openai/protocol.py"
SCHEMA = "from the engine's schema"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CONSTRAINTS = ("response_format", "json_schema", "regex", "grammar", "structural_tag")
_GREEDY = Rewrite(
    when=Range(0, 1e-6, open="maximum"),
    becomes=1.0,
    action="converted",
    sets={"top_k": 1},
    reason=f"a temperature below 1e-6 becomes temperature 1.0 with top_k 1, which is greedy "
    f"({SAMPLING} __post_init__)",
)
SEED = Need(
    "deterministic",
    "the sampler sees the seed only under --enable-deterministic-inference "
    "(sglang 0.5.23 srt/sampling/sampling_batch_info.py)",
)
SEED_NOTE = (
    "deterministic mode uses 42 where no seed is sent, and -1 as a seed like any other; "
    "the n answers of one request share it"
)
_PROCESSOR = Need(
    "custom_logit_processor",
    "only a custom_logit_processor reads it, which the server takes under "
    "--enable-custom-logit-processor",
)
REASONING = Need(
    "reasoning_parser", "without --reasoning-parser the thinking is not told from the answer"
)
_DO_SAMPLE = Rule(
    None,
    "sglang 0.5.23 srt/configs/model_config.py L2227-2234: neither the request's nor the "
    "checkpoint's do_sample is read",
    equivalent={False: {"temperature": 0}, True: {}},
)
_BUDGET = Rule(
    None,
    "sglang 0.5.20 srt/sampling/custom_logit_processor.py ThinkingBudgetLogitProcessor",
    note="a budget acts as custom_params.thinking_budget, together with a custom_logit_processor "
    "for the model's family in the same request",
)


def from_model(rule: Rule, older: float | None = None) -> Rule:
    """Let generation_config.json replace the default, which 0.5.4 began with."""
    before = replace(rule, default=rule.default if older is None else older)
    return replace(rule, from_model=True, before=(("0.5.4", before),))


def penalty(rule: Rule, *, from_model: bool) -> Rule:
    """Let releases up to 0.5.9 take 0; which later one ended that is not known."""
    loose = replace(rule, range=Range(0, 2))
    if not from_model:
        return replace(rule, before=(("0.5.10", loose),))
    known = replace(loose, from_model=True)
    return replace(rule, from_model=True, before=(("0.5.4", loose), ("0.5.10", known)))


def distribution(source: str, at: str = "", *, null: Null = "default") -> dict[str, Rule]:
    """Make the rules that every route has; null: what null is to these fields."""
    return {
        "temperature": Rule(
            f"{at}temperature",
            f"{source}; {SAMPLING} L157, L245-248",
            range=Range(0),
            default=1.0,
            rewrites=(_GREEDY,),
            null=null,
        ),
        "top_p": Rule(f"{at}top_p", source, range=Range(0, 1, "minimum"), default=1.0, null=null),
        "top_k": Rule(
            f"{at}top_k",
            f"{source}; {SAMPLING} L249, L264-267",
            range=Range(1, also=(-1,)),
            default=-1,
            translate={0: -1},
            null=null,
            note="0 is an error, -1 keeps all",
        ),
        "min_p": Rule(
            f"{at}min_p",
            source,
            range=Range(0, 1),
            default=0.0,
            null=null,
            note="in deterministic mode a value other than 0 fails an assertion",
        ),
        "repetition_penalty": Rule(
            f"{at}repetition_penalty",
            f"{source}; sglang 0.5.23 srt/sampling/penaltylib/repetition_penalty.py",
            range=Range(0, 2, "minimum"),
            default=1.0,
            null=null,
            note="over generated tokens only",
        ),
        "stop": Rule(f"{at}stop", source, range=Range(0, 32), note="cut off the text"),
        "do_sample": _DO_SAMPLE,
    }


def additive(source: str, at: str = "", *, null: Null = "refused") -> dict[str, Rule]:
    """Make the rules of the two additive penalties."""
    bounds = Range(-2, 2)
    return {
        name: Rule(
            f"{at}{name}", source, range=bounds, default=0.0, null=null, note="over the answer only"
        )
        for name in ("presence_penalty", "frequency_penalty")
    }


def _constraint(wire: str, source: str) -> Rule:
    return Rule(
        wire,
        f"{source}; {SAMPLING} L237-241, L320-329",
        range=Range(1),
        out_of_range="ignored",
        note="an empty one counts as unset",
    )


def more(source: str, at: str = "", *, null: Null = "refused") -> dict[str, Rule]:
    """Make the rules that every route but /v1/responses has."""
    return {
        **additive(source, at, null=null),
        "n": Rule(
            f"{at}n",
            f"{source}; {SAMPLING} L165; below 1 as seen on 0.5.20",
            range=Range(1),
            out_of_range="unknown",
            default=1,
            null=null,
            note="greedy with n above 1 gives n equal answers; below 1 nothing checks it: one "
            "answer comes, but an error for 0 on the OpenAI routes without stream",
        ),
        "stop_token_ids": Rule(f"{at}stop_token_ids", source),
        "stop_regex": Rule(
            f"{at}stop_regex", source, range=Range(0, 32), note="an error above 256 bytes each"
        ),
        "ignore_eos": Rule(f"{at}ignore_eos", source, default=False, null=null),
        "skip_special_tokens": Rule(
            f"{at}skip_special_tokens",
            source,
            default=True,
            null=null,
            note="the chat route makes it false where there are tools",
        ),
        "logit_bias": Rule(
            f"{at}logit_bias",
            f"{source}; {SAMPLING} L291-300",
            note="values are not clamped to +-100; an error for ids outside the vocabulary",
        ),
        "regex": _constraint(f"{at}regex", source),
        "grammar": _constraint(f"{at}ebnf", source),
        "custom_params": Rule(f"{at}custom_params", source, needs=_PROCESSOR),
        "thinking_budget": _BUDGET,
    }


def formats(source: str) -> dict[str, Rule]:
    """Make the rules of what is said through response_format."""
    return {
        "response_format": Rule(
            "response_format", source, note="json_object is the schema {type: object}"
        ),
        "structural_tag": Rule(
            "response_format",
            f"{READ} StructuralTagResponseFormat",
            form="tag_format",
            status=SCHEMA,
        ),
    }


def thinking(source: str) -> dict[str, Rule]:
    """Make the rules of the routes that render a chat template."""
    return {
        "chat_template_kwargs": Rule("chat_template_kwargs", source, status=SCHEMA),
        "thinking": Rule(
            "chat_template_kwargs.enable_thinking",
            source,
            accepts=("chat_template_kwargs.thinking",),
            default_note="the chat template's own (on for GLM-4.5 and newer, Qwen3)",
            note="templates without it ignore it; DeepSeek's and Kimi's read thinking instead",
        ),
        "tool_choice": Rule(
            "tool_choice",
            f"{READ} set_tool_choice_default",
            default_note="auto where there are tools, else none",
            status=SCHEMA,
        ),
    }


def filled(levels: tuple[str, ...] | Range, thinks: bool) -> Interaction:
    """Make the thinking that follows from the effort where the client does not say it."""
    return Interaction(
        {"reasoning_effort": levels, "thinking": (ABSENT,)},
        ("thinking",),
        "not-honoured",
        f"reasoning_effort fills thinking and enable_thinking in ({PROTOCOL} L1096-1152)",
        {"thinking": thinks},
    )


NO_EFFORT = filled(("none",), thinks=False)
SHARED = (
    Interaction(
        {"min_tokens": Over("max_tokens")},
        ("min_tokens",),
        "refused",
        f"min_tokens may not exceed max_tokens ({SAMPLING} verify)",
    ),
)
LOGPROBS = Interaction(
    {"logprobs": (False,), "top_logprobs": Range(1)},
    ("top_logprobs",),
    "not-honoured",
    "alternatives come with logprobs=true only (sglang 0.5.20 serving_chat.py L1161)",
)


def forced_tools(*names: str) -> tuple[Interaction, ...]:
    """Refuse constraints beside a forced tool call; a `response_format` of text is none."""
    kinds: tuple[Test, Test] = (("required",), Typed(("function",)))
    forms = Typed(("json_object", "json_schema", "structural_tag"))
    return tuple(
        Interaction(
            {"tool_choice": forced, name: forms if name == "response_format" else "sent"},
            (name,),
            "refused",
            f"a forced tool call and a constraint cannot both hold ({READ} to_sampling_params)",
        )
        for forced in kinds
        for name in names
    )


TOOLS = forced_tools(*CONSTRAINTS)
_BEAMS = "sglang 0.5.20 srt/beam_search/coordinator.py validate_and_init"
_NO_BEAM: Mapping[str, Test] = {
    "stop": "sent",
    "stop_regex": "sent",
    "min_tokens": Range(1),
    "logprobs": (True,),
    "json_schema": "sent",
    "regex": "sent",
    "grammar": "sent",
    "structural_tag": "sent",
}
BEAMS = (
    *(
        Interaction(
            {"beam_width": Range(2), name: test},
            (name,),
            "refused",
            f"a beam search goes without {name} ({_BEAMS})",
        )
        for name, test in _NO_BEAM.items()
    ),
    Interaction(
        {"beam_width": Range(2), "n": Over("beam_width")},
        ("n",),
        "refused",
        f"a beam search gives as many answers as it has beams at most ({_BEAMS})",
    ),
    Interaction(
        {"beam_width": Range(2)},
        (
            *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias", "custom_params"),
            *("repetition_penalty", "presence_penalty", "frequency_penalty"),
        ),
        "not-honoured",
        "a beam search ranks by the model's own probabilities "
        "(sglang 0.5.20 srt/beam_search/fork.py neutral_member_sampling_params)",
    ),
)
