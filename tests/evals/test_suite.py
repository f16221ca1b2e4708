"""Suites run, are stopped by budgets, killed, gone on with, refused and reported."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from evenhand_evals.errors import RunDiffers
from evenhand_evals.report.suite import suite_html
from evenhand_evals.suite.file import read_suite
from evenhand_evals.suite.folder import check_folder
from evenhand_evals.suite.plan import Narrowing, plan_suite
from evenhand_evals.suite.run import Spending, run_suite
from evenhand_evals.suite.standing import Finished, Standing
from tests.evals.fake import COMPLETION_TOKENS, Fake, Reply, prompt_of, reach, serving
from tests.evals.html_tree import parse
from tests.evals.test_cli import shell
from tests.evals.test_resume import COMMAND, start

SUMS = 'data: sums.jsonl\nprompt: "{q}"\ntarget: a\nextraction: last_number\nmetric: number\n'


EXPLAINED: dict[str, Any] = {"parameters": {}, "fingerprint": "0", "engine": "ollama"}
"""What a proxy in front of Ollama says of a request."""


class Silent:
    """Shows nothing, and keeps the states that it is told of."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []

    def show(self, standing: Standing, *, whole: bool) -> None:
        """Keep a new state."""
        if whole:
            self.states.append((standing.run.name, standing.state))


def write(folder: Path, fake: Fake, *more: str, models: tuple[str, ...] = ("tiny",)) -> Path:
    """Write a suite of two tasks: labels, and sums of our own."""
    rows = (orjson.dumps({"q": f"{n}+1?", "a": n + 1}) for n in range(6))
    (folder / "sums.jsonl").write_bytes(b"\n".join(rows))
    (folder / "sums.yaml").write_text(SUMS)
    lines = [
        "models:",
        *(f"  - {{base_url: '{fake.url}', model: {model}}}" for model in models),
        "tasks: [{name: labels, limit: 8}, sums.yaml]",
        *more,
    ]
    path = folder / "suite.yaml"
    path.write_text("\n".join(lines))
    return path


def change(path: Path, old: str, new: str) -> None:
    """Write a text in the place of another that is in the file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def go(path: Path, viewer: Silent | None = None) -> Finished:
    """Run a suite in this process."""
    document = read_suite(str(path))
    out = path.parent / "out"
    runs, left = plan_suite(document, out, None, Narrowing())
    check_folder(out, runs)
    spending = Spending(document.value.budget)
    board = [Standing(run) for run in runs]
    return await run_suite(left, out, spending, board, viewer or Silent())


def answer(body: dict[str, Any], _times: int) -> Reply:
    """Add one, or say that it will rain; tiny-instruct says that it will not."""
    number, plus, _ = prompt_of(body).partition("+")
    if plus:
        return Reply(f"{int(number) + 1}")
    return Reply("不会下雨" if body["model"] == "tiny-instruct" else "会下雨")


async def test_models_side_by_side(tmp_path: Path) -> None:
    """Every run has its folder, and suite.json and the report have every score."""
    viewer = Silent()
    async with serving(Fake(answer)) as fake:
        models = ("tiny", "tiny-instruct")
        ended = await go(write(tmp_path, fake, "title: Ours", models=models), viewer)
    assert [each.state for each in ended.standings] == ["done"] * 4
    assert viewer.states[:2] == [("tiny/labels", "running"), ("tiny/labels", "done")]
    assert ended.requests == len(fake.bodies) == 2 * 8 + 2 * 6
    document = orjson.loads((tmp_path / "out" / "suite.json").read_bytes())
    scores = {each["name"]: each["score"]["value"] for each in document["runs"]}
    assert scores["tiny/sums"] == scores["tiny-instruct/sums"] == 1.0
    assert scores["tiny/labels"] + scores["tiny-instruct/labels"] == 1.0
    tree = parse(suite_html("Ours", ended))
    text = tree.text
    assert "The models side by side" in text
    assert text.count("A against B on 8 paired items") == 1
    ids = [node.attributes["id"] for node in tree.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))


async def test_budget_of_requests(tmp_path: Path) -> None:
    """What is done is kept, the rest is stopped, and the same suite without a budget goes on."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, "concurrency: 1", "budget: {requests: 3}")
        ended = await go(path)
        assert ended.reached == "3 requests"
        assert [each.state for each in ended.standings] == ["stopped", "waiting"]
        assert [each.reason for each in ended.standings] == ["3 requests spent"] * 2
        assert ended.standings[0].data is not None
        assert ended.standings[0].data.result.samples == 3
        path.write_text(path.read_text().replace("budget: {requests: 3}", ""))
        again = await go(path)
    assert [each.state for each in again.standings] == ["done", "done"]
    # The request that was under way when the budget was reached may have been answered too.
    assert len(fake.seen) == 14
    assert sum(fake.seen.values()) <= 15


