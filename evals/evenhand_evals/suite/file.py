"""A suite as a file says it: models, tasks, judge, sampling and budget, checked key by key.

`read_suite` reads a YAML file or a shipped suite by name. What a wrong key or value is, and on
which line, is said before anything is asked of an endpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import orjson

from evenhand_evals.errors import UsageError
from evenhand_evals.settings import (
    CONCURRENCY,
    DEFAULT_KEY_VARIABLE,
    TIMEOUT,
    Named,
    Target,
    nearest_names,
    normalise_url,
    parse_settings,
)
from evenhand_evals.yaml_tree import SHORT, Document, called, parse_yaml, read_yaml
from evenhand_proxy.decoding import Mode

FOLDER = "suites"
SUFFIXES = (".yaml", ".yml")
WHAT = "a suite"
WIDEST = "*?["
"""The characters that make a task's name a pattern."""
LONGEST_NAME = 255
"""The most bytes that file systems give a folder's name."""
FILES_OF_A_SUITE = ("suite.json", "report.html")
"""What stands beside the models' folders."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a suite; the keys are those of `evenhand eval run`, `set` is a mapping.

    `name` is its folder and its column in the report, the model's own name if it is left out.
    `stream` is the suite's if it is left out.
    """

    base_url: str
    model: str
    name: str | None = None
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, metadata=called("set"))
    key_variable: str = field(default=DEFAULT_KEY_VARIABLE, metadata=called("api_key_env"))
    engine: str = "auto"
    mode: Mode = "pin"
    interface: Literal["chat", "completions"] | None = None
    template: Literal["served", "plain", "chatml", "glm", "llama"] = "served"
    timeout: float = TIMEOUT
    stream: bool | None = None

    @property
    def label(self) -> str:
        """The model's name in tables, which is a folder's name too."""
        return (self.model if self.name is None else self.name).replace("/", "_")


@dataclass(frozen=True, slots=True)
class JudgeEntry:
    """The model that judges, for tasks that need one."""

    base_url: str
    model: str
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, metadata=called("set"))
    key_variable: str = field(default=DEFAULT_KEY_VARIABLE, metadata=called("api_key_env"))
    engine: str = "auto"
    mode: Mode = "pin"
    timeout: float = TIMEOUT


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which items are asked: all, so many, or so many or a share of each value of a field.

    `by` names a field of an item's metadata; `group` is there wherever a task has groups.
    """

    take: Literal["all"] = field(default="all", metadata=SHORT)
    limit: int | None = None
    by: str | None = None
    size: int | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """Tasks of a suite and what is said of them; `name` may be a pattern, or a task's own file.

    `show` and `hide` are patterns of metrics that the tables print (the logs have all).
    `languages` keeps the items of these languages: those of their field `language`, else of the
    words of their groups.
    """

    name: str = field(metadata=SHORT)
    limit: int | None = None
    repeats: int | None = None
    data: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict, metadata=called("set"))
    show: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sampling: Sampling | None = None

    def shows(self, metric: str) -> bool:
        """Whether the tables print a metric."""
        shown = not self.show or any(fnmatchcase(metric, each) for each in self.show)
        return shown and not any(fnmatchcase(metric, each) for each in self.hide)

    @property
    def texts(self) -> dict[str, str]:
        """The task's options as `--task-set` would have them; a list is joined by commas."""
        return {name: _option(value) for name, value in self.options.items()}


