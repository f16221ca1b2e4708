"""The canonical decoding parameters: one name, one meaning, one unit each.

They are those that occur in the 28 dialects. Fields that carry no decoding are left out on
purpose: who asks (`user`, `user_id`, `request_id`), what is kept (`store`), how it is delivered
(`stream`, `tool_stream`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evenhand_proxy.decoding.vocabulary import Kind, Parameter


def _parameter(
    name: str, kind: Kind, unit: str, meaning: str, *others: str, first: str | None = None
) -> Parameter:
    """Make a parameter; `first` is a spelling that wins over its own name."""
    spellings = (first, name, *others) if first else (name, *others)
    return Parameter(name, kind, unit, meaning, spellings)


_DISTRIBUTION = (
    _parameter(
        "temperature",
        "number",
        "divisor of the logits",
        "Spread of the distribution that the next token is drawn from; 0 is greedy.",
    ),
    _parameter(
        "top_p",
        "number",
        "probability mass, 0 to 1",
        "Keep the smallest set of tokens that holds this mass (nucleus sampling).",
    ),
    _parameter(
        "top_k",
        "integer",
        "tokens",
        "Keep the k most likely tokens; 0 and -1 keep all, 1 is greedy.",
    ),
    _parameter(
        "min_p",
        "number",
        "share of the top probability, 0 to 1",
        "Keep tokens at least this likely relative to the most likely one.",
    ),
    _parameter(
        "typical_p",
        "number",
        "probability mass, 0 to 1",
        "Keep the tokens whose surprise is nearest to the expected one (locally typical sampling).",
        "typ_p",
    ),
    _parameter(
        "top_n_sigma",
        "number",
        "standard deviations of the logits",
        "Keep tokens whose logit lies within this many deviations of the largest; -1 keeps all.",
    ),
    _parameter(
        "epsilon_cutoff", "number", "probability", "Keep tokens at least this likely; 0 keeps all."
    ),
    _parameter(
        "eta_cutoff",
        "number",
        "probability",
        "Keep tokens above a bound that follows the entropy (eta sampling); 0 keeps all.",
    ),
    _parameter(
        "xtc_probability",
        "number",
        "probability, 0 to 1",
        "How often the likeliest tokens are left out on purpose (XTC); 0 never.",
    ),
    _parameter(
        "mirostat",
        "integer",
        "version, 0 to 2",
        "Hold the surprise of the text steady instead of truncating; 0 is off.",
    ),
    _parameter("samplers", "any", "names", "Which samplers run, and in which order."),
    _parameter(
        "do_sample",
        "boolean",
        "switch",
        "Draw at random (true) or take the most likely token (false, greedy).",
    ),
    _parameter(
        "seed",
        "integer",
        "64-bit integer",
        "Start of the random draw: the same seed asks for the same text.",
        "random_seed",
        "sampling_seed",
    ),
)

_ANSWERS = (
    _parameter(
        "n",
        "integer",
        "answers",
        "How many answers to one request.",
        "n_cmpl",
        "num_return_sequences",
    ),
    _parameter(
        "best_of", "integer", "answers", "How many answers are drawn, of which the likeliest come."
    ),
    _parameter(
        "beam_width",
        "integer",
        "beams",
        "How many partial answers a beam search keeps; 1 is no beam search.",
        "num_beams",
    ),
    _parameter(
        "use_beam_search", "boolean", "switch", "Search for likely answers instead of drawing one."
    ),
    _parameter(
        "length_penalty",
        "number",
        "exponent of the length",
        "How a beam search weighs long answers; 1 is neutral.",
    ),
)

_LENGTH = (
    _parameter(
        "max_tokens",
        "integer",
        "tokens",
        "Upper bound on the tokens that are generated.",
        "max_output_tokens",
        "max_new_tokens",
        "n_predict",
        "num_predict",
        first="max_completion_tokens",
    ),
    _parameter(
        "min_tokens",
        "integer",
        "tokens",
        "No end token before this many tokens.",
        "min_new_tokens",
    ),
    _parameter(
        "max_length", "integer", "tokens", "Upper bound on prompt and generated tokens together."
    ),
    _parameter("num_ctx", "integer", "tokens", "Size of the context that the model is run with."),
    _parameter(
        "stop",
        "strings",
        "text",
        "Strings that end the answer where they first occur.",
        "stop_sequences",
        "stop_strings",
    ),
    _parameter("stop_token_ids", "integers", "token ids", "Tokens that end the answer."),
    _parameter(
        "stop_regex", "strings", "regular expressions", "Patterns that end the answer where found."
    ),
    _parameter("ignore_eos", "boolean", "switch", "Go on past the model's own end token (true)."),
)

_PENALTIES = (
    _parameter(
        "presence_penalty",
        "number",
        "subtracted from logits",
        "Flat penalty on tokens that occurred already (additive).",
    ),
    _parameter(
        "frequency_penalty",
        "number",
        "subtracted from logits for each occurrence",
        "Penalty on tokens that grows with how often they occurred (additive).",
    ),
    _parameter(
        "repetition_penalty",
        "number",
        "divisor of logits",
        "Penalty on tokens that occurred already (multiplicative); 1 is none.",
        "repeat_penalty",
    ),
    _parameter(
        "repeat_last_n",
        "integer",
        "tokens",
        "How far back the penalties look; 0 is off.",
    ),
    _parameter(
        "no_repeat_ngram_size",
        "integer",
        "tokens",
        "No run of this many tokens occurs twice; 0 is off.",
    ),
    _parameter(
        "dry_multiplier",
        "number",
        "subtracted from logits",
        "Penalty on tokens that would continue a repetition (DRY); 0 is off.",
    ),
    _parameter(
        "logit_bias", "map", "token id to logit offset", "Add an offset to the logits of tokens."
    ),
    _parameter(
        "allowed_token_ids", "integers", "token ids", "The only tokens that may be generated."
    ),
    _parameter("bad_words", "strings", "text", "Words that may not be generated."),
)

_SHAPE = (
    _parameter(
        "response_format",
        "format",
        "OpenAI's object: text, json_object or json_schema",
        "The form that the answer must have.",
        "text.format",
    ),
    _parameter(
        "json_schema",
        "object",
        "JSON Schema",
        "A schema that the answer must satisfy.",
        "structured_outputs.json",
        "guided_json",
        "output_config.format",
    ),
    _parameter(
        "regex",
        "text",
        "regular expression",
        "A pattern that the whole answer must match.",
        "structured_outputs.regex",
        "guided_regex",
    ),
    _parameter(
        "grammar",
        "text",
        "EBNF, in the engine's own notation",
        "A grammar that the whole answer must follow.",
        "ebnf",
        "structured_outputs.grammar",
        "guided_grammar",
    ),
    _parameter(
        "choice",
        "strings",
        "text",
        "The answers of which the model must give one.",
        "structured_outputs.choice",
        "guided_choice",
    ),
    _parameter(
        "structural_tag",
        "any",
        "the engine's own object",
        "Constraints that begin at given tags.",
        "structured_outputs.structural_tag",
    ),
)

_THINKING = (
    _parameter(
        "reasoning_effort",
        "any",
        "level",
        "How much a reasoning model thinks before it answers.",
        "reasoning.effort",
        "output_config.effort",
    ),
    _parameter(
        "thinking",
        "boolean",
        "switch",
        "Think before the answer (true) or answer at once (false).",
        "thinking.type",
        "enable_thinking",
        "chat_template_kwargs.enable_thinking",
        "chat_template_kwargs.thinking",
        "think",
    ),
    _parameter(
        "thinking_budget",
        "integer",
        "tokens",
        "Upper bound on the tokens that are spent on thinking; -1 is none.",
        "thinking_token_budget",
        "thinking_budget_tokens",
        "reasoning_budget_tokens",
        "thinking.budget_tokens",
    ),
    _parameter(
        "separate_reasoning",
        "boolean",
        "switch",
        "Deliver the thinking apart from the answer (true) or within it.",
    ),
    _parameter(
        "chat_template_kwargs",
        "object",
        "names and values",
        "Variables for the model's chat template.",
    ),
    _parameter(
        "continue_final_message",
        "boolean",
        "switch",
        "Continue the last message instead of answering it.",
    ),
    _parameter(
        "safe_prompt", "boolean", "switch", "Put the provider's safety prompt before the messages."
    ),
)

_DELIVERY = (
    _parameter(
        "logprobs",
        "boolean",
        "switch; a count on the completions route",
        "Return the log probabilities of the generated tokens.",
    ),
    _parameter(
        "top_logprobs",
        "integer",
        "tokens",
        "Return this many of the likeliest alternatives at each position.",
        "top_n_tokens",
    ),
    _parameter("skip_special_tokens", "boolean", "switch", "Leave special tokens out of the text."),
    _parameter(
        "tool_choice", "any", "auto, none, required or one tool", "Whether tools must be called."
    ),
    _parameter(
        "parallel_tool_calls", "boolean", "switch", "Several tool calls may come in one answer."
    ),
    _parameter(
        "verbosity",
        "text",
        "low, medium or high",
        "How long an answer should be.",
        "text.verbosity",
    ),
    _parameter(
        "custom_params",
        "object",
        "names and values",
        "Arguments of the server's own logits processors.",
        "vllm_xargs",
    ),
)

PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        parameter.name: parameter
        for group in (_DISTRIBUTION, _ANSWERS, _LENGTH, _PENALTIES, _SHAPE, _THINKING, _DELIVERY)
        for parameter in group
    }
)
"""Every canonical parameter by name, in the order in which records list them."""

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: parameter.name
        for parameter in PARAMETERS.values()
        for spelling in parameter.spellings
    }
)
"""Every wire name that a client may use, dotted into objects, and the parameter it stands for."""

ORDER: Final[Mapping[str, int]] = MappingProxyType(
    {name: index for index, name in enumerate(PARAMETERS)}
)
"""Where each parameter stands in a record."""
