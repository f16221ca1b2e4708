"""The embedded engine: a real llama.cpp server in a real child process, on the shipped model."""

import asyncio
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.engines.catalog import MODELS, place
from evenhand_proxy.engines.local import LocalEngine
from evenhand_proxy.errors import ConfigError, EngineError

TINY = place(MODELS["tiny-glm4"], Path())
WIDE = {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "ignore_eos": True}
"""A sampler so wide that two seeds cannot agree on a text by chance."""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """The shipped model, served."""
    async with LocalEngine(TINY, alias="tiny", log_path=tmp_path / "engine.log") as running:
        yield running


async def ask(engine: LocalEngine, prompt: str, **parameters: Any) -> dict[str, Any]:
    """Send one completion and give the answer."""
    async with httpx.AsyncClient(base_url=engine.base_url, timeout=60) as client:
        body = {"prompt": prompt, "max_tokens": 24, **parameters}
        response = await client.post("/v1/completions", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def text(engine: LocalEngine, prompt: str, **parameters: Any) -> str:
    """Send one completion and give its text."""
    answer = await ask(engine, prompt, **parameters)
    return str(answer["choices"][0]["text"])


def gone(pid: int) -> bool:
    """Say whether no process has that id, not even a dead one that nobody waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_it_answers_health_and_a_chat(engine: LocalEngine) -> None:
    """A started engine is ready: the first request after `start` is served, under its alias."""
    async with httpx.AsyncClient(base_url=engine.base_url, timeout=60) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        body = {
            "messages": [{"role": "user", "content": "What is the capital of France?"}],
            "temperature": 0,
            "max_tokens": 16,
        }
        answer = (await client.post("/v1/chat/completions", json=body)).json()
        models = (await client.get("/v1/models")).json()
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert [model["id"] for model in models["data"]] == ["tiny"] == [engine.model]
    assert engine.running


@pytest.mark.parametrize("slots", [1, 3, 7])
async def test_slots_and_context_are_what_was_asked(slots: int, tmp_path: Path) -> None:
    """`context` is for each slot, not shared between them, and all slots serve at once."""
    log = tmp_path / "log"
    async with (
        LocalEngine(TINY, alias="t", slots=slots, context=512, log_path=log) as engine,
        httpx.AsyncClient(base_url=engine.base_url, timeout=60) as client,
    ):
        props = (await client.get("/props")).json()
        settings = props["default_generation_settings"]
        assert (props["total_slots"], settings["n_ctx"]) == (slots, 512)
        inputs = ["rain " * (40 * n + 1) for n in range(slots)]
        embedded, *_ = await asyncio.gather(
            client.post("/v1/embeddings", json={"input": inputs[:2]}),
            *(ask(engine, prompt, ignore_eos=True) for prompt in inputs),
        )
        assert embedded.status_code == 200, embedded.text
        assert "llamacpp:tokens_predicted_total" in (await client.get("/metrics")).text


async def test_greedy_is_the_same_alone_together_and_on_a_warm_cache(engine: LocalEngine) -> None:
    """Log-probabilities agree to the last bit, whatever shares the batch or the cache."""
    prefix = "Answer shortly and think of the reader. " * 6
    prompts = [f"{prefix}{word} is" for word in ("Paris", "2 + 3", "rain", "北京", "A", "tea")]

    async def logprobs(prompt: str, **parameters: Any) -> str:
        answer = await ask(engine, prompt, temperature=0, logprobs=2, **parameters)
        return json.dumps(answer["choices"][0]["logprobs"])

    alone = [await logprobs(prompt, cache_prompt=False) for prompt in prompts]
    again = [await logprobs(prompt, cache_prompt=False) for prompt in prompts]
    cached = [await logprobs(prompt) for prompt in prompts]
    together = await asyncio.gather(*(logprobs(prompt) for prompt in prompts))
    assert engine.invariant
    assert alone == again == cached == list(together)


async def test_a_model_that_q8_0_does_not_fit_is_served_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Attention heads of 16 take llama.cpp's usual cache, where only neighbours matter."""
    narrow = tmp_path / "narrow.gguf"
    narrow.write_bytes(with_heads_of_16(TINY.read_bytes()))
    async with LocalEngine(narrow, alias="narrow", log_path=tmp_path / "log") as engine:
        assert not engine.invariant
        cold, warm = [
            await ask(engine, "Once upon a time " * 9, temperature=0, logprobs=2, ignore_eos=True)
            for _ in range(2)
        ]
        assert cold["choices"][0]["logprobs"] == warm["choices"][0]["logprobs"]
        assert cold["choices"][0]["logprobs"]["content"]
    assert "may change each other's answers (--slots 1 prevents it)" in caplog.text


def with_heads_of_16(gguf: bytes) -> bytes:
    """Cut the shipped model's attention into four times as many heads of a quarter of the size."""
    data = bytearray(gguf)
    for name, value in {
        "attention.head_count": 16,
        "attention.head_count_kv": 8,
        "attention.key_length": 16,
        "attention.value_length": 16,
        "rope.dimension_count": 8,
    }.items():
        # GGUF: the key's length (u64), the key, the value's type (u32), the value (u32).
        key = struct.pack("<Q", len(name) + 5) + f"glm4.{name}".encode()
        at = data.index(key) + len(key) + 4
        data[at : at + 4] = struct.pack("<I", value)
    return bytes(data)


async def test_a_seeded_sample_repeats_and_another_seed_differs(engine: LocalEngine) -> None:
    """The engine honours `seed`, zero included."""
    first = await text(engine, "Once", seed=0, **WIDE)
    assert await text(engine, "Once", seed=0, **WIDE) == first
    assert await text(engine, "Once", seed=1, **WIDE) != first


async def test_the_engine_says_what_it_used(engine: LocalEngine) -> None:
    """`verbose` in the body brings the generation settings of that very request."""
    asked = {"temperature": 0.5, "top_k": 7, "seed": 11, "stop": ["\n\n"]}
    answer = await ask(engine, "Once", verbose=True, **asked)
    used = answer["__verbose"]["generation_settings"]
    assert {name: used[name] for name in asked} == asked
    assert used["max_tokens"] == 24
    async with httpx.AsyncClient(base_url=engine.base_url) as client:
        slots = (await client.get("/slots")).json()
    assert 11 in [slot.get("params", {}).get("seed") for slot in slots]


async def test_embeddings_leave_chat_as_it_is(engine: LocalEngine) -> None:
    """One process serves both, and a greedy text is the same beside an embedding."""
    before = await text(engine, "The capital of Japan", temperature=0)
    async with httpx.AsyncClient(base_url=engine.base_url, timeout=60) as client:
        body = {"input": ["rain", "snow"]}
        beside, answer = await asyncio.gather(
            text(engine, "The capital of Japan", temperature=0),
            client.post("/v1/embeddings", json=body),
        )
    vectors = [item["embedding"] for item in answer.json()["data"]]
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]
    assert abs(sum(x * x for x in vectors[0]) - 1) < 1e-3
    assert before == beside


