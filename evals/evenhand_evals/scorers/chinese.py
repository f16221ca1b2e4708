"""Count what a Chinese text is made of: units of length, sentences, paragraphs, scripts.

Chinese writes no blanks between words, so that a count of words says nothing. What Chinese writers
count is the character. Scripts are those of Unicode's property Script (Scripts.txt), kept here as
ranges so that every version of Python counts alike.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from evenhand_evals.scorers.chinese_variants import SIMPLIFIED, TRADITIONAL

Script = Literal["Han", "Kana", "Latin", "Other"]

# Script=Han without the radicals of general category So; planes 2 and 3 are set aside for Han.
HAN = r"々〇〡-〩〸-〻㐀-䶿一-鿿豈-﫿\U00020000-\U0003fffd"
# Script=Hiragana, Katakana and Bopomofo, letters only: like Han, they are counted one by one.
KANA = r"ぁ-ゖゝ-ゟァ-ヺー-ヿㄅ-ㄯㆠ-ㆿㇰ-ㇿｦ-ﾝ"
# Script=Latin as languages use it: up to U+024F, Extended Additional, full width; no phonetics.
LATIN = r"A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿＡ-Ｚａ-ｚ"

_LETTER = rf"(?:(?![{HAN}{KANA}])[^\W_])"
_WORD = rf"{_LETTER}(?:{_LETTER}|['’-](?={_LETTER})|(?<=\d)[.,:](?=\d))*"
_UNIT = re.compile(rf"[{HAN}{KANA}]|{_WORD}")

_CLOSING = "”’」』\"'）)】］\\]》〉*_"
_STOP = rf"(?<!\b[A-Za-z])(?<=[^\W_)）”’\"'%])\.(?=[\s{_CLOSING}]|$)"
_HAN_STOP = rf"(?<=[{HAN}])\."
_END = re.compile(rf"(?:[。！？!?…｡]|{_STOP}|{_HAN_STOP})(?:[。！？!?….｡]|[{_CLOSING}])*")
_LIST_NUMBER = re.compile(r"^[ \t]*\d{1,3}[.．、)）](?!\d)", re.MULTILINE)


def fold(text: str) -> str:
    """Make full-width and half-width forms, and upper and lower case, the same (NFKC, folded)."""
    return unicodedata.normalize("NFKC", text).casefold()


def units(text: str) -> Sequence[str]:
    r"""Give what counts towards the length of a text, in order.

    A Han character is one unit, as is each kana and Bopomofo letter. A run of other letters and
    digits is one: `AI`, `2024`, `don't`, `GPT-4`, `3.14`, `1,000` and `10:30` are one each. An
    apostrophe or a hyphen joins letters, a full stop, comma or colon joins digits. Punctuation,
    white space, symbols and emoji are not counted.
    """
    return _UNIT.findall(unicodedata.normalize("NFC", text))


def sentences(text: str) -> Sequence[str]:
    """Split a text into sentences; what holds no unit, such as a lone `……`, is none.

    A run of `。 ！ ？ ! ? …` ends a sentence; closing quotation marks and brackets after it belong
    to it. An ASCII full stop ends one directly after a Han character, and after any other word if
    white space or the end follows; not after a single Latin letter (`P.S.`), in a number, or in the
    number of a list. Commas, semicolons, colons and line breaks end none, and what comes after
    the last mark is a sentence: a list without marks is one.
    """
    plain = _LIST_NUMBER.sub("", text)
    found, start = [], 0
    for end in _END.finditer(plain):
        found.append(plain[start : end.end()])
        start = end.end()
    found.append(plain[start:])
    return [sentence.strip() for sentence in found if _UNIT.search(sentence)]


def paragraphs(text: str) -> Sequence[str]:
    """Split a text at blank lines; a single line break stays inside its paragraph."""
    return [part.strip() for part in re.split(r"\n[^\S\n]*(?:\n[^\S\n]*)+", text) if part.strip()]


def _script(unit: str) -> Script | None:
    letter = next((each for each in unit if each.isalpha() or each in "〇〡〢〣〤〥〦〧〨〩"), None)
    if letter is None:
        return None
    kinds: tuple[tuple[Script, str], ...] = (("Han", HAN), ("Kana", KANA), ("Latin", LATIN))
    return next((name for name, kind in kinds if re.match(f"[{kind}]", letter)), "Other")


def scripts(text: str) -> Counter[Script]:
    """Count the units of a text by the script of their first letter; digits have none.

    A Latin word weighs as much as a Han character: by letters, Chinese with a few long English
    names would be English.
    """
    return Counter(script for script in map(_script, units(text)) if script is not None)


def is_chinese(text: str) -> bool:
    """Say whether more than half of a text's units are Han and fewer than a tenth are kana."""
    found = scripts(text)
    return 2 * found["Han"] > found.total() > 10 * found["Kana"]


def is_latin(text: str) -> bool:
    """Say whether more than half of a text's units are words in Latin letters."""
    found = scripts(text)
    return 2 * found["Latin"] > found.total()


def is_simplified(text: str) -> bool:
    """Say whether a text is Chinese whose telling characters are simplified; see `_leans`."""
    return is_chinese(text) and _leans(text, SIMPLIFIED, TRADITIONAL)


def is_traditional(text: str) -> bool:
    """Say whether a text is Chinese whose telling characters are traditional; see `_leans`."""
    return is_chinese(text) and _leans(text, TRADITIONAL, SIMPLIFIED)


def _leans(text: str, these: frozenset[str], those: frozenset[str]) -> bool:
    """Allow one telling character in twenty of the other form; a text without any is both."""
    right = sum(each in these for each in text)
    wrong = sum(each in those for each in text)
    return 20 * wrong <= right + wrong
