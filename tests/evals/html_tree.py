"""A strict reader of HTML pages, for tests that look at their structure."""

from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Node:
    """An element of a parsed page."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Node | str] = []

    def walk(self) -> Iterator["Node"]:
        """Give this element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def find(self, tag: str, **attributes: str) -> list["Node"]:
        """Give the elements of a tag with the given attributes."""
        wanted = attributes.items()
        return [
            node
            for node in self.walk()
            if node.tag == tag and all(node.attributes.get(name) == value for name, value in wanted)
        ]

    @property
    def text(self) -> str:
        """The text of this element and all below it, white space joined."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(" ".join(parts).split())


class Tree(HTMLParser):
    """Builds nodes, and fails where an element is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Node("root", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Open an element."""
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last, which must be of this tag."""
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Keep a piece of text."""
        self._open[-1].children.append(data)


def parse(html: str) -> Node:
    """Parse a page strictly."""
    tree = Tree()
    tree.feed(html)
    tree.close()
    assert tree._open == [tree.root]
    return tree.root
