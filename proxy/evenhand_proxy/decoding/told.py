"""An engine's answers, read with care: anything may stand in them, and nothing else is raised."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from evenhand_proxy.decoding.errors import IntrospectionError


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known beside the answers; the fields are the arguments of `facts_from`."""

    model: str | None = None
    generation_config: Mapping[str, Any] | None = None
    transformers: str | None = None
    template: str | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """The answers of one engine by the names of their questions, and the paths of these."""

    engine: str
    answers: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    hints: Hints = Hints()

    def mapping(self, question: str) -> Mapping[str, Any]:
        """Give an answer that is an object, else an empty one."""
        return mapping(self.answers.get(question))

    def required(self, question: str, *keys: str) -> Mapping[str, Any]:
        """Give an answer that is an object with at least one of the keys (with any, if none).

        Raises:
            IntrospectionError: it is missing, no object, or has none of the keys.

        """
        answer = self.answers.get(question)
        if not isinstance(answer, Mapping):
            raise self.error(question, f"the answer is no object but {kind(answer)}")
        if keys and not any(key in answer for key in keys):
            raise self.error(question, f"the answer lacks {' and '.join(keys)}")
        return answer

    def models(self) -> tuple[Mapping[str, Any], ...]:
        """Give the entries of `GET /v1/models`, none where it was not answered so."""
        listed = self.mapping("models").get("data")
        entries = listed if isinstance(listed, list) else []
        return tuple(entry for entry in entries if isinstance(entry, Mapping))

    def entry(self) -> Mapping[str, Any]:
        """Give the model's own entry of `GET /v1/models`, or the only one, or an empty one."""
        entries = self.models()
        named = [entry for entry in entries if entry.get("id") == self.hints.model]
        return (named or (list(entries) if len(entries) == 1 else []) or [{}])[0]

    def error(self, question: str, reason: str) -> IntrospectionError:
        """Make the error that says what is wrong with an answer."""
        return IntrospectionError(self.engine, self.paths.get(question, question), reason)


def mapping(value: Any) -> Mapping[str, Any]:
    """Give an object as it is, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str | None:
    """Give text that is not empty, None for anything else."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """Give a finite number (an int stays one), None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def count(value: Any) -> int | None:
    """Give a whole number above 0, None for anything else."""
    found = number(value)
    return found if isinstance(found, int) and found > 0 else None


def kind(value: Any) -> str:
    """Say what a JSON value is, for an error."""
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "a switch",
        type(None): "nothing",
    }
    return names.get(type(value), "a number")


def weights(path: str | None, version: Any = None) -> str | None:
    """Name weights by the last part of their path and by a version, if it says anything.

    A folder of the Hugging Face cache is named by its repository and commit.

    >>> weights("/hub/models--THUDM--GLM-4-9B-0414/snapshots/0123456789abcdef")
    'THUDM/GLM-4-9B-0414@0123456789ab'
    """
    parts = PurePosixPath(path).parts if path else ()
    name = parts[-1] if parts else ""
    cached = re.search(r"models--(.+?)/snapshots/([0-9a-f]{12})[0-9a-f]*/?$", path or "")
    if cached:
        name = f"{cached[1].replace('--', '/')}@{cached[2]}"
    if text(version) and version != "default":
        name = f"{name} {version}".strip()
    return name or None
