"""A real proxy on a real socket, in the test's own event loop."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from evenhand_proxy.api.app import Gateway, build_app
from evenhand_proxy.audit.journal import JOURNAL_FILE
from evenhand_proxy.audit.query import get_request, list_requests
from evenhand_proxy.config import Config


@dataclass(frozen=True)
class RunningProxy:
    """Where it listens, and its journal."""

    url: str
    app: Gateway
    data_dir: Path

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.data_dir / JOURNAL_FILE

    async def settled(self, count: int = 1) -> list[Any]:
        """Wait until `count` requests have an outcome, newest first."""
        for _ in range(400):
            if self.journal.exists():
                rows = list_requests(self.journal, limit=1000)
                done = [row for row in rows if row.outcome is not None]
                if len(done) >= count:
                    return done
            await asyncio.sleep(0.025)
        raise AssertionError(
            f"{count} requests did not settle: {list_requests(self.journal, limit=20)}"
        )

    def request(self, request_id: str) -> Any:
        """One audited request."""
        return get_request(self.journal, request_id)


@asynccontextmanager
async def running_proxy(config: Config, data_dir: Path) -> AsyncIterator[RunningProxy]:
    """Serve the config on a free loopback port until the block ends."""
    app = build_app(config, data_dir)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_config=None,
            access_log=False,
            http="httptools",
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
            raise AssertionError("the proxy did not start")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield RunningProxy(f"http://127.0.0.1:{port}", app, data_dir)
    finally:
        server.should_exit = True
        await task


async def evenhand(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int | None, str, str]:
    """Run one command; gives exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evenhand_proxy",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    output, problems = await process.communicate()
    return process.returncode, output.decode(), problems.decode()
