"""One parameter against its rule: what is sent, and what the engine makes of that value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evenhand_proxy.decoding.asked import Draft, equivalent
from evenhand_proxy.decoding.dialect import Dialect, Need, Rewrite, Rule
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.forms import LOSSY, SPELLING_FORMS, Form, read, write
from evenhand_proxy.decoding.parameters import PARAMETERS
from evenhand_proxy.decoding.record import ParameterRecord, Violation
from evenhand_proxy.decoding.values import Fault, alike, fault, is_number
from evenhand_proxy.decoding.values import shown as _short
from evenhand_proxy.decoding.vocabulary import ABSENT


@dataclass(slots=True)
class Ground:
    """What a draft is settled on: the engine's rules and facts, and the violations so far.

    rewrites: the rewrites of each rule that has any, by parameter.
    """

    dialect: Dialect
    rules: Mapping[str, Rule]
    facts: EngineFacts
    defaults: Mapping[str, ParameterRecord]
    route: str
    rewrites: tuple[tuple[str, tuple[Rewrite, ...]], ...] = ()
    violations: list[Violation] = field(default_factory=list)


def settle(draft: Draft, ground: Ground) -> None:
    """Decide what a draft sends, and what the engine makes of it."""
    rule = ground.rules.get(draft.name)
    if draft.beaten:
        tell_beaten(draft)
    if draft.unread and draft.given and draft.source == "client":
        _unread(draft, rule, ground)
    elif rule is None or rule.wire is None:
        _unsupported(draft, rule, ground)
    elif draft.value is None:
        _null(draft, rule, ground)
    elif (meant := equivalent(rule, draft.value)) is not None:
        _said_otherwise(draft, meant, ground)
    else:
        _spell(draft, rule, ground)
        _honour(draft, rule, ground)


def _spell(draft: Draft, rule: Rule, ground: Ground) -> None:
    """Write the value in the engine's own words."""
    value, engine = draft.value, ground.dialect.engine
    wire, form = rule.wire, rule.form
    spelling = draft.spelling
    if spelling is not None and spelling in rule.accepts:
        wire, form = spelling, SPELLING_FORMS.get(spelling, "plain")
    elif spelling is not None and spelling != wire and draft.action == "passed":
        draft.action = "renamed"
        draft.because(f"{engine} calls {spelling} {wire}")
    if rule.translate and isinstance(value, int) and not isinstance(value, bool):
        translated = rule.translate.get(value)
        if translated is not None:
            draft.action = "converted"
            draft.because(f"{engine} writes {value} as {translated}")
            value = translated
    draft.wire = wire
    draft.effective = value
    draft.evidence = rule.evidence
    if draft.action == "passed" and draft.form == form and spelling == wire:
        draft.sent = draft.requested
    else:
        draft.sent = value if form == "plain" else write(form, value)
        _tell_written(draft, engine)
        if form != "plain" and draft.sent is not ABSENT:
            _read_back(draft, form, ground)
    if draft.beaten and draft.action == "passed" and _disagree(draft):
        draft.action = "converted"
    if rule.evidence == "unknown":
        draft.because(rule.note)


def _disagree(draft: Draft) -> bool:
    return any(other != draft.requested for other in (draft.beaten or {}).values())


def _tell_written(draft: Draft, engine: str) -> None:
    """Own up to a value that is written otherwise than it came."""
    if draft.sent is ABSENT:
        draft.action = "converted"
        draft.because(f"{engine} needs nothing said for it")
    elif draft.action == "passed" and not alike(draft.sent, draft.requested):
        draft.action = "converted"
        draft.because(f"{engine} writes it in another form")


def _read_back(draft: Draft, form: Form, ground: Ground) -> None:
    """Take for effective what the engine reads, which may be less than what was meant."""
    value, back = draft.effective, read(form, draft.sent)
    if back is ABSENT or back is None:
        reason = f"{_short(value)} cannot be written as {draft.wire}"
        draft.effective, draft.evidence = ABSENT, "unknown"
    elif form in LOSSY and not alike(back, value):
        reason = f"{draft.wire} says {_short(back)}, and no more"
        draft.effective, draft.action = back, "converted"
    else:
        draft.effective = back
        return
    fix = f"Send what {ground.dialect.engine} can say, or leave {draft.name} out."
    ground.violations.append(Violation(draft.name, draft.value, reason, fix))
    draft.because(reason)


