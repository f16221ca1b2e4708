"""LongBench v1 and v2: prompts, truncation, metrics, and the choice that is read."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.tasks import longbench, longbench_v2
from evenhand_evals.tasks.sources import shipped
from evenhand_evals.token_counts import EstimatedTokens, Tokens, estimated
from evenhand_evals.types import Chat, Completion, DataSource, Sample, Score, Text

ROW: dict[str, Any] = {
    "input": "Who came?",
    "context": "It was cold. " * 400 + "The baker came.",
    "answers": ["the baker", "a baker"],
    "length": 4100,
    "dataset": "hotpotqa",
    "language": "en",
    "all_classes": None,
    "_id": "x",
}
CHOICES: dict[str, Any] = {
    "_id": "66f",
    "domain": "Single-Document QA",
    "sub_domain": "Literary",
    "difficulty": "hard",
    "length": "medium",
    "question": " Who came? ",
    "choice_A": "the {baker}",
    "choice_B": "nobody",
    "choice_C": "the cook",
    "choice_D": "all",
    "answer": "A",
    "context": "It was cold. " * 400,
}


def write(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    """Write rows as JSON lines, packed if the name says so."""
    data = "\n".join(json.dumps(row) for row in rows).encode()
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def task_score(name: str, sample: Sample, text: str) -> Score:
    """Score a text."""
    return longbench.TASKS[f"longbench_{name}"].score(sample, Completion(text))


def item(*answers: str, classes: tuple[str, ...] = ()) -> Sample:
    """An item with these references."""
    return Sample("x", (), list(answers), {"classes": list(classes)})


def test_all_21_sets() -> None:
    """Each has its published prompt, budget and metric; six are asked without a template."""
    prompts = json.loads(shipped(longbench.SHIPPED))
    assert set(prompts) == set(longbench.KINDS)
    assert len(longbench.TASKS) == 21
    plain = [name for name, task in longbench.TASKS.items() if task.interface == "completions"]
    assert plain == [
        f"longbench_{name}" for name in ("trec", "triviaqa", "samsum", "lsht", "lcc", "repobench-p")
    ]
    assert longbench.TASKS["longbench_vcsum"].headline == "rouge_l_zh"


def test_published_files() -> None:
    """The shipped prompts and budgets are the published ones; all items of the sets load."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published LongBench files are not at hand")
    folder = Path(root) / "longbench"
    assert shipped(longbench.SHIPPED) == (folder / longbench.PROMPTS_FILE).read_bytes()
    budgets = json.loads((folder / longbench.LENGTHS_FILE).read_bytes())
    assert {name: kind.answer_tokens for name, kind in longbench.KINDS.items()} == budgets
    for name in ("multi_news", "passage_retrieval_zh"):
        task = longbench.TASKS[f"longbench_{name}"]
        samples = task.load(DataSource(root=Path(root))).samples
        assert len(samples) == 200
        best = [task.score(each, Completion(each.target[0])).value for each in samples]
        assert min(best) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_load(tmp_path: Path, ending: str) -> None:
    """The template is filled from context and input; the group is the text's length."""
    write(tmp_path, f"hotpotqa.{ending}", ROW)
    (sample,) = longbench.TASKS["longbench_hotpotqa"].load(DataSource(path=tmp_path)).samples
    assert isinstance(sample.ask, Chat)
    text = sample.ask.messages[0].text
    assert text.startswith("Answer the question based on the given passages. Only give me the")
    assert text.endswith("\n\nQuestion: Who came?\nAnswer:")
    assert (sample.target, sample.metadata["group"]) == (["the baker", "a baker"], "4-8k")


def test_without_a_template(tmp_path: Path) -> None:
    """Few-shot and code sets are texts to be gone on with."""
    write(tmp_path, "trec.jsonl", {**ROW, "all_classes": ["City"], "answers": ["City"]})
    (sample,) = longbench.TASKS["longbench_trec"].load(DataSource(path=tmp_path)).samples
    assert isinstance(sample.ask, Text)
    assert sample.metadata["classes"] == ["City"]


