r"""Read the number that an answer gives, whatever it is dressed in.

Published extractors for GSM8K are regular expressions that each misread something common: one
makes `000` of `$70,000`, one reads `Answer: 18 dollars. (Step 3)` as 3, one does not find
`\boxed{18}`, and all of them hold 18.00 and 18 apart. This reader knows thousands separators,
currencies, percent signs, units, fractions, scientific notation, LaTeX, full-width digits and
Chinese numerals, and compares exactly, as fractions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_MAX_CHARACTERS = 60
_MAX_EXPONENT = 60

_PLAIN = {
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    "\u3000": " ",
    "\u00a0": " ",
    "\u2212": "-",
    "\u2044": "/",
    "。": ". ",
    "¼": " 1/4",
    "½": " 1/2",
    "¾": " 3/4",
    "⅓": " 1/3",
    "⅔": " 2/3",
}
_SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "百": 10**2,
    "千": 10**3,
    "万": 10**4,
    "萬": 10**4,
    "亿": 10**8,
    "億": 10**8,
}
_LATEX = (
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r" \1/\2"),
    (re.compile(r"(?<=\d)(?:\{,\}|\\,)(?=\d{3})"), ","),
    (re.compile(r"\\times|\\cdot|×"), "*"),
    (re.compile(r"\\[,!;: ]|\\(?=[$%#])"), ""),
)
_NUMBER = re.compile(
    r"""
    (?<![A-Za-z0-9_])                               # not the 2 of H2O or of x2
    (?P<sign>(?<![\d)\]])[-+])?                     # not the minus of 10-3
    (?:(?:US)?[$£€¥](?P<inner>-)?[ ]?)?
    (?>(?P<whole>\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)|\d+|(?=\.\d)))
    (?>(?P<point>\.\d+)?)
    (?P<power>[eE][+-]?\d+(?![\d.])|\s?[*xX]\s?10\s?\^\s?\{?[+-]?\d+\}?)?
    (?P<below>(?:\s\d+)?\s?/\s?\d+(?![\d.,/]))?
    (?!(?:st|nd|rd|th)\b)                           # a place in an order is no amount
    (?:\s?(?P<scale>thousand|million|billion|trillion|[百千万萬亿億]+)(?![A-Za-z克米瓦卡升帕]))?
    """,
    re.VERBOSE,
)
_MARKER = re.compile(
    r"(?i:\banswer\b)[*_\s]*(?:(?:is|was|=>|->|=|:)[*_\s:]*)+"
    r"|(?im:^[#*\s]*(?:final\s+)?answer[*\s]*\n)"
    r"|答案?[*_\s]*(?:(?:是|为|為|:)[*_\s:]*)+"
)
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_BEFORE = re.compile(
    r"[\s*_`\"'“”(\[{\\≈~:]*"
    r"(?:(?:about|approximately|around|exactly|only|just|equal to|a total of|Rs\.?|USD"
    r"|大约|约|一共|总共|共)[\s*_:]*)?"
)
_ASIDE = re.compile(r"(?<=\S)(?<!\\)\s*\([^()]*\)")
_UNIT_POWER = re.compile(r"(?<=[A-Za-z])\^?\{?[23]\}?(?!\w)")
_UNIT_WORDS = 3
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+")
_CHINESE_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A number found in a text: its exact value, the characters it was read from, and how.

    `found_by` is "hashes" (after `####`), "boxed", "marker" (after words like "the answer is"),
    "bold", "result" (after the last `=` of the last line) or "last" (the last number of the text).
    """

    value: Fraction
    text: str
    found_by: str


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match.group()) > _MAX_CHARACTERS:
        return None
    value = Fraction((match["whole"].replace(",", "") or "0") + (match["point"] or ""))
    if match["power"]:
        exponent = int(re.split(r"[eE^]", match["power"])[-1].strip(" {}"))
        if abs(exponent) > _MAX_EXPONENT:
            return None
        value *= Fraction(10) ** exponent
    if match["below"]:
        *added, below = (int(part) for part in re.findall(r"\d+", match["below"]))
        if below == 0:
            return None
        value = value + Fraction(added[0], below) if added else value / below
    scale = match["scale"]
    for unit in [scale] if scale in _SCALES else (scale or ""):
        value *= _SCALES[unit]
    return -value if "-" in (match["sign"] or "") + (match["inner"] or "") else value


def plain(text: str) -> str:
    """Rewrite full-width signs, vulgar fractions and LaTeX spellings in ASCII."""
    text = "".join(_PLAIN.get(character, character) for character in text)
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    return text


def numbers(text: str) -> Iterator[tuple[Fraction, str]]:
    """Give the numbers in a `plain` text in order, each with the characters it was read from."""
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            yield value, match.group().strip()


def chinese_number(text: str) -> int | None:
    """Read a whole Chinese numeral such as 十八, 一百零五 or 三万二千; None if it is not one."""
    if not _CHINESE.fullmatch(text):
        return None
    total = section = digit = 0
    for character in text:
        if character in _CHINESE_DIGITS:
            digit = digit * 10 + _CHINESE_DIGITS[character]
            continue
        scale = 10 if character == "十" else _SCALES[character]
        if scale < 10**4:
            section += (digit or 1) * scale
        elif scale == 10**4:
            total += (section + digit) * scale
            section = 0
        else:
            total = (total + section + digit) * scale
            section = 0
        digit = 0
    return total + section + digit


