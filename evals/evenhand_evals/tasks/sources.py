"""Find a task's data: a file of the user's, `EVENHAND_DATA`, or a download by name.

Every data set here is one file of JSON lines, so that its SHA-256 can be compared with anybody's.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from evenhand_evals.errors import DataError
from evenhand_evals.types import DataSource

HUB = "https://huggingface.co"
"""The default hub; the environment variable HF_ENDPOINT names a mirror, as in the hub's clients."""

_TIMEOUT_S = 30.0
_KINDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "truth value",
    list: "list",
    dict: "object",
    type(None): "null",
}
"""What a value is called to somebody who writes JSON."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a public data set is kept.

    `file` is its place under `EVENHAND_DATA`; `name` is what a user writes after `--data` to
    download it; `url` may hold `{hub}` and `{revision}`; `revision` is the pinned commit.
    `sha256` is the digest of the file there, empty where its bytes were never at hand: nobody then
    finds out that a mirror serves another file.
    """

    file: str
    name: str
    url: str
    revision: str
    licence: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The bytes of a data set and where they came from; `packed` is the digest of a packed file."""

    data: bytes
    source: str
    revision: str | None = None
    packed: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the file as it was read, as lower-case hex."""
        return self.packed or sha256(self.data).hexdigest()

    def lines(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Parse the JSON lines; each comes with the name of its place, for messages.

        Raises:
            DataError: if a line is not a JSON object, or if there is none.

        """
        rows: list[tuple[str, Mapping[str, Any]]] = []
        for number, line in enumerate(self.data.splitlines(), start=1):
            where = f"{self.source}, line {number}"
            if not line.strip():
                continue
            row = json_of(line, where, "write one JSON object on each line, in UTF-8")
            rows.append((where, object_of(row, where)))
        if not rows:
            raise DataError(f"{self.source} holds no items; write one JSON object on each line")
        return rows


class _TwiceError(Exception):
    """A key stands in an object twice."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs.

    Raises:
        _TwiceError: a key stands there twice, of which one would be lost without a word.

    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once)


