"""Prompt templates of a user's own tasks.

`{field}` is a field of the row, `{{` and `}}` are braces. A list is written one entry a line, and
`{options:letters}` writes it as `A. one`, `B. two`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.settings import nearest_names

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"([\w.\- ]+?)(?::(letters))?")
_BRACES: Final = {"{{": "{", "}}": "}"}
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a data set; `where` names it in messages, `images` are those that it brings."""

    where: str
    values: Mapping[str, Any]
    images: tuple[bytes, ...] = ()

    def get(self, name: str) -> Any:
        """Give a field.

        Raises:
            DataError: the row has none of that name.

        """
        if name not in self.values:
            hint = nearest_names(name, sorted(self.values), shown=12)
            raise DataError(f"{self.where}: the field {name!r} is missing; {hint}")
        return self.values[name]

    def text(self, name: str) -> str:
        """Give a field as text: a number or a truth value as JSON writes it.

        Raises:
            DataError: it is missing, null, a list or an object.

        """
        value = self.get(name)
        found = plain_text(value)
        if found is None:
            kind = "null" if value is None else type(value).__name__
            raise DataError(f"{self.where}: the field {name!r} is {kind}, not a text or number")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a field that is a list of texts or numbers, at least one.

        Raises:
            DataError: it is missing or no such list.

        """
        value = self.get(name)
        found = [plain_text(each) for each in value] if isinstance(value, list) else []
        texts = tuple(each for each in found if each is not None)
        if not texts or len(texts) < len(found):
            raise DataError(
                f"{self.where}: the field {name!r} is {str(value)[:60]!r}, not a list of texts"
            )
        return texts


def plain_text(value: Any) -> str | None:
    """Give a JSON scalar as text, None for what is none."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def lettered(options: Sequence[str]) -> str:
    """Write options one a line, each after its letter."""
    return "\n".join(f"{letter}. {each}" for letter, each in zip(LETTERS, options, strict=False))


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for fields; `pieces` are texts, and pairs of a field and its form."""

    pieces: tuple[str | tuple[str, str | None], ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are named, each once."""
        return tuple(dict.fromkeys(each[0] for each in self.pieces if isinstance(each, tuple)))

    @property
    def lettered(self) -> tuple[str, ...]:
        """The fields whose entries are written after letters."""
        return tuple(each[0] for each in self.pieces if isinstance(each, tuple) and each[1])

    def fill(self, row: Row) -> str:
        """Write the text with a row's fields.

        Raises:
            DataError: the row lacks a field, or it cannot be written as text.

        """
        return "".join(
            each if isinstance(each, str) else _written(row, *each) for each in self.pieces
        )


def _written(row: Row, name: str, form: str | None) -> str:
    if form == "letters":
        options = row.texts(name)
        if len(options) > len(LETTERS):
            raise DataError(f"{row.where}: the field {name!r} has more options than letters")
        return lettered(options)
    if isinstance(row.get(name), list):
        return "\n".join(row.texts(name))
    return row.text(name)


def template(text: str) -> Template:
    """Read a template.

    Raises:
        UsageError: a brace has no partner, or what stands between two is no field's name.

    """
    pieces: list[str | tuple[str, str | None]] = []
    end = 0
    for found in _PIECE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found.group() in _BRACES:
            pieces.append(_BRACES[found.group()])
            continue
        name = _NAME.fullmatch(found[1] or "")
        if name is None:
            raise UsageError(
                f"{found.group()!r} is no {{field}}; write {{{{ and }}}} for braces of the text"
            )
        pieces.append((name[1].strip(), name[2]))
    pieces.append(text[end:])
    return Template(tuple(each for each in pieces if each))


def check_fields(fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Check that each field is in some row at least.

    Raises:
        UsageError: a field is in no row.

    """
    known = sorted({name for row in rows for name in row.values})
    for name in fields:
        if name not in known:
            hint = nearest_names(name, known, shown=12)
            raise UsageError(f"{{{name}}} is a field of no row; {hint}")
