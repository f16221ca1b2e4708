"""The resolver: one pure function from what a client sent to the whole decoding record.

    client -> profile -> meaning (greedy by any spelling) -> dialect -> engine's rewrites

It never raises on any JSON: what cannot be honoured becomes a violation, and the caller decides
(strict mode refuses, report mode serves and tells).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evenhand_proxy.decoding.asked import Asked, ask
from evenhand_proxy.decoding.dialect import Dialect, Range, Rule
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.fingerprint import fingerprint
from evenhand_proxy.decoding.lookalikes import strangers
from evenhand_proxy.decoding.profiles import Profile
from evenhand_proxy.decoding.record import DecodingRecord, ParameterRecord, Violation
from evenhand_proxy.decoding.values import fault
from evenhand_proxy.decoding.vocabulary import (
    ABSENT,
    PARAMETERS,
    Action,
    Evidence,
    Mode,
    Source,
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The record, and the edit that turns the client's body into the one that is sent."""

    record: DecodingRecord
    violations: tuple[Violation, ...]
    remove: tuple[str, ...]
    set: Mapping[str, Any]

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give a copy of the body with the edit made."""
        edited = {key: value for key, value in body.items() if key not in self.remove}
        edited.update(self.set)
        return edited


def resolve(
    body: Mapping[str, Any],
    dialect: Dialect,
    *,
    model: str,
    facts: EngineFacts,
    profile: Profile | None = None,
    mode: Mode = "report",
) -> Resolution:
    """Resolve the decoding parameters of one request.

    Args:
        body: the request body, or any part of it; fields that are no decoding parameter are
            neither read nor edited.
        dialect: what the engine speaks on this route.
        model: the name under which the engine serves the model.
        facts: what is known of the engine.
        profile: fills what the client left out or sent as null.
        mode: `pin` also sends every default that is known.

    """
    asked = ask(body, profile, dialect)
    violations: list[Violation] = []
    records: dict[str, ParameterRecord] = {}
    for name in PARAMETERS:
        rule = dialect.rules.get(name)
        if name in asked:
            records[name] = _settle(name, asked[name], rule, dialect, facts, violations)
        elif rule is not None:
            default = _default(name, rule, facts, pin=mode == "pin")
            if default is not None:
                records[name] = default
    unknown = strangers(body, dialect, violations)
    _rewrite(records, dialect)
    _strategy(records)
    if mode == "strict":
        _refuse(records, violations)
        _refuse(unknown, violations)
    remove, put = _edit(body, asked, records, dialect)
    identity = facts.identity()
    record = DecodingRecord(
        model=model,
        engine=facts.engine,
        engine_identity=identity,
        mode=mode,
        fingerprint=fingerprint(_decisive(records, dialect), model, identity),
        parameters=(*records.values(), *unknown.values()),
    )
    return Resolution(record, tuple(violations), remove, put)


def _decisive(records: Mapping[str, ParameterRecord], dialect: Dialect) -> dict[str, Any]:
    """Give what decides the answer: effective values, and sent ones whose effect is unknown.

    Parameters that the engine lacks act only through others, which are there themselves.
    """
    found: dict[str, Any] = {}
    for name, record in records.items():
        rule = dialect.rules.get(name)
        if rule is None or rule.wire is None:
            continue
        if record.effective is not ABSENT:
            value = record.effective
            found[name] = [value] if name == "stop" and isinstance(value, str) else value
        elif record.sent not in (ABSENT, None):
            found[f"{name}?"] = record.sent
    return {name: value for name, value in found.items() if value not in ([], {})}


def _settle(
    name: str,
    asked: Asked,
    rule: Rule | None,
    dialect: Dialect,
    facts: EngineFacts,
    violations: list[Violation],
) -> ParameterRecord:
    if rule is None or rule.wire is None:
        return _unsupported(name, asked, rule, dialect, violations)
    if asked.value is None:
        return _null(name, asked, rule, facts)
    value, action, reason = asked.value, asked.action, asked.reason
    if isinstance(value, int) and not isinstance(value, bool) and value in rule.translate:
        value = rule.translate[value]
        action, reason = "converted", f"{facts.engine} writes {asked.value} as {value}"
    elif asked.spelling is not None and asked.spelling not in (rule.wire, *rule.accepts):
        action = "renamed" if action == "passed" else action
        reason = reason or f"{facts.engine} calls {asked.spelling} {rule.wire}"
    if asked.beaten:
        differs = any(other != asked.requested for other in asked.beaten.values())
        action = "converted" if differs and action == "passed" else action
        reason = _join(reason, _beaten(asked))
    record = ParameterRecord(
        name,
        action,
        requested=asked.requested,
        resolved=asked.value,
        sent=value,
        effective=value,
        source=asked.source,
        evidence=rule.evidence,
        reason=_join(reason, rule.note if rule.evidence == "unknown" else None),
    )
    return _honour(record, rule, facts, violations)


def _honour(
    record: ParameterRecord, rule: Rule, facts: EngineFacts, violations: list[Violation]
) -> ParameterRecord:
    """Say what the engine makes of the value that is sent."""
    bounds = _narrowed(rule.range, facts.limits.get(record.name))
    wrong = fault(record.sent, rule.kind or PARAMETERS[record.name].kind, bounds)
    if wrong is not None and rule.out_of_range == "clamped" and wrong.nearest is not ABSENT:
        violations.append(Violation(record.name, record.sent, wrong.reason, wrong.fix))
        return replace(
            record,
            effective=wrong.nearest,
            action="clamped",
            source="engine-rewrite",
            reason=_join(record.reason, f"{wrong.reason}; {facts.engine} clamps it"),
        )
    if wrong is not None:
        violations.append(Violation(record.name, record.sent, wrong.reason, wrong.fix))
        return replace(
            record,
            effective=ABSENT,
            evidence="unknown",
            reason=_join(
                record.reason,
                f"{wrong.reason}; what {facts.engine} makes of it is not known"
                if wrong.mistyped
                else f"{wrong.reason}; {facts.engine} answers with an error",
            ),
        )
    if rule.needs is None or facts.flags.get(rule.needs.flag):
        return record
    if rule.needs.flag not in facts.flags:
        return replace(
            record,
            effective=ABSENT,
            evidence="unknown",
            reason=_join(record.reason, f"the engine did not say: {rule.needs.reason}"),
        )
    violations.append(
        Violation(
            record.name,
            record.requested,
            rule.needs.reason,
            f"Start the engine with it, or leave {record.name} out.",
        )
    )
    return replace(
        record,
        effective=ABSENT,
        source="engine",
        action="not-honoured",
        reason=_join(record.reason, rule.needs.reason),
    )


def _narrowed(bounds: Range, limit: float | None) -> Range:
    """Give the rule's range, cut at what the running engine said is its limit."""
    return bounds if limit is None else replace(bounds, maximum=limit)


