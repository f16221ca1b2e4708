"""Options of a task on their way: from the command line to the data, the manifest, and back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evenhand_evals.cli.rescore import rescore_run
from evenhand_evals.errors import RunDiffers, UsageError
from evenhand_evals.results import load_run
from evenhand_evals.run import run_task
from evenhand_evals.settings import check_options, parse_options
from evenhand_evals.tasks import TASKS
from tests.evals.fake import Fake, Reply, serving, settings_for

NEEDLE = TASKS["needle"]
OPTIONS = {"lengths": "300", "depths": "0,100", "languages": "en", "questions": "1"}


def test_options_are_names_and_values() -> None:
    """A value may hold an equals sign; a name comes once."""
    assert parse_options(["lengths=1,2", "a = b=c"]) == {"lengths": "1,2", "a": "b=c"}
    for texts, message in (
        (["lengths"], "--task-set lengths: write NAME=VALUE"),
        (["=1"], "write NAME=VALUE"),
        (["a=1", "a=2"], "'a' is set twice"),
    ):
        with pytest.raises(UsageError, match=message):
            parse_options(texts)


def test_a_task_refuses_options_that_it_has_not() -> None:
    """A typo is found before anything is asked, and the right name is near."""
    with pytest.raises(UsageError, match="needle has no such option; did you mean 'lengths'"):
        check_options(NEEDLE, {"length": "1"})
    with pytest.raises(UsageError, match="gsm8k has no such option; none is known"):
        check_options(TASKS["gsm8k"], {"lengths": "1"})


async def test_a_run_with_options(tmp_path: Path) -> None:
    """The options reach the data and the manifest; going on with others is refused."""

    def answer(body: dict[str, object], _time: int) -> Reply:
        found = str(body).partition("registry number of the ")[2].partition(" is ")[2][:7]
        return Reply(text=found)

    async with serving(Fake(answer)) as fake:
        settings = settings_for(fake, tmp_path / "run", options=OPTIONS)
        run = await run_task(NEEDLE, settings)
        assert run.result.outcomes["correct"] == 2
        assert dict(run.manifest.dataset.options) == OPTIONS
        assert run.result.metrics["agreement at 300"].value == 1.0
        assert list(run.result.groups) == [
            "    300 tokens, depth   0 %",
            "    300 tokens, depth 100 %",
        ]
        other = settings_for(
            fake, tmp_path / "run", resume=True, options={**OPTIONS, "depths": "0,50"}
        )
        with pytest.raises(RunDiffers, match="dataset sha256"):
            await run_task(NEEDLE, other)
    ran = CliRunner().invoke(rescore_run, [str(tmp_path / "run"), "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["changed"] == []
    assert load_run(tmp_path / "run").result.metrics["accuracy"].value == 1.0
