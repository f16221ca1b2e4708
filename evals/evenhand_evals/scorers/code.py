r"""Take a program out of an answer, put it together with its tests, and read how it ended.

Two readings of a chat answer. `code_of` is ours: the first block marked as Python, else the first
block of any kind, else the whole text; a block that was cut before its end goes to the end of the
answer. `simple_evals_body` is the rule of simple-evals (humaneval_eval.py), to the byte.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evenhand_evals.sandbox import Ended, Kind
from evenhand_evals.types import Outcome, Score

_BLOCK = re.compile(r"```[ \t]*([\w+-]*)[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = frozenset(("python", "py", "python3"))
_FUTURE = re.compile(r"^from __future__ import [^\n]*\n?", re.MULTILINE)

FAILURES: Final[Mapping[Kind, str]] = {
    "failed": "failed_test",
    "raised": "raised",
    "syntax": "syntax_error",
    "timeout": "timed_out",
    "memory": "out_of_memory",
    "crashed": "crashed",
    "exited": "exited",
}
"""The metric that counts each way to fail; exactly one of them is true of a program that did."""


@dataclass(frozen=True, slots=True)
class Code:
    """The program in an answer, and whether it stood in a block of its own."""

    text: str
    fenced: bool


def code_of(answer: str) -> Code:
    """Take the program out of an answer to a chat."""
    blocks = [(found[1].lower(), found[2]) for found in _BLOCK.finditer(answer)]
    chosen = [text for language, text in blocks if language in _PYTHON] or [
        text for _, text in blocks
    ]
    return Code(chosen[0], fenced=True) if chosen else Code(answer, fenced=False)


def simple_evals_body(answer: str) -> str:
    r"""Read an answer as simple-evals does: what follows the first `:\n    ` of the first block.

    It goes after the prompt's signature. Where there is no `:\n    `, this cuts off the first
    character, and imports and helpers that stand before the function are lost: that is the rule.
    """
    blocks = re.findall(r"```python\n(.*?)```", answer, re.DOTALL)
    code = blocks[0] if blocks else answer
    return str(code[code.find(":\n    ") + 2 :])


def before_stops(text: str, stops: Sequence[str]) -> str:
    """Cut a text at the first of some stops, for endpoints that did not stop there themselves."""
    places = [place for place in map(text.find, stops) if place >= 0]
    return text[: min(places, default=len(text))]


def defines(code: str, name: str) -> bool:
    """Whether a program defines a name at its top level."""
    name = re.escape(name)
    return re.search(rf"^(?:(?:async )?def {name}\b|{name}\s*[:=])", code, re.MULTILINE) is not None


def before_definition(prompt: str, name: str) -> str:
    """Give what stands before a function in a prompt: its imports, and functions it builds on."""
    found = list(re.finditer(rf"^(?:async )?def {re.escape(name)}\b", prompt, re.MULTILINE))
    return prompt[: found[-1].start()] if found else ""


def completed(prompt: str, name: str, code: str) -> str:
    """Put a prompt that ends in the middle of a function together with an answer's program.

    A program that defines the function itself is a whole file, before which only the prompt's
    imports and helpers go; anything else is what comes next after the prompt.
    """
    whole = textwrap.dedent(code)
    if not defines(whole, name):
        return prompt + code
    future = "".join(found[0].rstrip("\n") + "\n" for found in _FUTURE.finditer(whole))
    return future + before_definition(prompt, name) + _FUTURE.sub("", whole)


def score_of(ended: Ended | None, *, readable: bool, thinking_removed: bool) -> Score:
    """Make the score of a program from how it ended; None stands for an answer without any.

    Without a `readable` program in it the answer is "unparsed". `data` holds what the kernel kept
    from the program (`sandbox.Ended.isolation`).
    """
    passed = ended is not None and ended.passed
    kind = ended.kind if ended else None
    failure: Outcome = "wrong" if readable and ended else "unparsed"
    told = f"{kind}: {ended.detail}".removesuffix(": ") if ended else "the answer holds no program"
    return Score(
        outcome="correct" if passed else failure,
        value=float(passed),
        metrics={metric: kind == each for each, metric in FAILURES.items()},
        explanation=("thinking text removed; " if thinking_removed else "") + told,
        data={"isolation": list(ended.isolation)} if ended else {},
    )
