"""The resolver: one pure function from what a client sent to the whole decoding record.

    client -> profiles -> policy -> dialect -> model's and engine's defaults -> engine's rewrites

It never raises on any JSON: what cannot be honoured becomes a violation, and the caller decides
(strict mode refuses, report mode serves and tells).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand_proxy.decoding.asked import CLIENT, Draft, Inbound, fill, gather, translate_meanings
from evenhand_proxy.decoding.defaults import default_records, rules_of
from evenhand_proxy.decoding.dialect import Dialect, Rule
from evenhand_proxy.decoding.edits import at, edited
from evenhand_proxy.decoding.effects import Effects, strategy
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.fingerprint import Fingerprint
from evenhand_proxy.decoding.lookalikes import leftovers, strangers
from evenhand_proxy.decoding.parameters import ORDER
from evenhand_proxy.decoding.policy import PolicyRule, apply
from evenhand_proxy.decoding.profiles import Profile
from evenhand_proxy.decoding.record import (
    DecodingRecord,
    ParameterRecord,
    PolicyHit,
    Violation,
)
from evenhand_proxy.decoding.refusals import unsent
from evenhand_proxy.decoding.settle import Ground, settle, tell_beaten
from evenhand_proxy.decoding.values import alike
from evenhand_proxy.decoding.vocabulary import ABSENT, Mode

_LAST = len(ORDER)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The record, and the edit that turns the client's body into the one that is sent.

    violations: what the engine will not honour as asked. refusals: what the policy does not
    allow, in any mode. remove, set: dotted paths.
    """

    record: DecodingRecord
    violations: tuple[Violation, ...]
    refusals: tuple[Violation, ...]
    remove: tuple[str, ...]
    set: Mapping[str, Any]

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give a copy of the body with the edit made."""
        return edited(body, self.remove, self.set)


class Resolver:
    """Resolves requests to one model on one route; what does not depend on them is worked out once.

    Args:
        dialect: what the engine speaks on this route.
        model: the name under which the engine serves the model.
        facts: what is known of the engine.
        route: `chat`, `completions`, `responses` or `native`: engines default differently on each.
        mode: `strict` marks what cannot be honoured as refused; `pin` also sends every default
            that is known.
        inbound: how bodies are read; the spellings of clients unless told otherwise.

    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        model: str,
        facts: EngineFacts,
        route: str = "chat",
        mode: Mode = "report",
        inbound: Inbound = CLIENT,
    ) -> None:
        self._dialect = dialect
        self._model = model
        self._facts = facts
        self._route = route
        self._mode = mode
        self._inbound = inbound
        self._rules = rules_of(dialect, facts.version)
        records = default_records(self._rules, model, facts, route, mode)
        self._defaults = dict(sorted(records.items(), key=_order))
        self._pinned = {
            name: rule.wire
            for name, record in self._defaults.items()
            if record.sent is not ABSENT and (rule := self._rules[name]).wire is not None
        }
        self._identity = facts.identity()
        acting = frozenset(name for name, rule in self._rules.items() if rule.wire is not None)
        self._fingerprint = Fingerprint(model, self._identity, acting, self._defaults)
        self._words = frozenset((*inbound, *_first_steps(self._rules)))
        self._rewrites = tuple(
            (name, rule.rewrites) for name, rule in self._rules.items() if rule.rewrites
        )

    def resolve(
        self,
        body: Mapping[str, Any],
        *,
        profiles: Sequence[Profile] = (),
        rules: tuple[PolicyRule, ...] = (),
        policy_digest: str | None = None,
    ) -> Resolution:
        """Resolve the decoding parameters of one request.

        Args:
            body: the request body, or any part of it; fields that are no decoding parameter are
                neither read nor edited.
            profiles: fill what the client left out or sent as null, the first before the second.
            rules: those of the policy that are about this request.
            policy_digest: names the version of the policy in the record.

        """
        drafts = gather(body, self._inbound)
        fill(drafts, profiles)
        translate_meanings(drafts, self._rules)
        hits: tuple[PolicyHit, ...] = ()
        if rules:
            hits = apply(rules, drafts, self._default_value, self._rules, body)
            translate_meanings(drafts, self._rules)
        came = _paths(drafts, self._rules)
        ground = self._ground()
        for draft in drafts.values():
            settle(draft, ground)
        records = self._defaults.copy()
        effects = Effects(drafts, records, ground, self._pinned)
        effects.exclude(body)
        effects.rewrite()
        effects.interact()
        strategy(drafts, effects)
        unknown = strangers(body, self._dialect, self._words, ground.violations)
        unknown += leftovers(body, self._dialect, self._inbound, ground.violations)
        came += [each.name for each in unknown if each.action == "dropped"]
        for name, draft in drafts.items():
            records[name] = _record(draft)
        if len(records) > len(self._defaults):
            records = {name: records[name] for name in sorted(records, key=ORDER.__getitem__)}
        remove, put = self._edit(body, came, drafts, records)
        refusals, parameters = _refusals(hits), (*records.values(), *unknown)
        strictly = ground.violations if self._mode == "strict" else ()
        if strictly or refusals:
            parameters = unsent(parameters, _culprits(drafts, strictly, refusals))
            remove, put = self._everything(body, parameters), {}
        record = DecodingRecord(
            model=self._model,
            engine=self._facts.engine,
            engine_identity=self._identity,
            mode=self._mode,
            fingerprint=self._fingerprint.of(parameters),
            parameters=parameters,
            profiles=tuple(profile.name for profile in profiles),
            policy=policy_digest,
            policy_hits=hits,
        )
        return Resolution(record, tuple(ground.violations), refusals, remove, put)

    def _ground(self) -> Ground:
        return Ground(
            self._dialect, self._rules, self._facts, self._defaults, self._route, self._rewrites
        )

    def _everything(
        self, body: Mapping[str, Any], parameters: Sequence[ParameterRecord]
    ) -> tuple[str, ...]:
        """Give every path that bears on decoding: of a refused request nothing is sent."""
        came = gather(body, self._inbound).values()
        paths = [path for draft in came for path in (draft.spelling, *(draft.beaten or ())) if path]
        return (*paths, *(each.name for each in parameters if each.name not in ORDER))

    def _default_value(self, name: str) -> Any:
        record = self._defaults.get(name)
        return ABSENT if record is None else record.effective

    def _edit(
        self,
        body: Mapping[str, Any],
        came: list[str],
        drafts: Mapping[str, Draft],
        records: Mapping[str, ParameterRecord],
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        put: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        for draft in drafts.values():
            wire, sent = draft.wire, draft.sent
            if sent is ABSENT or wire is None:
                continue
            kept[wire] = sent
            stands = sent is draft.requested and wire == draft.spelling
            if not stands and not alike(at(body, wire), sent):
                put[wire] = sent
        for name, wire in self._pinned.items():
            if name not in drafts and records[name].sent is not ABSENT:
                put[wire] = records[name].sent
        remove = tuple(path for path in came if path not in kept)
        return remove, _nested(remove, put, kept) if put or remove else put


def resolve(
    body: Mapping[str, Any],
    dialect: Dialect,
    *,
    model: str,
    facts: EngineFacts,
    route: str = "chat",
    profiles: Sequence[Profile] = (),
    rules: tuple[PolicyRule, ...] = (),
    policy_digest: str | None = None,
    mode: Mode = "report",
    inbound: Inbound = CLIENT,
) -> Resolution:
    """Resolve one request: `Resolver` for those who have a single one."""
    resolver = Resolver(dialect, model=model, facts=facts, route=route, mode=mode, inbound=inbound)
    return resolver.resolve(body, profiles=profiles, rules=rules, policy_digest=policy_digest)


def _first_steps(rules: Mapping[str, Rule]) -> Iterator[str]:
    """Give the top-level fields that an engine knows as its own."""
    for rule in rules.values():
        for path in (*rule.accepts, *((rule.wire,) if rule.wire is not None else ())):
            yield path.partition(".")[0]


def _paths(drafts: Mapping[str, Draft], rules: Mapping[str, Rule]) -> list[str]:
    """Give every path of the body that a draft came from, but for those that may stay beside it.

    Chat templates differ in the word for one switch, so clients that say the same in two words
    are left both.
    """
    paths = []
    for draft in drafts.values():
        if draft.spelling is not None:
            paths.append(draft.spelling)
        if draft.beaten:
            rule = rules.get(draft.name)
            read = () if rule is None or rule.wire is None else (rule.wire, *rule.accepts)
            for path, value in list(draft.beaten.items()):
                stays = "." in path and path in read and draft.action == "passed"
                if stays and alike(value, draft.requested):
                    del draft.beaten[path]
                else:
                    paths.append(path)
    return paths


def _nested(
    remove: tuple[str, ...], put: dict[str, Any], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """Put objects before what lies within them, which is put again where its object changes."""
    inner = [path for path in kept if "." in path]
    if not inner and not any("." in path for path in put):
        return put
    for path in inner:
        steps = path.split(".")
        above = (".".join(steps[:depth]) for depth in range(1, len(steps)))
        if path not in put and any(each in put or each in remove for each in above):
            put[path] = kept[path]
    return dict(sorted(put.items(), key=lambda item: item[0].count(".")))


def _order(item: tuple[str, Any]) -> int:
    return ORDER.get(item[0], _LAST)


def _record(draft: Draft) -> ParameterRecord:
    nobody = draft.value is ABSENT or (draft.action == "dropped" and draft.sent is ABSENT)
    # What nobody knows has no effective value, whatever the engine's rules were read with.
    effective = ABSENT if draft.evidence == "unknown" else draft.effective
    return ParameterRecord(
        draft.name,
        draft.action,
        draft.requested,
        draft.value,
        draft.sent,
        effective,
        None if nobody and draft.effective is ABSENT else draft.source,
        draft.evidence,
        draft.reason,
    )


def _culprits(
    drafts: Mapping[str, Draft], violations: Sequence[Violation], refusals: Sequence[Violation]
) -> dict[str, str]:
    """Give what a request is refused for, each with its reason; the policy's word goes first."""
    told = {each.parameter: f"{each.reason}. {each.fix}" for each in violations}
    told |= {each.parameter: each.reason for each in reversed(refusals)}
    for name in told:
        draft = drafts.get(name)
        if draft is not None and draft.beaten:
            draft.reason = told[name]
            tell_beaten(draft)
            told[name] = draft.reason
    return told


def _refusals(hits: Sequence[PolicyHit]) -> tuple[Violation, ...]:
    return tuple(
        Violation(hit.parameter, hit.old, hit.reason, "Ask whoever runs this proxy.")
        for hit in hits
        if hit.refuses
    )
