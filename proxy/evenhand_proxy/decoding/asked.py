"""What was asked: client and profile put together, every spelling of greedy understood."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.profiles import Profile
from evenhand_proxy.decoding.vocabulary import ABSENT, PARAMETERS, SPELLINGS, Action, Source


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter on its way: what was requested, under which name, and its value so far."""

    requested: Any = ABSENT
    spelling: str | None = None
    value: Any = ABSENT
    source: Source = "client"
    beaten: Mapping[str, Any] | None = None
    action: Action = "passed"
    reason: str | None = None


def ask(body: Mapping[str, Any], profile: Profile | None, dialect: Dialect) -> dict[str, Asked]:
    """Give each parameter that the client or the profile sets, by canonical name."""
    return _meanings(_fill(_gather(body), profile), dialect)


def _gather(body: Mapping[str, Any]) -> dict[str, Asked]:
    asked: dict[str, Asked] = {}
    named = {SPELLINGS[key] for key in body if key in SPELLINGS}
    for name in named:
        parameter = PARAMETERS[name]
        present = [key for key in parameter.spellings if key in body]
        spelling = next((key for key in present if body[key] is not None), present[0])
        beaten = {key: body[key] for key in present if key != spelling}
        value = body[spelling]
        asked[name] = Asked(value, spelling, value, beaten=beaten or None)
    return asked


def _fill(asked: dict[str, Asked], profile: Profile | None) -> dict[str, Asked]:
    if profile is None:
        return asked
    for name, value in profile.parameters.items():
        own = asked.get(name, Asked())
        if own.value is ABSENT or own.value is None:
            asked[name] = replace(
                own,
                value=value,
                source="profile",
                action="injected",
                reason=f"profile {profile.name}",
            )
        elif own.value != value:
            asked[name] = replace(
                own, reason=f"the client's value wins over {value} of profile {profile.name}"
            )
    return asked


def _meanings(asked: dict[str, Asked], dialect: Dialect) -> dict[str, Asked]:
    """Carry over parameters that the dialect lacks but can say with others (`do_sample`)."""
    for name in list(asked):
        rule = dialect.rules.get(name)
        value = asked[name].value
        if rule is None or rule.wire is not None or not isinstance(value, bool):
            continue
        if value not in rule.equivalent:
            continue
        for other, meant in rule.equivalent[value].items():
            own = asked.get(other, Asked(source=asked[name].source))
            if own.value == meant and not isinstance(own.value, bool):
                continue
            asked[other] = replace(
                own,
                value=meant,
                source=asked[name].source,
                action="converted",
                reason=f"{name}={str(value).lower()} asks for it, over any other value",
            )
    return asked
