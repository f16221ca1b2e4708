"""One question, twice: from the picture, and from the picture told in words.

The pictures, questions and labels are those of `vision_small`. Each is asked in two requests of
their own, first with the picture, then with a description that tells all the question needs. Does
the model say the same? `agreement`, the headline, is the share of items for which both answers
state the same label, right or wrong; an answer without a label agrees with none. `image_accuracy`
and `text_accuracy` say how often each is right, `both_right` how often both are.

A model that cannot see and yet answers shows a high `text_accuracy` and an `image_accuracy` near
`chance`. One that always says the same agrees with itself, which `agreement_beyond_chance` takes
out: Cohen's kappa (1960, doi:10.1177/001316446002000104) over the items that both answers state a
label for, within each kind of picture. It is 1 if they always agree, and 0 if no more often than
the labels that each states would by chance, as for a model that says one label for each kind.

The outcome of an item is `correct` where both agree, `unparsed` where one states no label. One
rejected request is a failed item, with its reason.
"""

from collections.abc import Mapping, Sequence

from evenhand_evals.scorers.ratings import is_refused, spoken
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.vision_small import OPTIONS, label_of, load
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Message,
    Outcome,
    Reply,
    Sample,
    Score,
    Task,
)

TOLD: Mapping[str, str] = {
    "en": "This is a picture in words: {told}\n\n{question}",
    "zh": "下面用文字描述一幅图：{told}\n\n{question}",
}


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask the same question about the description."""
    if len(replies) > 1:
        return None
    language, told = sample.metadata["language"], sample.metadata["told"]
    question = sample.messages[-1].text
    prompt = TOLD[language].format(told=told, question=question)
    return Chat((Message("user", prompt),))


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Hold both answers against each other and against the truth."""
    answers = spoken(sample, replies)
    image, text = (label_of(sample, _said(answer)) for answer in answers)
    agree = image is not None and image == text
    right = [label == sample.target for label in (image, text)]
    return Score(
        outcome=_outcome(answers, unread=None in (image, text), agree=agree),
        value=float(agree),
        metrics={
            "agreement": agree,
            "image_accuracy": right[0],
            "text_accuracy": right[1],
            "both_right": all(right),
            "chance": 1 / len(sample.metadata["labels"]),
        },
        data={"labels": [image, text], "kind": sample.metadata["group"]},
        extracted=f"{image or 'none'} / {text or 'none'}",
        explanation=f"from the picture: {image or 'no label'}; told in words: {text or 'no label'}",
    )


def _said(answer: Completion) -> str:
    return "" if is_refused(answer) else answer_of(answer.text).text


def _outcome(answers: Sequence[Completion], *, unread: bool, agree: bool) -> Outcome:
    if any(map(is_refused, answers)):
        return "refused"
    if agree:
        return "correct"
    if any(answer.finish_reason == "length" for answer in answers):
        return "truncated"
    return "unparsed" if unread else "wrong"


TASK = Task(
    name="vision_consistency",
    title="Vision: the same question from the picture and from its description",
    headline="agreement",
    version="2",
    load=load,
    follow=follow,
    score_all=score_all,
    max_tokens=64,
    aggregate="agreement",
    data="drawn by evenhand",
    options=OPTIONS,
)
