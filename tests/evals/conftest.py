"""What many tests share: an engine, and the table that `make parity` prints at its end."""

from collections.abc import AsyncIterator, Sequence

import pytest

from evenhand_proxy.cli.model import ensure_local
from evenhand_proxy.engines.local import LocalEngine
from tests.evals.oracles import Parity

PARITY = pytest.StashKey[Parity]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[PARITY] = Parity()


@pytest.fixture
def parity(pytestconfig: pytest.Config) -> Parity:
    """The table, for tests that compare with a published scorer."""
    return pytestconfig.stash[PARITY]


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalEngine]:
    """The embedded llama.cpp with its smallest model, which brings GLM-4's template."""
    folder = tmp_path_factory.mktemp("engine")
    name, weights = await ensure_local("tiny-glm4", folder)
    async with LocalEngine(weights, alias=name, log_path=folder / "engine.log") as running:
        yield running


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
