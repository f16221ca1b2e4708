"""What is wrong with a suite is found, all of it, before one completion is asked."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from evenhand_evals.errors import EndpointError, UsageError
from evenhand_evals.suite.check import check_suite, is_finished
from evenhand_evals.suite.file import read_suite
from evenhand_evals.suite.plan import Narrowing, PlannedRun, plan_suite
from evenhand_evals.token_counts import estimated
from tests.evals.fake import Fake, Reply, serving
from tests.evals.test_cli import shell
from tests.evals.test_suite import EXPLAINED, answer, change, go, write

DOWN = "http://127.0.0.1:9"
MARKS = (
    'data: sums.jsonl\nprompt: "{q}"\n'
    'metric: {kind: judge, prompt: "{response}? [[1]] to [[5]]", scale: [1, 5]}\n'
)


def planned(path: Path) -> list[PlannedRun]:
    """The runs of a suite's file."""
    return plan_suite(read_suite(str(path)), path.parent / "out", None, Narrowing())[0]


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("{name: needle, options: {lengths: abc}}", "options: {lengths: abc}: write whole numbers"),
        ("{name: ruler_vt, options: {lengths: 9}}", "options: {lengths: 9}: write whole numbers"),
        ("{name: gsm8k, data: nothere.jsonl}", "data: nothere.jsonl: no such file or data set"),
        ("{name: needle, data: nothere.txt}", "data: cannot read nothere.txt: No such file"),
        ("bad.yaml", "{folder}/bad.yaml:2: prompt: {b} is a field of no row"),
        ("gone.yaml", "{folder}/gone.yaml: data: cannot read {folder}/no.jsonl"),
        (
            "{name: labels_choice, sampling: {by: level, size: 1}}",
            "sampling.by: zh-01 has no field 'level'; known: 'group', 'language', 'situation'; or",
        ),
        (
            "{name: labels_choice, languages: [zhh]}",
            "languages: no item of evenhand:labels.jsonl is in zhh; its items are in en, zh",
        ),
        (
            "{name: labels_choice, languages: [zh, fr]}",
            "languages: no item of evenhand:labels.jsonl is in fr; its items are in en, zh",
        ),
        (
            "{name: labels_ch*, languages: [zhh]}",
            "languages: no item of evenhand:labels.jsonl is in zhh; its items are in en, zh",
        ),
        ("{name: labels_ch*, languages: [fr, zh]}", "languages: no item of labels_ch* is in fr"),
    ],
)
async def test_what_the_suite_says_of_data(tmp_path: Path, task: str, says: str) -> None:
    """A wrong option, file, row, field or language is named with its line, and nothing is asked."""
    (tmp_path / "bad.yaml").write_text('data: sums.jsonl\nprompt: "{b}"\ntarget: a\n')
    (tmp_path / "gone.yaml").write_text('data: no.jsonl\nprompt: "{q}"\ntarget: a\n')
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, ", sums.yaml", f",\n  {task}")
        code, stdout, stderr = await shell("suite", str(path), "--out", str(tmp_path / "out"))
    assert (code, stdout, fake.bodies) == (2, "", [])
    expected = says.replace("{folder}", str(tmp_path))
    assert stderr.startswith(f"evenhand: {path}:4: {expected}"), stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("second", "line", "code", "says"),
    [
        ("{base_url: URL, model: tinny}", 3, 3, "model: URL has no model 'tinny'; did you mean"),
        (f"{{base_url: '{DOWN}', model: gone}}", 3, 3, f"models.1: {DOWN}/v1 cannot be reached"),
        ("{name: b, base_url: URL, model: tiny, profile: gredy}", 3, 2, "profile: 'gredy' is unk"),
        ("{name: b, base_url: URL, model: tiny, api_key_env: NO}", 3, 2, "api_key_env: the envir"),
        ("{name: b, base_url: URL, model: tiny, engine: vlm}", 3, 2, "engine: 'vlm' is unknown"),
        ("{name: b, base_url: URL/chat/completions, model: tiny}", 3, 2, "base_url: URL/chat/comp"),
    ],
)
async def test_models(tmp_path: Path, second: str, line: int, code: int, says: str) -> None:
    """The second model is asked about before anything is asked of the first."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "\ntasks", f"\n  - {second.replace('URL', fake.url)}\ntasks")
        found, stdout, stderr = await shell("suite", str(path), "--out", str(tmp_path / "out"))
    assert (found, stdout, fake.bodies) == (code, "", [])
    assert stderr.startswith(f"evenhand: {path}:{line}: {says.replace('URL', fake.url)}"), stderr


@pytest.mark.parametrize(
    ("judge", "code", "says"),
    [
        ("{base_url: URL, model: tiny, profile: nope}", 2, "judge.profile: 'nope' is unknown"),
        ("{base_url: URL, model: jury}", 3, "judge.model: URL has no model 'jury'"),
        (f"{{base_url: '{DOWN}', model: tiny}}", 3, f"judge: {DOWN}/v1 cannot be reached"),
    ],
)
async def test_judges(tmp_path: Path, judge: str, code: int, says: str) -> None:
    """A judge is asked about only where a task needs one."""
    (tmp_path / "marks.yaml").write_text(MARKS)
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake, f"judge: {judge.replace('URL', fake.url)}")
        await check_suite(planned(path))
        change(path, "sums.yaml", "marks.yaml")
        found, _, stderr = await shell("suite", str(path), "--out", str(tmp_path / "out"))
    assert (found, fake.bodies) == (code, [])
    assert stderr.startswith(f"evenhand: {path}:4: {says.replace('URL', fake.url)}"), stderr


async def test_a_key_that_is_refused(tmp_path: Path) -> None:
    """Each model is named once, however many tasks it has, with exit code 3."""
    async with serving(Fake(answer)) as fake:
        fake.models_status = 401
        path = write(tmp_path, fake, models=("tiny", "tiny-instruct"))
        with pytest.raises(EndpointError) as raised:
            await check_suite(planned(path))
    head, *problems = str(raised.value).split("\n  ")
    assert head == "nothing was asked; 2 problems have to be solved:"
    assert [each.split(" refuses")[0] for each in problems] == [
        f"{path}:2: models.0: {fake.url}",
        f"{path}:3: models.1: {fake.url}",
    ]
    assert "with api_key_env" in problems[0]


async def test_all_problems_at_once(tmp_path: Path) -> None:
    """The user's mistakes and the endpoint's stand in one list, with the former's exit code."""
    path = write(tmp_path, Fake())
    change(path, "base_url: ''", f"base_url: '{DOWN}'")
    change(path, "sums.yaml", "{name: gsm8k, data: no.jsonl}, {name: needle, options: {depths: x}}")
    code, _, stderr = await shell("suite", str(path), "--out", str(tmp_path / "out"))
    assert code == 2
    said = ["3 problems", "data: no.jsonl", "options: {depths: x}", "models.0: http"]
    assert [text in line for text, line in zip(said, stderr.splitlines(), strict=True)] == [
        True
    ] * 4


