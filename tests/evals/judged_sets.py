"""Small sets in the forms of the judged benchmarks, and a conversation held without an endpoint."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evenhand_evals.types import Chat, Completion, Sample, Task

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"question_id": 1, "category": "writing", "turns": ["Write {a} line.", "Now in verse."]},
    {"question_id": 2, "category": "math", "turns": ["What is 1 + 1?", "And 2 + 2?"]},
)
PROMPTS = {
    "single-v1": "Q:{question} A:{answer}",
    "single-v1-multi-turn": "Q1:{question_1} A1:{answer_1} Q2:{question_2} A2:{answer_2}",
    "single-math-v1": "Q:{question} R:{ref_answer_1} A:{answer}",
    "single-math-v1-multi-turn": "R1:{ref_answer_1} R2:{ref_answer_2} A1:{answer_1} A2:{answer_2}",
    "pair-v2": "Q:{question} A:{answer_a} B:{answer_b}",
    "pair-v2-multi-turn": "Q2:{question_2} A1:{answer_a_1} A2:{answer_a_2} "
    "B1:{answer_b_1} B2:{answer_b_2}",
    "pair-math-v1": "R:{ref_answer_1} A:{answer_a} B:{answer_b}",
    "pair-math-v1-multi-turn": "R2:{ref_answer_2} A2:{answer_a_2} B2:{answer_b_2}",
}


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def answer_row(number: int, turns: Sequence[str]) -> dict[str, Any]:
    """A line of FastChat's answer files."""
    return {"question_id": number, "model_id": "m", "choices": [{"index": 0, "turns": list(turns)}]}


def mt_bench(folder: Path, *, references: bool = True) -> Path:
    """Write a folder in the form of MT-Bench."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "question.jsonl", QUESTIONS)
    write_lines(
        folder / "judge_prompts.jsonl",
        (
            {
                "name": name,
                "system_prompt": f"system of {name}",
                "prompt_template": template,
                "output_format": "[[A]]" if name.startswith("pair") else "[[rating]]",
            }
            for name, template in PROMPTS.items()
        ),
    )
    known = 2 if references else 7
    write_lines(folder / "reference_answer_gpt-4.jsonl", [answer_row(known, ["two", "four"])])
    return folder


def asked(task: Task, sample: Sample, said: Sequence[str | Completion]) -> list[Chat]:
    """Give what a task asks when these are the answers, the last of which must end it."""
    replies = [each if isinstance(each, Completion) else Completion(each, "stop") for each in said]
    first = sample.first
    assert isinstance(first, Chat)
    asks = [first]
    assert task.follow is not None
    for count in range(1, len(replies) + 1):
        following = task.follow(sample, replies[:count])
        if following is None:
            assert count == len(replies)
            return asks
        assert isinstance(following, Chat)
        asks.append(following)
    raise AssertionError(f"{len(replies)} answers do not end it")
