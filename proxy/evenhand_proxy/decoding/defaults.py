"""What stands for a parameter that nobody sets: the layers below the client, profiles and policy.

what the engine says it uses -> the model's generation_config -> the engine's own default
"""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from evenhand_proxy.decoding.dialect import Dialect, Need, Rule
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.forms import write
from evenhand_proxy.decoding.parameters import PARAMETERS
from evenhand_proxy.decoding.record import ParameterRecord
from evenhand_proxy.decoding.values import fault, is_number
from evenhand_proxy.decoding.vocabulary import ABSENT, Evidence, Mode, Source

NEVER_PINNED: Final = frozenset(
    ("tool_choice", "parallel_tool_calls", "top_logprobs", "response_format")
)
"""Parameters that act only beside tools, logprobs or a prompt made for them, without which engines
refuse even their default."""


def rules_of(dialect: Dialect, version: str | None) -> Mapping[str, Rule]:
    """Give the rules that hold for an engine's version, the newest where it is not known."""
    if version is None:
        return dialect.rules
    numbers = _numbers(version)
    rules = dict(dialect.rules)
    for name, rule in dialect.rules.items():
        for below, older in rule.before:
            if numbers < _numbers(below):
                rules[name] = older
                break
    return rules


def is_version(text: str) -> bool:
    """Whether a version's numbers can be compared: `0.5.4.post1` and `b11549` are ones."""
    return bool(_numbers(text))


def _numbers(version: str) -> tuple[int, ...]:
    """Give the leading numbers of a version: `0.5.4.post1` gives (0, 5, 4)."""
    found: list[int] = []
    for part in version.lstrip("vb").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)


def default_records(
    rules: Mapping[str, Rule], model: str, facts: EngineFacts, route: str, mode: Mode
) -> dict[str, ParameterRecord]:
    """Give the record of each parameter as it is when nobody sets it, where that can be told."""
    from_model = facts.defaults_on(route)
    found: dict[str, ParameterRecord] = {}
    for name, rule in rules.items():
        if rule.required is not ABSENT and rule.wire is not None:
            found[name] = _cut(_required(name, rule), facts)
            continue
        value, source, evidence, reason = _default(name, rule, model, facts, from_model)
        if value is ABSENT and reason is None:
            continue
        record = ParameterRecord(
            name, "defaulted", effective=value, source=source, evidence=evidence, reason=reason
        )
        if value is not ABSENT and rule.needs is not None and not facts.flags.get(rule.needs.flag):
            found[name] = _idle(record, rule.needs, facts)
            continue
        if mode == "pin" and _sendable(name, rule, value):
            record = _pinned(record, write(rule.form, value), facts, route)
        found[name] = _cut(record, facts)
    return found


def _idle(record: ParameterRecord, needs: Need, facts: EngineFacts) -> ParameterRecord:
    """Own up to a default that has no effect on a server without the setting that it needs."""
    if needs.flag in facts.flags:
        return replace(record, effective=ABSENT, reason=needs.reason)
    reason = f"the engine did not say: {needs.reason}"
    return replace(record, effective=ABSENT, evidence="unknown", reason=reason)


def _pinned(record: ParameterRecord, sent: Any, facts: EngineFacts, route: str) -> ParameterRecord:
    """Send a default, unless a test of this very engine found that it does not act as sent."""
    if record.name in NEVER_PINNED:
        return replace(record, reason="not pinned: engines refuse it where nothing needs it")
    verdict = facts.attested.get(record.name, "applied")
    if route == facts.attested_route and verdict in ("ignored", "altered"):
        return replace(record, reason=f"not pinned: an attestation found that it is {verdict}")
    reason = "pinned, so that no hidden default can act"
    return replace(record, action="injected", resolved=record.effective, sent=sent, reason=reason)


def _cut(record: ParameterRecord, facts: EngineFacts) -> ParameterRecord:
    """Let a server's cap act on a default too."""
    cap = facts.caps.get(record.name)
    if cap is None or not is_number(record.effective) or record.effective <= cap:
        return record
    told = f"the server cuts it to {cap}"
    reason = f"{record.reason}; {told}" if record.reason else told
    return replace(record, effective=cap, source="engine-rewrite", reason=reason)


def _sendable(name: str, rule: Rule, value: Any) -> bool:
    """Whether a default may be written out: some engines refuse the very value they default to."""
    if rule.wire is None or value is ABSENT or value is None:
        return False
    if write(rule.form, value) is ABSENT:
        return False
    return fault(value, rule.kind or PARAMETERS[name].kind, rule.range, rule.values) is None


def _required(name: str, rule: Rule) -> ParameterRecord:
    return ParameterRecord(
        name,
        "injected",
        resolved=rule.required,
        sent=write(rule.form, rule.required),
        effective=rule.required,
        source="engine",
        evidence="modelled",
        reason="the engine demands a value, and none was given",
    )


def _default(
    name: str, rule: Rule, model: str, facts: EngineFacts, from_model: Mapping[str, Any] | None
) -> tuple[Any, Source, Evidence | None, str | None]:
    if name in facts.reported_defaults:
        return facts.reported_defaults[name], "engine", "attested", None
    if rule.from_server and not facts.told:
        return ABSENT, "engine", "unknown", "the server's settings, which nobody told"
    if rule.from_model and from_model is None:
        return ABSENT, "model", "unknown", "the model's generation_config.json is not known here"
    if rule.from_model and name in facts.uncertain_defaults:
        reason = facts.default_notes.get(name, "it depends on a version that the engine hides")
        return ABSENT, "model", "unknown", reason
    if rule.from_model and from_model and name in from_model:
        reason = facts.default_notes.get(name, "generation_config.json")
        return from_model[name], "model", "modelled", reason
    full = model.lower()
    plain = full.rpartition("/")[2]
    for pattern, value in rule.by_model:
        if fnmatchcase(full, pattern) or fnmatchcase(plain, pattern):
            return value, "engine", "modelled", f"the provider's default for {pattern}"
    if rule.default is not ABSENT:
        noted = facts.default_notes.get(name) if rule.from_model else None
        return rule.default, "engine", "modelled", noted
    return ABSENT, "engine", None, rule.default_note
