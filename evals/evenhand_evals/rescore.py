"""Scoring a finished run again, from its log alone: no request is made.

The interview of each sample is held once more, with the answers that the log has. A scorer that
changed its mind shows up as a list of changed verdicts; prompts that changed cannot be scored from
old answers, which is why the data must be the same and the asks must come out even.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evenhand_evals.endpoint.asking import Route, Voice, interview
from evenhand_evals.endpoint.speaker import voice_of
from evenhand_evals.errors import AnswerUnreadable, DataError, UsageError
from evenhand_evals.judge import verdict
from evenhand_evals.log import LOG_NAME, LogWriter, Record
from evenhand_evals.manifest import Manifest, TaskFacts, versions, write_manifest
from evenhand_evals.results import RunData, summarise, write_result
from evenhand_evals.run import check_out
from evenhand_evals.types import Dataset, Reply, Sample, Task


@dataclass(frozen=True, slots=True)
class Changed:
    """A verdict that is another one now: outcome and value, before and after."""

    item: str
    repeat: int
    before: tuple[str, float | None]
    after: tuple[str, float | None]


@dataclass(frozen=True, slots=True)
class Rescored:
    """The run as it is scored now, and what changed."""

    run: RunData
    changed: tuple[Changed, ...]


def rescore(run: RunData, task: Task, dataset: Dataset) -> Rescored:
    """Score every answered sample of a run again.

    Raises:
        UsageError: the run is of another task.
        DataError: the data set is not the one of the run, or an item of the run is not in it.

    """
    manifest = run.manifest
    if manifest.task.name != task.name:
        raise UsageError(f"RUN: {run.path} is of {manifest.task.name!r}, not of {task.name!r}")
    if manifest.dataset.sha256 != dataset.sha256:
        raise DataError(
            f"--data: {dataset.source} is not what the run was made with: its sha256 is "
            f"{dataset.sha256}, the run's is {manifest.dataset.sha256}"
        )
    samples = {sample.id: sample for sample in dataset.samples}
    voices = (_voice(manifest), _voice(manifest))
    asked = [_sample(samples, record) for record in run.records]
    with ThreadPoolExecutor(os.cpu_count() if task.slow_to_score else 1) as pool:
        records = list(pool.map(partial(_again, task, voices), asked, run.records))
    now = replace(manifest, task=TaskFacts.of(task), versions=versions())
    scored = RunData(run.path, now, tuple(records), summarise(now, records))
    pairs = zip(run.records, records, strict=True)
    return Rescored(scored, tuple(_change(old, new) for old, new in pairs if _differ(old, new)))


def write_rescored(rescored: Rescored, out: Path) -> RunData:
    """Write the run as it is scored now into a folder of its own.

    Raises:
        RunExists: the folder holds a run.

    """
    check_out(out, resume=False)
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out, rescored.run.manifest)
    with LogWriter(out / LOG_NAME) as log:
        for record in rescored.run.records:
            log.append(record)
    write_result(out, rescored.run.result)
    return replace(rescored.run, path=out)


def _sample(samples: Mapping[str, Sample], record: Record) -> Sample:
    sample = samples.get(record.item)
    if sample is None:
        raise DataError(f"--data: there is no item {record.item!r}, which the run has")
    return sample


def _again(task: Task, voices: tuple[Voice, Voice], sample: Sample, record: Record) -> Record:
    last = record.steps[-1].status if record.steps else record.status
    if record.score is None and last != 200:
        return record  # it failed on the wire, so that there is nothing to read
    try:
        replies = _replies(task, sample, record.bodies, voices)
    except AnswerUnreadable as error:
        return replace(record, outcome="failed", score=None, reason=str(error))
    if replies is None:
        return record
    score = verdict(task, sample, replies)
    return replace(record, outcome=score.outcome, score=score, reason=None)


def _replies(
    task: Task, sample: Sample, bodies: Sequence[Any], voices: tuple[Voice, Voice]
) -> tuple[Reply, ...] | None:
    """Hold the interview with the answers at hand; None if they do not reach to its end."""
    follow = partial(task.follow, sample) if task.follow else None
    asking = interview(sample.first, voices, follow)
    next(asking)
    try:
        for body in bodies:
            asking.send(body)
    except StopIteration as done:
        replies: tuple[Reply, ...] = done.value
        return replies
    return None


def _voice(manifest: Manifest) -> Voice:
    """Give the voice of the run, as far as it bears on how answers are read."""
    model, server = manifest.sent_model, manifest.server
    return voice_of(model, _no_parameters, server, manifest.template, manifest.interface)


def _no_parameters(route: Route, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def _worth(record: Record) -> tuple[str, float | None]:
    return record.outcome, record.score.value if record.score else None


def _differ(old: Record, new: Record) -> bool:
    return _worth(old) != _worth(new)


def _change(old: Record, new: Record) -> Changed:
    return Changed(old.item, old.repeat, _worth(old), _worth(new))
