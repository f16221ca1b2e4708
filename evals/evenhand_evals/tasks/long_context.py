"""Long context in one table: retrieval, consistency of reasoning, and the engine's memory.

The three things that GLM-4's material claims of long contexts, at 8192, 32768 and 131072 tokens,
or the lengths that are asked for. The questions are those of `needle` (retrieval: one hidden fact)
and of `needle_reasoning` (two or three hidden facts and one inference), in English and in Chinese;
see `needle.py` for the prompts, the text, the lengths and the scoring.

The headline is the accuracy over both kinds. The table has, for each length, the accuracy of each
kind, how far the answers to the reasoning questions agree with each other and with those at the
shortest length (`scorers/retrieval_lengths.py`), and the most memory that the engine told of while
that length was asked (`engine_memory.py`): with as many requests under way as `--concurrency`
says.
"""

from functools import partial

from evenhand_evals.scorers.retrieval_lengths import REASONING, RETRIEVAL
from evenhand_evals.tasks import needle
from evenhand_evals.types import Task

TASK = Task(
    name="long_context",
    title="Long context: retrieval, reasoning and memory, by length",
    headline="accuracy",
    version="1",
    load=partial(
        needle.load_grid,
        "long_context",
        "1",
        {RETRIEVAL: (needle.one_fact,), REASONING: (needle.two_facts, needle.one_chain)},
    ),
    score=needle.score,
    max_tokens=needle.ANSWER_TOKENS,
    data=needle.TASK.data,
    aggregate="by_length",
    options={**needle.OPTIONS, "questions": "how many of each kind for each language (2)"},
    stages="length",
)
