"""Read what `--task-set` gave to a task; an error names the option, the value and the fix."""

from collections.abc import Sequence

from evenhand_evals.errors import Unaskable, UsageError
from evenhand_evals.types import DataSource


def whole(source: DataSource, name: str, default: int, *, low: int = 1) -> int:
    """Read a whole number.

    Raises:
        UsageError: it is none, or below `low`.

    """
    (value,) = numbers(source, name, (default,), low=low, several=False)
    return value


def numbers(
    source: DataSource,
    name: str,
    default: Sequence[int],
    *,
    low: int = 1,
    high: int | None = None,
    several: bool = True,
) -> tuple[int, ...]:
    """Read whole numbers, separated by commas; they come back in order, none twice.

    Raises:
        UsageError: one is no whole number of low..high, or there is none, or more than allowed.

    """
    text = source.options.get(name)
    if text is None:
        return tuple(default)
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    fits = bool(found) and found[0] >= low and (high is None or found[-1] <= high)
    if not fits or (len(found) > 1 and not several):
        form = "whole numbers separated by commas" if several else "one whole number"
        bounds = f"of {low} or more" if high is None else f"of {low} to {high}"
        raise UsageError(f"--task-set {name}={text}: write {form}, {bounds}")
    return tuple(found)


def choices(
    source: DataSource, name: str, known: Sequence[str], default: Sequence[str]
) -> tuple[str, ...]:
    """Read names, separated by commas, in the order in which they are known.

    Raises:
        UsageError: one is not known.

    """
    text = source.options.get(name)
    if text is None:
        return tuple(default)
    asked = [part.strip() for part in text.split(",")]
    for each in asked:
        if each not in known:
            raise UsageError(f"--task-set {name}={text}: {each!r} is none of {', '.join(known)}")
    return tuple(each for each in known if each in asked)


def choice(source: DataSource, name: str, known: Sequence[str], default: str) -> str:
    """Read one name.

    Raises:
        UsageError: it is not known, or there are several.

    """
    found = choices(source, name, known, (default,))
    if len(found) > 1:
        raise UsageError(f"--task-set {name}={source.options[name]}: name only one")
    return found[0]


def settled(source: DataSource, asked: Sequence[int]) -> dict[str, str]:
    """Give the options that make the same items again, with the lengths that were settled on."""
    return {**source.options, "lengths": ",".join(str(each) for each in asked)}


def left_out(source: DataSource, default: Sequence[int], spare: int) -> dict[str, str]:
    """Give the lengths of the default that `lengths` leaves out, each with the reason."""
    limit = source.tokens().limit
    if limit is None or "lengths" in source.options:
        return {}
    answer = f", {spare} of them for the answer" if spare else ""
    why = (
        f"left out: the endpoint serves a context of {limit} tokens{answer}; serve the model with "
        "a larger one to ask them"
    )
    return {str(each): why for each in default if each + spare > limit}


def lengths(source: DataSource, default: Sequence[int], spare: int) -> tuple[int, ...]:
    """Read prompt lengths in tokens; `spare` is what must be left of the context for the answer.

    Those of the default that the served context has no room for are left out.

    Raises:
        Unaskable: the served context is known and has no room for a length.

    """
    limit = source.tokens().limit
    asked = numbers(source, "lengths", default, low=100)
    if limit is None:
        return asked
    room = limit - spare
    fitting = tuple(each for each in asked if each <= room)
    if fitting and (fitting == asked or "lengths" not in source.options):
        return fitting
    longest = ", ".join(str(each) for each in asked if each > room)
    raise Unaskable(
        f"the endpoint serves a context of {limit} tokens, of which {spare} are kept for the "
        f"answer: no room for prompts of {longest}; serve the model with a "
        f"larger context, or give --task-set lengths=N,... of at most {room}"
    )
