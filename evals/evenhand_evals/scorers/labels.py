"""Read a label out of an answer that was asked for nothing but a label.

Three readings of the same answer, from strict to generous: the answer *is* the label, byte for
byte; the answer *states* the label, in any dress (quotes, Markdown, punctuation, "答案：", a reason
after it); the answer *mentions* the label somewhere in a sentence. Mind that 会下雨 is a part of
不会下雨: looking for a label as a substring reads every "no" as a "yes".
"""

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_LEAD = re.compile(r"^(?:最终|我的)?(?:答案|回答|结论|标签)(?:是|为)?")


def is_label(text: str, labels: Sequence[str]) -> bool:
    """Whether the text is one of the labels, to the byte."""
    return text in labels


def stated_label(text: str, labels: Sequence[str]) -> str | None:
    """Give the label that stands by itself in the text, or None if none or several do.

    Everything that is not a letter or digit separates, so `**会下雨**。` states 会下雨 and
    `今天会下雨吗` states nothing.
    """
    stated = {_LEAD.sub("", word) for word in _WORD.findall(text)} & set(labels)
    return stated.pop() if len(stated) == 1 else None


def mentioned_label(text: str, labels: Sequence[str]) -> str | None:
    """Give the only label that occurs in the text at all, longest first, or None.

    An upper bound on what a reader could make of an essay; it reads 不可能会下雨 as 会下雨.
    """
    pattern = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    mentioned = set(re.findall(pattern, text))
    return mentioned.pop() if len(mentioned) == 1 else None
