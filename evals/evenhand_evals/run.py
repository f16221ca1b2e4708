"""One evaluation run: plan it, ask the endpoint, score what comes back, log it, sum it up.

    plan -> preflight -> manifest -> queue -> workers (sample, judge) -> log -> result

The log is the run: whatever is in it is done, and everything else is computed from it. So a run
that was interrupted or killed goes on with `resume` and asks only what is missing or failed.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from evenhand_evals.brief import Brief, read_briefs
from evenhand_evals.cache import Cache
from evenhand_evals.endpoint.engine import root_of
from evenhand_evals.endpoint.fields import check_fields, telling
from evenhand_evals.endpoint.idle import acting
from evenhand_evals.endpoint.interface import check_interface, check_written
from evenhand_evals.endpoint.speaker import Speaker, speaker
from evenhand_evals.engine_memory import PROXIED, EngineMemory, watching
from evenhand_evals.errors import DataError, RunDiffers, RunExists, UsageError
from evenhand_evals.http.client import Backoff
from evenhand_evals.http.pace import AUTO_MOST, AUTO_START, Pace
from evenhand_evals.log import LOG_NAME, LogWriter
from evenhand_evals.manifest import (
    MANIFEST_NAME,
    DatasetFacts,
    DecodingFacts,
    JudgeFacts,
    Manifest,
    ServerFacts,
    TaskFacts,
    command_line,
    now,
    read_manifest,
    versions,
    write_manifest,
)
from evenhand_evals.progress import Reporting, reporting_of
from evenhand_evals.results import RESULT_NAME, RunData, load_run, write_result
from evenhand_evals.session import Job, Session, Streak
from evenhand_evals.settings import RunSettings, Target, api_key, check_options, decide
from evenhand_evals.types import Chat, Dataset, DataSource, Message, Sample, Task

JUDGE_TOKENS: Final = 2048
"""The token budget of a judge's answer, unless the user sets another."""

_JUDGED: Final = Chat((Message("user", "Rate this answer."),), judge=True)
"""What the judge is asked about itself with, before it is asked anything."""


def order(samples: Iterable[Sample], seed: int) -> list[Sample]:
    """Put samples into the seeded order in which they are asked and from which a limit takes.

    The order is that of a hash of seed and id: it does not depend on the other samples, so the
    items of a small limit are among those of a larger one.
    """
    return sorted(samples, key=lambda each: hashlib.sha256(f"{seed}\0{each.id}".encode()).digest())


def plan(samples: Sequence[Sample], *, seed: int, limit: int | None, repeats: int) -> list[Job]:
    """Give all jobs of a run, the first repeat of every item before the second of any."""
    chosen = order(samples, seed)[:limit]
    return [(sample, repeat) for repeat in range(repeats) for sample in chosen]


def load_data(task: Task, settings: RunSettings, source: DataSource | None = None) -> Dataset:
    """Load a task's data, from where the settings say if not told, and check that it can be run.

    Raises:
        DataError: the data set is empty, or two of its items share an id.

    """
    check_options(task, settings.options)
    dataset = task.load(source or settings.source)
    if not dataset.samples:
        raise DataError(f"{dataset.source} holds no items; name another data set with --data")
    ids: set[str] = set()
    for sample in dataset.samples:
        if sample.id in ids:
            raise DataError(
                f"{dataset.source} holds two items with the id {sample.id!r}; make ids unique"
            )
        ids.add(sample.id)
    return dataset


def plan_manifest(task: Task, dataset: Dataset, settings: RunSettings) -> Manifest:
    """Write down what the run is, as far as its endpoint need not be asked."""
    model = _planned(settings.target, task.max_tokens)
    judge = settings.judge if task.judged else None
    return Manifest(
        task=TaskFacts.of(task),
        dataset=DatasetFacts(
            dataset.source,
            dataset.revision,
            dataset.sha256,
            dataset.licence,
            len(dataset.samples),
            {**settings.options, **dataset.options},
            dataset.left_out,
        ),
        model=settings.model,
        sent_model=model.model,
        base_url=settings.base_url,
        server=ServerFacts("unknown"),
        decoding=model.decoding,
        judge=_planned(judge, JUDGE_TOKENS) if judge else None,
        template=settings.template,
        interface=settings.interface,
        stream=settings.stream,
        repeats=settings.repeats,
        limit=settings.limit,
        seed=settings.seed,
        concurrency=settings.concurrency,
        started_at=now(),
        command=command_line(),
        versions=versions(),
    )


def _planned(target: Target, budget: int) -> JudgeFacts:
    decoding = decide(target.profile, target.parameters, budget)
    facts = DecodingFacts(decoding.parameters, decoding.by_task, target.profile)
    profile = decoding.proxy_profile
    return JudgeFacts(
        f"{target.model}@{profile}" if profile else target.model, target.base_url, facts
    )


