"""MT-Bench: two turns, the judge's prompts, its marks, and a whole run with a judge."""

import json
import os
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.rescore import rescore
from evenhand_evals.run import run_task
from evenhand_evals.settings import Target
from evenhand_evals.tasks.mt_bench import TASK, TEMPERATURES
from evenhand_evals.types import Chat, Completion, DataSource
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for
from tests.evals.judged_sets import answer_row, asked, mt_bench, write_lines


def test_what_is_asked(tmp_path: Path) -> None:
    """The second turn follows the first answer; the judge sees each turn with its own prompt."""
    first, second = TASK.load(DataSource(path=mt_bench(tmp_path))).samples
    said = ["<think>hm</think>A {line}.", "Verse. ", "[[8]]", "[[6]]"]
    asks = asked(TASK, first, said)
    assert [message.text for message in asks[1].messages] == [
        "Write {a} line.",
        "A {line}.",
        "Now in verse.",
    ]
    assert [each.judge for each in asks] == [False, False, True, True]
    assert [message.text for message in asks[2].messages] == [
        "system of single-v1",
        "Q:Write {a} line. A:A {line}.",
    ]
    assert asks[3].messages[0].text == "system of single-v1-multi-turn"
    assert asks[3].messages[1].text == "Q1:Write {a} line. A1:A {line}. Q2:Now in verse. A2:Verse."
    asks = asked(TASK, second, ["2", "4", "[[10]]", "[[10]]"])
    assert asks[2].messages[1].text == "Q:What is 1 + 1? R:two A:2"
    assert asks[3].messages[1].text == "R1:two R2:four A1:2 A2:4"


def test_scores(tmp_path: Path) -> None:
    """The rating is the mean of both turns; each turn is a metric; the category is the group."""
    first, _ = TASK.load(DataSource(path=mt_bench(tmp_path))).samples
    assert TASK.score_all is not None
    said = [Completion(text, "stop") for text in ("a", "b", "Rating: [[8]]", "[[5]]")]
    score = TASK.score_all(first, said)
    assert score.outcome == "wrong"
    assert score.value == pytest.approx(0.65)
    assert (score.metrics["first_turn"], score.metrics["second_turn"]) == (0.8, 0.5)
    assert first.metadata["group"] == "writing"
    unread = TASK.score_all(first, [*said[:3], Completion("no idea", "stop")])
    assert (unread.outcome, unread.counts["unparsed_verdicts"]) == ("unparsed", (1, 2))


def test_the_judge_is_asked_again(tmp_path: Path) -> None:
    """With `judge_repeats` both turns are judged so often, and the agreement is counted."""
    source = DataSource(path=mt_bench(tmp_path), options={"judge_repeats": "3"})
    dataset = TASK.load(source)
    said = ["a", "b", "[[8]]", "[[8]]", "[[7]]", "[[5]]", "none", "[[5]]"]
    asks = asked(TASK, dataset.samples[0], said)
    assert [dict(each.fields).get("seed") for each in asks[2:]] == [None, 1, 2, None, 1, 2]
    assert len({each.messages[1].text for each in asks[2:5]}) == 1
    assert TASK.score_all is not None
    score = TASK.score_all(dataset.samples[0], [Completion(text) for text in said])
    assert score.counts == {
        "unparsed_verdicts": (1, 6),
        "judge_agreement": (2, 4),
        "judge_agreement_within_1": (4, 4),
    }
    assert dataset.options == {"judge_repeats": "3"}


