"""The verdicts on pairs of runs, drawn and in words."""

from collections.abc import Mapping, Sequence

from evenhand_evals.compare import Comparison, compare_runs
from evenhand_evals.errors import NotComparable
from evenhand_evals.report.plots import Axis, Dot, difference_axis, differences
from evenhand_evals.report.scores import shown
from evenhand_evals.report.view import PairView, Square
from evenhand_evals.results import RunData
from evenhand_evals.stats.verdict import format_p

BANDS = (1.0, 3.0, 5.0)


def compare_pairs(
    runs: Mapping[str, RunData], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[PairView, ...], tuple[str, ...]]:
    """Compare runs, given by letter, in pairs; all plots get the same scale.

    Returns:
        The verdicts, and a sentence for each pair that cannot be compared.

    """
    compared: dict[tuple[str, str], Comparison] = {}
    notes: list[str] = []
    for left, right in pairs:
        try:
            compared[left, right] = compare_runs(runs[left], runs[right])
        except NotComparable as error:
            notes.append(f"{left} against {right}: {error}")
    if not compared:
        return (), tuple(notes)
    dots = [_dot(*letters, each) for letters, each in compared.items()]
    in_points = any(each.unit == "points" for each in compared.values())
    axis = difference_axis(dots, least=6.0 if in_points else 0.0)
    views = [_view(*letters, each, axis) for letters, each in compared.items()]
    return tuple(views), tuple(notes)


def _view(left: str, right: str, comparison: Comparison, axis: Axis) -> PairView:
    table = comparison.table
    return PairView(
        left=left,
        right=right,
        items=f"{comparison.items:,}",
        tone=comparison.band or "attention" if comparison.significant else "fluctuation",
        says=_unbroken(comparison.verdict),
        plot=differences(
            f"difference-{left}-{right}",
            _title(left, right, comparison),
            [_dot(left, right, comparison)],
            axis,
            BANDS if comparison.unit == "points" else (),
        ),
        notes=(*comparison.warnings, *_left_out(comparison), *comparison.notes),
        detail=_detail(left, right, comparison),
        square=Square(table.both, table.only_a, table.only_b, table.neither) if table else None,
    )


def _title(left: str, right: str, comparison: Comparison) -> str:
    unit = ", in points" if comparison.unit == "points" else f" in {comparison.metric}"
    return f"Score of {left} minus score of {right}{unit}{_better(comparison)}"


def _better(comparison: Comparison) -> str:
    return " (lower is better)" if comparison.lower_is_better else ""


def _dot(left: str, right: str, comparison: Comparison) -> Dot:
    value, low, high = comparison.difference, comparison.low, comparison.high
    ends = f"{comparison.text(low)} to {comparison.text(high)}"
    bounds = "no interval" if comparison.interval == "none" else ends
    text = f"{comparison.text(value)} ({bounds})"
    return Dot(f"{left} − {right}", value, low, high, text)


def _unbroken(text: str) -> str:
    """Keep a p-value on one line, with no-break spaces around its sign."""
    return text.replace(" = ", "\u00a0=\u00a0").replace(" < ", "\u00a0<\u00a0")


def _left_out(comparison: Comparison) -> list[str]:
    count = comparison.left_out
    if not count:
        return []
    items = "1 item is" if count == 1 else f"{count} items are"
    return [f"{items} left out, failed or missing in one of the runs"]


def _detail(left: str, right: str, comparison: Comparison) -> str:
    mid = f" (mid-p {comparison.mid_p:.2g})" if comparison.mid_p is not None else ""
    draws = f", {comparison.draws:,} random draws" if comparison.draws else ""
    return (
        f"On these items {left} scores {shown(comparison.a.score)} and {right} "
        f"{shown(comparison.b.score)} in {comparison.metric}{_better(comparison)}; "
        f"{comparison.discordant} of {comparison.items} items differ. "
        f"Test: {comparison.test}{draws}, {format_p(comparison.p)}{mid}. "
        f"Interval: {comparison.interval}."
    )
