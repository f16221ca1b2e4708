"""The commands as a shell sees them: standard output, standard error, exit code."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from evenhand_evals.cli.root import COMMANDS, eval_group
from evenhand_evals.log import LogWriter
from evenhand_evals.manifest import DecodingFacts, write_manifest
from evenhand_evals.run import run_task
from tests.evals.fake import Fake, Reply, Script, serving, settings_for, yes_task
from tests.evals.test_compare import plain
from tests.evals.test_resume import COMMAND

HEAVY = ("aiohttp", "jinja2", "langdetect", "nltk", "orjson", "rich", "uvloop")


def invoke(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(eval_group, arguments)


async def shell(*arguments: str) -> tuple[int, str, str]:
    """Run a command in a process of its own: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()


def store(folder: Path, verdicts: str, **requested: Any) -> str:
    """Write a run of plain verdicts into a folder."""
    data = plain(folder.name, verdicts)
    folder.mkdir()
    write_manifest(
        folder,
        type(data.manifest)(
            **{
                **{name: getattr(data.manifest, name) for name in data.manifest.__slots__},
                "decoding": DecodingFacts(requested),
            }
        ),
    )
    with LogWriter(folder / "samples.jsonl") as log:
        for record in data.records:
            log.append(record)
    return str(folder)


def test_the_root_is_light() -> None:
    """Asking for help loads none of what evaluating needs."""
    code = f"import sys, evenhand_evals.cli.root; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_help_lists_every_command() -> None:
    """Without importing them, and each one's own help works."""
    text = invoke("--help").output
    for name in COMMANDS:
        assert name in text
        assert invoke(name, "--help").exit_code == 0
    assert invoke("nonsense").exit_code == 2


def test_list_as_json() -> None:
    """Every task is there, and counting gives the items of data that is at hand."""
    document = orjson.loads(invoke("list", "--json").stdout)
    tasks = {each["name"]: each for each in document["tasks"]}
    assert {"gsm8k", "ifeval", "instructions", "labels"} <= set(tasks)
    facts = {"name", "title", "headline", "version", "interface", "judged", "max_tokens", "data"}
    assert set(tasks["labels"]) == facts
    (labels,) = orjson.loads(invoke("list", "labels", "--count", "--json").stdout)["tasks"]
    assert labels["items"] >= 60


def test_list_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that is not at hand is said to be so; patterns choose."""
    monkeypatch.setenv("EVENHAND_DATA", "")
    text = invoke("list", "lab*", "gsm8k", "--count").stdout
    assert "labels" in text
    assert "not at hand" in text
    assert "ifeval" not in text
    wrong = invoke("list", "gsm9k")
    assert wrong.exit_code == 2
    assert "'gsm8k'" in wrong.stderr


async def run_labels(out: Path, script: Script, *more: str) -> tuple[int, str, str]:
    """Run the labels task in a process of its own."""
    async with serving(Fake(script)) as fake:
        return await shell(
            "run", "labels", "--base-url", fake.url, "--model", "tiny", "--out", str(out), *more
        )


async def test_run_prints_the_result(tmp_path: Path) -> None:
    """Headline, metrics, outcomes and tokens on standard output; progress on standard error."""
    code, stdout, stderr = await run_labels(
        tmp_path / "out", lambda _body, _times: Reply("不会下雨"), "--limit", "20"
    )
    assert code == 0
    assert "lenient: " in stdout
    assert "exact_label" in stdout
    assert "unparsed" in stdout
    assert "20 of 20 samples" in stdout
    assert "tokens in 140, out 60" in stdout
    assert "20/20" in stderr
    assert "20/20" not in stdout


async def test_run_as_json(tmp_path: Path) -> None:
    """One document: where the run is, its manifest, its result."""
    code, stdout, _ = await run_labels(
        tmp_path / "out",
        lambda _body, _times: Reply("会下雨"),
        *("--limit", "4", "--set", "temperature=0", "--json"),
    )
    assert code == 0
    document = orjson.loads(stdout)
    assert set(document) == {"out", "manifest", "result"}
    assert document["manifest"]["decoding"]["requested"]["temperature"] == 0
    assert document["result"]["samples"] == 4


async def test_run_that_scored_nothing(tmp_path: Path) -> None:
    """Exit code 3, with the first reason."""
    code, stdout, stderr = await run_labels(
        tmp_path / "out", lambda _b, _t: Reply(status=400, message="no"), "--limit", "3"
    )
    assert code == 3
    assert "no sample could be scored" in stdout
    assert "HTTP 400: no" in stderr


async def test_a_key_is_in_no_file_and_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent, and stands nowhere else, even if the endpoint repeats it."""
    monkeypatch.setenv("LABELS_KEY", "sk-not-to-be-seen")
    script: Script = lambda _b, _t: Reply(status=400, message="key sk-not-to-be-seen")  # noqa: E731
    out = tmp_path / "out"
    _, stdout, stderr = await run_labels(out, script, "--limit", "2", "--api-key-env", "LABELS_KEY")
    written = b"".join(path.read_bytes() for path in out.iterdir()).decode()
    assert "HTTP 400" in written
    assert "not-to-be-seen" not in written + stdout + stderr


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"task": "label"}, 2, "did you mean 'labels'"),
        ({"--base-url": "nowhere"}, 2, "--base-url"),
        ({"--base-url": "http://127.0.0.1:9/v1"}, 3, "cannot be reached"),
        ({"--set": "temprature=1"}, 2, "temperature"),
        ({"--set": "seed=100000000000000000000000"}, 2, "--set seed: 100000000000000000000000"),
        ({"--set": "temperature=NaN"}, 2, "--set temperature"),
        ({"--repeats": "0"}, 2, "--repeats"),
        ({"--api-key-env": "NO_SUCH_VARIABLE"}, 2, "NO_SUCH_VARIABLE"),
        ({"--data": "missing.jsonl"}, 2, "missing.jsonl"),
    ],
)
def test_wrong_use(tmp_path: Path, changes: dict[str, str], code: int, message: str) -> None:
    """Two for the user's mistakes, three for the endpoint's; nothing on standard output."""
    options = {
        "--base-url": "http://127.0.0.1:9/v1",
        "--model": "tiny",
        "--out": str(tmp_path / "out"),
        **{name: value for name, value in changes.items() if name != "task"},
    }
    flat = [word for pair in options.items() for word in pair]
    result = invoke("run", changes.get("task", "labels"), *flat)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_compare_prints_settings_and_verdict(tmp_path: Path) -> None:
    """The settings that differ stand above the verdict."""
    a = store(tmp_path / "greedy", "1" * 12, temperature=0)
    b = store(tmp_path / "sampled", "0" * 9 + "1" * 3)
    result = invoke("compare", a, b)
    assert result.exit_code == 0
    assert result.stdout.index("temperature") < result.stdout.index("verdict: greedy is 75.0")
    assert "exact McNemar, p = 0.0039 (mid-p 0.002); 9 of 12 items differ" in result.stdout


