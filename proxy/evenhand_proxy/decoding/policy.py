"""Policies: rules that default, pin, cap, floor, forbid or require decoding parameters.

Rules speak canonical names and are applied after the client's values and the profiles, before the
dialect: no spelling, no nesting and no route slips past them. Each rule enforces, or only shadows:
then it changes nothing and tells what it would have done. `policy_ways` holds the values and the
other parameters by which a rule could be got round.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.decoding.asked import Draft
from evenhand_proxy.decoding.dialect import Rule
from evenhand_proxy.decoding.policy_ways import (
    ABSENT_MEANS_NO_BOUND,
    Default,
    Request,
    Way,
    no_bound,
    other_ways,
    shown,
)
from evenhand_proxy.decoding.record import PolicyAction, PolicyHit
from evenhand_proxy.decoding.values import is_number
from evenhand_proxy.decoding.vocabulary import ABSENT

POLICY_LAYER: Final = -1
"""The layer of what a rule sets, which wins over the client's (0) and the profiles' (1 and up)."""

DEFAULT_LAYER: Final = 1000
"""The layer of what a `default` rule gives, which loses against everybody's."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule.

    parameter: its canonical name. value: for default, pin, cap and floor. models, keys, tags,
    routes: patterns such as `glm-*`, of which one must fit; empty fits all. A request without a
    key fits no pattern on keys. enforce: change the request; otherwise only tell.
    """

    name: str
    action: PolicyAction
    parameter: str
    value: Any = ABSENT
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    enforce: bool = True
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Give the rule as JSON values; what it has no value or pattern for is left out."""
        given: dict[str, Any] = {
            "name": self.name,
            "action": self.action,
            "parameter": self.parameter,
            "mode": "enforce" if self.enforce else "shadow",
        }
        if self.value is not ABSENT:
            given["value"] = self.value
        if self.reason is not None:
            given["reason"] = self.reason
        for name in ("models", "keys", "tags", "routes"):
            patterns = getattr(self, name)
            if patterns:
                given[name] = list(patterns)
        return given

    def fits(self, model: str, key: str | None, tags: tuple[str, ...], route: str) -> bool:
        """Whether the rule is about a request."""
        return (
            _fits(self.models, (model,))
            and _fits(self.keys, (key,) if key is not None else ())
            and _fits(self.tags, tags)
            and _fits(self.routes, (route,))
        )


