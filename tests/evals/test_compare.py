"""Comparisons are paired on items, and say which settings differ."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.compare import compare_runs, setting_differences
from evenhand_evals.errors import NotComparable
from evenhand_evals.log import Record
from evenhand_evals.manifest import DecodingFacts
from evenhand_evals.results import RunData, summarise
from evenhand_evals.stats.intervals import wilson
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
    assert result.interval == "bootstrap"


def test_graded_scores_have_no_table() -> None:
    """A half-right item is neither right nor wrong."""
    result = compare_runs(
        run("a", [scored("x", 0.5), scored("y", 1)]), run("b", [scored("x", 1), scored("y", 1)])
    )
    assert result.table is None
    assert result.difference == pytest.approx(-25)


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
