"""What a suite's folder keeps from call to call, and what is said of a task that was cut."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from evenhand_evals.cli.suite_table import cells
from evenhand_evals.errors import UsageError
from evenhand_evals.report.suite import suite_html
from evenhand_evals.suite.file import read_suite, suite_text
from evenhand_evals.suite.folder import SUITE_NAME, runs_before
from evenhand_evals.suite.words import Origin
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Dataset, DataSource
from evenhand_evals.yaml_tree import Document
from tests.evals.fake import Fake, Reply, serving
from tests.evals.html_tree import parse
from tests.evals.test_cli import shell
from tests.evals.test_suite import answer, change, go, write


def runs_of(out: Path) -> dict[str, dict[str, Any]]:
    """The runs that `suite.json` has, by name."""
    document = orjson.loads((out / SUITE_NAME).read_bytes())
    return {each["name"]: each for each in document["runs"]}


def report_of(out: Path) -> str:
    """The text of the report."""
    return parse((out / "report.html").read_text("utf-8")).text


async def test_only_keeps_the_other_runs(tmp_path: Path) -> None:
    """Tasks that are not asked now, and other models, stand in both files as they were."""
    out = tmp_path / "out"
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        given = ["suite", str(path), "--out", str(out)]
        code, _, stderr = await shell(*given)
        assert code == 0, stderr
        whole, asked = runs_of(out), len(fake.bodies)
        code, _, stderr = await shell(*given, "--only", "sums")
        assert code == 0, stderr
        assert runs_of(out) == whole
        assert list(runs_of(out)) == ["tiny/labels", "tiny/sums"]
        other = ["--base-url", fake.url, "--model", "tiny-instruct", "--only", "sums"]
        code, stdout, stderr = await shell(*given, *other)
    assert code == 0
    assert "labels" not in stdout
    assert ", with 2 other runs of the folder" in stderr
    assert len(fake.bodies) == asked + 6
    names = ["tiny/labels", "tiny-instruct/sums", "tiny/sums"]
    assert list(runs_of(out)) == names
    assert {name: runs_of(out)[name] for name in whole} == whole
    text = report_of(out)
    assert "2 tasks · 2 models · 3 of 3 runs done" in text


async def test_a_stopped_run_stays_stopped(tmp_path: Path) -> None:
    """Its state and its reason are those of the call that stopped it."""
    out = tmp_path / "out"
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, "concurrency: 1", "budget: {requests: 3}")
        await go(path)
        change(path, "budget: {requests: 3}", "")
        code, *_ = await shell("suite", str(path), "--out", str(out), "--only", "sums")
    assert code == 0
    labels = runs_of(out)["tiny/labels"]
    assert (labels["state"], labels["reason"]) == ("stopped", "3 requests spent")
    assert labels["samples"] == 3


async def test_a_refused_call_rewrites_nothing_away(tmp_path: Path) -> None:
    """A run that is refused for another seed keeps its score, beside why it was refused."""
    out = tmp_path / "out"
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        given = ["suite", str(path), "--out", str(out)]
        await shell(*given)
        before = runs_of(out)
        code, stdout, _ = await shell(*given, "--seed", "4", "--only", "labels")
        assert code == 2
        after = runs_of(out)
        (out / SUITE_NAME).write_text("{")
        code, _, stderr = await shell(*given)
    assert (code, stderr.count("cannot be read")) == (2, 1)
    assert "refused: tiny/labels: " in stdout
    assert f"{path}:3: the run in --out is of something else; seed was 0, is 4" in stdout
    assert after["tiny/sums"] == before["tiny/sums"]
    assert after["tiny/labels"]["score"] == before["tiny/labels"]["score"]
    assert after["tiny/labels"]["state"] == "refused"
    assert "tiny/labels refused" in " ".join(report_of(out).split())


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    """And a suite without models and runs has none either."""
    document = read_suite("glm-4")
    assert runs_before(document, tmp_path, []) == []


async def test_a_task_that_was_cut_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that the endpoint was not asked are named, each reason once."""
    labels = TASKS["labels"]
    why = "left out: the endpoint serves a context of 8192 tokens"

    def load(source: DataSource) -> Dataset:
        return replace(labels.load(source), left_out={"20667": why, "27222": why})

    monkeypatch.setitem(TASKS, "labels", replace(labels, load=load))  # type: ignore[misc, index, arg-type, unused-ignore]
    async with serving(Fake(answer)) as fake:
        ended = await go(write(tmp_path, fake))
    said = (
        "only a part of the task: 20667, 27222 left out: the endpoint serves a context of 8192 "
        "tokens"
    )
    assert {name: run["notes"] for name, run in runs_of(tmp_path / "out").items()} == {
        "tiny/labels": [said],
        "tiny/sums": [],
    }
    text = parse(suite_html("Ours", ended)).text
    assert said in text
    assert text.count("; in part)") == 1


async def test_an_option_without_effect(tmp_path: Path) -> None:
    """It is the model's, and acts on its other tasks: the task on which it does not says so."""
    (tmp_path / "whole.yaml").write_text(
        'data: sums.jsonl\nprompt: "{q}"\ninterface: completions\ntarget: a\n'
    )
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "model: tiny}", "model: tiny, template: plain, interface: chat}")
        change(path, "{name: labels, limit: 8}, sums", "whole")
        (whole,) = (await go(path)).standings
    assert whole.notes[0].startswith("template plain: no effect on whole, which asks whole texts")


