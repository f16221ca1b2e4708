"""What was asked: the client's spellings read, profiles filled in, every greedy understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from evenhand_proxy.decoding.dialect import Dialect, Rule
from evenhand_proxy.decoding.forms import SPELLING_FORMS, Form, read
from evenhand_proxy.decoding.parameters import PARAMETERS
from evenhand_proxy.decoding.profiles import Profile
from evenhand_proxy.decoding.values import FITS
from evenhand_proxy.decoding.vocabulary import ABSENT, Action, Evidence, Source


@dataclass(slots=True)
class Draft:
    """One parameter on its way through the layers; it becomes a `ParameterRecord` in the end.

    layer: 0 for the client, 1 and more for profiles: the smaller number wins.
    rank, form: those of its spelling. unread: nobody understood how the value is written.
    beaten: other spellings of the same parameter in the same body, with their values.
    """

    name: str
    requested: Any = ABSENT
    spelling: str | None = None
    value: Any = ABSENT
    source: Source | None = "client"
    layer: int = 0
    beaten: dict[str, Any] | None = None
    action: Action = "passed"
    reason: str | None = None
    sent: Any = ABSENT
    effective: Any = ABSENT
    evidence: Evidence | None = None
    wire: str | None = None
    rank: int = 0
    form: Form = "plain"
    unread: bool = False

    @property
    def priority(self) -> int:
        """Who wins over whom: the smaller number; the policy over everybody."""
        return -1 if self.source == "policy" else self.layer

    @property
    def given(self) -> bool:
        """Whether somebody gave it a value: neither absent nor null."""
        return self.value is not ABSENT and self.value is not None

    def because(self, reason: str | None) -> None:
        """Add a reason."""
        if reason:
            self.reason = f"{self.reason}; {reason}" if self.reason else reason


@dataclass(frozen=True, slots=True)
class Spelled:
    """What one wire name stands for; a smaller rank wins over others of the same parameter."""

    name: str
    rank: int
    form: Form


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a body: what it stands for itself, and what the keys inside its object do.

    Where several parameters share a name, the first whose form understands the value is meant.
    """

    itself: tuple[Spelled, ...] = ()
    inside: Mapping[str, "Key"] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether what is left of its object, known keys taken out, is a value of its own."""
        return any(
            PARAMETERS[each.name].kind in ("object", "format", "any") for each in self.itself
        )


Inbound = Mapping[str, Key]
"""How a body is read: top-level key to what it stands for."""


def _inbound(spellings: Mapping[str, tuple[Spelled, ...]]) -> Inbound:
    """Make a tree of dotted paths."""
    direct: dict[str, tuple[Spelled, ...]] = {}
    inside: dict[str, dict[str, tuple[Spelled, ...]]] = {}
    for path, spelled in spellings.items():
        key, dot, rest = path.partition(".")
        if dot:
            inside.setdefault(key, {})[rest] = spelled
        else:
            direct[key] = spelled
    keys = dict.fromkeys((*direct, *inside))
    return {key: Key(direct.get(key, ()), _inbound(inside.get(key, {}))) for key in keys}


def joined(first: Inbound, second: Inbound) -> Inbound:
    """Give how a body is read that speaks two ways; the first is asked before the second."""
    none = Key()
    return {
        key: Key(
            first.get(key, none).itself or second.get(key, none).itself,
            joined(first.get(key, none).inside, second.get(key, none).inside),
        )
        for key in dict.fromkeys((*first, *second))
    }


CLIENT: Final = MappingProxyType(
    _inbound(
        {
            path: (Spelled(parameter.name, rank, SPELLING_FORMS.get(path, "plain")),)
            for parameter in PARAMETERS.values()
            for rank, path in enumerate(parameter.spellings)
        }
    )
)
"""How the bodies of clients are read, whatever route they come in by."""


def words_of(dialect: Dialect) -> dict[str, tuple[Spelled, ...]]:
    """Give what each dotted path means in a dialect's own words: wire names, then what it accepts.

    Where several parameters share a path, all of them.
    """
    found: dict[str, tuple[Spelled, ...]] = {}
    for name, rule in dialect.rules.items():
        if rule.wire is not None:
            found[rule.wire] = (*found.get(rule.wire, ()), Spelled(name, 0, rule.form))
    for name, rule in dialect.rules.items():
        for rank, path in enumerate(rule.accepts, 1):
            found.setdefault(path, (Spelled(name, rank, SPELLING_FORMS.get(path, "plain")),))
    return found


def speaking(dialect: Dialect) -> Inbound:
    """Give how a body in a dialect's own words is read."""
    return _inbound(words_of(dialect))


