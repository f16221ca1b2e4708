"""A run in a process of its own, killed and interrupted in the middle."""

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from evenhand_evals.results import load_run
from tests.evals.fake import Fake, Reply, prompt_of, reach, serving
from tests.evals.two_steps import ITEMS

COMMAND = "from evenhand_evals.cli.root import eval_group; eval_group()"
DONE = 9


def arguments(fake: Fake, out: Path, *more: str) -> list[str]:
    """Give the command line of a run of the labels task."""
    given = ["--base-url", fake.url, "--model", "tiny", "--out", str(out), "--limit", "24", *more]
    return [sys.executable, "-c", COMMAND, "run", "labels", *given]


async def start(*command: str) -> asyncio.subprocess.Process:
    """Start a command whose output is kept."""
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


def labels_fake() -> Fake:
    """A fake that always says that it will not rain, and stalls after some requests."""
    fake = Fake(lambda _body, _times: Reply("不会下雨"))
    fake.hold_after = DONE
    return fake


@pytest.mark.parametrize("torn", [b"", b'{"item":"labels-torn","repeat":0,"outc'])
async def test_a_killed_run_goes_on(tmp_path: Path, torn: bytes) -> None:
    """After SIGKILL no finished sample is lost and none is asked twice, torn last line or not."""
    out = tmp_path / "out"
    async with serving(labels_fake()) as fake:
        process = await start(*arguments(fake, out))
        await reach(out, DONE)
        process.kill()
        await process.communicate()
        log = out / "samples.jsonl"
        before = log.read_bytes()
        log.write_bytes(before + torn)
        assert load_run(out).result.samples == DONE

        fake.hold_after = None
        process = await start(*arguments(fake, out, "--resume", "--json"))
        stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()

    assert log.read_bytes().startswith(before)
    asked = Counter(prompt_of(body) for body in fake.bodies)
    assert len(asked) == 24
    assert set(asked.values()) == {1}
    document = orjson.loads(stdout)
    assert document["result"]["samples"] == 24
    assert document["result"]["complete"] is True


async def test_a_killed_run_of_several_steps_goes_on(tmp_path: Path) -> None:
    """A sample is in the log with all its steps or not at all; only one in flight is asked again.

    After 7 of 12 requests, two at a time, 3 samples are done and one has had its first answer.
    """
    out = tmp_path / "out"
    fake = Fake()
    fake.hold_after = 7
    async with serving(fake):
        command = [sys.executable, "-m", "tests.evals.two_steps", fake.url, str(out)]
        process = await start(*command)
        await reach(out, 3)
        while len(fake.bodies) < 7:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        process.kill()
        await process.communicate()
        killed = load_run(out)
        assert [len(record.steps) for record in killed.records] == [2, 2, 2]

        fake.hold_after = None
        process = await start(*command, "resume")
        _, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()

    whole = load_run(out)
    assert whole.records[:3] == killed.records
    assert whole.result.complete
    assert whole.result.outcomes["correct"] == ITEMS
    asked = Counter(prompt_of(body) for body in fake.bodies)
    assert len(asked) == 2 * ITEMS
    assert sorted(asked.values()) == [1] * (2 * ITEMS - 1) + [2]


async def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The partial result is printed, the exit code is 130, and stderr says how to go on."""
    out = tmp_path / "out"
    async with serving(labels_fake()) as fake:
        process = await start(*arguments(fake, out, "--json"))
        await reach(out, DONE)
        os.kill(process.pid, signal.SIGINT)
        stdout, stderr = await process.communicate()
    assert process.returncode == 130
    assert b"--resume" in stderr
    assert orjson.loads(stdout)["result"]["samples"] == DONE
    assert orjson.loads((out / "result.json").read_bytes())["complete"] is False


async def test_ctrl_c_before_the_first_sample(tmp_path: Path) -> None:
    """There is nothing to keep, and still no traceback."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()
        await writer.wait_closed()

    fake = Fake()
    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    process = await start(*arguments(fake, tmp_path / "out"))
    await asked.wait()
    os.kill(process.pid, signal.SIGINT)
    _, stderr = await process.communicate()
    over.set()
    server.close()
    await server.wait_closed()
    assert process.returncode == 130
    assert b"Traceback" not in stderr
