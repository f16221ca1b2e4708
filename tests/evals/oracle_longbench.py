"""LongBench's metrics and RULER's, as lm-evaluation-harness carries them, over cases of ours.

Started by `test_longbench_oracle.py` with a Python that has lm-eval 0.4.13 (no dependencies), rouge
1.0.1, jieba 0.42.1, fuzzywuzzy 0.18.0 and python-Levenshtein. Reads {"cases": [[metric, answer,
reference, classes], ...]} and writes one number for each case; null where `rouge` overruns the
interpreter's stack, which LongBench scores as 0.
"""

import ast
import importlib
import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def metrics() -> dict[str, Any]:
    """Run lm-eval's metrics without the harness around them; RULER's are cut out of their file."""
    spec = find_spec("lm_eval")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("lm-eval is not installed")
    tasks = Path(spec.submodule_search_locations[0]) / "tasks"
    space = runpy.run_path(str(tasks / "longbench/metrics.py"))
    tree = ast.parse((tasks / "ruler/common_utils.py").read_text(encoding="utf-8"))
    names = ("postprocess_pred", "string_match_all")
    wanted = [each for each in tree.body if getattr(each, "name", None) in names]
    exec(compile(ast.Module(wanted, []), "ruler", "exec"), space)  # noqa: S102 - the oracle itself
    return space


def by_difflib(answer: str, reference: str) -> Any:
    """Rate as fuzzywuzzy does where python-Levenshtein is not installed."""
    kept = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.startswith(("fuzzywuzzy", "Levenshtein"))
    }
    sys.modules["Levenshtein"] = None  # type: ignore[assignment]  # makes the import fail
    try:
        return importlib.import_module("fuzzywuzzy.fuzz").ratio(answer, reference) / 100
    finally:
        sys.modules.pop("Levenshtein")
        sys.modules.update(kept)


def rouge(space: dict[str, Any], answer: str, reference: str) -> Any:
    """Rate by the package, telling an overrun stack from an empty text."""
    try:
        return space["Rouge"]().get_scores([answer], [reference], avg=True)["rouge-l"]["f"]
    except RecursionError:
        return None
    except ValueError:
        return 0.0


def score(
    space: dict[str, Any], metric: str, answer: str, reference: str, classes: list[str]
) -> Any:
    """Score one case."""
    if metric == "code_sim":
        return space["fuzz"].ratio(answer, reference) / 100
    if metric == "code_sim_difflib":
        return by_difflib(answer, reference)
    if metric == "rouge_l":
        return rouge(space, answer, reference)
    if metric == "rouge_l_zh":
        return rouge(space, *(" ".join(space["jieba"].cut(text)) for text in (answer, reference)))
    if metric == "string_match_all":
        return space[metric](space["postprocess_pred"]([answer]), [classes])
    return space[metric](answer, reference, all_classes=classes)


if __name__ == "__main__":
    found = metrics()
    cases = json.load(sys.stdin)["cases"]
    json.dump([score(found, *case) for case in cases], sys.stdout)
