"""The fields that an item brings to its request, where they must act for its score to say anything.

The decoding record of the run's first request says what comes of each. A field that acts over chat
and not over `/completions` is lost for the option that has chats written here; a constraint that
the engine does not have is no constraint, and a headline that is what it does would say nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evenhand_evals.endpoint.asking import Route
from evenhand_evals.endpoint.facts import route_of
from evenhand_evals.endpoint.interface import writer
from evenhand_evals.endpoint.speaker import Speaker
from evenhand_evals.errors import Unaskable
from evenhand_evals.settings import canonical
from evenhand_evals.types import Ask, Chat, Constraint, Sample, Task
from evenhand_proxy.decoding import EngineFacts, Resolver, dialect_for

_LOST: Final = frozenset(("dropped", "refused", "not-honoured"))


def telling(task: Task, sample: Sample, options: Mapping[str, str]) -> Ask:
    """Give the ask whose decoding record is the run's: with the constraint that its score rests on.

    `options` are those that the data set was made with.
    """
    first, constraint = sample.first, task.constraint
    if constraint is None or not isinstance(first, Chat):
        return first
    return replace(first, fields={**first.fields, **constraint.ways[options[constraint.option]]})


def check_fields(task: Task, ask: Ask, options: Mapping[str, str], model: Speaker) -> None:
    """Check that the fields of an ask act, as far as it is known, where the score rests on them.

    Raises:
        Unaskable: a constraint is dropped that the headline is about, or a field is for the sake
            of an option that has chats written here.

    """
    record = model.found.record
    if record is None or not isinstance(ask, Chat):
        return
    lost = _lost(record, ask.fields)
    if not lost:
        return
    spoiled = route_of(ask, model.target) == "completions" and _acts(ask.fields, model, "chat")
    if task.constraint is not None:
        way = options[task.constraint.option]
        raise Unaskable(_without(task.constraint, way, lost, ask, model, spoiled=spoiled))
    if spoiled:
        option, name = writer(model.target), " and ".join(lost)
        raise Unaskable(
            f"{option}: {task.name} asks with {name}, which acts over chat only: {_why(lost)}; "
            f"leave {option} out, or choose another task"
        )


def _without(
    constraint: Constraint,
    way: str,
    lost: Mapping[str, str],
    ask: Chat,
    model: Speaker,
    *,
    spoiled: bool,
) -> str:
    """Say that a constraint would not act, which ones would, and how to ask for one."""
    option, route = constraint.option, route_of(ask, model.target)
    others = [name for name, fields in constraint.ways.items() if _acts(fields, model, route)]
    fixes = [f"leave {writer(model.target)} out"] if spoiled else []
    if others:
        fixes.append(f"take one that it has, as with --task-set {option}={others[0]}")
    has = (
        f"It has {', '.join(others)}" if others else f"It has none of {', '.join(constraint.ways)}"
    )
    fix = ", or ".join(fixes) or "choose an engine that has one, or a task without"
    return (
        f"--task-set {option}={way}: the score is what this does to the answers, and it would do "
        f"nothing: {_why(lost)}. {has}; {fix}"
    )


def _lost(record: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, str]:
    """Give the fields that are known not to act, each with the reason."""
    entries = {name: record["parameters"].get(canonical(name)) or {} for name in fields}
    return {
        name: str(entry.get("reason") or f"{name} is {entry['action']}")
        for name, entry in entries.items()
        if entry.get("action") in _LOST
    }


def _why(lost: Mapping[str, str]) -> str:
    return "; ".join(lost.values())


def _acts(fields: Mapping[str, Any], model: Speaker, route: Route) -> bool:
    """Whether the engine is known to act on all of some fields on a route."""
    engine = model.found.server.engine
    dialect = dialect_for(engine, route, model.target.model) if isinstance(engine, str) else None
    if dialect is None:
        return False
    facts = EngineFacts(dialect.engine)
    resolver = Resolver(dialect, model=model.target.model, facts=facts, route=route, mode="report")
    entries = resolver.resolve(fields).record.document()["parameters"]
    found = [entries.get(canonical(name), {}) for name in fields]
    return all(
        each.get("action") not in _LOST and each.get("evidence") not in (None, "unknown")
        for each in found
    )
