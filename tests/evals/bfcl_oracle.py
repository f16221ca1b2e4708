"""Asks BFCL's own programs what an answer is worth; runs in an environment that has bfcl-eval.

Started by `test_bfcl_oracle.py` with the folder of BFCL's files as its argument. It reads one JSON
object a line on stdin and prints one for each: the official verdict on an answer (`reply`), or
what a model is shown of an item. The checker, the decoders, the converters and the prompts are
bfcl-eval's own. Two things around them are done here, because the modules that hold them import
every provider's client: the table that says whether dots in names were sent as underscores, and
reading native tool calls with `json.loads` (`api_inference/openai_completion.py`).
"""

import json
import os
import sys
import tempfile
import types
from importlib import import_module
from pathlib import Path
from typing import Any


class Names:
    """A row of the table of models: whether dots became underscores."""

    def __init__(self, *, underscored: bool) -> None:
        self.underscore_to_dot = underscored


def official() -> types.SimpleNamespace:
    """Import bfcl-eval's parts, with a table of two models: one native, one prompted."""
    os.environ["BFCL_PROJECT_ROOT"] = tempfile.gettempdir()
    table: Any = types.ModuleType("bfcl_eval.constants.model_config")
    table.MODEL_CONFIG_MAPPING = {
        "native": Names(underscored=True),
        "prompted": Names(underscored=False),
    }
    sys.modules[table.__name__] = table
    enums = import_module("bfcl_eval.constants.enums")
    return types.SimpleNamespace(
        check=import_module("bfcl_eval.eval_checker.ast_eval.ast_checker").ast_checker,
        languages=enums.Language,
        formats=enums.ReturnFormat,
        styles=enums.ModelStyle,
        handler=import_module("bfcl_eval.model_handler.utils"),
        utils=import_module("bfcl_eval.utils"),
        json_types=import_module("bfcl_eval.constants.type_mappings").GORILLA_TO_OPENAPI,
    )


BFCL = official()


def language_of(category: str) -> str:
    """Give the language of a category's calls."""
    for name in ("javascript", "java"):
        if category.endswith(name):
            return name
    return "python"


def decoded(reply: Any, language: str) -> Any:
    """Decode a text, or a list of [name, arguments as JSON] as tool calls are."""
    if isinstance(reply, str):
        return BFCL.handler.default_decode_ast_prompting(reply, BFCL.formats(language), False)
    return [{name: json.loads(arguments)} for name, arguments in reply]


def verdict(category: str, reply: Any, item: dict[str, Any], truth: Any) -> str:
    """Say "right" or "wrong", or "crash" where the official checker ends with a traceback."""
    language = language_of(category)
    try:
        calls = decoded(reply, language)
    except (Exception, SystemExit):  # noqa: BLE001
        calls = None
    formed = calls is not None and BFCL.utils.is_function_calling_format_output(calls)
    if category.endswith("relevance"):
        called = formed and not BFCL.utils.is_empty_output(calls)
        return "right" if called != category.endswith("irrelevance") else "wrong"
    if not formed:
        return "wrong"
    model = "prompted" if isinstance(reply, str) else "native"
    try:
        found = BFCL.check(
            item["function"], calls, truth, BFCL.languages(language), category, model
        )
    except Exception:  # noqa: BLE001
        return "crash"
    return "right" if found["valid"] else "wrong"


def shown(category: str, item: dict[str, Any]) -> dict[str, Any]:
    """Give the tools and the messages that a model is sent."""
    functions = json.loads(json.dumps(item["function"]))
    functions = BFCL.utils._func_doc_language_specific_pre_processing(functions, category)
    tools = BFCL.handler.convert_to_tool(functions, BFCL.json_types, BFCL.styles.OPENAI_COMPLETIONS)
    messages = [dict(message) for message in item["question"][0]]
    return {
        "tools": tools,
        "messages": BFCL.handler.system_prompt_pre_processing_chat_model(
            messages, functions, item["id"]
        ),
    }


def main(folder: Path) -> None:
    """Answer every line of stdin."""
    items: dict[str, dict[str, Any]] = {}
    truths: dict[str, Any] = {}
    for file in sorted(folder.glob("BFCL_v4_*.json")):
        items.update((row["id"], row) for row in map(json.loads, file.open(encoding="utf-8")))
        answers = (folder / "possible_answer" / file.name).open(encoding="utf-8")
        truths.update((row["id"], row["ground_truth"]) for row in map(json.loads, answers))
    for line in sys.stdin:
        case = json.loads(line)
        item = items[case["id"]]
        if "reply" in case:
            truth = truths.get(case["id"])
            answer: Any = verdict(case["category"], case["reply"], item, truth)
        else:
            answer = shown(case["category"], item)
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
