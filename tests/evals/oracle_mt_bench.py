"""FastChat's judging of MT-Bench over cases of ours, with verdicts of ours in place of a judge.

Started by `test_mt_bench_oracle.py` with a Python that has fschat 0.2.36 (no dependencies). Reads
{"prompts": FILE, "cases": [{prompt, question, reference, answers, multi_turn, verdict}, ...]} and
writes for each case the messages that the judge is sent and what is read from the verdict: a mark,
-1 for none, a place, or null where the published program breaks off.
"""

import ast
import dataclasses
import importlib
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def published() -> dict[str, Any]:
    """Run what FastChat reads and writes with, without the clients and models around it."""
    spec = find_spec("fastchat")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("fschat is not installed")
    file = Path(spec.submodule_search_locations[0]) / "llm_judge/common.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = ("run_judge_single", "run_judge_pair", "load_judge_prompts", "Judge")
    wanted: list[ast.stmt] = [
        each
        for each in tree.body
        if getattr(each, "name", None) in functions
        or (isinstance(each, ast.Assign) and "pattern" in ast.unparse(each.targets[0]))
    ]
    template = importlib.import_module("fastchat.conversation").get_conv_template
    space: dict[str, Any] = {"ast": ast, "re": re, "json": json, "dataclasses": dataclasses}
    space["OPENAI_MODEL_LIST"] = ("gpt-4",)
    space["get_conversation_template"] = lambda _model: template("chatgpt")
    exec(compile(ast.Module(wanted, []), str(file), "exec"), space)  # noqa: S102 - the oracle itself
    return space


def main() -> None:
    """Judge every case."""
    asked = json.load(sys.stdin)
    space = published()
    prompts = space["load_judge_prompts"](asked["prompts"])
    sent: list[Any] = []
    read = []
    for case in asked["cases"]:

        def canned(_model: str, conv: Any, verdict: str = case["verdict"], **_: Any) -> str:
            sent.append(conv.to_openai_api_messages())
            return verdict

        space["chat_completion_openai"] = canned
        judge = space["Judge"]("gpt-4", prompts[case["prompt"]])
        run = space["run_judge_single" if len(case["answers"]) == 1 else "run_judge_pair"]
        rows = (case["question"], *case["answers"], judge, case["reference"])
        try:
            read.append(run(*rows, multi_turn=case["multi_turn"])[0])
        except SyntaxError:  # a number such as 07, which is no Python
            read.append(None)
    json.dump({"sent": sent, "read": read}, sys.stdout)


if __name__ == "__main__":
    main()
