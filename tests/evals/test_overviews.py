"""The table of long contexts: its rows, its columns, what is missing, and what it warns of."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from evenhand_evals.cli.output import print_result
from evenhand_evals.engine_memory import PROXIED, EngineMemory, Memory
from evenhand_evals.log import LogWriter, Record
from evenhand_evals.manifest import Manifest, TaskFacts, write_manifest
from evenhand_evals.overviews import UNANSWERED, UNASKED, UNSEEN, UNTOLD, by_length, held, size
from evenhand_evals.report.page import to_html
from evenhand_evals.results import load_run, summarise, write_result
from evenhand_evals.tasks import TASKS
from evenhand_evals.token_counts import EstimatedTokens
from evenhand_evals.types import Completion, Dataset, DataSource, Estimate, Usage
from tests.evals.test_manifest import MANIFEST

TASK = TASKS["long_context"]
OPTIONS = {"depths": "0,50", "languages": "en"}
MEMORY = EngineMemory(
    "sglang: /v1/loads",
    {
        "400": Memory(3, 800, 16384, 800 / 16384, 1600 * 1024, 32 << 20, 14 << 20),
        "800": Memory(2, 1600, 16384, 1600 / 16384, 3200 * 1024, 32 << 20, 14 << 20),
    },
)


def made(**changes: object) -> tuple[Manifest, Dataset]:
    """A run of a small grid."""
    options = {**OPTIONS, "lengths": "400,800"}
    dataset = TASK.load(DataSource(options=options))
    facts = replace(MANIFEST.dataset, items=len(dataset.samples), options=dataset.options)
    manifest = replace(
        MANIFEST, task=TaskFacts.of(TASK), dataset=facts, repeats=1, limit=None, memory=MEMORY
    )
    return replace(manifest, **changes), dataset  # type: ignore[arg-type]


def answers(dataset: Dataset, off: float = 0.0) -> list[Record]:
    """Every answer is right at 400 tokens; at 800 every one says 5."""
    records = []
    for sample in dataset.samples:
        length = sample.metadata["length"]
        text = sample.target if length == 400 else "5"
        usage = Usage(round(length * (1 + off)), 3)
        score = TASK.score(sample, Completion(text, usage=usage))
        records.append(Record(sample.id, 0, score.outcome, score))
    return records


def test_the_table() -> None:
    """A row for each length: accuracy of each kind, agreement, and what the engine held."""
    manifest, dataset = made()
    table = summarise(manifest, answers(dataset)).overview
    assert table is not None
    assert table.columns == (
        "retrieval, accuracy",
        "reasoning, accuracy",
        "agreement",
        "agreement with 400",
        "memory",
    )
    (first, short), (second, long) = table.rows
    assert (first, second) == ("400", "800")
    values = [each.value if isinstance(each, Estimate) else each for each in (*short, *long)]
    assert values[:5] == [1.0, 1.0, 1.0, "·", "800 of 16,384 tokens, 4.9 %, 1.6 MiB"]
    assert values[5:] == [0.0, 0.0, 1.0, 0.0, "1,600 of 16,384 tokens, 9.8 %, 3.1 MiB"]
    assert "in 5 looks at sglang: /v1/loads; at most 4 at once" in table.hint
    assert "whole cache 32.0 MiB, weights 14.0 MiB" in table.hint


@pytest.mark.parametrize(
    ("memory", "hint"),
    [
        (None, "Memory: not told by the engine."),
        (EngineMemory(PROXIED), f"Memory: {PROXIED}."),
        (EngineMemory("not told by the engine (ollama)"), "by the engine (ollama)."),
    ],
)
def test_without_memory(memory: EngineMemory | None, hint: str) -> None:
    """What the engine does not tell stands so in every row, and why below the table."""
    manifest, dataset = made(memory=memory)
    table = summarise(manifest, answers(dataset)).overview
    assert table is not None
    assert table.hint.endswith(hint)
    assert [cells[-1] for _, cells in table.rows] == [UNTOLD, UNTOLD]


def test_a_length_that_was_never_looked_at() -> None:
    """Answers that were kept from earlier take no memory: that is not the engine's silence."""
    seen = replace(MEMORY, parts={"400": MEMORY.parts["400"]})
    manifest, dataset = made(memory=seen)
    table = summarise(manifest, answers(dataset)).overview
    assert table is not None
    assert [cells[-1] == UNSEEN for _, cells in table.rows] == [False, True]