def test_own_config_files(tmp_path: Path) -> None:
    """Prompts and budgets beside the data win over the shipped ones, and change the digest."""
    write(tmp_path, "hotpotqa.jsonl", ROW)
    task, source = longbench.TASKS["longbench_hotpotqa"], DataSource(path=tmp_path)
    before = task.load(source)
    config = tmp_path / longbench.PROMPTS_FILE
    config.write_text(json.dumps({"hotpotqa": "{input}?"}), encoding="utf-8")
    after = task.load(source)
    assert after.samples[0].messages[0].text == "Who came??"
    assert after.sha256 != before.sha256
    config.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="the field 'hotpotqa' is missing"):
        task.load(source)


def test_middle_truncation(tmp_path: Path) -> None:
    """The whole prompt loses its middle: by the served context, or as the user says."""
    write(tmp_path, "hotpotqa.jsonl", ROW)
    task = longbench.TASKS["longbench_hotpotqa"]

    def tokens() -> Tokens:
        return EstimatedTokens(limit=300, overhead=8)

    (sample,) = task.load(DataSource(path=tmp_path, tokens=tokens)).samples
    text = sample.messages[0].text
    assert estimated().count(text) == pytest.approx(300 - 32 - 8, abs=3)
    assert text.startswith("Answer the question based on")
    assert text.endswith(
        "The baker came.\n\nAnswer the question based on the given passages. Only "
        "give me the answer and do not output any other words.\n\n"
        "Question: Who came?\nAnswer:"
    )
    asked = DataSource(path=tmp_path, options={"max_prompt": "100"}, tokens=tokens)
    (shorter,) = task.load(asked).samples
    assert estimated().count(shorter.messages[0].text) == pytest.approx(100, abs=3)
    with pytest.raises(UsageError, match="--task-set max_prompt=many"):
        task.load(DataSource(path=tmp_path, options={"max_prompt": "many"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": []}, r"hotpotqa\.jsonl, line 1: the field 'answers' is \[\]"),
        ({"answers": "x"}, "the field 'answers' is 'x', not a list"),
        ({"context": None}, "the field 'context' is None, not a text"),
        ({"length": "long"}, "the field 'length' is 'long', not a whole number"),
    ],
)
def test_broken_rows(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """A row of another shape is named with its field and value."""
    write(tmp_path, "hotpotqa.jsonl", {**ROW, **change})
    with pytest.raises(DataError, match=message):
        longbench.TASKS["longbench_hotpotqa"].load(DataSource(path=tmp_path))


def test_missing_files(tmp_path: Path) -> None:
    """What was looked for, and where it can be put, is said."""
    with pytest.raises(DataError, match=r"set EVENHAND_DATA .* longbench/qasper\.jsonl or"):
        longbench.TASKS["longbench_qasper"].load(DataSource())
    with pytest.raises(DataError, match=r"holds no qasper\.jsonl or qasper\.jsonl\.gz"):
        longbench.TASKS["longbench_qasper"].load(DataSource(path=tmp_path))
    (tmp_path / "qasper.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"qasper\.jsonl\.gz, line 1: not JSON"):
        longbench.TASKS["longbench_qasper"].load(DataSource(path=tmp_path))


def test_the_best_reference_counts() -> None:
    """The score is the maximum over references; full marks are correct."""
    sample = item("the cook", "the baker")
    score = task_score("hotpotqa", sample, "Baker!")
    assert (score.outcome, score.value, score.metrics) == ("correct", 1.0, {"qa_f1": 1.0})
    assert task_score("hotpotqa", sample, "the tall baker").value == pytest.approx(2 / 3)
    assert task_score("hotpotqa", sample, " ").outcome == "unparsed"
    assert task_score("hotpotqa", sample, "<think>x</think>baker").value == 1.0


def test_only_the_first_line_of_few_shot_answers() -> None:
    """trec, triviaqa, samsum and lsht go on with examples of their own; these do not count."""
    sample = item("Paris")
    text = "\n\nParis\nQuestion: next\nAnswer: Rome"
    assert task_score("triviaqa", sample, text).value == 1.0
    assert task_score("hotpotqa", sample, text).value < 1.0
    classes = item("City", classes=("City", "Date"))
    assert task_score("trec", classes, "City\nType: Date").value == 1.0
    assert task_score("lsht", classes, "City, Date").value == 0.5


def test_code_has_both_numbers() -> None:
    """The rating by Levenshtein is the score, that by difflib stands beside it."""
    pytest.importorskip("rapidfuzz", reason="the extra `evals` is not installed")
    score = task_score("lcc", item("return total"), "```\nreturn totals\n```")
    assert score.metrics == {"code_sim": 0.96, "code_sim_difflib": 0.96}


def v2(tmp_path: Path, *rows: dict[str, Any], **options: str) -> tuple[Sample, ...]:
    """Load questions from the authors' kind of file."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return longbench_v2.TASK.load(DataSource(path=path, options=options)).samples


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The correct answer is (B).", "B"),
        ("The correct answer is B", "B"),
        ("**The correct answer is (C)**", "C"),
        ("The correct answer is A. No: The correct answer is (D).", "D"),
        ("The correct answer is (E)", None),
        ("the correct answer is (A)", None),
        ("(A)", None),
        ("", None),
    ],
)
def test_the_choice(text: str, letter: str | None) -> None:
    """Parentheses first, then without; nothing else is read."""
    assert longbench_v2.extract(text) == letter


def test_v2_prompt_and_score(tmp_path: Path) -> None:
    """The published prompt; braces in the data stay; figures by difficulty and length."""
    (sample,) = v2(tmp_path, CHOICES)
    text = sample.messages[0].text
    assert text.startswith(
        "Please read the following text and answer the question below.\n\n<text>"
    )
    assert "\n\nWhat is the correct answer to this question: Who came?\nChoices:\n(A) the {" in text
    assert text.endswith('"The correct answer is (insert answer here)".')
    right = longbench_v2.TASK.score(sample, Completion("The correct answer is (A)"))
    assert right.metrics == {"accuracy": True, "compensated": 1.0, "hard": True, "medium": True}
    silent = longbench_v2.TASK.score(sample, Completion(""))
    assert (silent.outcome, silent.metrics["compensated"]) == ("unparsed", 0.25)
    lines = write(tmp_path, "data.jsonl.gz", CHOICES)
    assert len(longbench_v2.TASK.load(DataSource(path=lines)).samples) == 1


def test_v2_thinks_first(tmp_path: Path) -> None:
    """The thoughts go into a second question without the text, whose answer counts."""
    path = write(tmp_path, "data.jsonl", CHOICES)
    (sample,) = longbench_v2.COT.load(DataSource(path=path)).samples
    assert sample.messages[0].text.endswith("Let’s think step by step:")
    thoughts = Completion(" The {baker} did. ")
    asked = longbench_v2.follow(sample, [thoughts])
    assert isinstance(asked, Chat)
    text = asked.messages[0].text
    assert "The text is too long and omitted here." in text
    assert "Let’s think step by step: The {baker} did.\n\nBased on the above" in text
    assert asked.fields == {"max_tokens": 128}
    last = Completion("The correct answer is (A)")
    assert longbench_v2.follow(sample, [thoughts, last]) is None
    assert longbench_v2.score_all(sample, [thoughts, last]).outcome == "correct"
    cut = Completion("The", finish_reason="length")
    assert longbench_v2.score_all(sample, [thoughts, cut]).outcome == "truncated"
    refused = Completion("", refusal="no")
    assert longbench_v2.score_all(sample, [thoughts, refused]).outcome == "refused"


def test_v2_broken_files(tmp_path: Path) -> None:
    """A wrong answer letter, a file of another shape and a missing one are named."""
    with pytest.raises(DataError, match="item 1: the field 'answer' is 'E', not A, B, C or D"):
        v2(tmp_path, {**CHOICES, "answer": "E"})
    for content, message in (("[1]", "where an object belongs"), ("[", "not JSON")):
        (tmp_path / "data.json").write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            longbench_v2.TASK.load(DataSource(path=tmp_path / "data.json"))
    with pytest.raises(DataError, match=r"longbench-v2/data\.json, or give --data FILE"):
        longbench_v2.TASK.load(DataSource())
    with pytest.raises(DataError, match=r"no such file; give data\.json of LongBench v2"):
        longbench_v2.TASK.load(DataSource(path=tmp_path))