def _told(planned: Manifest, model: Speaker, judge: Speaker | None) -> Manifest:
    """Write down what the endpoints said, before the first sample."""
    return replace(
        planned,
        sent_model=model.found.sent_model,
        server=model.found.server,
        decoding=model.decoding_facts,
        judge=_facts(judge) if judge else None,
    )


def _facts(judge: Speaker) -> JudgeFacts:
    return JudgeFacts(judge.found.sent_model, judge.target.base_url, judge.decoding_facts)


_PLANNED: Mapping[str, Callable[[Manifest], Any]] = {
    "task": lambda each: each.task.name,
    "task version": lambda each: each.task.version,
    "dataset sha256": lambda each: each.dataset.sha256,
    "model": lambda each: each.sent_model,
    "base_url": lambda each: each.base_url,
    "task options": lambda each: dict(each.dataset.options),
    "seed": lambda each: each.seed,
    "decoding": lambda each: dict(each.decoding.requested),
    "profile": lambda each: each.decoding.profile,
    "template": lambda each: each.template,
    "interface": lambda each: each.interface,
    "stream": lambda each: each.stream,
    "judge": lambda each: each.judge and (each.judge.model, each.judge.base_url),
    "judge's decoding": lambda each: each.judge and dict(each.judge.decoding.requested),
}
"""What makes a run another one, as far as `plan_manifest` knows it."""
_IDENTITY: Mapping[str, Callable[[Manifest], Any]] = {
    **_PLANNED,
    "decoding fingerprint": lambda each: (each.decoding.record or {}).get("fingerprint"),
}


def check_identity(earlier: Manifest, asked: Manifest) -> None:
    """Check that a run can be gone on with: it is of the same thing, and not smaller.

    Raises:
        RunDiffers: it is not; the message names each difference.

    """
    differences = [
        f"{name} was {read(earlier)!r}, is {read(asked)!r}"
        for name, read in _IDENTITY.items()
        if read(earlier) != read(asked)
    ]
    if asked.items < earlier.items:
        differences.append(f"limit was {earlier.items} items, is {asked.items}: it can only grow")
    if asked.repeats < earlier.repeats:
        differences.append(f"repeats was {earlier.repeats}, is {asked.repeats}: it can only grow")
    if differences:
        raise RunDiffers(
            "--resume: the run in --out is of something else; "
            + "; ".join(differences)
            + "; ask for the same run, or name another --out"
        )


def is_same(earlier: Manifest, planned: Manifest) -> bool:
    """Whether a run is just what is planned, as far as its endpoint need not be asked."""
    return (earlier.dataset.items, earlier.items, earlier.repeats) == (
        planned.dataset.items,
        planned.items,
        planned.repeats,
    ) and all(read(earlier) == read(planned) for read in _PLANNED.values())


def check_out(out: Path, *, resume: bool) -> None:
    """Check, before anything is asked, that the output folder is free or to be gone on with.

    Raises:
        RunExists: it holds a run, and `resume` is false.
        UsageError: nothing can be written there.

    """
    above = next((each for each in (out, *out.absolute().parents) if _is_there(each)), out)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(
            f"--out: {out} cannot be made: {above} is no folder that you may write into; "
            "name another folder"
        )
    if (out / MANIFEST_NAME).exists() and not resume:
        raise RunExists(
            f"--out: {out} already holds a run; go on with it with --resume, or name another folder"
        )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _pace(concurrency: int | None) -> Pace:
    return Pace(concurrency) if concurrency is not None else Pace(AUTO_MOST, AUTO_START)


def _origin(manifest: Manifest) -> float:
    elapsed = time.time() - datetime.fromisoformat(manifest.started_at).timestamp()
    return time.monotonic() - max(0.0, elapsed)


def _settle(asked: Manifest, out: Path) -> tuple[Manifest, tuple[Brief, ...]]:
    if not (out / MANIFEST_NAME).exists():
        out.mkdir(parents=True, exist_ok=True)
        return asked, ()
    earlier = read_manifest(out)
    check_identity(earlier, asked)
    manifest = replace(
        asked,
        started_at=earlier.started_at,
        server=earlier.server,
        decoding=earlier.decoding,
        judge=earlier.judge,
        versions=earlier.versions,
        command=earlier.command,
        memory=earlier.memory,
    )
    log = out / LOG_NAME
    return manifest, read_briefs(log, whole=False) if log.exists() else ()


def _discard_hopeless(out: Path, streak: Streak) -> None:
    """Leave no run where nothing was answered, nor would be: its folder serves the next call."""
    if streak.hopeless:
        for name in (MANIFEST_NAME, LOG_NAME, RESULT_NAME):
            (out / name).unlink(missing_ok=True)
        with suppress(OSError):  # the user's own files are there too
            out.rmdir()


