"""The records of a request that may not be made: what is refused, and that nothing is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from evenhand_proxy.decoding.parameters import ORDER
from evenhand_proxy.decoding.record import ParameterRecord
from evenhand_proxy.decoding.vocabulary import ABSENT, Source

_LAST = len(ORDER)


def unsent(
    parameters: Iterable[ParameterRecord], culprits: Mapping[str, str]
) -> tuple[ParameterRecord, ...]:
    """Give the records of a refused request anew.

    Args:
        parameters: the records as they would have been.
        culprits: each parameter that the request is refused for, and why. One that nobody gave,
            because a policy requires it, gets a record too.

    Defaults stay as they are; all that somebody asked for is left out with the rest.

    """
    found = {record.name: record for record in parameters}
    missing = [name for name in culprits if name not in found]
    found |= {name: ParameterRecord(name, "refused") for name in missing}
    told = [_unsent(record, culprits) for record in found.values()]
    if missing:
        told.sort(key=lambda record: ORDER.get(record.name, _LAST))
    return tuple(told)


def _unsent(record: ParameterRecord, culprits: Mapping[str, str]) -> ParameterRecord:
    given = record.requested is not ABSENT or record.source in ("client", "profile", "policy")
    if record.name in culprits:
        return replace(
            record,
            action="refused",
            sent=ABSENT,
            effective=ABSENT,
            source=_source(record) if given else None,
            evidence=None,
            reason=culprits[record.name],
        )
    if not given and record.sent is ABSENT:
        return record
    reason = "not sent: the request is refused"
    if not given:
        return replace(record, action="defaulted", resolved=ABSENT, sent=ABSENT, reason=reason)
    return replace(
        record,
        action="dropped",
        sent=ABSENT,
        effective=ABSENT,
        evidence=None,
        reason=f"{record.reason}; {reason}" if record.reason else reason,
    )


def _source(record: ParameterRecord) -> Source | None:
    """Give who asked for it, which is forgotten of what an engine does not have."""
    return record.source or ("client" if record.requested is not ABSENT else None)