async def test_a_pattern_that_fits_no_metric(tmp_path: Path) -> None:
    """It is noted where the metrics are known, at the end of the task."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "limit: 8", "limit: 8, hide: [lenien]")
        ended = await go(path)
    labels, sums = ended.standings
    assert cells(labels)[2] == "done"
    assert sums.notes == ()
    assert [text.partition(";")[0] for text in labels.notes] == ["hide: no metric fits 'lenien'"]
    assert runs_of(tmp_path / "out")["tiny/labels"]["notes"] == list(labels.notes)


@pytest.mark.parametrize(
    ("task", "state", "says"),
    [
        ("{name: gsm8k, data: no.jsonl}", "refused", "data: no.jsonl: no such file or data set"),
        ("{name: labels, sampling: {by: no, size: 1}}", "refused", "sampling.by: "),
        ("{name: ruler_vt, options: {lengths: 100}}", "refused", "options: {lengths: 100}: the s"),
        ("{name: long_context, options: {lengths: 100}}", "refused", "options: lengths: a prompt "),
    ],
)
async def test_a_wrong_value_names_its_line(
    tmp_path: Path, task: str, state: str, says: str
) -> None:
    """File and line come first, and the words are those of a suite."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "{name: labels, limit: 8}", task)
        standing = (await go(path)).standings[0]
    assert standing.state == state
    assert (standing.reason or "").startswith(f"{path}:3: {says}")


async def test_an_unknown_profile_names_its_line(tmp_path: Path) -> None:
    """A model's own line, as soon as its endpoint is known to be no proxy."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "model: tiny}", "model: tiny, profile: gredy}")
        refused = (await go(path)).standings[0]
    assert refused.state == "refused"
    assert (refused.reason or "").startswith(f"{path}:2: profile: 'gredy' is unknown")


async def test_a_model_that_is_not_served_is_named_as_it_was_given(tmp_path: Path) -> None:
    """By the key and its line where the file names it, by the option where the call does."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, models=("tinny",))
        ended = await go(path)
        given = ["suite", str(path), "--out", str(tmp_path / "b"), "--base-url", fake.url]
        code, stdout, stderr = await shell(*given, "--model", "tinny", "--json")
    says = f"{fake.url} has no model 'tinny'; "
    assert {each.state for each in ended.standings} == {"failed"}
    assert (ended.standings[0].reason or "").startswith(f"{path}:2: model: {says}")
    assert (code, stdout) == (3, "")
    assert stderr.startswith(f"evenhand: --model: {says}")


async def test_a_suite_goes_on_once_its_path_is_right(tmp_path: Path) -> None:
    """A run that got no answer holds no folder, so that the same suite can be called again."""
    async with serving(Fake(lambda _body, _times: Reply(status=404))) as fake:
        path = write(tmp_path, fake, "seed: 0")
        ended = await go(path)
        assert {each.state for each in ended.standings} == {"failed"}
        assert (ended.standings[0].reason or "").startswith(f"{path}:2: base_url: ")
        change(path, "seed: 0", "seed: 1")
        fake.script = answer
        ended = await go(path)
    assert {each.state for each in ended.standings} == {"done"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("give --task-set lengths=N,... of at most 5", "give options: {lengths: [N, ...]} of at"),
        ("--task-set stride=512: a window", "options: {stride: 512}: a window (in the task's"),
        ("give --data FILE, or --data a/b to", "give data: FILE, or data: a/b to (in the task's"),
        ("--engine: 'x' is unknown", "engine: 'x' is unknown (in the model's entry of"),
        ("--api-key-env: the variable", "api_key_env: the variable (in the model's entry of"),
        ("raise it with --set max_tokens=9", "raise it with set: {max_tokens: 9} (in the task's"),
        ("--resume: the run in --out is of", "the run in --out is of"),
        ("--judge-url and --data-parallel", "--judge-url and --data-parallel"),
    ],
)
def test_words_of_a_suite(text: str, says: str) -> None:
    """Options that a suite does not have are its keys; others stay as they are."""
    origin = Origin(Document(None, "ours.yaml", {}), "tasks.0", "models.0")
    assert origin.words(text).startswith(says)


def test_words_of_a_model_that_the_command_line_gives() -> None:
    """Its options are options; what is the task's is the file's all the same."""
    origin = Origin(Document(None, "ours.yaml", {}), "tasks.0", None)
    assert origin.words("--template: 'x' is unknown") == "--template: 'x' is unknown"
    assert origin.words("--data: no such file").startswith("data: no such file (in the task's")


async def test_show(tmp_path: Path) -> None:
    """A shipped suite is printed as it is, and a copy of it is the same suite."""
    code, stdout, _ = await shell("suite", "glm-4", "--show")
    copy = tmp_path / "mine.yaml"
    copy.write_text(stdout, "utf-8")
    assert code == 0
    assert stdout == suite_text("glm-4") == suite_text(str(copy))
    shipped: Document[Any] = read_suite("glm-4")
    assert read_suite(str(copy)).value == shipped.value
    with pytest.raises(UsageError, match="no file and no shipped suite"):
        suite_text("glm-5")
