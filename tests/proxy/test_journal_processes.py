"""The journal under real processes: killed, out of disk, or several on one file."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.audit.query import get_request
from tests.proxy.facts import opening, outcome
from tests.proxy.journals import kinds, running

CHILD = """
import asyncio, itertools, sys
from pathlib import Path
from evenhand_proxy.audit.journal import Journal
from tests.proxy.facts import opening, outcome

async def one(journal, name):
    await journal.open(opening(name))
    print(name, flush=True)

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.start()
    print("started", flush=True)
    for group in itertools.count():
        await asyncio.gather(*(one(journal, f"{sys.argv[2]}-{group}-{n}") for n in range(16)))
        journal.close(outcome(f"{sys.argv[2]}-{group}-0"))

asyncio.run(main())
"""

FILLER = """
import asyncio, resource, sys
from pathlib import Path
from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.errors import AuditUnavailable
from tests.proxy.facts import opening, outcome

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.start()
    await journal.open(opening("first"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    taken = []
    try:
        for n in range(100):
            await journal.open(opening(f"big-{n}", content=bytes(20_000)))
            taken.append(f"big-{n}")
    except AuditUnavailable as error:
        print(error)
    journal.close(outcome("first"))
    for _ in range(3):
        try:
            await journal.open(opening("while-full", content=bytes(20_000)))
        except AuditUnavailable:
            pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.open(opening("after"))
    print(*taken)
    await journal.stop()
    print(journal.written, journal.failed, journal.queued)

asyncio.run(main())
"""


def child(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a script as a process of its own that can import what this one can."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_sigkill_loses_no_acknowledged_request(tmp_path: Path) -> None:
    """What a killed proxy had acknowledged is in the journal, and the next start marks it."""
    path = tmp_path / "journal.db"
    process = child(CHILD, path, "k")
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(300)][1:]
    process.kill()
    acknowledged += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    before = kinds(path)
    assert set(acknowledged) <= set(before)
    dangling = [name for name, kind in before.items() if kind == "open"]
    assert len(dangling) > 200

    async def restart() -> int:
        journal = Journal(path)
        marked = await journal.start()
        await journal.stop()
        return marked

    assert asyncio.run(restart()) == len(dangling)
    after = kinds(path)
    assert {after[name] for name in dangling} == {"unknown_outcome"}
    assert {n: k for n, k in after.items() if n not in dangling} == {
        n: k for n, k in before.items() if n not in dangling
    }
    assert asyncio.run(restart()) == 0
    assert [lock.name for lock in (tmp_path / "journal-writers").iterdir()] == ["starting.lock"]


async def test_a_live_second_proxy_keeps_its_open_requests(tmp_path: Path) -> None:
    """A start marks nothing of a writer that still lives, in another process or in this one."""
    path = tmp_path / "journal.db"
    process = child(CHILD, path, "other")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        theirs = process.stdout.readline().strip()
        async with running(path) as first:
            await first.open(opening("ours"))
            second = Journal(path)
            assert await second.start() == 0
            await second.stop()
            assert kinds(path)["ours"] == "open"
            assert get_request(path, theirs).kind in {"open", "completed"}
            assert "unknown_outcome" not in kinds(path).values()
            first.close(outcome("ours"))
    finally:
        process.kill()
        process.communicate()
    assert kinds(path)["ours"] == "completed"


def test_a_full_disk_refuses_requests_and_loses_no_outcome(tmp_path: Path) -> None:
    """With no room left `open` says so; the outcome that came meanwhile is written afterwards."""
    path = tmp_path / "journal.db"
    process = child(FILLER, path)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    error, taken, counts = printed.splitlines()
    assert "the audit journal cannot take this request" in error
    assert "not sent upstream" in error
    written = kinds(path)
    assert written["first"] == "completed"
    assert {"after", *taken.split()} == set(written) - {"first"}
    assert counts == f"{len(written) + 1} 4 0"


def test_two_proxies_may_make_the_journal_at_once(tmp_path: Path) -> None:
    """Processes that meet an absent file all start, and their requests stand in one journal."""
    path = tmp_path / "journal.db"
    processes = [child(CHILD, path, f"p{n}") for n in range(3)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            assert process.stdout.readline() != ""
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert {name.partition("-")[0] for name in kinds(path)} == {"p0", "p1", "p2"}
