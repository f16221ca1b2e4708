"""How an engine spells a parameter: as the proxy does, so that a verdict is of what is sent."""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.attest.asker import Route
from evenhand_proxy.decoding import EngineFacts, Resolver, dialect_for


def written(engine: str, route: Route, model: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that say the same to an engine, none where its dialect has no such field.

    `asked` are fields in any spelling that the proxy reads.
    """
    dialect = dialect_for(engine, route, model)
    if dialect is None:
        return {}
    return Resolver(dialect, model=model, facts=EngineFacts(engine)).resolve(asked).apply({})
