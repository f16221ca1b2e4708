"""The report's plots as pure functions: numbers in, inline SVG out.

Colours and patterns are classes of `style.css`, so that dark mode and print restyle them. The
outcome palette is that of Okabe and Ito (2008, "Color Universal Design"), which colour-blind
readers can tell apart; a pattern on each colour keeps them apart on grey paper.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand_evals.report.svg import element, percent, picture
from evenhand_evals.types import OUTCOMES, Outcome

PLOT_LEFT, PLOT_WIDTH = 3.0, 94.0
ROW, AXIS = 46, 34
WHOLE_SCALE_FROM = 25.0
NARROWEST_COUNT = 7.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a forest plot: an estimate with its interval, all in points (per cent)."""

    label: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale in points, with the places of its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Give the horizontal position of a value in per cent of the picture's width."""
        return PLOT_LEFT + PLOT_WIDTH * (value - self.low) / (self.high - self.low)


def score_axis(dots: Sequence[Dot]) -> Axis:
    """Choose the scale for scores: all of 0..100, unless the intervals would shrink to dots.

    If together they span less than a quarter of the scale, and zero is not near, the axis is cut
    to them with a margin of half their span on both sides; the plot says where it starts. Scores
    that are no shares of a whole (a cost, a perplexity) have a scale from zero to around them.
    """
    low, high = min(dot.low for dot in dots), max(dot.high for dot in dots)
    span = high - low
    if low < 0 or high > 100:
        return _axis(min(0.0, low * 1.1), max(high * 1.1, 1.0))
    if span >= WHOLE_SCALE_FROM or low < WHOLE_SCALE_FROM:
        return _axis(0.0, 100.0) if high > 50.0 else _axis(0.0, max(high * 1.1, 1.0))
    margin = max(span / 2, 1.0)
    return _axis(max(0.0, low - margin), min(100.0, high + margin))


def difference_axis(dots: Sequence[Dot], least: float = 6.0) -> Axis:
    """Choose the scale for differences: zero in the middle, and so much at least to each side."""
    reach = max(least, *(abs(edge) * 1.05 for dot in dots for edge in (dot.low, dot.high)))
    return _axis(-reach, reach) if reach else _axis(-1.0, 1.0)


def forest(key: str, title: str, dots: Sequence[Dot], unit: str = " %") -> Markup:
    """Draw scores with their intervals, one row for each run; `unit` is written after a number."""
    axis = score_axis(dots)
    shapes = [*_grid(axis, len(dots), signed=False), *_rows(axis, dots)]
    if axis.low > 0:
        note = f"the axis starts at {axis.low:g}{unit}"
        shapes.append(_text(PLOT_LEFT, ROW * len(dots) + AXIS + 8, note, "note"))
    return picture(key, title, _described(dots), _height(len(dots), axis.low > 0), shapes)


def differences(
    key: str, title: str, dots: Sequence[Dot], axis: Axis, bands: Sequence[float]
) -> Markup:
    """Draw paired differences around zero, over the shaded bands of practical size (points)."""
    height = float(ROW * len(dots))
    shades = [
        element(
            "rect",
            x=percent(axis.at(max(-band, axis.low))),
            y=0,
            width=percent(axis.at(min(band, axis.high)) - axis.at(max(-band, axis.low))),
            height=height,
            class_=f"band band-{number}",
        )
        for number, band in reversed(list(enumerate(sorted(bands))))
    ]
    zero = _line(axis.at(0), axis.at(0), 0, height, "zero")
    shapes = [*shades, *_grid(axis, len(dots), signed=True), zero, *_rows(axis, dots)]
    return picture(key, title, _described(dots), _height(len(dots), noted=False), shapes)


def outcome_bar(key: str, title: str, counts: Mapping[Outcome, int]) -> Markup:
    """Draw the outcomes of one run as one bar; each part as wide as its share, with its count.

    A count stands in its part where there is room for it; the page has them all in a table.
    """
    total = sum(counts.values()) or 1
    shapes, start = [], 0.0
    for name in OUTCOMES:
        share = 100.0 * counts.get(name, 0) / total
        if share:
            shapes += _segment(name, start, share, counts[name])
        start += share
    words = ", ".join(f"{counts.get(name, 0)} {name}" for name in OUTCOMES)
    return picture(key, title, f"{words}; {total} in all.", 34, shapes)