def _unread(draft: Draft, rule: Rule | None, ground: Ground) -> None:
    """Pass on what nobody understands where the engine has the field, and drop it elsewhere."""
    spelling = draft.spelling or draft.name
    reason = f"{_short(draft.requested)} is no way to write {draft.name} in {spelling}"
    fix = f"Write {spelling} as its documents say, or leave it out."
    ground.violations.append(Violation(draft.name, draft.requested, reason, fix))
    draft.because(reason)
    if rule is not None and (spelling == rule.wire or spelling in rule.accepts):
        draft.wire, draft.sent, draft.evidence = spelling, draft.requested, "unknown"
        return
    _drop(draft, ground)


def tell_beaten(draft: Draft) -> None:
    """Name the other spellings of a parameter that stood in the same body."""
    beaten = draft.beaten or {}
    others = ", ".join(f"{key}={_shown(value)}" for key, value in beaten.items())
    draft.because(f"{draft.spelling} wins over {others}, another name of the same parameter")


def _honour(draft: Draft, rule: Rule, ground: Ground) -> None:
    """Say what the engine makes of the value that is sent."""
    if draft.effective is ABSENT:
        return
    facts = ground.facts
    bounds = rule.range
    if draft.name in facts.limits:
        bounds = replace(bounds, maximum=facts.limits[draft.name])
    wrong = fault(draft.effective, rule.kind or PARAMETERS[draft.name].kind, bounds, rule.values)
    if wrong is not None:
        _wrong(draft, wrong, rule, ground)
        return
    verdict = facts.attested.get(_tested(draft)) if ground.route == facts.attested_route else None
    if rule.needs is not None and verdict != "applied":
        _need(draft, rule.needs, ground)
    cap = facts.caps.get(draft.name)
    if cap is not None and is_number(draft.effective) and draft.effective > cap:
        _cut(draft, cap, ground)
    if verdict is not None:
        _attested(draft, verdict, ground)


def _cut(draft: Draft, cap: float, ground: Ground) -> None:
    reason = f"the server cuts it to {cap}"
    ground.violations.append(Violation(draft.name, draft.value, reason, f"Send {cap} at most."))
    draft.effective, draft.action, draft.source = cap, "clamped", "engine-rewrite"
    draft.because(reason)


def _wrong(draft: Draft, wrong: Fault, rule: Rule, ground: Ground) -> None:
    engine = ground.dialect.engine
    ground.violations.append(Violation(draft.name, draft.value, wrong.reason, wrong.fix))
    if rule.out_of_range == "clamped" and wrong.nearest is not ABSENT:
        draft.effective, draft.action = wrong.nearest, "clamped"
        draft.source = "engine-rewrite"
        draft.because(f"{wrong.reason}; {engine} clamps it")
        return
    _lose(draft)
    if rule.out_of_range == "ignored" and not wrong.mistyped:
        _fall_back(draft, ground, f"{wrong.reason}; {engine} ignores it")
        return
    known = rule.out_of_range == "refused" and not wrong.mistyped
    draft.evidence = "unknown"
    draft.because(
        f"{wrong.reason}; {engine} answers with an error"
        if known
        else f"{wrong.reason}; what {engine} makes of it is not known"
    )


def _need(draft: Draft, needs: Need, ground: Ground) -> None:
    flags = ground.facts.flags
    if flags.get(needs.flag):
        return
    _lose(draft)
    if needs.flag not in flags:
        draft.evidence = "unknown"
        draft.because(f"the engine did not say: {needs.reason}")
        return
    fix = f"Start the engine with it, or leave {draft.name} out."
    ground.violations.append(Violation(draft.name, draft.value, needs.reason, fix))
    draft.action, draft.source = "not-honoured", "engine"
    draft.because(needs.reason)


def _tested(draft: Draft) -> str:
    """Give the name under which an attestation tests what a draft asks for."""
    return "greedy" if draft.name == "temperature" and draft.effective == 0 else draft.name


