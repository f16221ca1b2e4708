"""What is read out of answers to long prompts: worked by hand from the published formulas."""

import pytest

from evenhand_evals.scorers.overlap import chinese_tokens, english_tokens, qa_f1, qa_f1_zh
from evenhand_evals.scorers.retrieval import (
    classification_score,
    clean,
    code_similarity,
    code_similarity_difflib,
    count_score,
    first_code_line,
    key_match,
    match_all,
    match_part,
    numbers,
    paragraph_score,
)
from evenhand_evals.scorers.rouge import rouge_l, sentences


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 4212016.", ["4212016"]),
        ("4,212,016 or 4，212，016", ["4212016", "4212016"]),
        ("号码是４２１２０１６", ["4212016"]),
        ("12, 13", ["12", "13"]),
        ("x² and ¼", []),
        ("none", []),
    ],
)
def test_numbers(text: str, found: list[str]) -> None:
    """Thousands separators and full-width digits are read; superscripts are no digits."""
    assert numbers(text) == found


def test_key_match() -> None:
    """The key counts wherever it stands by itself, and not inside a longer number."""
    assert key_match("Room 7: 4212016", "4212016") == "4212016"
    assert key_match("94212016", "4212016") == "94212016"
    assert key_match("42120160", "4212016") == "42120160"
    assert key_match("no idea", "4212016") is None


def test_ruler_matches() -> None:
    """The share of references in the answer, or whether there is any, whatever the case."""
    assert match_all("ALPHA, gamma", ["alpha", "beta"]) == 0.5
    assert match_part("ALPHA, gamma", ["alpha", "beta"]) == 1.0
    assert match_part("delta", ["alpha", "beta"]) == 0.0
    assert clean(" a\x00b\tc \n") == "a\nb\nc"


def test_counts_and_paragraphs() -> None:
    """Every number that is named costs: the score is the share that is right."""
    assert count_score("7 or 8", "7") == 0.5
    assert count_score("none", "7") == 0.0
    assert paragraph_score("Paragraph 3, not 4 or 5", "Paragraph 3", "Paragraph ") == 1 / 3
    assert paragraph_score("段落27", "段落27", "段落") == 1.0


def test_classification() -> None:
    """Named classes share the point; parts of the right name are struck off, with the skip."""
    assert classification_score("City or Date", "City", ["City", "Date"]) == 0.5
    assert classification_score("Other location", "Other location", ["location"]) == 0.0
    both = ["location", "Other location"]
    assert classification_score("Other location", "Other location", both) == 1.0
    skipping = ["a", "ab", "abc"]
    # `a` is struck off, and so the walk passes over `ab`, which stays and takes half.
    assert classification_score("abc", "abc", skipping) == 0.5


def test_code_lines() -> None:
    """The first line that is no fence and no comment is compared, rounded to whole per cent."""
    assert first_code_line("\n```python\n# x\nreturn 1\n```") == "return 1"
    assert first_code_line("// only") == ""
    assert code_similarity_difflib("", "") == 1.0
    assert code_similarity_difflib("", "x") == 0.0
    assert code_similarity_difflib("abcd", "bcde") == 0.75


def test_code_similarity() -> None:
    """Insertions and deletions over both lengths: three of four letters in order are 75 %."""
    pytest.importorskip("rapidfuzz", reason="the extra `evals` is not installed")
    assert code_similarity("abcd", "bcde") == 0.75
    assert code_similarity("", "") == 1.0
    assert code_similarity("", "x") == 0.0


def test_english_words() -> None:
    """Case, punctuation and articles go; F1 is of bags of words."""
    assert english_tokens("The U.S. army, an apple") == ["us", "army", "apple"]
    assert qa_f1("the red apple", "a red apple!") == 1.0
    assert qa_f1("red red", "red apple") == 0.5
    assert qa_f1("", "apple") == 0.0


def test_chinese_words() -> None:
    """The words are jieba's, without full-width punctuation."""
    pytest.importorskip("jieba", reason="the extra `evals` is not installed")
    assert chinese_tokens("厦门大学。") == ["厦门大学"]
    assert qa_f1_zh("厦门大学", "厦门大学。") == 1.0
    assert qa_f1_zh("在厦门大学", "厦门大学") == pytest.approx(2 / 3)
    assert qa_f1_zh("", "厦门大学") == 0.0


def test_rouge_sentences() -> None:
    """Full stops part sentences, even in numbers; a text of full stops has none."""
    assert sentences("one  two. three") == [["one", "two"], ["three"]]
    assert sentences("3.5") == [["3"], ["5"]]
    assert sentences("...") == []
    assert sentences("") == []


def test_rouge_by_hand() -> None:
    """The union of common words over the distinct words of either text."""
    # Reference a b c d, answer a c e: common {a, c}; recall 2/4, precision 2/3.
    recall, precision = 2 / 4, 2 / 3
    expected = 2 * (precision * recall / (precision + recall + 1e-8))
    assert rouge_l("a c e", "a b c d") == expected
    # Words count once: "a a a" has one distinct word.
    assert rouge_l("a a a", "a") == pytest.approx(1.0, abs=1e-7)
    assert rouge_l("...", "a") == 0.0


def test_rouge_of_long_sentences() -> None:
    """A thousand words without a full stop have a score, though the package fails on them."""
    words = " ".join(f"w{number}" for number in range(1200))
    assert rouge_l(words, words) == pytest.approx(1.0, abs=1e-7)
