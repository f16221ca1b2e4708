"""Engines that serve the tiny model that sees, made on the spot from its eight-bit weights."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evenhand_proxy.config import Model
from tests.contract.engines import ROOT, served

NAME = "tiny-vision"
MAKE = ROOT / "deploy" / "tiny-vision" / "make.py"
PICTURE_TOKENS = 8 * 6
"""Of a picture of 320 by 240 dots: one for each square of 40 by 40 dots."""

AROUND = 2
"""Tokens that stand before and after a picture."""

# The child lives until its standard input closes: xllamacpp has no way to stop a server.
CHILD = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.mmproj.path, p.model_alias = sys.argv[1], sys.argv[2], {sys.argv[3]}
p.port, p.n_parallel, p.n_ctx, p.n_gpu_layers, p.mmproj_use_gpu = 0, 2, 4096, 0, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
p.kv_unified, p.fit_params, p.endpoint_props, p.verbosity = False, False, True, 2
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


async def made(folder: Path) -> Path:
    """Make the model's files with the project's own script."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(MAKE), str(folder))
    assert await process.wait() == 0
    return folder


@asynccontextmanager
async def llamacpp(folder: Path) -> AsyncIterator[Model]:
    """llama.cpp's server with the language model and the part that sees."""
    await made(folder)
    files = [str(folder / f"{NAME}.gguf"), str(folder / f"{NAME}.mmproj.gguf")]
    with (folder / "engine.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, *files, NAME),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
        )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        address = (await child.stdout.readline()).decode().strip()
        assert address.startswith("http"), (folder / "engine.log").read_text("utf-8", "replace")
        yield Model("llamacpp", address, NAME)
    finally:
        child.stdin.close()
        await child.wait()


@asynccontextmanager
async def vllm(folder: Path) -> AsyncIterator[Model]:
    """Serve the same weights as a Hugging Face checkpoint with vLLM on CPU."""
    await made(folder)
    script = ROOT / "deploy" / "vllm" / "cpu" / "serve.sh"
    limits = ("--limit-mm-per-prompt", '{"image": 4, "video": 0}')
    variables = _variables(folder / "hf")
    async with served(script, folder, "/health", limits, variables) as (url, _):
        yield Model("vllm", url, NAME)


@asynccontextmanager
async def sglang(folder: Path) -> AsyncIterator[Model]:
    """Serve them with SGLang on CPU."""
    await made(folder)
    script = ROOT / "deploy" / "sglang" / "cpu" / "serve.sh"
    flags = ("--mm-attention-backend", "sdpa")
    async with served(script, folder, "/health", flags, _variables(folder / "hf")) as (url, _):
        yield Model("sglang", url, NAME)


def _variables(weights: Path) -> dict[str, str]:
    return {"MODEL_PATH": str(weights), "SERVED_NAME": NAME, "CONTEXT": "2048"}


SEEING = {"llamacpp": llamacpp, "sglang": sglang, "vllm": vllm}
