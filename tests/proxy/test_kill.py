"""What a proxy leaves behind that is killed, stopped, or loses its engine."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from evenhand_proxy.audit.journal import JOURNAL_FILE
from evenhand_proxy.audit.query import list_requests
from tests.fake_engine import FakeEngine, chunk, stream

STREAMS = 24


@asynccontextmanager
async def serving(
    data_dir: Path, what: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run `evenhand serve` in a process of its own; gives its address and the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evenhand_proxy",
        "serve",
        what,
        "--port=0",
        f"--data-dir={data_dir}",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        said = b""
        async for line in process.stderr:
            said += line
            if line.startswith(b'{"event": "listening"'):
                break
        else:
            raise AssertionError(said.decode())
        yield json.loads(line)["url"], process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def configured(folder: Path, engine: FakeEngine) -> str:
    """The option that serves a fake engine as `m`."""
    file = folder / "evenhand.yaml"
    file.write_text(f"models: {{m: {{engine: vllm, base_url: '{engine.url}'}}}}\n")
    return f"--config={file}"


async def test_every_accepted_request_survives_sigkill(engine: FakeEngine, tmp_path: Path) -> None:
    """Each stream that began has its opening row; the next start gives it an outcome."""
    config = configured(tmp_path, engine)
    engine.reply = stream(chunk("a"), then="hang")
    accepted: set[str] = set()
    streams: list[AsyncIterator[bytes]] = []
    body = {"model": "m", "messages": [], "stream": True}

    async with (
        serving(tmp_path, config) as (url, process),
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
    ):

        async def begin() -> None:
            request = client.build_request("POST", f"{url}/v1/chat/completions", json=body)
            answer = await client.send(request, stream=True)
            streams.append(answer.aiter_raw())  # kept: a collected stream would hang up
            await anext(streams[-1])
            accepted.add(answer.headers["evenhand-request-id"])

        await asyncio.gather(*(begin() for _ in range(STREAMS)))
        process.kill()
        await process.wait()

    journal = tmp_path / JOURNAL_FILE
    rows = {row.opening.request_id: row for row in list_requests(journal, limit=100)}
    assert len(accepted) == STREAMS
    assert accepted <= rows.keys()
    assert all(row.outcome is None for row in rows.values())
    async with serving(tmp_path, config):
        rows = {row.opening.request_id: row for row in list_requests(journal, limit=100)}
    assert {row.kind for row in rows.values()} == {"unknown_outcome"}


async def test_sigterm_is_an_orderly_end(engine: FakeEngine, tmp_path: Path) -> None:
    """The exit code is 0, and the journal is whole."""
    async with serving(tmp_path, configured(tmp_path, engine)) as (url, process):
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{url}/v1/chat/completions", json={"model": "m"})
        assert answer.status_code == 200
        process.terminate()
        await process.wait()
    assert process.returncode == 0
    (row,) = list_requests(tmp_path / JOURNAL_FILE, limit=10)
    assert row.kind == "completed"


async def test_a_dead_local_engine_ends_the_proxy_with_3(tmp_path: Path) -> None:
    """A proxy whose engine is gone says so, with the place of its log."""
    async with serving(tmp_path, "--local=tiny-glm4") as (_, process):
        listed = f"/proc/{process.pid}/task/{process.pid}/children"
        children = await asyncio.to_thread(Path(listed).read_text)
        os.kill(int(children.split()[0]), 9)
        assert process.stderr is not None
        said = await process.stderr.read()
        await process.wait()
    assert process.returncode == 3
    assert b"engine.log" in said
