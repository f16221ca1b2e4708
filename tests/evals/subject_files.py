"""Writes small data sets in the form of MMLU, C-Eval and CMMLU: one CSV file for each subject."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def write(file: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write one CSV file, and its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def row(name: str, answer: str) -> list[str]:
    """Make a row of question, four options and an answer."""
    return [f"{name}?", f"{name} one", f"{name} two", f"{name} three", f"{name} four", answer]


def write_mmlu(folder: Path, subjects: Iterable[str], items: int = 1) -> None:
    """Write five dev items and some test items for each subject, without a header."""
    for subject in subjects:
        shots = [row(f"{subject} shot {number}", "ABCDA"[number]) for number in range(5)]
        tests = [row(f" {subject} {number} ", "ABCD"[number % 4]) for number in range(items)]
        write(folder / "dev" / f"{subject}_dev.csv", shots)
        write(folder / "test" / f"{subject}_test.csv", tests)


def write_ceval(folder: Path, subjects: Iterable[str]) -> None:
    """Write five dev items with explanations and one val item for each subject."""
    header = ["id", "question", "A", "B", "C", "D", "answer"]
    for subject in subjects:
        shots = [
            [str(number), *row(f"{subject}例{number}", "ABCDA"[number]), f"1. 因为{number}。"]
            for number in range(5)
        ]
        write(folder / "dev" / f"{subject}_dev.csv", [[*header, "explanation"], *shots])
        write(folder / "val" / f"{subject}_val.csv", [header, ["0", *row(subject, "C")]])


def write_cmmlu(folder: Path, subjects: Iterable[str]) -> None:
    """Write five dev items and one test item for each subject."""
    header = ["", "Question", "A", "B", "C", "D", "Answer"]
    for subject in subjects:
        shots = [[str(n), *row(f"{subject}例{n}", "ABCDA"[n])] for n in range(5)]
        write(folder / "dev" / f"{subject}.csv", [header, *shots])
        write(folder / "test" / f"{subject}.csv", [header, ["0", *row(subject, "B")]])
