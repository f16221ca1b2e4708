"""Results are pure functions of the log, and count every kind of outcome apart."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import RunUnreadable
from evenhand_evals.log import LogWriter, Record, parse_record
from evenhand_evals.manifest import write_manifest
from evenhand_evals.results import load_run, summarise, write_result
from evenhand_evals.types import OUTCOMES, Outcome, Score
from tests.evals.test_manifest import MANIFEST

PLAN = replace(MANIFEST, repeats=1, limit=None)


def scored(item: str, value: float, repeat: int = 0, **changes: object) -> Record:
    """Make a record with an answer."""
    outcome: Outcome = "correct" if value == 1 else "wrong"
    score = Score(outcome, value, {"short": value == 1}, {"parts": (int(value * 2), 2)})
    record = Record(item, repeat, outcome, score, group=item[0])
    return replace(record, **changes)  # type: ignore[arg-type]


def failed(item: str, repeat: int = 0) -> Record:
    """Make a record without an answer."""
    return Record(item, repeat, "failed", reason="HTTP 500")


def test_a_failure_is_not_a_wrong_answer() -> None:
    """Two right, one wrong, one failed: 66.7 % of three, between 50 and 75 % of four."""
    result = summarise(PLAN, [scored("a", 1), scored("b", 1), scored("c", 0), failed("d")])
    assert result.score is not None
    assert result.score.value == pytest.approx(2 / 3)
    assert (result.score.n, result.score.method) == (3, "wilson")
    assert result.bounds is not None
    assert (result.bounds.worst, result.bounds.best) == (0.5, 0.75)
    assert result.outcomes["failed"] == 1
    assert any("1 of 4 samples failed" in line for line in result.warnings)


def test_all_six_outcomes_are_always_there() -> None:
    """Zero is a count."""
    result = summarise(PLAN, [scored("a", 1)])
    assert tuple(result.outcomes) == OUTCOMES
    assert result.outcomes == {**dict.fromkeys(OUTCOMES, 0), "correct": 1}
    assert result.bounds is None


def test_every_metric_has_its_interval() -> None:
    """The headline, named metrics and pooled counts."""
    result = summarise(PLAN, [scored("a", 1), scored("b", 0.5), scored("c", 0)])
    assert set(result.metrics) == {"accuracy", "short", "parts"}
    assert result.metrics["parts"].value == pytest.approx(3 / 6)
    assert result.metrics["short"].value == pytest.approx(1 / 3)
    assert all(each.low <= each.value <= each.high for each in result.metrics.values())


def test_a_mark_is_no_verdict_where_it_is_zero_or_one() -> None:
    """The type of a metric's values says which it is, also when read back from a log."""
    records = [
        scored(item, value, score=Score("wrong", 0.0, {"verdict": value == 1, "mark": value}))
        for item, value in (("a", 1.0), ("b", 0.0), ("c", 1.0))
    ]
    for each in (records, [parse_record(orjson.dumps(record)) for record in records]):
        metrics = summarise(PLAN, each).metrics
        assert (metrics["verdict"].method, metrics["mark"].method) == ("wilson", "clustered t")


def test_repeats_are_averaged_within_their_item() -> None:
    """An item that answers three times weighs no more than one that answers once."""
    records = [
        scored("a", 1, 0),
        scored("a", 1, 1),
        scored("a", 1, 2),
        scored("b", 0),
        failed("b", 1),
    ]
    result = summarise(replace(PLAN, repeats=3), records)
    assert result.score is not None
    assert result.score.value == pytest.approx(0.5)
    assert result.items == 2


def test_nothing_scored_is_no_score() -> None:
    """A run of failures has no headline, but it has bounds."""
    result = summarise(PLAN, [failed("a"), failed("b")])
    assert result.score is None
    assert result.metrics == {}
    assert result.bounds is not None
    assert (result.bounds.worst, result.bounds.best) == (0.0, 1.0)


def test_an_empty_run_has_a_result() -> None:
    """It says that nothing was asked yet."""
    result = summarise(PLAN, [])
    assert (result.samples, result.complete, result.duration) == (0, False, 0.0)
    assert "12 of 12 planned samples have no answer yet" in result.warnings


def test_groups_have_their_own_scores() -> None:
    """By the group of the items."""
    result = summarise(PLAN, [scored("x1", 1), scored("x2", 1), scored("y1", 0)])
    assert {name: each.value for name, each in result.groups.items()} == {"x": 1.0, "y": 0.0}


def test_differing_fingerprints_are_said() -> None:
    """Within one repeat all samples should be decoded alike; across repeats seeds differ."""
    alike = [scored("a", 1, fingerprint="f"), scored("a", 1, 1, fingerprint="g")]
    assert not any("fingerprint" in line for line in summarise(PLAN, alike).warnings)
    mixed = [*alike, scored("b", 1, fingerprint="h")]
    result = summarise(PLAN, mixed)
    assert result.fingerprints == {"0": ("f", "h"), "1": ("g",)}
    assert any("fingerprint" in line for line in result.warnings)