async def test_what_is_left_out_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No data, no room, no likelihoods, no images, and a pattern's tasks without a language."""
    monkeypatch.delenv("EVENHAND_DATA", raising=False)
    tasks = (
        "{name: gsm8k, languages: [zh]}, {name: needle*, languages: [zh], options: {depths: 50}}",
        "{name: long_context, options: {lengths: 90000}}, mmlu_loglikelihood, vision_small",
        "{name: longbench_multi*, options: {max_prompt: 2000}}, mbpp_base, sums.yaml]",
    )
    async with serving(Fake(answer)) as fake:
        fake.facts = {"max_model_len": 500, "architecture": {"input_modalities": ["text"]}}
        path = write(tmp_path, fake)
        change(path, "{name: labels, limit: 8}, sums.yaml]", ", ".join(tasks))
        await check_suite(planned(path))
        assert fake.bodies == []
        code, stdout, stderr = await shell(
            "suite", str(path), "--out", str(tmp_path / "o"), "--json"
        )
    assert code == 0, stderr
    runs = {each["task"]: each for each in orjson.loads(stdout)["runs"]}
    assert runs.pop("sums")["state"] == "done"
    assert {each["state"] for each in runs.values()} == {"left out"}
    assert "takes text, and no images" in runs["vision_small"]["reason"]
    assert "serve the model with a larger context" in runs["long_context"]["reason"]
    assert "serve the model with a larger context" in runs["needle"]["reason"]


