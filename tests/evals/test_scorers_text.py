"""Thinking text, language detection, sentences and words, missing packages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import UsageError
from evenhand_evals.extras import require
from evenhand_evals.scorers.language import language_of
from evenhand_evals.scorers.sentences import sentences, tokens, words
from evenhand_evals.scorers.thinking import Answer, answer_of


@pytest.mark.parametrize(
    ("text", "answer", "removed"),
    [
        ("<think>hm</think>\n\n18", "18", True),
        ("\n<think>\nhm\n</think>18", "18", True),
        ("hm, so</think>18", "18", True),
        ("<think>cut off while", "", True),
        ("plain", "plain", False),
        (" plain \n", " plain \n", False),
        ("use <think> and </think> tags", "use <think> and </think> tags", False),
        ("<think>a</think>b</think>c", "b</think>c", True),
    ],
)
def test_thinking(text: str, answer: str, removed: bool) -> None:
    """A leading thinking block goes, closed or not, and nothing else does."""
    found = answer_of(text)
    assert (found.text, found.thinking_removed) == (answer, removed)


def test_the_thinking_is_given_too() -> None:
    """Without its tags, closed or not; None where there is none."""
    assert answer_of("<think>hm\n</think>\n18").thinking == "hm"
    assert answer_of("hm, so</think>18").thinking == "hm, so"
    assert answer_of("<think>cut off while").thinking == "cut off while"
    assert answer_of("<think>\n</think>18").thinking == ""
    assert answer_of("18").thinking is None


@given(st.text(alphabet=st.characters(exclude_characters="<")))
def test_text_without_tags_is_untouched(text: str) -> None:
    """Without a tag the answer is the text, byte for byte."""
    assert answer_of(text) == Answer(text)


def test_language_is_the_same_every_time() -> None:
    """A text at which an unseeded detector wavers between two languages gets one."""
    assert {language_of("Hello world") for _ in range(20)} == {"en"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Das ist ein kurzer Satz auf Deutsch.", "de"),
        ("今天的天气很好，我们去公园散步吧。", "zh-cn"),
        ("12345 !!", None),
        ("", None),
    ],
)
def test_language_of(text: str, code: str | None) -> None:
    """Languages have their ISO code; a text without words has none."""
    assert language_of(text) == code


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith paid $3.50 at 5 p.m. in the U.S. today.", 1),
        ("He left. She stayed.", 2),
        ('"Stop!" he said. "Why?"', 3),
        ("one\ntwo\nthree", 1),
        ("Wait... what? No!", 2),
        ("", 0),
    ],
)
def test_sentences(text: str, count: int) -> None:
    """Punkt's English parameters know abbreviations; the counts are NLTK's own."""
    assert len(sentences(text)) == count


def test_tokens_and_words() -> None:
    """Tokens are the Treebank's, words are runs of word characters."""
    assert tokens("I'M SURE, it's WELL-KNOWN.") == [
        "I",
        "'M",
        "SURE",
        ",",
        "it",
        "'s",
        "WELL-KNOWN",
        ".",
    ]
    assert words("don't stop_it 今天下雨") == ["don", "t", "stop_it", "今天下雨"]


def test_missing_package_is_named_with_the_fix() -> None:
    """A missing module is named, and so is the command that installs it."""
    require("this test", "json")
    with pytest.raises(UsageError, match=r"no_such_module.*pip install 'evenhand\[evals\]'"):
        require("this test", "json", "no_such_module")
