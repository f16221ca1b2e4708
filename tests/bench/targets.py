"""What is measured: how to start each proxy, and how to read the CPU time that it used."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 60.0

EVENHAND_CONFIG = """\
models:
  bench:
    engine: sglang
    base_url: http://127.0.0.1:{upstream}
audit:
  durability: {durability}
"""

NGINX_CONFIG = """\
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream bench {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    keepalive_requests 1000000;
    location / {{
      proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; client_body_buffer_size 64k;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A running proxy; `pid` is None for the upstream itself, reached without a proxy."""

    name: str
    port: int
    pid: int | None


def pinned(core: int, command: list[str]) -> list[str]:
    """Keep a process on one core, where the machine has two and the tool for it."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return command
    return ["taskset", "-c", str(core), *command]


@contextmanager
def process(command: list[str], log: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a child whose output goes to a file; end it, and only it, when the block is left."""
    with log.open("wb") as file:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=ROOT
        )
    try:
        yield child, log
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def port_from(child: subprocess.Popen[bytes], log: Path, pattern: str) -> int:
    """Wait until a child has written where it listens."""
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and child.poll() is None:
        found = re.search(pattern, log.read_text(errors="replace"), re.MULTILINE)
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(
        f"{log} of a target that did not start: {log.read_text(errors='replace')[-2000:]}"
    )


@contextmanager
def module(name: str, *arguments: str, core: int, log: Path) -> Iterator[tuple[int, int]]:
    """Run one of this package's modules that prints its port; give pid and port."""
    command = [sys.executable, "-m", name, *arguments]
    with process(pinned(core, command), log) as (child, written):
        yield child.pid, port_from(child, written, r"^(\d+)$")


@contextmanager
def evenhand(folder: Path, upstream: int, durability: str) -> Iterator[Target]:
    """Run our proxy with a journal of the given durability."""
    name = f"evenhand, audit {durability}"
    home = folder / durability
    home.mkdir()
    config = home / "evenhand.yaml"
    config.write_text(EVENHAND_CONFIG.format(upstream=upstream, durability=durability))
    command = [sys.executable, "-m", "evenhand_proxy", "serve", "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", "0", "--data-dir", str(home)]
    with process(pinned(0, command), home / "log") as (child, log):
        yield Target(name, port_from(child, log, r"http://127\.0\.0\.1:(\d+)\"}$"), child.pid)


@contextmanager
def peer(folder: Path, upstream: int, name: str) -> Iterator[Target]:
    """Run one of the Python peers."""
    log = folder / f"{name}.log"
    with module("tests.bench.peers", name, str(upstream), core=0, log=log) as (pid, port):
        yield Target(name, port, pid)


@contextmanager
def nginx(folder: Path, upstream: int, free_port: Callable[[], int]) -> Iterator[Target]:
    """Run nginx, which relays bytes and looks at none."""
    home, port = folder / "nginx", free_port()
    home.mkdir()
    config = home / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(folder=home, upstream=upstream, port=port))
    command = ["nginx", "-p", str(home), "-e", str(home / "error.log"), "-c", str(config)]
    with process(pinned(0, command), home / "log") as (child, _):
        yield Target("nginx", port, child.pid)


def cpu_seconds(pid: int) -> float:
    """Give the time on CPU of a process and its children, all threads, from schedstat."""
    total, todo = 0, [pid]
    while todo:
        for task in Path(f"/proc/{todo.pop()}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
                todo += [int(child) for child in (task / "children").read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9
