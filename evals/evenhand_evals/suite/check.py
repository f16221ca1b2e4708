"""What a suite says, held against its data and its endpoints before anything is generated.

What only a turn of its own can tell is left to that turn: whether a model has room for a task,
sees, or gives likelihoods. Endpoints are asked what `preflight` asks, which generates nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from threading import Event
from typing import Final

from evenhand_evals.endpoint.engine import AUTO
from evenhand_evals.endpoint.idle import acting
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.errors import DataError, EndpointError, EvalError, Unaskable, UsageError
from evenhand_evals.manifest import Manifest
from evenhand_evals.results import load_run
from evenhand_evals.run import JUDGE_TOKENS, is_same, load_data, plan_manifest
from evenhand_evals.settings import RunSettings, Target, api_key, data_source
from evenhand_evals.suite.plan import PlannedRun, languages_of
from evenhand_evals.token_counts import EstimatedTokens
from evenhand_evals.types import Ask, Chat, Dataset, Interface, Likelihood, Message, Text

_HELLO: dict[Interface, Ask] = {
    "chat": Chat((Message("user", "Hello"),)),
    "completions": Text("Hello"),
    "likelihood": Likelihood("Hello", (" there",)),
}
"""What an endpoint is asked about itself with; an item of the task may not be at hand."""
PATIENCE: Final = 60.0
"""Seconds; an answer may take more, but not what an endpoint says of itself."""


async def check_suite(
    runs: Sequence[PlannedRun], *, strict: bool = False, patience: float = PATIENCE
) -> None:
    """Check the data and options that a suite names, and every model and judge; `strict`: all data.

    `patience` is the longest wait, in seconds, for what an endpoint says of itself.

    Raises:
        UsageError: the suite has to be corrected; all that was found is named.
        EndpointError: nothing else is wrong, but an endpoint cannot be used.

    """
    of_data = await asyncio.to_thread(lambda: list(_of_data(runs, strict=strict)))
    found: list[EvalError] = [*of_data, *await _of_endpoints(runs, patience)]
    if not found:
        return
    texts = list(dict.fromkeys(str(each) for each in found))
    kind = EndpointError if all(isinstance(each, EndpointError) for each in found) else UsageError
    raise kind(
        texts[0]
        if len(texts) == 1
        else "\n  ".join([f"nothing was asked; {len(texts)} problems have to be solved:", *texts])
    )


@dataclass(frozen=True, slots=True)
class _Guessed(EstimatedTokens):
    """Counts without an endpoint, and remembers that it did: what follows from it is a guess."""

    counted: Event = field(default_factory=Event)

    def count(self, text: str) -> int:
        self.counted.set()
        return EstimatedTokens.count(self, text)


def _of_data(runs: Iterable[PlannedRun], *, strict: bool) -> Iterator[UsageError]:
    """Load what the suite says something of, once for each task, and give what is wrong with it."""
    once = {run.task.name: run for run in runs}.values()
    for _, of_entry in groupby(once, lambda run: run.origin.task):
        yield from _of_entry(list(of_entry), strict=strict)


def _of_entry(runs: Sequence[PlannedRun], *, strict: bool) -> Iterator[UsageError]:
    """Check the tasks of one entry; each of its languages must be that of some item of them.

    Where not all of its tasks are asked, the others may have the items.
    """
    first = runs[0]
    lacking, reason = set(first.entry.languages), ""
    for run in runs:
        if not strict and not _speaks_of_data(run):
            continue
        try:
            lacking.difference_update(*(languages_of(each) for each in _loaded(run).samples))
        except _NobodyKnowsError:
            lacking = set()
        except Unaskable as error:
            reason = str(error)
        except UsageError as error:
            lacking = set()
            yield from _blamed(run, error, strict=strict)
    if lacking and len(runs) == first.beside:
        text = reason or f"languages: no item of {first.entry.name} is in {', '.join(lacking)}"
        yield UsageError(first.origin.located(text))


def _speaks_of_data(run: PlannedRun) -> bool:
    entry = run.entry
    drawn = entry.sampling is not None and entry.sampling.by is not None
    return run.own_data or drawn or bool(entry.languages or entry.options)


def _blamed(run: PlannedRun, error: UsageError, *, strict: bool) -> Iterator[UsageError]:
    """Give the error if the suite is to blame, or has to have all data."""
    if run.is_to_blame(error):
        yield UsageError(run.origin.located(str(error)))
    elif strict:
        yield DataError(f"--strict-data: {run.task.name}: {run.origin.words(str(error))}")


def _loaded(run: PlannedRun, earlier: Mapping[str, str] | None = None) -> Dataset:
    """Load a task's data without asking its endpoint how it counts tokens.

    Where tokens count, `earlier` are the options of a run that had asked it: they hold for what
    the run's own leave open.

    Raises:
        _NobodyKnowsError: what is wrong may be so only by that guess.

    """
    settings, tokens = run.settings, _Guessed()

    def load(options: Mapping[str, str]) -> Dataset:
        source = data_source(settings.data, settings.seed, options, lambda: tokens)
        return load_data(run.task, settings, source)

    try:
        found = load({**(earlier or {}), **settings.options})
        return found if tokens.counted.is_set() or not earlier else load(settings.options)
    except DataError as error:
        if tokens.counted.is_set():
            raise _NobodyKnowsError from error
        raise


class _NobodyKnowsError(Exception):
    """Only with the endpoint's own count of tokens can it be known."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A model or a judge as it will be asked, and the runs that ask it so."""

    target: Target
    first: Ask
    budget: int
    judge: bool
    runs: list[PlannedRun] = field(default_factory=list)

    def is_like(self, other: "_Asked") -> bool:
        """Whether the same answers would come; another budget of tokens makes no difference."""
        return (self.target, self.first, self.judge) == (other.target, other.first, other.judge)


