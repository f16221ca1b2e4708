"""The record of a request that another program wrote on the wire in our place.

We hand a translator such as litellm what was asked, and read back what it made of it. Its silent
drops, renames and additions become facts of the record.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evenhand_proxy.decoding.asked import CLIENT, Draft, Inbound, gather, joined
from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.fingerprint import canonical
from evenhand_proxy.decoding.forms import read
from evenhand_proxy.decoding.parameters import ORDER, SPELLINGS
from evenhand_proxy.decoding.policy import PolicyRule
from evenhand_proxy.decoding.record import ParameterRecord, Violation
from evenhand_proxy.decoding.refusals import unsent
from evenhand_proxy.decoding.resolve import Resolution, Resolver
from evenhand_proxy.decoding.speech import speaks, speech_of
from evenhand_proxy.decoding.vocabulary import ABSENT, Action

_RELATED: Final = (
    frozenset(("thinking", "thinking_budget", "reasoning_effort")),
    frozenset(("response_format", "json_schema", "tool_choice")),
    frozenset(("frequency_penalty", "presence_penalty", "repetition_penalty")),
)
"""Parameters of which translators write one for another."""

_SCHEMA: Final = frozenset(("response_format", "json_schema"))
"""One of them is written for the other even where it is written itself."""

_IN_WORDS: Final = frozenset(("response_format", "json_schema", "tool_choice"))
"""What translators put into the messages where a provider has no field for it."""

_BOUNDING: Final = frozenset(("pin", "cap", "floor", "forbid"))
"""Actions of rules that also hold for what a translator writes."""

_ASKED_FOR: Final = frozenset(("client", "profile", "policy"))


@dataclass(frozen=True, slots=True)
class Written:
    """What a translator made of a request.

    asked: the body as it came from the client; document: the one that the translator wrote.
    retold: whether its messages are others than those it was given, where that can be told.
    """

    asked: Mapping[str, Any]
    document: Any
    retold: bool = False


class Readback:
    """Reads what a translator wrote for one model of a provider.

    Args:
        dialect: what the provider speaks.
        model: the name under which the provider serves the model.
        facts: what is known of the provider.
        route: the provider's route.
        by: the translator's name, for the reasons.

    """

    def __init__(
        self, dialect: Dialect, *, model: str, facts: EngineFacts, route: str, by: str
    ) -> None:
        self._speech = speech_of(dialect)
        self._resolver = Resolver(
            dialect, model=model, facts=facts, route=route, inbound=self._speech
        )
        self._asking = joined(CLIENT, self._speech)
        self._title = dialect.title
        self._engine = dialect.engine
        self._by = by

    def read(
        self, planned: Resolution, written: Written, rules: tuple[PolicyRule, ...] = ()
    ) -> Resolution:
        """Give the resolution of what was asked, with what stands on the wire as `sent`.

        `planned` is the resolution of what was asked, `rules` those of the policy that it was put
        to: where the translator writes what they do not allow, the request is refused. Never raises
        on any JSON.
        """
        body = written.document if isinstance(written.document, Mapping) else {}
        found = self._resolver.resolve(body)
        wrote = {each.name: each for each in found.record.parameters}
        violations = [*planned.violations, *found.violations]
        places = _places(body, self._speech)
        for name, stray in gather(body).items():
            path = stray.spelling or name
            if name not in places and not speaks(self._speech, path):
                reason = f"{self._title} has no {path}"
                violations.append(Violation(name, stray.value, reason, f"Leave {name} out."))
                wrote[name], places[name] = _stray(stray, self._title), path
        joint = _Joint(
            {record.name: record for record in planned.record.parameters if _given(record)},
            wrote,
            _places(written.asked, self._asking),
            places,
            self._by,
            self._engine,
            written.retold,
            violations,
        )
        names = sorted(joint.asked.keys() | wrote.keys(), key=_order)
        against = tuple(self._against(rules, body, planned))
        parameters = tuple(joint.record(name) for name in names)
        refused = {each.parameter: each.reason for each in against}
        if planned.record.mode == "strict":
            refused = {each.parameter: str(each) for each in _once(joint.violations)} | refused
        if refused:
            parameters = unsent(parameters, refused)
        record = replace(
            found.record,
            mode=planned.record.mode,
            parameters=parameters,
            profiles=planned.record.profiles,
            policy=planned.record.policy,
            policy_hits=planned.record.policy_hits,
        )
        refusals = (*planned.refusals, *against)
        return replace(
            planned, record=record, violations=_once(joint.violations), refusals=refusals
        )

    def _against(
        self, rules: tuple[PolicyRule, ...], body: Mapping[str, Any], planned: Resolution
    ) -> Iterator[Violation]:
        """Say where what was written goes against a rule that held for what was asked."""
        if not any(rule.enforce and rule.action in _BOUNDING for rule in rules):
            return
        sent = {each.name for each in planned.record.parameters if each.sent is not ABSENT}
        for hit in self._resolver.resolve(body, rules=rules).record.policy_hits:
            stands = hit.old is not ABSENT and hit.old is not None
            lost = hit.action in ("cap", "floor") and hit.parameter in sent
            if hit.enforced and hit.action in _BOUNDING and (stands or lost):
                what = f"wrote {_shown(hit.old)}" if stands else "left it out"
                reason = f"{hit.reason}, and {self._by} {what}"
                yield Violation(hit.parameter, hit.old, reason, "Ask whoever runs this proxy.")


@dataclass(frozen=True, slots=True)
class _Joint:
    """What was asked and what was written, by canonical name, and where it stands in each body."""

    asked: Mapping[str, ParameterRecord]
    wrote: Mapping[str, ParameterRecord]
    asked_as: Mapping[str, str]
    places: Mapping[str, str]
    by: str
    engine: str
    retold: bool
    violations: list[Violation]

    def record(self, name: str) -> ParameterRecord:
        """Give the record of one parameter."""
        asked, wrote = self.asked.get(name), self.wrote.get(name)
        on_wire = wrote is not None and wrote.requested is not ABSENT
        if asked is None:
            default = wrote or ParameterRecord(name, "defaulted")
            return self._added(default) if on_wire else self._left_alone(default)
        if wrote is not None and on_wire:
            return self._written(asked, wrote)
        if asked.sent is ABSENT:
            return asked
        return self._left_out(asked, wrote)

    def _left_alone(self, wrote: ParameterRecord) -> ParameterRecord:
        """Give the default that acts; one that the provider demands was not sent by us."""
        if wrote.sent is ABSENT:
            return wrote
        reason = f"the provider demands a value, and {self.by} sent none"
        return ParameterRecord(wrote.name, "defaulted", evidence="unknown", reason=reason)

    def _added(self, wrote: ParameterRecord) -> ParameterRecord:
        others = [name for name in self._related(wrote.name) if self._missing(name)]
        reason = f"{self.by} put it on the wire" + (
            f" for {' and '.join(others)}" if others else "; nobody asked for it"
        )
        return replace(
            wrote,
            requested=ABSENT,
            resolved=ABSENT,
            sent=wrote.requested,
            action="injected",
            source="engine",
            reason=_also(reason, self._told(wrote)),
        )

    def _written(self, asked: ParameterRecord, wrote: ParameterRecord) -> ParameterRecord:
        plain = wrote.action in ("passed", "renamed", "converted", "defaulted")
        action, source, reason = asked.action, asked.source, asked.reason
        effective = wrote.effective
        if self._schema_apart(asked):
            action, effective = "converted", asked.resolved
            reason = _also(reason, f"{self.by} wrote the schema into a field of its own")
        elif not _same(asked, wrote):
            action, source = "converted", "engine-rewrite"
            reason = _also(reason, self._differs(asked, wrote.requested))
        elif action in ("passed", "renamed", "dropped"):
            action, reason = self._moved(asked)
        if not plain:
            action, source = wrote.action, wrote.source
        return replace(
            asked,
            action=action,
            sent=wrote.requested,
            effective=effective,
            source=source,
            evidence=wrote.evidence,
            reason=_also(reason, self._told(wrote)),
        )

    def _told(self, wrote: ParameterRecord) -> str | None:
        """Give what the provider's dialect says, but not how it spells what is spelled already."""
        return _without(wrote.reason, f"{self.engine} calls ")

    def _moved(self, asked: ParameterRecord) -> tuple[Action, str | None]:
        """Say whether a parameter stands on the wire where the client had it."""
        place = self.places.get(asked.name)
        said = _without(asked.reason, f"{self.by} calls ")
        if place is None or place == self.asked_as.get(asked.name, place):
            return "passed", said
        return "renamed", _also(said, f"{self.by} writes it as {place}")

    def _differs(self, asked: ParameterRecord, value: Any) -> str:
        fact = (
            f"{self.by} wrote {_shown(value)} for {_shown(asked.resolved)}{self._in_words(asked)}"
        )
        self._violate(asked, fact, f"Send {_shown(value)}, or call the provider without {self.by}.")
        return fact

    def _left_out(self, asked: ParameterRecord, default: ParameterRecord | None) -> ParameterRecord:
        acting = default or ParameterRecord(asked.name, "defaulted")
        if asked.requested is ABSENT and asked.source not in _ASKED_FOR:
            reason = f"not pinned: {self.by} does not send it"
            return replace(self._left_alone(acting), reason=_also(acting.reason, reason))
        gone = replace(
            asked,
            sent=ABSENT,
            effective=acting.effective,
            source=acting.source if acting.effective is not ABSENT else None,
            evidence=acting.evidence,
        )
        if asked.resolved is None:
            return replace(gone, reason=_also(asked.reason, f"{self.by} leaves null out"))
        if self._schema_apart(asked):
            reason = f"{self.by} wrote the schema into a field of its own"
            return replace(gone, action="converted", effective=asked.resolved, reason=reason)
        others = [name for name in self._related(asked.name) if self._new(name)]
        if others:
            said = ", ".join(f"{name}={_shown(self.wrote[name].requested)}" for name in others)
            reason = f"{self.by} wrote {said} for it"
        else:
            reason = f"{self.by} left it out without a word"
        reason += self._in_words(asked)
        self._violate(asked, reason, f"Leave {asked.name} out for this model.")
        gone = replace(gone, reason=_also(asked.reason, reason))
        if not others:
            return replace(gone, action="dropped")
        return replace(
            gone,
            action="converted",
            effective=ABSENT,
            source=None,
            evidence="unknown",
        )

    def _violate(self, asked: ParameterRecord, reason: str, fix: str) -> None:
        self.violations.append(Violation(asked.name, asked.resolved, reason, fix))

    def _in_words(self, asked: ParameterRecord) -> str:
        if not self.retold or asked.name not in _IN_WORDS:
            return ""
        return ", and changed the messages instead"

    def _related(self, name: str) -> list[str]:
        family = next((each for each in _RELATED if name in each), frozenset())
        return sorted(family - {name}, key=_order)

    def _new(self, name: str) -> bool:
        """Whether only the translator put it on the wire."""
        return name in self.places and name not in self.asked

    def _missing(self, name: str) -> bool:
        asked = self.asked.get(name)
        if asked is None or asked.sent is ABSENT or asked.sent is None:
            return False
        return name not in self.places or name in _SCHEMA

    def _schema_apart(self, asked: ParameterRecord) -> bool:
        """Whether a schema in `response_format` stands on the wire as `json_schema`."""
        wrote = self.wrote.get("json_schema")
        if asked.name != "response_format" or wrote is None or wrote.requested is ABSENT:
            return False
        return _text(read("schema_format", asked.resolved)) == _text(wrote.resolved)


