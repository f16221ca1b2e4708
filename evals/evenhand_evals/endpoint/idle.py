"""Options that can have no effect on a task, because of how it asks.

A manifest that names them would claim what never happened, so a run is made without them and says
so in a note: in a suite they belong to a model, and serve its other tasks. `evenhand eval run`,
where they can only be a mistake, refuses them.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import orjson

from evenhand_evals.endpoint.templates import SERVED
from evenhand_evals.errors import UsageError
from evenhand_evals.settings import RunSettings
from evenhand_evals.types import Interface, Task
from evenhand_proxy.decoding import PROFILES

_UNSET: Final[Mapping[str, Any]] = MappingProxyType(
    {"template": SERVED, "interface": None, "stream": False, "profile": None, "parameters": {}}
)
_WHY: Final[Mapping[Interface, str]] = MappingProxyType(
    {
        "likelihood": "which asks for the likelihood of given texts: no chat is written, and "
        "nothing is generated",
        "completions": "which asks whole texts as they stand: no chat is written here",
        "chat": "whose chats the template writes for /completions",
    }
)


def acting(task: Task, settings: RunSettings) -> tuple[RunSettings, tuple[str, ...]]:
    """Give the settings without those that cannot act, and a note for the reader on these."""
    found = _idle(task, settings)
    if not found:
        return settings, ()
    names = ", ".join(name for names in found.values() for name in names)
    note = f"{names}: no effect on {task.name}, {_WHY[task.interface]}; the run is without"
    return replace(settings, **{name: _UNSET[name] for name in found}), (note,)


def check_acting(task: Task, settings: RunSettings) -> None:
    """Check that every option can have an effect on a task.

    Raises:
        UsageError: one cannot.

    """
    options = [f"--{name}" for names in _idle(task, settings).values() for name in names]
    if options:
        them = "it" if len(options) == 1 else "them"
        raise UsageError(
            f"{', '.join(options)}: no effect on {task.name}, {_WHY[task.interface]}; "
            f"leave {them} out"
        )


def _idle(task: Task, settings: RunSettings) -> dict[str, tuple[str, ...]]:
    """Give the settings that cannot act by their names, each as the command line has it."""
    measured = task.interface == "likelihood"
    templated = settings.template != SERVED
    found: dict[str, tuple[str, ...]] = {}
    if templated and task.interface != "chat":
        found["template"] = (f"template {settings.template}",)
    beside = task.interface == "chat" and templated and settings.interface == "chat"
    if settings.interface is not None and (measured or beside):
        found["interface"] = (f"interface {settings.interface}",)
    return {**found, **_of_decoding(settings)} if measured else found


def _of_decoding(settings: RunSettings) -> dict[str, tuple[str, ...]]:
    """Give the settings that say how an answer is generated, and how it comes."""
    found: dict[str, tuple[str, ...]] = {}
    if settings.stream:
        found["stream"] = ("stream",)
    # A profile that only the proxy knows is part of the model's name, and may act there.
    if settings.profile in PROFILES:
        found["profile"] = (f"profile {settings.profile}",)
    if settings.parameters:
        given = settings.parameters.items()
        found["parameters"] = tuple(f"set {name}={_text(value)}" for name, value in given)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
