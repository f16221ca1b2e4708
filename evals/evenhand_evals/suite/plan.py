"""From a suite to its runs: every model on every task, each in a folder of its own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from evenhand_evals.errors import DataError, Unaskable, UsageError
from evenhand_evals.own.task import is_own_task, read_own_task
from evenhand_evals.sampling import stratified
from evenhand_evals.settings import (
    BY_OPTIONS,
    JUDGE_BY_OPTIONS,
    RunSettings,
    check_options,
    nearest_names,
    normalise_url,
)
from evenhand_evals.suite.file import (
    BY_KEYS,
    JUDGE_BY_KEYS,
    WIDEST,
    ModelEntry,
    Sampling,
    Suite,
    TaskEntry,
    concurrency_of,
    folder_fault,
    judge_target,
)
from evenhand_evals.suite.words import Origin
from evenhand_evals.types import Dataset, DataSource, Sample, Task
from evenhand_evals.yaml_tree import Document

_WORD = re.compile(r"[^\W_]+")
SHOWN = 12
"""How many languages or groups a message lists."""
NO_JUDGE = (
    "needs a judge, and the suite names none; give --judge-url and --judge-model, or the suite "
    "the key judge"
)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the command line says: fewer items, and only some of the tasks."""

    limit: int | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One model on one task; `own_data` says that the suite itself names its data.

    `place` is that of the task among those of the suite. `origin` is where the file says it.
    `beside` is how many tasks the entry stands for, asked or not.
    """

    model: ModelEntry
    entry: TaskEntry
    task: Task
    settings: RunSettings
    own_data: bool
    origin: Origin
    place: int = 0
    beside: int = 1

    @property
    def name(self) -> str:
        """The run's name in messages, which is its folder below the suite's."""
        return f"{self.model.label}/{self.task.name}"

    @property
    def drawing(self) -> Mapping[str, Any]:
        """What of the data is asked, as far as a run's manifest does not say it."""
        sampling = self.entry.sampling or Sampling()
        return {
            "by": sampling.by,
            "size": sampling.size,
            "share": sampling.share,
            "languages": list(self.entry.languages),
        }

    def is_to_blame(self, error: UsageError) -> bool:
        """Whether the suite has to be corrected for what came of loading the data.

        Where shipped data is not at hand or damaged it need not, whatever options it sets.
        """
        of_data = isinstance(error, DataError) and not str(error).startswith("--task-set")
        return self.own_data or not of_data


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A task that is not asked at all, and why."""

    task: str
    reason: str


def plan_suite(
    document: Document[Suite],
    out: Path,
    cache: Path | None,
    narrowing: Narrowing,
    *,
    judging: bool = True,
) -> tuple[list[PlannedRun], list[LeftOut]]:
    """Give the runs of a suite, task by task, and the tasks that cannot be asked with it.

    `judging` is false where nothing is asked, so that judged tasks need no judge.

    Raises:
        UsageError: a task is not known, an option is not the task's, or nothing is left to do.

    """
    suite = document.value
    if not suite.models:
        raise document.error("models", "is missing; add one, or give --base-url and --model")
    tasks = _tasks(document)
    places = {task.name: place for place, (_, task) in enumerate(tasks)}
    runs, left = [], []
    for entry, task in _narrowed(tasks, narrowing):
        if judging and task.judged and suite.judge is None:
            left.append(LeftOut(task.name, NO_JUDGE))
            continue
        made = [_run(document, out, cache, narrowing, model, entry, task) for model in suite.models]
        beside = sum(each is entry for each, _ in tasks)
        runs += [replace(run, place=places[task.name], beside=beside) for run in made]
    return runs, left


def _tasks(document: Document[Suite]) -> list[tuple[TaskEntry, Task]]:
    """Give each task once with what is said of it; its own name wins over a pattern."""
    from evenhand_evals.tasks import TASKS

    named: dict[int, Task] = {}
    for place, entry in enumerate(document.value.tasks):
        if is_pattern(entry):
            continue
        task = _own_or_shipped(document, f"tasks.{place}", entry, TASKS)
        if task.name in {each.name for each in named.values()}:
            raise document.error(f"tasks.{place}", f"{task.name} stands twice; keep one of them")
        named[place] = task
    taken = {each.name for each in named.values()}
    found: list[tuple[TaskEntry, Task]] = []
    for place, entry in enumerate(document.value.tasks):
        tasks = [named[place]] if place in named else []
        if place not in named:
            names = _matching(document, f"tasks.{place}", entry, list(TASKS))
            tasks = [TASKS[name] for name in names if name not in taken]
            taken.update(names)
        for task in tasks:
            _check_options(document, f"tasks.{place}", entry, task)
            found.append((entry, task))
    return found


def _matching(
    document: Document[Suite], key: str, entry: TaskEntry, known: Sequence[str]
) -> list[str]:
    matches = [name for name in known if fnmatchcase(name, entry.name)]
    if not matches:
        hint = nearest_names(entry.name.rstrip("*_"), sorted(known))
        raise document.error(key, f"no task is called {entry.name!r}; {hint}")
    return matches


def is_pattern(entry: TaskEntry) -> bool:
    """Whether an entry may stand for several tasks, which it does not name."""
    return any(each in entry.name for each in WIDEST) and not is_own_task(entry.name)


def _own_or_shipped(
    document: Document[Suite], key: str, entry: TaskEntry, known: Mapping[str, Task]
) -> Task:
    if is_own_task(entry.name):
        task = read_own_task(Path(document.name).parent / entry.name)
        if task.name in known:
            raise document.error(key, f"{task.name} is the name of a shipped task; take another")
        fault = folder_fault(task.name)
        if fault is not None:
            message = f"the task's name {task.name!r} {fault}, and is to be a folder's name"
            raise document.error(key, f"{message}; take another")
        return task
    if entry.name not in known:
        hint = nearest_names(entry.name, sorted(known))
        raise document.error(key, f"there is no task {entry.name!r}; {hint}")
    return known[entry.name]


def _check_options(document: Document[Suite], key: str, entry: TaskEntry, task: Task) -> None:
    try:
        check_options(task, entry.texts)
    except UsageError as error:
        name = next(name for name in entry.texts if name not in task.options)
        message = str(error).removeprefix(f"--task-set {name}: ")
        raise document.error(f"{key}.options.{name}", message) from error


def _narrowed(
    tasks: Sequence[tuple[TaskEntry, Task]], narrowing: Narrowing
) -> list[tuple[TaskEntry, Task]]:
    names = [task.name for _, task in tasks]
    for option in ("only", "skip"):
        for pattern in getattr(narrowing, option):
            if not any(fnmatchcase(name, pattern) for name in names):
                hint = nearest_names(pattern, names)
                raise UsageError(f"--{option} {pattern}: no task of the suite is called so; {hint}")
    kept = [
        (entry, task)
        for entry, task in tasks
        if (not narrowing.only or any(fnmatchcase(task.name, each) for each in narrowing.only))
        and not any(fnmatchcase(task.name, each) for each in narrowing.skip)
    ]
    if not kept:
        raise UsageError("--only and --skip: no task is left; name fewer in --skip")
    return kept


def _run(
    document: Document[Suite],
    out: Path,
    cache: Path | None,
    narrowing: Narrowing,
    model: ModelEntry,
    entry: TaskEntry,
    task: Task,
) -> PlannedRun:
    suite = document.value
    origin = _origin(document, entry, model)
    entry = replace(entry, sampling=entry.sampling or suite.sampling)
    limits = [entry.limit, entry.sampling.limit if entry.sampling else None, narrowing.limit]
    data = entry.data
    if data is not None and (Path(document.name).parent / data).exists():
        data = Path(document.name).parent / data
    by = JUDGE_BY_KEYS if "judge" in document.lines else JUDGE_BY_OPTIONS
    settings = RunSettings(
        base_url=normalise_url(model.base_url),
        model=model.model,
        out=out / model.label / task.name,
        profile=model.profile,
        parameters={**model.parameters, **entry.parameters},
        repeats=entry.repeats or suite.repeats,
        limit=min((each for each in limits if each is not None), default=None),
        seed=suite.seed,
        concurrency=concurrency_of(document),
        timeout=model.timeout,
        data=data,
        resume=True,
        mode=model.mode,
        engine=model.engine,
        key_variable=model.key_variable,
        template=model.template,
        interface=model.interface,
        stream=suite.stream if model.stream is None else model.stream,
        judge=judge_target(suite.judge, by) if suite.judge and task.judged else None,
        cache=cache,
        options=entry.texts,
        named=BY_OPTIONS if origin.model is None else BY_KEYS,
    )
    own = data is not None or is_own_task(entry.name)
    drawn = replace(task, load=partial(_load, task.load, entry))
    return PlannedRun(model, entry, drawn, settings, own, origin)


def _origin(document: Document[Suite], entry: TaskEntry, model: ModelEntry) -> Origin:
    """Find a task and a model in the file; what the command line gave has no line there."""
    suite = document.value
    task = next(place for place, each in enumerate(suite.tasks) if each is entry)
    place = next(place for place, each in enumerate(suite.models) if each is model)
    key = f"models.{place}"
    return Origin(document, f"tasks.{task}", key if key in document.lines else None)


def _load(load: Callable[[DataSource], Dataset], entry: TaskEntry, source: DataSource) -> Dataset:
    """Load the items that the suite asks for.

    Raises:
        DataError: they are not at hand, or an option of the task is wrong.
        Unaskable: the served model has no room for them, or a pattern caught a task that has none.
        UsageError: the task has no such languages, or no such field to draw by.

    """
    try:
        dataset = load(source)
    except (DataError, Unaskable):
        raise
    except UsageError as error:
        raise DataError(str(error)) from error
    samples = _of_languages(dataset, entry)
    sampling = entry.sampling
    if sampling is not None and sampling.by is not None:
        by = sampling.by
        samples = stratified(
            samples,
            lambda sample: _stratum(sample, by),
            lambda sample: sample.id,
            seed=source.seed,
            size=sampling.size,
            share=sampling.share,
        )
    return replace(dataset, samples=tuple(samples))


def _stratum(sample: Sample, by: str) -> str:
    if by not in sample.metadata:
        hint = nearest_names(by, sorted(sample.metadata))
        raise UsageError(
            f"sampling.by: {sample.id} has no field {by!r}; {hint}; "
            "or say sampling: all in the task's entry"
        )
    return str(sample.metadata[by])


def _of_languages(dataset: Dataset, entry: TaskEntry) -> list[Sample]:
    """Give the items of the languages that an entry names; a pattern may catch tasks without."""
    if not entry.languages:
        return list(dataset.samples)
    wanted = set(entry.languages)
    kept = [each for each in dataset.samples if not languages_of(each).isdisjoint(wanted)]
    lacking = wanted.difference(*(languages_of(each) for each in kept))
    if not lacking or (kept and is_pattern(entry)):
        return kept
    error = Unaskable if is_pattern(entry) else UsageError
    raise error(
        f"languages: no item of {dataset.source} is in {', '.join(sorted(lacking))}; "
        f"{_known_languages(dataset)}"
    )


def _known_languages(dataset: Dataset) -> str:
    for name, says in (("language", "its items are in"), ("group", "its groups are")):
        known = sorted({str(s.metadata[name]) for s in dataset.samples if name in s.metadata})
        if known:
            more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
            return f"{says} {', '.join(known[:SHOWN])}{more}"
    return "its items name none; leave languages out"


def languages_of(sample: Sample) -> set[str]:
    """Give the words that may name an item's language: its own field, and its group's words."""
    said = [sample.metadata[name] for name in ("language", "group") if name in sample.metadata]
    return {str(each) for each in said} | {
        word for each in said for word in _WORD.findall(str(each))
    }
