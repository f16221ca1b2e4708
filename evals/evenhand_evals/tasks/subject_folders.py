"""Find a data set that is many CSV files: one for each subject and split.

It may be a folder (`dev/`, `test/`, ...), or an archive of one (zip or tar): the user's own, one
under `EVENHAND_DATA`, or a download by name. The SHA-256 of the set is that of the names and bytes
of the files that were read, in the order of their names: a folder and its archive have the same.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from evenhand_evals.errors import DataError
from evenhand_evals.tasks.sources import Origin, download, not_utf8
from evenhand_evals.types import DataSource

Files = Mapping[str, bytes]
"""By their place, such as `test/anatomy_test.csv`."""


@dataclass(frozen=True, slots=True)
class SubjectOrigin:
    """Where a set of CSV files is kept.

    `folder` is its place under `EVENHAND_DATA`; `name` is what a user writes after `--data` to
    download the archive at `url`, which may hold `{hub}` and `{revision}`. `revision` is empty
    where the publisher's address always gives the newest version. `file` names a subject's file,
    with `{split}` and `{subject}`.
    """

    folder: str
    name: str
    url: str
    revision: str
    licence: str
    file: str


@dataclass(frozen=True, slots=True)
class Tables:
    """The CSV files of a data set and where they came from."""

    files: Files
    source: str
    revision: str | None
    file: str

    @property
    def sha256(self) -> str:
        """The digest over names and bytes, as lower-case hex."""
        digest = sha256()
        for name in sorted(self.files):
            digest.update(f"{name}\0{len(self.files[name])}\0".encode())
            digest.update(self.files[name])
        return digest.hexdigest()

    def rows(self, split: str, subject: str) -> list[tuple[str, list[str]]]:
        """Parse a subject's file; each row comes with the name of its place, for messages.

        Raises:
            DataError: it is no UTF-8 text, no CSV, or holds no rows.

        """
        name = self.file.format(split=split, subject=subject)
        where = f"{self.source}: {name}"
        try:
            text = self.files[name].decode("utf-8-sig")
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: {not_utf8(error)}") from error
        try:
            rows = [(f"{where}, line {reader.line_num}", row) for row in reader if row]
        except csv.Error as error:
            raise DataError(
                f"{where}, line {reader.line_num}: not CSV ({error}); "
                "put a field with quotes or commas between quotes, and double the quotes in it"
            ) from error
        if not rows:
            raise DataError(f"{where} holds no rows; fetch the file again")
        return rows


def find_tables(
    source: DataSource, origin: SubjectOrigin, subjects: Sequence[str], splits: Sequence[str]
) -> Tables:
    """Read the files of all subjects: the user's, a download by name, or those in EVENHAND_DATA.

    Raises:
        DataError: saying what was looked for and how to provide it; naming files that are missing,
            because an average over some of the subjects would be another benchmark.

    """
    wanted = [
        origin.file.format(split=split, subject=subject) for split in splits for subject in subjects
    ]
    files, place, revision = _locate(source, origin, wanted)
    missing = [name for name in wanted if name not in files]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise DataError(
            f"{place}: {len(missing)} of {len(wanted)} files are missing: {shown}; add them: "
            f"there must be one for each subject, named like {wanted[0]}"
        )
    return Tables({name: files[name] for name in wanted}, place, revision, origin.file)


def _locate(
    source: DataSource, origin: SubjectOrigin, wanted: Sequence[str]
) -> tuple[Files, str, str | None]:
    choices = f"--data FOLDER (or its zip or tar), or --data {origin.name} to download it"
    if source.path is not None:
        if source.path.exists():
            return _on_disk(source.path, wanted), str(source.path), None
        if source.path.as_posix() == origin.name:
            return _downloaded(origin, wanted)
        raise DataError(f"--data {source.path}: no such folder or data set; give {choices}")
    if source.root is None:
        raise DataError(
            f"no data: set EVENHAND_DATA to a folder that holds {origin.folder}/, or give {choices}"
        )
    folder = source.root / origin.folder
    if not folder.is_dir():
        raise DataError(f"no data: EVENHAND_DATA has no {folder}; put it there, or give {choices}")
    return _on_disk(folder, wanted), str(folder), None


def _on_disk(path: Path, wanted: Iterable[str]) -> Files:
    try:
        if path.is_dir():
            return {name: (path / name).read_bytes() for name in wanted if (path / name).is_file()}
        return _unpacked(path.read_bytes(), str(path), wanted)
    except OSError as error:
        raise DataError(
            f"--data {path}: cannot be read: {error.strerror}; name a file that you may read"
        ) from error


def _downloaded(origin: SubjectOrigin, wanted: Iterable[str]) -> tuple[Files, str, str | None]:
    found = download(Origin("", origin.name, origin.url, origin.revision, origin.licence))
    return _unpacked(found.data, found.source, wanted), found.source, origin.revision or None


def _unpacked(data: bytes, place: str, wanted: Iterable[str]) -> Files:
    """Take the wanted files out of a zip or tar, in whatever folder of it they are.

    Raises:
        DataError: it is neither.

    """
    import lzma
    import tarfile
    import zipfile
    import zlib

    broken = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error)
    # A zip with a password or an unknown packing raises RuntimeError, a torn gzip OSError.
    names = frozenset(wanted)
    stream = io.BytesIO(data)
    try:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                places = _places(archive.namelist(), names)
                return {name: archive.read(member) for name, member in places.items()}
        stream.seek(0)
        with tarfile.open(fileobj=stream) as tar:
            places = _places((each.name for each in tar if each.isfile()), names)
            opened = {name: tar.extractfile(member) for name, member in places.items()}
            return {name: file.read() for name, file in opened.items() if file}
    except (*broken, EOFError, OSError, RuntimeError) as error:
        reason = str(error).partition(":\n")[0]
        raise DataError(
            f"{place}: neither a folder nor a zip or tar of one ({reason}); name one that holds "
            f"files such as {min(names)}"
        ) from error


def _places(members: Iterable[str], names: frozenset[str]) -> dict[str, str]:
    """Give the first member for each name, which is the member's last two parts."""
    places: dict[str, str] = {}
    for member in members:
        name = "/".join(member.split("/")[-2:])
        if name in names:
            places.setdefault(name, member)
    return places
