"""Answers of many kinds to a problem of HumanEval's form, made from its own solution.

What they are worth in our reading of a chat answer is known: `PASSING` and `FAILING`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A prompt that ends in a docstring, the body that solves it, and the function's name."""

    prompt: str
    body: str
    name: str

    @property
    def whole(self) -> str:
        """The whole file."""
        return self.prompt + self.body


def _fence(code: str, language: str = "python") -> str:
    return f"```{language}\n{code.rstrip()}\n```"


def _beginning(each: Problem, line: str) -> str:
    """The solution with a line at the beginning of its body."""
    return _fence(f"{each.prompt}    {line}\n{each.body}")


Style = Callable[[Problem], str]

PASSING: Mapping[str, Style] = {
    "whole file in a block": lambda p: _fence(p.whole),
    "prose around the block": lambda p: f"Here you are:\n\n{_fence(p.whole)}\n\nIt is O(n).",
    "block marked py": lambda p: _fence(p.whole, "py"),
    "block without a mark": lambda p: _fence(p.whole, ""),
    "body in a block": lambda p: _fence(p.body),
    "whole file without a block": lambda p: p.whole,
    "body without a block": lambda p: p.body,
    "several blocks": lambda p: f"{_fence(p.whole)}\nUse:\n{_fence(f'print({p.name})')}",
    "shell block first": lambda p: f"{_fence('pip install it', 'bash')}\n{_fence(p.whole)}",
    "block that is cut off": lambda p: f"```python\n{p.whole}",
    "thinking before": lambda p: f"<think>def {p.name}: 1/0</think>\n{_fence(p.whole)}",
    "imports and a helper": lambda p: _fence(
        f"import math\n\ndef _same(x):\n    return x\n\n{p.whole}"
    ),
    "future import": lambda p: _fence(f"from __future__ import annotations\n{p.whole}"),
    "main block": lambda p: _fence(f"{p.whole}\n\nif __name__ == '__main__':\n    1 / 0\n"),
    "prints": lambda p: _beginning(p, "print('x' * 100)"),
    "writes a file": lambda p: _beginning(p, "open('a.txt', 'a').write('x')"),
    "exits after the tests": lambda p: _fence(f"import atexit\natexit.register(print)\n{p.whole}"),
}
FAILING: Mapping[str, Style] = {
    "wrong": lambda p: _fence(f"{p.prompt}    return 'wrong'"),
    "nothing but the signature": lambda p: _fence(p.prompt),
    "raises": lambda p: _beginning(p, "raise KeyError(1)"),
    "endless loop": lambda p: _beginning(p, "while True: pass"),
    "fork bomb": lambda p: _beginning(p, "while True: __import__('os').fork()"),
    "memory": lambda p: _beginning(p, "[0] * 10**12"),
    "exits": lambda p: _beginning(p, "raise SystemExit(0)"),
    "exits at once": lambda p: _fence(f"import sys\n{p.whole}\nsys.exit(0)"),
    "reads standard input": lambda p: _beginning(p, "input()"),
    "kills itself": lambda p: _beginning(p, "__import__('os').kill(__import__('os').getpid(), 9)"),
    "calls a shell": lambda p: _beginning(p, "__import__('subprocess').Popen(1)"),
    "syntax error": lambda p: _fence(f"{p.whole}\n    ) ("),
    "other name": lambda p: _fence(p.whole.replace(f"def {p.name}", "def another")),
    "in a class": lambda p: _fence("class Solution:\n    def it(self):\n        pass\n"),
    "prose alone": lambda p: "I cannot help with that.",
    "empty": lambda p: "",
    "empty block": lambda p: "```python\n```",
    "never done thinking": lambda p: f"<think>{p.whole}",
}
STYLES: Mapping[str, Style] = {**PASSING, **FAILING}
