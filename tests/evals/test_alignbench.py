"""AlignBench: the published judge prompt, dictionaries of marks, and the published averages."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.ratings_dimensions import (
    HALVES,
    averages,
    dimensions,
    overall_mark,
    weights,
)
from evenhand_evals.tasks.alignbench import KIND_OF, KINDS, TASK, Question
from evenhand_evals.types import Chat, Completion, DataSource, ScoredItem
from tests.evals.judged_sets import asked

ROWS: list[dict[str, Any]] = [
    {
        "question_id": 1,
        "category": "数学计算",
        "subcategory": "初等数学",
        "question": "1加1等于几？",
        "reference": "等于2。",
        "evidences": [{"url": "http://127.0.0.1", "quote": "2"}],
    },
    {
        "question_id": 2,
        "category": "文本写作",
        "subcategory": "创意文体写作",
        "question": "写一首诗。",
        "reference": "春眠不觉晓。",
    },
]
VERDICT = "评价。{'事实正确性': 9, '满足用户需求': 8, '逻辑连贯性': 7, '完备性': 6, '综合得分': 8}"


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    file = folder / "data.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


PUBLISHED = {
    "fact": "bd52e857d6072262630cf28545899f9f14959614c4e69c46f28422d63166f46d",
    "logic": "63c21cbc3ffbc119334ab891cf8d66e2d5122ab7eb7b98f601fe5335a6574505",
    "text": "24bcf39d441ae65c5d507f422a13b97ff756f0a15b13c0ea38c5b24dfd3c804f",
    "advice": "3f1e2ceffab46b5427e77b8c0a82558953b4dc0081a463d14c7c94132526a89d",
}
"""Digests of what the published `prompt_construct` gives for the question below, by kind."""


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_published_prompt(kind: str) -> None:
    """The judge's prompt is the published one, byte for byte, for each kind of question."""
    (message,) = Question("数学计算", kind, "q{1}", "r", 1).judged("a")
    assert sha256(message.text.encode()).hexdigest() == PUBLISHED[kind]
    assert len(KIND_OF) == 36


def test_what_is_asked_and_scored(tmp_path: Path) -> None:
    """One message, then the judge; its overall mark counts and the dimensions stand beside it."""
    dataset = TASK.load(DataSource(path=write(tmp_path, ROWS)))
    maths, poem = dataset.samples
    asks = asked(TASK, maths, ["<think>1</think>2", VERDICT])
    assert asks[0].messages[0].text == "1加1等于几？"
    assert asks[1].messages[0].text.endswith("[助手的答案开始]\n2\n[助手的答案结束]\n")
    assert "3. 逻辑连贯性: " in asks[1].messages[0].text
    assert TASK.score_all is not None
    score = TASK.score_all(maths, [Completion("2"), Completion(VERDICT)])
    assert (score.outcome, score.value) == ("wrong", 0.8)
    assert score.metrics == {
        "rating": 0.8,
        "事实正确性": 0.9,
        "满足用户需求": 0.8,
        "逻辑连贯性": 0.7,
        "完备性": 0.6,
    }
    unread = TASK.score_all(poem, [Completion("诗"), Completion("很好")])
    assert (unread.outcome, unread.counts) == ("unparsed", {"unparsed_verdicts": (1, 1)})
    assert (dataset.licence, poem.id, poem.metadata["group"]) == (
        "unknown",
        "alignbench-2",
        "文本写作",
    )


@pytest.mark.parametrize(
    ("verdict", "mark"),
    [
        (VERDICT, 8.0),
        ("{'综合得分': 3} 改为 {'综合得分': 6}", 6.0),
        ("'综合得分': 7.5", 7.5),
        ("{'综合得分': 7} {'清晰度': 2}", 7.0),
        ("{'综合得分': 0}", None),
        ("{'综合得分': 12}", None),
        ('{"综合得分": 7}', None),
        ("综合得分：7", None),
        ("", None),
    ],
)
def test_verdicts(verdict: str, mark: float | None) -> None:
    """The last dictionary counts, then the overall mark anywhere; other forms are not read."""
    assert overall_mark(verdict) == mark


def test_dimensions_are_on_the_scale() -> None:
    """A dimension that is not on the scale is left out."""
    assert dimensions("{'清晰度': 0, '完备性': 10, '综合得分': 5}") == {
        "完备性": 10.0,
        "综合得分": 5.0,
    }


def test_published_averages(tmp_path: Path) -> None:
    """Items to categories, categories to halves, halves to one; missing ones are left out."""
    every = [*HALVES["reasoning"], *HALVES["language"]]
    assert set(weights(every).values()) == {1 / 4, 1 / 12}
    assert weights(["数学计算", "其他"]) == {"数学计算": 1.0}
    assert weights(["数学计算"], "language") == {}
    assert TASK.score_all is not None
    items = []
    for sample in TASK.load(DataSource(path=write(tmp_path, ROWS))).samples:
        mark = 9 if sample.metadata["group"] == "数学计算" else 5
        said = [Completion("好"), Completion(f"{{'综合得分': {mark}}}")]
        score = TASK.score_all(sample, said)
        items.append(ScoredItem(sample.id, 0, sample.metadata["group"], score))
    found = averages(items)
    assert {name: each.value for name, each in found.items()} == {
        "rating_of_read": pytest.approx(0.7),
        "overall": pytest.approx(0.7),
        "reasoning": 0.9,
        "language": 0.5,
    }
    assert found["overall"].low < 0.7 < found["overall"].high
    assert (found["overall"].n, found["overall"].method) == (2, "wilson")


def test_temperatures_and_repeats(tmp_path: Path) -> None:
    """The published temperature goes with the question, never with the judge's request."""
    options = {"temperatures": "published", "judge_repeats": "2"}
    _, poem = TASK.load(DataSource(path=write(tmp_path, ROWS), options=options)).samples
    asks = asked(TASK, poem, ["诗", VERDICT, VERDICT])
    assert [dict(each.fields) for each in asks] == [{"temperature": 0.7}, {}, {"seed": 1}]
    assert isinstance(poem.ask, Chat)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "数学"}, "'category' is '数学', not one of"),
        ({"subcategory": "诗"}, "'subcategory' is '诗', not one of"),
        ({"question_id": "1"}, "'question_id' is '1', not a whole number"),
        ({"reference": None}, "'reference' is None, not a text"),
    ],
)
def test_rows_that_cannot_be_asked(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """A row that cannot be judged is an error that names the line and the field."""
    with pytest.raises(DataError, match=f"line 1: the field {message}"):
        TASK.load(DataSource(path=write(tmp_path, [{**ROWS[0], **change}])))
