"""What holds for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A time limit for one example would fail on a busy machine, whatever the code does.
settings.register_profile("evenhand", deadline=None)
settings.load_profile("evenhand")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test finds the answers of another run, and none leaves any behind."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["EVENHAND_CACHE"] = str(folder)
    return folder