def _attested(draft: Draft, verdict: str, ground: Ground) -> None:
    """Let what a test of this very engine proved stand above what its documents say."""
    if verdict == "applied":
        if draft.evidence is not None and draft.effective is not ABSENT:
            draft.evidence = "attested"
        return
    if verdict == "ignored" and draft.action != "not-honoured":
        reason = "an attestation of this engine found that it has no effect"
        fix = f"Leave {draft.name} out, or serve the model with an engine that honours it."
        ground.violations.append(Violation(draft.name, draft.value, reason, fix))
        _fall_back(draft, ground, reason)
        draft.evidence = "attested"
    elif verdict == "altered":
        _lose(draft)
        draft.evidence = "unknown"
        draft.because("an attestation of this engine found that it acts with another value")


def _fall_back(draft: Draft, ground: Ground, reason: str) -> None:
    """Let the default act in the place of a value that the engine does not look at."""
    default = ground.defaults.get(draft.name)
    draft.action = "not-honoured"
    draft.effective = default.effective if default is not None else ABSENT
    draft.source = default.source if default is not None else "engine"
    draft.evidence = default.evidence if default is not None else "modelled"
    draft.because(reason)


def _lose(draft: Draft) -> None:
    draft.effective = ABSENT


def _said_otherwise(draft: Draft, meant: Mapping[str, Any], ground: Ground) -> None:
    said = ", ".join(f"{key}={_shown(value)}" for key, value in meant.items())
    draft.action = "converted"
    if draft.value is not None:
        draft.effective = draft.value
        draft.evidence = "modelled"
    draft.because(
        f"{ground.dialect.title} has no {draft.name}={_shown(draft.value)}: "
        + (f"sent as {said}" if said else "needs nothing said")
    )


def _unsupported(draft: Draft, rule: Rule | None, ground: Ground) -> None:
    title = ground.dialect.title
    meant = equivalent(rule, draft.value)
    if meant is not None:
        _said_otherwise(draft, meant, ground)
        draft.effective, draft.evidence = ABSENT, None
        return
    if draft.value is None:
        _drop(draft, ground)
        draft.because(f"{title} has no {draft.name}; null asks for nothing")
        return
    treated = rule.unsupported if rule is not None else ground.dialect.unknown_fields
    reason = f"{title} has no {draft.name} and {_TREATED[treated]}"
    if rule is not None and rule.note is not None:
        reason = f"{reason} ({rule.note})"
    fix = f"Leave {draft.name} out for this model."
    ground.violations.append(Violation(draft.name, draft.value, reason, fix))
    _drop(draft, ground)
    draft.because(reason)


def _drop(draft: Draft, ground: Ground) -> None:
    """Leave a parameter out, so that the default acts."""
    draft.action, draft.source = "dropped", None
    default = ground.defaults.get(draft.name)
    if default is not None and default.effective is not ABSENT:
        draft.effective, draft.source = default.effective, default.source
        draft.evidence = default.evidence


_TREATED = {
    "refused": "answers it with an error",
    "ignored": "ignores it",
    "unknown": "what it makes of it is not documented",
}


def _null(draft: Draft, rule: Rule, ground: Ground) -> None:
    engine = ground.dialect.engine
    default = ground.defaults.get(draft.name)
    draft.action = "defaulted"
    if default is not None:
        draft.effective, draft.source = default.effective, default.source
        draft.evidence = default.evidence
    else:
        draft.source = None
    if default is not None and default.sent is not ABSENT:
        draft.action, draft.sent, draft.wire = default.action, default.sent, rule.wire
        draft.value = default.resolved
        draft.because(default.reason)
        return
    if rule.null == "refused":
        draft.action = "dropped"
        draft.because(f"{engine} refuses null here; left out, which means the same")
        return
    if draft.spelling == rule.wire or draft.spelling in rule.accepts:
        draft.sent, draft.wire = None, draft.spelling
        draft.because(f"null asks {engine} for its default")
    else:
        draft.because(f"null asks for the default; left out, as {engine} has no {draft.spelling}")
    if default is not None:
        draft.because(default.reason)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
