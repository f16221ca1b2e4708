"""Cuts a text into rolling windows whose borders are ends of words.

An engine's tokens are not known here, so windows are counted in words; a sign of a script that is
written without blanks (Chinese, Japanese) counts as a word. Every word is scored exactly once: the
first window is scored whole, each later one is `stride` words further, and only its last `stride`
words are scored, after the others as context. A border never parts a blank from the word after it,
because tokenizers keep these together. Inside Chinese a token may span a border: it is then scored
whole in the later window, and its first signs in the earlier one too, at most one such token for
each window.
"""

import re
from collections.abc import Mapping, Sequence

from evenhand_evals.errors import UsageError
from evenhand_evals.tasks.options import whole
from evenhand_evals.types import DataSource, Likelihood

WINDOW, STRIDE = 1024, 512
OPTIONS: Mapping[str, str] = {
    "window": f"words of context and scored text together, {WINDOW} if not set",
    "stride": "words from one window to the next, half of the window if not set",
}

_UNSPACED = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)")

Window = tuple[int, int, int]
"""Places in a text: where the context begins, where the scored part begins, where it ends."""


def setting(source: DataSource) -> tuple[int, int]:
    """Give the user's window and stride, in words.

    Raises:
        UsageError: the stride leaves a later window without context.

    """
    window = whole(source, "window", WINDOW, low=2)
    stride = whole(source, "stride", max(1, window // 2))
    if stride >= window:
        raise UsageError(
            f"--task-set stride={stride}: a window of {window} words has then no context; give at "
            f"most {window - 1}, with which each later window has one word of context"
        )
    return window, stride


def words(text: str) -> int:
    """Count words as windows count them."""
    return len(_WORD.findall(text))


def windows(text: str, window: int, stride: int) -> list[Window]:
    """Cut a text; blanks at its end belong to the last window. A text of blanks has no window."""
    ends = [match.end() for match in _WORD.finditer(text)]
    if not ends:
        return []
    count = len(ends)
    ends[-1] = len(text)
    scored = min(window, count)
    found = [(0, 0, ends[scored - 1])]
    while scored < count:
        end = min(scored + stride, count)
        found.append(
            (ends[end - window - 1] if end > window else 0, ends[scored - 1], ends[end - 1])
        )
        scored = end
    return found


def question(text: str, window: Sequence[int]) -> Likelihood:
    """Ask for one window."""
    context, start, end = window
    return Likelihood(text[context:start], (text[start:end],))
