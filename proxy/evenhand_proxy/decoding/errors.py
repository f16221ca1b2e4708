"""The errors of this package: one for what a person set, one for what an engine answered."""

from typing import Any

from evenhand_proxy.decoding.vocabulary import ABSENT


class DecodingError(ValueError):
    """A decoding parameter, profile or setting that cannot be used.

    The message names the parameter, the value, the reason and the fix. The value is ABSENT where
    the reason names it, or where it is not at fault.
    """

    def __init__(self, parameter: str, value: Any, reason: str, fix: str) -> None:
        about = f"{parameter}: " if parameter else ""
        super().__init__(f"{about}{'' if value is ABSENT else f'{value!r} '}{reason}; {fix}")
        self.parameter = parameter
        self.value = value
        self.reason = reason
        self.fix = fix


class IntrospectionError(ValueError):
    """An engine's answer about itself that cannot be read.

    The message names the engine, the path that was asked, and what is wrong or missing.
    """

    def __init__(self, engine: str, path: str, reason: str) -> None:
        super().__init__(f"{engine} {path}: {reason}")
        self.engine = engine
        self.path = path
        self.reason = reason
