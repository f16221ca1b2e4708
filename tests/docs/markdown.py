"""Reading the project's Markdown: code blocks with their notes, links, images and headings.

A note is an HTML comment on a line of its own directly above a block. The notes that the tests
know are these:

- `not run: REASON`: the block cannot run here;
- `file: NAME`: the block is the content of a file that later blocks use;
- `exits: N`: the last command of the block ends with that code;
- `output varies: REASON`: the shown output is an example and is not compared;
- `prints`: the block is what the block before it printed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

NOTES = frozenset(("not run", "file", "exits", "output varies", "prints"))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\s*$")
_COMMENT = re.compile(r"^\s*<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*))? -->\s*$")
_LINK = re.compile(r"(?P<image>!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced code block; `line` is that of its opening fence, counted from 1."""

    page: Path
    line: int
    language: str
    text: str
    notes: Mapping[str, str]

    @property
    def name(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page.name}:{self.line}"


def pages() -> list[Path]:
    """Give every page of the documentation, the README first."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Give the code blocks of a page in order."""
    lines = page.read_text("utf-8").splitlines()
    found: list[Block] = []
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is None:
            number += 1
            continue
        end = next(i for i in range(number + 1, len(lines)) if lines[i].strip() == "```")
        indent = len(opening["indent"])
        text = "".join(f"{line[indent:]}\n" for line in lines[number + 1 : end])
        notes = dict(_notes_above(lines, number))
        found.append(Block(page, number + 1, opening["language"], text, notes))
        number = end + 1
    return found


def _notes_above(lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    for line in reversed(lines[:number]):
        comment = _COMMENT.match(line)
        if comment is None:
            return
        yield comment["name"], comment["value"] or ""


def prose(page: Path) -> str:
    """Give a page's text without its code blocks."""
    kept: list[str] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        if _FENCE.match(line) or (inside and line.strip() == "```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def links(page: Path) -> list[tuple[bool, str]]:
    """Give the targets of a page's links, each with whether it is an image."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return [(bool(found["image"]), found["target"]) for found in _LINK.finditer(text)]


def anchors(page: Path) -> set[str]:
    """Give the anchors that the headings of a page make, as GitHub makes them."""
    return {anchor(found["text"]) for found in _HEADING.finditer(prose(page))}


def anchor(heading: str) -> str:
    """Give a heading's anchor: lower case, punctuation dropped, blanks as hyphens.

    >>> anchor("`evenhand eval run`: a run")
    'evenhand-eval-run-a-run'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(page: Path, heading: str) -> str:
    """Give the text below a heading, up to the next one of the same or a higher level."""
    text = page.read_text("utf-8")
    opening = re.search(rf"^(#+) {re.escape(heading)}\s*$", text, re.MULTILINE)
    if opening is None:
        raise AssertionError(f"{page.relative_to(ROOT)} has no heading {heading!r}")
    rest = text[opening.end() :]
    closing = re.search(rf"^#{{1,{len(opening[1])}}} ", rest, re.MULTILINE)
    return rest[: closing.start()] if closing else rest


def table_rows(text: str) -> list[list[str]]:
    """Give the cells of every table row in a text, without the rows of hyphens."""
    rows = [line.strip() for line in text.splitlines() if line.lstrip().startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row[1:-1])] for row in rows]
    return [row for row in cells if not all(set(cell) <= set("-: ") for cell in row)]
