"""Small pictures without a graphics library: shapes and letters on a canvas, written as PNG.

Nothing is smoothed, so a picture is the same on every machine, dot for dot. The bytes of its PNG
may still differ with the version of zlib: identify a picture by `Canvas.sha256`, which is over its
dots. PNG: ISO/IEC 15948 (truecolour, eight bits, no filter, no interlace).
"""

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from evenhand_evals.pictures.font import GLYPHS, HEIGHT, WIDTH

Colour = tuple[int, int, int]
Point = tuple[int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (20, 20, 20)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(slots=True)
class Canvas:
    """A picture of `width` by `height` dots, (0, 0) at the top left; nothing is drawn outside."""

    width: int
    height: int
    background: Colour = WHITE
    _dots: bytearray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Fill the canvas with its background."""
        self._dots = bytearray(bytes(self.background) * (self.width * self.height))

    def at(self, x: int, y: int) -> Colour:
        """Give the colour of a dot.

        Raises:
            IndexError: it is outside.

        """
        if not (0 <= x < self.width and 0 <= y < self.height):
            raise IndexError(f"({x}, {y}) is outside of {self.width} by {self.height}")
        place = 3 * (y * self.width + x)
        red, green, blue = self._dots[place : place + 3]
        return red, green, blue

    def row(self, x0: int, x1: int, y: int, colour: Colour) -> None:
        """Draw the dots x0 <= x < x1 of one row."""
        left, right = max(0, x0), min(self.width, x1)
        if 0 <= y < self.height and left < right:
            place = 3 * (y * self.width + left)
            self._dots[place : place + 3 * (right - left)] = bytes(colour) * (right - left)

    def rectangle(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle with its top left corner at (x, y)."""
        for each in range(y, y + height):
            self.row(x, x + width, each, colour)

    def circle(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fill a circle around (x, y)."""
        for dy in range(-radius, radius + 1):
            reach = int((radius * radius - dy * dy) ** 0.5)
            self.row(x - reach, x + reach + 1, y + dy, colour)

    def triangle(self, x: int, y: int, half: int, colour: Colour) -> None:
        """Fill a triangle that points up, centred on (x, y), `2 * half` wide and high."""
        for step in range(2 * half + 1):
            self.row(x - step // 2, x + step // 2 + 1, y - half + step, colour)

    def line(self, start: Point, end: Point, colour: Colour, thickness: int = 1) -> None:
        """Draw a straight line."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            x = x0 + round((x1 - x0) * step / steps)
            y = y0 + round((y1 - y0) * step / steps)
            self.rectangle(x, y, thickness, thickness, colour)

    def text(self, x: int, y: int, text: str, colour: Colour = BLACK, scale: int = 2) -> None:
        """Write capital letters, digits and blanks, with the top left corner at (x, y).

        Raises:
            KeyError: the font has no such letter.

        """
        for place, letter in enumerate(text):
            left = x + place * (WIDTH + 1) * scale
            for row, dots in enumerate(GLYPHS[letter]):
                for column, dot in enumerate(dots):
                    if dot == "#":
                        corner = (left + column * scale, y + row * scale)
                        self.rectangle(*corner, scale, scale, colour)

    @property
    def dots(self) -> bytes:
        """The colours of all dots, three bytes each, row by row."""
        return bytes(self._dots)

    @property
    def sha256(self) -> str:
        """The digest of the size and the dots, as lower-case hex."""
        size = struct.pack(">II", self.width, self.height)
        return sha256(size + self._dots).hexdigest()

    def png(self) -> bytes:
        """Write the picture as a PNG file."""
        stride = 3 * self.width
        rows = (self._dots[n * stride : (n + 1) * stride] for n in range(self.height))
        # Each row begins with the number of its filter: 0, none.
        packed = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunks(chunks))


def text_width(text: str, scale: int = 2) -> int:
    """Give how many dots wide a text is."""
    return max(0, len(text) * (WIDTH + 1) - 1) * scale


def text_height(scale: int = 2) -> int:
    """Give how many dots high a line of text is."""
    return HEIGHT * scale


def _chunks(chunks: Iterable[tuple[bytes, bytes]]) -> Iterable[bytes]:
    for kind, data in chunks:
        yield (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )


def data_url(data: bytes, media: str = "image/png") -> str:
    """Give the bytes of an image as a `data:` URL."""
    return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"
