"""What an answer is worth: the scorer's verdict, and the outcomes that a scorer cannot know."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from evenhand_evals.types import Completion, Reply, Sample, Score, Task

REFUSING = frozenset(("content_filter", "sensitive"))
"""Finish reasons of a filtered answer: OpenAI's API, and GLM's own (open.bigmodel.cn)."""


def verdict(task: Task, sample: Sample, replies: Sequence[Reply]) -> Score:
    """Score everything that was answered for a sample.

    A task of one request has its outcomes "truncated" and "refused" set here; one of several sets
    them itself, because only it knows which answer counts.
    """
    if task.score_all is not None:
        return task.score_all(sample, replies)
    if not isinstance(replies[-1], Completion):
        raise TypeError(f"{task.name} scores likelihoods with score_all")
    return judge(task.score, sample, replies[-1])


def judge(
    scorer: Callable[[Sample, Completion], Score], sample: Sample, completion: Completion
) -> Score:
    """Score a completion, and set the outcomes "truncated" and "refused".

    An answer that the engine gave up never comes here: `wire.fault` makes it a failed sample.
    An answer that was cut at its token budget is still scored, and is "truncated" unless it is
    correct. A refusal (the API's own field, or a content filter) is worth what silence is worth.
    """
    if completion.refusal or completion.finish_reason in REFUSING:
        return replace(scorer(sample, Completion(text="")), outcome="refused")
    score = scorer(sample, completion)
    if completion.finish_reason == "length" and score.outcome != "correct":
        return replace(score, outcome="truncated")
    return score