def test_cut_answers_are_said() -> None:
    """With the setting that helps."""
    cut = replace(scored("a", 0), outcome="truncated")
    assert any("--set max_tokens" in line for line in summarise(PLAN, [cut]).warnings)


def test_what_else_came_out_is_counted() -> None:
    """The commonest answers that nothing could be read from, blanks run together."""
    essay = {"choices": [{"message": {"content": "It depends\n on  the wind"}}]}
    silence = {"choices": [{"message": {"content": ""}}]}
    lost = [scored(item, 0, 0, outcome="unparsed", response=essay) for item in ("a", "b")]
    silent = scored("c", 0, 0, outcome="unparsed", response=silence)
    result = summarise(PLAN, [*lost, silent, scored("d", 1, 0, response=essay)])
    assert result.unparsed_answers == {"It depends on the wind": 2, "(nothing)": 1}


def test_tokens_are_summed_where_reported() -> None:
    """A sample without usage is not counted as zero tokens."""
    answer = {"choices": [{"message": {"content": "yes"}}]}
    usage = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    records = [scored("a", 1, response={**answer, **usage}), scored("b", 1, response=answer)]
    tokens = summarise(PLAN, records).tokens
    assert (tokens.prompt, tokens.completion, tokens.reported) == (7, 3, 1)


def test_duration_is_time_with_requests_under_way() -> None:
    """Overlaps count once, and the night before a resume does not count."""
    times = [(0.0, 2.0), (1.0, 2.0), (1.5, 0.5), (100.0, 1.0)]
    records = [
        scored(str(number), 1, started=started, duration=duration)
        for number, (started, duration) in enumerate(times)
    ]
    assert summarise(PLAN, records).duration == pytest.approx(4.0)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.integers(0, 2), st.sampled_from((0, 0.5, 1, None))),
        unique_by=lambda each: each[:2],
        max_size=15,
    )
)
def test_the_score_lies_between_its_bounds(cells: list[tuple[str, int, float | None]]) -> None:
    """Whatever failed, the worst case is no better than the best, and counts add up."""
    records = [
        failed(item, repeat) if value is None else scored(item, value, repeat)
        for item, repeat, value in cells
    ]
    result = summarise(PLAN, records)
    assert sum(result.outcomes.values()) == result.samples == len(cells)
    if result.bounds:
        assert 0 <= result.bounds.worst <= result.bounds.best <= 1
    if result.score:
        assert 0 <= result.score.low <= result.score.value <= result.score.high <= 1


def test_a_run_is_read_back_from_its_folder(tmp_path: Path) -> None:
    """The result is computed from the log, also without a result.json."""
    write_manifest(tmp_path, PLAN)
    with LogWriter(tmp_path / "samples.jsonl") as log:
        log.append(scored("a", 1))
    run = load_run(tmp_path)
    assert run.label == tmp_path.name
    assert run.result == summarise(PLAN, run.records)
    write_result(tmp_path, run.result)
    written = orjson.loads((tmp_path / "result.json").read_bytes())
    assert written["score"]["value"] == 1.0
    assert written["outcomes"]["correct"] == 1


def test_a_run_without_samples_can_be_read(tmp_path: Path) -> None:
    """A run that was killed before its first answer."""
    write_manifest(tmp_path, PLAN)
    assert load_run(tmp_path).records == ()
    with pytest.raises(RunUnreadable):
        load_run(tmp_path / "elsewhere")


def test_what_was_asked_for_and_did_not_act_is_a_warning() -> None:
    """A clamp, a drop, and what nobody knows; what was heeded is no news."""
    parameters = {
        "temperature": {
            "requested": 0,
            "effective": 0.2,
            "action": "clamped",
            "reason": "a policy",
        },
        "top_k": {"requested": 5, "action": "dropped", "reason": "it has none"},
        "seed": {"requested": 3, "action": "passed", "evidence": "unknown", "reason": "who knows"},
        "top_p": {"requested": 0.5, "effective": 0.5, "action": "passed", "evidence": "modelled"},
        "min_p": {"effective": 0.05, "action": "defaulted", "evidence": "unknown"},
        "stop": {"requested": None, "action": "dropped"},
    }
    decoding = replace(PLAN.decoding, record={"parameters": parameters})
    result = summarise(replace(PLAN, decoding=decoding), [scored("a", 1)])
    assert [line for line in result.warnings if "was asked for" in line] == [
        "temperature was asked for as 0, and it was clamped, 0.2 was used: a policy",
        "top_k was asked for as 5, and it was dropped: it has none",
        "seed was asked for as 3, and nobody knows whether it acts: who knows",
    ]
