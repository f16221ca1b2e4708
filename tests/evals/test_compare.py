"""Comparisons are paired on items, and say which settings differ."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.cli.compare import print_comparison
from evenhand_evals.compare import compare_runs, setting_differences
from evenhand_evals.errors import NotComparable
from evenhand_evals.log import Record
from evenhand_evals.manifest import DecodingFacts
from evenhand_evals.report.pairs import compare_pairs
from evenhand_evals.results import RunData, load_run, summarise
from evenhand_evals.run import run_task
from evenhand_evals.settings import RunSettings
from evenhand_evals.stats.intervals import wilson
from evenhand_evals.tasks import TASKS
from tests.evals.fake import Fake, Reply, always, serving
from tests.evals.test_manifest import MANIFEST
from tests.evals.test_results import failed, scored

PLAN = replace(MANIFEST, repeats=1, limit=None)


def run(name: str, records: list[Record], **changes: Any) -> RunData:
    """Make a run of some records."""
    manifest = replace(PLAN, **changes)
    return RunData(Path(name), manifest, tuple(records), summarise(manifest, records))


def plain(name: str, verdicts: str) -> RunData:
    """Make a run from a string of 1 (right), 0 (wrong) and - (failed), one for each item."""
    return run(
        name,
        [
            failed(f"i{number}") if verdict == "-" else scored(f"i{number}", int(verdict))
            for number, verdict in enumerate(verdicts)
        ],
    )


def test_a_plain_comparison() -> None:
    """Ten items only A gets right, one only B: 9 of 20 items, exact p = 2 * 12 / 2048."""
    result = compare_runs(plain("a", "1" * 10 + "0" + "1" * 9), plain("b", "0" * 10 + "1" * 10))
    assert result.items == 20
    assert result.discordant == 11
    assert result.table is not None
    assert (result.table.only_a, result.table.only_b, result.table.both) == (10, 1, 9)
    assert result.difference == pytest.approx(45.0)
    assert result.p == pytest.approx(2 * 12 / 2048)
    assert (result.test, result.interval) == ("exact McNemar", "newcombe 10")
    assert result.significant
    assert result.band == "investigate"
    assert result.verdict.startswith("a is 45.0 points higher; the difference is significant")
    assert 0 < result.low < 45 < result.high


def test_failures_leave_the_pair_and_are_counted() -> None:
    """A failure in one run is not a wrong answer in the comparison either."""
    result = compare_runs(plain("a", "11-10"), plain("b", "1-110"))
    assert (result.items, result.left_out) == (3, 2)
    assert result.difference == 0
    assert "no difference was found" in result.verdict


def test_the_published_one_point_is_within_chance() -> None:
    """84.3 against 83.2 on 541 prompts: even with few discordant items it is not significant."""
    a = "1" * 436 + "1" * 20 + "0" * 14 + "0" * 71
    b = "1" * 436 + "0" * 20 + "1" * 14 + "0" * 71
    result = compare_runs(plain("greedy", a), plain("sampled", b))
    assert result.a.score.value == pytest.approx(wilson(456, 541).value)
    assert result.difference == pytest.approx(100 * 6 / 541)
    assert not result.significant
    assert result.detectable is not None
    assert result.detectable > 1
    assert any("1 point is too small to be seen" in each for each in result.notes)
    assert any("either run" in each for each in result.notes)


def test_repeats_are_compared_by_items() -> None:
    """With repeats the unit stays the item, and the test is a sign-flip permutation."""
    a = [scored(f"i{n}", 1, repeat) for n in range(8) for repeat in range(3)]
    b = [scored(f"i{n}", int(repeat == 0), repeat) for n in range(8) for repeat in range(3)]
    result = compare_runs(run("a", a, repeats=3), run("b", b, repeats=3))
    assert result.table is None
    assert result.mid_p is None
    assert result.test == "exact sign-flip permutation"
    assert result.p == pytest.approx(2 / 2**8)
    assert result.difference == pytest.approx(100 * 2 / 3)
    assert result.interval == "wilson"
    assert 0 < result.low < result.difference < result.high < 100


def test_the_rounding_of_repeats_is_no_difference() -> None:
    """Three graded answers of 0.1 have a mean of a little more, which is no evidence."""
    thrice = [scored(f"i{n}", 0.1, repeat) for n in range(8) for repeat in range(3)]
    result = compare_runs(
        run("a", thrice, repeats=3), run("b", [scored(f"i{n}", 0.1) for n in range(8)])
    )
    assert (result.difference, result.p, result.discordant) == (0, 1, 0)
    assert not result.significant


def test_graded_scores_have_no_table() -> None:
    """A half-right item is neither right nor wrong."""
    result = compare_runs(
        run("a", [scored("x", 0.5), scored("y", 1)]), run("b", [scored("x", 1), scored("y", 1)])
    )
    assert result.table is None
    assert result.difference == pytest.approx(-25)
    assert (result.interval, result.low, result.high) == ("bootstrap", -50, 0)


def test_equal_graded_scores_are_no_certainty() -> None:
    """No difference on twenty items has the interval that plain verdicts would have."""
    graded = [scored(f"i{n}", 0.5) for n in range(20)]
    result = compare_runs(run("a", graded), run("b", graded))
    same = compare_runs(plain("a", "1" * 20), plain("b", "1" * 20))
    assert (result.difference, result.interval) == (0, "wilson")
    assert (result.low, result.high) == pytest.approx((same.low, same.high))


def test_one_graded_item_has_no_interval() -> None:
    """Which is said, and is no borderline case."""
    result = compare_runs(run("a", [scored("x", 0.5)]), run("b", [scored("x", 0)]))
    assert (result.low, result.high, result.interval) == (50, 50, "none")
    assert any("no interval" in each for each in result.notes)
    assert not any("borderline" in each for each in result.notes)
    (view,), _ = compare_pairs(
        {"A": run("a", [scored("x", 0.5)]), "B": run("b", [scored("x", 0)])}, [("A", "B")]
    )
    assert "+50.0 (no interval)" in view.plot


def test_the_terminal_prints_no_interval_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not one of zero width."""
    print_comparison(compare_runs(run("a", [scored("x", 0.5)]), run("b", [scored("x", 0)])))
    assert "difference: +50.0 points, no interval\n" in capsys.readouterr().out


