"""A proxy that is killed in the middle of streams loses no accepted request."""

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
async def serving(config: Path, data_dir: Path) -> AsyncIterator[tuple[str, int]]:
    """Run `evenhand serve` in a process of its own; gives its address and process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evenhand_proxy",
        "serve",
        f"--config={config}",
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
        yield json.loads(line)["url"], process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_every_accepted_request_survives_sigkill(engine: FakeEngine, tmp_path: Path) -> None:
    """Each stream that began has its opening row; the next start gives it an outcome."""
    config = tmp_path / "evenhand.yaml"
    config.write_text(f"models: {{m: {{engine: vllm, base_url: '{engine.url}'}}}}\n")
    engine.reply = stream(chunk("a"), then="hang")
    accepted: set[str] = set()
    streams: list[AsyncIterator[bytes]] = []
    body = {"model": "m", "messages": [], "stream": True}

    async with (
        serving(config, tmp_path) as (url, pid),
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
    ):

        async def begin() -> None:
            request = client.build_request("POST", f"{url}/v1/chat/completions", json=body)
            answer = await client.send(request, stream=True)
            streams.append(answer.aiter_raw())  # kept: a collected stream would hang up
            await anext(streams[-1])
            accepted.add(answer.headers["evenhand-request-id"])

        await asyncio.gather(*(begin() for _ in range(STREAMS)))
        os.kill(pid, 9)

    journal = tmp_path / JOURNAL_FILE
    rows = {row.opening.request_id: row for row in list_requests(journal, limit=100)}
    assert len(accepted) == STREAMS
    assert accepted <= rows.keys()
    assert all(row.outcome is None for row in rows.values())
    async with serving(config, tmp_path):
        rows = {row.opening.request_id: row for row in list_requests(journal, limit=100)}
    assert {row.kind for row in rows.values()} == {"unknown_outcome"}
