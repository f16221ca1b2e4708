"""Where the published scorers are, how they are asked, and the table of how ours compares.

They live in an environment of their own, which `make parity` makes (`oracles.sh`):
`.venv-oracles`, or wherever the Python that EVENHAND_ORACLE_PYTHON names is. The programs that
run there, `oracle_*.py` and the like, import nothing of ours.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "EVENHAND_ORACLE_PYTHON"
OWN = Path(__file__).resolve().parents[2] / ".venv-oracles" / "bin" / "python"
HEADINGS = ("benchmark", "reference", "compared", "differing", "known")
_MISSING = """
import sys
from importlib.util import find_spec
print(*(name for name in sys.argv[1:] if find_spec(name) is None))
"""
_VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


def data_root(what: str) -> Path:
    """Give the folder of published data, or skip the test and say what it lacks."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip(f"EVENHAND_DATA is not set: {what} not at hand")
    return Path(root)


def python(*modules: str) -> str:
    """Give the interpreter that has some modules, or skip the test and say how to get it."""
    named = os.environ.get(VARIABLE) or (str(OWN) if OWN.exists() else None)
    if named is None:
        pytest.skip(f"no published scorers here: `make parity` installs them ({VARIABLE} is unset)")
    missing = _said(named, _MISSING, *modules)
    if missing:
        pytest.skip(f"{named} lacks {missing}; `make parity` installs all that is needed")
    return named


@cache
def _said(interpreter: str, code: str, *arguments: str) -> str:
    command = [interpreter, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def ask(program: str, asked: str, *modules: str, arguments: Sequence[str] = ()) -> str:
    """Run a program of this folder with a text on standard input; give what it wrote."""
    file = Path(__file__).with_name(program)
    done = subprocess.run(
        [python(*modules), "-W", "ignore", str(file), *arguments],
        input=asked,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(program: str, asked: object, *modules: str) -> Any:
    """Run a program that reads one JSON value and writes one."""
    return json.loads(ask(program, json.dumps(asked), *modules))


@dataclass(frozen=True, slots=True)
class Row:
    """How our scorer and a published one compare on one benchmark."""

    benchmark: str
    reference: str
    compared: int
    differing: int
    known: int


class Parity:
    """Collects the rows of the table; there is one in a run of the tests."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.left_out = 0

    def held(
        self,
        benchmark: str,
        package: str,
        compared: int,
        differing: Sequence[object],
        known: Sequence[object] = (),
    ) -> None:
        """Write a row; fail if nothing was compared, or if anything differs that is not known.

        `package` is the distribution that the reference comes from, or, with a blank in it, the
        reference in words. `differing` are all differences, `known` those that the test's
        docstring names.
        """
        words = " " in package
        reference = package if words else f"{package} {_said(python(), _VERSION, package)}"
        row = Row(benchmark, reference, compared, len(differing), len(known))
        self.rows.append(row)
        assert compared, "nothing was compared"
        unknown = [each for each in differing if each not in known]
        assert unknown == [], f"{len(unknown)} of {compared} differ"

    def table(self) -> Iterable[str]:
        """Give the lines of the table, a benchmark that was compared in parts on one of them."""
        merged: dict[tuple[str, str], Row] = {}
        for row in self.rows:
            key = (row.benchmark, row.reference)
            old = merged.get(key, Row(*key, 0, 0, 0))
            merged[key] = Row(
                *key,
                old.compared + row.compared,
                old.differing + row.differing,
                old.known + row.known,
            )
        cells = [HEADINGS]
        cells += [
            (
                each.benchmark,
                each.reference,
                f"{each.compared:,}",
                f"{each.differing:,}",
                f"{each.known:,}",
            )
            for each in merged.values()
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for cell in cells:
            names = (text.ljust(width) for text, width in zip(cell[:2], widths[:2], strict=True))
            numbers = (text.rjust(width) for text, width in zip(cell[2:], widths[2:], strict=True))
            yield "  ".join((*names, *numbers))
