"""Compares mathematical answers with math-verify, in a process of its own.

Reads JSON lines `{"gold": ..., "texts": [...]}` from standard input and writes for each a list with
one `[right, what was read]` a text; what was read is null where nothing was. It ends when its input
does. Its main thread is where math-verify's own time limits (SIGALRM) work, and what they cannot
stop, a power of huge numbers, ends with the process.
"""

import json
import sys
from typing import Any

MEMORY = 4 << 30
"""Bytes that the process may use: an answer may ask for a number that fills any machine."""


def compare(gold: str, text: str) -> tuple[bool, str | None]:
    """Say whether a text's last answer equals the gold answer, and what was read as the answer."""
    from math_verify import parse, verify

    told = parse(text)
    if not told:
        return False, None
    return verify(parse(f"${gold}$"), told), str(told[-1])


def main() -> None:
    """Answer every line of standard input."""
    try:
        import resource
    except ImportError:
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        answer = [compare(asked["gold"], text) for text in asked["texts"]]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
