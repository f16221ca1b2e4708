"""A run of a task that asks twice for each item, in a process of its own: to be killed.

Run as `python -m tests.evals.two_steps BASE_URL OUT [resume]`.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.types import Ask, Chat, Completion, Message, Reply, Sample, Score
from tests.evals.fake import yes_task

ITEMS = 6


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask once more, with the first answer."""
    if len(replies) == 2:
        return None
    assert isinstance(replies[0], Completion)
    return Chat(
        (
            *sample.messages,
            Message("assistant", replies[0].text),
            Message("user", f"sure about {sample.id}?"),
        )
    )


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Both answers must be right."""
    right = [isinstance(each, Completion) and each.text == sample.target for each in replies]
    return Score("correct" if all(right) else "wrong", float(all(right)))


TASK = replace(yes_task(ITEMS), name="yes_twice", follow=follow, score_all=score_all)


def main(base_url: str, out: str, *resume: str) -> None:
    """Make the run, two samples at a time."""
    settings = RunSettings(base_url, "tiny", Path(out), concurrency=2, resume=bool(resume))
    asyncio.run(run_task(TASK, settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