@pytest.mark.parametrize(
    ("task", "explained", "says"),
    [
        ("likely.yaml", {}, "gives no log-likelihoods"),
        ("plain.yaml", {"engine_identity": {"template": "{{ x }}"}}, "it is a chat model"),
    ],
)
async def test_an_interface_that_the_endpoint_lacks(
    tmp_path: Path, task: str, explained: dict[str, Any], says: str
) -> None:
    """It is no mistake of the suite: the task is left out, and the others are asked."""
    (tmp_path / "likely.yaml").write_text(
        'data: sums.jsonl\nprompt: "{q}"\ninterface: likelihood\nchoices: ["1", "2"]\ntarget: t\n'
    )
    (tmp_path / "plain.yaml").write_text(
        'data: sums.jsonl\nprompt: "{q}"\ninterface: completions\ntarget: a\n'
    )
    async with serving(Fake(answer)) as fake:
        fake.explain = lambda _body: (200, {**EXPLAINED, **explained})
        path = write(tmp_path, fake)
        rows = (orjson.dumps({"q": f"{n}+1?", "a": n + 1, "t": 0}) for n in range(6))
        (tmp_path / "sums.jsonl").write_bytes(b"\n".join(rows))
        change(path, "sums.yaml", f"sums.yaml, {task}")
        await check_suite(planned(path))
        states = {each.run.task.name: each for each in (await go(path)).standings}
    assert [each.state for each in states.values()] == ["done", "done", "left out"]
    assert says in (states[task.partition(".")[0]].reason or "")


