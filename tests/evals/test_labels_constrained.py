"""Labels under constraints, the cost of format, and the sweep of orders and wordings."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import UsageError
from evenhand_evals.run import run_task
from evenhand_evals.stats.labels import WAYS, format_cost, sweep
from evenhand_evals.tasks import TASKS
from evenhand_evals.tasks.labels import DRY, RAIN
from evenhand_evals.tasks.labels_constrained import FIELDS, FORMAT_COST, bare, score
from evenhand_evals.tasks.labels_sweep import ORDERS, WORDINGS
from evenhand_evals.tasks.labels_sweep import TASK as SWEEP
from evenhand_evals.types import Chat, Completion, DataSource, Sample, Score, ScoredItem
from evenhand_proxy.decoding import EngineFacts, Resolver, dialect_for
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for

SAMPLE = Sample("zh-01", (), RAIN)


@pytest.mark.parametrize("constraint", FIELDS)
def test_each_constraint_is_a_task(constraint: str) -> None:
    """The questions are those of `labels`, and the body has the constraint."""
    task = TASKS[f"labels_{constraint}"]
    plain = TASKS["labels"].load(DataSource()).samples
    held = task.load(DataSource()).samples
    assert [each.messages for each in held] == [each.messages for each in plain]
    first = held[0].first
    assert isinstance(first, Chat)
    assert first.fields == FIELDS[constraint]


@pytest.mark.parametrize(
    ("engine", "constraint", "wire"),
    [
        ("sglang", "regex", {"regex": "会下雨|不会下雨"}),
        ("sglang", "grammar", {"ebnf": 'root ::= "会下雨" | "不会下雨"'}),
        ("vllm", "choice", {"structured_outputs": {"choice": [RAIN, DRY]}}),
        ("llamacpp", "grammar", {"grammar": 'root ::= "会下雨" | "不会下雨"'}),
        ("llamacpp", "json_schema", dict(FIELDS["json_schema"])),
    ],
)
def test_each_engine_gets_its_own_spelling(
    engine: str, constraint: str, wire: dict[str, Any]
) -> None:
    """What the resolver makes of the fields, as the engines' documents have it."""
    dialect = dialect_for(engine, "chat", "m")
    assert dialect is not None
    resolver = Resolver(dialect, model="m", facts=EngineFacts(engine), route="chat", mode="report")
    asked = dict(FIELDS[constraint])
    sent = resolver.resolve(asked).apply(asked)
    assert {name: sent.get(name) for name in wire} == wire


@pytest.mark.parametrize(
    ("text", "outcome", "obeyed"),
    [
        ("会下雨", "correct", True),
        ('"会下雨"', "correct", True),
        ("不会下雨", "wrong", True),
        ("今天会下雨", "unparsed", False),
        ("会下雨。", "correct", False),
        ("3", "unparsed", False),
    ],
)
def test_scoring(text: str, outcome: str, obeyed: bool) -> None:
    """An answer is taken out of JSON, and `obeyed` tells a label from anything around it."""
    scored = score(SAMPLE, Completion(text))
    assert (scored.outcome, scored.metrics["obeyed"]) == (outcome, obeyed)


def test_bare() -> None:
    """Only a JSON text is taken out of its quotes."""
    assert [bare(text) for text in ('"a"', "[1]", '"a', "a")] == ["a", "[1]", '"a', "a"]


async def test_format_cost_asks_twice(tmp_path: Path) -> None:
    """Free first, then constrained; the headline is the difference of the two accuracies."""

    def answer(body: dict[str, Any], _times: int) -> Reply:
        return Reply("“会下雨”") if "response_format" not in body else Reply('"不会下雨"')

    async with serving(Fake(answer)) as fake:
        settings = settings_for(fake, tmp_path / "out", limit=20)
        run = await run_task(FORMAT_COST, settings, backoff=QUICK)
    assert len(fake.bodies) == 40
    metrics = run.result.metrics
    assert run.result.score is not None
    rain = metrics["free"].value
    assert metrics["constrained"].value == pytest.approx(1 - rain)
    assert run.result.score.value == pytest.approx(1 - 2 * rain)
    assert run.result.score.low < run.result.score.value < run.result.score.high
    assert metrics["obeyed"].value == 1.0
    assert metrics["free_exact_label"].value == 0.0


