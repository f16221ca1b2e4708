"""What a dialect is: how one engine spells, bounds, defaults and treats each parameter, as data.

A dialect holds no code. `resolve` reads it; adding an engine is adding a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evenhand_proxy.decoding.forms import Form
from evenhand_proxy.decoding.vocabulary import ABSENT, Action, Evidence, Kind


@dataclass(frozen=True, slots=True)
class Range:
    """The values an engine takes; bounds are inclusive unless `open` says otherwise.

    `also` lists single values outside the bounds that have a meaning of their own, such as -1.
    For text lists the bounds count the items, for text the characters.
    """

    minimum: float | None = None
    maximum: float | None = None
    open: Literal["none", "minimum", "maximum", "both"] = "none"
    also: tuple[int, ...] = ()

    def __contains__(self, value: float) -> bool:
        if self.also and value in self.also:
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
class Over:
    """Holds where the value is larger than that of another parameter."""

    other: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Holds where the value is an object of one of these types: {"type": "json_object"}."""

    types: tuple[str, ...]


Test = Range | Over | Typed | tuple[Any, ...] | Literal["sent"]
"""A condition on an effective value: within a range, larger than another parameter's, of a type,
one of the listed values, or `sent`: somebody gave it a value that goes on the wire."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What the engine itself makes of some values after it has accepted them.

    For a value within `when`, the parameter becomes `becomes` (ABSENT: stays as it is; None: has
    no value any more), which is recorded as `action`, and each parameter in `sets` becomes that
    value too, which is not-honoured where the client had sent another. `plus` and `times` compute
    the new value instead: value * times + plus.
    """

    when: Range
    reason: str
    becomes: Any = ABSENT
    action: Action = "clamped"
    sets: Mapping[str, Any] = field(default_factory=dict)
    times: float | None = None
    plus: float = 0.0


@dataclass(frozen=True, slots=True)
class Need:
    """A server setting without which the engine accepts the parameter and does nothing with it."""

    flag: str
    reason: str


@dataclass(frozen=True, slots=True)
class Interaction:
    """What becomes of some parameters where others have certain values.

    Where every condition in `when` holds, each parameter of `on` that was sent is refused by the
    engine, or accepted and not honoured; honoured, it acts as sent. `defaults` are what the
    parameters of `on` default to meanwhile, where they were not sent. `unchecked`: the engine does
    not even look at their ranges, so that what would be an error elsewhere is none here.
    """

    when: Mapping[str, Test]
    on: tuple[str, ...]
    outcome: Literal["refused", "not-honoured", "honoured"]
    reason: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One parameter in one dialect.

    wire: the name on the wire, dotted where it leads into an object; None if the engine has no
        such parameter.
    source: where the rule was read (a specification line or an engine's file).
    accepts: further spellings that the engine takes as they are.
    form: how the value is written there, where it differs from the canonical one.
    kind: where it differs from the vocabulary's.
    values: the only values that it takes, where they can be listed; numbers go by `range` where
        there is one.
    out_of_range: what the engine does with a value outside `range` or `values`.
    unsupported: what the engine does with the field when `wire` is None.
    default: the value when the field is omitted; ABSENT where there is none, with `default_note`.
    from_model: the served model's generation_config may replace the default.
    from_server: the server's own settings may, so that only a server that was asked is known.
    by_model: pairs of a pattern on the model's name and its default; the first that fits wins.
    null: what null means on the wire: the default, or an error.
    translate: values that mean the same but are spelled differently here (top_k 0 and -1).
    equivalent: values that are said with other parameters here: value to these, by canonical name
        (`do_sample` false is temperature 0; empty: nothing needs to be said).
    needs: a server setting that it has no effect without.
    required: the value that is injected where nobody gave one, because the engine demands one.
    evidence: how sure it is that a value sent is the value used; a default is always modelled.
    before: pairs of an engine version and the rule that held below it, oldest first.
    status: how well the row is established where it is not plainly verified.
    """

    wire: str | None
    source: str
    accepts: tuple[str, ...] = ()
    form: Form = "plain"
    kind: Kind | None = None
    range: Range = ANY
    values: tuple[Any, ...] | None = None
    out_of_range: Literal["refused", "clamped", "ignored", "unknown"] = "refused"
    unsupported: Literal["refused", "ignored", "unknown"] = "ignored"
    default: Any = ABSENT
    default_note: str | None = None
    from_model: bool = False
    from_server: bool = False
    by_model: tuple[tuple[str, Any], ...] = ()
    null: Literal["default", "refused"] = "default"
    translate: Mapping[int, int] = field(default_factory=dict)
    equivalent: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)
    rewrites: tuple[Rewrite, ...] = ()
    needs: Need | None = None
    required: Any = ABSENT
    evidence: Evidence = "modelled"
    note: str | None = None
    before: tuple[tuple[str, "Rule"], ...] = ()
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """All rules of one engine on one route.

    engine: what to call it in sentences (`vLLM`).
    unknown_fields: what the engine does with a field that it does not know, and so with every
        canonical parameter that has no rule here.
    exclusive: groups of parameters of which the engine takes at most one.
    """

    name: str
    title: str
    engine: str
    rules: Mapping[str, Rule]
    unknown_fields: Literal["ignored", "refused", "unknown"] = "ignored"
    interactions: tuple[Interaction, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
