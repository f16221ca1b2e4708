"""MT-Bench against a baseline: both answers of both models side by side, in both orders.

The questions, the conversation and its traps are those of `mt_bench`. The judge sees the model's
and the baseline's answers with FastChat's prompts `pair-v2` and `pair-v2-multi-turn`, in the
categories mathematics, reasoning and coding `pair-math-v1*` with GPT-4's answers as reference. Each
turn is judged twice with the places exchanged: what wins both times wins, everything else is a tie.

`win_rate`, the headline, counts a tie as half a win, so 50 points are equal strength; `first_turn`
and `second_turn` are its parts. How verdicts are read, `win_rate_of_read`, and what
`order_agreement`, `prefers_first` and `prefers_second` say of the judge, stand in
`scorers/pairs.py`.

The baseline's answers come from `--task-set baseline=PLACE`: the folder of a run of `mt_bench` or
`mt_bench_pairwise` (its first repeat), or a file of JSON lines in the form of FastChat's
`model_answer` (`{"question_id": 81, "choices": [{"turns": ["...", "..."]}]}`). Answers that were
made with other decoding settings than the model's are compared together with these settings.
Questions that the baseline did not answer are left out; the data set's name says how many are in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.log import LOG_NAME, Record, read_log
from evenhand_evals.scorers.pairs import Game, better_place, compared
from evenhand_evals.scorers.ratings import asked_again, shown, spoken, unread_of
from evenhand_evals.tasks.mt_bench import (
    ANSWER_TOKENS,
    QUESTIONS,
    TEMPERATURE_OPTION,
    TURNS,
    Question,
    answered_turns,
    load_questions,
    second_turn,
)
from evenhand_evals.tasks.sources import field, read_file
from evenhand_evals.types import Ask, Dataset, DataSource, Reply, Sample, Score, Task
from evenhand_evals.wire import parse_completion

PAIR = ("pair-v2", "pair-math-v1")
ORDERS = 2


@dataclass(frozen=True, slots=True)
class Match:
    """A question and the baseline's answers to its turns."""

    question: Question
    baseline: tuple[str, str]


def _baseline(source: DataSource) -> tuple[Path, dict[str, tuple[str, str]]]:
    text = source.options.get("baseline")
    if text is None:
        raise UsageError(
            "mt_bench_pairwise needs a baseline; name a run of mt_bench, or a file of answers, "
            "with --task-set baseline=PLACE"
        )
    path = Path(text)
    if path.is_dir() and (path / LOG_NAME).is_file():
        return path / LOG_NAME, _of_run(path / LOG_NAME)
    if path.is_file():
        return path, _of_file(path)
    raise UsageError(
        f"--task-set baseline={text}: neither a run's folder with a {LOG_NAME} nor a file; name "
        "a run of mt_bench, or a file of answers"
    )


def _of_file(path: Path) -> dict[str, tuple[str, str]]:
    rows = read_file(path, "--task-set baseline:").lines()
    return {
        f"mt-bench-{field(row, 'question_id', int, where)}": answered_turns(row, where)
        for where, row in rows
    }


def _of_run(log: Path) -> dict[str, tuple[str, str]]:
    first = [record for record in read_log(log) if record.repeat == 0]
    turns = {record.item: _turns(record) for record in first}
    return {item: both for item, both in turns.items() if both is not None}


def _turns(record: Record) -> tuple[str, str] | None:
    """Give what a run's model answered to both turns, None if it did not answer both."""
    bodies = [step.response for step in record.steps if not step.judge]
    said = [shown(found) for body in bodies if (found := parse_completion(body)) is not None]
    return (said[0], said[1]) if len(said) == len(TURNS) else None


def load(source: DataSource) -> Dataset:
    """Load MT-Bench as `mt_bench` does, as far as the baseline answered both turns."""
    path, answers = _baseline(source)
    dataset = load_questions(source, PAIR, 1)
    samples = tuple(
        replace(each, target=Match(each.target, answers[each.id]))
        for each in dataset.samples
        if each.id in answers
    )
    if not samples:
        raise DataError(
            f"--task-set baseline: {path} answers none of the {len(dataset.samples)} questions; "
            "name a run of mt_bench, or answers with the question_id of each"
        )
    both = json.dumps([dataset.sha256, [each.target.baseline for each in samples]])
    told = f"{len(samples)} of {len(dataset.samples)} questions answered by {path}"
    return replace(
        dataset,
        samples=samples,
        source=f"{dataset.source}, {told}",
        sha256=sha256(both.encode()).hexdigest(),
    )


def _facts(match: Match, model: Sequence[str], *, model_first: bool) -> dict[str, str]:
    places = (model, match.baseline) if model_first else (match.baseline, model)
    facts = dict(match.question.facts)
    for place, (first, second) in zip("ab", places, strict=True):
        facts |= {f"answer_{place}": first}
        facts |= {f"answer_{place}_1": first, f"answer_{place}_2": second}
    return facts


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask the second turn, then the judge about each turn in each order."""
    match: Match = sample.target
    said = spoken(sample, replies)
    if len(said) < len(TURNS):
        return second_turn(sample, match.question, said[0])
    turn, order = divmod(len(said) - len(TURNS), ORDERS)
    if turn == len(TURNS):
        return None
    model = [shown(answer) for answer in said[: len(TURNS)]]
    facts = _facts(match, model, model_first=order == 0)
    return asked_again(match.question.prompts[turn].messages(**facts), 0)


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Give the share of the turns that the model won."""
    said = spoken(sample, replies)
    verdicts = [verdict.text for verdict in said[len(TURNS) :]]
    places = [better_place(verdict) for verdict in verdicts]
    games: Mapping[str, Game] = {
        name: Game(*places[turn * ORDERS : (turn + 1) * ORDERS]) for turn, name in enumerate(TURNS)
    }
    found = compared(said[: len(TURNS)], games)
    return replace(found, data={**found.data, "unread": list(unread_of(verdicts, places))})


TASK = Task(
    name="mt_bench_pairwise",
    title="MT-Bench against a baseline, in both orders",
    headline="win_rate",
    version="1",
    load=load,
    follow=follow,
    score_all=score_all,
    max_tokens=ANSWER_TOKENS,
    data=f"mt-bench/ under EVENHAND_DATA, or --data {QUESTIONS.name}",
    aggregate="pairwise_win_rates",
    judged=True,
    options={
        "baseline": "the run's folder or the file with the answers to compare with (needed)",
        **TEMPERATURE_OPTION,
    },
)
