"""The benchmarks, by name. Importing them is cheap: scorers import what they need when they run."""

from evenhand_evals.tasks import gsm8k, ifeval, instructions, labels
from evenhand_evals.types import Task

TASKS: dict[str, Task] = {
    "gsm8k": gsm8k.TASK,
    "ifeval": ifeval.TASK,
    "instructions": instructions.TASK,
    "labels": labels.TASK,
}
