"""Answers for the references of language tasks; run by an interpreter that has them installed.

Takes one JSON object on standard input and writes one JSON value. `{"kind": "perplexity", "sets":
[[[logprob, words, bytes], ...], ...]}` gives lm-evaluation-harness' aggregations of each set,
`{"kind": "wikitext", "pages": [...]}` what its task `wikitext` makes of pages: the detokenised
text, words and bytes.
"""

import importlib.util
import json
import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def perplexity(asked: dict[str, Any]) -> list[dict[str, float]]:
    """Give the three aggregations of lm-eval's `wikitext` for each set of texts."""
    metrics = import_module("lm_eval.api.metrics")
    found = []
    for rows in asked["sets"]:
        by_word = [(logprob, words) for logprob, words, _ in rows]
        by_byte = [(logprob, size) for logprob, _, size in rows]
        found.append(
            {
                "word_perplexity": metrics.weighted_perplexity(by_word),
                "byte_perplexity": metrics.weighted_perplexity(by_byte),
                "bits_per_byte": metrics.bits_per_byte(by_byte),
            }
        )
    return found


def wikitext(asked: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Give what lm-eval's preprocessing makes of each page."""
    package = import_module("lm_eval").__file__
    assert package is not None
    folder = Path(package).parent / "tasks" / "wikitext"
    spec = importlib.util.spec_from_file_location("pre", folder / "preprocess_wikitext.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = []
    for page in asked["pages"]:
        doc = {"page": page}
        result = module.process_results(doc, (-math.pi,))
        found.append(
            (
                module.wikitext_detokenizer(doc),
                result["word_perplexity"][1],
                result["byte_perplexity"][1],
            )
        )
    return found


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(
        json.dumps({"perplexity": perplexity, "wikitext": wikitext}[given["kind"]](given))
    )
