"""Counting in Chinese text: units, sentences, paragraphs, scripts, and the two written forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.scorers.chinese import (
    fold,
    is_chinese,
    is_latin,
    is_simplified,
    is_traditional,
    paragraphs,
    scripts,
    sentences,
    units,
)
from evenhand_evals.scorers.chinese_variants import PAIRS, SIMPLIFIED, TRADITIONAL

HAN_TEXT = st.text(alphabet="天地人我你学習豆𠮷〇々", min_size=1, max_size=12)
NOT_COUNTED = st.text(alphabet=" \n，。！？、；：“”「」《》（）…—·~*#😀　", max_size=5)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("，。！ 😀 ——※", 0),
        ("今天天气很好。", 6),
        ("今天，天气 很好！", 6),
        ("我用GPT-4o写了2024年的报告", 10),
        ("don't stop", 2),
        ("3.14、1,000和10:30", 4),
        ("红,apple,banana", 3),
        ("v1.5", 1),
        ("人人\n々〇", 4),
        ("カタカナ", 4),
        ("ㄅㄆㄇ", 3),
        ("café", 1),
        ("cafe\u0301", 1),
        ("𠮷野家", 3),
        ("ＡＢＣ１２３", 1),
        ("3.", 1),
        ("**重点**", 2),
    ],
)
def test_units_by_hand(text: str, count: int) -> None:
    """Han characters count one each, Latin words and numbers one each, marks nothing."""
    assert len(units(text)) == count


@given(pieces=st.lists(st.tuples(HAN_TEXT, NOT_COUNTED), max_size=8))
def test_units_of_han_are_its_characters(pieces: list[tuple[str, str]]) -> None:
    """Whatever punctuation stands between them, as many units as Han characters are found."""
    text = "".join(han + marks for han, marks in pieces)
    assert len(units(text)) == sum(len(han) for han, _ in pieces)


@given(words=st.lists(st.from_regex(r"[a-z]{1,6}|[0-9]{1,5}", fullmatch=True), max_size=8))
def test_units_of_spaced_words_are_the_words(words: list[str]) -> None:
    """Words and numbers between blanks count one each, also next to Han characters."""
    assert list(units(" ".join(words))) == words
    assert len(units("的".join(words))) == max(0, 2 * len(words) - 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("……", 0),
        ("好", 1),
        ("你好。再见。", 2),
        ("你好。再见", 2),
        ("真的吗？！太好了！！！", 2),
        ("他说：“好！”然后走了。", 2),
        ("（他来了。）她走了。", 2),
        ("一，二；三：四、五", 1),
        ("- 苹果\n- 香蕉", 1),
        ("1. 苹果。\n2. 香蕉。", 2),
        ("他走了……我留下。", 2),
        ("圆周率是3.14。", 1),
        ("你好.再见.", 2),
        ("I am Lee. He is 5. Yes", 3),
        ("P.S. 记得带伞。", 1),
        ("**你好。**再见。", 2),
        ("好！\n\n好？", 2),
    ],
)
def test_sentences_by_hand(text: str, count: int) -> None:
    """Final marks end sentences, with the quotation marks after them; commas do not."""
    assert len(sentences(text)) == count


@given(
    parts=st.lists(
        st.tuples(
            HAN_TEXT, st.sampled_from("。！？!?…"), st.sampled_from(["", "”", "」", "’”", "）"])
        ),
        max_size=8,
    )
)
def test_sentences_are_as_many_as_were_ended(parts: list[tuple[str, str, str]]) -> None:
    """Each text that ends with a mark is one sentence, and nothing of it gets lost."""
    found = sentences("".join("".join(part) for part in parts))
    assert list(found) == ["".join(part) for part in parts]


@given(parts=st.lists(HAN_TEXT, max_size=6), gap=st.sampled_from(["\n\n", "\n \n", "\n\n\n\t\n"]))
def test_paragraphs_stand_between_blank_lines(parts: list[str], gap: str) -> None:
    """A blank line sets paragraphs apart, however many blanks it holds; one line break does not."""
    assert list(paragraphs(gap.join(parts))) == parts
    assert len(paragraphs("\n".join(parts))) == min(1, len(parts))


def test_scripts_weigh_words_not_letters() -> None:
    """A long English name in a Chinese sentence is one unit; digits have no script."""
    text = "用Kubernetes部署3个容器"
    assert scripts(text) == {"Han": 6, "Latin": 1}
    assert scripts("привет カナ 12") == {"Other": 1, "Kana": 2}


@pytest.mark.parametrize(
    ("text", "chinese", "latin", "simplified", "traditional"),
    [
        ("学习汉语", True, False, True, False),
        ("學習漢語", True, False, False, True),
        ("你好", True, False, True, True),
        ("学習", True, False, False, False),
        ("I said 你好 to her", False, True, False, False),
        ("これは日本語の文章です", False, False, False, False),
        ("你好 hi there", False, False, False, False),
        ("Привет, мир", False, False, False, False),
        ("2024", False, False, False, False),
        ("nǐ hǎo", False, True, False, False),
        ("皇后在里面", True, False, True, True),
        ("國" * 19 + "国", True, False, False, True),
        ("國" * 18 + "国", True, False, False, False),
    ],
)
def test_written_forms(
    text: str, chinese: bool, latin: bool, simplified: bool, traditional: bool
) -> None:
    """More than half of the units decide; one telling character in twenty may be of the other."""
    found = (is_chinese(text), is_latin(text), is_simplified(text), is_traditional(text))
    assert found == (chinese, latin, simplified, traditional)


def _encodes(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def test_the_pairs_tell_the_forms_apart() -> None:
    """By the national character sets, each character belongs to one form; none occurs twice."""
    assert len(PAIRS) == len(SIMPLIFIED) == len(TRADITIONAL) == 634
    assert not SIMPLIFIED & TRADITIONAL
    for simplified, traditional in map(tuple, PAIRS):
        assert _encodes(simplified, "gb2312"), simplified
        assert not _encodes(simplified, "big5"), simplified
        assert _encodes(traditional, "big5"), traditional
        assert not _encodes(traditional, "gb2312"), traditional


@given(text=st.text(max_size=40))
def test_folding_is_stable_and_counting_never_breaks(text: str) -> None:
    """Any text can be counted, and what is ASCII when folded stays as it is."""
    assert fold("：Ａ！") == ":a!"
    assert len(sentences(text)) <= max(1, len(units(text)))
    assert sum(scripts(text).values()) <= len(units(text)) <= len(text)
