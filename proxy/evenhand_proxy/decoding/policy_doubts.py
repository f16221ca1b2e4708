"""What is probably not meant in rules that can be used: bounds that cross, values nobody takes."""

from collections.abc import Iterator, Sequence

from evenhand_proxy.decoding.dialect import ANY
from evenhand_proxy.decoding.dialects import DIALECTS
from evenhand_proxy.decoding.parameters import PARAMETERS
from evenhand_proxy.decoding.policy import PolicyRule
from evenhand_proxy.decoding.policy_ways import shown
from evenhand_proxy.decoding.values import fault, is_number
from evenhand_proxy.decoding.vocabulary import ABSENT


def doubts_about(rules: Sequence[PolicyRule]) -> list[str]:
    """Give a sentence for each rule that may not do what it was written for."""
    return [*_crossing(rules), *_beyond(rules)]


def _crossing(rules: Sequence[PolicyRule]) -> Iterator[str]:
    """Find a floor above a cap of the same parameter: the later one wins."""
    bounds = [rule for rule in rules if rule.action in ("cap", "floor") and is_number(rule.value)]
    for place, first in enumerate(bounds):
        for second in bounds[place + 1 :]:
            if first.parameter != second.parameter or first.action == second.action:
                continue
            floor, cap = (first, second) if first.action == "floor" else (second, first)
            if floor.value > cap.value:
                yield (
                    f"rules.{second.name}: where {first.name} is about a request too, "
                    f"{floor.parameter} has a floor of {floor.value} above a cap of {cap.value}, "
                    f"and {second.name} wins, being the later one"
                )


def _beyond(rules: Sequence[PolicyRule]) -> Iterator[str]:
    """Find values that most engines which have a range do not take."""
    for rule in rules:
        if rule.value is ABSENT or rule.action in ("forbid", "require"):
            continue
        known = [
            each
            for dialect in DIALECTS.values()
            if (each := dialect.rules.get(rule.parameter)) is not None
            and each.wire is not None
            and (each.range is not ANY or each.values is not None)
        ]
        kind = PARAMETERS[rule.parameter].kind
        faults = [fault(rule.value, each.kind or kind, each.range, each.values) for each in known]
        wrong = [each for each in faults if each is not None and not each.mistyped]
        if 2 * len(wrong) > len(known):
            yield (
                f"rules.{rule.name}: {rule.parameter} {shown(rule.value)} lies outside what most "
                "engines take"
            )