def test_a_borderline_case_is_said_to_be_one() -> None:
    """Exact p = 0.064 beside an interval from +0.9 points: the reader must not be left alone."""
    a, b = "1" * 17 + "0" * 7 + "1" * 2 + "0" * 32, "0" * 17 + "1" * 7 + "1" * 2 + "0" * 32
    result = compare_runs(plain("a", a), plain("b", b))
    assert result.low > 0
    assert not result.significant
    assert any("borderline" in each for each in result.notes)


VERDICTS = st.text(alphabet="01", min_size=1, max_size=40)


@given(st.data(), VERDICTS)
def test_swapping_the_runs_mirrors_everything(data: st.DataObject, one: str) -> None:
    """Difference and interval change sign; p and what matters do not."""
    two = data.draw(st.text(alphabet="01", min_size=len(one), max_size=len(one)))
    there = compare_runs(plain("a", one), plain("b", two))
    back = compare_runs(plain("b", two), plain("a", one))
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-7)
    assert there.p == back.p
    if there.difference:
        assert there.verdict == back.verdict
    assert there.low <= there.difference <= there.high


def test_different_data_cannot_be_paired() -> None:
    """Unless one insists, and then it is said."""
    a = plain("a", "11")
    other = replace(PLAN.dataset, sha256="1" * 64)
    b = run("b", [scored("i0", 1)], dataset=other)
    with pytest.raises(NotComparable, match=r"dataset sha256.*--force"):
        compare_runs(a, b)
    result = compare_runs(a, b, force=True)
    assert "dataset sha256" in result.warnings[0]


def test_runs_without_shared_items_cannot_be_paired() -> None:
    """Not even by force."""
    with pytest.raises(NotComparable, match="share no item"):
        compare_runs(run("a", [scored("x", 1)]), run("b", [scored("y", 1)]), force=True)


def test_runs_of_one_name_are_told_apart() -> None:
    """By their paths."""
    result = compare_runs(plain("one/run", "1"), plain("two/run", "0"))
    assert (result.a.label, result.b.label) == ("one/run", "two/run")


def facts(requested: Mapping[str, Any], **effective: Any) -> DecodingFacts:
    """Make decoding facts with a record: what was requested by name, what each became."""
    parameters = {
        name: {
            **({"requested": requested[name]} if name in requested else {}),
            "effective": value,
            "source": "client" if name in requested else "engine",
            "evidence": "attested",
        }
        for name, value in effective.items()
    }
    return DecodingFacts(requested, record={"parameters": parameters, "fingerprint": "f"})


