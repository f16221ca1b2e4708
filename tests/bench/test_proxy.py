"""What a request through the proxy costs, as ratios to peers in the same run.

All targets are up at once and an idle one costs nothing; short slices of load go to each in turn,
forwards and backwards, so that a change of the machine's speed meets all alike. A ratio is taken
within a cycle, and the median over cycles is what counts. `make bench` prints the table;
EVENHAND_BENCH_JSON=FILE writes the figures, EVENHAND_BENCH_CYCLES=N asks for more cycles.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import pytest

from tests.bench.mock_upstream import EVENTS
from tests.bench.targets import (
    ROOT,
    Target,
    cpu_seconds,
    evenhand,
    module,
    nginx,
    peer,
    pinned,
)

REFERENCE = "floor"
CYCLES = 6
SLICE = 0.45
CYCLES_VARIABLE = "EVENHAND_BENCH_CYCLES"
JSON_VARIABLE = "EVENHAND_BENCH_JSON"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A shape of load: how many connections, plain or streamed, same parameters or new ones."""

    name: str
    concurrency: int
    stream: bool = False
    usage: bool = False
    fresh: bool = False

    @property
    def units(self) -> int:
        """What CPU time is divided by for one request: a stream counts its chunks."""
        return EVENTS if self.stream else 1


SCENARIOS = (
    Scenario("plain, 1 connection", 1),
    Scenario("plain, 64 connections", 64),
    Scenario("plain, 64 connections, new parameters each time", 64, fresh=True),
    Scenario("stream burst, 1 connection, usage reported", 1, stream=True, usage=True),
    Scenario("stream burst, 64 connections, usage reported", 64, stream=True, usage=True),
    Scenario("stream burst, 64 connections, usage left to count", 64, stream=True),
)


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of load on one target; times are microseconds, `cpu` for a request or chunk."""

    cpu: float
    rate: float
    p50: float
    p99: float


class LoadGenerator:
    """The load generator's process, taking one order at a time."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def order(self, port: int, scenario: Scenario, seconds: float) -> dict[str, Any]:
        """Send load and wait for its result, which must be free of errors."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        order = {
            "port": port,
            "concurrency": scenario.concurrency,
            "seconds": seconds,
            "stream": scenario.stream,
            "usage": scenario.usage,
            "fresh": scenario.fresh,
        }
        self._child.stdin.write(orjson.dumps(order, option=orjson.OPT_APPEND_NEWLINE))
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, "the load generator ended"
        result: dict[str, Any] = orjson.loads(line)
        assert result["errors"] == 0, f"{scenario.name}: {result['first_error']}"
        assert result["requests"] > 0
        return result


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    """Start the load generator beside the upstream, on the core that the proxies do not use."""
    command = pinned(1, [sys.executable, "-m", "tests.bench.loadgen"])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        yield LoadGenerator(child)
        assert child.stdin is not None
        child.stdin.close()


def free_port() -> int:
    """Give a loopback port that is free now, for a server that cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def start(stack: ExitStack, folder: Path) -> list[Target]:
    """Start the upstream and every proxy; all end with the stack."""
    _, upstream = stack.enter_context(
        module("tests.bench.mock_upstream", core=1, log=folder / "upstream.log")
    )
    targets = [
        stack.enter_context(evenhand(folder, upstream, "normal")),
        stack.enter_context(evenhand(folder, upstream, "async")),
        stack.enter_context(peer(folder, upstream, "floor")),
        stack.enter_context(peer(folder, upstream, "tutorial")),
    ]
    if shutil.which("nginx"):
        targets.append(stack.enter_context(nginx(folder, upstream, free_port)))
    return [*targets, Target("no proxy", upstream, None)]


def measure(load: LoadGenerator, target: Target, scenario: Scenario) -> Slice:
    """Load one target for one slice."""
    before = cpu_seconds(target.pid) if target.pid else 0.0
    result = load.order(target.port, scenario, SLICE)
    time.sleep(0.02)
    used = (cpu_seconds(target.pid) if target.pid else 0.0) - before
    cpu = 1e6 * used / result["requests"] / scenario.units
    return Slice(cpu, result["rate"], result["p50"], result["p99"])


def run_scenario(
    load: LoadGenerator, targets: Sequence[Target], scenario: Scenario, cycles: int
) -> dict[str, list[Slice]]:
    """Load all targets in turn, `cycles` times, every other time backwards."""
    slices: dict[str, list[Slice]] = {target.name: [] for target in targets}
    for cycle in range(cycles):
        for target in targets if cycle % 2 == 0 else reversed(targets):
            slices[target.name].append(measure(load, target, scenario))
    return slices


def summary(slices: dict[str, list[Slice]]) -> dict[str, dict[str, float]]:
    """Give medians over cycles; `ratio` is the median of CPU to the reference's in that cycle."""
    reference = slices[REFERENCE]
    return {
        name: {
            "cpu_us": median(each.cpu for each in own),
            "ratio": median(
                each.cpu / other.cpu for each, other in zip(own, reference, strict=True)
            ),
            "requests_per_second": median(each.rate for each in own),
            "p50_us": median(each.p50 for each in own),
            "p99_us": median(each.p99 for each in own),
        }
        for name, own in slices.items()
    }


def table(scenario: Scenario, rows: dict[str, dict[str, float]]) -> str:
    """Write one scenario as a table."""
    unit = "chunk" if scenario.stream else "request"
    head = f"{'':24} {'CPU us/' + unit:>15} {'to ' + REFERENCE:>9} {'req/s':>9}"
    lines = [f"\n{scenario.name}", f"{head} {'p50 us':>9} {'p99 us':>9}"]
    for name, row in rows.items():
        lines.append(
            f"{name:24} {row['cpu_us']:15.2f} {row['ratio']:9.2f} "
            f"{row['requests_per_second']:9.0f} {row['p50_us']:9.0f} {row['p99_us']:9.0f}"
        )
    return "\n".join(lines)


@pytest.mark.bench
def test_cost_of_a_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every target answers every request rightly; what that cost is printed, not judged."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("CPU time is read from /proc/PID/task/*/schedstat, which is not here")
    cycles = int(os.environ.get(CYCLES_VARIABLE, CYCLES))
    figures: dict[str, dict[str, dict[str, float]]] = {}
    with ExitStack() as stack:
        targets = start(stack, tmp_path)
        load = stack.enter_context(load_generator())
        for target in targets:
            for scenario in (SCENARIOS[1], SCENARIOS[-1]):
                load.order(target.port, scenario, SLICE)
        for scenario in SCENARIOS:
            rows = summary(run_scenario(load, targets, scenario, cycles))
            figures[scenario.name] = rows
            with capsys.disabled():
                sys.stdout.write(table(scenario, rows) + "\n")
    if JSON_VARIABLE in os.environ:
        document = orjson.dumps(figures, option=orjson.OPT_INDENT_2)
        Path(os.environ[JSON_VARIABLE]).write_bytes(document)
