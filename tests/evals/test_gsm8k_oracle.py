"""lm-evaluation-harness's two filters of GSM8K and ours judge the same answers alike."""

import json
import os
import random
from pathlib import Path

import pytest

from evenhand_evals.tasks.gsm8k import SHOTS_FILE, TASK
from evenhand_evals.tasks.sources import shipped
from evenhand_evals.types import Completion, DataSource, Sample
from tests.evals import oracles
from tests.evals.number_answers import answers
from tests.evals.oracles import Parity

pytestmark = pytest.mark.oracle

ANSWERS = 10


def targets() -> list[str]:
    """The published solutions where they are at hand, else the five that ship with the task."""
    root = os.environ.get("EVENHAND_DATA")
    if root is not None:
        return [sample.target for sample in TASK.load(DataSource(root=Path(root))).samples]
    return [json.loads(line)["answer"] for line in shipped(SHOTS_FILE).splitlines()]


@pytest.mark.parametrize("name", ["strict", "flexible"])
def test_same_verdicts(name: str, parity: Parity) -> None:
    """Ten answers to every problem, and its published solution."""
    draw = random.Random("gsm8k")
    rows = [
        (answer, target)
        for target in targets()
        for answer in (target, *answers(target.rpartition("#### ")[2], draw, ANSWERS))
    ]
    theirs = oracles.told("oracle_choices.py", {"kind": f"gsm8k_{name}", "rows": rows}, "lm_eval")
    differing = []
    for (answer, target), right in zip(rows, theirs, strict=True):
        score = TASK.score(Sample("a", (), target), Completion(answer))
        if score.metrics[f"compat_{name}"] != right:
            differing.append((answer, target, right))
    parity.held(f"GSM8K: {name} filter", "lm-eval", len(rows), differing)
    assert len(rows) / 20 < sum(theirs) < len(rows)
