"""What a run came to, computed from its log, and a whole run read back from its folder."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

from evenhand_evals.brief import Brief, brief_of, read_briefs
from evenhand_evals.headlines import Bounds, bounds, headline, scored_items, whole_metrics
from evenhand_evals.latency import Latency, latency
from evenhand_evals.log import LOG_NAME, Record, read_log
from evenhand_evals.manifest import Manifest, read_manifest
from evenhand_evals.overviews import OVERVIEWS, Overview
from evenhand_evals.stats.intervals import mean, ratio
from evenhand_evals.thinking import Thinking, all_thinking
from evenhand_evals.types import OUTCOMES, Estimate, Outcome

RESULT_NAME = "result.json"
SHOWN_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that the endpoint reported, over the `reported` samples for which it said them."""

    prompt: int
    completion: int
    reported: int


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a run, a pure function of its manifest and its log.

    `score` is the headline metric, None if no sample could be scored; `metrics` holds it and every
    other metric by name, `groups` the headline for each group of items. `outcomes` counts samples
    (items times repeats), all six kinds always present; `samples` is how many the log holds and
    `planned` how many the whole run has. `bounds` is None when nothing failed, and for a headline
    to which a failed sample could do anything (BLEU, perplexities). `duration` is the time in
    seconds in which at least one request was under way. `fingerprints` are the decoding
    fingerprints seen, by repeat; more than one for a repeat means that the endpoint did not decode
    all samples alike. `unparsed_answers` are the commonest beginnings of answers that nothing could
    be read from, with how often each came. `warnings` are sentences for the reader.
    `overview` is the task's own table, None where it has none; `latency` is how fast streamed
    answers came, None where none did; `thinking` how much of the answers was thinking, None where
    nothing was.
    """

    headline: str
    score: Estimate | None
    metrics: Mapping[str, Estimate]
    outcomes: Mapping[Outcome, int]
    items: int
    samples: int
    planned: int
    complete: bool
    tokens: Tokens
    duration: float
    bounds: Bounds | None = None
    groups: Mapping[str, Estimate] = field(default_factory=dict)
    fingerprints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unparsed_answers: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    overview: Overview | None = None
    latency: Latency | None = None
    thinking: Thinking | None = None


@dataclass(frozen=True)
class RunData:
    """A run read back: its manifest and its result; `kept` are its records, None: in its log."""

    path: Path
    manifest: Manifest
    kept: tuple[Record, ...] | None
    result: Result

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Its samples in the order of the log, which is read where somebody wants them.

        Raises:
            RunUnreadable: the log has been damaged meanwhile.

        """
        if self.kept is not None:
            return self.kept
        log = self.path / LOG_NAME
        return read_log(log) if log.exists() else ()

    @property
    def label(self) -> str:
        """A short name for tables: the name of the run's folder."""
        return self.path.resolve().name


def _named_means(records: Sequence[Brief]) -> dict[str, Estimate]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    graded: set[str] = set()
    for record in records:
        for name, value in record.score.metrics.items() if record.score else ():
            values[name][record.item].append(float(value))
            if not isinstance(value, bool):
                graded.add(name)
    return {
        name: Estimate.of(mean(list(items.values()), graded=name in graded), len(items))
        for name, items in values.items()
    }


def _named_ratios(records: Sequence[Brief]) -> dict[str, Estimate]:
    pools: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for record in records:
        for name, (passed, total) in record.score.counts.items() if record.score else ():
            pool = pools[name][record.item]
            pool[0] += passed
            pool[1] += total
    estimates = {}
    for name, items in pools.items():
        pairs = [(passed, total) for passed, total in items.values() if total]
        if pairs:
            passed_by_item, totals = zip(*pairs, strict=True)
            estimates[name] = Estimate.of(ratio(passed_by_item, totals), len(pairs))
    return estimates


def _tokens(records: Sequence[Brief]) -> Tokens:
    return Tokens(
        sum(record.prompt_tokens for record in records),
        sum(record.completion_tokens for record in records),
        sum(record.reported for record in records),
    )


def _busy(records: Iterable[Brief]) -> float:
    total, until = 0.0, float("-inf")
    for start, end in sorted((each.started, each.started + each.duration) for each in records):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _groups(manifest: Manifest, records: Sequence[Brief]) -> dict[str, Estimate]:
    members: dict[str, list[Brief]] = defaultdict(list)
    for record in records:
        if record.group is not None:
            members[record.group].append(record)
    estimates = {
        name: headline(manifest.task, scored_items(group))
        for name, group in sorted(members.items())
    }
    return {name: each for name, each in estimates.items() if each is not None}


def _fingerprints(records: Iterable[Brief]) -> dict[str, tuple[str, ...]]:
    seen: dict[int, set[str]] = defaultdict(set)
    for record in records:
        if record.fingerprint:
            seen[record.repeat].add(record.fingerprint)
    return {str(repeat): tuple(sorted(prints)) for repeat, prints in sorted(seen.items())}


def _unparsed_answers(records: Iterable[Brief]) -> dict[str, int]:
    texts = (record.unparsed for record in records if record.unparsed is not None)
    return dict(Counter(texts).most_common(SHOWN_ANSWERS))


_HEEDED = frozenset(("passed", "renamed", "converted", "defaulted", "injected"))


