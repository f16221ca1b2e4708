"""The HTML report: self-contained, safe against hostile answers, and true to the results."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.compare import compare_runs
from evenhand_evals.log import LogWriter, Record
from evenhand_evals.manifest import (
    DatasetFacts,
    DecodingFacts,
    Manifest,
    ServerFacts,
    TaskFacts,
    versions,
    write_manifest,
)
from evenhand_evals.pictures.canvas import data_url
from evenhand_evals.report import render
from evenhand_evals.report.page import to_html
from evenhand_evals.report.samples import LONGEST, SHOWN
from evenhand_evals.results import RunData, load_run
from evenhand_evals.types import OUTCOMES, Outcome, Score
from tests.evals.html_tree import parse

HOSTILE = '<script>alert(1)</script></svg></pre><img src="https://x.test/y" onerror="alert(1)">'
GREEDY = {"temperature": {"requested": 0, "sent": 0, "effective": 0, "source": "client"}}
HIDDEN = {
    "temperature": {"effective": 0.8, "source": "engine", "evidence": "attested"},
    "min_p": {"effective": 0.05, "source": "model", "evidence": "modelled"},
}


def record(item: int, outcome: Outcome, text: str = "an answer", **extra: Any) -> Record:
    """Make one sample; the headline value is 1 exactly for a correct one."""
    value = 1.0 if outcome == "correct" else 0.0
    scored = None if outcome == "failed" else Score(outcome, value, {"loose": value})
    return Record(
        item=f"item-{item:03d}",
        repeat=0,
        outcome=outcome,
        score=scored,
        reason="HTTP 500" if scored is None else None,
        group="even" if item % 2 == 0 else "odd",
        request={"messages": [{"role": "user", "content": f"question {item}"}]},
        response={"choices": [{"message": {"content": text}, "finish_reason": "stop"}]},
        request_id=f"req-{item}",
        **extra,
    )


def store(
    folder: Path,
    records: Sequence[Record],
    decoding: DecodingFacts | None = None,
    task: str = "quiz",
) -> RunData:
    """Write a run as the runner does, and read it back."""
    folder.mkdir()
    manifest = Manifest(
        task=TaskFacts(task, f"The {task}", "3", "strict"),
        dataset=DatasetFacts("quiz.jsonl", "r1", "ab" * 32, "MIT", len(records)),
        model="tiny",
        sent_model="tiny@greedy",
        base_url="http://127.0.0.1:9/v1",
        server=ServerFacts("evenhand", engine="llamacpp"),
        decoding=decoding or DecodingFacts({"temperature": 0, "max_tokens": 9}, ("max_tokens",)),
        repeats=1,
        limit=None,
        seed=0,
        concurrency=4,
        started_at="2026-11-21T10:00:00.000+00:00",
        command=("evenhand", "eval", "run", task),
        versions=versions(),
    )
    write_manifest(folder, manifest)
    with LogWriter(folder / "samples.jsonl") as log:
        for each in records:
            log.append(each)
    return load_run(folder)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[RunData, RunData]:
    """Two runs on forty items that disagree on thirteen; the first answer of A is hostile."""
    kinds: tuple[list[tuple[Outcome, int]], ...] = (
        [("correct", 30), ("wrong", 6), ("truncated", 3), ("failed", 1)],
        [("wrong", 10), ("correct", 22), ("unparsed", 6), ("refused", 1), ("correct", 1)],
    )
    outcomes = [[kind for kind, count in row for _ in range(count)] for row in kinds]
    first, second = (
        [record(n, kind, HOSTILE if n == 0 else f"answer {n}") for n, kind in enumerate(row)]
        for row in outcomes
    )
    return (
        store(tmp_path / "greedy", first, DecodingFacts({}, record={"parameters": GREEDY})),
        store(tmp_path / "unset", second, DecodingFacts({}, record={"parameters": HIDDEN})),
    )


def test_page_loads_nothing_and_runs_nothing(pair: tuple[RunData, RunData]) -> None:
    """No script, no handler, no style attribute and no address outside the page is in it."""
    page = parse(to_html(pair))
    assert not [node for node in page.walk() if node.tag in {"script", "img", "link", "iframe"}]
    for node in page.walk():
        assert not [name for name in node.attributes if name.startswith("on") or name == "style"]
        assert not {"src", "href", "srcset", "action"} & node.attributes.keys()
    style = page.find("style")[0].text
    assert "url(" not in style
    assert "@import" not in style


def test_policy_allows_only_this_style_sheet(pair: tuple[RunData, RunData]) -> None:
    """The policy names the hash of the very style sheet in the page, and allows no script."""
    html = to_html(pair)
    policy = parse(html).find("meta", **{"http-equiv": "Content-Security-Policy"})[0]
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.attributes["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules


def test_hostile_answer_is_only_text(pair: tuple[RunData, RunData]) -> None:
    """Markup in a model's answer is shown as the model wrote it and never becomes an element."""
    page = parse(to_html(pair))
    assert HOSTILE in [node.text for node in page.find("pre")]


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    """Ids, groups, models and parameters are as little trusted as answers."""
    bad = Record(item=HOSTILE, repeat=0, outcome="wrong", score=Score("wrong", 0.0), group=HOSTILE)
    good = Record(
        item=HOSTILE, repeat=0, outcome="correct", score=Score("correct", 1.0), group=HOSTILE
    )
    evil = {HOSTILE: {"effective": HOSTILE, "source": "engine", "reason": HOSTILE}}
    runs = (
        store(tmp_path / "a", [bad], DecodingFacts({}, record={"parameters": evil}), HOSTILE),
        store(tmp_path / "b", [good], task=HOSTILE),
    )
    page = parse(to_html(runs))
    assert not page.find("script")
    assert not page.find("img")
    assert HOSTILE in page.find("h1")[0].text