async def test_budget_of_tokens(tmp_path: Path) -> None:
    """Completion tokens are those that the endpoint reports."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, "concurrency: 1", "budget: {completion_tokens: 10}")
        ended = await go(path)
    assert ended.completion_tokens == 4 * COMPLETION_TOKENS
    assert ended.standings[0].state == "stopped"


async def test_budget_of_time(tmp_path: Path) -> None:
    """An endpoint that stalls does not hold a suite beyond its minutes."""
    fake = Fake(answer)
    fake.hold_after = 2
    async with serving(fake):
        ended = await go(write(tmp_path, fake, "budget: {minutes: 0.02}"))
    assert ended.reached == "0.02 minutes"
    assert ended.standings[0].data is not None
    assert ended.standings[0].data.result.samples == 2


async def test_what_cannot_be_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing data, log-likelihoods, a missing judge and a wrong file: each has its state."""
    monkeypatch.delenv("EVENHAND_DATA", raising=False)
    (tmp_path / "sky.yaml").write_text(
        'data: sky.jsonl\nprompt: "Sky?"\ninterface: likelihood\nchoices: [blue, red]\n'
    )
    (tmp_path / "sky.jsonl").write_text('{"target": 0}\n')
    tasks = "gsm8k, sky.yaml, mt_bench, sums.yaml, labels"
    async with serving(Fake(answer)) as fake:
        fake.explain = lambda _body: (200, EXPLAINED)
        path = write(tmp_path, fake)
        text = path.read_text()
        path.write_text(text.replace("{name: labels, limit: 8}, sums.yaml", tasks))
        (tmp_path / "sums.jsonl").write_text('{"q": "1+1?"}\n')
        ended = await go(path)
    states = {each.run.task.name: each.state for each in ended.standings}
    assert states == {"gsm8k": "left out", "sky": "left out", "sums": "refused", "labels": "done"}
    reasons = {each.run.task.name: each.reason or "" for each in ended.standings}
    assert "set EVENHAND_DATA" in reasons["gsm8k"]
    assert "gives no log-likelihoods" in reasons["sky"]
    assert "sums.jsonl, line 1: the field 'a' is missing" in reasons["sums"]
    assert [each.task for each in ended.left] == ["mt_bench"]


async def test_an_endpoint_that_is_down(tmp_path: Path) -> None:
    """Its runs fail; those of another endpoint do not."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        down = "models:\n  - {base_url: 'http://127.0.0.1:9', model: gone}"
        path.write_text(path.read_text().replace("models:", down))
        ended = await go(path)
    states = {each.run.name: each.state for each in ended.standings}
    assert states == {
        "gone/labels": "failed",
        "gone/sums": "failed",
        "tiny/labels": "done",
        "tiny/sums": "done",
    }
    assert "cannot be reached" in (ended.standings[0].reason or "")


async def test_other_items_are_refused(tmp_path: Path) -> None:
    """A suite that draws otherwise does not go on in the same folder; a larger one does."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, "sampling: {by: group, size: 1}")
        text = path.read_text().replace(", sums.yaml", "")
        path.write_text(text)
        await go(path)
        path.write_text(text.replace("by: group", "by: language"))
        with pytest.raises(RunDiffers, match="tiny/labels: by was 'group', is 'language'"):
            await go(path)
        path.write_text(text.replace("size: 1", "size: 2"))
        ended = await go(path)
        assert ended.standings[0].state == "done"
        path.write_text(f"{text}\nseed: 4".replace("size: 1", "size: 2"))
        refused = (await go(path)).standings[0]
    assert refused.state == "refused"
    assert "seed was 0, is 4" in (refused.reason or "")


