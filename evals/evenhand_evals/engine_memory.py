"""The memory that an engine holds while it is asked, from the engine's own mouth.

Where an engine gives which figure is the table `TOLD`, read from the engines' sources (SGLang
0.5.20, vLLM 0.32.0, llama.cpp's server). Every figure may be missing, and none is guessed:

- **SGLang** tells everything at `/v1/loads`, anew with every prefill and every 15th decoding step;
  where there is no such route, at `/metrics` with `--enable-metrics`. Its "GB" are GiB. Used tokens
  are those of requests under way; what its prefix cache keeps for later does not count.
- **vLLM** tells at `/metrics` the share of its KV cache that is used, and the cache's size in the
  labels of `vllm:cache_config_info`. Tokens are share times size, in whole blocks. It tells the
  cache's bytes only where they were set (`--kv-cache-memory-bytes`, or for a CPU). Blocks that are
  only kept for reuse count as free. `process_resident_memory_bytes` is of the process that serves
  HTTP; the model is in another one.
- **llama.cpp** tells at `/slots` how many tokens each busy slot holds, and how many it has room
  for. It tells no bytes. A slot whose task has not begun still tells the prompt before it; that
  does not count.
- A proxy shows metrics of its own, not the engine's: ask the engine itself.

The figures are of the whole engine: of all requests under way, also of somebody else's. They are
looked at about twice a second, so that a peak between two looks is missed. The KV cache is one
block that is taken at the start, so the bytes of a length are the pool's bytes times the share in
use. With tensor parallelism, bytes are those of the ranks that tell.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol

from evenhand_evals.http.client import Client

FIRST_S: Final = 0.05
EVERY_S: Final = 0.5
"""Pauses between two looks: the first ones are short, as short prompts are soon done."""
PATIENCE_S: Final = 10.0
GIB: Final = float(1 << 30)

_SERIES = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Place(Protocol):
    """Where an engine tells a figure."""

    @property
    def path(self) -> str:
        """The path that is asked, at the server's root."""

    def read(self, body: Any) -> list[float]:
        """Give the figure of each part of the engine, nothing where it does not stand there."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric in Prometheus' text format.

    `unit` times it is in tokens, bytes, or a share of 1. Parts of an engine (its data-parallel
    ranks) differ in the label `apart`; what else differs are copies of one figure. `labels`, where
    there are any, hold the factors of the figure in place of the metric's value.
    """

    path: str
    name: str
    unit: float = 1.0
    apart: str = ""
    labels: tuple[str, ...] = ()

    def read(self, body: Any) -> list[float]:
        """Give the figure of each part."""
        found: dict[str, float] = {}
        for labels, value in series(body, self.name) if isinstance(body, str) else ():
            told = _product(labels, self.labels) if self.labels else _number(value)
            if told is not None:
                part = labels.get(self.apart, "")
                found[part] = max(found.get(part, 0.0), told * self.unit)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """A number in a JSON document, by a dotted name; `*` stands for each element of a list.

    `when` names a field beside the last one that must be true. `begun` names counts beside it: if
    they are there and all of them are 0, what the place holds is of an earlier request. `alone`
    takes the number only where the list has one element.
    """

    path: str
    name: str
    unit: float = 1.0
    when: str = ""
    begun: tuple[str, ...] = ()
    alone: bool = False

    def read(self, body: Any) -> list[float]:
        """Give the figure of each part; a place with nothing under way holds nothing."""
        *above, last = self.name.split(".")
        found, holders = [], _reached(body, above)
        if self.alone and len(holders) != 1:
            return []
        for holder in holders:
            idle = self.when and self.when in holder and not holder[self.when]
            if idle or not self._has_begun(holder):
                found.append(0.0)
            elif (value := _number(holder.get(last))) is not None:
                found.append(value * self.unit)
        return found

    def _has_begun(self, holder: Mapping[str, Any]) -> bool:
        counts = [_number(holder.get(name)) for name in self.begun]
        return not counts or None in counts or any(counts)


