"""The one error of this package."""

from typing import Any


class DecodingError(ValueError):
    """A decoding parameter, profile or setting that cannot be used.

    The message names the parameter, the value, the reason and the fix.
    """

    def __init__(self, parameter: str, value: Any, reason: str, fix: str) -> None:
        super().__init__(f"{parameter}: {value!r} {reason}; {fix}")
        self.parameter = parameter
        self.value = value
        self.reason = reason
        self.fix = fix
