"""One evaluation run: plan it, ask the endpoint, score what comes back, log it, sum it up.

    plan -> preflight -> manifest -> queue -> workers (sample, judge) -> log -> result

The log is the run: whatever is in it is done, and everything else is computed from it. So a run
that was interrupted or killed goes on with `resume` and asks only what is missing or failed.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evenhand_evals.client import Backoff, Client, Exchange
from evenhand_evals.endpoint import Preflight, preflight
from evenhand_evals.engine import root_of
from evenhand_evals.errors import DataError, EndpointError, RunDiffers, RunExists
from evenhand_evals.judge import judge
from evenhand_evals.log import LOG_NAME, LogWriter, Record, read_log
from evenhand_evals.manifest import (
    MANIFEST_NAME,
    DatasetFacts,
    DecodingFacts,
    Manifest,
    TaskFacts,
    command_line,
    now,
    read_manifest,
    versions,
    write_manifest,
)
from evenhand_evals.progress import Reporter, reporter
from evenhand_evals.results import RunData, load_run, write_result
from evenhand_evals.settings import Decoding, RunSettings, api_key, decide
from evenhand_evals.types import Dataset, Outcome, Sample, Task
from evenhand_evals.wire import chat_body, parse_completion

FAILURES_IN_A_ROW = 20
REJECTED = frozenset((400, 413, 422))

Job = tuple[Sample, int]


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


def load_data(task: Task, settings: RunSettings) -> Dataset:
    """Load a task's data and check that it can be run.

    Raises:
        DataError: the data set is empty, or two of its items share an id.

    """
    dataset = task.load(settings.source)
    ids = {sample.id for sample in dataset.samples}
    if not ids:
        raise DataError(f"{dataset.source} holds no items; name another data set with --data")
    if len(ids) < len(dataset.samples):
        raise DataError(f"{dataset.source} holds two items with the same id; make ids unique")
    return dataset


def build_manifest(
    task: Task, dataset: Dataset, settings: RunSettings, decoding: Decoding, found: Preflight
) -> Manifest:
    """Write down what the run is, before its first sample."""
    return Manifest(
        task=TaskFacts(task.name, task.title, task.version, task.headline),
        dataset=DatasetFacts(
            dataset.source,
            dataset.revision,
            dataset.sha256,
            dataset.licence,
            len(dataset.samples),
        ),
        model=settings.model,
        sent_model=found.sent_model,
        base_url=settings.base_url,
        server=found.server,
        decoding=DecodingFacts(
            decoding.parameters, decoding.by_task, settings.profile, found.record
        ),
        repeats=settings.repeats,
        limit=settings.limit,
        seed=settings.seed,
        concurrency=settings.concurrency,
        started_at=now(),
        command=command_line(),
        versions=versions(),
    )


_IDENTITY: Mapping[str, Callable[[Manifest], Any]] = {
    "task": lambda each: each.task.name,
    "task version": lambda each: each.task.version,
    "dataset sha256": lambda each: each.dataset.sha256,
    "model": lambda each: each.sent_model,
    "base_url": lambda each: each.base_url,
    "seed": lambda each: each.seed,
    "decoding": lambda each: dict(each.decoding.requested),
    "profile": lambda each: each.decoding.profile,
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


def check_out(out: Path, *, resume: bool) -> None:
    """Check, before anything is asked, that the output folder is free or to be gone on with.

    Raises:
        RunExists: it holds a run, and `resume` is false.

    """
    if (out / MANIFEST_NAME).exists() and not resume:
        raise RunExists(
            f"--out: {out} already holds a run; go on with it with --resume, or name another folder"
        )


class _Streak:
    """Ends a run whose endpoint has stopped answering, rather than failing every sample left."""

    def __init__(self) -> None:
        self._length = 0

    def see(self, exchange: Exchange) -> None:
        if exchange.failure is None or exchange.answer.status in REJECTED:
            self._length = 0
            return
        self._length += 1
        if self._length >= FAILURES_IN_A_ROW:
            raise EndpointError(
                f"the endpoint failed {self._length} times in a row, last with: "
                f"{exchange.failure}; what is done is kept: go on with --resume"
            )


@dataclass(frozen=True, slots=True)
class _Session:
    """What the workers of one session share."""

    task: Task
    manifest: Manifest
    decoding: Decoding
    found: Preflight
    client: Client
    log: LogWriter
    progress: Reporter
    streak: _Streak

    async def work(self, jobs: "asyncio.Queue[Job | None]") -> None:
        """Take jobs until there is none: ask, judge, log."""
        while (job := await jobs.get()) is not None:
            sample, repeat = job
            body = chat_body(
                self.manifest.sent_model,
                sample.messages,
                self.found.parameters(self.decoding, repeat),
            )
            exchange = await self.client.sample(body)
            record = _record(self.task, sample, repeat, exchange)
            self.log.append(record)
            self.progress.update(record)
            self.streak.see(exchange)


def _record(task: Task, sample: Sample, repeat: int, exchange: Exchange) -> Record:
    answer = exchange.answer
    completion = None if exchange.failure else parse_completion(answer.body)
    score = judge(task, sample, completion) if completion else None
    outcome: Outcome = score.outcome if score else "failed"
    group = sample.metadata.get("group")
    return Record(
        item=sample.id,
        repeat=repeat,
        outcome=outcome,
        score=score,
        reason=exchange.failure,
        group=None if group is None else str(group),
        request=exchange.request,
        response=answer.body,
        status=answer.status,
        started=exchange.started,
        duration=exchange.duration,
        attempts=exchange.attempts,
        request_id=answer.request_id,
        fingerprint=answer.fingerprint,
    )


async def _feed(jobs: "asyncio.Queue[Job | None]", todo: Iterator[Job], workers: int) -> None:
    for job in todo:
        await jobs.put(job)
    for _ in range(workers):
        await jobs.put(None)


async def _ask(session: _Session, todo: Sequence[Job], concurrency: int) -> None:
    jobs: asyncio.Queue[Job | None] = asyncio.Queue(maxsize=2 * concurrency)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(jobs, iter(todo), concurrency))
            for _ in range(concurrency):
                group.create_task(session.work(jobs))
    except* EndpointError as errors:
        raise errors.exceptions[0] from None


def _origin(manifest: Manifest) -> float:
    elapsed = time.time() - datetime.fromisoformat(manifest.started_at).timestamp()
    return time.monotonic() - max(0.0, elapsed)


def _settle(asked: Manifest, out: Path) -> tuple[Manifest, tuple[Record, ...]]:
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
        versions=earlier.versions,
        command=earlier.command,
    )
    log = out / LOG_NAME
    return manifest, read_log(log) if log.exists() else ()


async def run_task(task: Task, settings: RunSettings, *, backoff: Backoff | None = None) -> RunData:
    """Run a task, or go on with a run, and give what it came to.

    Cancelling it (Ctrl-C does) keeps every finished sample: the log is flushed line by line, and
    the result of what is done is written before the cancellation goes on its way.

    Raises:
        UsageError: the data, the folder, or what is to be resumed does not fit.
        EndpointError: the endpoint cannot be used, or stopped answering.

    """
    check_out(settings.out, resume=settings.resume)
    dataset = load_data(task, settings)
    decoding = decide(settings.profile, settings.parameters, task.max_tokens)
    jobs = plan(dataset.samples, seed=settings.seed, limit=settings.limit, repeats=settings.repeats)
    key = api_key(settings.key_variable)
    headers = {"evenhand-mode": settings.mode}
    async with (
        Client(
            settings.base_url,
            key=key,
            timeout=settings.timeout,
            backoff=backoff,
            headers=headers,
        ) as client,
        Client(root_of(settings.base_url), key=key, timeout=settings.timeout) as root,
    ):
        found = await preflight(client, root, settings, decoding, jobs[0][0].messages)
        asked = build_manifest(task, dataset, settings, decoding, found)
        manifest, earlier = _settle(asked, settings.out)
        client.origin = _origin(manifest)
        done = {record.key for record in earlier if record.outcome != "failed"}
        todo = [job for job in jobs if (job[0].id, job[1]) not in done]
        with LogWriter(settings.out / LOG_NAME) as log:
            write_manifest(settings.out, manifest)
            kept = [record for record in earlier if record.outcome != "failed"]
            progress = reporter(f"{task.name} {manifest.sent_model}", manifest.planned, kept)
            session = _Session(task, manifest, decoding, found, client, log, progress, _Streak())
            try:
                await _ask(session, todo, settings.concurrency)
                write_manifest(settings.out, replace(manifest, finished_at=now()))
            finally:
                progress.close()
                run = load_run(settings.out)
                write_result(settings.out, run.result)
    return run
