"""The embedded engine: llama.cpp's server as a child process that never outlives the proxy."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import httpx

from evenhand_proxy.errors import ConfigError, EngineError

log = logging.getLogger(__name__)

DEFAULT_SLOTS = 4
DEFAULT_CONTEXT = 2048
START_SECONDS = 60.0
STOP_SECONDS = 2.0
MOST_THREADS = 4
"""Small models gain nothing from more, and a container shows cores that it may not use."""

LOG_TAIL_BYTES = 2000
HEALTH_POLL_SECONDS = 0.02

ENVIRONMENT = {
    "GOMP_SPINCOUNT": "0",  # spinning at OpenMP's barriers costs more than it saves on busy cores
    "GGML_NO_BACKTRACE": "1",  # a failed assertion would start a debugger for seconds
}


class LocalEngine:
    """One GGUF file served on a free loopback port by llama.cpp.

        async with LocalEngine(path, alias="smollm2", log_path=log) as engine:
            ...  # engine.base_url answers OpenAI's routes below /v1

    `slots` requests run at once, each with `context` tokens for prompt and answer together (the
    model's trained context is the most). `alias` is the model's name in the engine's answers. The
    engine's log is appended to `log_path`. `timeout` is in seconds and covers the whole start.

    After the start, `invariant` says whether a request's answer depends on nothing but the request
    (and its seed); it does not for a model whose attention heads do not fit a Q8_0 cache, where
    requests in flight at the same time may change each other's last bits.
    """

    def __init__(
        self,
        path: Path,
        *,
        alias: str,
        log_path: Path,
        slots: int = DEFAULT_SLOTS,
        context: int = DEFAULT_CONTEXT,
        threads: int | None = None,
        timeout: float = START_SECONDS,
    ) -> None:
        for name, value in (("slots", slots), ("context", context), ("threads", threads)):
            if value is not None and value < 1:
                raise ConfigError(f"{name}: {value} is too small; the local engine needs 1 or more")
        self.path = path
        self.model = alias
        self.log_path = log_path
        self.slots = slots
        self.context = context
        self.threads = min(MOST_THREADS, usable_cpus()) if threads is None else threads
        self.timeout = timeout
        self.base_url = ""
        self.invariant = True
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, None before `start` and after `stop`."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the child is there; an engine that crashed is not."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> Self:
        """Start the child and wait until it answers `/health`.

        Raises EngineError if `xllamacpp` is missing, the model cannot be loaded, or the time is
        over; the message holds the end of the engine's log.
        """
        if self.running:
            raise EngineError(f"local engine {self.model!r}: it is running already")
        await asyncio.to_thread(self.log_path.parent.mkdir, parents=True, exist_ok=True)
        log_file = await asyncio.to_thread(self.log_path.open, "ab")
        try:
            begin = log_file.tell()
            self._process = await self._spawn(log_file)
        finally:
            log_file.close()
        try:
            async with asyncio.timeout(self.timeout):
                await self._listening(self._process)
                await self._healthy(self._process)
        except _Died:
            status = await self._process.wait()
            await self.stop()
            raise self._failure(f"it ended with status {status}", begin) from None
        except TimeoutError:
            await self.stop()
            raise self._failure(f"it did not answer in {self.timeout:g} s", begin) from None
        except BaseException:
            await self.stop()
            raise
        return self

    async def wait(self) -> int | None:
        """Wait until the child ends and give its exit status; None if it was not started."""
        return None if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Close the child's standard input, which ends it; kill it if that does not help."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _spawn(self, log_file: BinaryIO) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # never import from the folder that the user happens to be in
            "-m",
            "evenhand_proxy.engines.llamacpp_child",
            f"--model={self.path}",
            f"--alias={self.model}",
            f"--slots={self.slots}",
            f"--context={self.context}",
            f"--threads={self.threads}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            # Ctrl-C in a terminal goes to the whole group: the proxy drains first, then stops us.
            start_new_session=True,
            env={**os.environ, **ENVIRONMENT},
        )

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        """Read the child's one line."""
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = await process.stdout.readline()
        if not line:
            raise _Died
        said = json.loads(line)
        if "missing" in said:
            raise EngineError(
                f"local engine {self.model!r}: the package xllamacpp cannot be imported "
                f"({said['missing']}): pip install 'evenhand[local]'"
            )
        self.base_url, self.invariant = said["address"], said["invariant"]
        if not self.invariant:
            log.warning(
                "local engine %s: no Q8_0 cache for this model; requests served at the same time "
                "may change each other's answers (--slots 1 prevents it)",
                self.model,
            )

    async def _healthy(self, process: asyncio.subprocess.Process) -> None:
        """Ask `/health` until it says 200."""
        async with httpx.AsyncClient(base_url=self.base_url, trust_env=False) as client:
            while process.returncode is None:
                try:
                    if (await client.get("/health")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(HEALTH_POLL_SECONDS)
        raise _Died

    def _failure(self, what: str, begin: int) -> EngineError:
        with self.log_path.open("rb") as log_file:
            log_file.seek(begin)
            tail = log_file.read()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        return EngineError(
            f"local engine {self.model!r}: {self.path} could not be served: {what}. "
            f"Its log ({self.log_path}) ends:\n{tail}"
        )


class _Died(Exception):
    """The child ended before it served."""


def usable_cpus() -> int:
    """Count the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