def gather(body: Mapping[str, Any], inbound: Inbound = CLIENT) -> dict[str, Draft]:
    """Give each parameter that the body holds, by canonical name."""
    drafts: dict[str, Draft] = {}
    for key, value in body.items():
        known = inbound.get(key)
        if known is None:
            continue
        if known.inside and isinstance(value, dict):
            _gather_inside(drafts, key, known, value)
        elif known.itself:
            _take(drafts, known.itself, key, value)
    return drafts


def _gather_inside(drafts: dict[str, Draft], path: str, known: Key, value: dict[str, Any]) -> None:
    rest = {}
    for child, item in value.items():
        below = known.inside.get(child)
        if below is None:
            rest[child] = item
        elif below.inside and isinstance(item, dict):
            _gather_inside(drafts, f"{path}.{child}", below, item)
        elif below.itself:
            _take(drafts, below.itself, f"{path}.{child}", item)
    whole = len(rest) == len(value)
    if known.itself and (whole or (rest and known.open)):
        _take(drafts, known.itself, path, value if whole else rest)


def _take(
    drafts: dict[str, Draft], candidates: tuple[Spelled, ...], spelling: str, written: Any
) -> None:
    spelled = candidates[0]
    if spelled.form == "plain" and len(candidates) == 1:
        value = written
    else:
        spelled, value = _understood(candidates, written)
    draft = Draft(spelled.name, written, spelling, value, rank=spelled.rank, form=spelled.form)
    if value is ABSENT:
        draft.value, draft.unread = written, True
    before = drafts.get(spelled.name)
    if before is None:
        drafts[spelled.name] = draft
        return
    wins = (draft.value is not None, -draft.rank) > (before.value is not None, -before.rank)
    winner, loser = (draft, before) if wins else (before, draft)
    winner.beaten = {**(before.beaten or {}), loser.spelling or "": loser.requested}
    drafts[spelled.name] = winner


def _understood(candidates: tuple[Spelled, ...], written: Any) -> tuple[Spelled, Any]:
    """Give which parameter a written value means, and its value; ABSENT if none understands it."""
    found: list[tuple[Spelled, Any]] = []
    for spelled in candidates:
        value = read(spelled.form, written)
        if value is None and written is not None:
            continue
        if value is not ABSENT:
            if FITS[PARAMETERS[spelled.name].kind](value):
                return spelled, value
            found.append((spelled, value))
    return found[0] if found else (candidates[0], ABSENT)


def fill(drafts: dict[str, Draft], profiles: Sequence[Profile]) -> None:
    """Let each profile, the first before the second, give what is left out or null."""
    for layer, profile in enumerate(profiles, 1):
        for name, value in profile.parameters.items():
            draft = drafts.get(name)
            if draft is None:
                draft = drafts[name] = Draft(name)
            if not draft.given:
                draft.value, draft.source, draft.layer = value, "profile", layer
                draft.action = "injected"
                draft.because(f"profile {profile.name}")
            elif draft.value != value:
                draft.because(f"{_owner(draft)} wins over {value} of profile {profile.name}")


def _owner(draft: Draft) -> str:
    return "the client's value" if draft.source == "client" else f"that of its {draft.source}"


def equivalent(rule: Rule | None, value: Any) -> Mapping[str, Any] | None:
    """Give the parameters that say a value in this dialect, None where it is said by itself."""
    if rule is None or not rule.equivalent or not isinstance(value, bool | int | float):
        return None
    for known, meant in rule.equivalent.items():
        if known == value and isinstance(known, bool) == isinstance(value, bool):
            return meant
    return None


def translate_meanings(drafts: dict[str, Draft], rules: Mapping[str, Rule]) -> None:
    """Carry over what the dialect says with other parameters (`do_sample`, greedy by `top_k`)."""
    for name in list(drafts):
        own = drafts[name]
        meant = equivalent(rules.get(name), own.value)
        for other, value in (meant or {}).items():
            draft = drafts.get(other)
            if draft is None:
                draft = drafts[other] = Draft(other, layer=own.layer)
            if draft.given and draft.priority < own.priority:
                own.because(f"{_owner(draft)} of {other} wins over it")
                continue
            if draft.given and draft.value == value and not isinstance(draft.value, bool):
                continue
            draft.value, draft.source, draft.layer = value, own.source, own.layer
            draft.action = "converted"
            draft.because(f"{name}={_shown(own.value)} asks for it, over any other value")


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
