"""The wheel and the sdist: built, installed into an empty environment, and used."""

import asyncio
import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[1]

SHIPPED = (
    "evenhand_proxy/py.typed",
    "evenhand_evals/py.typed",
    "evenhand_proxy/engines/tiny-glm4.q8_0.gguf",
    "evenhand_proxy/telemetry/tokens.tiktoken",
    "evenhand_evals/report/page.html.jinja",
    "evenhand_evals/report/style.css",
    "evenhand_evals/datasets/ifeval_zh.jsonl",
    "evenhand_evals/datasets/instructions.jsonl",
    "evenhand_evals/datasets/labels.jsonl",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an empty environment that the wheel was installed into, no extras."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    (wheel,) = built.glob("*.whl")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def test_the_wheel_holds_all_data_and_nothing_else(built: Path) -> None:
    """Models, data sets and templates are in it; tests and deployments are not."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not set(SHIPPED) - set(names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "evenhand_proxy",
        "evenhand_evals",
    }


def test_the_wheel_holds_every_file_that_is_no_program(built: Path) -> None:
    """Suites, templates and every data set, as they are here to the byte."""
    (wheel,) = built.glob("*.whl")
    here = {
        path.relative_to(home).as_posix(): path
        for home in (ROOT / "proxy", ROOT / "evals")
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    data = {name for name in here if not name.endswith(".py")}
    for kind in ("datasets/suites/*.yaml", "report/*.jinja", "report/*.css", "datasets/*.jsonl"):
        assert [name for name in data if fnmatch(name, f"evenhand_evals/{kind}")], kind
    with zipfile.ZipFile(wheel) as archive:
        assert not set(here) - set(archive.namelist())
        differing = [name for name in data if archive.read(name) != here[name].read_bytes()]
    assert not differing


def test_the_sdist_holds_no_caches_or_tests(built: Path) -> None:
    """Sources, README and licence."""
    (sdist,) = built.glob("*.tar.gz")
    names = [name.split("/", 1)[1] for name in _names(sdist) if "/" in name]
    assert {"README.md", "LICENSE", "pyproject.toml"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_without_extras_it_stays_small(installed: Path) -> None:
    """Neither the heavy libraries nor the extras' come along."""
    command = [str(installed / "python"), "-m", "pip", "list", "--format=json"]
    listed = subprocess.run(command, check=True, capture_output=True)
    names = {item["name"].lower() for item in json.loads(listed.stdout)}
    assert not names & {"litellm", "torch", "ray", "transformers", "numpy", "xllamacpp", "jinja2"}
    assert len(names) < 70


async def test_the_installed_proxy_serves(installed: Path, tmp_path: Path) -> None:
    """The console script starts a proxy that is alive."""
    config = tmp_path / "evenhand.yaml"
    config.write_text("models: {m: {engine: openai, base_url: 'http://127.0.0.1:9'}}\n")
    process = await asyncio.create_subprocess_exec(
        str(installed / "evenhand"),
        "serve",
        f"--config={config}",
        "--port=0",
        f"--data-dir={tmp_path}",
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if line.startswith(b'{"event": "listening"'):
                break
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(json.loads(line)["url"] + "/healthz")
        assert answer.json() == {"status": "ok"}
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [(["serve", "--local", "tiny-glm4"], "local")],
)
def test_a_missing_extra_is_named(installed: Path, arguments: list[str], extra: str) -> None:
    """The error says which command installs what is missing."""
    done = subprocess.run(
        [str(installed / "evenhand"), *arguments], check=False, capture_output=True
    )
    assert done.returncode == 3
    assert f"evenhand[{extra}]" in done.stderr.decode()


def _names(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        return archive.getnames()
