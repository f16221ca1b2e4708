"""Scores answers that were made elsewhere: no endpoint, the same verdicts and statistics.

Each line of the file is a JSON object with an `id` or the `prompt`, and the `response` (a text, or
null where there was none: such a sample failed). `finish_reason` may say that an answer was cut,
or that the engine gave it up ("abort", "error"): then the sample failed too.
Several lines for one item are its repeats.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from evenhand_evals.errors import DataError
from evenhand_evals.judge import verdict
from evenhand_evals.log import Record
from evenhand_evals.manifest import (
    DatasetFacts,
    DecodingFacts,
    Manifest,
    ServerFacts,
    TaskFacts,
    command_line,
    now,
    versions,
)
from evenhand_evals.results import RunData, summarise
from evenhand_evals.types import Completion, Dataset, Sample, Task
from evenhand_evals.wire import fault


@dataclass(frozen=True, slots=True)
class Response:
    """One line of a file of responses; `line` counts from 1, `text` is None where none came."""

    line: int
    id: str | None
    prompt: str | None
    text: str | None
    finish_reason: str | None = None

    @property
    def name(self) -> str:
        """The line as a message names it."""
        what = self.id if self.id is not None else " ".join((self.prompt or "").split())[:60]
        return f"line {self.line}: {what}"


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a file: a run like any other, and what did not fit.

    `unknown` names the lines that belong to no item of the data set, or to several; `missing` are
    the ids of items without a line.
    """

    run: RunData
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


def _text(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    raise DataError(f"{where}: {name!r} is {value!r}, which is not a text; write it as a string")


def read_responses(path: Path) -> tuple[Response, ...]:
    """Read a file of responses.

    Raises:
        DataError: it cannot be read, or a line lacks what it needs.

    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"--responses: {path} cannot be read: {error.strerror}") from error
    responses = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"--responses: {path}, line {number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"{where}: not JSON ({error}); write one object on each line"
            ) from error
        if not isinstance(row, dict) or "response" not in row or not {"id", "prompt"} & set(row):
            raise DataError(f"{where}: needs 'response', and 'id' or 'prompt'")
        key = row.get("id")
        name = str(key) if isinstance(key, int) else _text(row, "id", where)
        prompt, text = _text(row, "prompt", where), _text(row, "response", where)
        reason = _text(row, "finish_reason", where)
        responses.append(Response(number, name, prompt, text, reason))
    return tuple(responses)


class _Finder:
    """Finds the item that a response belongs to: by id, by the prompt, or by a part of it."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._by_id = {sample.id: sample for sample in samples}
        self._by_prompt: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_prompt[sample.messages[-1].text.strip()].append(sample)
        self._known_parts: dict[str, list[Sample]] = {}

    def find(self, response: Response) -> Sample | None:
        if response.id is not None:
            return self._by_id.get(response.id)
        prompt = (response.prompt or "").strip()
        found = self._by_prompt.get(prompt) or self._containing(prompt)
        return found[0] if len(found) == 1 else None

    def _containing(self, prompt: str) -> list[Sample]:
        # A task may put shots or a frame around what others call the prompt of an item.
        if prompt not in self._known_parts:
            holders = (each for text, each in self._by_prompt.items() if prompt and prompt in text)
            self._known_parts[prompt] = [sample for samples in holders for sample in samples]
        return self._known_parts[prompt]


def _record(task: Task, sample: Sample, repeat: int, response: Response) -> Record:
    group = sample.metadata.get("group")
    shared: dict[str, Any] = {
        "item": sample.id,
        "repeat": repeat,
        "group": None if group is None else str(group),
        "request": {
            "messages": [{"role": each.role, "content": each.content} for each in sample.messages]
        },
    }
    if response.text is None:
        return Record(**shared, outcome="failed", reason="the file has no response for it")
    message = {"role": "assistant", "content": response.text}
    body = {"choices": [{"message": message, "finish_reason": response.finish_reason}]}
    failure = fault(body)
    if failure:
        return Record(**shared, outcome="failed", reason=failure, response=body)
    score = verdict(task, sample, [Completion(response.text, response.finish_reason)])
    return Record(**shared, outcome=score.outcome, score=score, response=body)


def _manifest(task: Task, dataset: Dataset, path: Path, repeats: int) -> Manifest:
    return Manifest(
        task=TaskFacts.of(task),
        dataset=DatasetFacts(
            dataset.source, dataset.revision, dataset.sha256, dataset.licence, len(dataset.samples)
        ),
        model=path.name,
        sent_model=path.name,
        base_url=None,
        server=ServerFacts("none"),
        decoding=DecodingFacts({}),
        repeats=repeats,
        limit=None,
        seed=0,
        concurrency=0,
        started_at=now(),
        finished_at=now(),
        command=command_line(),
        versions=versions(),
    )


def score_responses(task: Task, dataset: Dataset, path: Path) -> Scored:
    """Score every response of a file that belongs to an item of the data set.

    Raises:
        DataError: the file cannot be read, or none of its lines belongs to an item.

    """
    finder, repeats = _Finder(dataset.samples), Counter[str]()
    records, unknown = [], []
    for response in read_responses(path):
        sample = finder.find(response)
        if sample is None:
            unknown.append(response.name)
            continue
        records.append(_record(task, sample, repeats[sample.id], response))
        repeats[sample.id] += 1
    if not records:
        raise DataError(
            f"--responses: {path}: none of its {len(unknown)} lines belongs to an item of "
            f"{dataset.source}, whose ids look like {dataset.samples[0].id!r}"
        )
    manifest = _manifest(task, dataset, path, max(repeats.values()))
    run = RunData(path, manifest, tuple(records), summarise(manifest, records))
    missing = tuple(each.id for each in dataset.samples if each.id not in repeats)
    return Scored(run, tuple(unknown), missing)
