"""A task of the user's own: a YAML file and JSON lines, no Python.

The YAML says how an item is asked (`prompt`, `system`, `examples`, `interface`), how its answer is
read (`extraction`) and what is right (`metric`, `target`). Its version is the digest of the YAML
and of the examples, so that runs of two wordings are never taken for one.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from evenhand_evals.own import judge
from evenhand_evals.own.items import load_items, read_data
from evenhand_evals.own.reading import measurer, reader, value_of
from evenhand_evals.own.task_file import OwnTask, check_own_task
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.types import Completion, Likelihoods, Outcome, Reply, Sample, Score, Task
from evenhand_evals.yaml_tree import read_yaml

SUFFIXES = (".yaml", ".yml")
WHAT = "a task"


def is_own_task(name: str) -> bool:
    """Whether what stands for a task is a file."""
    return name.endswith(SUFFIXES)


def read_own_task(path: Path) -> Task:
    """Read a task's file.

    Raises:
        UsageError: a key or value cannot be used; the message names file, line, key and fix.

    """
    document = read_yaml(path, OwnTask, WHAT)
    check_own_task(document)
    own = document.value
    found = [path.read_bytes()]
    if own.examples is not None and own.examples.file is not None:
        found.append(read_data(path.parent / own.examples.file, "examples.file").data)
    likely = own.interface == "likelihood"
    task = Task(
        name=own.name or path.stem,
        title=own.title or own.name or path.stem,
        headline="accuracy" if likely else own.metric.kind,
        version=sha256(b"\0".join(found)).hexdigest()[:12],
        load=partial(load_items, document, path.parent),
        max_tokens=own.max_tokens,
        data=str(own.data) if own.data is not None else "--data FILE",
        interface=own.interface,
    )
    if likely:
        return replace(task, score_all=_score_likelihoods)
    if own.metric.kind == "judge":
        asks = partial(judge.follow, own)
        return replace(task, judged=True, follow=asks, score_all=partial(judge.score_all, own))
    return replace(task, score=partial(_score, own))


def _score(own: OwnTask, sample: Sample, completion: Completion) -> Score:
    """Read the answer and compare it with each target; the best counts."""
    answer = answer_of(completion.text)
    found = reader(own.extraction)(answer.text)
    kind = own.metric.kind
    if found is not None and kind == "number" and value_of(found) is None:
        found = None
    if found is None:
        return Score("unparsed", 0.0, {kind: 0.0})
    measure = measurer(own.metric)
    value = max(measure(found, target) for target in sample.target)
    outcome: Outcome = "correct" if value >= own.metric.threshold else "wrong"
    return Score(outcome, value, {kind: value}, extracted=found)


def _score_likelihoods(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Take the likeliest choice; `accuracy_per_character` divides by each choice's length first."""
    found = replies[0]
    if not isinstance(found, Likelihoods):
        raise TypeError(f"{sample.id}: likelihoods were asked for")
    choices, place = sample.target["choices"], sample.target["place"]
    lengths = [max(1, len(each)) for each in choices]
    best = _highest(found.logprobs)
    normed = _highest([value / n for value, n in zip(found.logprobs, lengths, strict=True)])
    metrics = {"accuracy": best == place, "accuracy_per_character": normed == place}
    return Score(
        "correct" if best == place else "wrong",
        float(best == place),
        metrics,
        extracted=choices[best],
    )


def _highest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
