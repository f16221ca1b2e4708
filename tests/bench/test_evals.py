"""What a sample costs the eval client, beside lm-evaluation-harness and inspect_ai.

All ask the same mock for the same chats, 64 at once, and write their logs, in the same run and in
turn. Each is run with few and with many samples: the difference is what samples cost, free of
imports and preparation. CPU time is the client's own, so that "samples a second for each core" is
what one core would do with an endpoint that never made it wait. `make bench-evals` makes the other
clients' environment and prints the table; without it, or without EVENHAND_HARNESSES_PYTHON, only
ours is measured. EVENHAND_BENCH_JSON=FILE writes the figures, EVENHAND_BENCH_CYCLES=N asks for more
cycles. Streams are measured beside OpenAI's client and httpx, since the other harnesses ask for
none; what a chunk costs holds a chunk's share of all that its sample costs.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import orjson
import pytest

from tests.bench.targets import ROOT, module, pinned

CYCLES = 3
CYCLES_VARIABLE = "EVENHAND_BENCH_CYCLES"
JSON_VARIABLE = "EVENHAND_BENCH_JSON"
PYTHON_VARIABLE = "EVENHAND_HARNESSES_PYTHON"
HARNESSES = ROOT / ".venv-harnesses" / "bin" / "python"
LONGEST = 600.0
OURS = "evenhand"
FEW, MANY, HUGE = 1_000, 10_000, 100_000
STREAMED = "evenhand, streamed"
STREAMS = {
    "64 chunks, one write": (64, 0),
    "512 chunks, one write": (512, 0),
    "512 chunks, eight a write": (512, 8),
    "512 chunks, each a write": (512, 1),
}
"""Streams by name: how many chunks, and how many of them the upstream writes at once (0: all)."""
FLAT = 1024.0
"""Bytes that a further sample of a large run may keep, beside the data set."""


@dataclass(frozen=True, slots=True)
class Harness:
    """An eval client: its name in `tests.bench.harnesses`, its Python, and how much it is asked."""

    name: str
    python: str
    few: int
    many: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one sample costs: CPU time in seconds, and memory kept in bytes."""

    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took: CPU and wall time in seconds, memory beyond the data set in bytes."""

    cpu: float
    wall: float
    memory: float


def harnesses() -> list[Harness]:
    """Give the clients that can be run here."""
    found = [
        Harness(OURS, sys.executable, FEW, MANY),
        Harness("evenhand, answers kept", sys.executable, FEW, MANY),
    ]
    python = os.environ.get(PYTHON_VARIABLE) or str(HARNESSES)
    if Path(python).exists():
        found.append(Harness("lm-evaluation-harness", python, 200, 8_200))
        found.append(Harness("inspect_ai", python, 100, 600))
    return found


def readers(chunks: int) -> list[Harness]:
    """Give what reads streams, each asked for about as long."""
    few, many = 12_800 // chunks, 128_000 // chunks
    return [
        Harness(STREAMED, sys.executable, few, many),
        Harness("httpx, line by line", sys.executable, few // 4, many // 4),
        Harness("openai SDK", sys.executable, few // 10, many // 10),
    ]


@contextmanager
def upstream(folder: Path, *arguments: int) -> Iterator[int]:
    """Run the mock endpoint on the core that the clients do not use; give its port."""
    log, name = folder / "upstream.log", "tests.bench.mock_upstream"
    with module(name, *map(str, arguments), core=1, log=log) as (_, port):
        yield port


def run(name: str, python: str, port: int, samples: int) -> Figures:
    """Let a client evaluate once, in a process and a folder of its own."""
    with TemporaryDirectory() as folder:
        command = [python, "-m", "tests.bench.harnesses", name, str(port), str(samples), folder]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": folder, "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(
            pinned(0, command),
            cwd=ROOT,
            env={**os.environ, **offline, "PYTHONPATH": "proxy:evals"},
            capture_output=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        return Figures(**orjson.loads(done.stdout.splitlines()[-1]))


def cost(harness: Harness, port: int) -> Cost:
    """Give what a further sample costs a client."""
    few = run(harness.name, harness.python, port, harness.few)
    many = run(harness.name, harness.python, port, harness.many)
    samples = harness.many - harness.few
    return Cost((many.cpu - few.cpu) / samples, (many.memory - few.memory) / samples)


def summary(costs: dict[str, list[Cost]], ours_is: str = OURS) -> dict[str, dict[str, float]]:
    """Give medians over cycles; `ratio` is the median of CPU to ours in the same cycle."""
    ours = costs[ours_is]
    return {
        name: {
            "cpu_us": 1e6 * median(each.cpu for each in own),
            "samples_per_core_second": 1 / median(each.cpu for each in own),
            "ratio": median(each.cpu / other.cpu for each, other in zip(own, ours, strict=True)),
            "memory_per_sample": median(each.memory for each in own),
        }
        for name, own in costs.items()
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Write the figures as a table."""
    lines = [f"\n{'':24} {'CPU us/sample':>14} {'samples/s/core':>15} {'to ours':>8}"]
    lines += [
        f"{name:24} {row['cpu_us']:14.0f} {row['samples_per_core_second']:15.0f} "
        f"{row['ratio']:8.1f}"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Print past pytest's capturing."""
    with capsys.disabled():
        sys.stdout.write(text)


@pytest.mark.bench
def test_cost_of_a_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every client gets every sample right; what that cost is printed, not judged."""
    clients: Sequence[Harness] = harnesses()
    cycles = int(os.environ.get(CYCLES_VARIABLE, CYCLES))
    costs: dict[str, list[Cost]] = {client.name: [] for client in clients}
    with upstream(tmp_path) as port:
        for client in clients:  # the first time a client's files are read costs more than samples
            run(client.name, client.python, port, client.few)
        for cycle in range(cycles):
            for client in clients if cycle % 2 == 0 else reversed(clients):
                costs[client.name].append(cost(client, port))
    rows = summary(costs)
    say(capsys, table(rows))
    if len(clients) == 2:
        say(capsys, "the others are not here: tests/bench/harnesses.sh makes their environment\n")
    if JSON_VARIABLE in os.environ:
        document = orjson.dumps(rows, option=orjson.OPT_INDENT_2)
        Path(os.environ[JSON_VARIABLE]).write_bytes(document)


@pytest.mark.bench
def test_cost_of_a_chunk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody reads every stream to its end; what a chunk cost is printed, not judged."""
    cycles = int(os.environ.get(CYCLES_VARIABLE, CYCLES))
    for name, (chunks, together) in STREAMS.items():
        clients = readers(chunks)
        costs: dict[str, list[Cost]] = {client.name: [] for client in clients}
        with upstream(tmp_path, chunks, together) as port:
            for _ in range(cycles):
                for client in clients:
                    costs[client.name].append(cost(client, port))
        say(capsys, chunk_table(name, chunks + 1, summary(costs, STREAMED)))


def chunk_table(name: str, chunks: int, rows: dict[str, dict[str, float]]) -> str:
    """Write what reading streams of so many chunks, the one with the usage counted, has cost."""
    lines = [f"\n{name:26} {'CPU us/chunk':>14} {'chunks/s/core':>15} {'to ours':>8}"]
    lines += [
        f"{client:26} {row['cpu_us'] / chunks:14.2f} "
        f"{chunks * row['samples_per_core_second']:15.0f} {row['ratio']:8.1f}"
        for client, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.bench
def test_memory_of_a_large_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of 100,000 samples keeps little of each, whatever was sent and received."""
    with upstream(tmp_path) as port:
        many, huge = (run(OURS, sys.executable, port, samples) for samples in (MANY, HUGE))
    grown = (huge.memory - many.memory) / (HUGE - MANY)
    say(
        capsys,
        f"\nbeyond the data set: {many.memory / 1e6:.0f} MB for {MANY:,} samples, "
        f"{huge.memory / 1e6:.0f} MB for {HUGE:,}: {grown:.0f} bytes for each further one; "
        f"{HUGE / huge.cpu:.0f} samples/s/core\n",
    )
    assert grown < FLAT
