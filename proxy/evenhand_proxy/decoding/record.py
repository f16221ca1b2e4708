"""The decoding record: for each parameter what was asked, sent and used, and why they differ."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evenhand_proxy.decoding.vocabulary import ABSENT, Action, Evidence, Mode, Source

PolicyAction = Literal["default", "pin", "cap", "floor", "forbid", "require"]

CHANGING: frozenset[Action] = frozenset(
    ("renamed", "converted", "clamped", "dropped", "injected", "refused", "not-honoured")
)
"""Actions that make what was used differ from what was asked."""

HEADER_LIMIT = 4000
"""Bytes of `evenhand-changes`; common servers refuse a header block of more than 8 KiB."""


@dataclass(frozen=True, slots=True)
class ParameterRecord:
    """One parameter of one upstream attempt; ABSENT where there is nothing to say."""

    name: str
    action: Action
    requested: Any = ABSENT
    resolved: Any = ABSENT
    sent: Any = ABSENT
    effective: Any = ABSENT
    source: Source | None = None
    evidence: Evidence | None = None
    reason: str | None = None

    @property
    def uncertain(self) -> bool:
        """Whether a value was sent whose effect nobody knows."""
        return self.sent not in (ABSENT, None) and self.effective is ABSENT

    def document(self) -> dict[str, Any]:
        """Give the record as JSON values; a key is left out where the value is absent."""
        fields = {
            "requested": self.requested,
            "resolved": self.resolved,
            "sent": self.sent,
            "effective": self.effective,
            "source": self.source or ABSENT,
            "action": self.action,
            "evidence": self.evidence or ABSENT,
            "reason": self.reason or ABSENT,
        }
        return {key: value for key, value in fields.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class Violation:
    """A parameter that cannot be honoured as asked, in the words of a strict-mode error."""

    parameter: str
    value: Any
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.value!r} cannot be honoured: {self.reason}. {self.fix}"


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which what was used differs from what was asked."""

    parameter: str
    action: Action
    old: Any
    new: Any
    reason: str

    def document(self) -> dict[str, Any]:
        """Give the change as JSON values; `old` or `new` is left out where it is absent."""
        fields = {
            "parameter": self.parameter,
            "action": self.action,
            "old": self.old,
            "new": self.new,
            "reason": self.reason,
        }
        return {key: value for key, value in fields.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class PolicyHit:
    """What one rule did to one request, or would have done.

    old is the value before, ABSENT if there was none; new the value after, ABSENT where the
    request is refused.
    """

    rule: str
    action: PolicyAction
    parameter: str
    enforced: bool
    old: Any
    new: Any
    reason: str

    @property
    def refuses(self) -> bool:
        """Whether the request may not be made."""
        return self.enforced and self.new is ABSENT

    def document(self) -> dict[str, Any]:
        """Give the hit as JSON values."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in fields.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class DecodingRecord:
    """The whole record of one upstream attempt.

    profiles: those that filled it, by name. policy: the digest of the policy that was in force.
    """

    model: str
    engine: str
    engine_identity: Mapping[str, Any]
    mode: Mode
    fingerprint: str
    parameters: tuple[ParameterRecord, ...]
    profiles: tuple[str, ...] = ()
    policy: str | None = None
    policy_hits: tuple[PolicyHit, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every parameter that may not act as asked, in the vocabulary's order.

        Its action changed something, or it was sent and what the engine makes of it is not known.
        """
        return tuple(
            _change(record)
            for record in self.parameters
            if record.action in CHANGING or record.uncertain
        )

    def document(self) -> dict[str, Any]:
        """Give the JSON document that `POST /v1/decoding/explain` answers with."""
        about: dict[str, Any] = {
            "model": self.model,
            "engine": self.engine,
            "engine_identity": dict(self.engine_identity),
            "fingerprint": self.fingerprint,
            "mode": self.mode,
        }
        if self.profiles:
            about["profiles"] = list(self.profiles)
        if self.policy is not None:
            hits = [hit.document() for hit in self.policy_hits]
            about["policy"] = {"digest": self.policy, "hits": hits}
        return {
            **about,
            "parameters": {record.name: record.document() for record in self.parameters},
            "changes": [change.document() for change in self.changes],
        }

    def changes_header(self) -> str:
        """Give the value of `evenhand-changes`: a JSON array in ASCII, at most 4,000 bytes.

        Changes that do not fit are counted in a last element `{"more": N}`.
        """
        return _bounded([change.document() for change in self.changes])


def _change(record: ParameterRecord) -> Change:
    """Give what a value became: the effective one, or what was sent in place of what was asked."""
    sent_as_asked = record.action in ("clamped", "not-honoured", "passed")
    new = record.effective if record.effective is not ABSENT or sent_as_asked else record.sent
    reason = record.reason or record.action
    return Change(record.name, record.action, record.requested, new, reason)


def _ascii(items: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps(list(items), separators=(",", ":"))


def _bounded(changes: list[dict[str, Any]]) -> str:
    text = _ascii(changes)
    kept = len(changes)
    while len(text) > HEADER_LIMIT:
        kept -= 1
        text = _ascii([*changes[:kept], {"more": len(changes) - kept}])
    return text
