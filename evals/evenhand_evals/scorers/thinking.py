"""Split a reasoning model's thinking text from its answer.

A server without a reasoning parser returns the thinking inside the content, between `<think>` and
`</think>`. Scoring that text as part of the answer measures the wrong thing: for one model it
moved IFEval's prompt-level strict accuracy from 0.588 to 0.284 (lm-evaluation-harness, pull
request 3240).
"""

from dataclasses import dataclass

_OPEN = "<think>"
_CLOSE = "</think>"


@dataclass(frozen=True, slots=True)
class Answer:
    """The text to score, and whether thinking text was taken away to get it."""

    text: str
    thinking_removed: bool


def answer_of(text: str) -> Answer:
    """Take a leading thinking block away; leave every other text as it is, byte for byte.

    Some chat templates open the block in the prompt, so a text that only closes one is treated
    alike. A block that never closes leaves an empty answer: the model was cut off while thinking.
    A tag in the middle of an answer is part of the answer.
    """
    before, closed, after = text.partition(_CLOSE)
    opened = before.lstrip().startswith(_OPEN)
    if opened and not closed:
        return Answer("", thinking_removed=True)
    if closed and (opened or _OPEN not in before):
        return Answer(after.lstrip(), thinking_removed=True)
    return Answer(text, thinking_removed=False)
