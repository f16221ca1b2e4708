"""Find a task's data: a file of the user's, `EVENHAND_DATA`, or a download by name.

Every data set here is one file of JSON lines, so that its SHA-256 can be compared with anybody's.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.types import DataSource

HUB = "https://huggingface.co"
"""The default hub; the environment variable HF_ENDPOINT names a mirror, as in the hub's clients."""

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a public data set is kept.

    `file` is its place under `EVENHAND_DATA`; `name` is what a user writes after `--data` to
    download it; `url` may hold `{hub}` and `{revision}`; `revision` is the pinned commit.
    """

    file: str
    name: str
    url: str
    revision: str
    licence: str


@dataclass(frozen=True, slots=True)
class Found:
    """The bytes of a data set and where they came from."""

    data: bytes
    source: str
    revision: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the bytes, as lower-case hex."""
        return sha256(self.data).hexdigest()

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
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{where}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise DataError(f"{where}: a {type(row).__name__} where an object belongs")
            rows.append((where, row))
        if not rows:
            raise DataError(f"{self.source} holds no items")
        return rows


def field(row: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """Take a field out of a row.

    Raises:
        DataError: naming the place, the field and the value, if it is missing or of another type.

    """
    if name not in row:
        raise DataError(f"{where}: the field {name!r} is missing; it has {sorted(row)}")
    if not isinstance(row[name], kind):
        raise DataError(f"{where}: the field {name!r} is {row[name]!r}, not a {kind.__name__}")
    return row[name]


def shipped(name: str) -> bytes:
    """Read a data set that comes with the package."""
    return files("evenhand_evals").joinpath("datasets", name).read_bytes()


def _read(source: DataSource, file: str) -> Found | None:
    """Read the file that the user named, or None if nothing of that name is on disk."""
    if source.path is None or not source.path.exists():
        return None
    path = source.path / file.rpartition("/")[2] if source.path.is_dir() else source.path
    try:
        return Found(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"--data {source.path}: cannot read {path}: {error.strerror}") from error


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
    return Found(path.read_bytes(), str(path))


def download(origin: Origin) -> Found:
    """Fetch a data set at its pinned revision over HTTPS.

    Raises:
        DataError: naming the address that was tried, what it answered, and the ways around it.

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
    return Found(response.content, url, origin.revision)
