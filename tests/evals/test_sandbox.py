"""The sandbox: every way to end, what a program cannot do, and what becomes of what it starts."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from evenhand_evals import sandbox_child
from evenhand_evals.errors import SandboxBroken
from evenhand_evals.sandbox import Ended, Limits, _parse, run_program

QUICK = Limits(cpu_s=1, wall_s=20.0, memory=256 << 20)


@cache
def isolation() -> tuple[str, ...]:
    """What this machine's kernel keeps off a program."""
    return run_program("").isolation


def needs(kept: str) -> None:
    """Skip a test where the kernel does not do what it is about."""
    if kept not in isolation():
        pytest.skip(f"this kernel gives no namespace for {kept}")


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("x = 1", "passed", ""),
        ("print('a' * 10**7)", "passed", ""),
        ("if __name__ == '__main__': raise ValueError", "passed", ""),
        ("import asyncio\nasync def f(): return 1\nassert asyncio.run(f()) == 1", "passed", ""),
        ("open('a', 'w').write('x')\nassert open('a').read() == 'x'", "passed", ""),
        ("import os\nassert not os.environ and os.listdir('.') == []", "passed", ""),
        ("def f():\n  assert 1 == 2, 'no'\nf()", "failed", "AssertionError: no (at: assert 1"),
        ("1 / 0", "raised", "ZeroDivisionError: division by zero (at: 1 / 0)"),
        ("input()", "raised", "EOFError"),
        ("def f(): f()\nf()", "raised", "RecursionError"),
        ("import numpy", "raised", "ModuleNotFoundError"),
        ("class E(Exception):\n  def __str__(self): 1 / 0\nraise E", "raised", "E (at: raise E)"),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
        ("import sys; sys.exit(0)", "exited", "SystemExit: 0"),
        ("import os; os._exit(0)", "exited", "ended by itself with code 0"),
        ("def f(", "syntax", "SyntaxError"),
        ("x = 'a\0b'", "syntax", "SyntaxError"),
        ("x = '\ud800'", "syntax", "UnicodeEncodeError"),
        ("x = " + "(" * 10_000, "syntax", "SyntaxError"),
        ("x = [0] * 10**10", "memory", "MemoryError"),
        ("x = []\nwhile True: x.append(bytearray(10**8))", "memory", "MemoryError"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("while True: pass", "timeout", "out of processor time"),
        ("10**10**8", "timeout", "out of processor time"),
    ],
)
def test_every_way_to_end(text: str, kind: str, detail: str) -> None:
    """A program ends in one of eight ways, and the detail says how."""
    ended = run_program(text, QUICK)
    assert ended.kind == kind, ended
    assert ended.detail.startswith(detail)
    assert ended.passed == (kind == "passed")


def test_wall_clock() -> None:
    """A program that waits uses no processor time and is stopped by the clock."""
    ended = run_program("import time\ntime.sleep(1000)", Limits(wall_s=0.5))
    assert (ended.kind, ended.detail) == ("timeout", "out of time on the wall clock")
    assert ended.cpu_s < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/x')",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
    ],
)
def test_no_network(text: str) -> None:
    """Python's own ways to the network are refused on every system."""
    ended = run_program(text)
    assert ended.kind == "raised"
    assert "the sandbox refuses socket." in ended.detail


def test_no_network_below_python() -> None:
    """A connection made through the C library finds no network."""
    needs("network")
    address = "struct.pack('<H', 2) + struct.pack('>H', 9) + bytes([127, 0, 0, 1]) + bytes(8)"
    ended = run_program(
        "import ctypes, os, struct\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "failed = libc.connect(libc.socket(2, 1, 0), " + address + ", 16)\n"
        "assert failed and os.strerror(ctypes.get_errno()) == 'Network is unreachable'\n"
    )
    assert ended.passed, ended


def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """Files outside the directory can be neither written, nor removed, nor renamed."""
    kept = tmp_path / "kept"
    kept.write_text("kept", encoding="ascii")
    tmp_path.chmod(0o777)
    for attempt in (
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"open({str(kept)!r}, 'a')",
        f"import os; os.remove({str(kept)!r})",
        f"import os; os.rename({str(kept)!r}, 'here')",
        f"import os; os.open({str(kept)!r}, os.O_WRONLY)",
        f"import shutil; shutil.rmtree({str(tmp_path)!r})",
    ):
        assert run_program(attempt).kind == "raised", attempt
    assert [file.read_text(encoding="ascii") for file in tmp_path.iterdir()] == ["kept"]


def test_size_of_files() -> None:
    """A file can grow to its limit and no further."""
    text = "f = open('a', 'wb')\nfor _ in range(4): f.write(bytes(10**6))\nf.flush()"
    assert run_program(text, Limits(file=5_000_000)).passed
    assert "File too large" in run_program(text, Limits(file=3_000_000)).detail


