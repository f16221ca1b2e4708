"""Two runs on the same items: do their scores really differ, and which setting differs.

The pairing is by item: an item counts where both runs scored it at least once, with the mean over
its repeats. Items that failed in either run are left out and counted, never taken as wrong.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evenhand_evals.errors import NotComparable
from evenhand_evals.manifest import DecodingFacts, Manifest, TaskFacts
from evenhand_evals.paired_scores import Found, compare_pairs, pair
from evenhand_evals.results import RunData
from evenhand_evals.settings import canonical
from evenhand_evals.stats.paired import Discordance
from evenhand_evals.stats.verdict import (
    SIGNIFICANCE,
    Band,
    format_plain,
    plain_verdict,
    verdict,
)
from evenhand_evals.types import Estimate
from evenhand_evals.whole_headlines import whole_headline

Unit = Literal["points", "plain"]
"""In percentage points, or in the metric's own unit."""

POINT = 0.01


@dataclass(frozen=True, slots=True)
class Setting:
    """One decoding parameter of one run.

    `values` holds `requested` and `effective` as JSON values; what is not known is not in it,
    since null is a value too.
    """

    values: Mapping[str, Any]
    source: str | None = None
    evidence: str | None = None

    def document(self) -> dict[str, Any]:
        """Give the setting as JSON values; a key is left out where nothing is known."""
        facts = {"source": self.source, "evidence": self.evidence}
        return {**self.values, **{key: value for key, value in facts.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """One decoding parameter that the two runs do not have in common."""

    name: str
    a: Setting
    b: Setting


@dataclass(frozen=True, slots=True)
class Side:
    """One run of a comparison: `score` is its headline over the paired items only."""

    label: str
    path: str
    model: str
    score: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run A against run B by their headline, `metric`; differences are A minus B, in `unit`.

    `items` are paired; `left_out` are those that failed or are missing in a run. `discordant`
    counts the items on which the runs differ; `table` splits them where every item is plainly right
    or wrong. `interval` names how `low` and `high` were made; "none" says that they are only the
    difference itself. `detectable` is the smallest true difference that these items would show four
    times out of five, None where nothing varies. `band` is None for a unit without bands.
    `parameters` are the decoding parameters that differ, and `warnings` sentences that belong above
    the verdict.
    """

    task: str
    metric: str
    unit: Unit
    lower_is_better: bool
    a: Side
    b: Side
    items: int
    left_out: int
    discordant: int
    table: Discordance | None
    difference: float
    low: float
    high: float
    interval: str
    p: float
    mid_p: float | None
    test: str
    draws: int | None
    detectable: float | None
    band: Band | None
    significant: bool
    verdict: str
    notes: tuple[str, ...]
    parameters: tuple[SettingDifference, ...]
    warnings: tuple[str, ...]

    def text(self, difference: float) -> str:
        """Write a difference, in its unit, with its sign."""
        return f"{difference:+.1f}" if self.unit == "points" else format_plain(difference)

    def document(self) -> dict[str, Any]:
        """Give the JSON document that `evenhand eval compare --json` prints.

        The fields of this class by name; `parameters` is a list of `{"name", "a", "b"}`, where a
        side has `requested`, `effective`, `source` and `evidence` as far as they are known.
        """
        fields = {each: getattr(self, each) for each in self.__slots__}
        fields["a"], fields["b"] = asdict(self.a), asdict(self.b)
        fields["table"] = asdict(self.table) if self.table else None
        fields["parameters"] = [
            {"name": each.name, "a": each.a.document(), "b": each.b.document()}
            for each in self.parameters
        ]
        return fields


def setting(facts: DecodingFacts, name: str) -> Setting:
    """Give what is known of one parameter, by its canonical name, in one run.

    From the proxy's decoding record where there is one; else only what was requested is known.
    """
    if facts.record is not None:
        entry: Mapping[str, Any] = facts.record.get("parameters", {}).get(name, {})
        values = {key: entry[key] for key in ("requested", "effective") if key in entry}
        return Setting(values, entry.get("source"), entry.get("evidence"))
    requested = {canonical(each): value for each, value in facts.requested.items()}
    if name not in requested:
        return Setting({})
    return Setting({"requested": requested[name]}, source="client", evidence="unknown")


def _names(facts: DecodingFacts) -> list[str]:
    recorded = (facts.record or {}).get("parameters", {})
    return [*recorded, *(canonical(name) for name in facts.requested)]


def setting_differences(a: DecodingFacts, b: DecodingFacts) -> tuple[SettingDifference, ...]:
    """Give the parameters whose requested or effective values differ, in the record's order.

    Where only one of the runs has effective values, what was requested decides.
    """
    alike = (a.record is None) == (b.record is None)
    compared = ("requested", "effective") if alike else ("requested",)
    found = []
    for name in dict.fromkeys([*_names(a), *_names(b)]):
        of_a, of_b = setting(a, name), setting(b, name)
        views = [
            {key: value for key, value in each.values.items() if key in compared}
            for each in (of_a, of_b)
        ]
        if views[0] != views[1]:
            found.append(SettingDifference(name, of_a, of_b))
    return tuple(found)


def identity(manifest: Manifest) -> dict[str, str]:
    """Give what two runs must have in common for their items to be the same, by name."""
    return {
        "task": manifest.task.name,
        "task version": manifest.task.version,
        "metric": manifest.task.headline,
        "dataset sha256": manifest.dataset.sha256,
    }


def _check_headlines(a: TaskFacts, b: TaskFacts) -> None:
    """Refuse headlines that mean two things; of one that is a plain mean the name says it all."""
    whole = whole_headline(a) or whole_headline(b)
    if a.headline == b.headline and (whole is None or a.aggregate == b.aggregate):
        return
    said = (
        f"{each.headline!r} of {each.name}"
        + (f" (aggregate {each.aggregate!r})" if each.aggregate else "")
        for each in (a, b)
    )
    raise NotComparable(
        f"the runs cannot be compared: their headlines are {' and '.join(said)}, whose difference "
        "means nothing, with --force too; compare two runs of one of these tasks"
    )


def _check(a: Manifest, b: Manifest, *, force: bool) -> tuple[str, ...]:
    _check_headlines(a.task, b.task)
    of_a, of_b = identity(a), identity(b)
    differences = [
        f"{name} {of_a[name]!r} and {of_b[name]!r}" for name in of_a if of_a[name] != of_b[name]
    ]
    if differences and not force:
        raise NotComparable(
            f"the runs cannot be compared in pairs: {'; '.join(differences)}; "
            "compare runs of the same task and data, or insist with --force"
        )
    return tuple(f"compared with --force although they differ: {each}" for each in differences)


def _labels(a: RunData, b: RunData) -> tuple[str, str]:
    """Give each run's name, with as many of the folders above it as tell the two apart."""
    parts_a, parts_b = a.path.resolve().parts, b.path.resolve().parts
    for count in range(1, min(len(parts_a), len(parts_b))):
        if parts_a[-count:] != parts_b[-count:]:
            return "/".join(parts_a[-count:]), "/".join(parts_b[-count:])
    return str(a.path), str(b.path)


def _kept(run: RunData, name: str, other: RunData, other_name: str) -> tuple[str, ...]:
    """Warn of answers of an earlier run that are the other run's very answers.

    Their bodies decide: those of two answers have their own ids and times, also for equal texts.
    """
    theirs = {record.key: record.bodies for record in other.records}
    both = [record for record in run.records if record.key in theirs]
    kept = sum(record.cached and record.bodies == theirs[record.key] for record in both)
    if not kept:
        return ()
    said = (
        f"{kept} of {len(both)} answers of {name} were kept from an earlier run and are those of "
        f"{other_name} too, so that equal answers say nothing about noise; run with --no-cache"
    )
    return (said,)


def _notes(found: Found, unit: Unit, items: int) -> tuple[str, ...]:
    interval, smallest = found.compared.interval, found.compared.detectable
    notes = []
    if interval.method == "none":
        notes.append("there is no interval: these items do not vary, or are one only")
    elif (interval.low <= 0 <= interval.high) == (found.compared.test.p < SIGNIFICANCE):
        notes.append(
            "a borderline case: interval and test do not agree about zero; the test decides, "
            "since it does not reject more often than it says"
        )
    if unit == "plain":
        if smallest is not None:
            size = format_plain(smallest).removeprefix("+")
            notes.append(
                f"{items} items show a true difference of {size} or more four times out of five"
            )
        return tuple(notes)
    if smallest is not None and smallest > POINT:
        notes.append(
            f"{items} items show a true difference of {100 * smallest:.1f} points or more four "
            "times out of five; a difference of 1 point is too small to be seen with them"
        )
    if interval.low < -POINT and interval.high > POINT:
        notes.append("the interval leaves room for either run to be better by more than 1 point")
    return tuple(notes)


def compare_runs(a: RunData, b: RunData, *, seed: int = 0, force: bool = False) -> Comparison:
    """Compare two runs of the same task on the same data by their headline.

    Where every item has one plain verdict in each run, the test is McNemar's and the interval
    Newcombe's; with repeats or graded scores, a sign-flip permutation test and a bootstrap. A
    headline that is not the mean of the items' values is tested itself (`stats/whole.py`).

    Raises:
        NotComparable: the runs have different headlines, are of different tasks or data (and not
            `force`), or share no item that both scored.

    """
    warnings = _check(a.manifest, b.manifest, force=force)
    pairs = pair(a, b)
    score_a, score_b = pairs.headlines
    found = compare_pairs(pairs, seed)
    interval, test, smallest = (
        found.compared.interval,
        found.compared.test,
        found.compared.detectable,
    )
    unit: Unit = "points" if score_a.unit == "share" else "plain"
    scale = 100.0 if unit == "points" else 1.0
    name_a, name_b = _labels(a, b)
    if unit == "points":
        said = verdict(scale * interval.value, test.p, name_a, name_b)
    else:
        lower = found.lower_is_better
        said = plain_verdict(interval.value, test.p, name_a, name_b, lower_is_better=lower)
    return Comparison(
        task=a.manifest.task.name,
        metric=a.manifest.task.headline,
        unit=unit,
        lower_is_better=found.lower_is_better,
        a=Side(name_a, str(a.path), a.manifest.sent_model, score_a),
        b=Side(name_b, str(b.path), b.manifest.sent_model, score_b),
        items=pairs.items,
        left_out=pairs.left_out,
        discordant=found.compared.discordant,
        table=found.table,
        difference=scale * interval.value,
        low=scale * interval.low,
        high=scale * interval.high,
        interval=interval.method,
        p=test.p,
        mid_p=test.mid_p,
        test=test.test,
        draws=test.draws,
        detectable=None if smallest is None else scale * smallest,
        band=said.band,
        significant=said.significant,
        verdict=said.text,
        notes=_notes(found, unit, pairs.items),
        parameters=setting_differences(a.manifest.decoding, b.manifest.decoding),
        warnings=(*warnings, *_kept(a, name_a, b, name_b), *_kept(b, name_b, a, name_a)),
    )
