"""FastChat and we send a judge the same messages and read the same from its verdicts.

With EVENHAND_DATA the questions are the 80 published ones, without it two of our own.
"""

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.scorers.pairs import better_place
from evenhand_evals.scorers.ratings import FULL, first_mark
from evenhand_evals.tasks import mt_bench, mt_bench_pairwise
from evenhand_evals.types import DataSource, Message, Task
from tests.evals import judged_sets, oracles
from tests.evals.oracles import Parity

pytestmark = pytest.mark.oracle

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
    asked = {"prompts": str(data / "judge_prompts.jsonl"), "cases": cases}
    found: dict[str, Any] = oracles.told("oracle_mt_bench.py", asked, "fastchat")
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


def test_the_judge_is_sent_the_same(tmp_path: Path, parity: Parity) -> None:
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
    sent = ask_oracle(data, cases)["sent"]
    differing = [each for each in zip(sent, ours, strict=True) if each[0] != each[1]]
    parity.held("MT-Bench: prompts to the judge", "fschat", len(ours), differing)


def test_verdicts_are_read_alike(tmp_path: Path, parity: Parity) -> None:
    """Every made-up verdict, as a mark and as a place.

    Known: a mark that is not from 1 to 10, or a number that is no Python, such as 07, which ends
    the published program, is no mark for us.
    """
    data = folder(tmp_path)
    number = next(iter(rows_of(data / "question.jsonl")))
    row = judged_sets.answer_row(number, SAID)
    texts = verdicts(1000)
    cases = [case(data, number, "single-v1", [row], text) for text in texts]
    cases += [case(data, number, "pair-v2", [row, row], text) for text in texts]
    theirs = ask_oracle(data, cases)["read"]
    differing, known = [], []
    for text, mark in zip(texts, theirs[: len(texts)], strict=True):
        ours = first_mark(text)
        if ours != (None if mark == -1 else mark) or (mark is None and ours is None):
            differing.append((text, ours, mark))
            known += differing[-1:] * (ours is None and (mark is None or not 1 <= mark <= FULL))
    parity.held("MT-Bench: marks", "fschat", len(texts), differing, known)
    places = [(text, better_place(text) or "error") for text in texts]
    rows = zip(places, theirs[len(texts) :], strict=True)
    wrong = [(text, ours, place) for (text, ours), place in rows if ours != place]
    parity.held("MT-Bench: places of pairs", "fschat", len(texts), wrong)