def test_hidden_defaults_are_differences() -> None:
    """A run that set nothing differs from a greedy one in what the engine used."""
    greedy = facts({"temperature": 0}, temperature=0, top_k=40)
    unset = facts({}, temperature=0.8, top_k=40)
    (difference,) = setting_differences(greedy, unset)
    assert difference.name == "temperature"
    assert difference.a.document() == {
        "requested": 0,
        "effective": 0,
        "source": "client",
        "evidence": "attested",
    }
    assert difference.b.document() == {
        "effective": 0.8,
        "source": "engine",
        "evidence": "attested",
    }


def test_absent_null_and_zero_are_three_settings() -> None:
    """Also where the endpoint explains nothing."""
    absent, null, zero = (
        DecodingFacts(requested) for requested in ({}, {"seed": None}, {"seed": 0})
    )
    for a, b in ((absent, null), (null, zero), (absent, zero)):
        assert [each.name for each in setting_differences(a, b)] == ["seed"]
    assert setting_differences(zero, zero) == ()


def test_spellings_are_one_parameter() -> None:
    """The same budget under two names is no difference."""
    a, b = DecodingFacts({"max_tokens": 9}), DecodingFacts({"max_completion_tokens": 9})
    assert setting_differences(a, b) == ()


def test_a_record_on_one_side_only() -> None:
    """Then what was requested decides, since the other side's effective values are unknown."""
    with_record = facts({"temperature": 0}, temperature=0, top_k=40)
    assert setting_differences(with_record, DecodingFacts({"temperature": 0})) == ()
    (difference,) = setting_differences(with_record, DecodingFacts({"temperature": 1}))
    assert difference.b.document() == {
        "requested": 1,
        "source": "client",
        "evidence": "unknown",
    }


def answers(name: str, texts: str, **changes: Any) -> RunData:
    """Make a run with a letter as each answer, of `run` as the id that the endpoint gave it."""
    by = changes.pop("by", name)
    return run(
        name,
        [
            scored(f"i{n}", 1, response={"id": f"{by}-{n}", "text": text}, **changes)
            for n, text in enumerate(texts)
        ],
    )


def test_answers_kept_from_the_other_run_are_no_evidence() -> None:
    """Equal by construction, which is said of the run that kept them, wherever it stands."""
    first, second = answers("first", "xyz"), answers("second", "xyz", by="first", cached=True)
    said = "3 of 3 answers of second were kept from an earlier run and are those of first too"
    for result in (compare_runs(first, second), compare_runs(second, first)):
        (warning,) = result.warnings
        assert warning.startswith(said)
        assert warning.endswith("run with --no-cache")
        assert result.document()["warnings"] == (warning,)


def test_both_runs_may_have_kept_the_answers_of_a_third() -> None:
    """Then both are named."""
    result = compare_runs(*(answers(name, "xy", by="old", cached=True) for name in "ab"))
    assert [each.partition(" were")[0] for each in result.warnings] == [
        "2 of 2 answers of a",
        "2 of 2 answers of b",
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cached_run_is_warned_of_from_its_log(tmp_path: Path, stream: bool) -> None:
    """The bodies in both logs are the same, however they came."""
    async with serving(Fake(always(Reply(text="rain")))) as fake:
        settings = RunSettings(
            fake.url, "tiny", tmp_path / "1", limit=3, cache=tmp_path / "kept", stream=stream
        )
        for name in "12":
            await run_task(TASKS["labels"], replace(settings, out=tmp_path / name))
    (warning,) = compare_runs(load_run(tmp_path / "1"), load_run(tmp_path / "2")).warnings
    assert warning.startswith("3 of 3 answers of 2 were kept from an earlier run")


def test_equal_texts_of_two_answers_are_evidence() -> None:
    """Kept from a run other than the one compared with, or not kept at all: no warning."""
    first = answers("first", "xyz")
    assert compare_runs(first, answers("second", "xyz", by="old", cached=True)).warnings == ()
    assert compare_runs(first, answers("second", "xyz", by="first")).warnings == ()


def test_the_document_is_json() -> None:
    """With the parameters that differ, absent keys left out."""
    a, b = plain("a", "10"), plain("b", "11")
    a = replace(a, manifest=replace(PLAN, decoding=DecodingFacts({"top_p": 1})))
    document = orjson.loads(orjson.dumps(compare_runs(a, b).document()))
    assert document["table"] == {"both": 1, "only_a": 0, "only_b": 1, "neither": 0}
    assert document["a"]["score"]["value"] == 0.5
    by_name = {each["name"]: each for each in document["parameters"]}
    assert by_name["top_p"]["a"]["requested"] == 1
    assert by_name["top_p"]["b"] == {}
    assert document["verdict"]
