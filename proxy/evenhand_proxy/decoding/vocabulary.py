"""The canonical decoding parameters: one name, one meaning, one unit each.

Everything else in this package speaks these names. How an engine spells, bounds or defaults a
parameter is its dialect's business (see `dialect`), not the vocabulary's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["number", "integer", "boolean", "strings", "map"]
Mode = Literal["report", "strict", "pin"]
Source = Literal["client", "profile", "policy", "model", "engine", "engine-rewrite"]
Evidence = Literal["attested", "modelled", "unknown"]
Action = Literal[
    "passed",
    "renamed",
    "converted",
    "clamped",
    "dropped",
    "injected",
    "defaulted",
    "refused",
    "not-honoured",
]


class Absent(Enum):
    """The one value that stands for "not there", so that null, 0 and false stay themselves."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Parameter:
    """One decoding parameter.

    `spellings` are the wire names under which clients of any dialect may send it, the one that
    wins first: where a body holds several, engines take the first (SGLang and vLLM prefer
    `max_completion_tokens` to `max_tokens`).
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    spellings: tuple[str, ...]


def _parameter(
    name: str, kind: Kind, unit: str, meaning: str, *spellings: str
) -> tuple[str, Parameter]:
    return name, Parameter(name, kind, unit, meaning, spellings or (name,))


PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(
    dict(
        (
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
                "seed",
                "random_seed",
            ),
            _parameter(
                "max_tokens",
                "integer",
                "tokens",
                "Upper bound on the tokens that are generated.",
                "max_completion_tokens",
                "max_tokens",
                "max_output_tokens",
                "max_new_tokens",
                "n_predict",
                "num_predict",
            ),
            _parameter(
                "stop",
                "strings",
                "text",
                "Strings that end the answer where they first occur.",
                "stop",
                "stop_sequences",
            ),
            _parameter(
                "n", "integer", "answers", "How many answers to one request.", "n", "n_cmpl"
            ),
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
                "repetition_penalty",
                "repeat_penalty",
            ),
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
            ),
            _parameter(
                "logit_bias",
                "map",
                "token id to logit offset",
                "Add an offset to the logits of single tokens.",
            ),
        )
    )
)

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        spelling: parameter.name
        for parameter in PARAMETERS.values()
        for spelling in (*parameter.spellings, parameter.name)
    }
)
"""Every wire name that a client may use, and the canonical name it stands for."""
