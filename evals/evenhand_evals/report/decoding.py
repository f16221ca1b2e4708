"""The decoding section: what each run asked for, what was sent, and what was in force."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from evenhand_evals.manifest import DecodingFacts
from evenhand_evals.report.view import DecodingRow, HiddenDefault, Parameter
from evenhand_evals.settings import canonical

UNASKED = {
    "engine": "the engine's own default",
    "model": "from the model's generation_config",
    "engine-rewrite": "the engine rewrites it",
}
BUDGET = "set by the task, not by the user"


def decoding_table(runs: Mapping[str, DecodingFacts]) -> tuple[Parameter, ...]:
    """Line up every known parameter of the runs (by letter), those that differ first.

    A parameter differs in effect if its effective values do, or, where one of them is unknown, if
    what was requested does.
    """
    entries = {letter: _entries(facts) for letter, facts in runs.items()}
    names = dict.fromkeys(name for known in entries.values() for name in known)
    table = [_parameter(name, entries) for name in names]
    order = ("effect", "request", None)
    return tuple(sorted(table, key=lambda parameter: order.index(parameter.differs)))


def hidden_defaults(runs: Mapping[str, DecodingFacts]) -> tuple[HiddenDefault, ...]:
    """List the effective values that no client, profile or policy asked for, runs joined."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for letter, facts in runs.items():
        for name, entry in _entries(facts).items():
            origin = UNASKED.get(str(entry.get("source")))
            if origin and "effective" in entry:
                found.setdefault((name, _shown(entry["effective"]), origin), []).append(letter)
    return tuple(HiddenDefault(tuple(letters), *what) for what, letters in found.items())


def _entries(facts: DecodingFacts) -> Mapping[str, Mapping[str, Any]]:
    """Give a run's parameters in the shape of a decoding record.

    Without a record the endpoint did not say what it used: requested and sent are what the client
    put into each request, the rest is unknown.
    """
    if facts.record is None:
        known: Mapping[str, Mapping[str, Any]] = {
            canonical(name): {"requested": value, "sent": value, "evidence": "unknown"}
            for name, value in facts.requested.items()
        }
    else:
        known = facts.record.get("parameters", {})
    budgets = {canonical(name) for name in facts.by_task}
    return {
        name: _with_reason(entry, BUDGET) if name in budgets else entry
        for name, entry in known.items()
    }


def _with_reason(entry: Mapping[str, Any], reason: str) -> dict[str, Any]:
    reasons = [reason, entry.get("reason")]
    return {**entry, "reason": "; ".join(each for each in reasons if each)}


def _parameter(name: str, entries: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Parameter:
    present = [known.get(name, {}) for known in entries.values()]
    return Parameter(name, _differs(present), tuple(_rows(name, entries)))


def _differs(entries: Sequence[Mapping[str, Any]]) -> Literal["effect", "request"] | None:
    effective = [_known(entry, "effective") for entry in entries]
    requested = len({_known(entry, "requested") for entry in entries}) > 1
    if len({value for value in effective if value is not None}) > 1:
        return "effect"
    if requested:
        return "effect" if None in effective else "request"
    return None


def _rows(
    name: str, entries: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[DecodingRow]:
    alike: dict[tuple[str | None, ...], list[str]] = {}
    for letter, known in entries.items():
        entry = known.get(name, {})
        values = tuple(_known(entry, key) for key in ("requested", "sent", "effective"))
        words = tuple(_word(entry, key) for key in ("source", "action", "evidence", "reason"))
        alike.setdefault(values + words, []).append(letter)
    for cells, letters in alike.items():
        yield DecodingRow(tuple(letters), *cells)


def _known(entry: Mapping[str, Any], key: str) -> str | None:
    return _shown(entry[key]) if key in entry else None


def _word(entry: Mapping[str, Any], key: str) -> str | None:
    return str(entry[key]) if entry.get(key) is not None else None


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
