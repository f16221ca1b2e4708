"""The size gate of `make check`: no file, function or folder grows too large unnoticed."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("proxy", "evals", "deploy", "tests")
FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 60
DEPTH = 3


def problems(root: Path) -> list[str]:
    """Give what is too large, one line each."""
    found = []
    for folder in SOURCES:
        for file in sorted((root / folder).rglob("*.py")):
            if "node_modules" not in file.parts:
                found += _file_problems(file, file.relative_to(root))
    return found


def _file_problems(file: Path, name: Path) -> list[str]:
    text = file.read_text("utf-8")
    lines = text.count("\n")
    most = TEST_FILE_LINES if name.parts[0] == "tests" else FILE_LINES
    found = [f"{name}: {lines} lines, {most} allowed"] if lines > most else []
    if len(name.parts) - 1 > DEPTH:
        found.append(f"{name}: {len(name.parts) - 1} folders deep, {DEPTH} allowed")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}: {node.name} has {length} lines, {FUNCTION_LINES} allowed")
    return found


if __name__ == "__main__":
    too_large = problems(ROOT)
    print("\n".join(too_large) or "sizes: ok")  # noqa: T201
    sys.exit(1 if too_large else 0)
