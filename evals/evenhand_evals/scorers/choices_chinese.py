"""Read Chinese multiple-choice answers exactly as C-Eval's and CMMLU's own scorers do.

- `ceval_letter`: hkust-nlp/ceval, `code/evaluator_series/evaluators/chatglm.py`
  (`extract_cot_answer`), which reads answers with and without a chain of thought.
- `cmmlu_letter`: haonan-li/CMMLU, `src/mp_utils.py` (`extract_choice`), with the line breaks
  taken out first, as `src/chatglm.py` does. Where nothing matches, the original draws
  a letter at random; here that is None, so that it is counted, and counted as wrong.

The patterns are kept as they are, because published scores were made with them: `答案是B和D` is B,
and `A不正确` is A.
"""

import re
from collections.abc import Sequence

LETTERS = "ABCD"

_CEVAL_CONCLUSION = re.compile(r"所以答案是(.+?)。", re.MULTILINE)
_CEVAL = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"([ABCD])是正确的",
        r"选项([ABCD])正确",
        r"答案为([ABCD])",
        r"答案是([ABCD])",
        r"答案([ABCD])",
        r"选择([ABCD])",
        r"答案：([ABCD])",
        r"选择答案([ABCD])",
    )
)
_CMMLU_STATED = tuple(
    (re.compile(pattern, re.MULTILINE), group)
    for pattern, group in (
        (r"答案(选项)?(是|为)：? ?([ABCD])", 3),
        (r"答案(是|为)选项 ?([ABCD])", 2),
        (r"故?选择?：? ?([ABCD])", 1),
        (r"([ABCD]) ?选?项(是|为)?正确", 1),
        (r"正确的?选项(是|为) ?([ABCD])", 2),
        (r"答案(应该)?(是|为)([ABCD])", 3),
        (r"选项 ?([ABCD]) ?(是|为)?正确", 1),
        (r"选择答案 ?([ABCD])", 1),
        (r"答案?：?([ABCD])", 1),
        (r"([ABCD])(选?项)?是?符合题意", 1),
        (r"答案选项：? ?([ABCD])", 1),
        (r"答案(选项)?为(.*?)([ABCD])", 3),
    )
)
_CMMLU_NEAREST = tuple(
    re.compile(pattern, re.MULTILINE) for pattern in (r"([ABCD])(.*?)当选", r"([ABCD])(.*?)正确")
)
_CMMLU_WEAK = re.compile(r"[^不]是：? ?([ABCD])", re.MULTILINE)
_CMMLU_ONLY = re.compile(r"^[^ABCD]*([ABCD])[^ABCD]*$")


def ceval_letter(text: str, options: Sequence[str]) -> str | None:
    """Give the letter as C-Eval reads it, or None where it would write `-`.

    `options` are the texts of A to D: an answer that holds exactly one of them is read as it.
    """
    text = text.strip()
    concluded = _CEVAL_CONCLUSION.findall(text)
    if concluded and concluded[-1] in tuple(LETTERS):
        return str(concluded[-1])
    for pattern in _CEVAL:
        found = pattern.search(text)
        if found:
            return found[1]
    mentioned = re.findall(r"[ABCD]", text)
    if len(mentioned) == 1:
        return str(mentioned[0])
    quoted = [letter for letter, option in zip(LETTERS, options, strict=True) if option in text]
    return quoted[0] if len(quoted) == 1 else None


def cmmlu_letter(text: str) -> str | None:
    """Give the letter as CMMLU reads it, or None where it would draw one at random."""
    text = text.replace("\n", "")
    if text[:1] in tuple(LETTERS):
        return text[0]
    for pattern, group in _CMMLU_STATED:
        found = pattern.search(text)
        if found:
            return found[group]
    for pattern in _CMMLU_NEAREST:
        found = pattern.search(text)
        if found:
            return _innermost(pattern, found)
    found = _CMMLU_WEAK.search(text) or _CMMLU_ONLY.match(text)
    return found[1] if found else None


def _innermost(pattern: re.Pattern[str], found: re.Match[str]) -> str:
    """Give the letter nearest before the word, by searching on within what was found."""
    while inner := pattern.search(found[0][1:]):
        found = inner
    return found[1]