@pytest.mark.parametrize(
    "text",
    [
        "import os\nwhile True: os.fork()",
        "import threading as t\nwhile True: t.Thread(target=t.Event().wait, daemon=True).start()",
    ],
)
def test_processes_and_threads_run_out(text: str) -> None:
    """A fork bomb and its kin fail inside and take nothing with them."""
    started = time.monotonic()
    ended = run_program(text, Limits(wall_s=60.0))
    assert ended.kind == "raised", ended
    assert time.monotonic() - started < 60


def _running(mark: str) -> list[str]:
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in commands if mark in command]


def test_nothing_survives() -> None:
    """What a program starts in a session of its own is gone when the program has ended."""
    needs("processes")
    mark = f"{os.getpid()}.{time.monotonic_ns()}"
    text = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    waiting = ['python', '-c', 'import time; time.sleep(999)', {mark!r}]\n"
        f"    os.execv({sys.executable!r}, waiting)\n"
        "time.sleep(0.3)\n"
    )
    assert run_program(text).passed
    assert _running(mark) == []


def test_others_cannot_be_signalled() -> None:
    """A program sees no process but its own, so that killing all of them reaches nobody."""
    needs("processes")
    ended = run_program("import os\nos.kill(-1, 9)")
    assert (ended.kind, "ProcessLookupError" in ended.detail) == ("raised", True)
    assert run_program("import os\nassert os.getppid() == 1 and not os.listdir('/proc')").passed


def test_forked_copies_give_no_verdict() -> None:
    """Only the program itself can say that it has passed, not a copy that it made."""
    needs("processes")
    text = "import os\nif os.fork():\n    os.wait()\n    assert False, 'the parent'\n"
    assert run_program(text).detail.startswith("AssertionError: the parent")


def test_many_at_once() -> None:
    """Programs run in many threads at a time, each with a directory of its own."""
    text = "import os\nassert os.listdir('.') == []\nopen('a', 'w').close()\nassert {n} < 2"
    with ThreadPoolExecutor(8) as pool:
        kinds = [pool.submit(run_program, text.replace("{n}", str(n))).result for n in range(12)]
        found = [result().kind for result in kinds]
    assert found == ["passed", "passed", *["failed"] * 10]


def test_same_order_of_sets_every_time() -> None:
    """Hashes of texts do not change from run to run, so neither does a verdict."""
    text = "assert False, list({'a', 'b', 'c', 'd', 'e', 'f', 'g'})"
    assert len({run_program(text).detail for _ in range(3)}) == 1


def test_without_namespaces(tmp_path: Path) -> None:
    """Where the kernel gives no namespaces the audit hook refuses, and the result says so."""
    if not isolation() or shutil.which("unshare") is None:
        pytest.skip("needs a kernel with user namespaces, and unshare(1) to take them away")
    outside = tmp_path / "outside"
    texts = [
        "",
        "open('a', 'w').write('x')",
        "import os; os.mkdir('b')",
        f"open({str(outside)!r}, 'w')",
        f"import os; os.mkdir({str(outside)!r})",
        "import os; os.fork()",
        "import os; os.kill(-1, 9)",
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import ctypes; ctypes.CDLL(None)",
    ]
    program = tmp_path / "many.py"
    program.write_text(
        "from evenhand_evals.sandbox import run_program\n"
        f"for text in {texts!r}:\n"
        "    ended = run_program(text)\n"
        "    assert ended.isolation == (), ended\n"
        "    print(ended.kind)\n",
        encoding="utf-8",
    )
    shell = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", shell, "sh", sys.executable, program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(sandbox_child.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["passed"] * 3 + ["raised"] * (len(texts) - 3)
    assert not outside.exists()


def test_hook_knows_writing_from_reading(tmp_path: Path) -> None:
    """The audit hook lets a program read anything and write in its directory alone."""
    refuse = sandbox_child.hook(frozenset(), str(tmp_path))
    refuse("open", ("/etc/hostname", "r", os.O_RDONLY))
    refuse("open", (str(tmp_path / "a"), "w", 0))
    refuse("open", ("/dev/null", "w", 0))
    refuse("open", (3, "w", 0))
    refuse("socket.__new__", (None, 1, 1, 0))
    for event, arguments in (
        ("open", (f"{tmp_path}-beside", "w", 0)),
        ("open", (str(tmp_path / ".." / "a"), None, os.O_CREAT)),
        ("os.rename", (str(tmp_path / "a"), "/b", -1, -1)),
        ("socket.__new__", (None, 2, 1, 0)),
    ):
        with pytest.raises(PermissionError, match="the sandbox refuses"):
            refuse(event, arguments)
    sandbox_child.hook(frozenset(("files", "processes")), "/x")("open", ("/b", "w", 0))


def test_broken_sandbox_is_not_the_models_fault() -> None:
    """A sandbox that gives no report is an error that says what to look at, never a verdict."""
    good = _parse(b"('passed', '', 0.5, ['files'])", b"")
    assert good == Ended("passed", "", 0.5, ("files",))
    with pytest.raises(SandboxBroken, match="Cannot allocate memory; check that"):
        _parse(b"", b"Traceback\nOSError: Cannot allocate memory\n")
    with pytest.raises(SandboxBroken, match="no way to end"):
        _parse(b"('fine', '', 0.5, [])", b"")
