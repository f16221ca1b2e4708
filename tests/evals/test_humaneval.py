"""HumanEval in both forms: prompts, golden answers, the published items and their solutions."""

import gzip
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.judge import judge
from evenhand_evals.sandbox import run_program
from evenhand_evals.tasks import humaneval, humaneval_base
from evenhand_evals.types import Completion, DataSource, Sample, Text
from tests.evals.code_answers import FAILING, PASSING, STYLES, Problem

PROMPT = (
    "import math\n\n\ndef twice(x):\n    return 2 * x\n\n\n"
    'def around(radius: float) -> float:\n    """ The circumference of a circle.\n'
    '    >>> round(around(1), 2)\n    6.28\n    """\n'
)
PROBLEM = Problem(PROMPT, "    return twice(math.pi * radius)\n", "around")
ROW = {
    "task_id": "Test/0",
    "prompt": PROMPT,
    "entry_point": "around",
    "canonical_solution": PROBLEM.body,
    "test": "\ndef check(candidate):\n    assert abs(candidate(1) - 6.2831853) < 1e-6\n",
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file with one problem of our own."""
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps(ROW), encoding="utf-8")
    return file


def _sample(rows: Path, *, base: bool = False) -> Sample:
    task = humaneval_base.TASK if base else humaneval.TASK
    (sample,) = task.load(DataSource(path=rows)).samples
    return sample


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published HumanEval items are not at hand")
    return Path(root)


def test_prompts(rows: Path) -> None:
    """The chat gets simple-evals' instruction before the prompt, the base model the prompt."""
    chat, base = _sample(rows), _sample(rows, base=True)
    assert [each.role for each in chat.messages] == ["user"]
    assert chat.messages[0].text == (
        "Read the following function signature and docstring, and fully implement the function "
        "described. Your response should only contain the code for this function.\n" + PROMPT
    )
    assert isinstance(base.first, Text)
    assert (base.first.prompt, base.messages[0].text) == (PROMPT, PROMPT)
    assert base.first.fields == {"stop": ["\nclass", "\ndef", "\n#", "\nif", "\nprint"]}
    assert humaneval_base.TASK.interface == "completions"
    assert humaneval_base.TASK.max_tokens == humaneval.TASK.max_tokens == 1024


@pytest.mark.parametrize("style", STYLES)
def test_golden_answers(rows: Path, style: str) -> None:
    """Every style of answer is worth what it must be, and nothing escapes."""
    score = humaneval.score(_sample(rows), Completion(STYLES[style](PROBLEM)))
    assert (score.value == 1.0) == (style in PASSING), score
    ways = {
        "endless loop": "timed_out",
        "memory": "out_of_memory",
        "exits": "exited",
        "syntax error": "syntax_error",
        "wrong": "raised",
        "reads standard input": "raised",
    }
    if style in ways:
        assert score.metrics[ways[style]]
        assert score.outcome == "wrong"
    nothing = ("prose alone", "empty", "empty block", "never done thinking")
    assert (score.outcome == "unparsed") == (style in nothing)


def test_second_reading_loses_imports_before_the_function(rows: Path) -> None:
    """simple-evals' rule judges other than ours where the answer needs what it throws away."""
    sample = _sample(rows)
    helper = "def half(x):\n    return x / 2\n\ndef around(r):\n    return half(r) * 4 * math.pi"
    for text, ours, theirs in (
        (PASSING["whole file in a block"](PROBLEM), True, True),
        (f"```python\n{helper}\n```", True, False),
        (FAILING["wrong"](PROBLEM), False, False),
    ):
        score = humaneval.score(sample, Completion(text))
        assert (score.value == 1.0, score.metrics["compat"]) == (ours, theirs), text
        assert score.metrics["disagree"] == (ours != theirs)


@pytest.mark.parametrize(
    ("text", "outcome", "metric"),
    [
        (PROBLEM.body, "correct", None),
        (PROBLEM.body + "\ndef check(c): 1/0\n", "correct", None),
        (PROBLEM.body + "\nprint(around('x'))\n", "correct", None),
        ("    return 6", "wrong", "failed_test"),
        ("    while True:\n        pass", "wrong", "timed_out"),
        ("", "wrong", "raised"),
        ("I would return it.", "wrong", "syntax_error"),
    ],
)
def test_continuations(rows: Path, text: str, outcome: str, metric: str | None) -> None:
    """A base model's answer is cut at the first stop and goes after the prompt."""
    score = humaneval_base.score(_sample(rows, base=True), Completion(text))
    assert score.outcome == outcome
    assert [name for name, value in score.metrics.items() if value] == ([metric] if metric else [])


def test_cut_and_refused_answers(rows: Path) -> None:
    """An answer cut at its budget is truncated unless it passes; a refusal runs nothing of it."""
    sample = _sample(rows)
    cut = f"```python\n{PROMPT}    return twice(math.pi * "
    assert judge(humaneval.score, sample, Completion(cut, "length")).outcome == "truncated"
    whole = f"```python\n{PROBLEM.whole}"
    assert judge(humaneval.score, sample, Completion(whole, "length")).outcome == "correct"
    refused = judge(humaneval.score, sample, Completion(whole, refusal="no"))
    assert (refused.outcome, refused.value) == ("refused", 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entry_point": "round"}, "line 1: the field 'prompt' does not define 'round'"),
        ({"test": None}, "line 1: the field 'test' is None, not a text"),
    ],
)
def test_unusable_rows(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A row that cannot be asked or judged is an error that names the place and the field."""
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps({**ROW, **change}), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        humaneval.load(DataSource(path=file))


def test_packed_and_damaged_files(tmp_path: Path) -> None:
    """The packed file reads like the plain one; a torn one is an error, not a stack trace."""
    file = tmp_path / "HumanEval.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(ROW).encode()))
    (sample,) = humaneval.load(DataSource(path=tmp_path)).samples
    assert sample.id == "Test/0"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="a damaged gzip file"):
        humaneval.load(DataSource(path=file))


def test_canonical_solutions_score_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of the 164 published solutions passes, as a continuation of its prompt."""
    root = data_root()
    dataset = humaneval_base.load(DataSource(root=root))
    assert (len(dataset.samples), dataset.licence) == (164, "MIT")
    lines = gzip.decompress((root / humaneval.ORIGIN.file).read_bytes()).splitlines()
    solutions = [Completion(json.loads(line)["canonical_solution"]) for line in lines]
    with ThreadPoolExecutor(4) as pool:
        scores = list(pool.map(_passes, dataset.samples, solutions))
    failed = [
        sample.id for sample, passed in zip(dataset.samples, scores, strict=True) if not passed
    ]
    assert failed == []
    with capsys.disabled():
        sys.stdout.write(f" [{len(scores)} HumanEval solutions run] ")


def _passes(sample: Sample, completion: Completion) -> bool:
    # The stops are no part of a solution: some hold helper functions.
    program = humaneval.tested(sample, sample.metadata["prompt"] + completion.text)
    return run_program(program).passed
