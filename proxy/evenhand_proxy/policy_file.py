"""Loading a policy: a YAML file of rules, with errors that name rule, key and fix."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from evenhand_proxy.config_file import read_tree
from evenhand_proxy.decoding import (
    ABSENT,
    PARAMETERS,
    SPELLINGS,
    DecodingError,
    Policy,
    PolicyRule,
    canonical,
    nearest,
)
from evenhand_proxy.decoding.policy_ways import UNBOUNDED, no_bound
from evenhand_proxy.decoding.record import PolicyAction
from evenhand_proxy.errors import ConfigError

NEED_VALUE: Final = ("default", "pin", "cap", "floor")
NUMERIC: Final = ("cap", "floor")

ROUTES: Final = ("chat", "completions", "responses", "messages")
"""What patterns on routes are held against: the names of the routes that decode."""

_EXACT: Final = 2**53
"""Whole numbers up to here are the same as floats."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a rule is about: patterns such as `glm-*`; what is left out fits all."""

    models: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as it stands in the file; `value` is null where the action takes none."""

    name: str
    action: PolicyAction
    parameter: str
    value: Any = None
    match: Match = field(default_factory=Match)
    mode: Literal["enforce", "shadow"] = "enforce"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """The whole file; rules are None where the file does not say that there are none."""

    rules: tuple[Entry, ...] | None = None


def load_policy(path: Path, environment: Mapping[str, str] | None = None) -> Policy:
    """Load and check a policy file.

    Raises:
        ConfigError: the file cannot be read, or a rule of it cannot be used.

    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; name an existing file") from error
    return policy_from(text, str(path), os.environ if environment is None else environment)


def policy_from(text: str, name: str, environment: Mapping[str, str]) -> Policy:
    """Read a policy from text; `name` stands for the file in errors."""
    try:
        entries = read_tree(text, name, environment, File, "a policy").rules
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # What YAML takes for a date, a tag or a cycle is found when the value is made.
        raise ConfigError(f"{name}: a value cannot be read: {error}; quote it") from error
    if entries is None:
        raise ConfigError(f"{name}: holds no rules; add them, or write `rules: []` for none")
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise ConfigError(f"{name}: rules.{entry.name}: stands there twice; rename one of them")
        seen.add(entry.name)
    return Policy(tuple(_rule(entry, f"{name}: rules.{entry.name}") for entry in entries))


def _rule(entry: Entry, where: str) -> PolicyRule:
    parameter = SPELLINGS.get(entry.parameter)
    if parameter is None:
        hint = nearest(entry.parameter, list(PARAMETERS))
        raise ConfigError(
            f"{where}.parameter: {entry.parameter!r} is no decoding parameter; {hint}"
        )
    value: Any = ABSENT
    if entry.action in NEED_VALUE:
        value = _value(entry, parameter, where)
    elif entry.value is not None:
        raise ConfigError(f"{where}.value: {entry.action} takes no value; leave it out")
    patterns = _patterns(entry.match, where)
    return PolicyRule(
        entry.name,
        entry.action,
        parameter,
        value,
        **patterns,
        enforce=entry.mode == "enforce",
        reason=entry.reason,
    )


def _patterns(match: Match, where: str) -> dict[str, tuple[str, ...]]:
    """Check the patterns: one that fits nothing would let pass in silence what it is for."""
    found: dict[str, tuple[str, ...]] = {}
    for name in ("models", "keys", "tags", "routes"):
        patterns = getattr(match, name)
        if patterns == ():
            raise ConfigError(f"{where}.match.{name}: is empty; leave it out to match all")
        found[name] = patterns or ()
    for pattern in found["routes"]:
        if not any(fnmatchcase(route, pattern) for route in ROUTES):
            raise ConfigError(
                f"{where}.match.routes: {pattern!r} fits no route that decodes; "
                f"{nearest(pattern, ROUTES)}"
            )
    return found


def _value(entry: Entry, parameter: str, where: str) -> Any:
    if entry.value is None:
        raise ConfigError(f"{where}.value: {entry.action} needs one; add it")
    if entry.action in NUMERIC and PARAMETERS[parameter].kind not in ("number", "integer"):
        raise ConfigError(f"{where}.action: {parameter} is no number; use pin or forbid")
    try:
        value = canonical({parameter: entry.value})[parameter]
        json.dumps(value, allow_nan=False)
    except DecodingError as error:
        raise ConfigError(f"{where}.value: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}.value: JSON cannot hold it: {error}; quote it") from error
    if entry.action in NUMERIC and no_bound(parameter, value):
        raise ConfigError(
            f"{where}.value: {parameter} {value} means no bound, and a {entry.action} is one; "
            f"write a number that is not in {UNBOUNDED[parameter]}"
        )
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    return int(value) if whole else value
