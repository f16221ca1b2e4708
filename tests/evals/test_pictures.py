"""Pictures: shapes, letters and the PNG file, read back by a reader of this test's own."""

import base64
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import DataError
from evenhand_evals.pictures.canvas import BLACK, WHITE, Canvas, data_url, text_height, text_width
from evenhand_evals.pictures.files import MOST_BYTES, image_url, media_type, read_image
from evenhand_evals.pictures.font import GLYPHS, HEIGHT, WIDTH

RED = (200, 10, 20)


def read_png(data: bytes) -> tuple[int, int, bytes]:
    """Read a truecolour PNG without filters: its size and its dots."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (check,) = struct.unpack_from(">I", data, place + 8 + length)
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    raw, stride = zlib.decompress(chunks[b"IDAT"]), 3 * width + 1
    rows = [raw[n * stride : (n + 1) * stride] for n in range(height)]
    assert len(raw) == stride * height
    assert all(row[0] == 0 for row in rows)
    return width, height, b"".join(row[1:] for row in rows)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    corner=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    size=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_a_file_holds_what_was_drawn(
    width: int, height: int, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Whatever is drawn, inside or outside, the file has every dot of the canvas."""
    canvas = Canvas(width, height)
    canvas.rectangle(*corner, *size, RED)
    found = read_png(canvas.png())
    assert found[:2] == (width, height)
    (left, top), (wide, high) = corner, size
    for y in range(height):
        for x in range(width):
            inside = left <= x < left + wide and top <= y < top + high
            dot = tuple(found[2][3 * (y * width + x) :][:3])
            assert dot == canvas.at(x, y) == (RED if inside else WHITE)


def test_shapes() -> None:
    """Circles are round, triangles stand on their base, lines join their ends."""
    canvas = Canvas(60, 30)
    canvas.circle(10, 10, 5, RED)
    assert [canvas.at(x, 10) for x in (4, 5, 15, 16)] == [WHITE, RED, RED, WHITE]
    assert (canvas.at(10, 5), canvas.at(6, 6)) == (RED, WHITE)
    canvas.triangle(30, 10, 5, RED)
    assert (canvas.at(30, 5), canvas.at(26, 6), canvas.at(26, 15)) == (RED, WHITE, RED)
    canvas.line((40, 3), (50, 13), RED, 2)
    assert canvas.at(40, 3) == canvas.at(45, 8) == canvas.at(51, 14) == RED
    with pytest.raises(IndexError, match=r"\(60, 0\) is outside of 60 by 30"):
        canvas.at(60, 0)


def test_letters() -> None:
    """Text is drawn dot for dot as the font has it, at any scale."""
    assert all(
        len(rows) == HEIGHT and {len(row) for row in rows} == {WIDTH} for rows in GLYPHS.values()
    )
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    canvas = Canvas(text_width("HI", 3), text_height(3))
    canvas.text(0, 0, "HI", scale=3)
    for letter, left in (("H", 0), ("I", 18)):
        for y, row in enumerate(GLYPHS[letter]):
            for x, dot in enumerate(row):
                wanted = BLACK if dot == "#" else WHITE
                assert canvas.at(left + 3 * x + 1, 3 * y + 1) == wanted
    with pytest.raises(KeyError):
        canvas.text(0, 0, "h")


def test_digests_are_of_the_dots() -> None:
    """The same dots in another shape are another picture."""
    assert Canvas(2, 3).sha256 == Canvas(2, 3).sha256
    assert len({Canvas(2, 3).sha256, Canvas(3, 2).sha256, Canvas(2, 3, RED).sha256}) == 3


PNG = Canvas(2, 2).png()


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVE", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_types_by_the_first_bytes(data: bytes, media: str | None) -> None:
    """What a file is called does not matter."""
    assert media_type(data) == media


def test_images_are_read(tmp_path: Path) -> None:
    """A path from the folder and a data URL give the same bytes."""
    file = tmp_path / "sky.jpg"
    file.write_bytes(PNG)
    for text in ("sky.jpg", data_url(PNG), data_url(PNG, "image/jpeg")):
        assert read_image(text, tmp_path, "line 1") == PNG
    assert image_url(PNG) == "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://127.0.0.1/sky.png", "an address on the web; keep a copy"),
        ("missing.png", "missing.png cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("a\0b", "cannot be read: .*null byte"),
        ("note.txt", "no PNG, JPEG, GIF or WebP; save it"),
        ("empty.png", "no PNG, JPEG, GIF or WebP; save it"),
        ("large.png", f"with {MOST_BYTES + 1} bytes; scale it down"),
        ("data:image/png,abc", "write it as data:image/png;base64"),
        ("data:image/png;base64,@@", "which is not base64"),
        ("data:image/png;base64,", "no PNG, JPEG, GIF or WebP; save it"),
    ],
)
def test_images_that_cannot_be_sent(tmp_path: Path, text: str, message: str) -> None:
    """Each error names the place, the field, the value and the reason."""
    (tmp_path / "note.txt").write_bytes(b"hello")
    (tmp_path / "empty.png").write_bytes(b"")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match=f"line 7: the field 'image' is .*{message}"):
        read_image(text, tmp_path, "line 7")
