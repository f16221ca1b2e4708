"""Folders and archives of CSV files, and what is said when something is wrong with them."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks.subject_folders import SubjectOrigin, find_tables
from evenhand_evals.types import DataSource
from tests.evals.subject_files import write_mmlu

ORIGIN = SubjectOrigin(
    "set", "some/set", "{hub}/set.zip", "", "MIT", "{split}/{subject}_{split}.csv"
)
SUBJECTS = ("art", "law")


def find(source: DataSource) -> object:
    """Find the two subjects' test files."""
    return find_tables(source, ORIGIN, SUBJECTS, ("test",))


def test_folder_zip_and_tar_are_one_data_set(tmp_path: Path) -> None:
    """The same files have the same digest and the same rows, wherever they are packed."""
    folder = tmp_path / "root" / "set"
    write_mmlu(folder, SUBJECTS)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in folder.rglob("*.csv"):
            archive.write(file, Path("deep") / file.relative_to(folder))
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        tar.add(folder, "data")
    sources = (
        DataSource(root=tmp_path / "root"),
        DataSource(path=folder),
        DataSource(path=tmp_path / "set.zip"),
        DataSource(path=tmp_path / "set.tar"),
    )
    found = [find_tables(each, ORIGIN, SUBJECTS, ("test",)) for each in sources]
    assert len({each.sha256 for each in found}) == 1
    assert len({str([row for _, row in each.rows("test", "law")]) for each in found}) == 1
    assert {each.revision for each in found} == {None}
    (place, row), *_ = found[0].rows("test", "law")
    assert place.endswith("test/law_test.csv, line 1")
    assert row[-1] == "A"


def test_a_missing_subject_is_refused(tmp_path: Path) -> None:
    """An average over some of the subjects is another benchmark."""
    write_mmlu(tmp_path, ("art",))
    with pytest.raises(DataError, match=r"1 of 2 files are missing: test/law_test\.csv"):
        find(DataSource(path=tmp_path))


def test_no_data_says_how_to_give_it(tmp_path: Path) -> None:
    """Without a folder, with a wrong one, and with a name that is not known."""
    with pytest.raises(DataError, match="set EVENHAND_DATA to a folder that holds set/"):
        find(DataSource())
    with pytest.raises(DataError, match="EVENHAND_DATA has no"):
        find(DataSource(root=tmp_path))
    with pytest.raises(DataError, match="--data some/other: no such folder or data set"):
        find(DataSource(path=Path("some/other")))


def test_broken_files_are_named(tmp_path: Path) -> None:
    """A file that is no archive, no UTF-8, no CSV, or empty."""
    file = tmp_path / "set.bin"
    file.write_bytes(b"neither")
    with pytest.raises(DataError, match="neither a folder nor a zip or tar"):
        find(DataSource(path=file))
    write_mmlu(tmp_path, SUBJECTS)
    law = tmp_path / "test" / "law_test.csv"
    for data, said in ((b"\xff\xfe,", "not UTF-8"), (b'"a', "not CSV"), (b"", "no rows")):
        law.write_bytes(data)
        found = find_tables(DataSource(path=tmp_path), ORIGIN, SUBJECTS, ("test",))
        with pytest.raises(DataError, match=said):
            found.rows("test", "law")


def test_a_failed_download_names_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is downloaded from the hub that HF_ENDPOINT names."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"GET http://127\.0\.0\.1:9/set\.zip failed"):
        find(DataSource(path=Path("some/set")))
