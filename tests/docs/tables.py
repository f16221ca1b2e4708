"""Markdown tables and the values in their cells."""

import json
from collections.abc import Iterable, Sequence

Row = tuple[str, ...]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def code(value: object) -> str:
    """Give a word as code."""
    return f"`{value}`"


def as_json(value: object) -> str:
    """Give a value as code, the way JSON writes it."""
    return code(json.dumps(value, ensure_ascii=False))


def listed(names: Iterable[str]) -> str:
    """Give names as code, with commas between them."""
    return ", ".join(map(code, names))
