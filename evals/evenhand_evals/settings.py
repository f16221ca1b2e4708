"""What the user asked a run to be, and the decoding parameters that follow from it."""

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from evenhand_evals.errors import UsageError
from evenhand_evals.token_counts import Tokens, estimated
from evenhand_evals.tokens import served
from evenhand_evals.types import DataSource, Interface, Task
from evenhand_proxy.decoding import PROFILES, SPELLINGS, DecodingError, Mode, parse_setting
from evenhand_proxy.decoding import canonical as checked

DEFAULT_KEY_VARIABLE = "OPENAI_API_KEY"
DATA_VARIABLE = "EVENHAND_DATA"
CONCURRENCY = 4
TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Named:
    """What the user named a model by: the options, or the keys of a file, that errors are to name.

    `key` is what names the variable of the endpoint's key.
    """

    base_url: str = "--base-url"
    model: str = "--model"
    key: str = "--api-key-env"
    profile: str = "--profile"
    set: str = "--set"


BY_OPTIONS = Named()
JUDGE_BY_OPTIONS = Named(
    "--judge-url", "--judge-model", "--judge-api-key-env", "--judge-profile", "--judge-set"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A model at an endpoint, as it was asked for.

    `parameters` are the user's settings by wire name, as written. `timeout` is the longest wait
    for one answer, in seconds. `mode` is how decoding is resolved: `pin` sends every default that
    is known, so that none can act unseen. `engine` names the engine behind an endpoint that is no
    Evenhand proxy, `auto` asks it. `template` writes chats as prompts for `/completions`, `served`
    leaves that to the server. `interface` forces one where a task asks by another, None leaves the
    task's own. `stream` has answers come as streams. `named` says what errors are to blame.
    """

    base_url: str
    model: str
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = TIMEOUT
    mode: Mode = "pin"
    engine: str = "auto"
    key_variable: str = DEFAULT_KEY_VARIABLE
    template: str = "served"
    interface: Interface | None = None
    stream: bool = False
    named: Named = BY_OPTIONS


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One run as it was asked for, checked but not yet confronted with the endpoint.

    What says how the model is asked is explained in `Target`. `limit` is None for the whole data
    set. `concurrency` is how many requests are under way at once, None leaves it to the endpoint.
    `judge` is the model that judges, for tasks that need one. `cache` is the folder of answers kept
    between runs, None to ask everything anew. `options` are settings of the task itself, as
    written.
    """

    base_url: str
    model: str
    out: Path
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    repeats: int = 1
    limit: int | None = None
    seed: int = 0
    concurrency: int | None = CONCURRENCY
    timeout: float = TIMEOUT
    data: Path | None = None
    resume: bool = False
    mode: Mode = "pin"
    engine: str = "auto"
    key_variable: str = DEFAULT_KEY_VARIABLE
    template: str = "served"
    interface: Interface | None = None
    judge: Target | None = None
    cache: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    named: Named = BY_OPTIONS

    @property
    def target(self) -> Target:
        """The model that is evaluated."""
        return Target(
            self.base_url,
            self.model,
            self.profile,
            self.parameters,
            self.timeout,
            self.mode,
            self.engine,
            self.key_variable,
            self.template,
            self.interface,
            self.stream,
            self.named,
        )

    @property
    def source(self) -> DataSource:
        """Where the task may find its data."""
        key = api_key(self.key_variable, self.named.key)
        tokens = cache(partial(served, self.base_url, self.model, key))
        return data_source(self.data, self.seed, self.options, tokens)


@dataclass(frozen=True, slots=True)
class Decoding:
    """The parameters that each request carries, and a profile that only the proxy can resolve.

    `parameters` go on the wire as they stand; `by_task` names those that the task's budget set;
    `proxy_profile` is the profile to ask for by `model@profile`, None where there is no need.
    """

    parameters: Mapping[str, Any]
    by_task: tuple[str, ...]
    proxy_profile: str | None

    def for_repeat(self, repeat: int) -> dict[str, Any]:
        """Give the parameters of one repeat: a seed that is set grows by one with each repeat."""
        return {
            name: value + repeat if canonical(name) == "seed" and _is_integer(value) else value
            for name, value in self.parameters.items()
        }

    def beside(self, fields: Mapping[str, Any], repeat: int) -> dict[str, Any]:
        """Give the parameters of one repeat with an item's own fields, under what the user set.

        What only the task's budget set gives way to the item. A dotted name has become an object.
        """
        ours = self.for_repeat(repeat)
        if not fields:
            return nested(ours)
        asked = {canonical(name) for name in ours if name not in self.by_task}
        own = {name: value for name, value in fields.items() if canonical(name) not in asked}
        taken = {canonical(name) for name in own}
        return nested({**{k: v for k, v in ours.items() if canonical(k) not in taken}, **own})


def nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give parameters as they stand in a body: `{"a.b": 1}` is `{"a": {"b": 1}}`.

    Raises:
        UsageError: something that is no object stands where an object has to.

    """
    body: dict[str, Any] = {}
    for path, value in parameters.items():
        *above, last = path.split(".")
        place = body
        for depth, step in enumerate(above, start=1):
            inner = place.get(step, {})
            if not isinstance(inner, Mapping):
                there = ".".join(above[:depth])
                raise UsageError(
                    f"--set {path}: {there} is {inner!r}, not an object; set one of them"
                )
            place[step] = place = dict(inner)
        if last in place and not (isinstance(place[last], Mapping) and isinstance(value, Mapping)):
            raise UsageError(f"--set {path}: it is set twice; keep one of the two")
        place[last] = {**value, **place[last]} if last in place else value
    return body


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def canonical(name: str) -> str:
    """Give the canonical name of a decoding parameter; an unknown name stands for itself."""
    return SPELLINGS.get(name, name)


def data_source(
    path: Path | None,
    seed: int = 0,
    options: Mapping[str, str] | None = None,
    tokens: Callable[[], Tokens] = estimated,
) -> DataSource:
    """Give the data source from `--data` and the environment variable `EVENHAND_DATA`."""
    root = os.environ.get(DATA_VARIABLE)
    return DataSource(path, Path(root) if root else None, seed, options or {}, tokens)


def parse_options(texts: Sequence[str]) -> dict[str, str]:
    """Parse every `--task-set NAME=VALUE`; the task reads the values.

    Raises:
        UsageError: one has no `=`, or a name comes twice.

    """
    options: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"--task-set {text}: write NAME=VALUE")
        if name.strip() in options:
            raise UsageError(f"--task-set {text}: {name.strip()!r} is set twice; keep one")
        options[name.strip()] = value.strip()
    return options


def check_options(task: Task, options: Mapping[str, str]) -> None:
    """Check that a task has the options that were set.

    Raises:
        UsageError: it has not; the message names those it has.

    """
    for name in options:
        if name not in task.options:
            hint = nearest_names(name, list(task.options))
            raise UsageError(f"--task-set {name}: {task.name} has no such option; {hint}")


def api_key(variable: str, option: str = BY_OPTIONS.key) -> str | None:
    """Read the endpoint's key from the environment, None where there is none.

    Raises:
        UsageError: a variable other than the default was named and is not set.

    """
    value = os.environ.get(variable)
    if not value and variable != DEFAULT_KEY_VARIABLE:
        raise UsageError(
            f"{option}: the environment variable {variable!r} is not set; "
            "export it with the endpoint's key"
        )
    return value or None


def normalise_url(text: str, named: Named = BY_OPTIONS) -> str:
    """Give the base URL of the API: `/v1` is added where the URL has no path.

    Raises:
        UsageError: it is no http or https URL, or holds a user, a key or a query.

    """
    scheme, separator, rest = text.strip().partition("://")
    host, _, path = rest.partition("/")
    if "@" in (host or scheme) or "?" in rest:
        raise UsageError(
            f"{named.base_url}: a user, a key or a query inside the URL would be recorded; "
            f"put the key into an environment variable and name it with {named.key}"
        )
    plain = separator and scheme in ("http", "https") and not _MORE.search(rest)
    if not plain or not _is_authority(host):
        raise UsageError(
            f"{named.base_url}: {text!r} is not an http or https URL of a host, and perhaps a port "
            "from 1 to 65535 and a path; write it as in http://127.0.0.1:8000/v1"
        )
    path = path.strip("/")
    return f"{scheme}://{host}/{path or 'v1'}"


_MORE = re.compile(r"[#\s]")
"""What a base URL has none of: a fragment, blanks."""


def _is_authority(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname) and parts.port != 0 and not text.endswith(":")
    except ValueError:
        return False


def _check_sendable(name: str, value: Any, repeats: int) -> None:
    grows = canonical(name) == "seed" and _is_integer(value)
    for sent in (value, value + repeats - 1) if grows else (value,):
        try:
            orjson.dumps(sent)
        except orjson.JSONEncodeError as error:
            raise UsageError(
                f"--set {name}: {ascii(sent)[:80]} cannot be sent as JSON ({error}); "
                f"integers go from {-(2**63)} to {2**64 - 1}, and texts are UTF-8"
            ) from error


def parse_settings(texts: Sequence[str], repeats: int = 1) -> dict[str, Any]:
    """Parse every `--set NAME=VALUE`; with each of the `repeats` a seed grows by one.

    Raises:
        UsageError: one cannot be parsed or sent, or two set the same parameter.

    """
    parameters: dict[str, Any] = {}
    for text in texts:
        try:
            name, value = parse_setting(text)
        except DecodingError as error:
            raise UsageError(f"--set {error}") from error
        if any(canonical(name) == canonical(other) for other in parameters):
            raise UsageError(f"--set {text}: {canonical(name)!r} is set twice; keep one of the two")
        _check_sendable(name, value, repeats)
        if canonical(name) == "n" and value not in (None, 1):
            raise UsageError(
                f"--set {name}: {value!r} answers to a request, of which only the first would be "
                "read; leave it out, and say with repeats how often each item is asked"
            )
        parameters[name] = value
    nested(parameters)
    try:
        checked({name: value for name, value in parameters.items() if value is not None})
    except DecodingError as error:
        raise UsageError(f"--set {error}") from error
    return parameters


def decide(profile: str | None, parameters: Mapping[str, Any], budget: int) -> Decoding:
    """Decide what each request carries: the profile, then the user's settings, then the budget.

    The parameters of a profile that is known here are sent one by one, so that any endpoint gets
    them; another profile is left to the proxy. Nothing is filled in but the task's token budget.
    """
    known = PROFILES.get(profile) if profile else None
    merged: dict[str, Any] = dict(known.parameters) if known else {}
    for name, value in parameters.items():
        merged = {key: each for key, each in merged.items() if canonical(key) != canonical(name)}
        merged[name] = value
    by_task: tuple[str, ...] = ()
    if all(canonical(name) != "max_tokens" for name in merged):
        merged["max_tokens"] = budget
        by_task = ("max_tokens",)
    return Decoding(merged, by_task, profile if profile and known is None else None)


def nearest_names(name: str, known: Sequence[str], *, shown: int = 8) -> str:
    """Give a hint for a name that is not known: the nearest ones, or the first of all."""
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"did you mean {' or '.join(repr(each) for each in close)}?"
    listed = ", ".join(repr(each) for each in known[:shown])
    more = f" and {len(known) - shown} more" if len(known) > shown else ""
    return f"known: {listed}{more}" if known else "none is known"
