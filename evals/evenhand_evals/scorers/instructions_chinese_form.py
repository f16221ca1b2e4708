"""Rules about a Chinese answer's form: lengths, paragraphs, lists, sections, titles, choices.

What counts as a character, a sentence and a paragraph is in `chinese`. Every rule takes the answer
and returns whether it follows.
"""

import re
from collections.abc import Sequence

from evenhand_evals.scorers import chinese
from evenhand_evals.scorers.chinese import fold
from evenhand_evals.scorers.instructions_chinese_content import Relation, compare

_NUMERAL = "[零〇一二两三四五六七八九十百]+"
_BULLET = re.compile(
    r"^[^\S\n]*(?:"
    r"[*+][^\S\n]+[^\s*]|[-–—－](?![-–—－\d])[^\S\n]*\S|[•·●○◦▪■□◆‣⁃・]"
    r"|\d{1,2}[.．、)）](?!\d)|[(（]\d{1,2}[)）]|[①-⒇]"
    rf"|{_NUMERAL}[、.．]|[(（]{_NUMERAL}[)）]"
    r")",
    re.MULTILINE,
)
_ANSWER = re.compile(r"我的答案是[:：]?\s?(?:是|否|也许)。|My answer is (?:yes|no|maybe)\.")
_TITLE_LINE = re.compile(r"^[\s#*_]*(?:(?:标题|標題|题目|題目)[:：]\s*)?《([^《》\n]+)》[\s*_]*$")
_OPENING = " \t　\"'＂“‘「『*_#"


def number_characters(response: str, *, relation: Relation, num_characters: int) -> bool:
    """Count characters; a Latin word and a number are one each (`chinese.units`)."""
    return compare(len(chinese.units(response)), relation, num_characters)


def number_words(response: str, *, relation: Relation, num_words: int) -> bool:
    """Count as `number_characters` does: a translated prompt asks for characters, not words."""
    return number_characters(response, relation=relation, num_characters=num_words)


def character_range(response: str, *, characters: tuple[int, int]) -> bool:
    """Count as `number_characters` does; both bounds are allowed."""
    return characters[0] <= len(chinese.units(response)) <= characters[1]


def number_sentences(response: str, *, relation: Relation, num_sentences: int) -> bool:
    """Count sentences (`chinese.sentences`)."""
    return compare(len(chinese.sentences(response)), relation, num_sentences)


def number_blocks(response: str, *, num_paragraphs: int) -> bool:
    """Exactly so many paragraphs between blank lines."""
    return len(chinese.paragraphs(response)) == num_paragraphs


def nth_paragraph_first_word(
    response: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    """Exactly so many paragraphs between blank lines, and the nth begins with a text.

    Opening quotation marks, asterisks and the blanks of an indented paragraph are passed over.
    Chinese words have no end that could be looked for: `春天` also begins `春天的花`.
    """
    parts = chinese.paragraphs(response)
    if len(parts) != num_paragraphs or nth_paragraph > num_paragraphs:
        return False
    return fold(parts[nth_paragraph - 1].lstrip(_OPENING)).startswith(fold(first_word.strip()))


def number_bullet_lists(response: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin as an item of a list, at any depth.

    An item begins with `* `, `+ `, `-` or `•` and their like, or a number: `1.`, `1、`, `1)`,
    `（1）`, `①`, `⑴`, `一、` or `（一）`. Neither of `**bold**`, `* * *`, `---`, `-5` and `3.5` is
    one; a sentence that begins with numbers in words (`三、四月`) is taken for one.
    """
    return len(_BULLET.findall(response)) == num_bullets


def multiple_sections(response: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many lines that begin with a mark such as `第一部分`, `第1部分` or `部分 1`.

    In `部分一致认为` the numeral belongs to another word: what follows must be no letter.
    """
    name, number = re.escape(fold(section_spliter.strip())), rf"(?:\d+|{_NUMERAL})"
    mark = rf"^[\s#*_【\[]*(?:第\s?{number}\s?{name}|{name}\s?{number}(?!\w))"
    return len(re.findall(mark, fold(response), re.MULTILINE)) >= num_sections


def constrained_response(response: str) -> bool:
    """One of the allowed sentences occurs, in Chinese or in English, whatever else is said.

    They are `我的答案是是。`, `我的答案是否。` and `我的答案是也许。` (a colon may follow the first
    `是`), and IFEval's own three.
    """
    return _ANSWER.search(response) is not None


def constrained_options(response: str, *, options: Sequence[str]) -> bool:
    """The whole text is one of the options; white space and a last `。` or `.` are passed over."""
    return _bare(response) in {_bare(option) for option in options}


def _bare(text: str) -> str:
    return fold(text.strip().rstrip("。.．"))


def title(response: str) -> bool:
    """A line is nothing but a title in `《》`, or a title in `<<>>` occurs within a line.

    `《》` in the middle of a sentence names a book. Markdown marks around the title and a `标题：`
    before it are allowed.
    """
    return any(_alone(line) or _angled(line) for line in response.splitlines())


def _alone(line: str) -> bool:
    found = _TITLE_LINE.match(line)
    return found is not None and bool(found[1].strip())


def _angled(line: str) -> bool:
    _, opened, rest = line.partition("<<")
    inside, closed, _ = rest.rpartition(">>")
    return bool(opened and closed and inside.lstrip("<").rstrip(">").strip())
