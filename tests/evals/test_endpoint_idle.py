"""Options that cannot act: refused by the command, noted and not claimed by a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evenhand_evals.cli.root import eval_group
from evenhand_evals.endpoint.idle import acting, check_acting
from evenhand_evals.errors import UsageError
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.types import (
    Ask,
    Dataset,
    Interface,
    Likelihood,
    Likelihoods,
    Sample,
    Score,
    Text,
)
from evenhand_proxy.engines.local import LocalEngine
from tests.evals.fake import QUICK, Fake, serving, settings_for, yes_task

GIVEN: dict[str, Any] = {
    "template": "glm",
    "interface": "chat",
    "stream": True,
    "profile": "greedy",
    "parameters": {"temperature": 2, "stop": ["a"]},
}


def one(ask: Ask, interface: Interface) -> Any:
    """Make a task of one item."""

    def load(_source: Any) -> Dataset:
        sample = Sample("a", (), "yes", ask=ask)
        return Dataset((sample,), "made here", None, "0" * 64, "Apache-2.0")

    return replace(yes_task(), load=load, interface=interface)


def settings(**changes: Any) -> RunSettings:
    """Give settings that nobody asks with."""
    return RunSettings("http://127.0.0.1:9/v1", "tiny", Path("nowhere"), **changes)


@pytest.mark.parametrize(
    ("interface", "given", "named"),
    [
        ("likelihood", ("template",), "--template glm: no effect on yes, which asks for the"),
        ("likelihood", ("interface",), "--interface chat: no effect"),
        ("likelihood", ("stream",), "--stream: no effect"),
        ("likelihood", ("profile",), "--profile greedy: no effect"),
        (
            "likelihood",
            ("stream", "parameters"),
            r'^--stream, --set temperature=2, --set stop=\["a"\]: no effect .*; leave them out$',
        ),
        ("completions", ("template",), "--template glm: no effect on yes, which asks whole texts"),
        ("completions", ("template", "interface"), "^--template glm: no effect .*; leave it out$"),
        ("chat", ("template", "interface"), "^--interface chat: no effect on yes, whose chats"),
    ],
)
def test_what_cannot_act(interface: Interface, given: tuple[str, ...], named: str) -> None:
    """It is named with its value, the reason and the fix; a run is without, and says so."""
    task = replace(yes_task(), interface=interface)
    asked = settings(**{name: GIVEN[name] for name in given})
    with pytest.raises(UsageError, match=named):
        check_acting(task, asked)
    left, notes = acting(task, asked)
    check_acting(task, left)
    assert len(notes) == 1
    assert notes[0].endswith("; the run is without")
    assert "--" not in notes[0]


@pytest.mark.parametrize(
    ("interface", "given"),
    [
        ("chat", {"template": "glm"}),
        ("chat", {"interface": "chat"}),
        ("chat", {"template": "glm", "interface": "completions"}),
        ("chat", {"stream": True, "profile": "greedy", "parameters": {"temperature": 2}}),
        ("completions", {"interface": "chat", "stream": True}),
        ("completions", {"interface": "completions", "parameters": {"temperature": 2}}),
        ("likelihood", {"profile": "house"}),
        ("likelihood", {"engine": "vllm"}),
    ],
)
def test_what_may_act(interface: Interface, given: dict[str, Any]) -> None:
    """It stays; a profile that is not known here is the proxy's to apply."""
    task, asked = replace(yes_task(), interface=interface), settings(**given)
    check_acting(task, asked)
    assert acting(task, asked) == (asked, ())


@pytest.mark.parametrize(
    "given",
    [["mmlu_loglikelihood", "--template", "glm"], ["humaneval_base", "--template", "glm"]],
)
@pytest.mark.parametrize("shown", [[], ["--show-prompt"]])
def test_the_command_refuses_it(given: list[str], shown: list[str], tmp_path: Path) -> None:
    """Before anything is loaded or asked, with the exit code of wrong use."""
    out = tmp_path / "out"
    options = ["--base-url", "http://127.0.0.1:9", "--model", "tiny", "--out", str(out)]
    found = CliRunner().invoke(eval_group, ["run", *given, *options, *shown])
    assert found.exit_code == 2
    assert "--template glm: no effect on" in found.output
    assert not out.exists()


async def test_a_run_notes_it_and_does_not_claim_it(tmp_path: Path) -> None:
    """As runs of a suite are made, whose models keep their settings for every task."""
    task = one(Text("hello"), "completions")
    async with serving(Fake()) as fake:
        asked = settings_for(fake, tmp_path / "out", template="glm", interface="chat")
        run = await run_task(task, asked, backoff=QUICK)
    assert (run.manifest.template, run.manifest.interface) == ("served", "chat")
    assert run.manifest.notes[0].startswith("template glm: no effect on yes, ")
    assert run.manifest.notes[0] in run.result.warnings


async def test_likelihoods_of_a_real_engine(engine: LocalEngine, tmp_path: Path) -> None:
    """The same numbers with and without, and the note on the template stays."""

    def score(_sample: Sample, replies: Any) -> Score:
        (reply,) = replies
        assert isinstance(reply, Likelihoods)
        return Score("correct", 1.0, data={"logprobs": list(reply.logprobs)})

    def follow(_sample: Sample, _replies: Any) -> Ask | None:
        return None

    base = one(Likelihood("It is", (" so", " not")), "likelihood")
    task = replace(base, follow=follow, score_all=score)
    given = RunSettings(f"{engine.base_url}/v1", engine.model, tmp_path / "plain")
    plain = await run_task(task, given, backoff=QUICK)
    run = await run_task(task, replace(given, out=tmp_path / "all", **GIVEN), backoff=QUICK)
    found = [each.records[0].score for each in (plain, run)]
    assert found[0] is not None
    assert found[0] == found[1]
    assert (run.manifest.template, run.manifest.interface, run.manifest.stream) == (
        "served",
        None,
        False,
    )
    assert run.manifest.decoding == plain.manifest.decoding
    assert "stream" in run.manifest.notes[0]
    assert run.manifest.notes[1:] == plain.manifest.notes
    assert "likelihoods are taken without it" in plain.manifest.notes[0]
