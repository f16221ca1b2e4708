"""The profiles that ship with Evenhand: named sets of decoding parameters, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.decoding.profiles_evaluations import EVALUATIONS
from evenhand_proxy.decoding.profiles_models import MODELS


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of canonical decoding parameters; it fills what the client left open."""

    name: str
    parameters: Mapping[str, Any]
    source: str


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        name: Profile(name, parameters, source)
        for name, parameters, source in (*MODELS, *EVALUATIONS)
    }
)
"""Every profile by its name: what models recommend, then what evaluations use."""
