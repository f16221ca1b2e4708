"""LongBench's metrics, RULER's and ours give the same number to the same answer, item by item.

With EVENHAND_DATA the references of the published sets are among the cases.
"""

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.scorers import overlap, retrieval, rouge
from tests.evals import oracles
from tests.evals.long_answers import CLASSES, REFUSALS, coded, numbered, references, worded
from tests.evals.oracles import Parity

pytest.importorskip("jieba", reason="the extra `evals` is not installed")
pytest.importorskip("rapidfuzz", reason="the extra `evals` is not installed")
pytestmark = pytest.mark.oracle

Case = tuple[str, str, str, list[str]]
LINES = (
    "        self.values = [each.strip() for each in lines if each]",
    "return Response(status=404, headers={'x-request-id': request_id})",
    "public static final int MAXIMUM_SIZE = 1024;",
    "for (int i = 0; i < names.size(); i++) { total += weights.get(names.get(i)); }",
)

OURS: dict[str, Callable[[str, str, list[str]], float]] = {
    "qa_f1_score": lambda text, ref, _: overlap.qa_f1(text, ref),
    "qa_f1_zh_score": lambda text, ref, _: overlap.qa_f1_zh(text, ref),
    "rouge_l": lambda text, ref, _: rouge.rouge_l(text, ref),
    "rouge_l_zh": lambda text, ref, _: rouge.rouge_l_zh(text, ref),
    "count_score": lambda text, ref, _: retrieval.count_score(text, ref),
    "retrieval_score": lambda text, ref, _: retrieval.paragraph_score(text, ref, "Paragraph "),
    "retrieval_zh_score": lambda text, ref, _: retrieval.paragraph_score(text, ref, "段落"),
    "classification_score": retrieval.classification_score,
    "code_sim": lambda text, ref, _: retrieval.code_similarity(text, ref),
    "code_sim_difflib": lambda text, ref, _: retrieval.code_similarity_difflib(text, ref),
    "string_match_all": lambda text, _, refs: retrieval.match_all(retrieval.clean(text), refs),
    "string_match_part": lambda text, _, refs: retrieval.match_part(retrieval.clean(text), refs),
}


def published(name: str, count: int) -> list[str]:
    """References of a published set, none where EVENHAND_DATA is not set."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        return []
    with gzip.open(Path(root) / "longbench" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:count]
    return [str(row["answers"][0]) for row in rows]


def text_cases(metrics: tuple[str, ...], language: str, texts: list[str]) -> list[Case]:
    """Every answer to every text, by each of some metrics."""
    draw = random.Random(f"texts {language}")
    return [
        (metric, answer, text, [])
        for text in texts
        for answer in (*worded(text, language, draw), *REFUSALS, draw.choice(texts))
        for metric in metrics
    ]


def class_cases() -> list[Case]:
    """Answers that name one, two, three or no class, in any order."""
    draw = random.Random("classes")
    named = [", ".join(draw.sample(CLASSES, draw.randint(0, 4))) for _ in range(120)]
    orders = [draw.sample(CLASSES, len(CLASSES)) for _ in range(3)]
    return [
        ("classification_score", f"Type: {text}", right, order)
        for text in named
        for right in CLASSES
        for order in orders
    ]


def number_cases() -> list[Case]:
    """Answers with numbers, against each of three kinds of reference."""
    draw = random.Random("numbers")
    forms = {
        "count_score": "{}",
        "retrieval_score": "Paragraph {}",
        "retrieval_zh_score": "段落{}",
    }
    return [
        (metric, answer, form.format(number), [])
        for number in range(1, 31)
        for answer in (*numbered(number, draw), *REFUSALS)
        for metric, form in forms.items()
    ]


def code_cases() -> list[Case]:
    """Lines of code, cut as the benchmark cuts them."""
    draw = random.Random("code")
    return [
        (metric, retrieval.first_code_line(answer), line, [])
        for line in LINES
        for other in LINES
        for answer in (*coded(other, draw), *coded(line, draw))
        for metric in ("code_sim", "code_sim_difflib")
    ]


def string_cases(metric: str) -> list[Case]:
    """RULER's answers: some of the strings that are wanted, in another case, among others."""
    draw = random.Random("strings")
    wanted = [[str(draw.randint(0, 99)) + letter for letter in "aBcDe"] for _ in range(100)]
    return [
        (metric, f" {text}\x00\t", "", strings[: draw.randint(1, 5)])
        for strings in wanted
        for text in (
            ", ".join(draw.sample(strings, draw.randint(0, 5))),
            "\n".join(strings).upper(),
            "".join(strings).lower(),
            *REFUSALS,
        )
    ]


GROUPS: dict[str, Callable[[], list[Case]]] = {
    "LongBench: English texts": lambda: text_cases(
        ("qa_f1_score", "rouge_l"), "en", [*references("en", 40), *published("multi_news", 4)]
    ),
    "LongBench: Chinese texts": lambda: text_cases(
        ("qa_f1_zh_score", "rouge_l_zh"),
        "zh",
        [*references("zh", 40), *published("multifieldqa_zh", 40)],
    ),
    "LongBench: classes": class_cases,
    "LongBench: numbers": number_cases,
    "LongBench: code": code_cases,
    "RULER: all strings": lambda: string_cases("string_match_all"),
    "RULER: any string": lambda: string_cases("string_match_part"),
}


def official(cases: list[Case]) -> list[Any]:
    """Ask the reference, or skip where there is none."""
    needed = ("lm_eval", "opencompass", "rouge", "jieba", "fuzzywuzzy", "Levenshtein")
    found: list[Any] = oracles.told("oracle_longbench.py", {"cases": cases}, *needed)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_parity_with_longbench(group: str, parity: Parity) -> None:
    """Each metric gives the reference's number, to the last bit, on every case.

    Cases for which the package `rouge` overruns the stack have no number to compare with.
    """
    cases = GROUPS[group]()
    theirs = official(cases)
    ours = [float(OURS[metric](text, ref, classes)) for metric, text, ref, classes in cases]
    compared = sum(value is not None for value in theirs)
    differing = [
        (case, value, own)
        for case, value, own in zip(cases, theirs, ours, strict=True)
        if value is not None and value != own
    ]
    package = "opencompass" if group == "RULER: any string" else "lm-eval"
    parity.held(group, package, compared, differing)
    values = {round(value, 6) for value in theirs if value is not None}
    assert len(values) > 3 or values == {0.0, 1.0}


def test_the_package_overruns_its_stack() -> None:
    """A pair of sentences of a thousand words has no score there; LongBench gives it 0."""
    words = " ".join(f"w{number}" for number in range(600))
    other = " ".join(f"v{number}" for number in range(600))
    assert official([("rouge_l", words, f"{words[:900]} {other}", [])]) == [None]
