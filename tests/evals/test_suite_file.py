"""A suite's file: what it may say, what is wrong with it, and which runs it comes to."""

from pathlib import Path

import pytest

from evenhand_evals.errors import UsageError
from evenhand_evals.suite.file import Suite, read_suite, shipped_suites
from evenhand_evals.suite.plan import LeftOut, Narrowing, PlannedRun, languages_of, plan_suite
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import DataSource, Message, Sample
from evenhand_evals.yaml_tree import Document

GOOD = """
title: Ours
models:
  - name: one
    base_url: http://127.0.0.1:1
    model: tiny
    profile: greedy
    set: {top_p: 0.5}
  - {base_url: "http://127.0.0.1:2", model: org/other, engine: vllm, mode: report}
tasks:
  - labels
  - name: labels_*
    limit: 3
    set: {max_tokens: 8}
  - name: labels_sweep
    options: {items: 2}
    repeats: 2
    languages: [zh]
  - mt_bench
sampling: {limit: 5}
budget: {requests: 10, minutes: 1.5}
concurrency: auto
seed: 3
"""


def read(folder: Path, text: str) -> Document[Suite]:
    """Write a suite and read it."""
    path = folder / "suite.yaml"
    path.write_text(text, "utf-8")
    return read_suite(str(path))


def planned(
    folder: Path, text: str = GOOD, **narrowing: object
) -> tuple[list[PlannedRun], list[LeftOut]]:
    """Plan the runs of a suite."""
    return plan_suite(read(folder, text), folder / "out", None, Narrowing(**narrowing))  # type: ignore[arg-type]


def test_every_model_on_every_task(tmp_path: Path) -> None:
    """Patterns spread, own names win over them, task by task; settings come from where they do."""
    runs, left = planned(tmp_path)
    assert [each.task for each in left] == ["mt_bench"]
    assert "--judge-url and --judge-model, or the suite the key judge" in left[0].reason
    assert [run.name for run in runs[:4]] == [
        "one/labels",
        "org_other/labels",
        "one/labels_choice",
        "org_other/labels_choice",
    ]
    assert len(runs) == 2 * 7
    by_name = {run.name: run.settings for run in runs}
    labels, choice = by_name["one/labels"], by_name["one/labels_choice"]
    assert (labels.limit, choice.limit) == (5, 3)
    assert choice.parameters == {"top_p": 0.5, "max_tokens": 8}
    assert by_name["org_other/labels_choice"].parameters == {"max_tokens": 8}
    assert labels.out == tmp_path / "out" / "one" / "labels"
    assert labels.resume
    assert (labels.base_url, labels.seed, labels.concurrency) == ("http://127.0.0.1:1/v1", 3, None)
    sweep = by_name["org_other/labels_sweep"]
    assert (sweep.options, sweep.repeats, sweep.engine, sweep.mode) == (
        {"items": "2"},
        2,
        "vllm",
        "report",
    )


def test_the_command_line_narrows(tmp_path: Path) -> None:
    """--limit, --only and --skip; a pattern of nothing is an error."""
    runs, _ = planned(tmp_path, limit=2, only=("labels_*",), skip=("*_sweep", "*cost"))
    assert {run.task.name for run in runs} == {
        "labels_choice",
        "labels_regex",
        "labels_grammar",
        "labels_json_schema",
    }
    assert {run.settings.limit for run in runs} == {2}
    with pytest.raises(UsageError, match="--only gsm8k: no task of the suite"):
        planned(tmp_path, only=("gsm8k",))
    with pytest.raises(UsageError, match="no task is left"):
        planned(tmp_path, skip=("*",))


def test_only_the_languages_and_strata(tmp_path: Path) -> None:
    """A run loads only the items that the suite asks for."""
    text = GOOD.replace("sampling: {limit: 5}", "sampling: {by: group, size: 1}")
    runs, _ = planned(tmp_path, text)
    by_name = {run.name: run for run in runs}
    sweep = by_name["one/labels_sweep"]
    samples = sweep.task.load(DataSource(options={"items": "8"})).samples
    assert {each.metadata["language"] for each in samples} == {"zh"}
    assert len(samples) == len({each.metadata["group"] for each in samples}) == 6
    assert sweep.drawing == {"by": "group", "size": 1, "share": None, "languages": ["zh"]}
    lost = GOOD.replace("languages: [zh]", "languages: [fr]")
    run = next(each for each in planned(tmp_path, lost)[0] if each.name == "one/labels_sweep")
    with pytest.raises(UsageError, match=r"no item of .* is in fr; its items are in en, zh$"):
        run.task.load(DataSource())
    text = GOOD.replace("sampling: {limit: 5}", "sampling: {by: grup, share: 0.5}")
    with pytest.raises(UsageError, match="has no field 'grup'; did you mean 'group'"):
        planned(tmp_path, text)[0][0].task.load(DataSource())


