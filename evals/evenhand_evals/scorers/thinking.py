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
    """The text to score, and the thinking text that was taken away to get it, None if none was."""

    text: str
    thinking: str | None = None

    @property
    def thinking_removed(self) -> bool:
        """Whether there was thinking text."""
        return self.thinking is not None


def answer_of(text: str) -> Answer:
    """Take a leading thinking block away; leave every other text as it is, byte for byte.

    Some chat templates open the block in the prompt, so a text that only closes one is treated
    alike. A block that never closes leaves an empty answer: the model was cut off while thinking.
    A tag in the middle of an answer is part of the answer.
    """
    before, closed, after = text.partition(_CLOSE)
    opened = before.lstrip().startswith(_OPEN)
    thinking = before.lstrip().removeprefix(_OPEN).strip()
    if opened and not closed:
        return Answer("", thinking)
    if closed and (opened or _OPEN not in before):
        return Answer(after.lstrip(), thinking)
    return Answer(text)