def _unsupported(
    name: str, asked: Asked, rule: Rule | None, dialect: Dialect, violations: list[Violation]
) -> ParameterRecord:
    if rule is not None and isinstance(asked.value, bool) and asked.value in rule.equivalent:
        said = ", ".join(f"{key}={value}" for key, value in rule.equivalent[asked.value].items())
        return ParameterRecord(
            name,
            "converted",
            requested=asked.requested,
            resolved=asked.value,
            source=asked.source,
            reason=f"{dialect.title} has no {name}: "
            + (f"sent as {said}" if said else "a temperature above 0 samples"),
        )
    if asked.value is None:
        return ParameterRecord(
            name,
            "dropped",
            requested=asked.requested,
            resolved=None,
            reason=f"{dialect.title} has no {name}; null asks for nothing",
        )
    treated = "answers it with an error" if rule and rule.unsupported == "refused" else "ignores it"
    reason = f"{dialect.title} has no {name} and {treated}"
    violations.append(Violation(name, asked.value, reason, f"Leave {name} out for this model."))
    return ParameterRecord(
        name,
        "dropped",
        requested=asked.requested,
        resolved=asked.value,
        reason=_join(asked.reason, reason),
    )


def _null(name: str, asked: Asked, rule: Rule, facts: EngineFacts) -> ParameterRecord:
    default = _default(name, rule, facts, pin=False) or ParameterRecord(name, "defaulted")
    if rule.null == "default":
        reason = f"null asks {facts.engine} for its default"
        return replace(
            default, requested=None, resolved=None, sent=None, reason=_join(reason, default.reason)
        )
    return replace(
        default,
        action="dropped",
        requested=None,
        resolved=None,
        reason=f"{facts.engine} refuses null here; left out, which means the same",
    )


