"""math-verify and our reading `compat` of MATH-500 judge the same answers alike."""

import random

import pytest

from evenhand_evals.tasks.math500 import TASK
from evenhand_evals.types import Completion, Sample
from tests.evals import oracles
from tests.evals.number_answers import answers
from tests.evals.oracles import Parity
from tests.evals.test_maths import GOLDS, STYLES

pytestmark = pytest.mark.oracle


def test_same_verdicts(parity: Parity) -> None:
    """Answers of mathematics in every style, each to every gold answer, and answers of numbers."""
    draw = random.Random("maths")
    rows = [
        (gold, style.format(said))
        for gold in GOLDS
        for style in STYLES
        for said in draw.sample(GOLDS, 4)
    ]
    rows += [(gold, style.format(gold)) for gold in GOLDS for style in STYLES]
    for _ in range(30):
        number = str(draw.randint(-50, 5000))
        rows += [(number, answer) for answer in answers(number, draw, 30)]
    theirs = oracles.told("oracle_maths.py", {"rows": rows}, "math_verify")
    differing = []
    for (gold, answer), right in zip(rows, theirs, strict=True):
        score = TASK.score(Sample("a", (), gold), Completion(answer))
        if score.metrics["compat"] != right:
            differing.append((gold, answer, right))
    parity.held("MATH-500: verdicts", "math-verify", len(rows), differing)
    assert len(rows) / 20 < sum(theirs) < len(rows)
