"""Compares answers with math-verify, called directly.

Reads {"rows": [[gold, answer], ...]} and writes a list of true and false.
"""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    math_verify = import_module("math_verify")
    rows = json.load(sys.stdin)["rows"]
    verdicts = [
        math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(answer))
        for gold, answer in rows
    ]
    json.dump(verdicts, sys.stdout)