def test_which_answers_are_streamed(tmp_path: Path) -> None:
    """Those of the suite, unless a model has it otherwise; the judge's never."""
    text = GOOD.replace("profile: greedy", "profile: greedy\n    stream: false")
    runs, _ = planned(tmp_path, f"{text}stream: true\n")
    assert {(run.model.label, run.settings.target.stream) for run in runs} == {
        ("one", False),
        ("org_other", True),
    }
    judged = GOOD + "stream: true\njudge: {base_url: http://127.0.0.1:3, model: judge}\n"
    runs, _ = planned(tmp_path, judged)
    judges = [run.settings.judge for run in runs if run.settings.judge]
    assert judges
    assert not any(judge.stream for judge in judges)


def test_languages_of_an_item() -> None:
    """A field of its own, or the words of the group."""
    sample = Sample("1", (Message("user", "?"),), None, {"group": "zh forecast", "language": "en"})
    assert languages_of(sample) == {"en", "zh", "zh forecast", "forecast"}


def test_which_metrics_are_shown(tmp_path: Path) -> None:
    """Patterns to show, patterns to hide."""
    text = GOOD.replace("  - labels\n", "  - {name: labels, show: [ex*, rain*], hide: ['*_dry']}\n")
    entry = planned(tmp_path, text)[0][0].entry
    shown = ("exact", "exact_label", "rain_said_rain", "rain_said_dry", "lenient")
    assert [entry.shows(name) for name in shown] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("- labels\n", "- lables\n"), "11: tasks.0: there is no task 'lables'; did you mean"),
        (("name: labels_*", "name: lables_*"), "12: tasks.1: no task is called 'lables_*'; did"),
        (("  - mt_bench", "  - labels"), "19: tasks.3: labels stands twice"),
        (("limit: 3", "limit: 0"), "13: tasks.1.limit: 0 is below 1; write 1 or more"),
        (("limit: 3", "limt: 3"), "13: tasks.1.limt: is no key of a suite; did you mean 'limit'"),
        (("limit: 3", "data: x"), "13: tasks.1.data: belongs to one task"),
        (
            ("max_tokens: 8", "max_tokns: 8"),
            "14: tasks.1.set.max_tokns: is no decoding parameter; did",
        ),
        (("items: 2", "itms: 2"), "16: tasks.2.options.itms: labels_sweep has no such option"),
        (("top_p: 0.5", "topp: 1"), "8: models.0.set.topp: "),
        (("http://127.0.0.1:1\n", "127.0.0.1\n"), "5: models.0.base_url: '127.0.0.1' is not an"),
        (("name: one", "name: org_other"), "9: models.1.name: 'org_other' stands twice"),
        (("sampling: {limit: 5}", "sampling: {size: 5}"), "20: sampling.size: is of each value"),
        (("sampling: {limit: 5}", "sampling: {by: group}"), "20: sampling.by: needs size or share"),
        (("sampling: {limit: 5}", "sampling: {by: g, share: 2}"), "20: sampling.share: 2.0 is not"),
        (("sampling: {limit: 5}", "sampling: some"), "20: sampling: 'some' is not one of its"),
        (("requests: 10", "requests: 0"), "21: budget.requests: 0 is below 1"),
        (("minutes: 1.5", "minutes: 0"), "21: budget.minutes: must be above 0"),
        (("concurrency: auto", "concurrency: many"), "22: concurrency: 'many' is neither"),
        (("seed: 3", "jugde: {}"), "23: jugde: is no key of a suite; did you mean 'judge'"),
    ],
)
def test_a_wrong_file(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    """Errors name file, line and key."""
    with pytest.raises(UsageError) as raised:
        planned(tmp_path, GOOD.replace(*change, 1))
    place, _, message = str(raised.value).partition(".yaml:")
    assert place == str(tmp_path / "suite")
    assert message.startswith(says)


def test_own_tasks_stand_beside_shipped_ones(tmp_path: Path) -> None:
    """Their files are found from the suite's folder; the name of a shipped task is refused."""
    own = 'data: rows.jsonl\nprompt: "{q}"\n'
    (tmp_path / "mine.yaml").write_text(own)
    text = GOOD.replace("  - mt_bench", "  - mine.yaml")
    runs, _ = planned(tmp_path, text)
    assert "one/mine" in {run.name for run in runs}
    (tmp_path / "mine.yaml").write_text(f"{own}name: gsm8k\n")
    with pytest.raises(UsageError, match=r"suite\.yaml:19: tasks\.3: gsm8k is the name of a"):
        planned(tmp_path, text)


def test_an_unknown_suite() -> None:
    """A name that is neither a file nor shipped names the nearest."""
    with pytest.raises(UsageError, match="did you mean 'glm-4'"):
        read_suite("glm4")


@pytest.mark.parametrize("name", shipped_suites())
def test_shipped_suites_fit_the_registry(name: str, tmp_path: Path) -> None:
    """Every task of a shipped suite exists, and a model and a judge are all it needs."""
    document = read_suite(name)
    with pytest.raises(UsageError, match="give --base-url and --model"):
        plan_suite(document, tmp_path, None, Narrowing())
    assert {entry.name for entry in document.value.tasks} <= set(TASKS)
