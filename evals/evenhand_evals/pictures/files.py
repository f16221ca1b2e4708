"""Images of the user's: read from a file or a `data:` URL, their type told by their first bytes."""

import base64
import binascii
from pathlib import Path

from evenhand_evals.errors import DataError
from evenhand_evals.pictures.canvas import data_url

MOST_BYTES = 10 * 1024 * 1024
"""The largest image that is read; hosted endpoints take 5 to 20 MB."""

_SCHEME = "data:"


def media_type(data: bytes) -> str | None:
    """Tell the media type of an image by its first bytes; None if it is none that models read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def read_image(text: str, folder: Path, where: str, name: str = "image") -> bytes:
    """Read an image that a row names in the field `name`: a `data:` URL, or a path.

    The path is relative to `folder` and leads nowhere else, not even by a link, so that a data set
    of somebody else's sends no file of yours to a model.

    Raises:
        DataError: naming the place, the value and the fix: there is no such file there, it is no
            image, or too large; an address on the web, which might change from run to run.

    """
    shown = f"{where}: the field {name!r} is {text[:80]!r}"
    if text.startswith(("http://", "https://")):
        raise DataError(
            f"{shown}, an address on the web; keep a copy beside the file and name that"
        )
    data = _decoded(text, shown) if text.startswith(_SCHEME) else _file(text, folder, shown)
    if len(data) > MOST_BYTES:
        raise DataError(f"{shown}, with {len(data)} bytes; scale it down to {MOST_BYTES} at most")
    if media_type(data) is None:
        raise DataError(f"{shown}, which is no PNG, JPEG, GIF or WebP; save it as one of them")
    return data


def _file(text: str, folder: Path, shown: str) -> bytes:
    path = folder / text
    keep = f"keep the image in the data's own folder, {folder}, and name it from there"
    if Path(text).is_absolute():
        raise DataError(f"{shown}, an absolute path; {keep}")
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{shown}, which leads out of the data's folder; {keep}")
        if path.stat().st_size > MOST_BYTES:
            size = path.stat().st_size
            raise DataError(f"{shown}, with {size} bytes; scale it down to {MOST_BYTES} at most")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # the last is a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{shown}, and {path} cannot be read: {reason}") from error


def _decoded(text: str, shown: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise DataError(f"{shown}; write it as data:image/png;base64,...")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise DataError(f"{shown}, which is not base64: {error}") from error


def image_url(data: bytes) -> str:
    """Give an image that was read as a `data:` URL of its true type."""
    return data_url(data, media_type(data) or "application/octet-stream")
