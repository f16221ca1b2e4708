"""What a run says of options of `evenhand eval run`, in the words of a suite's file."""

import re
from collections.abc import Mapping
from typing import Any, Final

from evenhand_evals.yaml_tree import Document

_OPTION = re.compile(r"--task-set ([a-z_]+)=([^\s;,:]+)((?:,[^\s;,:]+)*)")
_SET = re.compile(r"--set ([A-Za-z_]+)=([^\s;,:]+)")
_NAMES: Final[Mapping[str, str]] = {
    "--task-set": "options:",
    "--data": "data:",
    "--template": "template:",
    "--interface": "interface:",
    "--profile": "profile:",
    "--timeout": "timeout:",
    "--engine": "engine:",
    "--resume: ": "",
}
"""Options that a suite has as keys; of `evenhand eval suite` too are those that are not here."""
_OF_MODEL: Final = ("template:", "interface:", "profile:", "timeout:", "engine:")


def in_suite_words(text: str) -> str:
    """Put a message of a run into the words of a suite, and say where these belong."""
    said = _OPTION.sub(_as_mapping, text)
    said = _SET.sub(r"set: {\1: \2}", said)
    for option, key in _NAMES.items():
        said = re.sub(rf"(?<!\S){option}(?::(?=\s))?(?!-)", key, said)
    if said == text or said == text.replace("--resume: ", ""):
        return said
    owner = "model's" if any(key in said for key in _OF_MODEL) else "task's"
    return f"{said} (in the {owner} entry of the suite)"


def _as_mapping(match: "re.Match[str]") -> str:
    name, first, more = match.groups()
    values = f"[{', '.join((first, *more.split(',')[1:]))}]" if more else first
    return f"options: {{{name}: {values}}}"


def located(document: Document[Any], task: str, model: str | None, text: str) -> str:
    """Give the file and line that a run's message is of, and the message in a suite's words.

    `task` and `model` are keys of the document, such as `tasks.0`; a model that the command line
    names has none.
    """
    said = in_suite_words(text)
    key = next((key for word, key in _KEYS.items() if text.startswith(word)), "")
    owner = model if key in ("profile", "template", "interface") else task
    if owner is None:
        return said
    path = f"{owner}.{key}" if key else owner
    if path not in document.lines and key in document.lines:
        path = key
    return f"{document.name}:{document.line(path)}: {said}"


_KEYS: Final[Mapping[str, str]] = {
    "--data": "data",
    "no data": "data",
    "--task-set": "options",
    "sampling": "sampling",
    "languages": "languages",
    "--profile": "profile",
    "--template": "template",
    "--interface": "interface",
}
"""How a message begins, and the key that it is of."""
