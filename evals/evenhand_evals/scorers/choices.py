"""Read the letter of an option out of an answer, however it is written.

This is our own reader, one for all benchmarks of multiple choice. It stands beside each published
extraction (`choices_english`, `choices_chinese`, `choices_opencompass`), whose weaknesses it does
not share: of several statements it takes the last, because reasoning comes before its conclusion;
it knows Markdown, LaTeX boxes and full-width forms; it never takes a letter that nobody stated.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

LETTERS = "ABCDEFGHIJ"

_BOXED = re.compile(r"\\f?boxed\s*\{\s*(?:\\\w+\s*\{)?\s*\(?\s*([A-J])\b")
_DRESS = re.compile(r"[*_`$#{}]|\\(?:text\w*|math\w+|boxed|fbox|[()\[\]])")
_SURE = r"(?:correct|right|best|true)"


@cache
def _patterns(letters: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Give what states a letter, a line that is one, and a line that begins with one.

    A letter ends where no word, apostrophe or hyphen goes on; one of two ("A or B") is none.
    """
    ends = r"(?![\w'’-])(?!(?<=I)\s+[a-z])(?!\s*(?:or|and|/|或|和|与|、)\s*\(?[A-J](?!\w))"
    letter = rf"(?:\(|\[|\"|“|「|<)*(?P<{{}}>[{letters}])" + ends
    alternatives = (
        r"(?i:answer|choice|option)(?i:\s+(?:to|for)\s+(?:the|this)\s+question)?\s*"
        r"(?:(?i:(?:is|would\s+be|should\s+be|must\s+be)(?:\s+therefore)?)\s*[::]?|[::=])\s*"
        r"(?i:(?:the\s+)?(?:option|choice|letter)\s*)?" + letter.format("english"),
        rf"(?<!\w)\(?(?P<first>[{letters}])\)?\s+is\s+(?:the\s+)?{_SURE}(?!\w)",
        r"(?:答案|选项|选择|应选|故选|选)(?:应该|应当|应)?(?:是|为|选)?\s*[:]?\s*(?:选项|选)?\s*"
        + letter.format("chinese"),
        rf"(?<!\w)(?P<named>[{letters}])\s*(?:选项|项)?\s*(?:是|为)?(?:正确|对的|符合题意)",
    )
    stated = re.compile("|".join(alternatives))
    return (
        stated,
        re.compile(rf"\W*([{letters}])\W*"),
        re.compile(rf"\W*([{letters}])(?:[.):,、。]|\s*$)"),
    )


def stated_letter(text: str, options: int = 4) -> str | None:
    """Give the letter that an answer states last, or None if it states none.

    Where nothing is stated in words, a last or first line that is a letter and nothing else
    counts, and an answer of one line that begins with a letter and a mark ("B. the kidneys").
    """
    stated, alone, begins = _patterns(LETTERS[:options])
    plain = unicodedata.normalize("NFKC", text)
    plain = _DRESS.sub("", _BOXED.sub(r" answer: \1 ", plain))
    last = None
    for found in stated.finditer(plain):
        last = found
    if last is not None:
        return next(letter for letter in last.groups() if letter)
    lines = [line for line in plain.splitlines() if line.strip()]
    if not lines:
        return None
    return _of_line(lines[-1], alone) or _of_line(lines[0], alone) or _only(lines, begins)


def _of_line(line: str, pattern: re.Pattern[str]) -> str | None:
    found = pattern.fullmatch(line)
    return found[1] if found else None


def _only(lines: Sequence[str], pattern: re.Pattern[str]) -> str | None:
    found = pattern.match(lines[0]) if len(lines) == 1 else None
    return found[1] if found else None
