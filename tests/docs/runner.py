"""Running a page's code blocks in a folder of its own, in order, against real servers.

`$ evenhand serve ...` starts a real proxy on a free port; the port that the page names stands for
it from then on. Everything else runs as it is written.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from evenhand_proxy.config_file import loads
from tests.docs.markdown import ROOT, Block

SDK = ROOT / "tests" / "node" / "node_modules"
NO_NODE = "needs node, and npm ci in tests/node"
LIMIT_SECONDS = 120
DEFAULT_PORT = "8080"
EXAMPLE_MODEL = "models: {example: {engine: openai, base_url: 'http://127.0.0.1:9'}}\n"


class PageRun:
    """One page being run; leaving it stops its servers. `left_out` holds what could not run."""

    def __init__(self, folder: Path) -> None:
        self.left_out: list[str] = []
        self._folder = folder
        self._state = folder / ".state"
        self._state.touch()
        self._ports: dict[str, str] = {}
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self._printed = ""
        kept = {name: value for name, value in os.environ.items() if _is_neutral(name)}
        self._environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "EVENHAND_HOME": str(folder / "home"),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for port in list(self._servers):
            self._stop(port)

    def run(self, block: Block) -> None:
        """Run one block, and compare what it prints where the page shows it.

        Raises:
            AssertionError: it failed, or printed something else.

        """
        if "prints" in block.notes:
            _compare(block, block.text, self._printed)
        elif "not run" in block.notes:
            assert len(block.notes["not run"]) > 10, f"{block.name}: give the reason"
        elif "file" in block.notes:
            path = self._folder / block.notes["file"]
            path.write_text(self._moved(block.text), "utf-8")
            _CHECKS.get(block.language, _nothing)(block)
        else:
            assert block.language in _RUNNERS, f"{block.name}: {block.language!r} cannot be run"
            _RUNNERS[block.language](self, block)

    def console(self, block: Block) -> None:
        """Run the `$ ` lines; the lines after each are what it should print."""
        steps = _steps(block)
        for number, (command, shown) in enumerate(steps):
            if command.startswith("evenhand serve") and "&" not in command:
                self._serve(block, command)
                continue
            last = number == len(steps) - 1
            wanted = int(block.notes.get("exits", "0")) if last else 0
            script = f". {self._state}\n{command}\ncode=$?\nexport -p > {self._state}\nexit $code"
            self._execute(block, ["bash", "-uc", self._moved(script)], wanted)
            if "output varies" not in block.notes:
                _compare(block, shown, self._printed)

    def python(self, block: Block) -> None:
        """Run a Python block as a script."""
        script = self._folder / "block.py"
        script.write_text(self._moved(block.text), "utf-8")
        self._execute(block, [sys.executable, "-W", "error", str(script)], 0)

    def javascript(self, block: Block) -> None:
        """Run a JavaScript block as a module that finds the SDK."""
        if shutil.which("node") is None or not (SDK / "openai").is_dir():
            self.left_out.append(f"{block.name} {NO_NODE}")
            return
        with contextlib.suppress(FileExistsError):
            (self._folder / "node_modules").symlink_to(SDK)
        script = self._folder / "block.mjs"
        script.write_text(self._moved(block.text), "utf-8")
        self._execute(block, ["node", str(script)], 0)

    def _execute(self, block: Block, command: list[str], wanted: int) -> None:
        done = subprocess.run(
            command,
            check=False,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        self._printed = self._as_on_the_page(done.stdout)
        code = done.returncode
        assert code == wanted, f"{block.name}: exit code {code}, {wanted} expected\n{done.stdout}"

    def _serve(self, block: Block, command: str) -> None:
        words = shlex.split(self._moved(command))
        port = DEFAULT_PORT
        if "--port" in words:
            at = words.index("--port")
            port = words[at + 1]
            del words[at : at + 2]
        self._stop(port)
        script = f". {self._state}\nexec {shlex.join([*words, '--port', '0'])}"
        server = subprocess.Popen(
            ["bash", "-uc", script],
            cwd=self._folder,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._servers[port] = server
        assert server.stderr is not None
        seen: list[str] = []
        for line in server.stderr:
            seen.append(line)
            if line.startswith('{"event": "listening"'):
                self._ports[port] = json.loads(line)["url"].rpartition(":")[2]
                threading.Thread(target=server.stderr.read, daemon=True).start()
                return
        raise AssertionError(f"{block.name}: the proxy did not start\n{''.join(seen)}")

    def _stop(self, port: str) -> None:
        server = self._servers.pop(port, None)
        if server is None:
            return
        server.terminate()
        server.wait(LIMIT_SECONDS)
        if server.stderr is not None:
            server.stderr.close()

    def _moved(self, text: str) -> str:
        """Give the text with the page's ports replaced by the real ones."""
        for written, real in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1|localhost):{written}\b", rf"\1:{real}", text)
        return text

    def _as_on_the_page(self, text: str) -> str:
        """Give what was printed with the page's ports in place of the real ones."""
        for written, real in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1|localhost):{real}\b", rf"\1:{written}", text)
        return text


def check_yaml(block: Block) -> None:
    """Load a config, or a part of one, as the proxy does."""
    text = block.text
    if not re.search(r"^models:", text, re.MULTILINE):
        text += EXAMPLE_MODEL
    names = re.findall(r"\$\{(\w+)\}", text)
    loads(text, block.name, {name: f"example of {name}" for name in names})


def check_json(block: Block) -> None:
    """Parse a JSON document."""
    json.loads(block.text)


def _nothing(_: Block) -> None:
    """Check nothing: any text may be a file."""


_CHECKS: Mapping[str, Callable[[Block], None]] = {"yaml": check_yaml, "json": check_json}
_RUNNERS: Mapping[str, Callable[[PageRun, Block], None]] = {
    "console": PageRun.console,
    "python": PageRun.python,
    "javascript": PageRun.javascript,
    "yaml": lambda _, block: check_yaml(block),
    "json": lambda _, block: check_json(block),
    "text": lambda _, block: _nothing(block),
}


def _is_neutral(name: str) -> bool:
    """Whether an environment variable of the tester's may reach the page's commands."""
    return not name.startswith(("EVENHAND_", "OPENAI_", "OTEL_", "PYTEST_"))


def _steps(block: Block) -> list[tuple[str, str]]:
    """Give the commands of a block, each with the output that is shown for it."""
    steps: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        elif steps and _goes_on(steps[-1][0]):
            command, shown = steps[-1]
            steps[-1] = (f"{command}\n{line}", shown)
        else:
            assert steps, f"{block.name}: output before the first command"
            command, shown = steps[-1]
            steps[-1] = (command, f"{shown}{line}\n")
    assert steps, f"{block.name}: a console block without a line that begins with '$ '"
    return steps


def _goes_on(command: str) -> bool:
    """Whether the next line belongs to the command: after a backslash, or within quotes."""
    if command.endswith("\\"):
        return True
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def _compare(block: Block, shown: str, printed: str) -> None:
    """Find each shown line in what was printed, in order.

    Runs of blanks count as one, and `...` stands for any text.
    """
    real = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in shown.splitlines():
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split("..."))
        if not any(re.fullmatch(pattern, candidate) for candidate in real):
            raise AssertionError(f"{block.name}: {line!r} is not in the output:\n{printed}")