def _default(name: str, rule: Rule, facts: EngineFacts, *, pin: bool) -> ParameterRecord | None:
    value, source, evidence, reason = _default_of(name, rule, facts)
    if value is ABSENT and reason is None:
        return None
    if pin and value is not ABSENT and rule.wire is not None:
        return ParameterRecord(
            name,
            "injected",
            resolved=value,
            sent=value,
            effective=value,
            source=source,
            evidence=evidence,
            reason="pinned, so that no hidden default can act",
        )
    return ParameterRecord(
        name, "defaulted", effective=value, source=source, evidence=evidence, reason=reason
    )


def _default_of(
    name: str, rule: Rule, facts: EngineFacts
) -> tuple[Any, Source, Evidence | None, str | None]:
    if name in facts.reported_defaults:
        return facts.reported_defaults[name], "engine", "attested", None
    if rule.from_model and facts.model_defaults is None:
        return ABSENT, "model", "unknown", "the model's generation_config.json is not known here"
    if rule.from_model and facts.model_defaults and name in facts.model_defaults:
        return facts.model_defaults[name], "model", "modelled", "generation_config.json"
    if rule.default is not ABSENT:
        return rule.default, "engine", "modelled", None
    return ABSENT, "engine", None, rule.default_note


def _rewrite(records: dict[str, ParameterRecord], dialect: Dialect) -> None:
    """Apply what the engine makes of values that it accepted."""
    for name in list(records):
        rule = dialect.rules.get(name)
        record = records[name]
        if rule is None or not isinstance(record.effective, int | float):
            continue
        for rewrite in rule.rewrites:
            if isinstance(record.effective, bool) or record.effective not in rewrite.when:
                continue
            if rewrite.becomes is not ABSENT:
                records[name] = _rewritten(record, rewrite.becomes, rewrite.action, rewrite.reason)
            for other, value in rewrite.sets.items():
                previous = records.get(other, ParameterRecord(other, "defaulted"))
                if previous.effective != value:
                    records[other] = _rewritten(previous, value, "not-honoured", rewrite.reason)
            break


def _rewritten(record: ParameterRecord, value: Any, action: Action, reason: str) -> ParameterRecord:
    return replace(
        record,
        effective=ABSENT if value is None else value,
        source="engine-rewrite",
        evidence="modelled",
        action=record.action if record.sent in (ABSENT, None) else action,
        reason=_join(record.reason, reason),
    )


def _strategy(records: dict[str, ParameterRecord]) -> None:
    """Say whether drawing at random came of it, where the engine has no `do_sample` of its own."""
    switch, heat = records.get("do_sample"), records.get("temperature")
    if switch is None or switch.action != "converted" or heat is None or heat.effective is ABSENT:
        return
    top_k = records.get("top_k")
    greedy = heat.effective == 0 or (top_k is not None and top_k.effective == 1)
    records["do_sample"] = replace(switch, effective=not greedy, evidence=heat.evidence)


def _refuse(records: dict[str, ParameterRecord], violations: list[Violation]) -> None:
    for violation in violations:
        if violation.parameter in records:
            records[violation.parameter] = replace(
                records[violation.parameter],
                action="refused",
                sent=ABSENT,
                effective=ABSENT,
                evidence=None,
                reason=f"{violation.reason}. {violation.fix}",
            )


def _edit(
    body: Mapping[str, Any],
    asked: Mapping[str, Asked],
    records: Mapping[str, ParameterRecord],
    dialect: Dialect,
) -> tuple[tuple[str, ...], dict[str, Any]]:
    remove: list[str] = []
    put: dict[str, Any] = {}
    for name, record in records.items():
        rule = dialect.rules.get(name)
        own = asked.get(name)
        spelled = own.spelling if own else None
        wire = rule.wire if rule else None
        if wire is not None and rule is not None and spelled in (wire, *rule.accepts):
            wire = spelled
        present = [key for key in PARAMETERS[name].spellings if key in body]
        remove += [key for key in present if key != wire or record.sent is ABSENT]
        if record.sent is not ABSENT and wire is not None and not _same(body, wire, record.sent):
            put[wire] = record.sent
    return tuple(remove), put


def _same(body: Mapping[str, Any], key: str, value: Any) -> bool:
    return key in body and body[key] == value and type(body[key]) is type(value)


def _beaten(asked: Asked) -> str:
    others = ", ".join(f"{key}={value}" for key, value in (asked.beaten or {}).items())
    return f"{asked.spelling} wins over {others}, another name of the same parameter"


def _join(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
