"""How much of what a model wrote was thinking, which is never scored and always counted.

A server with a reasoning parser puts the thinking into a field of its own (`reasoning_content`,
`reasoning`); without one it stands in the text, between `<think>` and `</think>`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.types import Completion


@dataclass(frozen=True, slots=True)
class Thinking:
    """The thinking of one sample, or of `samples` that thought.

    `characters` are those of the thinking text, `tokens` what the endpoint reported of them, None
    where it did not for all of them (some engines report 0 beside a text that thinks), `unclosed`
    how many samples were cut off while thinking.
    """

    samples: int
    characters: int
    tokens: int | None
    unclosed: int


def thinking_of(answers: Iterable[Completion]) -> Thinking | None:
    """Count the thinking in the answers to one sample, None where there is none."""
    found = []
    for answer in answers:
        inline = answer_of(answer.text)
        characters = sum(len(text) for text in (answer.reasoning, inline.thinking) if text)
        told = answer.usage.reasoning_tokens or None
        if characters or told:
            unclosed = answer.finish_reason == "length" and not inline.text
            found.append(Thinking(1, characters, told, int(unclosed)))
    whole = all_thinking(found)
    return whole and replace(whole, samples=1, unclosed=min(1, whole.unclosed))


def all_thinking(each: Iterable[Thinking | None]) -> Thinking | None:
    """Sum the thinking of samples, None where none thought."""
    found = [one for one in each if one is not None]
    if not found:
        return None
    told = [one.tokens for one in found if one.tokens is not None]
    return Thinking(
        sum(one.samples for one in found),
        sum(one.characters for one in found),
        sum(told) if len(told) == len(found) else None,
        sum(one.unclosed for one in found),
    )


def thinking_text(thinking: Thinking) -> str:
    """Say how much it was."""
    tokens = "" if thinking.tokens is None else f", {thinking.tokens:,} tokens"
    cut = f"; {thinking.unclosed} cut off while thinking" if thinking.unclosed else ""
    samples = f"{thinking.samples:,} sample{'' if thinking.samples == 1 else 's'}"
    return f"{samples}, {thinking.characters:,} characters{tokens}{cut}"
