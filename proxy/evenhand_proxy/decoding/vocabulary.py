"""The words of this package: parameters have names, kinds and spellings; records have actions.

Everything else in this package speaks these names. How an engine spells, bounds or defaults a
parameter is its dialect's business (see `dialect`); the parameters themselves stand in
`parameters`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Kind = Literal[
    "number", "integer", "boolean", "text", "strings", "integers", "map", "object", "format", "any"
]
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

    `spellings` are the wire names under which clients may send it, the one that wins first: where
    a body holds several, engines take the first (SGLang and vLLM prefer `max_completion_tokens`
    to `max_tokens`). A dot leads into an object: `reasoning.effort`.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    spellings: tuple[str, ...]