def test_published_temperatures(tmp_path: Path) -> None:
    """Both turns of a question carry its category's temperature, the judge's requests none."""
    source = DataSource(path=mt_bench(tmp_path), options={"temperatures": "published"})
    writing, maths = TASK.load(source).samples
    asks = asked(TASK, writing, ["a", "b", "[[8]]", "[[8]]"])
    assert [dict(each.fields) for each in asks] == [{"temperature": 0.7}] * 2 + [{}] * 2
    assert isinstance(maths.ask, Chat)
    assert maths.ask.fields == {"temperature": 0.0}
    plain = TASK.load(DataSource(path=tmp_path)).samples[0].ask
    assert isinstance(plain, Chat)
    assert plain.fields == {}


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    """A file instead of the folder, missing prompts, references or turns: one clear error each."""
    folder = mt_bench(tmp_path / "whole")
    with pytest.raises(DataError, match=r"name the folder that holds question.jsonl, judge_prom"):
        TASK.load(DataSource(path=folder / "question.jsonl"))
    with pytest.raises(DataError, match=r"question 2 \(math\) has no reference answer"):
        TASK.load(DataSource(path=mt_bench(tmp_path / "other", references=False)))
    with pytest.raises(UsageError, match="judge_repeats=0: write one whole number, of 1 or more"):
        TASK.load(DataSource(path=folder, options={"judge_repeats": "0"}))
    write_lines(folder / "reference_answer_gpt-4.jsonl", [answer_row(2, ["only one"])])
    with pytest.raises(DataError, match="line 1: the field 'turns' must be two texts"):
        TASK.load(DataSource(path=folder))
    mt_bench(folder)
    row = {"name": "single-v1", "system_prompt": "", "prompt_template": "{answer}"}
    write_lines(folder / "judge_prompts.jsonl", [row])
    with pytest.raises(DataError, match="no judge prompt 'single-v1-multi-turn'"):
        TASK.load(DataSource(path=folder))
    mt_bench(folder)
    strange = {"question_id": 3, "category": "gardening", "turns": ["a", "b"]}
    write_lines(folder / "question.jsonl", [strange])
    assert TASK.load(DataSource(path=folder)).samples[0].metadata["group"] == "gardening"
    with pytest.raises(DataError, match="'gardening' has no published temperature"):
        TASK.load(DataSource(path=folder, options={"temperatures": "published"}))


async def test_a_whole_run_with_a_judge(tmp_path: Path) -> None:
    """Model and judge are asked in turn; verdicts that cannot be read are counted, not lost."""

    def script(body: dict[str, object], _times: int) -> Reply:
        if body["model"] != "tiny-instruct":
            return Reply("an answer")
        return Reply("Rating: [[8]]" if "single-v1" in str(body["messages"]) else "I cannot say")

    async with serving(Fake(script)) as fake:
        judge = Target(fake.url, "tiny-instruct", parameters={"temperature": 0})
        settings = settings_for(fake, tmp_path / "run", data=mt_bench(tmp_path / "d"), judge=judge)
        run = await run_task(TASK, settings, backoff=QUICK)
        assert all(body.get("temperature") == 0 for body in fake.bodies if "Q:" in prompt_of(body))
    result = run.result
    assert (result.outcomes["wrong"], result.outcomes["unparsed"]) == (1, 1)
    assert result.score is not None
    assert result.score.value == pytest.approx(0.4)
    assert result.metrics["rating_of_read"].value == pytest.approx(0.8)
    assert result.metrics["unparsed_verdicts"].value == 0.5
    assert {name: each.value for name, each in result.groups.items()} == {
        "math": 0.0,
        "writing": pytest.approx(0.8),
    }
    assert run.manifest.judge is not None
    assert run.manifest.judge.decoding.requested["temperature"] == 0
    again = rescore(run, TASK, TASK.load(DataSource(path=tmp_path / "d")))
    assert again.changed == ()


def test_published_questions() -> None:
    """All 80 questions load with their prompts, and those of three categories with references."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published MT-Bench is not at hand")
    dataset = TASK.load(DataSource(root=Path(root)))
    assert len(dataset.samples) == 80
    assert {sample.metadata["group"] for sample in dataset.samples} == set(TEMPERATURES)
    prompts = Path(root, "mt-bench", "judge_prompts.jsonl").read_text(encoding="utf-8").splitlines()
    templates = {row["name"]: row for row in map(json.loads, prompts)}
    referenced = 0
    for sample in dataset.samples:
        asks = asked(TASK, sample, ["first {x}", "second", "[[8]]", "[[8]]"])
        kind = "single-math-v1" if sample.target.references else "single-v1"
        facts = sample.target.facts
        for ask, name in zip(asks[2:], (kind, f"{kind}-multi-turn"), strict=True):
            row = templates[name]
            wanted = row["prompt_template"].format(
                **facts, answer="first {x}", answer_1="first {x}", answer_2="second"
            )
            assert [message.text for message in ask.messages] == [row["system_prompt"], wanted]
        referenced += bool(sample.target.references)
    assert referenced == 30