def test_lone_surrogate_does_not_break_the_file(tmp_path: Path) -> None:
    """Text that cannot be encoded is replaced, and the file is whole."""
    run = store(tmp_path / "a", [record(0, "correct")])
    broken = Record(item="x\ud800", repeat=0, outcome="wrong", score=Score("wrong", 0.0))
    right = Record(item="x\ud800", repeat=0, outcome="correct", score=Score("correct", 1.0))
    runs = [RunData(run.path, run.manifest, (each,), run.result) for each in (broken, right)]
    out = tmp_path / "report.html"
    render(runs, out)
    assert "<code>x?</code>" in out.read_bytes().decode("utf-8")


def test_numbers_are_those_of_the_result(pair: tuple[RunData, RunData]) -> None:
    """Score, interval, outcome counts, metrics and groups stand in the page as computed."""
    page = parse(to_html(pair))
    rows = [row.text for row in page.find("tr")]
    for letter, run in zip("AB", pair, strict=True):
        score = run.result.score
        assert score is not None
        said = f"{100 * score.value:.1f} % {100 * score.low:.1f} to {100 * score.high:.1f}"
        assert any(row.startswith(f"{letter} {run.label} {said}") for row in rows)
        counts = " ".join(str(run.result.outcomes[name]) for name in OUTCOMES)
        assert f"{letter} {run.label} {counts}" in rows
        for name, value in {**run.result.metrics, **run.result.groups}.items():
            shown = f"{100 * value.value:.1f} % ({100 * value.low:.1f} to {100 * value.high:.1f};"
            assert any(row.startswith(name) and shown in row for row in rows)


def test_bounds_stand_where_something_failed(pair: tuple[RunData, RunData]) -> None:
    """A failed item widens what is known: its bounds are printed with that run only."""
    bounds = pair[0].result.bounds
    assert bounds is not None
    said = f"{100 * bounds.worst:.1f} / {100 * bounds.best:.1f} %"
    rows = [row.text for row in parse(to_html(pair)).find("tr") if "greedy" in row.text]
    assert any(said in row for row in rows)


def test_verdict_is_that_of_compare(pair: tuple[RunData, RunData]) -> None:
    """The box says what `evenhand eval compare` says, and the 2x2 table has its counts."""
    comparison = compare_runs(*pair)
    table = comparison.table
    assert table is not None
    page = parse(to_html(pair))
    box = page.find("article")[0]
    assert comparison.verdict in box.text
    assert f"{comparison.items} paired items" in box.text
    cells = [cell.text for cell in page.find("table", **{"class": "square"})[0].find("td")[1:]]
    assert cells == [str(each) for each in (table.both, table.only_a, table.only_b, table.neither)]


