"""Our own prompts over IFEval's 25 instruction types, made for short answers.

The set ships with the package, so that a machine without any data has a real task. Its prompts ask
for little (three bullets, fewer than forty words), so that a small model can answer within 160
tokens. It is scored exactly as `ifeval` is, but it is another test: its scores cannot be compared
with IFEval's.
"""

from evenhand_evals.tasks import ifeval
from evenhand_evals.tasks.sources import find_shipped
from evenhand_evals.types import Dataset, DataSource, Task

FILE = "instructions.jsonl"


def load(source: DataSource) -> Dataset:
    """Load the shipped set, or a file of the user's in IFEval's form."""
    found = find_shipped(source, FILE)
    licence = "Apache-2.0" if source.path is None else "unknown"
    return Dataset(ifeval.samples(found), found.source, found.revision, found.sha256, licence)


TASK = Task(
    name="instructions",
    title="Short verifiable instructions",
    headline="prompt_strict",
    version="1",
    load=load,
    score=ifeval.score,
    max_tokens=160,
    data="shipped with evenhand",
)