async def run_task(
    task: Task,
    settings: RunSettings,
    *,
    backoff: Backoff | None = None,
    reporting: Reporting | None = None,
) -> RunData:
    """Run a task, or go on with a run, and give what it came to.

    `reporting` makes what is told of each sample; a bar or lines on standard error by default.

    Cancelling it (Ctrl-C does) keeps every finished sample: the log is flushed line by line, and
    the result of what is done is written before the cancellation goes on its way.

    Raises:
        UsageError: the data, the folder, or what is to be resumed does not fit.
        EndpointError: the endpoint cannot be used, or stopped answering.

    """
    check_out(settings.out, resume=settings.resume)
    if task.judged and settings.judge is None:
        raise UsageError(f"{task.name} needs a judge; name one with --judge-url and --judge-model")
    pace = _pace(settings.concurrency)
    async with AsyncExitStack() as stack:
        report = reporting or reporting_of(task)
        session, manifest, todo = await _open(stack, task, settings, backoff, pace, report)
        try:
            manifest = await _ask(session, manifest, todo, settings, pace)
            write_manifest(settings.out, replace(manifest, finished_at=now()))
        finally:
            session.progress.close()
            del session, todo  # the data set may be large, and so may be what is read now
            run = load_run(settings.out)
            write_result(settings.out, run.result)
    return run


def stages(name: str, todo: Sequence[Job]) -> list[tuple[str, list[Job]]]:
    """Put the jobs that share a value of the metadata `name` together, the smallest first.

    Within a stage they keep their order.
    """
    found: dict[Any, list[Job]] = {}
    for job in todo:
        found.setdefault(job[0].metadata[name], []).append(job)
    return [(str(value), found[value]) for value in sorted(found)]


async def _ask(
    session: Session, manifest: Manifest, todo: Sequence[Job], settings: RunSettings, pace: Pace
) -> Manifest:
    """Ask all that is left, and give the manifest with what the engine said of its memory."""
    name, server = session.task.stages, manifest.server
    if name is None:
        await session.run(todo, pace.most)
        return manifest
    earlier, proxied = manifest.memory, server.kind == "evenhand"
    engine = server.engine if isinstance(server.engine, str) and not proxied else None
    root, key = root_of(settings.base_url), api_key(settings.key_variable)
    async with watching(root, key, engine, lambda: pace.under_way > 0) as watch:
        for stage, jobs in stages(name, todo):
            try:
                async with watch.during(stage):
                    await session.run(jobs, pace.most)
            finally:
                seen = EngineMemory(PROXIED) if proxied else watch.memory
                manifest = replace(manifest, memory=seen.with_most(earlier))
                write_manifest(settings.out, manifest)
    return manifest


async def _open(
    stack: AsyncExitStack,
    task: Task,
    settings: RunSettings,
    backoff: Backoff | None,
    pace: Pace,
    reporting: Reporting,
) -> tuple[Session, Manifest, list[Job]]:
    """Load the data, ask the endpoint about itself, and give what is left to be done."""
    settings, idle = acting(task, settings)
    dataset = await asyncio.to_thread(load_data, task, settings)
    jobs = plan(dataset.samples, seed=settings.seed, limit=settings.limit, repeats=settings.repeats)
    cache = stack.enter_context(Cache(settings.cache)) if settings.cache else None
    target = settings.target
    for sample, _ in jobs:
        check_written(sample.first, target)
    first = telling(task, jobs[0][0], dataset.options)
    model = await stack.enter_async_context(
        speaker(target, first, task.max_tokens, backoff=backoff, pace=pace, cache=cache)
    )
    note = await check_interface(task, model)
    check_fields(task, first, dataset.options, model)
    judge = None
    if task.judged and settings.judge is not None:
        judge = await stack.enter_async_context(
            speaker(settings.judge, _JUDGED, JUDGE_TOKENS, backoff=backoff, cache=cache)
        )
    asked = _told(plan_manifest(task, dataset, settings), model, judge)
    asked = replace(asked, notes=(*idle, *((note,) if note else ())))
    manifest, earlier = _settle(asked, settings.out)
    for each in (model, judge) if judge else (model,):
        each.client.origin = each.root.origin = _origin(manifest)
    kept = [brief for brief in earlier if brief.outcome != "failed"]
    done = {brief.key for brief in kept}
    todo = [job for job in jobs if (job[0].id, job[1]) not in done]
    asked_of = [each.target.named for each in (model, judge) if each is not None]
    streak = Streak(asked_of if kept else ())
    if not earlier:
        stack.callback(_discard_hopeless, settings.out, streak)
    log = stack.enter_context(LogWriter(settings.out / LOG_NAME))
    write_manifest(settings.out, manifest)
    progress = reporting(f"{task.name} {manifest.sent_model}", manifest.planned, kept)
    pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count())) if task.slow_to_score else None
    return Session(task, model, judge, log, progress, streak, pool), manifest, todo
