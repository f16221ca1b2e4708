"""A run scored again: the same answers, other verdicts where the scorer changed its mind."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.http.client import Backoff
from evenhand_evals.rescore import rescore, write_rescored
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Completion, Sample, Score
from tests.evals.fake import Fake, Reply, always, serving

TASK = TASKS["labels"]
HASTE = Backoff(attempts=1)


async def made(folder: Path, text: str = "rain") -> RunData:
    """A run of a few samples, each answered alike."""
    async with serving(Fake(always(Reply(text=text)))) as fake:
        settings = RunSettings(fake.url, "tiny", folder / "run", limit=4)
        return await run_task(TASK, settings, backoff=HASTE)


async def test_the_same_scorer_changes_nothing(tmp_path: Path) -> None:
    """Every record comes out as it was."""
    run = await made(tmp_path)
    again = rescore(run, TASK, TASK.load(RunSettings("", "", tmp_path).source))
    assert again.changed == ()
    assert again.run.records == run.records
    assert again.run.result == run.result


async def test_another_scorer_changes_verdicts_and_nothing_else(tmp_path: Path) -> None:
    """The changes are listed, and the run that is written can be read like any other."""
    run = await made(tmp_path)

    def generous(sample: Sample, completion: Completion) -> Score:
        return Score("correct", 1.0, extracted=completion.text)

    kinder = replace(TASK, score=generous, version="99")
    again = rescore(run, kinder, TASK.load(RunSettings("", "", tmp_path).source))
    wrong = [each for each in run.records if each.outcome != "correct"]
    assert {each.item for each in again.changed} == {each.item for each in wrong}
    assert again.run.result.score is not None
    assert again.run.result.score.value == 1.0
    out = tmp_path / "again"
    write_rescored(again, out)
    read = load_run(out)
    assert read.manifest.task.version == "99"
    assert [each.request for each in read.records] == [each.request for each in run.records]
    assert load_run(run.path).result == run.result


async def test_other_data_is_refused(tmp_path: Path) -> None:
    """Answers are scored against the items that they answer."""
    run = await made(tmp_path)
    dataset = TASK.load(RunSettings("", "", tmp_path).source)
    with pytest.raises(DataError, match="sha256"):
        rescore(run, TASK, replace(dataset, sha256="0" * 64))
    with pytest.raises(DataError, match="there is no item"):
        rescore(run, TASK, replace(dataset, samples=()))
    with pytest.raises(UsageError, match="not of 'gsm8k'"):
        rescore(run, TASKS["gsm8k"], dataset)


async def test_failed_samples_stay_failed(tmp_path: Path) -> None:
    """There is no answer to score."""
    async with serving(Fake(always(Reply(status=500)))) as fake:
        settings = RunSettings(fake.url, "tiny", tmp_path / "run", limit=2)
        run = await run_task(TASK, settings, backoff=HASTE)
    again = rescore(run, TASK, TASK.load(settings.source))
    assert [each.outcome for each in again.run.records] == ["failed", "failed"]
    assert json.dumps([each.reason for each in again.run.records]).count("500") == 2
