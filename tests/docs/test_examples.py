"""The documentation's code blocks do what the pages say, against a real proxy and engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import NOTES, ROOT, Block, blocks, pages
from tests.docs.runner import PageRun

LANGUAGES = frozenset(("console", "python", "javascript", "yaml", "json", "text"))
PAGES = [page for page in pages() if blocks(page)]


def every_block() -> Iterator[Block]:
    """All blocks of all pages."""
    for page in pages():
        yield from blocks(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """From the top to the bottom, in a folder of their own."""
    with PageRun(tmp_path) as run:
        for block in blocks(page):
            run.run(block)
    if run.left_out:
        pytest.skip(f"all others ran: {'; '.join(run.left_out)}")


def test_every_block_has_a_language_and_known_notes() -> None:
    """A block without a language, or with a note that no test reads, would never be run."""
    wrong = [
        f"{block.name}: {block.language!r} {sorted(block.notes.keys() - NOTES)}"
        for block in every_block()
        if block.language not in LANGUAGES or block.notes.keys() - NOTES
    ]
    assert not wrong


def test_a_block_that_is_not_run_says_why() -> None:
    """In a sentence, not in a word."""
    reasons = [block.notes["not run"] for block in every_block() if "not run" in block.notes]
    assert reasons
    assert all(len(reason.split()) >= 3 for reason in reasons)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```console\n$ false\n```\n", "exit code 1"),
        ("```console\n$ echo one\ntwo\n```\n", "'two' is not in the output"),
        ("```console\n$ echo one; echo two\ntwo\none\n```\n", "'one' is not in the output"),
        ("```python\nprint(1 / 0)\n```\n", "ZeroDivisionError"),
        ("```python\nprint(1)\n```\n\n<!-- prints -->\n```text\n2\n```\n", "'2' is not"),
        ("```haskell\nmain = print 1\n```\n", "'haskell' cannot be run"),
        ("```yaml\nlisten:\n  prot: 1\n```\n", "listen.prot: is no key"),
        ("<!-- not run: no -->\n```console\n$ true\n```\n", "give the reason"),
    ],
)
def test_a_wrong_page_is_found_out(text: str, problem: str, tmp_path: Path) -> None:
    """The runner itself: each kind of mistake on a page is an error that names it."""
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    with PageRun(tmp_path) as run, pytest.raises(Exception, match=problem):
        for block in blocks(page):
            run.run(block)


def test_loose_comparison_skips_what_the_page_leaves_out(tmp_path: Path) -> None:
    """Dots stand for any text, other lines may stand between, runs of blanks count as one."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ printf 'a  1\\nb\\nc 2 d\\n'\na 1\nc ... d\n```\n", "utf-8")
    with PageRun(tmp_path) as run:
        for block in blocks(page):
            run.run(block)