def _reached(body: Any, steps: list[str]) -> list[Mapping[str, Any]]:
    reached = [body]
    for step in steps:
        if step == "*":
            reached = [each for place in reached if isinstance(place, list) for each in place]
        else:
            reached = [place.get(step) for place in reached if isinstance(place, Mapping)]
    return [each for each in reached if isinstance(each, Mapping)]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _product(labels: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    total = 1.0
    for name in names:
        factor = _number(labels.get(name))
        if factor is None:
            return None
        total *= factor
    return total


def series(text: str, name: str) -> Iterator[tuple[dict[str, str], str]]:
    """Give labels and value of every series of a metric, as they stand in an exposition."""
    for line in text.splitlines():
        if line.startswith(name):
            match = _SERIES.match(line)
            if match and match[1] == name:
                yield dict(_LABEL.findall(match[2] or "")), match[3]


def _sglang(entry: str, metric: str, info: str = "", unit: float = 1.0) -> tuple[Place, ...]:
    places: list[Place] = [
        Entry("/v1/loads", f"loads.*.{entry}", unit),
        Series("/metrics", f"sglang:{metric}", unit, apart="dp_rank"),
    ]
    if info:
        name = f"internal_states.*.memory_usage.{info}"
        places += [Entry(path, name, unit) for path in ("/server_info", "/get_server_info")]
    return tuple(places)


_CACHE_INFO = "vllm:cache_config_info"

TOLD: Final[Mapping[str, Mapping[str, tuple[Place, ...]]]] = {
    # sglang 0.5.20 srt/managers/scheduler_components/load_inquirer.py and memory_usage.py,
    # srt/observability/metrics_collector.py
    "sglang": {
        "kv_tokens": _sglang("num_used_tokens", "num_used_tokens"),
        "kv_capacity": _sglang("max_total_num_tokens", "max_total_num_tokens", "token_capacity"),
        "kv_pool_bytes": _sglang("memory.kv_cache_gb", "kv_cache_memory_usage_gb", "kvcache", GIB),
        "weight_bytes": _sglang("memory.weight_gb", "weight_memory_usage_gb", "weight", GIB),
    },
    # vllm 0.32.0 v1/metrics/loggers.py, config/cache.py; the second share is that of before 0.10
    "vllm": {
        "kv_share": (
            Series("/metrics", "vllm:kv_cache_usage_perc", apart="engine"),
            Series("/metrics", "vllm:gpu_cache_usage_perc", apart="engine"),
        ),
        "kv_capacity": (
            Series("/metrics", _CACHE_INFO, apart="engine", labels=("kv_cache_size_tokens",)),
            Series(
                "/metrics", _CACHE_INFO, apart="engine", labels=("num_gpu_blocks", "block_size")
            ),
        ),
        "kv_pool_bytes": (
            Series("/metrics", _CACHE_INFO, apart="engine", labels=("kv_cache_memory_bytes",)),
        ),
        "process_bytes": (Series("/metrics", "process_resident_memory_bytes"),),
    },
    # llama.cpp tools/server/server-context.cpp, server_slot::to_json; what a slot holds grows with
    # its answer, an idle slot's prefix is only kept for reuse, and so is that of a slot whose task
    # waits for room in a batch: it tells the prompt of the task before, with both counts at 0.
    # Slots that share one cache each tell the whole of it, and nothing tells whether they do.
    "llamacpp": {
        "kv_tokens": (
            Entry(
                "/slots",
                "*.n_prompt_tokens",
                when="is_processing",
                begun=("n_prompt_tokens_processed", "n_prompt_tokens_cache"),
            ),
        ),
        "kv_capacity": (Entry("/slots", "*.n_ctx", alone=True),),
    },
}
"""Engine to figure to the places where it may stand, the best first."""

_MEANS = frozenset(("kv_share",))
"""Figures of which the parts of an engine have a mean; of the others they have a sum."""
_HELD = frozenset(("kv_tokens", "kv_share"))
"""Figures that change while the engine is asked; without one of them a look shows nothing."""

PROXIED: Final = (
    "not told: a proxy's metrics are its own, not the engine's; name the engine with --base-url"
)


@dataclass(frozen=True, slots=True)
class Memory:
    """The most that an engine held in any look, None where it does not tell.

    `kv_tokens` are the tokens in its KV cache of `kv_capacity`, `kv_share` is their share, 0..1.
    `kv_bytes` are computed: the share of `kv_pool_bytes`, which is the whole cache. `process_bytes`
    are resident in the process that serves HTTP. `looks` is how often the engine answered while
    requests were under way.
    """

    looks: int = 0
    kv_tokens: float | None = None
    kv_capacity: float | None = None
    kv_share: float | None = None
    kv_bytes: float | None = None
    kv_pool_bytes: float | None = None
    weight_bytes: float | None = None
    process_bytes: float | None = None

    def most(self, other: "Memory") -> "Memory":
        """Give the larger of each figure; looks add up."""
        largest: dict[str, Any] = {}
        for name in (each.name for each in fields(self)):
            pair = getattr(self, name), getattr(other, name)
            largest[name] = max((value for value in pair if value is not None), default=None)
        return Memory(**{**largest, "looks": self.looks + other.looks})


def memory_of(told: Mapping[str, float]) -> Memory:
    """Put what was told in one look together, with what follows from it."""
    capacity, share, tokens = (told.get(each) for each in ("kv_capacity", "kv_share", "kv_tokens"))
    if tokens is None and share is not None and capacity:
        tokens = float(round(share * capacity))
    elif share is None and tokens is not None and capacity:
        share = tokens / capacity
    pool = told.get("kv_pool_bytes")
    used = round(pool * share) if pool is not None and share is not None else None
    weights, process = told.get("weight_bytes"), told.get("process_bytes")
    return Memory(1, tokens, capacity, share, used, pool, weights, process)


@dataclass(frozen=True, slots=True)
class EngineMemory:
    """What an engine said of its memory in a run: who told it where, and the most of each part.

    `source` says in words why there is nothing where `parts` is empty.
    """

    source: str
    parts: Mapping[str, Memory] = field(default_factory=dict)

    def with_most(self, other: "EngineMemory | None") -> "EngineMemory":
        """Put an earlier session's figures beside these; of each part the larger."""
        parts = dict(other.parts) if other else {}
        for name, memory in self.parts.items():
            parts[name] = parts.get(name, Memory()).most(memory)
        source = other.source if other and parts and not self.parts else self.source
        return EngineMemory(source, parts)

    @classmethod
    def parse(cls, document: Mapping[str, Any] | None) -> "EngineMemory | None":
        """Read it back from its JSON document, None if there is none."""
        if document is None:
            return None
        parts = {name: Memory(**memory) for name, memory in document["parts"].items()}
        return cls(document["source"], parts)


class Watch:
    """Looks at an engine's figures now and then, through a client of its own.

    `busy` says whether requests are under way: an engine that is not asked holds nothing of ours.
    """

    def __init__(self, client: Client, engine: str, busy: Callable[[], bool]) -> None:
        self._client, self._engine, self._busy = client, engine, busy
        self._places: dict[str, Place] = {}
        self._parts: dict[str, Memory] = {}
        self._part: str | None = None

    @property
    def memory(self) -> EngineMemory:
        """What has been seen so far."""
        if not self._told:
            return EngineMemory(f"not told by the engine ({self._engine})")
        if not self._parts:
            return EngineMemory(f"not seen: no request was under way at any look ({self._engine})")
        paths = dict.fromkeys(place.path for place in self._places.values())
        return EngineMemory(f"{self._engine}: {' and '.join(paths)}", dict(self._parts))

    @property
    def _told(self) -> bool:
        return bool(_HELD & self._places.keys())

    async def _find(self) -> None:
        """Find out where the engine tells which figure; each path is asked once at a time."""
        figures = TOLD.get(self._engine, {})
        bodies: dict[str, Any] = {}
        for name, places in figures.items():
            for place in places:
                if place.path not in bodies:
                    bodies[place.path] = await self._ask(place.path)
                if place.read(bodies[place.path]):
                    self._places[name] = place
                    break

    async def _ask(self, path: str) -> Any:
        answer = await self._client.request("GET", path)
        return answer.body if answer.status == 200 else None

    async def look(self) -> Memory | None:
        """Look once; None if the engine said nothing of what it holds."""
        bodies = {path: await self._ask(path) for path in {e.path for e in self._places.values()}}
        told = {}
        for name, place in self._places.items():
            if values := place.read(bodies[place.path]):
                told[name] = sum(values) / (len(values) if name in _MEANS else 1)
        return memory_of(told) if _HELD & told.keys() else None

    @asynccontextmanager
    async def during(self, part: str) -> AsyncIterator[None]:
        """Look now and then for as long as one part of the run is asked.

        A look counts for the part if its requests were under way when it began and when it ended.
        """
        if not self._told:
            await self._find()
        self._part = part
        looking = asyncio.create_task(self._keep_looking(part)) if self._engine in TOLD else None
        try:
            yield
        finally:
            self._part = None
            if looking is not None:
                looking.cancel()
                await asyncio.wait([looking])

    async def _keep_looking(self, part: str) -> None:
        pause = FIRST_S
        while True:
            await asyncio.sleep(pause)
            pause = min(EVERY_S, 2 * pause)
            if not self._busy():
                continue
            if not self._told:
                await self._find()  # some engines have no figure before their first request
            seen = await self.look()
            if seen is not None and self._part == part and self._busy():
                self._parts[part] = self._parts.get(part, Memory()).most(seen)


@asynccontextmanager
async def watching(
    root: str, key: str | None, engine: str | None, busy: Callable[[], bool]
) -> AsyncIterator[Watch]:
    """Open a watch on the engine at a server's root; `engine` is None where it is not known."""
    async with Client(root, key=key, timeout=PATIENCE_S) as client:
        yield Watch(client, engine or "unknown", busy)