def test_decoding_table_shows_what_differs(pair: tuple[RunData, RunData]) -> None:
    """Parameters that differ come first and marked; defaults nobody set are spelled out."""
    page = parse(to_html(pair))
    bodies = page.find("table", **{"class": "decoding"})[0].find("tbody")
    assert bodies[0].attributes["class"] == "differs"
    assert bodies[0].text.startswith("temperature differs A 0 0 0 client")
    assert "B not set not set 0.8 engine" in bodies[0].text
    hidden = [item.text for item in page.find("ul", **{"class": "defaults"})[0].find("li")]
    assert "B temperature = 0.8 , the engine's own default" in hidden
    assert "B min_p = 0.05 , from the model's generation_config" in hidden


def test_absent_null_and_zero_are_three_things(tmp_path: Path) -> None:
    """A parameter that is absent, one that is null and one that is zero look different."""
    entries = {
        "seed": {"requested": None, "effective": 0, "source": "engine"},
        "top_k": {"effective": 0, "source": "engine"},
    }
    run = store(
        tmp_path / "a", [record(0, "wrong")], DecodingFacts({}, record={"parameters": entries})
    )
    rows = [body.text for body in parse(to_html([run])).find("tbody") if "engine" in body.text]
    assert rows[0].startswith("seed A null not set 0 engine")
    assert rows[1].startswith("top_k A not set not set 0 engine")


def test_unknown_endpoint_is_not_given_effective_values(tmp_path: Path) -> None:
    """Without a record the page says what was sent, and that its effect is unknown."""
    run = store(tmp_path / "a", [record(0, "wrong")])
    bodies = parse(to_html([run])).find("table", **{"class": "decoding"})[0].find("tbody")
    assert bodies[0].text == "temperature A 0 0 unknown · · unknown"
    assert bodies[1].text.endswith("unknown set by the task, not by the user")


def test_disagreements_are_listed_with_both_answers(pair: tuple[RunData, RunData]) -> None:
    """Exactly the items with different scores are there, each with prompt, answers and ids."""
    page = parse(to_html(pair))
    shown = page.find("details")
    differing = {f"item-{n:03d}" for n in [*range(10), 30, 31, 39]}
    assert {node.find("code")[0].text for node in shown} == differing
    third = next(node for node in shown if "item-003" in node.find("summary")[0].text)
    assert [pre.text for pre in third.find("pre")] == ["question 3", "answer 3", "answer 3"]
    assert "request id req-3" in third.text
    assert "item-039" in shown[-1].text
    assert "failure HTTP 500" in shown[-1].text


def test_images_of_a_message_are_shown(tmp_path: Path) -> None:
    """Small ones that came with it, as pictures; any other is told in words, none is fetched."""
    small = data_url(b"\x89PNG\r\n\x1a\n" + b"x" * 30)
    urls = (small, small + "A" * 600_000, "https://x.test/y.png", 'data:image/png;base64,"onload=')
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": u}} for u in urls]
    asked = {"messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "Why?"}]}]}
    first = store(tmp_path / "a", [replace(record(0, "correct"), request=asked)])
    second = store(tmp_path / "b", [replace(record(0, "wrong"), request=asked)])
    page = parse(to_html([first, second]))
    assert [image.attributes["src"] for image in page.find("img")] == [small]
    shown = page.text
    assert "Why?" in shown
    assert "not shown here: https://x.test/y.png" in shown
    assert "not shown here: 600,0" in shown
    assert small[:60] not in shown


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"prompt": "Once upon"}, "Once upon"),
        ({"prompt": ["The sky is", "The sky is blue"]}, "The sky is blue"),
        ({"text": ["The sea is"]}, "The sea is"),
        ({"prompt": [5, 6, 7]}, "(3 token ids)"),
        (None, "these answers were made elsewhere"),
    ],
)
def test_prompts_without_messages_are_shown(tmp_path: Path, asked: Any, shown: str) -> None:
    """What a text task and a likelihood asked; nothing only where nothing was asked."""
    first = store(tmp_path / "a", [replace(record(0, "correct"), request=asked)])
    second = store(tmp_path / "b", [replace(record(0, "wrong"), request=asked)])
    assert shown in parse(to_html([first, second])).text


def test_long_lists_and_long_answers_are_cut_and_say_so(tmp_path: Path) -> None:
    """Fifty items are shown of more, and an endless answer ends with what is missing."""
    count = SHOWN + 20
    long = "x" * (LONGEST + 1234)
    runs = (
        store(tmp_path / "a", [record(n, "correct", long) for n in range(count)]),
        store(tmp_path / "b", [record(n, "wrong") for n in range(count)]),
    )
    page = parse(to_html(runs))
    assert len(page.find("details")) == SHOWN
    assert f"{count} items have different scores" in page.text
    assert "… and 1,234 more characters" in page.text