def _first(clause: str) -> tuple[Fraction, str] | None:
    """The result that a clause states: after its last `=` if a number follows, else its first."""
    for part in (clause.rpartition("=")[2], clause):
        found = next(numbers(part), None)
        if found is not None:
            return found
    chinese = _CHINESE.match(clause.strip())
    value = chinese_number(chinese.group()) if chinese else None
    return None if chinese is None or value is None else (Fraction(value), chinese.group())


def _bare(clause: str) -> tuple[Fraction, str] | None:
    """The number of a clause that says nothing else but a unit, unlike `Step 3: total`."""
    part = clause.rpartition("=")[2].strip()
    found = next(numbers(part), None)
    if found is None or not part.startswith(found[1]):
        return None
    return found if re.fullmatch(r"[^\d:.]*\.?", part[len(found[1]) :]) else None


def _alone(statement: str) -> tuple[Fraction, str] | None:
    """The number that a statement consists of, dress and a unit of few words aside."""
    statement = statement[_BEFORE.match(statement).end() :]  # type: ignore[union-attr]
    chinese = _CHINESE.match(statement)
    if chinese:
        value = chinese_number(chinese.group())
        rest = statement[chinese.end() :]
        found = None if value is None else (Fraction(value), chinese.group())
        if re.search(r"\d", rest) or _CHINESE.search(rest):
            return None
    else:
        found = next(numbers(statement), None)
        if found is None or not statement.startswith(found[1]):
            return None
        rest = statement[len(found[1]) :]
    rest = _UNIT_POWER.sub("", rest)
    words = re.findall(r"[^\W\d_]+", rest)
    return None if re.search(r"\d", rest) or len(words) > _UNIT_WORDS else found


def _stated(marker: re.Match[str]) -> tuple[Fraction, str] | None:
    """The number that the words after a marker consist of.

    GSM8K's prompt ends in "Answer:", so a model may begin its whole working with that word: words
    before the number, further numbers in the sentence, or a calculation that is not the last thing
    in the text are working, and no statement of the answer.
    """
    after = marker.string[marker.end() :]
    lines = [line for line in after.split("\n") if re.search(r"\w", line)]
    if not lines:
        return None
    sentence = _SENTENCE_END.split(lines[0], maxsplit=1)[0]
    _, equals, right = _ASIDE.sub("", sentence.strip()).rpartition("=")
    if equals and next(numbers(after.partition(sentence)[2]), None) is not None:
        return None
    listed = "\n" in marker.group() and not equals  # there "- 5" is an item of a list
    right = re.sub(r"^([\s*_$]*)-\s+(?=[$£€¥.\d])", r"\1" if listed else r"\1-", right)
    return _alone(right.strip())


def _after_markers(text: str) -> Iterator[tuple[Fraction, str] | None]:
    for marker in reversed(list(_MARKER.finditer(text))):
        stated = _stated(marker)
        yield stated
        if stated is None and next(numbers(text[marker.end() :].lstrip().split("\n")[0]), None):
            return


def _in_bold(text: str) -> Iterator[tuple[Fraction, str] | None]:
    lines = text.strip().split("\n")
    for bold in reversed(_BOLD.findall(lines[-1])):
        yield _bare(bold)


def _right_of_equals(text: str) -> Iterator[tuple[Fraction, str] | None]:
    _, equals, right = text.strip().split("\n")[-1].rpartition("=")
    sentence, *more = _SENTENCE_END.split(right, maxsplit=1)
    if equals and not any(True for _ in numbers("".join(more))):  # else it was but a step
        yield next(numbers(sentence), None)


def read_number(text: str) -> Reading | None:
    r"""Find the number that a worked answer ends in, or None if the text has no number.

    What states the answer most plainly wins: the last `#### 18`, then the last `\boxed{18}`, the
    last "answer is 18" or "答案：18", a bold number in the last line, the right-hand side of the
    last line's last `=` unless a later sentence has numbers, and at last the last number of the
    text. The words "the answer is" count only before nothing but a number, or a calculation of it,
    and its unit: "Answer: Tom has 3 apples and buys 5 more, so he has 8" is a working. A statement
    with `=` is read at its right-hand side. A percent sign and a unit are dropped; "million" and 万
    multiply.

    Measured on GSM8K's 1,319 published solutions with their `#### ` line and `<<...>>` marks taken
    away, so that only prose is left: 1,307 are read right; the last number alone would be right
    for 1,281.
    """
    text = plain(text)
    ways: tuple[tuple[str, Iterator[tuple[Fraction, str] | None]], ...] = (
        ("hashes", (_bare(found) for found in reversed(_HASHES.findall(text)))),
        ("boxed", (_first(found) for found in reversed(_BOXED.findall(text)))),
        ("marker", _after_markers(text)),
        ("bold", _in_bold(text)),
        ("result", _right_of_equals(text)),
        ("last", iter(list(numbers(text))[-1:])),
    )
    for name, found in ways:
        number = next((candidate for candidate in found if candidate is not None), None)
        if number is not None:
            return Reading(*number, found_by=name)
    return None
