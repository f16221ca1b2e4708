"""Drawing a part of a data set: so many of each stratum, or a share of each.

What is drawn stands in the order of a hash of seed and id (`run.order` has the same), so that a
smaller sample is a part of a larger one, whatever else is in the data.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def rank(seed: int, name: str) -> bytes:
    """Give the place of an item in the seeded order."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def stratified(
    items: Sequence[T],
    stratum: Callable[[T], str],
    name: Callable[[T], str],
    *,
    seed: int,
    size: int | None = None,
    share: float | None = None,
) -> list[T]:
    """Give `size` items of each stratum, or the `share` of each (0..1, rounded up), as they stood.

    A stratum that is smaller than `size` gives all it has.

    Raises:
        ValueError: neither or both of `size` and `share` are given.

    """
    if (size is None) == (share is None):
        raise ValueError("a stratified sample has a size or a share")
    strata: dict[str, list[T]] = defaultdict(list)
    for item in items:
        strata[stratum(item)].append(item)
    chosen: set[str] = set()
    for members in strata.values():
        count = size if size is not None else _rounded_up(len(members), share or 0.0)
        ranked = sorted(members, key=lambda each: rank(seed, name(each)))
        chosen.update(name(each) for each in ranked[:count])
    return [item for item in items if name(item) in chosen]


def _rounded_up(count: int, share: float) -> int:
    """Round up, but not for the dust that a share leaves behind its point (0.1 * 30 > 3)."""
    return math.ceil(round(count * share, 9))
