"""Read a label out of an answer that was asked for nothing but a label.

Three readings of the same answer, from strict to generous: the answer *is* the label, byte for
byte; the answer *states* the label, in any dress (quotes, Markdown, punctuation, "答案：", a reason
after it); the answer *mentions* the label somewhere in a sentence. Mind that 会下雨 is a part of
不会下雨: looking for a label as a substring reads every "no" as a "yes".
"""

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_CLAUSE_END = re.compile(r"[,，.。;；!！?？]")
_NEGATED_BEFORE = re.compile(
    r"(?:(?:不|没|沒|未|非|否)(?:是|会|能|要|有|可能|应该|认为|觉得|一定)?"
    r"|(?i:(?:\b(?:not|never|no|cannot)|n['’]t)"
    r"(?:[\W_]+(?:a|an|the|be|label|answer|true|case|that|it|say|going|to|think|believe))*))"
    r"[\W_]*$"
)
_NEGATED_AFTER = re.compile(
    r"[\W_]*(?:(?:不|不是|不会|不对|不可能|没有|否|错|错误|(?i:no|nope|not|false|wrong))"
    r"(?=\s*(?:[^\w\s]|_|$))|(?i:is|was)\s*(?i:not|n['’]t|wrong|false|incorrect)\b)"
)
_LEAD = re.compile(r"^(?:最终|我的)?(?:答案|回答|结论|标签)(?:是|为)?")


def is_label(text: str, labels: Sequence[str]) -> bool:
    """Whether the text is one of the labels, to the byte."""
    return text in labels


def stated_label(text: str, labels: Sequence[str]) -> str | None:
    """Give the label that stands by itself in the text, or None if none or several do.

    Everything that is not a letter or digit separates, so `**会下雨**。` states 会下雨 and
    `今天会下雨吗` states nothing. Nor does a text that takes a label back: `不 会下雨`,
    `It is not 会下雨.`, `会下雨？不。`
    """
    stated = set()
    for word in _WORD.finditer(text):
        label = _LEAD.sub("", word.group())
        if label not in labels:
            continue
        if _negated(text, word):
            return None
        stated.add(label)
    return stated.pop() if len(stated) == 1 else None


def _negated(text: str, word: re.Match[str]) -> bool:
    clause = _CLAUSE_END.split(text[: word.start()])[-1]
    after = _NEGATED_AFTER.match(text, word.end())
    return after is not None or _NEGATED_BEFORE.search(clause) is not None


def mentioned_label(text: str, labels: Sequence[str]) -> str | None:
    """Give the only label that occurs in the text at all, longest first, or None.

    An upper bound on what a reader could make of an essay; it reads 不可能会下雨 as 会下雨.
    """
    pattern = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    mentioned = set(re.findall(pattern, text))
    return mentioned.pop() if len(mentioned) == 1 else None
