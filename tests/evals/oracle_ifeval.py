"""Checks answers with IFEval's published checker, as lm-evaluation-harness carries it.

Reads {"cases": [[row, answer], ...]} and writes for each case the strict and the loose verdicts,
one for each instruction, or null where the published checker ends with an error. Its language
detector draws random numbers, and it draws letters itself; both are seeded with 0 here. The English
sentence splitter, which NLTK would download, is NLTK's own, from the copy that llama-index-core
ships.
"""

import json
import os
import random
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def checker() -> Any:
    """Import the checker with its sentence splitter at hand and its detector seeded."""
    spec = find_spec("llama_index.core")
    assert spec is not None
    assert spec.origin is not None
    os.environ["NLTK_DATA"] = str(Path(spec.origin).parent / "_static" / "nltk_cache")
    import_module("langdetect").DetectorFactory.seed = 0
    return import_module("lm_eval.tasks.ifeval.utils")


def verdicts(utils: Any, row: dict[str, Any], answer: str) -> list[list[bool]] | None:
    """Give the strict and the loose verdicts on one answer."""
    item = utils.InputExample(row["key"], row["instruction_id_list"], row["prompt"], row["kwargs"])
    try:
        return [
            utils.test_instruction_following_strict(item, answer).follow_instruction_list,
            utils.test_instruction_following_loose(item, answer).follow_instruction_list,
        ]
    except Exception as error:  # noqa: BLE001 - what the published checker does is its own
        sys.stderr.write(f"{row['key']}: {error!r}\n")
        return None


if __name__ == "__main__":
    found = checker()
    random.seed(0)
    asked = json.load(sys.stdin)["cases"]
    json.dump([verdicts(found, row, answer) for row, answer in asked], sys.stdout)
