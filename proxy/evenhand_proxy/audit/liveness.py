"""Which writers of a journal are alive: each holds an flock that ends with its process.

A lock outlives neither a clean end nor SIGKILL, so it cannot be stale, which a written process id
can (ids are used again). The locks lie beside the journal, in `<journal>-writers/`. They work
between processes of one machine; a journal on a network file system is not supported.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STARTING = "starting.lock"


def writers_folder(journal: Path) -> Path:
    """Give the folder of the writers' locks: `journal.db` -> `journal-writers`."""
    return journal.with_name(f"{journal.stem}-writers")


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Hold the lock under which a writer starts, so that no one judges a half-made claim."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _STARTING, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Claim:
    """A writer's proof of being alive, from its making until `release` or the process's end."""

    def __init__(self, folder: Path) -> None:
        self.writer = secrets.token_hex(8)
        self._path = folder / f"{self.writer}.lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """End the claim and remove its file."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(folder: Path, writer: str) -> bool:
    """Say whether the writer still holds its lock. Call it inside `starting`."""
    try:
        descriptor = os.open(folder / f"{writer}.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def forget(folder: Path, writer: str) -> None:
    """Remove the lock file that a dead writer left."""
    (folder / f"{writer}.lock").unlink(missing_ok=True)