async def _of_endpoints(runs: Iterable[PlannedRun], patience: float) -> list[EvalError]:
    """Ask every endpoint about itself, side by side, and give what is wrong."""
    found: list[_Asked] = []
    for run in runs:
        for asked in _asked(run):
            known = next((each for each in found if each.is_like(asked)), asked)
            if known is asked:
                found.append(asked)
            known.runs.append(run)
    wrong = await asyncio.gather(*(_of_endpoint(each, patience) for each in found))
    return [error for error in wrong if error is not None]


def _asked(run: PlannedRun) -> Iterator[_Asked]:
    settings, _ = acting(run.task, run.settings)
    yield _Asked(settings.target, _HELLO[run.task.interface], run.task.max_tokens, judge=False)
    if settings.judge is not None:
        yield _Asked(settings.judge, _HELLO["chat"], JUDGE_TOKENS, judge=True)


async def _of_endpoint(asked: _Asked, patience: float) -> EvalError | None:
    run, target = asked.runs[0], asked.target
    target = replace(target, timeout=min(target.timeout, patience))
    try:
        async with speaker(target, asked.first, asked.budget):
            return None
    except Unaskable:  # its turn says so, and leaves the task out
        return None
    except (EndpointError, UsageError) as error:
        away = is_away(error, run)
        if away and await asyncio.to_thread(lambda: all(map(is_finished, asked.runs))):
            return None
        kind = EndpointError if isinstance(error, EndpointError) else UsageError
        return kind(run.origin.of_endpoint(str(error), judge=asked.judge))


def is_away(error: EvalError, run: PlannedRun) -> bool:
    """Whether an endpoint of a run, or the key to one, is not there to be used."""
    settings = run.settings
    return isinstance(error, EndpointError) or any(
        _lacks_key(target) for target in (settings.target, settings.judge) if target is not None
    )


def _lacks_key(target: Target) -> bool:
    try:
        api_key(target.key_variable)
    except UsageError:
        return True
    return False


def is_finished(run: PlannedRun) -> bool:
    """Whether an earlier call finished the very same run, as far as it can be told here."""
    with suppress(EvalError, _NobodyKnowsError):
        data = load_run(run.settings.out)
        if not data.result.complete or data.result.outcomes["failed"]:
            return False
        settings, _ = acting(run.task, run.settings)
        dataset = _loaded(run, data.manifest.dataset.options)
        planned = plan_manifest(run.task, dataset, settings)
        return is_same(data.manifest, planned) and _is_spoken_alike(data.manifest, settings)
    return False


def _is_spoken_alike(earlier: Manifest, settings: RunSettings) -> bool:
    """Whether mode and engine are those of an earlier run, as far as its record says."""
    pairs = [(earlier.decoding, settings.target)]
    if earlier.judge is not None and settings.judge is not None:
        pairs.append((earlier.judge.decoding, settings.judge))
    return all(
        (facts.record or {}).get("mode", target.mode) == target.mode
        and target.engine in (AUTO, (facts.record or {}).get("engine", target.engine))
        for facts, target in pairs
    )
