"""LongBench-Chat: the judge's prompt with its examples, the last mark, and what is missing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks.longbench_chat import JUDGE_SYSTEM, TASK
from evenhand_evals.types import Completion, DataSource
from tests.evals.judged_sets import asked

CASES: list[dict[str, Any]] = [
    {"idx": 2, "prompt": "A long text.\nWho?", "query": "Who?", "answer": "Ada"},
    {"idx": 1, "prompt": "很长的文章。谁？", "query": "谁？", "answer": "阿达"},
]
SHOTS = [
    [{"answer": f"answer {case}{shot}", "score": 3 * shot + 1} for shot in range(3)]
    for case in "ab"
]


def write(folder: Path, cases: Any = CASES, shots: Any = SHOTS) -> DataSource:
    """Write a folder in the form of LongBench-Chat."""
    (folder / "test_cases.json").write_text(json.dumps(cases), encoding="utf-8")
    (folder / "few_shots.json").write_text(json.dumps(shots), encoding="utf-8")
    return DataSource(path=folder)


def test_what_is_asked(tmp_path: Path) -> None:
    """The prompt as it stands; then question, reference, examples, and the answer in one line."""
    english, chinese = TASK.load(write(tmp_path)).samples
    asks = asked(TASK, english, ["She\nwas.", "[[9]]"])
    assert asks[0].messages[0].text == "A long text.\nWho?"
    system, user = asks[1].messages
    assert system.text == JUDGE_SYSTEM
    assert "[Question]\nWho?\n\n[Reference answer begins]\nAda\n" in user.text
    assert "answer b1\n[Assistant's answer ends]\n\nRating: [[4]]\n" in user.text
    assert user.text.endswith("She was.\n[Assistant's answer ends]\n\nRating: ")
    assert (english.id, english.metadata["group"]) == ("longbench-chat-2", "en")
    assert chinese.metadata["group"] == "zh"


def test_scores(tmp_path: Path) -> None:
    """The last mark counts, over ten; the judge may be asked several times."""
    source = write(tmp_path)
    options = DataSource(path=source.path, options={"judge_repeats": "2"})
    sample = TASK.load(options).samples[0]
    said = ["Ada.", "[[2]]? No: [[9]]", "[[8]]"]
    assert len(asked(TASK, sample, said)) == 3
    assert TASK.score_all is not None
    score = TASK.score_all(sample, [Completion(text) for text in said])
    assert score.outcome == "wrong"
    assert score.value == pytest.approx(0.85)
    assert score.metrics == {"rating": pytest.approx(0.85)}
    assert score.counts["judge_agreement_within_1"] == (1, 1)


@pytest.mark.parametrize(
    ("cases", "shots", "message"),
    [
        ({}, SHOTS, "must be a list with at least one entry"),
        ([7], SHOTS, "entry 1: a whole number where an object belongs"),
        ([{**CASES[0], "idx": 3}], SHOTS, "'idx' is 3, and .* has the examples of 1 to 2"),
        (CASES, [SHOTS[0][:2]], "entry 1: 3 marked answers belong here"),
        ([{"idx": 1, "prompt": "p"}], SHOTS, "the field 'query' is missing"),
    ],
)
def test_what_cannot_be_loaded(tmp_path: Path, cases: Any, shots: Any, message: str) -> None:
    """A broken file is an error that names the place."""
    with pytest.raises(DataError, match=message):
        TASK.load(write(tmp_path, cases, shots))


def test_files_that_are_missing(tmp_path: Path) -> None:
    """A file instead of the folder, and a file that is no JSON."""
    write(tmp_path)
    with pytest.raises(DataError, match=r"name the folder that holds test_cases.json"):
        TASK.load(DataSource(path=tmp_path / "test_cases.json"))
    (tmp_path / "few_shots.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"few_shots.json: not JSON"):
        TASK.load(DataSource(path=tmp_path))


def test_the_published_prompt(tmp_path: Path) -> None:
    """With each of the 50 published examples our judge prompt is the published one, to the byte."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published judge prompt is not at hand")
    folder = Path(root, "longbench-chat")
    template = (folder / "prompt_fs.txt").read_text(encoding="utf-8")
    shots = json.loads((folder / "few_shots.json").read_text(encoding="utf-8"))
    cases = [
        {"idx": number, "prompt": "p", "query": f"{{q}} {number}", "answer": "a {b}"}
        for number in range(1, len(shots) + 1)
    ]
    samples = TASK.load(write(tmp_path, cases, shots)).samples
    for sample, examples in zip(samples, shots, strict=True):
        marked = [part for each in examples for part in (each["answer"], each["score"])]
        wanted = template.format(sample.target.question, "a {b}", *marked, "Said {so}.")
        assert asked(TASK, sample, ["Said {so}.", "[[5]]"])[1].messages[1].text == wanted
    print(f"{len(samples)} prompts compared")  # noqa: T201 - the count is the result
    assert len(samples) == 50
