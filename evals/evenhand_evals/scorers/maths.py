r"""Read the answer to a mathematical problem and compare it with math-verify.

math-verify (Apache-2.0) sets its time limits with a signal, which works in a main thread only, and
an expression like 9^{9^{9^9}} it cannot stop at all. So it runs in a process of its own
(`maths_child`), which is ended and begun anew where it takes too long; this is safe to use from
several threads, and its verdicts are those of math-verify called directly.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from evenhand_evals.errors import SandboxBroken

MODULES = ("math_verify",)
DEADLINE_S = 40.0
"""math-verify gives each parsing and each comparison 5 s; beyond all of these nothing will come."""
_START_S = 120.0

# simple-evals looks for the first `Answer:`; a prompt that a model repeats has one too.
_ANSWER_LINE = re.compile(
    r"(?:^|(?<=[\s*_#.]))(?:final\s+)?(?:answer|答案)[*_]*\s*(?:is\s*|是\s*)?[:：]"
    r"[*_]*[ \t]*([^\n]+)",
    re.IGNORECASE,
)
_BOXED = "\\boxed{"
_QUANTITY = re.compile(r"([-+]?[0-9][0-9.,/ ]*?)\s+(?!and\b|or\b)[a-zA-Z]{2,}(?: [a-zA-Z]+)*")
_DELIMITERS = ("$", "\\(", "\\[", _BOXED)


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether an answer is right; what math-verify read in it, None if nothing."""

    right: bool
    read: str | None


def last_boxed(text: str) -> str | None:
    r"""Give what stands in the last `\boxed{...}`, braces paired; None if there is none."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth, begin = 1, start + len(_BOXED)
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin:place]
    return None


def final_answer(text: str) -> str | None:
    r"""Give what a response states as its answer: the last `Answer:` line, else the last box."""
    lines = _ANSWER_LINE.findall(text)
    stated = lines[-1].strip().strip("*_ ") if lines else None
    boxed = last_boxed(stated) if stated else last_boxed(text)
    found = boxed if boxed is not None else stated
    if found is None or not found.strip():
        return None
    bare = found.strip()
    return bare.removesuffix(".").rstrip() or bare


def readable(answer: str) -> str:
    """Put an answer into the form that math-verify reads: LaTeX in delimiters, numbers bare."""
    quantity = _QUANTITY.fullmatch(answer)
    if quantity:
        return quantity[1]
    return answer if any(each in answer for each in _DELIMITERS) else f"${answer}$"


class Verifier:
    """Asks one child process after another; each is begun when it is needed."""

    def __init__(self, deadline: float = DEADLINE_S) -> None:
        self._deadline = deadline
        self._lock = Lock()
        self._child: subprocess.Popen[str] | None = None
        self._lines: SimpleQueue[str] = SimpleQueue()

    def compare(self, gold: str, texts: Sequence[str]) -> tuple[Compared, ...] | None:
        """Compare texts with the gold answer; None if that took too long.

        Raises:
            SandboxBroken: math-verify could not be run.

        """
        with self._lock:
            child = self._child or self._start()
            assert child.stdin is not None  # noqa: S101 - for the type checker
            try:
                child.stdin.write(json.dumps({"gold": gold, "texts": list(texts)}) + "\n")
                child.stdin.flush()
                line = self._lines.get(timeout=self._deadline)
            except (Empty, OSError):
                self.close()
                return None
            if not line:
                self.close()
                return None
            return tuple(Compared(*each) for each in json.loads(line))

    def _start(self) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "evenhand_evals.scorers.maths_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the run, which still scores what it has
        )
        lines: SimpleQueue[str] = SimpleQueue()
        Thread(target=_pump, args=(child, lines), daemon=True).start()
        assert child.stdin is not None  # noqa: S101 - for the type checker
        try:
            child.stdin.write(json.dumps({"gold": "1", "texts": ["$1$"]}) + "\n")
            child.stdin.flush()
            ready = lines.get(timeout=_START_S)
        except (Empty, OSError):
            ready = ""
        if not ready:
            _end(child)
            raise SandboxBroken(
                "math-verify could not be started; try: python -c 'import math_verify'"
            )
        self._child, self._lines = child, lines
        return child

    def close(self) -> None:
        """End the child process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            _end(child)


def _end(child: "subprocess.Popen[str]") -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _pump(child: "subprocess.Popen[str]", lines: "SimpleQueue[str]") -> None:
    """Hand the child's lines on, and an empty one when it has ended."""
    assert child.stdout is not None  # noqa: S101 - for the type checker
    with suppress(ValueError):
        for line in child.stdout:
            lines.put(line)
    lines.put("")


@cache
def verifier() -> Verifier:
    """Give the verifier of this process."""
    return Verifier()