def test_compare_says_when_no_setting_differs(tmp_path: Path) -> None:
    """In those words."""
    a, b = store(tmp_path / "a", "10"), store(tmp_path / "b", "11")
    assert "no decoding parameter differs" in invoke("compare", a, b).stdout


def test_compare_as_json(tmp_path: Path) -> None:
    """One document."""
    a, b = store(tmp_path / "a", "10", seed=0), store(tmp_path / "b", "11")
    document = orjson.loads(invoke("compare", a, b, "--json").stdout)
    assert document["difference"] == -50
    assert document["parameters"] == [
        {"name": "seed", "a": {"requested": 0, "source": "client", "evidence": "unknown"}, "b": {}}
    ]


@pytest.mark.parametrize(("points", "code"), [("50", 1), ("80", 0)])
def test_compare_can_fail(tmp_path: Path, points: str, code: int) -> None:
    """Exit code 1 for a significant difference beyond the bar, 0 below it."""
    a, b = store(tmp_path / "a", "1" * 12), store(tmp_path / "b", "0" * 9 + "1" * 3)
    assert invoke("compare", a, b, "--fail-over", points).exit_code == code


def test_compare_does_not_fail_on_chance(tmp_path: Path) -> None:
    """A large difference that is not significant is no failure."""
    a, b = store(tmp_path / "a", "11"), store(tmp_path / "b", "01")
    assert invoke("compare", a, b, "--fail-over", "1").exit_code == 0


def test_compare_of_something_that_is_no_run(tmp_path: Path) -> None:
    """Exit code 2 and a sentence."""
    result = invoke("compare", str(tmp_path), str(tmp_path))
    assert result.exit_code == 2
    assert "is not a run" in result.stderr


def test_score_prints_items_and_result(tmp_path: Path) -> None:
    """Unknown and missing items are said on standard error."""
    path = tmp_path / "responses.jsonl"
    first = orjson.loads(invoke("score", "labels", "--json", *_responses(path, 4)).stdout)
    assert first["result"]["samples"] == 4
    assert len(first["missing"]) > 50
    assert first["unknown"] == ["line 5: no such item"]
    assert "items" not in first
    result = invoke("score", "labels", "--items", *_responses(path, 4))
    assert result.exit_code == 0
    assert "lenient: " in result.stdout
    assert "1 lines that belong to no item: line 5: no such item" in result.stderr
    assert "more" in result.stderr


def _responses(path: Path, number: int) -> list[str]:
    from evenhand_evals.tasks import TASKS
    from evenhand_evals.types import DataSource

    samples = TASKS["labels"].load(DataSource()).samples[:number]
    rows = [{"id": sample.id, "response": "会下雨"} for sample in samples]
    rows.append({"id": "no such item", "response": "会下雨"})
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    return ["--responses", str(path)]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_score_of_nothing(tmp_path: Path, more: list[str]) -> None:
    """Exit code 3 with the first reason, as of a run in which nothing could be scored."""
    path = tmp_path / "responses.jsonl"
    path.write_bytes(orjson.dumps({"id": "zh-01", "response": None}))
    result = invoke("score", "labels", "--responses", str(path), *more)
    assert result.exit_code == 3
    assert "no sample could be scored; the first failed with the file has no" in result.stderr
    if more:
        assert orjson.loads(result.stdout)["result"]["score"] is None


def test_score_items_as_json(tmp_path: Path) -> None:
    """Each with its outcome and what was read."""
    arguments = _responses(tmp_path / "r.jsonl", 2)
    document = orjson.loads(invoke("score", "labels", "--items", "--json", *arguments).stdout)
    assert len(document["items"]) == 2
    assert {"item", "repeat", "outcome", "value", "metrics", "extracted", "explanation"} == set(
        document["items"][0]
    )


async def test_report_writes_one_file(tmp_path: Path) -> None:
    """Into a folder that need not be there yet."""
    async with serving(Fake()) as fake:
        await run_task(yes_task(), settings_for(fake, tmp_path / "run"))
    page = tmp_path / "new" / "report.html"
    result = await asyncio.to_thread(invoke, "report", str(tmp_path / "run"), "--out", str(page))
    assert result.exit_code == 0, result.output
    assert "Say yes" in page.read_text()
    assert str(page) in result.stderr