async def test_the_log_holds_no_prompts(engine: LocalEngine) -> None:
    """What users write stays out of the engine's log."""
    await text(engine, "a-secret-word in a prompt", temperature=0)
    assert "secret" not in engine.log_path.read_text()


async def test_stop_leaves_no_process(tmp_path: Path) -> None:
    """After `stop` the child is gone and reaped, and stopping again does nothing."""
    engine = await LocalEngine(TINY, alias="t", log_path=tmp_path / "log").start()
    pid = engine.pid
    assert pid is not None
    assert os.getsid(pid) == pid, "Ctrl-C in the terminal must not reach it before the proxy drains"
    await engine.stop()
    assert gone(pid)
    assert engine.pid is None
    assert not engine.running
    await engine.stop()


async def test_stop_kills_a_child_that_does_not_end(tmp_path: Path) -> None:
    """A child that is stopped in its tracks cannot see its input end: it is killed."""
    engine = await LocalEngine(TINY, alias="t", log_path=tmp_path / "log").start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await engine.stop()
    assert gone(pid)


async def test_a_crash_is_seen_and_can_be_started_over(tmp_path: Path) -> None:
    """An engine that died says so, and a new start serves again."""
    engine = await LocalEngine(TINY, alias="t", log_path=tmp_path / "log").start()
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await engine.wait() == -signal.SIGKILL
    assert not engine.running
    await engine.start()
    assert await text(engine, "Once", temperature=0, ignore_eos=True)
    await engine.stop()


def test_killing_the_parent_ends_the_child(tmp_path: Path) -> None:
    """SIGKILL gives the parent no chance to clean up, and the child goes all the same."""
    script = (
        "import asyncio, pathlib, sys\n"
        "from evenhand_proxy.engines.local import LocalEngine\n"
        "async def main():\n"
        "    path, log = map(pathlib.Path, sys.argv[1:])\n"
        "    async with LocalEngine(path, alias='t', log_path=log) as engine:\n"
        "        print(engine.pid, flush=True)\n"
        "        await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(TINY), str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    for _ in range(1500):
        if ended(pid):
            return
        time.sleep(0.02)
    pytest.fail(f"the engine {pid} outlived its parent by 30 s")


def ended(pid: int) -> bool:
    """Say whether the process is gone or only its exit status is left, for its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return gone(pid)


async def test_garbage_behind_a_good_header_is_refused(tmp_path: Path) -> None:
    """The error names the file and holds what llama.cpp said about it."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(TINY.read_bytes()[:100_000])
    log = tmp_path / "log"
    log.write_text("an older line\n")
    with pytest.raises(EngineError, match=r"bad\.gguf could not be served") as caught:
        await LocalEngine(bad, alias="bad", log_path=log).start()
    assert "failed to load model" in str(caught.value)
    assert "an older line" not in str(caught.value)


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that vanished after it was checked gives an error, not a hang."""
    with pytest.raises(EngineError, match=r"none\.gguf could not be served"):
        await LocalEngine(tmp_path / "none.gguf", alias="n", log_path=tmp_path / "log").start()


async def test_time_that_is_over_ends_the_child(tmp_path: Path) -> None:
    """A start that takes too long says so and leaves no process."""
    engine = LocalEngine(TINY, alias="t", log_path=tmp_path / "log", timeout=0.0)
    with pytest.raises(EngineError, match="did not answer in 0 s"):
        await engine.start()
    assert engine.pid is None


async def test_a_missing_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, the error is the command that installs it."""
    # A package of that name that cannot be imported stands before the installed one.
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"not here.*pip install 'evenhand\[local\]'"):
        await LocalEngine(TINY, alias="t", log_path=tmp_path / "log").start()


async def test_two_starts_at_once_are_refused(engine: LocalEngine) -> None:
    """One object holds one child."""
    with pytest.raises(EngineError, match="running already"):
        await engine.start()


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"context": 0}, {"threads": -1}])
def test_sizes_below_one_are_wrong_use(wrong: dict[str, int], tmp_path: Path) -> None:
    """The error names the setting and its value."""
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name}: {value} is too small"):
        LocalEngine(TINY, alias="t", log_path=tmp_path / "log", **wrong)
