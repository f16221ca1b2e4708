"""Reading YAML into dataclasses: every error names file, line, key and what is near."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from evenhand_evals.errors import UsageError
from evenhand_evals.yaml_tree import SHORT, called, parse_yaml, read_yaml


@dataclass(frozen=True, slots=True)
class Inner:
    """A part that may be written short."""

    name: str = field(metadata=SHORT)
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    """One field of every kind."""

    parts: tuple[Inner, ...]
    settings: Mapping[str, Any] = field(default_factory=dict, metadata=called("set"))
    share: float = 0.5
    quick: bool = False
    mode: Literal["pin", "report"] = "pin"
    out: Path | None = None


GOOD = """
parts:
  - plain
  - name: full
    size: 3
set: {temperature: 0, stop: [a, b]}
share: 1
quick: true
mode: report
out: a/b
"""


def test_everything_is_read() -> None:
    """Short and full forms, renamed keys, numbers, switches, choices and paths."""
    found = parse_yaml(GOOD, "t.yaml", Outer, "a test")
    assert found.value == Outer(
        (Inner("plain"), Inner("full", 3)),
        {"temperature": 0, "stop": ["a", "b"]},
        1.0,
        quick=True,
        mode="report",
        out=Path("a/b"),
    )
    assert found.lines["parts.1.size"] == 5


def test_null_is_none_only_where_it_may_be() -> None:
    """An optional key may be null; a needed one is told to be left out."""
    found = parse_yaml("parts: [{name: a, size: null}]\nout: null", "t.yaml", Outer, "a test")
    assert found.value.parts[0].size is None
    with pytest.raises(UsageError, match=r"t\.yaml:1: parts\.0\.name: is empty"):
        parse_yaml("parts: [{name: }]", "t.yaml", Outer, "a test")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "t.yaml:1: the file is empty; write a test"),
        ("parts: [", "t.yaml:1: is not valid YAML"),
        ("just a text", "t.yaml:1: the file: must be a mapping"),
        ("share: 1", "t.yaml:1: the file: lacks parts; add it"),
        ("parts: []\nshaer: 1", "t.yaml:2: shaer: is no key of a test; did you mean 'share'?"),
        ("parts: []\nparts: []", "t.yaml:2: parts: stands here twice"),
        ("parts: one", "t.yaml:1: parts: must be a list"),
        ("parts:\n  - name: a\n    size: many", "t.yaml:3: parts.0.size: 'many' is not a whole"),
        ("parts:\n  - name: a\n    size: true", "t.yaml:3: parts.0.size: 'true' is not a whole"),
        ("parts:\n  - name: a\n    size: '3'", "t.yaml:3: parts.0.size: '3' is not a whole"),
        ("parts: []\nmode: pinn", "t.yaml:2: mode: 'pinn' is not one of its values; did you mean"),
        ("parts: []\nquick: 1", "t.yaml:2: quick: '1' is not true or false"),
        ("parts: []\nset: 3", "t.yaml:2: set: must be a mapping"),
        ("parts: []\nshare: .nan", "t.yaml:2: share: '.nan' is not finite"),
        ("parts: []\nshare: -.inf", "t.yaml:2: share: '-.inf' is not finite"),
        (f"parts: []\nshare: 1{'0' * 400}", "t.yaml:2: share: '1000"),
        (f"parts: [{{name: a, size: {2**63}}}]", "t.yaml:1: parts.0.size: '92233720"),
        ("parts: []\nset: {t: .nan}", "t.yaml:2: set.t: holds a number that is not finite"),
        ("parts: []\nset: {t: [1, {a: -.inf}]}", "t.yaml:2: set.t: holds a number that is not"),
        ("parts: []\nset: {t: 2020-13-45}", "t.yaml:2: set.t: cannot be read as a value: month"),
        ("parts: []\nset: {t: !foo 3}", "t.yaml:2: set.t: cannot be read as a value: could not"),
        (f"parts: []\nset: {{t: {10**30}}}", "t.yaml:2: set.t: cannot be read as a value: Integer"),
        ("parts: []\nout: [a]", "t.yaml:2: out: must be a single value"),
    ],
)
def test_errors_name_line_and_key(text: str, says: str) -> None:
    """Whatever is wrong, the message begins with the place."""
    with pytest.raises(UsageError) as raised:
        parse_yaml(text, "t.yaml", Outer, "a test")
    assert str(raised.value).startswith(says)


def test_later_errors_find_their_line() -> None:
    """A key that is there has its own line, one that is not has the line of what holds it."""
    found = parse_yaml(GOOD, "t.yaml", Outer, "a test")
    assert str(found.error("parts.1.size", "no")) == "t.yaml:5: parts.1.size: no"
    assert str(found.error("parts.1.other", "no")) == "t.yaml:4: parts.1.other: no"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 are named."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml", Outer, "a test")
    (tmp_path / "bad.yaml").write_bytes(b"parts: [\xff]")
    with pytest.raises(UsageError, match=r"bad\.yaml: cannot be read"):
        read_yaml(tmp_path / "bad.yaml", Outer, "a test")
