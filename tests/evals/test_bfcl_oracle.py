"""BFCL's own programs and ours judge the same answers, and show models the same functions.

Needs BFCL's files (EVENHAND_DATA).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.tasks import bfcl, bfcl_prompt
from evenhand_evals.tasks.bfcl_items import CATEGORIES, Category
from evenhand_evals.types import Chat, Completion, DataSource, Sample, ToolCall
from tests.evals import oracles
from tests.evals.bfcl_replies import PROSE, native_replies, prompted, prompted_replies, right
from tests.evals.oracles import Parity

Answer = str | list[list[str]]
NATIVE = {each.name: bfcl.TASKS[f"bfcl_{each.name}"] for each in CATEGORIES}
PROMPTED = {each.name: bfcl_prompt.TASKS[f"bfcl_{each.name}_prompt"] for each in CATEGORIES}
SHARED = [category for category in CATEGORIES[:6] if category.wanted == "these"]

pytestmark = pytest.mark.oracle


def folder() -> Path:
    """The folder of BFCL's files, or a skip that says why."""
    return oracles.data_root("BFCL's items are") / "bfcl"


def official(data: Path, cases: Sequence[Any]) -> list[Any]:
    """Ask BFCL's programs, or skip where they are not installed."""
    asked = "\n".join(map(json.dumps, cases))
    needed = ("bfcl_eval", "tree_sitter", "tree_sitter_java", "tree_sitter_javascript")
    said = oracles.ask("bfcl_oracle.py", asked, *needed, arguments=[str(data)])
    return [json.loads(line) for line in said.splitlines() if line[:1] in '"{']


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
def test_same_verdicts(category: Category, parity: Parity) -> None:
    """Every answer is worth the same to both.

    Known: Java and JavaScript texts in which letters are changed at random, one answer in a
    thousand at most: the official decoder leaves broken source text to tree-sitter's error
    recovery.
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
    parity.held(f"BFCL: verdicts, {category.name}", "bfcl-eval", len(cases), differ, broken)
    assert len(broken) <= len(cases) / 1000
    assert {"right", "wrong"} <= set(theirs)


@pytest.mark.parametrize("category", SHARED, ids=lambda category: category.name)
def test_same_prompts(category: Category, parity: Parity) -> None:
    """Tools and messages are BFCL's own, keys in the same order."""
    data = folder()
    rows = items(category, data)
    theirs = official(data, [{"category": category.name, "id": row["id"]} for row, _, _ in rows])
    differing = []
    for (row, native, texts), shown in zip(rows, theirs, strict=True):
        assert isinstance(native.ask, Chat)
        assert isinstance(texts.ask, Chat)
        messages = [{"role": each.role, "content": each.text} for each in texts.ask.messages]
        ours = {"tools": native.ask.fields["tools"], "messages": messages}
        if any(json.dumps(ours[name]) != json.dumps(shown[name]) for name in ours):
            differing.append((row["id"], ours, shown))
    parity.held("BFCL: tools and messages", "bfcl-eval", len(rows), differing)


@pytest.mark.parametrize("name", ["irrelevance", "live_relevance"])
def test_same_sense_of_silence(name: str, parity: Parity) -> None:
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
    ours = [judged(category, sample, each) for each in answers]
    differing = [each for each in zip(answers, ours, theirs, strict=True) if each[1] != each[2]]
    parity.held(f"BFCL: verdicts, {name}", "bfcl-eval", len(answers), differing)
    assert set(theirs) == {True, False}