def test_format_cost_takes_another_constraint() -> None:
    """The option names it, and another one is an error."""
    source = DataSource(options={"constraint": "regex"})
    sample = FORMAT_COST.load(source).samples[0]
    assert FORMAT_COST.follow is not None
    ask = FORMAT_COST.follow(sample, [Completion("x")])
    assert isinstance(ask, Chat)
    assert ask.fields == FIELDS["regex"]
    with pytest.raises(UsageError, match="'xml' is none of"):
        FORMAT_COST.load(DataSource(options={"constraint": "xml"}))


def item(name: str, repeat: int = 0, **data: Any) -> ScoredItem:
    """A scored answer with its data; it is right where it says rain."""
    right = float(data.get("answer") == RAIN)
    return ScoredItem(name, repeat, None, Score("correct", right, data=data))


def test_format_cost_over_items() -> None:
    """Repeats of an item are averaged before items are."""
    found = format_cost(
        [item("a", difference=1.0), item("a", 1, difference=0.0), item("b", difference=-1.0)]
    )
    assert found["format_cost"].value == pytest.approx(-0.25)
    assert found["format_cost"].n == 2


def test_a_format_that_cost_nothing_may_still_cost_something() -> None:
    """Thirty items without a difference leave room for one on a tenth of them."""
    found = format_cost([item(str(number), difference=0.0) for number in range(30)])["format_cost"]
    assert (found.value, found.method) == (0.0, "wilson")
    assert (found.low, found.high) == pytest.approx((-0.1135, 0.1135), abs=1e-4)


def test_the_sweep_counts_whole_items_only() -> None:
    """Two items in all ways, one of them steady; a third was cut by a limit."""
    ways = [f"way {number}" for number in range(WAYS)]
    items = [
        *(item("a", item="a", way=way, answer=RAIN) for way in ways),
        *(item("b", item="b", way=way, answer=RAIN if way == ways[0] else None) for way in ways),
        item("c", item="c", way=ways[0], answer=DRY),
    ]
    found = sweep(items)
    assert (found["steady"].value, found["steady"].n) == (0.5, 2)
    assert found["spread"].value == 0.5
    assert sweep(items[-1:]) == {}


def test_the_sweep_asks_each_item_in_every_way() -> None:
    """Orders times wordings, ids of their own, the same truth; `items` takes whole items."""
    assert len(ORDERS) * len(WORDINGS) == WAYS
    samples = SWEEP.load(DataSource(options={"items": "3"})).samples
    assert Counter(each.metadata["item"] for each in samples).most_common() == [
        (name, WAYS) for name in dict.fromkeys(each.metadata["item"] for each in samples)
    ]
    assert len({each.messages[0].text for each in samples}) == 3 * WAYS
    plain = {each.id: each.messages for each in TASKS["labels"].load(DataSource()).samples}
    for each in SWEEP.load(DataSource()).samples:
        assert each.metadata["situation"] in each.messages[0].text
        if each.metadata["group"] == "rain first, plain" and each.metadata["language"] == "zh":
            assert each.messages == plain[each.metadata["item"]]


async def test_a_sweep_runs(tmp_path: Path) -> None:
    """A model that takes the first label named is right half the time and never steady."""

    def first(body: dict[str, Any], _times: int) -> Reply:
        text = prompt_of(body).replace(DRY, "D")
        return Reply(RAIN if text.rfind("D") > text.rfind(RAIN) else DRY)

    async with serving(Fake(first)) as fake:
        settings = settings_for(fake, tmp_path / "out", options={"items": "6"})
        run = await run_task(SWEEP, settings, backoff=QUICK)
    assert run.result.metrics["steady"].value == 0.0
    assert run.result.metrics["lenient"].value == 0.5
    assert len(run.result.groups) == WAYS