async def test_strict_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task without data is named before anything is asked; exit code 2."""
    monkeypatch.delenv("EVENHAND_DATA", raising=False)
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        path.write_text(path.read_text().replace("sums.yaml", "gsm8k, ifeval"))
        out = str(tmp_path / "out")
        code, _, stderr = await shell("suite", str(path), "--out", out, "--strict-data")
    assert (code, fake.bodies) == (2, [])
    assert "--strict-data: gsm8k: no data" in stderr
    assert "--strict-data: ifeval: no data" in stderr


async def test_a_killed_suite_goes_on(tmp_path: Path) -> None:
    """After SIGKILL nothing that was done is asked again, and the report has it all."""
    fake = Fake(answer)
    fake.hold_after = 11
    out = tmp_path / "out"
    async with serving(fake):
        path = write(tmp_path, fake)
        given = ["suite", str(path), "--out", str(out), "--no-cache", "--json"]
        process = await start(*command(*given))
        await reach(out / "tiny" / "sums", 3)
        process.kill()
        await process.communicate()
        fake.hold_after = None
        code, stdout, stderr = await shell(*given)
    assert code == 0, stderr
    assert set(fake.seen.values()) == {1}
    assert len(fake.seen) == 14
    document = orjson.loads(stdout)
    assert [each["state"] for each in document["runs"]] == ["done", "done"]
    assert document["requests"] == 3
    assert parse((out / "report.html").read_text("utf-8")).text.count("labels") > 1


async def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The report of what is done is written, the exit code is 130, and stderr says how to go on."""
    fake = Fake(answer)
    fake.hold_after = 3
    out = tmp_path / "out"
    async with serving(fake):
        process = await start(*command("suite", str(write(tmp_path, fake)), "--out", str(out)))
        await reach(out / "tiny" / "labels", 3)
        os.kill(process.pid, signal.SIGINT)
        _, stderr = await process.communicate()
    assert process.returncode == 130, stderr.decode()
    assert b"the same command goes on" in stderr
    runs = orjson.loads((out / "suite.json").read_bytes())["runs"]
    assert [(each["state"], each["samples"]) for each in runs] == [("stopped", 3), ("waiting", 0)]
    assert "interrupted" in parse((out / "report.html").read_text("utf-8")).text


async def test_the_command(tmp_path: Path) -> None:
    """The model of the command line takes the place of the file's; a table is printed."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, "out: nowhere", models=("gone",))
        out = str(tmp_path / "out")
        given = ["--base-url", fake.url, "--model", "tiny", "--out", out, "--only", "sums"]
        code, stdout, stderr = await shell("suite", str(path), *given, "--limit", "2")
    assert code == 0, stderr
    assert "2/2" in stdout
    assert f"report: {out}/report.html" in stderr
    assert {body["model"] for body in fake.bodies} == {"tiny"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--model", "tiny"], "--base-url and --model: a model needs both"),
        (["--set", "top_p=1"], "belong to the model of --base-url"),
        ([], "--out: name a folder"),
    ],
)
async def test_wrong_options(tmp_path: Path, more: list[str], says: str) -> None:
    """Each is one clear line and exit code 2."""
    path = write(tmp_path, Fake())
    path.write_text(path.read_text().replace("base_url: ''", "base_url: 'http://127.0.0.1:9'"))
    code, _, stderr = await shell("suite", str(path), *more)
    assert code == 2
    assert says in stderr
    assert "Traceback" not in stderr


def command(*arguments: str) -> list[str]:
    """Give the command line of a process of its own."""
    return [sys.executable, "-c", COMMAND, *arguments]