def _unheeded(manifest: Manifest) -> tuple[str, ...]:
    """Say which decoding parameters were asked for and are not what acted."""
    record = manifest.decoding.record or {}
    entries = dict(record.get("parameters", {}))
    refused = {name: each for name, each in entries.items() if each.get("action") == "refused"}
    lines = []
    # Of a request that is refused nothing is sent: the others are dropped for its sake alone.
    for name, entry in (refused or entries).items():
        if "requested" not in entry or entry["requested"] is None:
            continue
        heeded = entry.get("action", "passed") in _HEEDED and entry.get("evidence") != "unknown"
        if not heeded:
            lines.append(f"{name} was asked for as {entry['requested']!r}, and {_fate(entry)}")
    return tuple(lines)


def _fate(entry: Mapping[str, Any]) -> str:
    reason = entry.get("reason") or "nothing is known of what came of it"
    if entry.get("evidence") == "unknown":
        return f"nobody knows whether it acts: {reason}"
    used = f", {entry['effective']!r} was used" if "effective" in entry else ""
    return f"it was {entry.get('action')}{used}: {reason}"


def _warnings(
    outcomes: Mapping[Outcome, int],
    fingerprints: Mapping[str, tuple[str, ...]],
    samples: int,
    planned: int,
    cached: int,
    *,
    bounded: bool,
) -> tuple[str, ...]:
    lines = []
    if outcomes["failed"]:
        lines.append(
            f"{outcomes['failed']} of {samples} samples failed and are in no score"
            + (": the bounds say what they could change" if bounded else "")
        )
    if outcomes["truncated"]:
        lines.append(
            f"{outcomes['truncated']} answers were cut at max_tokens before they were right: "
            "raise it with --set max_tokens=N"
        )
    if cached:
        lines.append(
            f"{cached} of {samples} answers were made in an earlier run and kept; "
            "--no-cache asks all of them anew"
        )
    if any(len(prints) > 1 for prints in fingerprints.values()):
        lines.append(
            "the endpoint decoded with different settings within this run: "
            "more than one decoding fingerprint"
        )
    if samples < planned:
        lines.append(f"{planned - samples} of {planned} planned samples have no answer yet")
    return tuple(lines)


TIMES_OF: Final = "the times of streams are of"
"""What a warning begins with that says of how few answers they are."""


def _timed(manifest: Manifest, times: Latency | None, cached: int) -> tuple[str, ...]:
    if not manifest.stream or not cached:
        return ()
    timed = times.first_token.n if times else 0
    why = "those kept from an earlier run have none; --no-cache asks and times all of them"
    return (f"{TIMES_OF} {timed} answers: {why}",)


def summarise(manifest: Manifest, records: Iterable[Record]) -> Result:
    """Compute the result of a run, finished or not, from its manifest and its records."""
    return sum_up(manifest, tuple(brief_of(record) for record in records))


def sum_up(manifest: Manifest, records: Sequence[Brief]) -> Result:
    """Compute the result of a run, finished or not, from its manifest and what is needed of it."""
    counted = Counter(record.outcome for record in records)
    outcomes: dict[Outcome, int] = {outcome: counted[outcome] for outcome in OUTCOMES}
    scored = scored_items(records)
    whole = whole_metrics(manifest.task, scored)
    score = whole.get(manifest.task.headline) or headline(manifest.task, scored)
    bounded = bounds(manifest.task, records, score)
    metrics = {manifest.task.headline: score} if score else {}
    fingerprints = _fingerprints(records)
    table = OVERVIEWS.get(manifest.task.aggregate or "")
    overview = table(manifest, whole) if table and records else None
    times = latency(each for record in records for each in record.pulses)
    cached = sum(record.cached for record in records)
    return Result(
        headline=manifest.task.headline,
        score=score,
        metrics={**_named_means(records), **_named_ratios(records), **whole, **metrics},
        outcomes=outcomes,
        items=len({record.item for record in records}),
        samples=len(records),
        planned=manifest.planned,
        complete=len(records) >= manifest.planned,
        tokens=_tokens(records),
        duration=_busy(records),
        bounds=bounded,
        groups=_groups(manifest, records),
        fingerprints=fingerprints,
        unparsed_answers=_unparsed_answers(records),
        warnings=(
            *manifest.notes,
            *_unheeded(manifest),
            *(overview.warnings if overview else ()),
            *_warnings(
                outcomes,
                fingerprints,
                len(records),
                manifest.planned,
                cached,
                bounded=bounded is not None,
            ),
            *_timed(manifest, times, cached),
        ),
        overview=overview,
        latency=times,
        thinking=all_thinking(record.thinking for record in records),
    )


def write_result(folder: Path, result: Result) -> None:
    """Write `result.json`, for scripts; everything in it can be computed again from the log."""
    (folder / RESULT_NAME).write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))


def load_run(folder: Path) -> RunData:
    """Read a run; the result is computed from the log, also of a run that is not finished.

    Raises:
        RunUnreadable: the folder holds no run, or its files are damaged.

    """
    manifest = read_manifest(folder)
    log = folder / LOG_NAME
    whole = manifest.task.aggregate is not None
    briefs = read_briefs(log, whole=whole) if log.exists() else ()
    return RunData(folder, manifest, None, sum_up(manifest, briefs))
