"""Outcomes that only the runner can know: cut answers and refusals."""

import pytest

from evenhand_evals.judge import judge
from evenhand_evals.types import Completion, DataSource, Outcome
from tests.evals.fake import yes_task

TASK = yes_task()
SAMPLE = TASK.load(DataSource()).samples[0]


@pytest.mark.parametrize(
    ("completion", "outcome", "value"),
    [
        (Completion("yes", "stop"), "correct", 1.0),
        (Completion("no", "stop"), "wrong", 0.0),
        (Completion("well", "stop"), "unparsed", 0.0),
        (Completion("yes", "length"), "correct", 1.0),
        (Completion("no", "length"), "truncated", 0.0),
        (Completion("", "length"), "truncated", 0.0),
        (Completion("yes", "content_filter"), "refused", 0.0),
        (Completion("", "sensitive"), "refused", 0.0),
        (Completion("", "stop", refusal="I will not"), "refused", 0.0),
    ],
)
def test_outcomes(completion: Completion, outcome: Outcome, value: float) -> None:
    """A cut answer can still be right; a refusal is worth what silence is worth."""
    score = judge(TASK.score, SAMPLE, completion)
    assert (score.outcome, score.value) == (outcome, value)
