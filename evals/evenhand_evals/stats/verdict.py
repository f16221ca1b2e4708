"""A difference in words: whether it is significant, and whether it matters.

The practical bands are those by which evaluation results are commonly discussed: under one point
is normal fluctuation, one to three points is worth attention, over five is to be investigated.
Both are said, because each without the other misleads: with many items a tiny difference is
significant, with few items a huge one is not.
"""

from dataclasses import dataclass
from typing import Literal

SIGNIFICANCE = 0.05

Band = Literal["fluctuation", "attention", "notable", "investigate"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The practical band, whether the test is significant, and both in one or two sentences.

    `band` is None for a difference that is not in points.
    """

    band: Band | None
    significant: bool
    text: str


_SIGNIFICANT: dict[Band, str] = {
    "fluctuation": "significant but under one point: real, and too small to matter in practice",
    "attention": "significant and moderate: worth attention",
    "notable": "significant and notable: find its cause before relying on either score",
    "investigate": "significant and large: investigate",
}
_NOT_SIGNIFICANT: dict[Band, str] = {
    "fluctuation": "not significant and under one point: normal fluctuation",
    "attention": "not significant: worth attention only if more items or repeats confirm it",
    "notable": "not significant: too few items to tell it from chance; run more of them",
    "investigate": "not significant although large: too few items to tell it from chance; "
    "run more of them before investigating",
}


def band(points: float) -> Band:
    """Give the practical band of a difference in percentage points; its sign does not matter."""
    size = abs(points)
    if size < 1:
        return "fluctuation"
    if size <= 3:
        return "attention"
    return "notable" if size <= 5 else "investigate"


def format_p(p: float) -> str:
    """Write a p-value as text: two significant digits, never as zero."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def verdict(points: float, p: float, a: str = "A", b: str = "B") -> Verdict:
    """Judge a difference of A minus B in percentage points with its two-sided p-value."""
    kind, significant = band(points), p < SIGNIFICANCE
    if points == 0:
        text = f"{a} and {b} have the same score ({format_p(p)}): no difference was found"
        return Verdict(kind, significant, text)
    better = a if points > 0 else b
    meaning = (_SIGNIFICANT if significant else _NOT_SIGNIFICANT)[kind]
    text = f"{better} is {abs(points):.1f} points higher; the difference is "
    head, colon, tail = meaning.partition(": ")
    return Verdict(kind, significant, f"{text}{head} ({format_p(p)}){colon}{tail}")


def format_plain(difference: float) -> str:
    """Write a difference that is not in points, with its sign, to three digits or three places."""
    size = abs(difference)
    return f"{difference:+.1f}" if size >= 100 else f"{difference:+.{3 if size >= 0.1 else 5}f}"


def plain_verdict(difference: float, p: float, a: str, b: str, *, lower_is_better: bool) -> Verdict:
    """Judge a difference of A minus B in a unit of its own, for which there are no bands."""
    significant = p < SIGNIFICANCE
    if difference == 0:
        return Verdict(None, significant, verdict(0, p, a, b).text)
    better = a if (difference < 0) == lower_is_better else b
    size = format_plain(abs(difference)).removeprefix("+")
    way = "lower, which is better" if lower_is_better else "higher"
    said = "significant" if significant else "not significant"
    meaning = (
        "real, whether or not it matters"
        if significant
        else "these items do not tell it from chance"
    )
    text = f"{better} is {size} {way}; the difference is {said} ({format_p(p)}): {meaning}"
    return Verdict(None, significant, text)
