"""The page of the tasks: what each asks, how its answers are read, and what it does not do."""

import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType

from evenhand_evals import tasks
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import Task
from tests.docs.tables import code, table

INTRODUCTION = """# Tasks

One page for all benchmarks, made from their own modules. A benchmark that is scored in several ways
has a task for each: there is no `mmlu` without saying which. `evenhand eval list` shows the same
names.

- **asks by**: `chat` (messages), `completions` (a text to go on with), `likelihood` (how likely
  given texts are; vLLM, SGLang and llama.cpp tell, through our proxy too). *judged* tasks
  need `--judge-url` and `--judge-model`.
- **headline** is the main metric; all others stand beside it in the result.
- Thinking text is taken off before an answer is scored. An answer that nothing can be read from is
  `unparsed`, counted and wrong.
"""


def page() -> str:
    """Give the whole page."""
    parts = [INTRODUCTION]
    for module, members in _modules():
        title, _, text = (inspect.getdoc(module) or "").partition("\n\n")
        rows = [
            (
                code(task.name),
                task.title,
                f"{task.interface}, judged" if task.judged else task.interface,
                code(task.headline),
                str(task.max_tokens),
                task.data,
            )
            for task in members
        ]
        head = ("task", "title", "asks by", "headline", "budget", "data")
        name = module.__name__.rpartition(".")[2]
        parts.append(f"## {name}\n\n{title}\n\n{table(head, rows)}\n{text}\n")
    return "\n".join(parts)


def _modules() -> Iterator[tuple[ModuleType, list[Task]]]:
    """Give each module that makes tasks, with those, in the order of the registry."""
    found: dict[str, list[Task]] = {}
    for task in TASKS.values():
        found.setdefault(_home(task), []).append(task)
    for name, members in found.items():
        yield getattr(tasks, name), members


def _home(task: Task) -> str:
    """Give the module whose names lead to a task."""
    for name, module in vars(tasks).items():
        if not inspect.ismodule(module) or not module.__name__.startswith(tasks.__name__):
            continue
        for value in vars(module).values():
            if value is task or (isinstance(value, Mapping) and value.get(task.name) is task):
                return name
    raise SystemExit(f"{task.name}: no module of the package holds it")