def _option(value: Any) -> str:
    """Write an option's value as a task reads it; YAML takes `yes` and `no` for booleans."""
    if isinstance(value, list):
        return ",".join(_option(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def folder_fault(name: str) -> str | None:
    """Say why a name cannot be that of a folder in the suite's own, None where it can."""
    if not name.strip():
        return "is empty"
    if name.startswith("."):
        return "begins with a full stop"
    if any(each in "/\\" or not each.isprintable() for each in name):
        return "holds a slash, a backslash or an unprintable character"
    if name in FILES_OF_A_SUITE:
        return "is the name of the suite's own file"
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    return None


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one call of the command may spend; None is no bound.

    `requests` and `completion_tokens` are counted as answers come in; what is under way when one
    is reached is given up. Answers that the cache has cost nothing.
    """

    requests: int | None = None
    minutes: float | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite: every model on every task; `stream` has answers come as streams."""

    tasks: tuple[TaskEntry, ...]
    models: tuple[ModelEntry, ...] = ()
    title: str = "Evaluation suite"
    judge: JudgeEntry | None = None
    sampling: Sampling = field(default_factory=Sampling)
    budget: Budget = field(default_factory=Budget)
    concurrency: str = str(CONCURRENCY)
    repeats: int = 1
    seed: int = 0
    stream: bool = False
    out: Path | None = None


def shipped_suites() -> list[str]:
    """Give the names of the suites that come with the package."""
    folder = files("evenhand_evals").joinpath("datasets", FOLDER)
    return sorted(
        each.name.removesuffix(SUFFIXES[0])
        for each in folder.iterdir()
        if each.name.endswith(SUFFIXES[0])
    )


def read_suite(name: str) -> Document[Suite]:
    """Read a suite from a YAML file, or a shipped one by its name.

    Raises:
        UsageError: there is none, or something in it cannot be used; with file, line and key.

    """
    if _is_file(name):
        document = read_yaml(Path(name), Suite, WHAT)
    else:
        document = parse_yaml(_shipped_text(name), f"{name}{SUFFIXES[0]}", Suite, WHAT)
    _check(document)
    return document


def suite_text(name: str) -> str:
    """Give the YAML of a suite, as `read_suite` finds it.

    Raises:
        UsageError: there is none, or something in it cannot be used.

    """
    read_suite(name)
    return Path(name).read_text("utf-8") if _is_file(name) else _shipped_text(name)


def _is_file(name: str) -> bool:
    return Path(name).suffix in SUFFIXES or Path(name).exists()


def _shipped_text(name: str) -> str:
    known = shipped_suites()
    if name not in known:
        hint = nearest_names(name, known)
        raise UsageError(f"SUITE: {name!r} is no file and no shipped suite; {hint}")
    place = files("evenhand_evals").joinpath("datasets", FOLDER, f"{name}{SUFFIXES[0]}")
    return place.read_text("utf-8")


def _check(document: Document[Suite]) -> None:
    suite = document.value
    if not suite.tasks:
        raise document.error("tasks", "is empty; name a task, such as gsm8k")
    _at_least_one(document, "repeats", suite.repeats)
    concurrency_of(document)
    _check_sampling(document, "sampling", suite.sampling)
    for key in ("requests", "completion_tokens"):
        _at_least_one(document, f"budget.{key}", getattr(suite.budget, key))
    if suite.budget.minutes is not None and not suite.budget.minutes > 0:
        raise document.error("budget.minutes", "must be above 0")
    for place, task in enumerate(suite.tasks):
        _check_task(document, f"tasks.{place}", task)
    for place, model in enumerate(suite.models):
        _check_speaker(document, f"models.{place}", model)
        _check_label(document, f"models.{place}", model)
        if model.label in [each.label for each in suite.models[:place]]:
            raise document.error(
                f"models.{place}.name", f"{model.label!r} stands twice; give each model a name"
            )
    if suite.judge is not None:
        _check_speaker(document, "judge", suite.judge)


def concurrency_of(document: Document[Suite]) -> int | None:
    """Give how many requests are under way at once, None to find out what the endpoint takes.

    Raises:
        UsageError: it is neither a positive number nor `auto`.

    """
    text = document.value.concurrency
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise document.error("concurrency", f"{text!r} is neither a positive number nor auto")
    return int(text)


def _at_least_one(document: Document[Suite], key: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise document.error(key, f"{value} is below 1; write 1 or more, or leave it out")


def _check_task(document: Document[Suite], key: str, task: TaskEntry) -> None:
    _at_least_one(document, f"{key}.limit", task.limit)
    _at_least_one(document, f"{key}.repeats", task.repeats)
    if task.sampling is not None:
        _check_sampling(document, f"{key}.sampling", task.sampling)
    if task.data is not None and any(each in task.name for each in WIDEST):
        raise document.error(f"{key}.data", "belongs to one task; name it without a pattern")
    settings_of(document, f"{key}.set", task.parameters)


def _check_label(document: Document[Suite], key: str, model: ModelEntry) -> None:
    fault = folder_fault(model.label)
    if fault is None:
        return
    if model.name is not None:
        message = f"{model.name!r} {fault}, and is to be a folder's name; take another"
        raise document.error(f"{key}.name", message)
    message = f"{model.model!r} {fault}, and is to be a folder's name; give the model another: name"
    raise document.error(f"{key}.model", message)


def _check_sampling(document: Document[Suite], key: str, sampling: Sampling) -> None:
    _at_least_one(document, f"{key}.limit", sampling.limit)
    _at_least_one(document, f"{key}.size", sampling.size)
    drawn = [each for each in ("size", "share") if getattr(sampling, each) is not None]
    if sampling.by is None and drawn:
        raise document.error(f"{key}.{drawn[0]}", "is of each value of a field; name it with by")
    if sampling.by is not None and len(drawn) != 1:
        raise document.error(f"{key}.by", "needs size or share, and one of them only")
    if sampling.share is not None and not 0 < sampling.share <= 1:
        raise document.error(f"{key}.share", f"{sampling.share} is not above 0 and at most 1")


def _check_speaker(document: Document[Suite], key: str, entry: ModelEntry | JudgeEntry) -> None:
    try:
        normalise_url(entry.base_url)
    except UsageError as error:
        message = str(error).removeprefix("--base-url: ")
        raise document.error(f"{key}.base_url", message) from error
    if entry.timeout <= 0:
        raise document.error(f"{key}.timeout", "must be above 0 seconds")
    settings_of(document, f"{key}.set", entry.parameters)


def settings_of(
    document: Document[Suite], key: str, values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Read decoding parameters as `--set` does.

    Raises:
        UsageError: a name is no decoding parameter, or a value cannot be sent.

    """
    for name, value in values.items():
        try:
            parse_settings([f"{name}={orjson.dumps(value).decode()}"])
        except (UsageError, orjson.JSONEncodeError) as error:
            message = str(error).removeprefix("--set ").removeprefix(f"{name}: ")
            raise document.error(f"{key}.{name}", message) from error
    return values


BY_KEYS = Named("base_url", "model", "api_key_env", "profile", "set")
JUDGE_BY_KEYS = Named(
    "judge.base_url", "judge.model", "judge.api_key_env", "judge.profile", "judge.set"
)


def judge_target(entry: JudgeEntry, named: Named = JUDGE_BY_KEYS) -> Target:
    """Give the judge as a run asks it; `named` is what named it."""
    return Target(
        normalise_url(entry.base_url),
        entry.model,
        entry.profile,
        entry.parameters,
        entry.timeout,
        entry.mode,
        entry.engine,
        entry.key_variable,
        named=named,
    )
