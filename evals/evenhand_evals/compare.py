"""Two runs on the same items: do their scores really differ, and which setting differs.

The pairing is by item: an item counts where both runs scored it at least once, with the mean over
its repeats. Items that failed in either run are left out and counted, never taken as wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evenhand_evals.errors import NotComparable
from evenhand_evals.manifest import DecodingFacts, Manifest
from evenhand_evals.results import RunData, item_values
from evenhand_evals.settings import canonical
from evenhand_evals.stats.intervals import Interval, mean
from evenhand_evals.stats.paired import (
    Discordance,
    TestResult,
    bootstrap,
    detectable,
    mcnemar,
    newcombe,
    permutation,
)
from evenhand_evals.stats.verdict import SIGNIFICANCE, Band, verdict
from evenhand_evals.types import Estimate

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
    """Run A against run B; differences are A minus B in percentage points.

    `items` are paired; `left_out` are those that failed or are missing in a run. `discordant`
    counts the items on which the runs differ; `table` splits them where every item is plainly right
    or wrong. `interval` names how `low` and `high` were made; "none" says that they are only the
    difference itself. `detectable` is the smallest true
    difference that these items would show four times out of five. `parameters` are the decoding
    parameters that differ, and `warnings` sentences that belong above the verdict.
    """

    task: str
    metric: str
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
    detectable: float
    band: Band
    significant: bool
    verdict: str
    notes: tuple[str, ...]
    parameters: tuple[SettingDifference, ...]
    warnings: tuple[str, ...]

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


def _check(a: Manifest, b: Manifest, *, force: bool) -> tuple[str, ...]:
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


def _tabulate(a: Sequence[float], b: Sequence[float]) -> Discordance:
    pairs = list(zip(a, b, strict=True))
    return Discordance(
        both=sum(one == 1 and two == 1 for one, two in pairs),
        only_a=sum(one > two for one, two in pairs),
        only_b=sum(two > one for one, two in pairs),
        neither=sum(one == 0 and two == 0 for one, two in pairs),
    )


def _side(run: RunData, label: str, values: Mapping[str, Sequence[float]]) -> Side:
    interval = mean(list(values.values()))
    score = Estimate.of(interval, len(values))
    return Side(label, str(run.path), run.manifest.sent_model, score)


def _labels(a: RunData, b: RunData) -> tuple[str, str]:
    """Give each run's name, with as many of the folders above it as tell the two apart."""
    parts_a, parts_b = a.path.resolve().parts, b.path.resolve().parts
    for count in range(1, min(len(parts_a), len(parts_b))):
        if parts_a[-count:] != parts_b[-count:]:
            return "/".join(parts_a[-count:]), "/".join(parts_b[-count:])
    return str(a.path), str(b.path)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The values of the items that both runs scored, in one order, and the number of others."""

    a: Mapping[str, Sequence[float]]
    b: Mapping[str, Sequence[float]]
    left_out: int

    @property
    def plain(self) -> bool:
        """Whether every item is simply right or wrong, once, in each run."""
        lists = (*self.a.values(), *self.b.values())
        return all(len(each) == 1 and each[0] in (0, 1) for each in lists)

    @property
    def means(self) -> tuple[list[float], list[float]]:
        """The mean of each item over its repeats, in run A and in run B."""
        a, b = ([sum(each) / len(each) for each in side.values()] for side in (self.a, self.b))
        return a, b


def _pair(a: RunData, b: RunData) -> _Pairs:
    values_a, values_b = item_values(a.records), item_values(b.records)
    shared = sorted(values_a.keys() & values_b.keys())
    if not shared:
        raise NotComparable(
            f"{a.path} and {b.path} share no item that both scored; compare runs of the same items"
        )
    asked = {record.item for record in (*a.records, *b.records)}
    return _Pairs(
        {item: values_a[item] for item in shared},
        {item: values_b[item] for item in shared},
        len(asked) - len(shared),
    )


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


def _test(pairs: _Pairs, seed: int) -> tuple[Discordance | None, Interval, TestResult]:
    a, b = pairs.means
    if pairs.plain:
        table = _tabulate(a, b)
        return table, newcombe(table), mcnemar(table.only_a, table.only_b)
    differences = [one - two for one, two in zip(a, b, strict=True)]
    return None, bootstrap(differences, seed=seed), permutation(differences, seed=seed)


def _notes(interval: Interval, p: float, smallest: float, items: int) -> tuple[str, ...]:
    notes = []
    if interval.method == "none":
        notes.append("there is no interval: these items do not vary, or are one only")
    elif (interval.low <= 0 <= interval.high) == (p < SIGNIFICANCE):
        notes.append(
            "a borderline case: interval and test do not agree about zero; the test decides, "
            "since it does not reject more often than it says"
        )
    if smallest > POINT:
        notes.append(
            f"{items} items show a true difference of {100 * smallest:.1f} points or more four "
            "times out of five; a difference of 1 point is too small to be seen with them"
        )
    if interval.low < -POINT and interval.high > POINT:
        notes.append("the interval leaves room for either run to be better by more than 1 point")
    return tuple(notes)


def compare_runs(a: RunData, b: RunData, *, seed: int = 0, force: bool = False) -> Comparison:
    """Compare two runs of the same task on the same data.

    Where every item has one plain verdict in each run, the test is McNemar's and the interval
    Newcombe's; with repeats or graded scores, a sign-flip permutation test and a bootstrap.

    Raises:
        NotComparable: the runs are of different tasks or data (and not `force`), or share no item
            that both scored.

    """
    warnings = _check(a.manifest, b.manifest, force=force)
    pairs = _pair(a, b)
    table, interval, test = _test(pairs, seed)
    differences = [one - two for one, two in zip(*pairs.means, strict=True)]
    smallest = detectable(differences)
    name_a, name_b = _labels(a, b)
    said = verdict(100 * interval.value, test.p, name_a, name_b)
    return Comparison(
        task=a.manifest.task.name,
        metric=a.manifest.task.headline,
        a=_side(a, name_a, pairs.a),
        b=_side(b, name_b, pairs.b),
        items=len(differences),
        left_out=pairs.left_out,
        discordant=sum(each != 0 for each in differences),
        table=table,
        difference=100 * interval.value,
        low=100 * interval.low,
        high=100 * interval.high,
        interval=interval.method,
        p=test.p,
        mid_p=test.mid_p,
        test=test.test,
        draws=test.draws,
        detectable=100 * smallest,
        band=said.band,
        significant=said.significant,
        verdict=said.text,
        notes=_notes(interval, test.p, smallest, len(differences)),
        parameters=setting_differences(a.manifest.decoding, b.manifest.decoding),
        warnings=(*warnings, *_kept(a, name_a, b, name_b), *_kept(b, name_b, a, name_a)),
    )
