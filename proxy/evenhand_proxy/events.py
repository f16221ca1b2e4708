"""What happens to a proxy between requests and bears on their answers: engines, policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventKind = Literal[
    "engine_seen",  # the first look at an engine after the start of a proxy
    "engine_changed",  # a later look found other facts: a redeploy, a restart, a new file
    "policy_loaded",  # a policy is in force from now on
    "policy_refused",  # a policy file could not be used; the one before stays in force
]


@dataclass(frozen=True, slots=True)
class Event:
    """One event for the journal.

    `at` is seconds since the Unix epoch. `document` is plain JSON; `model` is the name in the
    config, None for an event that is of no single model.
    """

    at: float
    kind: EventKind
    document: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