def refused(planned: Resolution, field: str, reason: str) -> Resolution:
    """Give the resolution of a request of which a translator refuses a field: nothing is sent."""
    culprit = SPELLINGS.get(field, field)
    said = next((each.reason for each in planned.record.parameters if each.name == culprit), None)
    parameters = unsent(planned.record.parameters, {culprit: _also(said, reason) or reason})
    return replace(planned, record=replace(planned.record, parameters=parameters))


def _stray(draft: Draft, title: str) -> ParameterRecord:
    return ParameterRecord(
        draft.name,
        "passed",
        draft.requested,
        draft.value,
        draft.requested,
        evidence="unknown",
        reason=f"it stands on the wire as {draft.spelling}, which {title} does not have",
    )


def _given(record: ParameterRecord) -> bool:
    """Whether somebody set it; all others are defaults."""
    return record.requested is not ABSENT or record.resolved is not ABSENT


def _same(asked: ParameterRecord, wrote: ParameterRecord) -> bool:
    if asked.name == "stop":
        return _text(_listed(asked.resolved)) == _text(_listed(wrote.resolved))
    return _text(asked.resolved) == _text(wrote.resolved)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _text(value: Any) -> str:
    """Give a value's canonical text: 1 is 1.0 but not true."""
    return json.dumps(canonical(value), sort_keys=True, default=repr)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _order(name: str) -> tuple[int, str]:
    return ORDER.get(name, len(ORDER)), name


def _once(violations: list[Violation]) -> tuple[Violation, ...]:
    """Keep the first violation of each parameter."""
    return tuple({each.parameter: each for each in reversed(violations)}.values())[::-1]


def _places(body: Mapping[str, Any], speech: Inbound = CLIENT) -> dict[str, str]:
    """Give where each parameter stands in a body."""
    return {name: draft.spelling or name for name, draft in gather(body, speech).items()}


def _without(reason: str | None, beginning: str) -> str | None:
    parts = (reason or "").split("; ")
    return _also(*(part for part in parts if not part.startswith(beginning)))


def _also(*parts: str | None) -> str | None:
    return "; ".join(dict.fromkeys(part for part in parts if part)) or None
