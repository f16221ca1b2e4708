"""Long texts: nothing comes twice, they are cut to length, and facts stand where they should."""

import zipfile
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.haystack import Haystack, cut, find_haystack, fit, generated, insert
from evenhand_evals.types import DataSource


@pytest.mark.parametrize(("language", "end"), [("en", ". "), ("zh", "。")])
def test_generated_text(language: str, end: str) -> None:
    """No sentence comes twice, no digit comes at all, and a longer text goes on from a shorter."""
    text = generated(language, 3, 60000)
    sentences = text.split(end)
    assert len(sentences) == len(set(sentences)) > 500
    assert not any(each.isdigit() for each in text)
    assert text.startswith(generated(language, 3, 5000))
    assert not text.startswith(generated(language, 4, 100))


def test_cut() -> None:
    """No word is broken; Chinese may be cut anywhere."""
    assert cut("one two three", 9) == "one two"
    assert cut("one two three", 7) == "one two"
    assert cut("one two three", 99) == "one two three"
    assert cut("清晨，木匠在小巷", 4) == "清晨，木"


@pytest.mark.parametrize("target", [40, 333, 5000])
def test_fit_reaches_the_target(target: int) -> None:
    """The text is as long as can be without a word too many."""
    haystack = Haystack(generated("en", 0, 40000), "here", "")

    def count(text: str) -> int:
        return len(text.split()) + 20

    words = count(fit(haystack, target, count))
    assert target - max(1, target // 2000) <= words <= target


def test_fit_refuses() -> None:
    """A text that is too short, and a length without room, are errors with the figures."""
    haystack = Haystack("word " * 100, "my.txt", "")
    with pytest.raises(DataError, match=r"my.txt is too short: .* 100 tokens, and 500 are asked"):
        fit(haystack, 500, lambda text: len(text.split()))
    with pytest.raises(DataError, match="a prompt of 30 tokens has no room"):
        fit(haystack, 30, lambda text: len(text.split()) + 31)


def test_insert() -> None:
    """A fact stands at the sentence end nearest to its depth; an unfinished end comes after."""
    text = "One is here. Two is here. Three is here. Four is"
    assert insert(text, [(0.0, "X.")]) == f"X. {text}"
    assert insert(text, [(0.5, "X.")]) == "One is here. Two is here. X. Three is here. Four is"
    assert insert(text, [(1.0, "X.")]) == "One is here. Two is here. Three is here. X. Four is"
    both = insert(text, [(1.0, "Y."), (0.3, "X.")])
    assert both == "One is here. X. Two is here. Three is here. Y. Four is"
    assert insert("一。二。三。", [(0.34, "甲。")], "") == "一。甲。二。三。"


def test_texts_of_the_user(tmp_path: Path) -> None:
    """A file, a folder of files and a zip are read; line ends become blanks."""
    (tmp_path / "a.txt").write_text("First\nline.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Second\r\nline.", encoding="utf-8")
    found = find_haystack(DataSource(path=tmp_path), "generated", "en", 100)
    assert (found.text, found.source) == ("First line. Second line.", "a.txt, b.txt")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("README", "no")
        archive.writestr("d.txt", "Third.")
    packed = find_haystack(DataSource(path=tmp_path / "c.zip"), "generated", "en", 100)
    assert packed.text == "Third."
    assert packed.sha256 != found.sha256


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, another encoding, an empty folder and missing books are named."""
    (tmp_path / "gbk.txt").write_bytes("你好".encode("gbk"))
    for path, message in (
        (tmp_path / "no.txt", "cannot read"),
        (tmp_path / "gbk.txt", "is not UTF-8 text"),
    ):
        with pytest.raises(DataError, match=message):
            find_haystack(DataSource(path=path), "generated", "en", 100)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.txt file"):
        find_haystack(DataSource(path=tmp_path / "empty"), "generated", "en", 100)
    with pytest.raises(DataError, match="set EVENHAND_DATA to a folder that holds longtext/gatsby"):
        find_haystack(DataSource(), "books", "en", 100)
