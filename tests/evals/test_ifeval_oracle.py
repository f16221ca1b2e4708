"""IFEval's published checker and ours give the same verdicts, instruction by instruction."""

import json
from typing import Any

import pytest

from evenhand_evals.scorers.instructions import INSTRUCTIONS, judge, parse_instruction
from evenhand_evals.tasks.ifeval import ORIGIN, TASK
from evenhand_evals.types import Completion, DataSource
from tests.evals import oracles
from tests.evals.ifeval_answers import MAKINGS, answers
from tests.evals.oracles import Parity

pytestmark = pytest.mark.oracle

ANSWERS = 12
NEEDED = ("lm_eval", "llama_index.core", "langdetect", "nltk", "immutabledict")


def draws_a_letter(kwargs: dict[str, Any]) -> bool:
    """Whether the published checker counts another character than the prompt asks for."""
    return not "a" <= str(kwargs.get("letter", "a")).lower() <= "z"


def test_every_published_prompt(parity: Parity) -> None:
    """Strict and loose verdicts on every instruction of all 541 prompts, twelve answers to each.

    Known: two prompts ask to count `#` and `!`. The published checker replaces what is no letter
    by a letter that it draws at random (`LetterFrequencyChecker`); ours counts what is asked for.
    """
    root = oracles.data_root("the published IFEval prompts are")
    lines = (root / ORIGIN.file).read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    cases = [(row, answer) for row in rows for answer in answers(row, ANSWERS)]
    theirs = oracles.told("oracle_ifeval.py", {"cases": cases}, *NEEDED)
    samples = {sample.id: sample for sample in TASK.load(DataSource(root=root)).samples}
    compared, differing, known = 0, [], []
    followed = dict.fromkeys(INSTRUCTIONS, 0)
    for (row, answer), official in zip(cases, theirs, strict=True):
        target = samples[str(row["key"])].target
        verdicts = judge([parse_instruction(each["id"], each["kwargs"]) for each in target], answer)
        strict, loose = official or ([None] * len(target), [None] * len(target))
        for each, *pair in (
            *zip(target, verdicts.strict, strict, strict=True),
            *zip(target, verdicts.loose, loose, strict=True),
        ):
            compared += 1
            followed[each["id"]] += pair[0]
            if pair[0] != pair[1]:
                found = (row["key"], each["id"], pair, answer)
                differing.append(found)
                known += [found] * draws_a_letter(each["kwargs"])
        if not any(draws_a_letter(each["kwargs"]) for each in target):
            score = TASK.score(samples[str(row["key"])], Completion(answer))
            assert score.metrics == {"prompt_strict": all(strict), "prompt_loose": all(loose)}
    parity.held("IFEval: verdicts on instructions", "lm-eval", compared, differing, known)
    assert set(MAKINGS) == set(INSTRUCTIONS)
    assert all(0 < count < 2 * len(cases) for count in followed.values())
