"""Reads letters and numbers as published scorers do; run by an interpreter that has them.

Takes one JSON object on standard input, `{"kind": ..., "rows": [[text, target], ...]}`, and writes
a list with, for each row, what the reference says: for lm-evaluation-harness whether the answer is
right, for the others the letter or null. Needs lm-eval; opencompass and nvidia-simple-evals may be
installed without their dependencies, because only single functions of theirs are used.
"""

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

SIMPLE_EVALS_PATTERN = "(?i){}[ \t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])"
"""That of openai/simple-evals; the package from PyPI has a wider one."""
SIMPLE_EVALS_PHRASES = 41
"""How many of the package's phrases are simple-evals' own; it adds others after them."""


def pick(package: str, file: str, names: Iterable[str]) -> dict[str, Any]:
    """Run the named functions and constants of an installed file, and nothing else of it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed for {sys.executable}")
    tree = ast.parse((Path(spec.submodule_search_locations[0]) / file).read_text("utf-8"))
    wanted: list[ast.stmt] = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name in names)
        or (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in names
        )
    ]
    space: dict[str, Any] = {"re": re}
    for node in wanted:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    exec(compile(ast.Module(wanted, []), file, "exec"), space)  # noqa: S102 - the oracle itself
    return space


def simple_evals() -> Callable[[str, str], str | None]:
    """Give simple-evals' MMLU reader."""
    names = ("MULTILINGUAL_ANSWER_REGEXES", "normalize_response", "normalize_extracted_answer")
    space = pick("simple_evals", "common.py", names)
    phrases = space[names[0]][:SIMPLE_EVALS_PHRASES]

    def read(text: str, target: str) -> str | None:
        cleaned = space["normalize_response"](text)
        for phrase in phrases:
            found = re.search(SIMPLE_EVALS_PATTERN.format(phrase), cleaned)
            if found:
                letter: str = space["normalize_extracted_answer"](found.group(1))
                return letter
        return None

    return read


def opencompass() -> Callable[[str, str], str | None]:
    """Give OpenCompass' reader."""
    name = "first_option_postprocess"
    space = pick("opencompass", "utils/text_postprocessors.py", (name,))
    return lambda text, target: space[name](text, "ABCD") or None


def harness(file: str, reading: int = 0) -> Callable[[str, str], bool]:
    """Give the verdict of a task of lm-evaluation-harness, from its own description.

    Tasks may read an answer in several ways; `reading` is the number of one of them.
    """
    import yaml

    exact_match = import_module("lm_eval.api.metrics").exact_match_hf_evaluate
    get_filter = import_module("lm_eval.filters").get_filter
    package = Path(str(import_module("lm_eval").__file__)).parent

    class Loader(yaml.SafeLoader):
        """Reads `!function` as a text."""

    Loader.add_constructor("!function", lambda loader, node: node.value)
    path = package / "tasks" / file
    task = yaml.load(path.read_text("utf-8"), Loader)  # noqa: S506 - a safe loader with one tag
    metric = task["metric_list"][0]
    filters = []
    for step in task["filter_list"][reading]["filter"]:
        arguments = {key: value for key, value in step.items() if key != "function"}
        filters.append(get_filter(step["function"])(**arguments))

    def judge(text: str, target: str) -> bool:
        for stop in task["generation_kwargs"]["until"]:
            text = text.partition(stop)[0]
        responses: Any = [[text]]
        for step in filters:
            responses = list(step.apply(responses, [{}]))
        (first,) = responses
        found = exact_match(
            [first if isinstance(first, str) else first[0]],
            [target],
            regexes_to_ignore=metric.get("regexes_to_ignore"),
            ignore_case=metric["ignore_case"],
            ignore_punctuation=metric["ignore_punctuation"],
        )
        return bool(found["exact_match"])

    return judge


KINDS: dict[str, Callable[[], Callable[[str, str], Any]]] = {
    "simple_evals": simple_evals,
    "opencompass": opencompass,
    "mmlu_generative": lambda: harness("mmlu/generative/_default_template_yaml"),
    "mmlu_pro": lambda: harness("mmlu_pro/_default_template_yaml"),
    "gsm8k_strict": lambda: harness("gsm8k/gsm8k.yaml", 0),
    "gsm8k_flexible": lambda: harness("gsm8k/gsm8k.yaml", 1),
}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    read = KINDS[asked["kind"]]()
    sys.stdout.write(json.dumps([read(text, target) for text, target in asked["rows"]]))