def test_repeats_are_counted_in_words(tmp_path: Path) -> None:
    """With repeats an item says how many of them were correct, and which answer is shown."""
    twice = [record(0, "correct"), record(0, "wrong")]
    both = [Record(**{**_fields(each), "repeat": n}) for n, each in enumerate(twice)]
    runs = (store(tmp_path / "a", both), store(tmp_path / "b", [record(0, "wrong")]))
    details = parse(to_html(runs)).find("details")[0]
    assert "1 of 2 correct" in details.text
    assert "repeat 1 of 2" in details.text


def test_runs_of_different_tasks_get_a_note_and_no_verdict(tmp_path: Path) -> None:
    """Runs that cannot be compared stand side by side, with the reason."""
    runs = (
        store(tmp_path / "a", [record(0, "correct")]),
        store(tmp_path / "b", [record(0, "wrong")], task="other"),
    )
    page = parse(to_html(runs))
    assert not page.find("article")
    assert "A against B: the runs cannot be compared" in page.text


def test_disagreements_are_looked_for_among_runs_that_share_items(tmp_path: Path) -> None:
    """A third run of another task hides none, though its items have the same names."""
    runs = (
        store(tmp_path / "a", [record(0, "correct"), record(1, "correct")]),
        store(tmp_path / "b", [record(0, "wrong"), record(1, "correct")]),
        store(tmp_path / "c", [record(1, "wrong"), record(2, "wrong")], task="other"),
    )
    page = parse(to_html(runs))
    (shown,) = page.find("details")
    assert [each.text for each in shown.find("summary")[0].find("code")] == ["item-000"]
    assert len(shown.find("pre")) == 3
    assert "Compared with each other: A and B. C has no item in common with another." in page.text
    assert "1 item has different scores" in page.text


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (([0, 1], [0, 1], [1]), "The runs have the same score on every item that they share."),
        (([0, 1], [1, 2], [3]), "A and B. C has no item in common with another. The runs have the"),
        (([0], [1], [2]), "No two of these runs have scored items in common"),
    ],
)
def test_sameness_is_claimed_of_shared_items_only(
    tmp_path: Path, items: Sequence[Sequence[int]], said: str
) -> None:
    """Runs of one task may have answered different items of it."""
    runs = [
        store(tmp_path / name, [record(item, "correct") for item in asked])
        for name, asked in zip("abc", items, strict=True)
    ]
    page = parse(to_html(runs))
    assert said in page.text
    assert ("same score" in page.text) == ("No two" not in said)


def test_items_that_nobody_scored_are_not_the_same(tmp_path: Path) -> None:
    """Two failures have no score, not an equal one."""
    runs = [store(tmp_path / name, [record(0, "failed")]) for name in "ab"]
    assert "have scored items in common" in parse(to_html(runs)).text


def test_one_run_alone_makes_a_page(tmp_path: Path) -> None:
    """A single run has scores, outcomes and facts, and no comparison."""
    run = store(tmp_path / "a", [record(n, "correct") for n in range(4)])
    page = parse(to_html([run]))
    assert not page.find("section", **{"aria-labelledby": "pairs"})
    facts = page.find("table", **{"class": "facts"})[0].text
    assert run.manifest.dataset.sha256 in facts
    assert "evenhand eval run quiz" in facts


def test_a_run_without_any_score_makes_a_page(tmp_path: Path) -> None:
    """If every sample failed there is no score, and the page says so."""
    page = parse(to_html([store(tmp_path / "a", [record(0, "failed")])]))
    assert "no score" in page.text
    assert len(page.find("svg", role="img")) == 1


def test_page_is_accessible(pair: tuple[RunData, RunData]) -> None:
    """Headings do not skip levels, headers are scoped, pictures are named, ids are unique."""
    page = parse(to_html(pair))
    assert page.find("html")[0].attributes["lang"] == "en"
    levels = [int(node.tag[1]) for node in page.walk() if re.fullmatch("h[1-6]", node.tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(node.attributes.get("scope") for node in page.find("th"))
    ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for picture in page.find("svg", role="img"):
        assert set(picture.attributes["aria-labelledby"].split()) <= set(ids)
        assert picture.find("desc")[0].text


def test_no_run_is_refused() -> None:
    """A report of nothing is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one run"):
        to_html([])


def _fields(each: Record) -> dict[str, Any]:
    return {name: getattr(each, name) for name in Record.__dataclass_fields__}
