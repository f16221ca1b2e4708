"""What a dialect is: how one engine spells, bounds, defaults and treats each parameter, as data.

A dialect holds no code. `resolve` reads it; adding an engine is adding a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evenhand_proxy.decoding.vocabulary import ABSENT, Action, Evidence, Kind


@dataclass(frozen=True, slots=True)
class Range:
    """The values an engine takes; bounds are inclusive unless `open` says otherwise.

    `also` lists single values outside the bounds that have a meaning of their own, such as -1.
    For text lists the bounds count the items.
    """

    minimum: float | None = None
    maximum: float | None = None
    open: Literal["none", "minimum", "maximum", "both"] = "none"
    also: tuple[int, ...] = ()

    def __contains__(self, value: float) -> bool:
        if value in self.also:
            return True
        if self.minimum is not None and (
            value < self.minimum or (value == self.minimum and self.open in ("minimum", "both"))
        ):
            return False
        return self.maximum is None or not (
            value > self.maximum or (value == self.maximum and self.open in ("maximum", "both"))
        )

    def __str__(self) -> str:
        left = "(" if self.minimum is None or self.open in ("minimum", "both") else "["
        right = ")" if self.maximum is None or self.open in ("maximum", "both") else "]"
        low = "-inf" if self.minimum is None else f"{self.minimum:g}"
        high = "inf" if self.maximum is None else f"{self.maximum:g}"
        extra = "".join(f" or {value}" for value in self.also)
        return f"{left}{low}, {high}{right}{extra}"


ANY = Range()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What the engine itself makes of some values after it has accepted them.

    For a value within `when`, the parameter becomes `becomes` (ABSENT: stays as it is; None: has
    no value any more), which is recorded as `action`, and each parameter in `sets` becomes that
    value too, which is not-honoured where the client had sent another.
    """

    when: Range
    reason: str
    becomes: Any = ABSENT
    action: Action = "clamped"
    sets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """A server setting without which the engine accepts the parameter and does nothing with it."""

    flag: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One parameter in one dialect.

    wire: the name on the wire; None if the engine has no such parameter.
    source: where the rule was read (a specification line or an engine's file).
    accepts: further spellings that the engine takes as they are.
    kind: where it differs from the vocabulary's.
    out_of_range: what the engine does with a value outside `range`.
    unsupported: what the engine does with the field when `wire` is None.
    default: the value when the field is omitted; ABSENT where there is none, with `default_note`.
    from_model: the served model's generation_config may replace the default.
    null: what null means on the wire: the default, or an error.
    translate: values that mean the same but are spelled differently here (top_k 0 and -1).
    equivalent: for a parameter without a wire name: value to canonical parameters that mean it.
    needs: a server setting that it has no effect without.
    evidence: how sure it is that a value sent is the value used.
    """

    wire: str | None
    source: str
    accepts: tuple[str, ...] = ()
    kind: Kind | None = None
    range: Range = ANY
    out_of_range: Literal["refused", "clamped"] = "refused"
    unsupported: Literal["refused", "ignored"] = "ignored"
    default: Any = ABSENT
    default_note: str | None = None
    from_model: bool = False
    null: Literal["default", "refused"] = "default"
    translate: Mapping[int, int] = field(default_factory=dict)
    equivalent: Mapping[bool, Mapping[str, Any]] = field(default_factory=dict)
    rewrites: tuple[Rewrite, ...] = ()
    needs: Need | None = None
    evidence: Evidence = "modelled"
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """All rules of one engine on one route.

    `unknown_fields` is what the engine does with a field that it does not know.
    """

    name: str
    title: str
    rules: Mapping[str, Rule]
    unknown_fields: Literal["ignored", "refused"] = "ignored"
