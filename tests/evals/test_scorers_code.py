"""Programs in answers: which block, which reading, and how it goes together with the prompt."""

import pytest

from evenhand_evals.sandbox import Ended
from evenhand_evals.scorers.code import (
    before_definition,
    before_stops,
    code_of,
    completed,
    defines,
    score_of,
    simple_evals_body,
)

WHOLE = "def f(x):\n    return x\n"


@pytest.mark.parametrize(
    ("answer", "code", "fenced"),
    [
        (f"```python\n{WHOLE}```", WHOLE, True),
        (f"Here:\n\n```Python\n{WHOLE}```\nIt works.", WHOLE, True),
        (f"```py\n{WHOLE}```", WHOLE, True),
        (f'```python title="f.py"\n{WHOLE}```', WHOLE, True),
        (f"```\n{WHOLE}```", WHOLE, True),
        (f"```bash\npip install x\n```\n```python\n{WHOLE}```", WHOLE, True),
        (f"```python\n{WHOLE}```\n```python\nf(1)\n```", WHOLE, True),
        (f"```text\nf(1) = 1\n```\n```\n{WHOLE}```", "f(1) = 1\n", True),
        (f"```python\n{WHOLE}", WHOLE, True),
        (f"1. So:\n   ```python\n   {WHOLE[:-1]}\n   ```", f"   {WHOLE[:-1]}\n", True),
        ("```python\ns = '```'\n```", "s = '```'\n", True),
        ("```python\r\nx = 1\r\n```", "x = 1\r\n", True),
        ("```python\n```", "", True),
        (WHOLE, WHOLE, False),
        ("    return x", "    return x", False),
        ("use `f(x)` or ```f(x)```", "use `f(x)` or ```f(x)```", False),
        ("", "", False),
    ],
)
def test_block(answer: str, code: str, fenced: bool) -> None:
    """The first Python block counts, else the first block, else everything."""
    found = code_of(answer)
    assert (found.text, found.fenced) == (code, fenced)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (f"```python\n{WHOLE}```", "    return x\n"),
        (f"```python\nimport re\n\n{WHOLE}```\n```python\nf(1)\n```", "    return x\n"),
        (WHOLE, "    return x\n"),
        (f"Sure:\n    {WHOLE}", "    " + WHOLE),
        ("```python\n    return x\n```", "   return x\n"),
        (f"```py\n{WHOLE}```", "    return x\n```"),
        ("", ""),
    ],
)
def test_rule_of_simple_evals(answer: str, body: str) -> None:
    """By hand from humaneval_eval.py: what comes after the first `:` and an indented line."""
    assert simple_evals_body(answer) == body


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("    return 1\ndef g():", "    return 1"),
        ("    return 1\n# so\nprint(1)", "    return 1"),
        ("    # fine\n    return 1", "    # fine\n    return 1"),
        ("\nprint(1)", ""),
    ],
)
def test_stops(text: str, left: str) -> None:
    """The earliest stop counts, whichever it is."""
    assert before_stops(text, ("\nprint", "\ndef", "\n#")) == left


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (WHOLE, True),
        ("async def f(): pass", True),
        ("f = lambda x: x", True),
        ("f: int = 1", True),
        ("def f2(): pass", False),
        ("class A:\n    def f(self): pass", False),
        ("x.f = 1", False),
    ],
)
def test_definitions(code: str, expected: bool) -> None:
    """A name is defined at the top level by def, by async def, or by being given a value."""
    assert defines(code, "f") is expected


PROMPT = 'import re\n\ndef g(x):\n    return x\n\n\ndef f(x):\n    """Doc."""\n'


@pytest.mark.parametrize(
    ("code", "program"),
    [
        (WHOLE, "import re\n\ndef g(x):\n    return x\n\n\n" + WHOLE),
        ("    return x\n", PROMPT + "    return x\n"),
        (
            "   import os\n   def f(x):\n       return x\n",
            "import re\n\ndef g(x):\n    return x\n\n\nimport os\n" + WHOLE,
        ),
        (
            f"from __future__ import annotations\n{WHOLE}",
            "from __future__ import annotations\nimport re\n\ndef g(x):\n    return x\n\n\n"
            + WHOLE,
        ),
    ],
)
def test_whole_files_and_bodies(code: str, program: str) -> None:
    """A whole file keeps the prompt's imports and helpers; a body goes on from the prompt."""
    assert completed(PROMPT, "f", code) == program
    assert before_definition(PROMPT, "missing") == ""


@pytest.mark.parametrize(
    ("ended", "readable", "outcome", "true"),
    [
        (Ended("passed", "", 0.1, ("files",)), True, "correct", None),
        (Ended("failed", "AssertionError", 0.1, ()), True, "wrong", "failed_test"),
        (Ended("timeout", "", 0.1, ()), True, "wrong", "timed_out"),
        (Ended("memory", "", 0.1, ()), True, "wrong", "out_of_memory"),
        (Ended("crashed", "SIGSEGV", 0.1, ()), True, "wrong", "crashed"),
        (Ended("exited", "", 0.1, ()), True, "wrong", "exited"),
        (Ended("raised", "", 0.1, ()), True, "wrong", "raised"),
        (Ended("syntax", "", 0.1, ()), True, "wrong", "syntax_error"),
        (Ended("syntax", "", 0.1, ()), False, "unparsed", "syntax_error"),
        (None, False, "unparsed", None),
    ],
)
def test_each_failure_is_counted_apart(
    ended: Ended | None, readable: bool, outcome: str, true: str | None
) -> None:
    """Exactly one metric says how a program failed, none of one that passed."""
    score = score_of(ended, readable=readable, thinking_removed=False)
    assert score.outcome == outcome
    assert score.value == float(outcome == "correct")
    assert [name for name, value in score.metrics.items() if value] == [true][: true is not None]
    assert score.data == ({"isolation": list(ended.isolation)} if ended else {})
