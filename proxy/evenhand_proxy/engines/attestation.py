"""Verdicts of an earlier attestation, taken as evidence only for the very engine it tested."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand_proxy.decoding import EngineFacts
from evenhand_proxy.decoding.facts import digest

FORMAT = 1
_SAME = ("name", "version", "weights")


def attested(facts: EngineFacts, file: Path) -> tuple[EngineFacts, str | None]:
    """Add the verdicts of an attestation's document to the facts. Blocking.

    Returns:
        The facts, and why the document does not count if it does not: it cannot be read, or its
        engine has another name, version or weights than the running one, or a proxy stood
        between, whose policies may have changed what was asked.

    """
    try:
        text = file.read_text("utf-8")
        document = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        return facts, f"attestation {file} cannot be read: {error}"
    refusal = refusal_of(document, file)
    if refusal is not None:
        return facts, refusal
    tested, running = document.get("engine"), facts.identity()
    tested = tested if isinstance(tested, dict) else {}
    other = [name for name in _SAME if tested.get(name) != running.get(name)]
    if other:
        differs = ", ".join(
            f"{name} {tested.get(name)!r} is now {running.get(name)!r}" for name in other
        )
        return facts, f"attestation {file} is of another engine ({differs}); attest this one anew"
    route = document.get("route")
    found = replace(
        facts,
        attested=_verdicts(document.get("verdicts")),
        attestation_id=digest(text),
        attested_route=route if isinstance(route, str) else None,
    )
    return found, None


def refusal_of(document: Any, file: Path) -> str | None:
    """Say why a document counts for no engine at all; None if it may count for one."""
    if not isinstance(document, dict) or document.get("evenhand_attestation") != FORMAT:
        return f"{file} is no attestation of format {FORMAT}; make one with evenhand attest"
    if document.get("through_proxy"):
        return f"attestation {file} was made through a proxy; attest the engine itself"
    return None


def _verdicts(document: Any) -> dict[str, str]:
    verdicts = document if isinstance(document, Mapping) else {}
    return {
        str(name): entry["verdict"]
        for name, entry in verdicts.items()
        if isinstance(entry, Mapping) and isinstance(entry.get("verdict"), str)
    }
