"""What an answer is worth: the scorer's verdict, and the outcomes that a scorer cannot know."""

from dataclasses import replace

from evenhand_evals.types import Completion, Sample, Score, Task

REFUSING = frozenset(("content_filter", "sensitive"))
"""Finish reasons of a filtered answer: OpenAI's API, and GLM's own (open.bigmodel.cn)."""


def judge(task: Task, sample: Sample, completion: Completion) -> Score:
    """Score a completion, and set the outcomes "truncated" and "refused".

    An answer that the engine gave up never comes here: `wire.fault` makes it a failed sample.
    An answer that was cut at its token budget is still scored, and is "truncated" unless it is
    correct. A refusal (the API's own field, or a content filter) is worth what silence is worth.
    """
    if completion.refusal or completion.finish_reason in REFUSING:
        return replace(task.score(sample, Completion(text="")), outcome="refused")
    score = task.score(sample, completion)
    if completion.finish_reason == "length" and score.outcome != "correct":
        return replace(score, outcome="truncated")
    return score
