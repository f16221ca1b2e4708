"""The per-sample log of a run: one JSON line for each sample and repeat, only ever appended to.

A line holds the request and the response as they were on the wire, every attempt with its timing,
and the verdict. A sample that failed may be asked again by `--resume`: then the later line counts.
A line torn by a crash is the last one; it is ignored on reading and cut off before appending.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from evenhand_evals.errors import RunUnreadable, UsageError
from evenhand_evals.types import Completion, Outcome, Score
from evenhand_evals.wire import parse_completion

LOG_NAME = "samples.jsonl"
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on the wire: `started` seconds after the run began, `duration` in seconds.

    `status` is the HTTP status, None where no answer came; `error` says what went wrong, None for
    the attempt that succeeded; `waited` is the pause before the next attempt, in seconds. Of a
    stream, `first_token` is how long the first token took, in seconds, and `chunks` how many chunks
    came; both are None where none came, and for a plain answer.
    """

    started: float
    duration: float
    status: int | None = None
    error: str | None = None
    waited: float | None = None
    first_token: float | None = None
    chunks: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a sample that makes several, and what came back; fields as in `Record`.

    `path` is where it went; `judge` says that the judge was asked, not the model. Of a prompt of
    token ids, `request` has only what is new: `{"same": N, "then": [...]}` are the first N ids of
    the prompt before (or of the last answer's `tokens`) and then those.
    """

    path: str
    request: Mapping[str, Any]
    response: Mapping[str, Any] | str | None = None
    status: int | None = None
    started: float = 0.0
    duration: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    request_id: str | None = None
    fingerprint: str | None = None
    judge: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One sample of one repeat: what was asked, what came back, and what it was worth.

    `score` is None exactly when `outcome` is "failed", and then `reason` says why. `request` is
    the body that was sent (None for answers made elsewhere), `response` the body that came back:
    parsed where it was JSON, else its text. `started` and `duration` are seconds, the former since
    the run began. `request_id` and `fingerprint` are what an Evenhand proxy said in its headers.
    `cached` says that nothing was asked: the answer is one of an earlier run.
    Where a sample took several requests all of them are in `steps`, and these fields are those of
    the last one that the model answered.
    """

    item: str
    repeat: int
    outcome: Outcome
    score: Score | None = None
    reason: str | None = None
    group: str | None = None
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | str | None = None
    status: int | None = None
    started: float = 0.0
    duration: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    request_id: str | None = None
    fingerprint: str | None = None
    cached: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def bodies(self) -> tuple[Any, ...]:
        """Every body that came back, in order: what scoring again reads."""
        return tuple(step.response for step in self.steps) if self.steps else (self.response,)

    @property
    def key(self) -> tuple[str, int]:
        """The item and the repeat, which together name a sample of a run."""
        return self.item, self.repeat

    @property
    def completion(self) -> Completion | None:
        """The answer read from the raw response, or None if there is none in it."""
        return parse_completion(self.response)

    @property
    def prompt(self) -> str:
        """The messages that were sent, as text: each with its role when there are several."""
        if "prompt" in (self.request or {}):
            return str((self.request or {})["prompt"])
        messages = (self.request or {}).get("messages") or []
        if len(messages) == 1:
            return str(messages[0].get("content", ""))
        return "\n\n".join(f"{each.get('role')}: {each.get('content')}" for each in messages)


def _score(document: Mapping[str, Any]) -> Score:
    counts = {name: (pair[0], pair[1]) for name, pair in document.get("counts", {}).items()}
    return Score(**{**document, "counts": counts})


def parse_record(line: bytes) -> Record:
    """Read one line of the log.

    Raises:
        ValueError: the line is not JSON, or not a record of this version.

    """
    document = orjson.loads(line)
    try:
        score = document.get("score")
        document["score"] = _score(score) if score is not None else None
        document["attempts"] = _attempts(document)
        document["steps"] = tuple(
            Step(**{**step, "attempts": _attempts(step)}) for step in document.get("steps", ())
        )
        return Record(**document)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"not a record: {error}") from error


def _attempts(document: Mapping[str, Any]) -> tuple[Attempt, ...]:
    return tuple(Attempt(**each) for each in document.get("attempts", ()))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                yield number, line


def each_record(path: Path) -> Iterator[Record]:
    """Read a log line by line; of two records of the same sample the later one counts.

    A last line without its newline was torn by a crash and is left out.

    Raises:
        RunUnreadable: a whole line cannot be read.

    """
    for number, line in _lines(path):
        try:
            yield parse_record(line)
        except ValueError as error:
            raise RunUnreadable(
                f"{path}, line {number}: {error}; "
                "delete the line to ask this sample again with --resume"
            ) from error


def read_log(path: Path) -> tuple[Record, ...]:
    """Read a whole log, with one record for each sample.

    Raises:
        RunUnreadable: a whole line cannot be read.

    """
    return tuple({record.key: record for record in each_record(path)}.values())


class LogWriter:
    """Appends records to a log, one flushed line each, and keeps other writers out."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise UsageError(
                f"{path}: another process is writing this run; wait for it or choose another --out"
            ) from error
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        start, whole = end, 0
        while start > 0 and whole == 0:
            start = max(0, start - BLOCK)
            self._file.seek(start)
            found = self._file.read(min(BLOCK, end - start)).rfind(b"\n")
            whole = start + found + 1 if found >= 0 else 0
        if whole < end:
            self._file.truncate(whole)

    def append(self, record: Record) -> None:
        """Write one record and hand it to the operating system before returning."""
        self._file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def close(self) -> None:
        """Close the file, which also lets other writers in."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