def test_lengths_without_room_or_answer() -> None:
    """Both stand in the table, with the reason, in the order of their lengths."""
    small = DataSource(options=OPTIONS, tokens=lambda: EstimatedTokens(limit=40000))
    loaded = TASK.load(small)
    facts = replace(MANIFEST.dataset, options=loaded.options, left_out=loaded.left_out)
    short = [each for each in loaded.samples if each.metadata["length"] == 8192]
    whole = replace(MANIFEST, task=TaskFacts.of(TASK), dataset=facts, memory=None, limit=None)
    records = answers(replace(loaded, samples=tuple(short)))
    for manifest, why in ((whole, UNANSWERED), (replace(whole, limit=9), UNASKED)):
        table = summarise(manifest, records).overview
        assert table is not None
        rows = dict(table.rows)
        assert list(rows) == ["8192", "32768", "131072"]
        assert rows["32768"][0] == why
    assert table is not None
    why = "left out: the endpoint serves a context of 40000 tokens, 64 of them for the answer"
    assert rows["131072"] == (
        f"{why}; serve the model with a larger one to ask them",
        *["·"] * (len(table.columns) - 1),
    )


def test_every_answer_failed() -> None:
    """A run without a score still says which lengths were asked."""
    manifest, dataset = made()
    failed = [Record(each.id, 0, "failed", reason="HTTP 400") for each in dataset.samples]
    table = summarise(manifest, failed).overview
    assert table is not None
    assert [cells[0] for _, cells in table.rows] == [UNANSWERED, UNANSWERED]
    assert summarise(manifest, []).overview is None


@pytest.mark.parametrize(
    ("off", "warned"), [(0.0, False), (0.01, False), (0.02, True), (-0.05, True)]
)
def test_lengths_that_are_not_what_was_planned(off: float, warned: bool) -> None:
    """More than one per cent off by the endpoint's own count is said, once."""
    manifest, dataset = made()
    warnings = summarise(manifest, answers(dataset, off)).warnings
    found = [each for each in warnings if "off the length that was planned" in each]
    assert len(found) == warned
    if warned:
        assert f"{100 * abs(off):.1f} % off" in found[0]


def test_a_task_of_one_kind() -> None:
    """Without kinds there is one accuracy; without questions there is no agreement."""
    share = Estimate(0.5, 0.2, 0.8, 4, "wilson")
    table = by_length(MANIFEST, {"accuracy at 4096": share, "length at 4096": share})
    assert table.columns == ("accuracy", "memory")
    assert table.rows == (("4096", (share, UNTOLD)),)


def test_other_tasks_have_no_table() -> None:
    """Only those whose aggregate has one."""
    assert summarise(MANIFEST, [Record("a", 0, "failed")]).overview is None


def test_words_for_memory() -> None:
    """Only what is told is written."""
    assert held(None) == held(Memory(3, kv_capacity=5)) == UNTOLD
    assert held(Memory(1, kv_share=0.5)) == "50.0 %"
    assert held(Memory(1, 12)) == "12 tokens"
    assert (size(1 << 20), size(3 << 30)) == ("1.0 MiB", "3.00 GiB")


def test_where_it_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the terminal, in result.json and in the report's page."""
    manifest, dataset = made()
    write_manifest(tmp_path, manifest)
    with LogWriter(tmp_path / "samples.jsonl") as log:
        for record in answers(dataset, 0.02):
            log.append(record)
    run = load_run(tmp_path)
    assert run.manifest == manifest
    write_result(tmp_path, run.result)
    told = orjson.loads((tmp_path / "result.json").read_bytes())["overview"]
    assert told["columns"][-1] == "memory"
    assert told["rows"][0][1][0]["value"] == 1.0
    print_result(run.manifest, run.result)
    printed = capsys.readouterr()
    assert "agreement with 400" in " ".join(printed.out.split())
    assert "2.0 % off the length" in printed.err
    page = to_html([run, run])
    assert page.count("By length of the prompt, run ") == 2 * 2  # heading and label
    assert '<th scope="col" class="number">retrieval, accuracy</th>' in page
    assert "1,600 of 16,384 tokens, 9.8 %, 3.1 MiB" in page
