"""The table of parity, and what a test says where the published scorers are not installed."""

import sys

import pytest

from tests.evals import oracles
from tests.evals.oracles import Parity


def test_parts_of_a_benchmark_are_one_row() -> None:
    """Counts are added up, columns are as wide as they must be."""
    parity = Parity()
    parity.held("Long name", "scorer 1.0", 1200, [])
    parity.held("Short", "scorer 2.0", 5, ["a", "b"], ["a", "b"])
    parity.held("Long name", "scorer 1.0", 34, ["c"], ["c"])
    assert list(parity.table()) == [
        "benchmark  reference   compared  differing  known",
        "Long name  scorer 1.0     1,234          1      1",
        "Short      scorer 2.0         5          2      2",
    ]


def test_a_difference_that_is_not_known_fails() -> None:
    """It stands in the table all the same; so does a comparison of nothing, which fails too."""
    parity = Parity()
    with pytest.raises(AssertionError, match="1 of 3 differ"):
        parity.held("a", "scorer 1.0", 3, ["x", "y"], ["x"])
    with pytest.raises(AssertionError, match="nothing was compared"):
        parity.held("b", "scorer 1.0", 0, [])
    assert [(row.differing, row.known) for row in parity.rows] == [(2, 1), (0, 0)]


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable wins; a module that its Python lacks is named, with what installs it."""
    monkeypatch.setenv(oracles.VARIABLE, sys.executable)
    assert oracles.python("json") == sys.executable
    with pytest.raises(pytest.skip.Exception, match="lacks no_such_module; `make parity`"):
        oracles.python("json", "no_such_module")
