"""What a run says of options of `evenhand eval run`, in the words of a suite's file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evenhand_evals.yaml_tree import Document

_OPTION = re.compile(r"--task-set ([a-z_]+)=([^\s;,:]+)((?:,[^\s;,:]+)*)")
_SET = re.compile(r"--set ([A-Za-z_]+)=([^\s;,:]+)")
_OF_TASK: Final[Mapping[str, str]] = {
    "--task-set": "options:",
    "--data": "data:",
    "--resume: ": "",
}
_OF_MODEL: Final[Mapping[str, str]] = {
    "--template": "template:",
    "--interface": "interface:",
    "--timeout": "timeout:",
    "--engine": "engine:",
    "--api-key-env": "api_key_env:",
}
"""Options that a suite has as keys; of `evenhand eval suite` too are those that are not here."""
_MODEL_KEYS: Final = frozenset(
    ("base_url", "model", "api_key_env", "profile", "template", "interface", "engine")
)
_KEYS: Final[Mapping[str, str]] = {
    "--data": "data",
    "no data": "data",
    "--task-set": "options",
    "sampling": "sampling",
    "languages": "languages",
    "base_url:": "base_url",
    "model:": "model",
    "api_key_env:": "api_key_env",
    "profile:": "profile",
    "--template": "template",
    "--interface": "interface",
    "--engine": "engine",
    "--api-key-env": "api_key_env",
}
"""How a message begins, and the key that it is of."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run stands in a suite's file: the keys of its task and its model.

    `task` and `model` are keys of the document, such as `tasks.0`; a model that the command line
    names has none, and is spoken of by its options.
    """

    document: Document[Any]
    task: str
    model: str | None

    def words(self, text: str) -> str:
        """Put a message of the run into the words of the suite, and say where these belong."""
        said = _SET.sub(r"set: {\1: \2}", _OPTION.sub(_as_mapping, text))
        of_task = _renamed(said, _OF_TASK)
        said = of_task if self.model is None else _renamed(of_task, _OF_MODEL)
        if said == text.replace("--resume: ", ""):
            return said
        owner = "task's" if said == of_task else "model's"
        return f"{said} (in the {owner} entry of the suite)"

    def located(self, text: str) -> str:
        """Give the file and line that a message of the run is of, and it in the suite's words."""
        said, key = self.words(text), _key(text)
        owner = self.model if key in _MODEL_KEYS else self.task
        if owner is None:
            return said
        path = f"{owner}.{key}" if key else owner
        if path not in self.document.lines and key in self.document.lines:
            path = key
        return f"{self.document.name}:{self.document.line(path)}: {said}"

    def of_endpoint(self, text: str, *, judge: bool) -> str:
        """Give the file, line and key of the model, or the judge, that a message is of, and it."""
        key = text.partition(":")[0] if judge else _key(text)
        owner = ("judge" if "judge" in self.document.lines else None) if judge else self.model
        said = _renamed(text, _OF_MODEL) if judge else self.words(text)
        if owner is None:
            return said
        if judge:
            path = key if key.startswith(f"{owner}.") else owner
        else:
            path = f"{owner}.{key}" if key in _MODEL_KEYS else owner
        shown = said if path != owner else f"{owner}: {said}"
        return f"{self.document.name}:{self.document.line(path)}: {shown}"

    def told(self, error: Exception, *, of_file: bool) -> str:
        """Give an error's message; with file and line if it is `of_file`, or names a key."""
        text = str(error)
        return self.located(text) if of_file or _key(text) in _MODEL_KEYS else self.words(text)


def _key(text: str) -> str:
    return next((key for word, key in _KEYS.items() if text.startswith(word)), "")


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for option, key in names.items():
        text = re.sub(rf"(?<!\S){option}(?::(?=\s))?(?!-)", key, text)
    return text


def _as_mapping(match: "re.Match[str]") -> str:
    name, first, more = match.groups()
    values = f"[{', '.join((first, *more.split(',')[1:]))}]" if more else first
    return f"options: {{{name}: {values}}}"
