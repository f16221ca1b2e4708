"""What a suite says, held against its data and its endpoints before anything is generated.

What only a turn of its own can tell is left to that turn: whether a model has room for a task,
sees, or gives likelihoods. Endpoints are asked what `preflight` asks, which generates nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from threading import Event

from evenhand_evals.endpoint.idle import acting
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.errors import DataError, EndpointError, EvalError, Unaskable, UsageError
from evenhand_evals.manifest import JudgeFacts, Manifest
from evenhand_evals.results import load_run
from evenhand_evals.run import JUDGE_TOKENS, load_data
from evenhand_evals.settings import Target, data_source, decide
from evenhand_evals.suite.plan import PlannedRun, languages_of
from evenhand_evals.token_counts import EstimatedTokens
from evenhand_evals.types import Ask, Chat, Dataset, Interface, Likelihood, Message, Text

_HELLO: dict[Interface, Ask] = {
    "chat": Chat((Message("user", "Hello"),)),
    "completions": Text("Hello"),
    "likelihood": Likelihood("Hello", (" there",)),
}
"""What an endpoint is asked about itself with; an item of the task may not be at hand."""


async def check_suite(runs: Sequence[PlannedRun], *, strict: bool = False) -> None:
    """Check the data and options that a suite names, and every model and judge; `strict`: all data.

    Raises:
        UsageError: the suite has to be corrected; all that was found is named.
        EndpointError: nothing else is wrong, but an endpoint cannot be used.

    """
    of_data = await asyncio.to_thread(lambda: list(_of_data(runs, strict=strict)))
    found: list[EvalError] = [*of_data, *await _of_endpoints(runs)]
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
    """Check the tasks of one entry; each of its languages must be that of some item of them."""
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
    if lacking:
        text = reason or f"languages: no item of {first.entry.name} is in {', '.join(lacking)}"
        yield UsageError(first.origin.located(text))


def _speaks_of_data(run: PlannedRun) -> bool:
    entry = run.entry
    drawn = entry.sampling is not None and entry.sampling.by is not None
    return run.own_data or drawn or bool(entry.languages)


def _blamed(run: PlannedRun, error: UsageError, *, strict: bool) -> Iterator[UsageError]:
    """Give the error if the suite is to blame, or has to have all data."""
    if run.own_data or not isinstance(error, DataError):
        yield UsageError(run.origin.located(str(error)))
    elif strict:
        yield DataError(f"--strict-data: {run.task.name}: {run.origin.words(str(error))}")


def _loaded(run: PlannedRun, options: Mapping[str, str] | None = None) -> Dataset:
    """Load a task's data without asking its endpoint how it counts tokens.

    `options` stand in the place of the run's own.

    Raises:
        _NobodyKnowsError: what is wrong may be so only by that guess.

    """
    settings, tokens = run.settings, _Guessed()
    asked = settings.options if options is None else options
    source = data_source(settings.data, settings.seed, asked, lambda: tokens)
    try:
        return load_data(run.task, settings, source)
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


async def _of_endpoints(runs: Iterable[PlannedRun]) -> list[EvalError]:
    """Ask every endpoint about itself, side by side, and give what is wrong."""
    found: list[_Asked] = []
    for run in runs:
        for asked in _asked(run):
            known = next((each for each in found if each.is_like(asked)), asked)
            if known is asked:
                found.append(asked)
            known.runs.append(run)
    wrong = await asyncio.gather(*(_of_endpoint(each) for each in found))
    return [error for error in wrong if error is not None]


def _asked(run: PlannedRun) -> Iterator[_Asked]:
    settings, _ = acting(run.task, run.settings)
    yield _Asked(settings.target, _HELLO[run.task.interface], run.task.max_tokens, judge=False)
    if settings.judge is not None:
        yield _Asked(settings.judge, _HELLO["chat"], JUDGE_TOKENS, judge=True)


async def _of_endpoint(asked: _Asked) -> EvalError | None:
    origin = asked.runs[0].origin
    try:
        async with speaker(asked.target, asked.first, asked.budget):
            return None
    except Unaskable:  # its turn says so, and leaves the task out
        return None
    except EndpointError as error:
        if await asyncio.to_thread(lambda: all(is_finished(run) for run in asked.runs)):
            return None
        return EndpointError(origin.of_endpoint(str(error), judge=asked.judge))
    except UsageError as error:
        return UsageError(origin.of_endpoint(str(error), judge=asked.judge))


def is_finished(run: PlannedRun) -> bool:
    """Whether an earlier call finished the very same run, as far as it can be told here."""
    with suppress(EvalError, _NobodyKnowsError):
        data = load_run(run.settings.out)
        whole = data.result.complete and not data.result.outcomes["failed"]
        return whole and _is_same(data.manifest, run) and _has_same_items(data.manifest, run)
    return False


def _has_same_items(earlier: Manifest, run: PlannedRun) -> bool:
    found = _loaded(run, earlier.dataset.options)
    known = earlier.dataset
    return (found.sha256, len(found.samples)) == (known.sha256, known.items)


def _is_same(earlier: Manifest, run: PlannedRun) -> bool:
    settings, _ = acting(run.task, run.settings)
    items = earlier.dataset.items
    asked = min(items, items if settings.limit is None else settings.limit)
    decoding = decide(settings.profile, settings.parameters, run.task.max_tokens)
    return (
        earlier.task.version == run.task.version
        and (earlier.model, earlier.base_url) == (settings.model, settings.base_url)
        and (earlier.items, earlier.repeats, earlier.seed)
        == (asked, settings.repeats, settings.seed)
        and (earlier.template, earlier.interface) == (settings.template, settings.interface)
        and earlier.stream == settings.stream
        and dict(earlier.decoding.requested) == dict(decoding.parameters)
        and earlier.decoding.profile == settings.profile
        and settings.options.items() <= earlier.dataset.options.items()
        and _judges_alike(earlier.judge, settings.judge)
    )


def _judges_alike(earlier: JudgeFacts | None, judge: Target | None) -> bool:
    if earlier is None or judge is None:
        return earlier is None and judge is None
    decoding = decide(judge.profile, judge.parameters, JUDGE_TOKENS)
    sent = f"{judge.model}@{judge.profile}" if decoding.proxy_profile else judge.model
    return (earlier.model, earlier.base_url) == (sent, judge.base_url) and dict(
        earlier.decoding.requested
    ) == dict(decoding.parameters)
