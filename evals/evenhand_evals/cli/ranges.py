"""Numbers that a command takes: finite ones, and seeds that fit where they are stored."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A range of numbers without NaN, which lies in every range, and without infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


SECONDS = FiniteRange(min=0, min_open=True)
SEED = click.IntRange(-(2**63), 2**63 - 1)
