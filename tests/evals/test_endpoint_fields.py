"""Fields that have to act: a constraint that is dropped, and one that only chat has."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.compare import compare_runs
from evenhand_evals.endpoint.fields import check_fields, telling
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.errors import Unaskable
from evenhand_evals.run import run_task
from evenhand_evals.settings import Target
from evenhand_evals.tasks import TASKS
from evenhand_evals.tasks.labels_constrained import FIELDS, FORMAT_COST
from evenhand_evals.types import Chat, DataSource
from evenhand_proxy.config import Config, Model
from tests.evals.fake import QUICK, Fake, Reply, serving, settings_for, yes_task
from tests.evals.test_endpoint_interface import Engine, llamacpp, sglang, vllm
from tests.running import running_proxy


def of_sglang() -> Engine:
    """A fake SGLang that tells no template."""
    return sglang(None)


def of_llamacpp() -> Engine:
    """A fake llama-server with a template."""
    return llamacpp("{{ messages }}")


def of_vllm() -> Engine:
    """A fake vLLM that tells no template."""
    return vllm(None)


async def refusal(fake: Fake, out: Path, constraint: str, **changes: Any) -> str:
    """Give the message that a run of `labels_format_cost` ends with before it has begun."""
    options = {"constraint": constraint}
    async with serving(fake):
        settings = settings_for(fake, out, options=options, limit=4, **changes)
        with pytest.raises(Unaskable) as caught:
            await run_task(FORMAT_COST, settings, backoff=QUICK)
    assert fake.bodies == []
    assert list(out.parent.glob(out.name)) == []
    return str(caught.value)


async def test_the_cost_of_a_constraint_that_does_not_act(tmp_path: Path) -> None:
    """Constraint, engine, what it has instead and the fix; nothing is asked."""
    message = await refusal(of_llamacpp(), tmp_path / "out", "choice")
    assert message.startswith("--task-set constraint=choice: ")
    assert "llama.cpp POST /v1/chat/completions has no choice and ignores it." in message
    assert message.endswith(
        "It has grammar, json_schema; take one that it has, as with --task-set constraint=grammar"
    )
    other = await refusal(of_sglang(), tmp_path / "out", "choice")
    assert "SGLang" in other
    assert "It has regex, grammar, json_schema" in other


async def test_a_constraint_that_only_chat_has(tmp_path: Path) -> None:
    """The option that keeps it from acting is named first, and what acts beside it."""
    message = await refusal(of_llamacpp(), tmp_path / "out", "json_schema", template="glm")
    assert "llama.cpp POST /v1/completions has no response_format" in message
    assert "It has grammar; leave --template glm out, or take one that it has" in message


async def test_a_proxy_tells_it_too(tmp_path: Path) -> None:
    """The record of the constrained request is the proxy's own."""
    async with serving(Fake()) as fake:
        config = Config(models={"tiny": Model("sglang", fake.url)})
        async with running_proxy(config, tmp_path) as proxy:
            settings = settings_for(
                fake,
                tmp_path / "out",
                base_url=f"{proxy.url}/v1",
                options={"constraint": "choice"},
            )
            with pytest.raises(Unaskable, match=r"has no choice.*It has regex, grammar"):
                await run_task(FORMAT_COST, settings, backoff=QUICK)
    assert fake.bodies == []


async def test_an_engine_without_any(tmp_path: Path) -> None:
    """Then another engine is the fix."""
    async with serving(Fake()) as fake:
        settings = settings_for(fake, tmp_path / "out", engine="transformers")
        with pytest.raises(Unaskable, match=r"none of choice, regex.*choose an engine that has"):
            await run_task(FORMAT_COST, settings, backoff=QUICK)


async def test_what_nobody_knows_is_asked(tmp_path: Path) -> None:
    """An endpoint that shows no engine may have the constraint."""
    async with serving(Fake()) as fake:
        settings = settings_for(fake, tmp_path / "out", options={"constraint": "choice"}, limit=4)
        run = await run_task(FORMAT_COST, settings, backoff=QUICK)
    assert run.result.score is not None
    assert len(fake.bodies) == 8