def _fits(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules, in the order in which they are applied, and their digest.

    digest: SHA-256 over the rules as JSON, 64 hexadecimal digits: it stands in each record and
    names the version; None where there are no rules.
    """

    rules: tuple[PolicyRule, ...] = ()
    digest: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # Every record needs it, and a slotted class has no cached properties.
        if self.rules:
            text = json.dumps([rule.document() for rule in self.rules], sort_keys=True)
            object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest())

    def matching(
        self, model: str, key: str | None, tags: tuple[str, ...], route: str
    ) -> tuple[PolicyRule, ...]:
        """Give the rules that are about a request; embeddings decode nothing, so none is."""
        if route == "embeddings":
            return ()
        return tuple(rule for rule in self.rules if rule.fits(model, key, tags, route))


def apply(
    rules: Iterable[PolicyRule],
    drafts: dict[str, Draft],
    default: Default,
    dialect: Mapping[str, Rule] | None = None,
    body: Mapping[str, Any] = _NOTHING,
) -> tuple[PolicyHit, ...]:
    """Apply rules to what was asked, from the first to the last, and tell what they did.

    Args:
        rules: those that are about this request.
        drafts: what was asked; changed in place.
        default: gives what a parameter is when nobody sets it, ABSENT where that is not known.
        dialect: the engine's rules on this route: they say which values mean nothing to it. None
            where they are not known.
        body: the request, for fields that only an engine which ignores case would read.

    """
    request = Request(drafts, default, dialect, body)
    hits: list[PolicyHit] = []
    for rule in rules:
        for way in _found(rule, request):
            hit = _hit(rule, way, request)
            hits.append(hit)
            if rule.enforce and way.new is not ABSENT:
                _set(drafts, rule, way, hit.reason)
    return tuple(hits)


def _found(rule: PolicyRule, request: Request) -> Iterator[Way]:
    """Give what a rule does to its own parameter, then to what stands in for it."""
    found = _ACTIONS[rule.action](rule, request)
    if found is not None:
        yield Way(rule.parameter, *found)
    yield from other_ways(rule.action, rule.parameter, rule.value, request)


def _hit(rule: PolicyRule, way: Way, request: Request) -> PolicyHit:
    reason = f"policy {rule.name}: {way.said}" + (f" ({rule.reason})" if rule.reason else "")
    old = way.field[1] if way.field is not None else request.raw(way.parameter)
    return PolicyHit(rule.name, rule.action, way.parameter, rule.enforce, old, way.new, reason)


def _set(drafts: dict[str, Draft], rule: PolicyRule, way: Way, reason: str) -> None:
    draft = drafts.get(way.parameter)
    if draft is None:
        draft = drafts[way.parameter] = Draft(way.parameter)
    bounded = draft.given and rule.action in ("cap", "floor")
    draft.action = "clamped" if bounded else "injected"
    draft.value, draft.source = way.new, "policy"
    draft.layer = DEFAULT_LAYER if rule.action == "default" else POLICY_LAYER
    draft.because(reason)


_Found = tuple[Any, str] | None
"""The new value, ABSENT to refuse, and what the rule does, in words; None where it does nothing."""


def _default(rule: PolicyRule, request: Request) -> _Found:
    if request.asked(rule.parameter) is not ABSENT or request.lacks(rule.parameter):
        return None
    return rule.value, f"gives {rule.parameter} {shown(rule.value)} where nothing is asked"


def _pin(rule: PolicyRule, request: Request) -> _Found:
    if _equal(request.asked(rule.parameter), rule.value):
        return None
    return rule.value, f"pins {rule.parameter} to {shown(rule.value)}"


def _cap(rule: PolicyRule, request: Request) -> _Found:
    name, asked = rule.parameter, request.asked(rule.parameter)
    if asked is ABSENT and request.lacks(name):
        return None
    if asked is not ABSENT and not is_number(asked):
        return ABSENT, f"caps {name} at {rule.value}, and {shown(asked)} is not a number"
    acting = request.acting(name)
    if is_number(acting) and not no_bound(name, acting) and acting <= rule.value:
        return None
    return rule.value, f"caps {name} at {rule.value}"


def _floor(rule: PolicyRule, request: Request) -> _Found:
    name, asked = rule.parameter, request.asked(rule.parameter)
    if asked is ABSENT and request.lacks(name):
        return None
    if asked is not ABSENT and not is_number(asked):
        said = f"demands a {name} of at least {rule.value}"
        return ABSENT, f"{said}, and {shown(asked)} is not a number"
    acting = request.acting(name)
    if not is_number(acting):
        enough = name in ABSENT_MEANS_NO_BOUND
    else:
        enough = no_bound(name, acting) or acting >= rule.value
    return None if enough else (rule.value, f"raises {name} to {rule.value}")


def _forbid(rule: PolicyRule, request: Request) -> _Found:
    return (
        None if request.asked(rule.parameter) is ABSENT else (ABSENT, f"forbids {rule.parameter}")
    )


def _require(rule: PolicyRule, request: Request) -> _Found:
    if request.asked(rule.parameter) is not ABSENT or request.lacks(rule.parameter):
        return None
    return ABSENT, f"requires {rule.parameter}, and nobody gave it"


def _equal(old: Any, new: Any) -> bool:
    """Whether two values say the same: 1 and 1.0 do, 1 and true do not."""
    if is_number(old) and is_number(new):
        return bool(old == new)
    return old is not ABSENT and shown(old, whole=True) == shown(new, whole=True)


_ACTIONS: Mapping[PolicyAction, Callable[[PolicyRule, Request], _Found]] = {
    "default": _default,
    "pin": _pin,
    "cap": _cap,
    "floor": _floor,
    "forbid": _forbid,
    "require": _require,
}