async def test_a_route_that_the_proxy_does_not_have(tmp_path: Path) -> None:
    """The tasks that ask on it are left out, with the proxy's own reason."""
    (tmp_path / "plain.yaml").write_text(
        'data: sums.jsonl\nprompt: "{q}"\ninterface: completions\ntarget: a\n'
    )

    def explain(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        refused = {"message": "completions: no such route.", "code": "route_not_supported"}
        return (400, {"error": refused}) if "prompt" in body else (200, EXPLAINED)

    async with serving(Fake(answer)) as fake:
        fake.explain = explain
        path = write(tmp_path, fake)
        change(path, "sums.yaml", "plain.yaml")
        await check_suite(planned(path))
        labels, plain = (await go(path)).standings
    assert (labels.state, plain.state) == ("done", "left out")
    assert "completions: no such route" in (plain.reason or "")


async def test_what_rests_on_a_guessed_count_is_no_problem_yet(tmp_path: Path) -> None:
    """A text that is too short for the default lengths may serve the lengths that fit the model."""
    (tmp_path / "text.txt").write_text("One word after another. " * 100)
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        change(path, "sums.yaml", "{name: needle, data: text.txt}")
        await check_suite(planned(path))
    assert fake.bodies == []


async def test_a_finished_endpoint_need_not_be_there(tmp_path: Path) -> None:
    """Its runs stay done where they are the very same; other ones need it."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        await go(path)
        assert all(map(is_finished, planned(path)))
    async with serving(Fake(answer)) as other:
        more = f"models:\n  - {{name: more, base_url: '{other.url}', model: tiny}}"
        change(path, "models:", more)
        out = str(tmp_path / "out")
        code, stdout, stderr = await shell("suite", str(path), "--out", out, "--no-cache", "--json")
        assert code == 0, stderr
        assert len(other.bodies) == 14
        runs = {each["name"]: each for each in orjson.loads(stdout)["runs"]}
        assert {each["state"] for each in runs.values()} == {"done"}
        assert runs["tiny/sums"]["score"]["value"] == 1.0
        assert "an earlier call finished it, and now" in runs["tiny/sums"]["reason"]
        change(path, "limit: 8", "limit: 9")
        with pytest.raises(EndpointError, match=r":3: models.1: .* cannot be reached"):
            await check_suite(planned(path))
    assert len(other.bodies) == 14


async def test_a_finished_model_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does its judge; with anything left to ask, both do."""
    (tmp_path / "marks.yaml").write_text(MARKS)
    monkeypatch.setenv("KEY_A", "a")
    monkeypatch.setenv("KEY_J", "j")
    async with serving(Fake(lambda _body, _times: Reply("[[4]]"))) as fake:
        judge = f"judge: {{base_url: '{fake.url}', model: tiny, api_key_env: KEY_J}}"
        path = write(tmp_path, fake, judge)
        change(path, "sums.yaml", "marks.yaml")
        change(path, "model: tiny}\ntasks", "model: tiny, api_key_env: KEY_A}\ntasks")
        await go(path)
        asked = len(fake.bodies)
        for gone in ("KEY_J", "KEY_A"):
            monkeypatch.setenv(gone, "")
            await check_suite(planned(path))
            standings = (await go(path)).standings
            assert {each.state for each in standings} == {"done"}
        said = f"an earlier call finished it, and now {path}:2: api_key_env: the environment"
        assert [(each.reason or "").startswith(said) for each in standings] == [True, True]
        change(path, "limit: 8", "limit: 9")
        with pytest.raises(UsageError, match=r":2: api_key_env: .*'KEY_A' is not set") as raised:
            await check_suite(planned(path))
    assert not isinstance(raised.value, EndpointError)
    assert len(fake.bodies) == asked


async def test_an_endpoint_that_never_answers(tmp_path: Path) -> None:
    """Its own time-out is for answers, and it is not waited for so long."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        path = write(tmp_path, Fake())
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        change(path, "base_url: ''", f"base_url: '{url}'")
        with pytest.raises(EndpointError, match=r":2: models.0: .*no whole answer within 0.2 s"):
            await check_suite(planned(path), patience=0.2)


@pytest.mark.parametrize("option", ["--only", "--skip"])
async def test_languages_of_some_of_a_patterns_tasks(tmp_path: Path, option: str) -> None:
    """A language that only another of its tasks has is no mistake."""
    async with serving(Fake(answer)) as fake:
        path = write(tmp_path, fake)
        entry = "{name: '[il]*[sh]', languages: [en, zh], limit: 2}"
        change(path, "{name: labels, limit: 8}, sums.yaml", entry)
        names = {each.task.name for each in planned(path)}
        assert names > {"ifeval_zh"}
        given = {"--only": {"ifeval_zh"}, "--skip": names - {"ifeval_zh"}}[option]
        asked = [text for name in given for text in (option, name)]
        code, stdout, stderr = await shell(
            "suite", str(path), "--out", str(tmp_path / "out"), *asked
        )
    assert code == 0, stderr
    assert "ifeval_zh" in stdout


async def test_a_judged_run_is_finished_by_its_judge(tmp_path: Path) -> None:
    """With another judge, or one that is asked otherwise, it is another run."""
    (tmp_path / "marks.yaml").write_text(MARKS)
    async with serving(Fake(lambda _body, _times: Reply("[[4]]"))) as fake:
        path = write(tmp_path, fake, f"judge: {{base_url: '{fake.url}', model: tiny}}")
        change(path, "{name: labels, limit: 8}, sums.yaml", "marks.yaml")
        await go(path)
    (run,) = planned(path)
    assert is_finished(run)
    await check_suite([run])
    for other in ("model: tiny-instruct}", "model: tiny, set: {top_p: 0.5}}"):
        change(path, "model: tiny}\ntasks", "model: tiny }\ntasks")
        change(path, "model: tiny}", other)
        assert not is_finished(planned(path)[0])
        change(path, other, "model: tiny}")
        change(path, "model: tiny }\ntasks", "model: tiny}\ntasks")


async def test_a_changed_run_is_not_finished(tmp_path: Path) -> None:
    """Neither is one with another seed, other parameters, or failed samples."""
    fake = Fake(answer)
    async with serving(fake):
        path = write(tmp_path, fake)
        await go(path)
        for changed in ("seed: 1", "repeats: 2", "stream: true"):
            change(path, "\ntasks", f"\n{changed}\ntasks")
            assert not any(map(is_finished, planned(path))), changed
            change(path, f"\n{changed}\ntasks", "\ntasks")
        rows = (tmp_path / "sums.jsonl").read_bytes()
        (tmp_path / "sums.jsonl").write_bytes(rows.replace(b"5+1", b"6+1"))
        assert list(map(is_finished, planned(path))) == [True, False]
        (tmp_path / "sums.jsonl").write_bytes(rows)
        change(path, "limit: 8", "limit: 8, sampling: {by: language, size: 3}")
        assert list(map(is_finished, planned(path))) == [False, True]
        change(path, ", sampling: {by: language, size: 3}", "")
        change(path, "model: tiny", "model: tiny, set: {top_p: 0.5}")
        assert not any(map(is_finished, planned(path)))
        change(path, ", set: {top_p: 0.5}", "")
        (tmp_path / "out").rename(tmp_path / "old")
        fake.seen.clear()
        fake.script = lambda body, times: Reply(status=400) if not times else answer(body, times)
        await go(path)
    assert not any(map(is_finished, planned(path)))


@pytest.mark.parametrize(
    ("task", "model", "changed"),
    [
        ("{name: labels_sweep, options: {items: 2}}", "model: tiny}", "model: tiny, mode: report}"),
        ("{name: labels_sweep, options: {items: 2}}", "model: tiny}", "model: tiny, engine: vllm}"),
        ("{name: labels_sweep, options: {items: 2}}", ", options: {items: 2}", ""),
    ],
)
async def test_another_mode_engine_or_option_is_not_finished(
    tmp_path: Path, task: str, model: str, changed: str
) -> None:
    """As far as the run's record says; an option that is set no more is another one too."""
    async with serving(Fake(answer)) as fake:
        fake.explain = lambda _body: (200, {**EXPLAINED, "mode": "pin"})
        path = write(tmp_path, fake)
        change(path, "{name: labels, limit: 8}, sums.yaml", task)
        await go(path)
    assert all(map(is_finished, planned(path)))
    change(path, model, changed)
    assert not any(map(is_finished, planned(path)))


async def test_a_context_that_is_too_small_for_samples(tmp_path: Path) -> None:
    """How many did not fit is said beside the score, with the fix."""

    def some(body: dict[str, Any], times: int) -> Reply:
        reply = answer(body, times)
        llama = "request (3000 tokens) exceeds the available context size (2048 tokens), try"
        return Reply(status=400, message=llama) if reply.text in ("1", "2") else reply

    async with serving(Fake(some)) as fake:
        path = write(tmp_path, fake)
        code, stdout, _ = await shell("suite", str(path), "--out", str(tmp_path / "out"))
    said = "2 of 6 samples failed because they do not fit the context of 2048 tokens; serve the"
    assert code == 0
    assert f"note: tiny/sums: {said}" in stdout
    assert said in (tmp_path / "out" / "report.html").read_text("utf-8")


async def test_other_names_of_the_same_trouble(tmp_path: Path) -> None:
    """vLLM, SGLang and OpenAI say it otherwise."""
    texts = (
        "This model's maximum context length is 4096 tokens. However, your prompt contains 5000",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You",
    )

    def some(body: dict[str, Any], times: int) -> Reply:
        reply = answer(body, times)
        known = {f"{n}": text for n, text in enumerate(texts, 1)}
        return Reply(status=400, message=known.get(reply.text or "", "")) if times == 0 else reply

    async with serving(Fake(some)) as fake:
        path = write(tmp_path, fake)
        change(path, "{name: labels, limit: 8}, ", "")
        (standing,) = (await go(path)).standings
    said = "3 of 6 samples failed because they do not fit the context of 4096 tokens; serve the"
    assert standing.notes[0].startswith(said)


NO_FOLDERS = ["..", ".", "a\\b", "''", ".hidden", '"a\\tb"', "x" * 256, "report.html"]


@pytest.mark.parametrize("label", NO_FOLDERS)
def test_names_that_lead_out_of_the_folder(tmp_path: Path, label: str) -> None:
    """A model's name is a folder's: what cannot be one is refused with line and key."""
    path = write(tmp_path, Fake())
    change(path, "base_url: ''", f"base_url: '{DOWN}'")
    text = path.read_text()
    path.write_text(text.replace("model: tiny", f"model: tiny, name: {label}"))
    with pytest.raises(UsageError, match=r"suite.yaml:2: models.0.name: .* take another"):
        planned(path)
    path.write_text(text.replace("model: tiny", f"model: {label}"))
    with pytest.raises(
        UsageError, match=r"suite.yaml:2: models.0.model: .* give the model another"
    ):
        planned(path)


async def test_such_a_name_on_the_command_line(tmp_path: Path) -> None:
    """It is refused too, and so is that of an own task."""
    path = write(tmp_path, Fake())
    change(path, "base_url: ''", f"base_url: '{DOWN}'")
    given = ["suite", str(path), "--out", str(tmp_path / "a" / "out"), "--base-url", DOWN]
    code, _, stderr = await shell(*given, "--model", "..")
    assert code == 2
    assert stderr.startswith("evenhand: --model: '..' begins with a full stop")
    (tmp_path / "sums.yaml").write_text('name: ../x\ndata: sums.jsonl\nprompt: "{q}"\n')
    with pytest.raises(UsageError, match=r"suite.yaml:3: tasks.1: the task's name '../x' begins"):
        planned(path)


@pytest.mark.parametrize(("written", "read"), [("no", "no"), ("yes", "yes"), ("'no'", "no")])
def test_yes_and_no(tmp_path: Path, written: str, read: str) -> None:
    """YAML's booleans are what the user wrote."""
    path = write(tmp_path, Fake())
    change(path, "base_url: ''", f"base_url: '{DOWN}'")
    change(path, "sums.yaml", f"{{name: wmt22_zhen, options: {{ter: {written}}}}}")
    assert planned(path)[1].settings.options == {"ter": read}


@pytest.mark.parametrize(
    "name",
    [
        "needle",
        "needle_reasoning",
        "long_context",
        "vision_small",
        "vision_consistency",
        "ifeval_zh",
        "labels",
    ],
)
def test_our_own_tasks_know_their_languages(tmp_path: Path, name: str) -> None:
    """`languages: [zh]` keeps Chinese items, and only those."""
    path = write(tmp_path, Fake())
    change(path, "base_url: ''", f"base_url: '{DOWN}'")
    change(path, "{name: labels, limit: 8}", f"{{name: {name}, languages: [zh]}}")
    run = planned(path)[0]
    options = {"lengths": "500", "depths": "50"} if "lengths" in run.task.options else {}
    source = replace(run.settings.source, options=options, tokens=estimated)
    samples = run.task.load(source).samples
    assert samples
    assert {each.metadata["language"] for each in samples} == {"zh"}
