"""The profiles that ship with Evenhand: named sets of decoding parameters, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of canonical decoding parameters; it fills what the client left open."""

    name: str
    parameters: Mapping[str, Any]
    source: str


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "greedy": Profile(
            "greedy",
            {"temperature": 0},
            "the most likely token at each step; the usual setting of published benchmarks",
        ),
        "glm-4-0414": Profile(
            "glm-4-0414",
            {"temperature": 0},
            "GLM-4-0414's published IFEval run: do_sample=False (zai-org/GLM-4 issue 748)",
        ),
        "glm-z1-0414": Profile(
            "glm-z1-0414",
            {"temperature": 0.6, "top_p": 0.95},
            "GLM-Z1-0414's model card and published runs: temperature 0.6, top_p 0.95",
        ),
    }
)