async def test_a_dropped_constraint_is_in_the_warnings(tmp_path: Path) -> None:
    """The fields of the first item are in the record of an engine that is asked itself."""
    async with serving(of_llamacpp()) as fake:
        settings = settings_for(fake, tmp_path / "out", limit=4)
        run = await run_task(TASKS["labels_choice"], settings, backoff=QUICK)
    assert [line for line in run.result.warnings if line.startswith("choice was asked for as [")]


async def test_two_constraints_differ_in_a_comparison(tmp_path: Path) -> None:
    """The record is that of the constrained request, although the free one comes first."""
    runs = []
    async with serving(of_llamacpp()) as fake:
        for constraint in ("grammar", "json_schema"):
            settings = settings_for(
                fake, tmp_path / constraint, limit=4, options={"constraint": constraint}
            )
            runs.append(await run_task(FORMAT_COST, settings, backoff=QUICK))
    assert "grammar" not in fake.bodies[0]
    names = [each.name for each in compare_runs(*runs).parameters]
    assert names == ["grammar", "response_format"]


@pytest.mark.parametrize(
    ("constraint", "how", "refused"),
    [
        ("json_schema", {"template": "glm"}, "--template glm: labels_json_schema asks with"),
        ("json_schema", {"interface": "completions"}, "--interface completions: .*over chat only"),
        ("json_schema", {}, None),
        ("grammar", {"template": "glm"}, None),
        ("choice", {"template": "glm"}, None),
    ],
)
async def test_a_field_that_needs_chat(
    constraint: str, how: dict[str, Any], refused: str | None
) -> None:
    """It is refused where a prompt is written here; what no route has is left to the warnings."""
    task = TASKS[f"labels_{constraint}"]
    first = task.load(DataSource()).samples[0]
    options: dict[str, str] = {}
    async with serving(of_llamacpp()) as fake:
        ask = telling(task, first, options)
        async with speaker(Target(fake.url, "tiny", **how), ask, 16, backoff=QUICK) as model:
            if refused is None:
                check_fields(task, ask, options, model)
                return
            with pytest.raises(Unaskable, match=refused):
                check_fields(task, ask, options, model)


async def test_vllm_has_it_on_both_routes() -> None:
    """Its /completions reads response_format."""
    task = TASKS["labels_json_schema"]
    ask = telling(task, task.load(DataSource()).samples[0], {})
    async with serving(of_vllm()) as fake:
        target = Target(fake.url, "tiny", template="glm")
        async with speaker(target, ask, 16, backoff=QUICK) as model:
            assert model.found.record is not None
            check_fields(task, ask, {}, model)


def test_the_telling_ask() -> None:
    """It is the first one, with the fields of the constraint that was chosen."""
    sample = FORMAT_COST.load(DataSource()).samples[0]
    ask = telling(FORMAT_COST, sample, {"constraint": "regex"})
    assert isinstance(ask, Chat)
    assert (ask.messages, ask.fields) == (sample.messages, FIELDS["regex"])
    plain = replace(yes_task(), constraint=None)
    other = plain.load(DataSource()).samples[0]
    assert telling(plain, other, {}) == other.first


async def test_the_free_answer_still_comes_first(tmp_path: Path) -> None:
    """Runs made before can be scored again: the order of the answers is what it was."""

    def answer(body: dict[str, Any], _times: int) -> Reply:
        return Reply("“会下雨”") if "grammar" not in body else Reply("不会下雨")

    async with serving(Fake(answer)) as fake:
        settings = settings_for(fake, tmp_path / "out", limit=1, options={"constraint": "grammar"})
        await run_task(FORMAT_COST, settings, backoff=QUICK)
    assert ["grammar" in body for body in fake.bodies] == [False, True]
