"""The real engines that the contract is tested on, each started by the project's own means."""

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from evenhand_proxy.cli.model import ensure_local
from evenhand_proxy.config import Engine, Model
from evenhand_proxy.engines.local import LocalEngine
from tests.contract import accounts

ROOT = Path(__file__).parents[2]
START_SECONDS = 300
LOG_SECONDS = 30
CONTEXT = 8192
"""What tiny-glm4 was made for; half of it leaves tasks of the suite out."""


@dataclass(frozen=True)
class Answered:
    """An answer as it came through the proxy: its id in the audit, its status, its text."""

    request_id: str
    status: int
    text: str

    def documents(self) -> list[dict[str, Any]]:
        """Give its JSON object, or those of a stream's events."""
        if not self.text.startswith("data:"):
            return [json.loads(self.text)]
        events = [line[6:] for line in self.text.splitlines() if line.startswith("data: ")]
        return [json.loads(event) for event in events if event != "[DONE]"]

    @property
    def served(self) -> bool:
        """Whether it is an answer and no error, which in a stream comes behind a 200."""
        return self.status == httpx.codes.OK and all("error" not in d for d in self.documents())


Accounts = Callable[[Sequence[Answered]], Awaitable[list[accounts.Account]]]


@dataclass(frozen=True)
class RealEngine:
    """A running engine, and what it says that it used for each of some answered requests.

    asking: fields that a request must have so that the engine tells.
    """

    kind: Engine
    model: Model
    accounts: Accounts
    asking: Mapping[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def llamacpp(folder: Path) -> AsyncIterator[RealEngine]:
    """The embedded engine with tiny-glm4; its verbose answers carry the settings they used."""
    name, weights = await ensure_local("tiny-glm4", folder)
    async with LocalEngine(
        weights, alias=name, slots=2, context=CONTEXT, log_path=folder / "engine.log"
    ) as engine:
        async with httpx.AsyncClient(trust_env=False) as client:
            asked = {"prompt": "", "n_predict": 1, "ignore_eos": True}
            answer = await client.post(f"{engine.base_url}/completion", json=asked)
        unset = answer.json()["generation_settings"]

        async def told(answers: Sequence[Answered]) -> list[accounts.Account]:
            return [_of_llamacpp(answer, unset) for answer in answers]

        model = Model("llamacpp", engine.base_url, name)
        yield RealEngine("llamacpp", model, told, {"verbose": True})


def _of_llamacpp(answer: Answered, unset: Mapping[str, Any]) -> accounts.Account:
    documents = answer.documents()
    verbose = [
        document["__verbose"]
        for document in documents
        if "generation_settings" in document.get("__verbose", {})
    ]
    assert all("choices" in document for document in documents), answer
    choices = {choice["index"] for document in documents for choice in document["choices"]}
    first = min(verbose, key=lambda each: int(each["index"]))
    return accounts.llamacpp(first, unset, len(choices))


@asynccontextmanager
async def sglang(folder: Path) -> AsyncIterator[RealEngine]:
    """SGLang on CPU with the tiny GLM-4 checkpoint.

    Its log shows the parameters as they came in, under our request id; what the engine makes of
    them is asked of its own `SamplingParams` class, in its own environment.
    """
    script = ROOT / "deploy" / "sglang" / "cpu" / "serve.sh"
    async with served(script, folder, "/health") as (url, log):

        def events() -> dict[str, dict[str, Any]]:
            lines = [line for line in _text(log).splitlines() if '"request.finished"' in line]
            parsed = [json.loads(line[line.index("{") :]) for line in lines]
            return {
                event["headers"]["evenhand-request-id"]: event["obj"]
                for event in parsed
                if "evenhand-request-id" in event.get("headers", {})
            }

        async def told(answers: Sequence[Answered]) -> list[accounts.Account]:
            ids = [answer.request_id for answer in answers]
            found = await _logged(events, ids)
            made = await _sampling_params([event["sampling_params"] for event in found])
            return list(map(accounts.sglang, made, found))

        yield RealEngine("sglang", Model("sglang", url, "tiny-glm4"), told)


@asynccontextmanager
async def vllm(folder: Path) -> AsyncIterator[RealEngine]:
    """Serve vLLM on CPU with the same checkpoint; its log shows the parameters it goes by."""
    script = ROOT / "deploy" / "vllm" / "cpu" / "serve.sh"
    async with served(script, folder, "/health") as (url, log):

        def shown() -> dict[str, str]:
            return dict(_VLLM_LINE.findall(_text(log)))

        async def told(answers: Sequence[Answered]) -> list[accounts.Account]:
            # the completions route numbers its prompts in the log
            ids = [answer.documents()[0]["id"] for answer in answers]
            logged = [f"{each}-0" if each.startswith("cmpl-") else each for each in ids]
            return [accounts.vllm(line) for line in await _logged(shown, logged)]

        yield RealEngine("vllm", Model("vllm", url, "tiny-glm4"), told)


_VLLM_LINE = re.compile(r"Received request (\S+): params: (.*), lora_request: .*\.$", re.MULTILINE)

_SAMPLING_PARAMS = """
import json, sys
from sglang.srt.sampling.sampling_params import SamplingParams
for line in sys.stdin:
    made = SamplingParams(**json.loads(line))
    values = {name: getattr(made, name) for name in made.__struct_fields__}
    print(json.dumps(values, default=sorted), flush=True)
"""


async def _sampling_params(parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Let SGLang's class, in a process of its environment, make what it makes of parameters."""
    process = await asyncio.create_subprocess_exec(
        str(ROOT / ".venv-sglang" / "bin" / "python"),
        "-c",
        _SAMPLING_PARAMS,
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy" / "sglang" / "cpu")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    asked = "".join(json.dumps(each) + "\n" for each in parameters)
    answered, _ = await process.communicate(asked.encode())
    made = [json.loads(line) for line in answered.splitlines()]
    assert len(made) == len(parameters)
    return made


Entry = TypeVar("Entry")


async def _logged(read: Callable[[], dict[str, Entry]], ids: Sequence[str]) -> list[Entry]:
    """Read a log until it has all of some requests, which engines write a little later."""
    for _ in range(LOG_SECONDS * 2):
        found = read()
        if all(each in found for each in ids):
            return [found[each] for each in ids]
        await asyncio.sleep(0.5)
    missing = [each for each in ids if each not in found]
    raise AssertionError(f"{len(missing)} of {len(ids)} are not in the log: {missing[:5]}")


ENGINES = {"llamacpp": llamacpp, "sglang": sglang, "vllm": vllm}


@asynccontextmanager
async def served(
    script: Path,
    folder: Path,
    health: str,
    flags: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[str, Path]]:
    """Run a serve script on a free port until the block ends, its output in a file."""
    log = folder / "engine.log"
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(script),
            *flags,
            env={**os.environ, "PORT": str(port), "CONTEXT": str(CONTEXT), **(variables or {})},
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


def _text(log: Path) -> str:
    return log.read_text("utf-8", "replace")
