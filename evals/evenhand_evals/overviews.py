"""Tables that some benchmarks have beside their metrics, computed as the result is.

A benchmark has the table that stands under the name of its `Task.aggregate` in `OVERVIEWS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from evenhand_evals.engine_memory import GIB, Memory
from evenhand_evals.manifest import Manifest
from evenhand_evals.scorers.retrieval_lengths import REASONING, RETRIEVAL, TOLERANCE
from evenhand_evals.types import Estimate

MIB: Final = float(1 << 20)
NOTHING = "·"
UNTOLD = "not told by the engine"
UNSEEN = "not seen: no request of this length at any look"
UNANSWERED = "no answer could be scored"
UNASKED = "not asked, for --limit, or no answer could be scored"

Cell = Estimate | str


@dataclass(frozen=True, slots=True)
class Overview:
    """A table: `rows` are names with as many cells as there are `columns`.

    `corner` says what the rows' names are, `hint` how to read it. `warnings` are sentences for the
    reader, about what makes it say less than it seems to.
    """

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    hint: str = ""
    warnings: tuple[str, ...] = ()


def by_length(manifest: Manifest, metrics: Mapping[str, Estimate]) -> Overview:
    """Give the table of long contexts: a row for each length, what was right, agreed, and held."""
    lengths = _lengths(manifest, metrics)
    shown = _columns(metrics)
    missing = manifest.dataset.left_out
    rows = [(each, _row(manifest, metrics, each, shown)) for each in lengths]
    rows += [
        (length, (why, *(NOTHING for _ in shown)))
        for length, why in missing.items()
        if length not in lengths
    ]
    return Overview(
        "By length of the prompt",
        "tokens",
        (*shown, "memory"),
        tuple(sorted(rows, key=lambda row: int(row[0]))),
        _memory_hint(manifest),
        _deviation(metrics),
    )


def _lengths(manifest: Manifest, metrics: Mapping[str, Estimate]) -> list[str]:
    """Give the lengths that were planned or answered."""
    planned = manifest.dataset.options.get("lengths", "")
    names = [name.rpartition(" at ")[2] for name in metrics if name.startswith("accuracy at ")]
    return list(dict.fromkeys([each for each in planned.split(",") if each] + names))


def _columns(metrics: Mapping[str, Estimate]) -> dict[str, str]:
    """Give the columns with the beginning of the metric that stands in each."""
    begun = dict.fromkeys(name.rpartition(" at ")[0] for name in metrics if " at " in name)
    kinds = [kind for kind in (RETRIEVAL, REASONING) if kind in begun]
    accuracy = {f"{kind}, accuracy": kind for kind in kinds} or {"accuracy": "accuracy"}
    agreement = {name: name for name in begun if name.startswith("agreement")}
    return accuracy | agreement


def _row(
    manifest: Manifest, metrics: Mapping[str, Estimate], length: str, shown: Mapping[str, str]
) -> tuple[Cell, ...]:
    cells = tuple(metrics.get(f"{begun} at {length}", NOTHING) for begun in shown.values())
    if f"accuracy at {length}" not in metrics:
        cells = (UNANSWERED if manifest.limit is None else UNASKED, *cells[1:])
    parts = manifest.memory.parts if manifest.memory else {}
    return (*cells, UNSEEN if parts and length not in parts else held(parts.get(length)))


def held(memory: Memory | None) -> str:
    """Write the most that an engine held, in tokens and, where it tells them, bytes."""
    if memory is None or (memory.kv_tokens is None and memory.kv_share is None):
        return UNTOLD
    parts = []
    if memory.kv_tokens is not None:
        capacity = f" of {memory.kv_capacity:,.0f}" if memory.kv_capacity else ""
        parts.append(f"{memory.kv_tokens:,.0f}{capacity} tokens")
    if memory.kv_share is not None:
        parts.append(f"{100 * memory.kv_share:.1f} %")
    if memory.kv_bytes is not None:
        parts.append(size(memory.kv_bytes))
    return ", ".join(parts)


def size(number: float) -> str:
    """Write a number of bytes."""
    return f"{number / GIB:.2f} GiB" if number >= GIB else f"{number / MIB:.1f} MiB"


def _memory_hint(manifest: Manifest) -> str:
    memory = manifest.memory
    if memory is None:
        return f"Memory: {UNTOLD}."
    if not memory.parts:
        return f"Memory: {memory.source}."
    looks = sum(each.looks for each in memory.parts.values())
    fixed = Memory()
    for each in memory.parts.values():
        fixed = fixed.most(each)
    sizes = {
        "whole cache": fixed.kv_pool_bytes,
        "weights": fixed.weight_bytes,
        "process that serves HTTP": fixed.process_bytes,
    }
    whole = [f"{name} {size(number)}" for name, number in sizes.items() if number is not None]
    at_once = f"at most {manifest.concurrency}" if manifest.concurrency else "as many as it took"
    return (
        f"Memory: the most that requests held in the KV cache, all of them together, in {looks} "
        f"looks at {memory.source}; {at_once} at once"
        + (f"; {', '.join(whole)}." if whole else ".")
    )


def _deviation(metrics: Mapping[str, Estimate]) -> tuple[str, ...]:
    found = metrics.get("length deviation")
    if found is None or round(found.value, 6) <= TOLERANCE:
        return ()
    warning = (
        f"by the endpoint's own count a prompt is {100 * found.value:.1f} % off the length that "
        f"was planned (more than {100 * TOLERANCE:.0f} %): read the lengths of the table as those "
        "of `length at N`, or ask an endpoint that tokenises at /tokenize"
    )
    return (warning,)


OVERVIEWS: Final[Mapping[str, Callable[[Manifest, Mapping[str, Estimate]], Overview]]] = (
    MappingProxyType({"by_length": by_length})
)
"""From a run's manifest and metrics to its table, by the name of the aggregate."""
