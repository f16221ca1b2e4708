"""Whom a policy would hit: requests that the journal holds, put to the rules once more.

A record says of each parameter what was asked and what stood in force before any policy; rules are
applied to that by the same function as to a live request.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evenhand_proxy.api.inference import ROUTES
from evenhand_proxy.audit.query import AuditRow
from evenhand_proxy.decoding import ABSENT, ENGINES, PARAMETERS, Policy, PolicyRule, dialect_for
from evenhand_proxy.decoding.asked import Draft
from evenhand_proxy.decoding.defaults import rules_of
from evenhand_proxy.decoding.dialect import Rule
from evenhand_proxy.decoding.policy import apply
from evenhand_proxy.exchange import Opening

Whom = tuple[str, str | None, str]
"""The model, the key's name and the route of requests."""

TagsOf = Callable[[Opening], tuple[str, ...]]
"""Gives the tags of a request's model and key."""


@dataclass(slots=True)
class Impact:
    """What one rule would do to the requests that were looked at.

    whom: requests that it would change or refuse. refused: those that it would refuse, if it
    enforces. example: the id of the newest of them. known: False for a rule on tags where nobody
    said what has which tag.
    """

    rule: PolicyRule
    whom: Counter[Whom] = field(default_factory=Counter)
    refused: int = 0
    example: str | None = None
    known: bool = True

    def document(self) -> dict[str, Any]:
        """Give it as JSON values; the numbers are null where they are not known."""
        return {
            **self.rule.document(),
            "requests": self.whom.total() if self.known else None,
            "refused": self.refused if self.known else None,
            "example": self.example,
            "whom": [
                {"model": model, "key": key, "route": route, "requests": count}
                for (model, key, route), count in self.whom.most_common()
            ],
        }


def impact_of(policy: Policy, rows: Iterable[AuditRow], tags: TagsOf | None) -> list[Impact]:
    """Put requests, the newest first, to a policy.

    Args:
        policy: the rules; what one sets is what the next one sees, as in a live request.
        rows: the requests.
        tags: None where they are not known: rules on tags are then left out.

    """
    found = {
        rule.name: Impact(rule, known=tags is not None or not rule.tags) for rule in policy.rules
    }
    usable = Policy(tuple(rule for rule in policy.rules if found[rule.name].known))
    for row in rows:
        _put(usable, row, tags(row.opening) if tags is not None else (), found)
    return list(found.values())


def _put(policy: Policy, row: AuditRow, tags: tuple[str, ...], found: Mapping[str, Impact]) -> None:
    opening = row.opening
    way = ROUTES.get(opening.route)
    record = row.decoding()
    if way is None or "parameters" not in record:
        return
    rules = policy.matching(opening.model, opening.key_name, tags, way.name)
    if not rules:
        return
    drafts, defaults, strangers = _asked(record)
    dialect = _dialect(opening, way.route, record)
    hits = apply(rules, drafts, lambda name: defaults.get(name, ABSENT), dialect, strangers)
    for name in dict.fromkeys(hit.rule for hit in hits):
        impact = found[name]
        impact.whom[opening.model, opening.key_name, way.name] += 1
        impact.refused += any(hit.new is ABSENT for hit in hits if hit.rule == name)
        impact.example = impact.example or opening.request_id


def _dialect(opening: Opening, route: str, record: Mapping[str, Any]) -> Mapping[str, Rule] | None:
    """Give the engine's rules as they held then; None where they are not known."""
    if opening.engine not in ENGINES:
        return None
    dialect = dialect_for(opening.engine, route, opening.upstream_model)
    if dialect is None:
        return None
    return rules_of(dialect, record.get("engine_identity", {}).get("version"))


def _asked(
    record: Mapping[str, Any],
) -> tuple[dict[str, Draft], dict[str, Any], dict[str, Any]]:
    """Give what was asked before any policy, the defaults, and fields that nobody reads."""
    before = _before(record)
    drafts: dict[str, Draft] = {}
    defaults: dict[str, Any] = {}
    strangers: dict[str, Any] = {}
    for name, said in record["parameters"].items():
        if name not in PARAMETERS:
            strangers[name] = said.get("requested")
            continue
        value = before[name] if name in before else _value(said)
        if value is not ABSENT:
            drafts[name] = Draft(name, value=value)
        elif name not in before and said.get("source") in ("model", "engine"):
            defaults[name] = said.get("effective", ABSENT)
    return drafts, defaults, strangers


def _before(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stood there before the policy of that time changed it."""
    values: dict[str, Any] = {}
    for hit in record.get("policy", {}).get("hits", ()):
        if hit["enforced"] and "new" in hit:
            values.setdefault(hit["parameter"], hit.get("old", ABSENT))
    return values


def _value(said: Mapping[str, Any]) -> Any:
    """Give what the client and the profiles asked for; null where it was sent and nobody filled."""
    source = said.get("source")
    if "requested" in said:
        if said["requested"] is None and source != "profile":
            return None
        return said.get("resolved", said["requested"])
    asked = source in ("client", "profile", "engine-rewrite")
    return said.get("resolved", ABSENT) if asked else ABSENT
