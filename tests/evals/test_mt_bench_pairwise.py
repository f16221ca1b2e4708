"""MT-Bench against a baseline: both orders, what wins, and where the baseline comes from."""

from pathlib import Path

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.run import run_task
from evenhand_evals.scorers.pairs import Game, Place, Winner, better_place, compared, win_rates
from evenhand_evals.settings import Target
from evenhand_evals.tasks import mt_bench, mt_bench_pairwise
from evenhand_evals.types import Completion, DataSource, ScoredItem
from tests.evals import judged_sets
from tests.evals.fake import QUICK, Fake, Reply, serving, settings_for

TASK = mt_bench_pairwise.TASK


def source(folder: Path, baseline: Path) -> DataSource:
    """The small set against a baseline."""
    return DataSource(path=folder, options={"baseline": str(baseline)})


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Answers to both questions, in FastChat's form."""
    rows = [judged_sets.answer_row(number, ["old 1", "old 2"]) for number in (1, 2)]
    return judged_sets.write_lines(tmp_path / "answers.jsonl", rows)


@pytest.mark.parametrize(
    ("verdict", "place"),
    [
        ("so [[A]]", "A"),
        ("[[B]]", "B"),
        ("[[C]]", "tie"),
        ("not [[B]] but [[A]]", "A"),
        ("<think>[[A]]</think>[[B]]", "B"),
        ("A is better", None),
        ("[A]", None),
    ],
)
def test_verdicts(verdict: str, place: str | None) -> None:
    """The mark decides, after the thinking; where several stand A counts first, as published."""
    assert better_place(verdict) == place


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ("A", "B", "model"),
        ("B", "A", "baseline"),
        ("A", "A", "tie"),
        ("B", "B", "tie"),
        ("tie", "tie", "tie"),
        ("A", "tie", "tie"),
        (None, "B", None),
    ],
)
def test_winners(first: Place | None, second: Place | None, winner: Winner | None) -> None:
    """Only what wins from both places wins."""
    assert Game(first, second).winner == winner


def test_what_is_counted() -> None:
    """Agreement of the orders, a preference for a place, and verdicts that could not be read."""
    answer = Completion("fine", "stop")
    first = compared([answer], {"first_turn": Game("A", "B"), "second_turn": Game("A", "A")})
    assert (first.outcome, first.value, first.extracted) == ("wrong", 0.75, "model, tie")
    assert first.counts == {
        "unparsed_verdicts": (0, 4),
        "order_agreement": (1, 2),
        "prefers_first": (1, 2),
        "prefers_second": (0, 2),
    }
    second = compared([answer], {"first_turn": Game(None, "B"), "second_turn": Game("A", "B")})
    assert (second.outcome, second.value) == ("unparsed", 0.5)
    assert second.counts["unparsed_verdicts"] == (1, 4)
    rates = win_rates([ScoredItem("1", 0, None, first), ScoredItem("2", 0, None, second)])
    assert {name: each.value for name, each in rates.items()} == {
        "win_rate_of_read": pytest.approx(2.5 / 3),
        "won": pytest.approx(2 / 3),
        "tied": pytest.approx(1 / 3),
        "lost": 0.0,
    }
    assert compared([answer], {"first_turn": Game("A", "B")}).outcome == "correct"
    assert (
        compared([Completion("", "sensitive")], {"first_turn": Game("B", "A")}).outcome == "refused"
    )
    unread = compared([answer], {"first_turn": Game(None, None)})
    assert win_rates([ScoredItem("1", 0, None, unread)]) == {}


def test_both_orders_are_asked(tmp_path: Path, answers: Path) -> None:
    """Each turn is shown with the model first, then with the baseline first."""
    folder = judged_sets.mt_bench(tmp_path / "d")
    writing, maths = TASK.load(source(folder, answers)).samples
    said = ["new 1", "new 2", "[[A]]", "[[B]]", "[[C]]", "[[C]]"]
    asks = judged_sets.asked(TASK, writing, said)
    assert [ask.messages[-1].text for ask in asks[2:]] == [
        "Q:Write {a} line. A:new 1 B:old 1",
        "Q:Write {a} line. A:old 1 B:new 1",
        "Q2:Now in verse. A1:new 1 A2:new 2 B1:old 1 B2:old 2",
        "Q2:Now in verse. A1:old 1 A2:old 2 B1:new 1 B2:new 2",
    ]
    assert TASK.score_all is not None
    score = TASK.score_all(writing, [Completion(text) for text in said])
    assert (score.value, score.extracted) == (0.75, "model, tie")
    asks = judged_sets.asked(TASK, maths, said)
    assert asks[3].messages[-1].text == "R:two A:old 1 B:new 1"


def test_baselines(tmp_path: Path, answers: Path) -> None:
    """The baseline must be named, be there, and answer something; what it lacks is left out."""
    folder = judged_sets.mt_bench(tmp_path / "d")
    with pytest.raises(UsageError, match="needs a baseline"):
        TASK.load(DataSource(path=folder))
    with pytest.raises(UsageError, match=r"neither a run's folder with a samples.jsonl nor a file"):
        TASK.load(source(folder, tmp_path))
    whole = TASK.load(source(folder, answers))
    judged_sets.write_lines(answers, [judged_sets.answer_row(2, ["other", "old 2"])])
    part = TASK.load(source(folder, answers))
    assert [sample.id for sample in part.samples] == ["mt-bench-2"]
    assert part.source.endswith(f"1 of 2 questions answered by {answers}")
    assert part.sha256 != whole.sha256
    judged_sets.write_lines(answers, [judged_sets.answer_row(9, ["a", "b"])])
    with pytest.raises(DataError, match=r"--task-set baseline: .* answers none of the 2 questions"):
        TASK.load(source(folder, answers))


async def test_a_run_against_a_run(tmp_path: Path) -> None:
    """A run of mt_bench serves as the baseline of another model."""
    folder = judged_sets.mt_bench(tmp_path / "d")

    def script(body: dict[str, object], _times: int) -> Reply:
        prompt = str(body["messages"])
        if body["model"] == "tiny-instruct":
            return Reply("[[A]]" if "A:new" in prompt or "A2:new" in prompt else "[[B]] [[8]]")
        return Reply(f"{body['user']} answer")

    async with serving(Fake(script)) as fake:
        judge = Target(fake.url, "tiny-instruct")
        old = settings_for(
            fake, tmp_path / "old", data=folder, judge=judge, parameters={"user": "old"}
        )
        await run_task(mt_bench.TASK, old, backoff=QUICK)
        new = settings_for(
            fake,
            tmp_path / "new",
            data=folder,
            judge=judge,
            parameters={"user": "new"},
            options={"baseline": str(tmp_path / "old")},
        )
        run = await run_task(TASK, new, backoff=QUICK)
    assert run.result.outcomes["correct"] == 2
    assert run.result.metrics["order_agreement"].value == 1.0
    assert run.result.metrics["won"].value == 1.0
