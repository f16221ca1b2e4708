"""BFCL's own programs and ours judge the same answers, and show models the same functions.

Needs BFCL's files (EVENHAND_DATA) and, in EVENHAND_ORACLE_PYTHON, a Python that has bfcl-eval
2026.3.23 without its dependencies, but with tree_sitter 0.21.3, tree-sitter-java 0.21.0,
tree-sitter-javascript 0.21.4, tenacity and filelock.
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.tasks import bfcl, bfcl_prompt
from evenhand_evals.tasks.bfcl_items import CATEGORIES, Category
from evenhand_evals.types import Chat, Completion, DataSource, Sample, ToolCall
from tests.evals.bfcl_replies import PROSE, native_replies, prompted, prompted_replies, right

Answer = str | list[list[str]]
ORACLE = Path(__file__).with_name("bfcl_oracle.py")
NATIVE = {each.name: bfcl.TASKS[f"bfcl_{each.name}"] for each in CATEGORIES}
PROMPTED = {each.name: bfcl_prompt.TASKS[f"bfcl_{each.name}_prompt"] for each in CATEGORIES}
SHARED = [category for category in CATEGORIES[:6] if category.wanted == "these"]

pytestmark = pytest.mark.oracle


def folder() -> Path:
    """The folder of BFCL's files, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: BFCL's items are not at hand")
    return Path(root) / "bfcl"


def official(data: Path, cases: Sequence[Any]) -> list[Any]:
    """Ask BFCL's programs, or skip where they are not installed."""
    python = os.environ.get("EVENHAND_ORACLE_PYTHON")
    if python is None:
        pytest.skip("EVENHAND_ORACLE_PYTHON is not set: no Python that has bfcl-eval")
    if subprocess.run([python, "-c", "import bfcl_eval"], check=False).returncode:
        pytest.skip("EVENHAND_ORACLE_PYTHON has no bfcl-eval")
    ran = subprocess.run(
        [python, "-W", "ignore", str(ORACLE), str(data)],
        input="\n".join(map(json.dumps, cases)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines() if line[:1] in '"{']


def items(category: Category, data: Path) -> list[tuple[dict[str, Any], Sample, Sample]]:
    """Each item as the file has it, and as the two tasks have it."""
    rows = map(json.loads, (data / category.file).read_text(encoding="utf-8").splitlines())
    source = DataSource(path=data)
    native = NATIVE[category.name].load(source).samples
    texts = PROMPTED[category.name].load(source).samples
    return list(zip(rows, native, texts, strict=True))


def judged(category: Category, sample: Sample, reply: Answer) -> bool:
    """Our verdict on an answer."""
    if isinstance(reply, str):
        score = PROMPTED[category.name].score(sample, Completion(reply))
    else:
        calls = tuple(ToolCall(name, arguments) for name, arguments in reply)
        score = NATIVE[category.name].score(sample, Completion("", tool_calls=calls))
    return score.value == 1.0


@pytest.mark.parametrize("category", SHARED, ids=lambda category: category.name)
def test_same_verdicts(category: Category, capsys: pytest.CaptureFixture[str]) -> None:
    """Every answer is worth the same to both.

    Only of Java and JavaScript texts in which letters are changed at random may a few differ: the
    official decoder leaves broken source text to tree-sitter's error recovery.
    """
    data = folder()
    cases: list[dict[str, Any]] = []
    ours, what = [], []
    for row, native, texts in items(category, data):
        reply = right(row, native.target, category.language)
        answers: list[tuple[str, Answer]] = [
            *native_replies(row, reply, seed=0),
            *prompted_replies(row, reply, category.language, seed=0),
        ]
        for name, answer in answers:
            cases.append({"category": category.name, "id": row["id"], "reply": answer})
            ours.append(judged(category, texts if isinstance(answer, str) else native, answer))
            what.append(name)
    theirs = official(data, cases)
    assert len(theirs) == len(cases)
    differ = [
        (name, case, verdict)
        for name, case, mine, verdict in zip(what, cases, ours, theirs, strict=True)
        if mine != (verdict == "right")
    ]
    broken = [
        each
        for each in differ
        if category.language != "python"
        and isinstance(each[1]["reply"], str)
        and each[0] in ("edited", "a letter off")
    ]
    with capsys.disabled():
        print(f"\n{category.name}: {len(cases)} answers compared, {dict(Counter(theirs))},")  # noqa: T201
        print(f"{len(differ)} differ, {len(broken)} of them broken source text")  # noqa: T201
    assert [each for each in differ if each not in broken] == []
    assert len(broken) <= len(cases) / 1000


@pytest.mark.parametrize("category", SHARED, ids=lambda category: category.name)
def test_same_prompts(category: Category) -> None:
    """Tools and messages are BFCL's own, keys in the same order."""
    data = folder()
    rows = items(category, data)
    theirs = official(data, [{"category": category.name, "id": row["id"]} for row, _, _ in rows])
    for (row, native, texts), shown in zip(rows, theirs, strict=True):
        assert isinstance(native.ask, Chat)
        assert isinstance(texts.ask, Chat)
        messages = [{"role": each.role, "content": each.text} for each in texts.ask.messages]
        assert json.dumps(native.ask.fields["tools"]) == json.dumps(shown["tools"]), row["id"]
        assert messages == shown["messages"], row["id"]


@pytest.mark.parametrize("name", ["irrelevance", "live_relevance"])
def test_same_sense_of_silence(name: str) -> None:
    """Both agree on what is a call and what is none, of Python's texts and of tool calls."""
    data = folder()
    category = next(each for each in CATEGORIES if each.name == name)
    row, native, _ = items(CATEGORIES[0], data)[0]
    reply = right(row, native.target, "python")
    answers: list[Answer] = [*PROSE, prompted(reply, row, "python")]
    answers += [calls for _, calls in native_replies(row, reply, seed=1)]
    sample = Sample(row["id"], (), None, {"functions": row["function"]})
    cases = [{"category": name, "id": row["id"], "reply": each} for each in answers]
    theirs = [verdict == "right" for verdict in official(data, cases)]
    assert [judged(category, sample, each) for each in answers] == theirs
    assert set(theirs) == {True, False}