def json_of(data: bytes, where: str, fix: str) -> Any:
    """Parse JSON; what `where` names is mended with `fix`.

    Raises:
        DataError: it is not JSON, not UTF-8, nested too deep, has a key twice in an object, or
            holds half a character, which no request could carry.

    """
    try:
        text = data.decode("utf-8-sig")
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise DataError(
            f"{where}: holds half a character, {half}, which cannot be sent; write it whole"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: {not_utf8(error)}") from error
    except _TwiceError as error:
        raise DataError(
            f"{where}: the field {str(error)[:80]!r} stands there twice; keep one of them"
        ) from error
    except RecursionError as error:
        raise DataError(f"{where}: not JSON (nested too deep); {fix}") from error
    except ValueError as error:
        begins = ascii(text.strip()[:40]) if text.strip() else "nothing"
        reason = str(error).partition(";")[0]
        raise DataError(f"{where}: not JSON ({reason}): it begins with {begins}; {fix}") from error
    return value


def not_utf8(error: UnicodeDecodeError) -> str:
    """Say which byte is not UTF-8, and what to do."""
    byte = error.object[error.start]
    return f"not UTF-8 (byte 0x{byte:02x} at {error.start}); save the file as UTF-8"


def object_of(value: Any, where: str) -> Mapping[str, Any]:
    """Give a value that must be a JSON object.

    Raises:
        DataError: it is none.

    """
    if isinstance(value, dict):
        return value
    raise DataError(
        f"{where}: a {_kind(type(value))} where an object belongs, such as "
        f'{{"name": value}}; it is {_shown(value)}'
    )


def _kind(kind: type) -> str:
    return _KINDS.get(kind, kind.__name__)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def field(row: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """Take a field out of a row.

    Raises:
        DataError: naming the place, the field and the value, if it is missing or of another type.

    """
    if name not in row:
        known = ", ".join(name[:40] for name in sorted(map(str, row))[:20]) or "none"
        raise DataError(
            f"{where}: the field {name!r} is missing; the fields there are: {known}; "
            "add it, or rename the one that is meant"
        )
    value = row[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise DataError(
            f"{where}: the field {name!r} is {_shown(value)}, not a {_kind(kind)}; correct it"
        )
    return value


def shipped(name: str) -> bytes:
    """Read a data set that comes with the package."""
    return files("evenhand_evals").joinpath("datasets", name).read_bytes()


def _read(source: DataSource, file: str) -> Found | None:
    """Read the file that the user named, or None if nothing of that name is on disk."""
    if source.path is None or not source.path.exists():
        return None
    if not source.path.is_dir():
        return read_file(source.path)
    path = source.path / file.rpartition("/")[2]
    if not path.exists():
        raise DataError(
            f"--data {source.path}: the folder holds no {path.name}; name the file itself, or a "
            "folder that holds it"
        )
    return read_file(path)


def read_file(path: Path, asked: str = "--data") -> Found:
    """Read a file that `asked` named.

    Raises:
        DataError: it cannot be read, with the reason.

    """
    try:
        return Found(path.read_bytes(), str(path))
    except IsADirectoryError as error:
        raise DataError(f"{asked} {path}: this is a folder; name a file in it") from error
    except FileNotFoundError as error:
        raise DataError(f"{asked} {path}: there is no such file; name one that exists") from error
    except OSError as error:
        raise DataError(
            f"{asked} {path}: cannot be read: {error.strerror}; name a file that you may read"
        ) from error


def unpacked(found: Found) -> Found:
    """Unpack what gzip packed; anything else is given back as it is.

    Raises:
        DataError: it is damaged.

    """
    import gzip
    import zlib

    if not found.data.startswith(b"\x1f\x8b"):
        return found
    try:
        return replace(found, data=gzip.decompress(found.data), packed=found.sha256)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{found.source}: a damaged gzip file ({error}); fetch it again") from error


def find_shipped(source: DataSource, name: str) -> Found:
    """Read a data set of our own, or a file of the user's in the same form.

    Raises:
        DataError: if the user named something that cannot be read.

    """
    found = _read(source, name)
    if found is not None:
        return found
    if source.path is not None:
        raise DataError(f"--data {source.path}: no such file; leave it out to use evenhand's own")
    return Found(shipped(name), f"evenhand:{name}")


def find(source: DataSource, origin: Origin) -> Found:
    """Read a public data set: the user's file or folder, a download by name, or EVENHAND_DATA.

    Raises:
        DataError: saying what was looked for and how to provide it.

    """
    found = _read(source, origin.file)
    if found is not None:
        return found
    choices = f"--data FILE, or --data {origin.name} to download it"
    if source.path is not None:
        if source.path.as_posix() == origin.name:
            return download(origin)
        raise DataError(f"--data {source.path}: no such file or data set; give {choices}")
    if source.root is None:
        raise DataError(
            f"no data: set EVENHAND_DATA to a folder that holds {origin.file}, or give {choices}"
        )
    path = source.root / origin.file
    if not path.is_file():
        raise DataError(f"no data: EVENHAND_DATA has no {path}; put it there, or give {choices}")
    return read_file(path, "EVENHAND_DATA:")


def download(origin: Origin) -> Found:
    """Fetch a data set at its pinned revision over HTTPS.

    Raises:
        DataError: naming the address that was tried, what it answered, and the ways around it; or
            that what came is not the file that was published.

    """
    import httpx

    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    url = origin.url.format(hub=hub, revision=origin.revision)
    try:
        response = httpx.get(url, follow_redirects=True, timeout=_TIMEOUT_S)
        response.raise_for_status()
    except httpx.HTTPError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{origin.name} could not be downloaded: GET {url} failed with "
            f"{type(error).__name__}: {reason}; fetch that file elsewhere and give it with "
            "--data FILE, or set HF_ENDPOINT to a mirror of the hub"
        ) from error
    found = Found(response.content, url, origin.revision)
    if origin.sha256 not in ("", found.sha256):
        raise DataError(
            f"{origin.name}: GET {url} gave a file with the SHA-256 {found.sha256}, and the "
            f"published one has {origin.sha256}; fetch it from elsewhere and give it with "
            "--data FILE"
        )
    return found
