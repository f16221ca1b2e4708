"""The real engines that the contract is tested on, each started by the project's own means."""

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evenhand_proxy.cli.model import ensure_local
from evenhand_proxy.config import Engine, Model
from evenhand_proxy.engines.local import LocalEngine

ROOT = Path(__file__).parents[2]
START_SECONDS = 300
TOP_K_ALL = 1 << 30
"""What SGLang's class makes of top_k -1: all tokens (srt/sampling/sampling_params.py)."""

Reported = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class RealEngine:
    """A running engine, and what it says it used for its last request, by canonical name."""

    kind: Engine
    model: Model
    reported: Reported


@asynccontextmanager
async def llamacpp(folder: Path) -> AsyncIterator[RealEngine]:
    """The embedded engine with tiny-glm4; its `/slots` show the last request's parameters."""
    name, weights = await ensure_local("tiny-glm4", folder)
    async with LocalEngine(weights, alias=name, slots=2, log_path=folder / "engine.log") as engine:

        async def reported() -> dict[str, Any]:
            async with httpx.AsyncClient(trust_env=False) as client:
                slots = (await client.get(f"{engine.base_url}/slots")).json()
            last = max((s for s in slots if "params" in s), key=lambda s: int(s["id_task"]))
            params = last["params"]
            names = {"repeat_penalty": "repetition_penalty", "n_predict": "max_tokens"}
            return {names.get(key, key): value for key, value in params.items()}

        yield RealEngine("llamacpp", Model("llamacpp", engine.base_url, name), reported)


@asynccontextmanager
async def sglang(folder: Path) -> AsyncIterator[RealEngine]:
    """SGLang on CPU with the tiny GLM-4 checkpoint.

    Its log shows the parameters as they came in; what the engine makes of them is asked of its own
    `SamplingParams` class, in its own environment.
    """
    script = ROOT / "deploy" / "sglang" / "cpu" / "serve.sh"
    async with _served(script, folder, "/health") as (url, log), _sampling_params() as rewritten:

        async def reported() -> dict[str, Any]:
            logged = [line for line in _text(log).splitlines() if '"request.finished"' in line]
            event = json.loads(logged[-1][logged[-1].index("{") :])
            return await rewritten(event["obj"]["sampling_params"])

        yield RealEngine("sglang", Model("sglang", url, "tiny-glm4"), reported)


@asynccontextmanager
async def vllm(folder: Path) -> AsyncIterator[RealEngine]:
    """Serve vLLM on CPU with the same checkpoint; its log shows the sampling parameters too."""
    script = ROOT / "deploy" / "vllm" / "cpu" / "serve.sh"
    async with _served(script, folder, "/health") as (url, log):

        async def reported() -> dict[str, Any]:
            return _last_parameters(log, r"SamplingParams\((.*?)\), ", "max_tokens")

        yield RealEngine("vllm", Model("vllm", url, "tiny-glm4"), reported)


_SAMPLING_PARAMS = """
import json, sys
from sglang.srt.sampling.sampling_params import SamplingParams
for line in sys.stdin:
    made = SamplingParams(**json.loads(line))
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_new_tokens")
    print(json.dumps({name: getattr(made, name) for name in names}), flush=True)
"""


@asynccontextmanager
async def _sampling_params() -> AsyncIterator[
    Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
]:
    """Run SGLang's class in a process of its environment; gives a function that asks it."""
    process = await asyncio.create_subprocess_exec(
        str(ROOT / ".venv-sglang" / "bin" / "python"),
        "-c",
        _SAMPLING_PARAMS,
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy" / "sglang" / "cpu")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asking, answering = process.stdin, process.stdout

    async def ask(parameters: dict[str, Any]) -> dict[str, Any]:
        asking.write(json.dumps(parameters).encode() + b"\n")
        values: dict[str, Any] = json.loads(await answering.readline())
        values["max_tokens"] = values.pop("max_new_tokens")
        if values["top_k"] == TOP_K_ALL:
            values["top_k"] = -1
        return values

    try:
        yield ask
    finally:
        asking.close()
        await process.wait()


ENGINES = {"llamacpp": llamacpp, "sglang": sglang, "vllm": vllm}


@asynccontextmanager
async def _served(script: Path, folder: Path, health: str) -> AsyncIterator[tuple[str, Path]]:
    """Run a serve script on a free port until the block ends, its output in a file."""
    log = folder / "engine.log"
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(script),
            env={**os.environ, "PORT": str(port)},
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await _healthy(url + health, process, log)
        yield url, log
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _healthy(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(START_SECONDS):
            if process.returncode is not None:
                break
            try:
                if (await client.get(url, timeout=5)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(1)
    raise AssertionError(f"the engine did not start:\n{_text(log)[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_parameters(log: Path, pattern: str, max_tokens: str) -> dict[str, Any]:
    """Read the parameters of the last request out of an engine's log."""
    found = re.findall(pattern, _text(log))
    if not found:
        raise AssertionError(f"the log shows no parameters:\n{_text(log)[-2000:]}")
    pairs = re.findall(r"['\"]?(\w+)['\"]?[:=]\s*(-?[\d.]+(?:e-?\d+)?)\b", found[-1])
    values = {name: json.loads(_number(value)) for name, value in pairs}
    if max_tokens in values:
        values["max_tokens"] = values.pop(max_tokens)
    return values


def _number(text: str) -> str:
    return text + "0" if text.endswith(".") else text


def _text(log: Path) -> str:
    return log.read_text("utf-8", "replace")
