"""The table of how our scorers compare with the published ones, at the end of `make parity`."""

from collections.abc import Sequence

import pytest

from tests.evals.oracles import Parity

PARITY = pytest.StashKey[Parity]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[PARITY] = Parity()


@pytest.fixture
def parity(pytestconfig: pytest.Config) -> Parity:
    """The table, for tests that compare with a published scorer."""
    return pytestconfig.stash[PARITY]


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests against published scorers that this run leaves out."""
    for item in items:
        if item.get_closest_marker("oracle"):
            item.config.stash[PARITY].left_out += 1


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table, or say how to get it."""
    parity = config.stash[PARITY]
    if parity.rows:
        terminalreporter.section("parity with the published scorers")
        for line in parity.table():
            terminalreporter.line(line)
    if parity.left_out:
        terminalreporter.line(
            f"{parity.left_out} tests against published scorers left out: `make parity` installs "
            "the scorers and runs them"
        )
