"""Two runs of tasks whose headline is no mean of items' values, made and compared from the disk."""

import asyncio
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from evenhand_evals.cli.compare import print_comparison
from evenhand_evals.compare import Comparison, compare_runs
from evenhand_evals.report.page import to_html
from evenhand_evals.results import RunData, load_run
from evenhand_evals.run import run_task
from evenhand_evals.tasks import TASKS, mmlu
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for
from tests.evals.subject_files import write_mmlu
from tests.evals.test_cli import invoke
from tests.evals.test_perplexity import Engine

Answer = Callable[[str, bool], str]
"""From the question, and whether the answer is held to a form, to what is said."""


def chance(text: str) -> int:
    """Give a number of 0..99 that is the same for the same text."""
    return zlib.crc32(text.encode()) % 100


async def two_runs(
    task: str, folder: Path, answers: tuple[Answer, Answer], **settings: Any
) -> tuple[RunData, RunData]:
    """Make two runs with two models and read them back."""
    for name, answer in zip(("first", "second"), answers, strict=True):

        def script(body: dict[str, Any], _times: int, answer: Answer = answer) -> Reply:
            return Reply(answer(prompt_of(body), "response_format" in body))

        async with serving(Fake(script)) as fake:
            asked = settings_for(fake, folder / name, **settings)
            await run_task(TASKS[task], asked, backoff=QUICK)
    return load_run(folder / "first"), load_run(folder / "second")


def checked(a: RunData, b: RunData, capsys: pytest.CaptureFixture[str]) -> tuple[Comparison, str]:
    """Compare, see that the numbers are those of both results, and give what is printed."""
    found = compare_runs(a, b)
    for side, run in ((found.a, a), (found.b, b)):
        written = orjson.loads((run.path / "result.json").read_bytes())
        assert side.score.value == pytest.approx(written["score"]["value"])
        assert side.score == run.result.score
    capsys.readouterr()
    print_comparison(found)
    printed = capsys.readouterr().out
    assert found.metric in printed
    assert found.verdict in printed
    document = json.loads(orjson.dumps(found.document()))
    assert (document["unit"], document["difference"]) == (found.unit, found.difference)
    assert document["a"]["score"]["value"] == found.a.score.value
    assert f"in {found.metric}" in to_html([a, b])
    return found, printed


async def test_format_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The costs stand in the column, not the accuracies with the constraint."""

    def says(held_right: int) -> Answer:
        def answer(question: str, held: bool) -> str:
            rain = chance(question) < (held_right if held else 50)
            return '"会下雨"' if rain else '"不会下雨"'

        return answer

    a, b = await two_runs("labels_format_cost", tmp_path, (says(50), says(90)), limit=40)
    found, printed = checked(a, b, capsys)
    assert found.a.score.value == 0
    assert found.unit == "points"
    assert found.test.endswith("sign-flip permutation")
    assert f"difference: {found.difference:+.1f} points, 95 % interval" in printed
    assert found.table is None


async def test_a_macro_average(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is good at the one large subject is the better one by items, not by subjects."""
    data = tmp_path / "data"
    write_mmlu(data, mmlu.SUBJECTS[:3])
    write_mmlu(data, mmlu.SUBJECTS[3:4], items=20)
    write_mmlu(data, mmlu.SUBJECTS[4:])
    large = mmlu.SUBJECTS[3]

    def right(subjects: Callable[[str], bool]) -> Answer:
        def answer(question: str, _held: bool) -> str:
            last = question.rpartition("Question:")[2] or question
            number = int(next(word for word in last.split() if word.isdigit()))
            letter = "ABCD"[number % 4]
            return letter if subjects(last) else "ABCD"[(number + 1) % 4]

        return answer

    answers = (
        right(lambda text: large in text),
        right(lambda text: large not in text and chance(text) < 25),
    )
    a, b = await two_runs("mmlu_opencompass", tmp_path, answers, data=data)
    found, printed = checked(a, b, capsys)
    micro = a.result.metrics["micro"].value - b.result.metrics["micro"].value
    assert micro > 0
    assert found.difference < 0
    assert found.verdict.startswith("second is ")
    assert found.table is not None
    assert "macro" in printed


async def test_translation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """BLEU stands in the column, and not the mean of the sentences' chrF2."""
    pytest.importorskip("sacrebleu")
    data = tmp_path / "own.jsonl"
    texts = [f"The number {n} stands in the book on the old table." for n in range(12)]
    rows = [
        {"source": f"Satz {n}", "reference": text, "from": "de", "to": "en"}
        for n, text in enumerate(texts)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def good(question: str, _held: bool) -> str:
        return texts[int(question.rpartition("Satz ")[2])]

    def fair(question: str, held: bool) -> str:
        return good(question, held).replace("the old table", "a very old desk")

    a, b = await two_runs("translation", tmp_path, (good, fair), data=data, options={"ter": "no"})
    found, printed = checked(a, b, capsys)
    assert found.a.score.value == pytest.approx(1)
    chrf = b.result.metrics["sentence_chrf2"].value
    assert abs(found.b.score.value - chrf) > 0.05
    assert found.test == "exchange permutation"
    assert found.significant
    assert "bleu_macro_mean" in printed
    said = capsys.readouterr()
    assert said.out == ""


class Likely(Engine):
    """An engine whose words are as likely as it is told."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def logprob(self, tokens: list[str], place: int) -> float | None:
        """Scale what the engine says."""
        told = super().logprob(tokens, place)
        return told and self.scale * told


class Texts(Fake):
    """Tells how likely texts are, by vLLM's protocol."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.engine = Likely(scale)
        self.facts = {"owned_by": "vllm"}

    @property
    def app(self) -> web.Application:
        """The routes."""
        app = super().app
        app.router.add_post("/v1/completions", self._completions)
        return app

    async def _completions(self, request: web.Request) -> web.Response:
        body = await request.json()
        prompt = body["prompt"]
        prompts = prompt if isinstance(prompt, list) else [prompt]
        told = self.engine.echo(prompts)
        for choice, text in zip(told["choices"], prompts, strict=True):
            choice["text"] = f"{text}!"
        return web.json_response(told)


async def test_perplexity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bits are what stands there, in their own unit, and fewer are better."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(6):
        words = " ".join(["ab", "cde", "f", "ghij", "k"][: 3 + number % 3] * (number + 2))
        (texts / f"{number}.txt").write_text(words)
    runs = []
    for name, scale in (("first", 1.1), ("second", 1.0)):
        async with serving(Texts(scale)) as fake:
            asked = settings_for(fake, tmp_path / name, data=texts)
            await run_task(TASKS["perplexity"], asked, backoff=QUICK)
        runs.append(load_run(tmp_path / name))
    found, printed = checked(runs[0], runs[1], capsys)
    assert (found.unit, found.lower_is_better, found.band) == ("plain", True, None)
    assert found.difference > 0
    assert found.verdict.startswith("second is 0.")
    assert "lower, which is better; the difference is " in found.verdict
    assert "(lower is better)" in printed
    assert "points" not in printed
    assert found.test == "exact exchange permutation"
    assert found.p == pytest.approx(2 / 2**6)

    over = await asyncio.to_thread(
        invoke, "compare", *(str(run.path) for run in runs), "--fail-over", "0.01"
    )
    assert over.exit_code == 1
    assert "significant and larger than 0.01\n" in over.stderr
