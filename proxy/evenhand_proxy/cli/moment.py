"""A point in time on the command line."""

import re
from datetime import UTC, datetime
from typing import Any

import click

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Moment(click.ParamType[float]):
    """A point in time: how long ago (`90s`, `15m`, `1h`, `2d`), or ISO 8601."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give seconds since the Unix epoch."""
        if isinstance(value, float):
            return value
        ago = re.fullmatch(r"(\d+)([smhd])", value)
        if ago:
            return datetime.now(UTC).timestamp() - int(ago[1]) * _UNIT_SECONDS[ago[2]]
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no point in time: give a time ago (90s, 15m, 1h, 2d) "
                "or ISO 8601 (2026-01-31T08:00, local time without an offset)",
                param,
                ctx,
            )
