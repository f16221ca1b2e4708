"""Server-sent events out of bytes that the network may cut anywhere.

The grammar is that of the WHATWG's HTML standard, section 9.2: lines end with CR, LF or both,
`data` lines of one event are joined by LF, an empty line ends the event, a line that begins with a
colon is a comment. Event names and ids are read over: OpenAI's streams do not use them.
"""

from typing import Final

COMMENT: Final = None
"""Stands for a comment, with which engines keep a quiet connection open."""


class EventReader:
    """Gives the data of each event as it becomes complete; each byte is joined and split once."""

    __slots__ = ("_after_cr", "_data", "_torn")

    def __init__(self) -> None:
        self._torn: list[bytes] = []
        self._data: list[bytes] = []
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Take one read; give the data of the events, and the comments, that it completes."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\n" not in chunk and b"\r" not in chunk:
            self._torn.append(chunk)
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = b"".join((*self._torn, chunk)).splitlines()
        self._torn = [] if chunk.endswith((b"\n", b"\r")) else [lines.pop()]
        return self._events(lines)

    def finish(self) -> list[bytes | None]:
        """Give what stands unended at the end of the stream."""
        torn = b"".join(self._torn)
        self._torn = []
        return self._events([torn, b""])

    def _events(self, lines: list[bytes]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    found.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b":"):
                found.append(COMMENT)
        return found
