"""LongBench's metrics and RULER's, as lm-evaluation-harness carries them, over cases of ours.

RULER's match of any reference, for its questions, is OpenCompass': lm-eval 0.4.13 gives the share
of references there, and not, as RULER does, whether one is found. Reads {"cases": [[metric, answer,
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


def folder(package: str) -> Path:
    """Give the folder of a package without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def metrics() -> dict[str, Any]:
    """Run lm-eval's metrics without the harness around them; RULER's are cut out of their files."""
    tasks = folder("lm_eval") / "tasks"
    space = runpy.run_path(str(tasks / "longbench/metrics.py"))
    tree = ast.parse((tasks / "ruler/common_utils.py").read_text(encoding="utf-8"))
    tree.body += ast.parse(
        (folder("opencompass") / "datasets/ruler/ruler_qa.py").read_text(encoding="utf-8")
    ).body
    names = ("postprocess_pred", "string_match_all", "RulerQaEvaluator")
    wanted = [each for each in tree.body if getattr(each, "name", None) in names]
    for each in wanted:
        if isinstance(each, ast.ClassDef):
            each.decorator_list = []
    space["BaseEvaluator"] = object
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
    if metric == "string_match_part":
        cleaned = space["postprocess_pred"]([answer])
        return space["RulerQaEvaluator"]().score(cleaned, [classes])["score"] / 100
    return space[metric](answer, reference, all_classes=classes)


if __name__ == "__main__":
    found = metrics()
    cases = json.load(sys.stdin)["cases"]
    json.dump([score(found, *case) for case in cases], sys.stdout)
