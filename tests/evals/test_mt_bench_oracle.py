"""FastChat and we send a judge the same messages and read the same from its verdicts.

Needs, in EVENHAND_ORACLE_PYTHON, a Python that has fschat 0.2.36 (no dependencies). With
EVENHAND_DATA the questions are the 80 published ones, without it two of our own.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.scorers.pairs import better_place
from evenhand_evals.scorers.ratings import FULL, first_mark
from evenhand_evals.tasks import mt_bench, mt_bench_pairwise
from evenhand_evals.types import DataSource, Message, Task
from tests.evals import judged_sets

pytestmark = pytest.mark.oracle

ORACLE = Path(__file__).with_name("oracle_mt_bench.py")
PARTS = (
    "[[",
    "]]",
    "[",
    "]",
    "7",
    "10",
    "3.5",
    "Rating: ",
    "[[8]]",
    "[[A]]",
    "[[B]]",
    "[[C]]",
    " ",
)
SAID = ("The first\nanswer, with {braces}.", "The second: [[9]] **bold**")
OLD = ("An older answer", "另一个回答")


def verdicts(count: int) -> list[str]:
    """Make up verdicts: marks of every shape, several, broken ones, none."""
    draw = random.Random("verdicts")
    texts = ("".join(draw.choices(PARTS, k=draw.randrange(10))) for _ in range(count))
    return ["", "I cannot say.", *texts]


def folder(tmp_path: Path) -> Path:
    """The published set where it is at hand, else two questions of our own."""
    root = os.environ.get("EVENHAND_DATA")
    return Path(root, "mt-bench") if root else judged_sets.mt_bench(tmp_path / "mt-bench")


def rows_of(file: Path) -> dict[int, Any]:
    """The lines of a file by their question."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {row["question_id"]: row for row in rows}


def ask_oracle(data: Path, cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Let FastChat judge the cases, or skip."""
    python = os.environ.get("EVENHAND_ORACLE_PYTHON")
    if python is None:
        pytest.skip("EVENHAND_ORACLE_PYTHON is not set: no Python with fschat")
    asked = json.dumps({"prompts": str(data / "judge_prompts.jsonl"), "cases": cases})
    done = subprocess.run(
        [python, str(ORACLE)], input=asked, capture_output=True, text=True, check=False
    )
    if "fschat is not installed" in done.stderr:
        pytest.skip("fschat is not installed in EVENHAND_ORACLE_PYTHON")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def case(data: Path, number: int, prompt: str, answers: list[Any], verdict: str) -> dict[str, Any]:
    """One case in FastChat's words."""
    return {
        "prompt": prompt,
        "question": rows_of(data / "question.jsonl")[number],
        "reference": rows_of(data / "reference_answer_gpt-4.jsonl").get(number)
        if "math" in prompt
        else None,
        "answers": answers,
        "multi_turn": prompt.endswith("multi-turn"),
        "verdict": verdict,
    }


def prompts_of(task: Task, source: DataSource) -> list[tuple[int, list[list[dict[str, Any]]]]]:
    """Of each question the messages that our task sends to the judge."""
    count = 2 if task.name == "mt_bench" else 4
    found = []
    for sample in task.load(source).samples:
        asks = judged_sets.asked(task, sample, [*SAID, *["[[8]]"] * count])
        sent = [[_plain(message) for message in ask.messages] for ask in asks[2:]]
        found.append((int(sample.id.rpartition("-")[2]), sent))
    return found


def _plain(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.text}


def test_the_judge_is_sent_the_same(tmp_path: Path) -> None:
    """Every message of every question, of single answers and of pairs in both orders."""
    data = folder(tmp_path)
    numbers = rows_of(data / "question.jsonl")
    baseline = [judged_sets.answer_row(number, OLD) for number in numbers]
    file = judged_sets.write_lines(tmp_path / "baseline.jsonl", baseline)
    ours: list[Any] = []
    cases = []
    for task, names in (
        (mt_bench.TASK, mt_bench.SINGLE),
        (mt_bench_pairwise.TASK, mt_bench_pairwise.PAIR),
    ):
        pair = task.name == "mt_bench_pairwise"
        source = DataSource(path=data, options={"baseline": str(file)} if pair else {})
        for number, sent in prompts_of(task, source):
            ours += sent
            new, old = judged_sets.answer_row(number, SAID), judged_sets.answer_row(number, OLD)
            orders = [[new, old], [old, new]] if pair else [[new]]
            mathematical = numbers[number]["category"] in mt_bench.WITH_REFERENCE
            name = names[1] if mathematical else names[0]
            cases += [
                case(data, number, prompt, answers, "[[8]]")
                for prompt in (name, f"{name}-multi-turn")
                for answers in orders
            ]
    assert ask_oracle(data, cases)["sent"] == ours
    sys.stdout.write(f" [{len(ours)} prompts compared] ")


def test_verdicts_are_read_alike(tmp_path: Path) -> None:
    """Every made-up verdict, as a mark and as a place; marks off the scale are none of ours."""
    data = folder(tmp_path)
    number = next(iter(rows_of(data / "question.jsonl")))
    row = judged_sets.answer_row(number, SAID)
    texts = verdicts(1000)
    cases = [case(data, number, "single-v1", [row], text) for text in texts]
    cases += [case(data, number, "pair-v2", [row, row], text) for text in texts]
    theirs = ask_oracle(data, cases)["read"]
    off = 0
    for text, mark in zip(texts, theirs[: len(texts)], strict=True):
        known = mark is not None and 1 <= mark <= FULL
        off += not known and mark != -1
        assert first_mark(text) == (mark if known else None), text
    for text, place in zip(texts, theirs[len(texts) :], strict=True):
        assert (better_place(text) or "error") == place, text
    sys.stdout.write(f" [{2 * len(texts)} verdicts compared, {off} off the scale] ")
