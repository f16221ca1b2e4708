"""The demo: a real model behind the proxy, evaluated three ways, and what came of it.

Runs the same commands that a user would, and prints each before it runs. Everything it makes lies
in `demo-output/`; the model is fetched once into the user's data folder.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

OUT = Path("demo-output")
TASK = "instructions"
MODEL = os.environ.get("EVENHAND_DEMO_MODEL", "smollm2")
LIMIT = os.environ.get("EVENHAND_DEMO_LIMIT", "64")
SLOTS = "8"

RUNS = {
    "greedy": ["--profile", "greedy"],
    "sampled": ["--profile", "glm-z1-0414"],
    "unset": [],
}
TITLES = {
    "greedy": "greedy: temperature 0",
    "sampled": "sampled: temperature 0.6, top_p 0.95",
    "unset": "a client that sets nothing",
}


def evenhand(*arguments: str) -> list[str]:
    """Give the command line of one `evenhand` command in this environment."""
    return [str(Path(sys.executable).parent / "evenhand"), *arguments]


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def fail(text: str) -> NoReturn:
    """End the demo with a reason."""
    print(f"demo: {text}", file=sys.stderr)
    sys.exit(1)


def run(*arguments: str) -> None:
    """Run one command, its output for the reader; a failure ends the demo."""
    print(f"$ evenhand {' '.join(arguments)}", flush=True)
    code = subprocess.run(evenhand(*arguments), check=False).returncode
    if code:
        fail(f"`evenhand {arguments[0]}` ended with exit code {code}")


def document(*arguments: str) -> dict[str, Any]:
    """Run one command with `--json` and give its document."""
    done = subprocess.run(evenhand(*arguments, "--json"), check=False, stdout=subprocess.PIPE)
    if done.returncode:
        fail(f"`evenhand {arguments[0]}` ended with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def proxy() -> Iterator[str]:
    """Start the proxy with the embedded model, and stop it at the end."""
    arguments = ["serve", "--local", MODEL, "--slots", SLOTS, "--port", "0"]
    print(f"$ evenhand {' '.join(arguments)}", flush=True)
    process = subprocess.Popen(evenhand(*arguments), stderr=subprocess.PIPE, text=True)
    try:
        yield listening(process)
    finally:
        process.terminate()
        process.wait(60)


def listening(process: subprocess.Popen[str]) -> str:
    """Wait for the proxy's line that says where it listens; pass its log on into a file."""
    log = (OUT / "proxy.log").open("w", encoding="utf-8")
    if process.stderr is None:
        fail("the proxy has no standard error")
    for line in process.stderr:
        log.write(line)
        if line.startswith('{"event": "listening"'):
            copying = threading.Thread(target=log.writelines, args=(process.stderr,), daemon=True)
            copying.start()
            url: str = json.loads(line)["url"]
            return url
        sys.stderr.write(line)
    fail("the proxy did not start; see above")


def hidden_defaults(url: str) -> list[str]:
    """Ask the proxy what a client gets who sets nothing."""
    body = json.dumps({"model": MODEL, "messages": [], "max_tokens": 160}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is our own proxy's
        f"{url}/v1/decoding/explain", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        parameters = json.load(answer)["parameters"]
    acting = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    return [
        f"{name} = {parameters[name]['effective']}  "
        f"(source: {parameters[name]['source']}, {parameters[name]['evidence']})"
        for name in acting
    ]


def evaluate(url: str) -> None:
    """Run the task under the three settings."""
    for name, decoding in RUNS.items():
        say(f"Evaluating {MODEL}, {TITLES[name]}")
        target = ["--base-url", f"{url}/v1", "--model", MODEL, "--concurrency", SLOTS]
        where = ("--limit", LIMIT, "--out", str(OUT / name), "--no-cache")
        run("eval", "run", TASK, *target, *decoding, *where)


def conclude(url: str) -> None:
    """Print what the reader came for."""
    say("A client that sets nothing is not greedy: the engine's hidden defaults")
    for line in hidden_defaults(url):
        print(f"  {line}")
    say("Do the scores differ?")
    run("eval", "compare", str(OUT / "greedy"), str(OUT / "sampled"))
    print()
    run("eval", "compare", str(OUT / "greedy"), str(OUT / "unset"))
    say("One audited request")
    run("audit", "show", "latest")


def main() -> None:
    """Run the whole demo."""
    began = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    say("A real model behind the proxy")
    run("model", "get", MODEL)
    with proxy() as url:
        evaluate(url)
        conclude(url)
    say("The report")
    report = OUT / "report.html"
    run("eval", "report", *(str(OUT / name) for name in RUNS), "--out", str(report))
    print(f"\n{report.resolve()}\n\ndone in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