def swatch(name: str) -> Markup:
    """Draw the small coloured square that stands beside an outcome's name; decoration only."""
    return element(
        "svg",
        *_filled(name, x=0, y=0, width=14, height=14),
        class_="swatch",
        width=14,
        height=14,
        aria_hidden="true",
    )


def patterns() -> Markup:
    """Write the patterns that tell outcomes apart without colour; needed once in a page."""
    drawn = {
        "wrong": "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4",
        "unparsed": "M1,2 h2 M5,6 h2 M2,1 v2 M6,5 v2",
        "truncated": "M0,4 h8",
        "refused": "M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4",
        "failed": "M0,0 l8,8 M0,8 l8,-8",
    }
    tiles = [
        element(
            "pattern",
            element("path", d=path, class_="hatch"),
            id=f"pattern-{name}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        )
        for name, path in drawn.items()
    ]
    return element("svg", element("defs", *tiles), class_="defs", width=0, height=0)


def _axis(low: float, high: float) -> Axis:
    step = _nice((high - low) / 5 or 1.0)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return Axis(low, high, tuple(number * step for number in range(first, last + 1)))


def _nice(step: float) -> float:
    """Round a step up to 1, 2 or 5 times a power of ten, so that ticks are round numbers."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(unit * power for unit in (1, 2, 5, 10) if unit * power >= step * 0.999)


def _grid(axis: Axis, rows: int, *, signed: bool) -> list[Markup]:
    bottom = float(ROW * rows)
    shapes = [_line(axis.at(axis.low), axis.at(axis.high), bottom, bottom, "axis")]
    for tick in axis.ticks:
        at = axis.at(tick)
        shapes.append(_line(at, at, 0, bottom + 5, "grid"))
        label = f"{tick:+g}" if signed and tick else f"{tick:g}"
        shapes.append(_text(at, bottom + 20, label, "tick"))
    return shapes


def _rows(axis: Axis, dots: Sequence[Dot]) -> list[Markup]:
    shapes: list[Markup] = []
    for number, dot in enumerate(dots):
        y = ROW * number + 31.0
        low, mid, high = (axis.at(value) for value in (dot.low, dot.value, dot.high))
        shapes += [
            _line(low, high, y, y, "interval"),
            _line(low, low, y - 5, y + 5, "interval"),
            _line(high, high, y - 5, y + 5, "interval"),
            element("circle", cx=percent(mid), cy=y, r=5.5, class_="dot"),
            _text(mid, y - 13, f"{dot.label}  {dot.text}", _anchor(mid)),
        ]
    return shapes


def _anchor(position: float) -> str:
    if position < 30.0:
        return "label from"
    return "label to" if position > 70.0 else "label"


def _segment(name: str, start: float, share: float, count: int) -> list[Markup]:
    shapes = _filled(name, x=percent(start), y=0, width=percent(share), height=34)
    if share >= NARROWEST_COUNT:
        middle = percent(start + share / 2)
        shapes.append(element("text", str(count), x=middle, y=22, class_=f"count on-{name}"))
    return shapes


def _filled(name: str, **box: str | float) -> list[Markup]:
    shapes = [element("rect", **box, class_=f"part outcome-{name}")]
    if name != "correct":
        shapes.append(element("rect", **box, fill=f"url(#pattern-{name})"))
    return shapes


def _line(left: float, right: float, top: float, bottom: float, class_: str) -> Markup:
    return element("line", x1=percent(left), x2=percent(right), y1=top, y2=bottom, class_=class_)


def _text(at: float, y: float, words: str, class_: str) -> Markup:
    return element("text", words, x=percent(at), y=y, class_=class_)


def _height(rows: int, noted: bool) -> float:
    return ROW * rows + AXIS + (18 if noted else 0)


def _described(dots: Sequence[Dot]) -> str:
    return "; ".join(f"{dot.label}: {dot.text}" for dot in dots) + "."
