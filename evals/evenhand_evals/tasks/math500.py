r"""MATH-500, and your own mathematical problems, compared by math-verify.

Hendrycks et al. 2021 (arXiv:2103.03874); the 500 problems of the MATH test set that Lightman et al.
2023 (arXiv:2305.20050) held out, as the hub's `HuggingFaceH4/MATH-500`. `math500` reads its
`test.jsonl`; `math` reads your own JSON lines with `problem` and `answer` (LaTeX without dollars,
or a number), and if you like `id`, `subject` and `level`.

The prompt is that of simple-evals' MATH, no shots: solve step by step, the last line `Answer: ...`.
simple-evals lets a GPT-4 judge whether the answer equals the gold one; here math-verify does, whose
verdicts can be repeated:

- `robust`, the headline, compares what stands in the last `Answer:` line (or the box in it), else
  in the last `\boxed{...}`; with neither it is `compat`. A number with a unit in plain words counts
  as the number. simple-evals takes the first `Answer:` line.
- `compat`: math-verify as it stands (`verify(parse("$gold$"), parse(response))`) on the whole
  response. It finds no answer in `Answer: 2(k+1)` without dollars or a box.
- `disagree`: how often the two differ.

Traps: an answer on which math-verify ran out of time (40 s) or memory counts as `unparsed`, and the
explanation says so. math-verify takes x = 6 for 6, an answer that is not simplified for the
simplified one, and 4210 for 4210_5 (it drops the base). Groups are subjects; `level_1` to `level_5`
are the levels' means. Of the 500, the 95 % interval is about four points wide on each side.
Thinking text is removed before scoring.
"""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.extras import require
from evenhand_evals.scorers.maths import MODULES, Compared, final_answer, readable, verifier
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.sources import Found, Origin, field, find, read_file
from evenhand_evals.types import (
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
)

ORIGIN = Origin(
    file="math-500/test.jsonl",
    name="HuggingFaceH4/MATH-500",
    url="{hub}/datasets/HuggingFaceH4/MATH-500/resolve/{revision}/test.jsonl",
    revision="ff5b20257d8185524591543f8ff5993951537bb8",
    licence="MIT",
)
PROMPT = (
    "Solve the following math problem step by step. The last line of your response should be of "
    "the form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the problem.\n\n"
    "{problem}\n\n"
    'Remember to put your answer on its own line after "Answer:", and you do not need to use a '
    "\\boxed command."
)
_SHOWN = 120


def _metadata(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "subject" in row:
        found["group"] = field(row, "subject", str, where)
    if "level" in row:
        found["level"] = field(row, "level", int, where)
    return found


def _sample(name: str, where: str, row: Mapping[str, Any]) -> Sample:
    answer = field(row, "answer", str, where)
    if not answer.strip():
        raise DataError(f"{where}: the field 'answer' is empty; give the answer or drop the line")
    problem = field(row, "problem", str, where)
    message = Message("user", PROMPT.replace("{problem}", problem))
    return Sample(name, (message,), answer, _metadata(row, where))


def _dataset(found: Found, prefix: str, key: str, licence: str) -> Dataset:
    require("comparing mathematical answers", *MODULES)
    samples = tuple(
        _sample(str(row.get(key, f"{prefix}-{number:04d}")), where, row)
        for number, (where, row) in enumerate(found.lines(), start=1)
    )
    return Dataset(samples, found.source, found.revision, found.sha256, licence)


def load(source: DataSource) -> Dataset:
    """Load MATH-500 from a file, from EVENHAND_DATA, or from the hub by name."""
    return _dataset(find(source, ORIGIN), "math500", "unique_id", ORIGIN.licence)


def load_own(source: DataSource) -> Dataset:
    """Load the user's problems."""
    if source.path is None:
        raise DataError("no data: give --data FILE, JSON lines with 'problem' and 'answer'")
    found = read_file(source.path)
    return _dataset(found, "math", "id", "unknown")


def _scored(
    sample: Sample, robust: Compared, compat: Compared, stated: str | None, remark: str
) -> Score:
    failure: Outcome = "wrong" if robust.read is not None else "unparsed"
    read = f"read as {robust.read[:_SHOWN]}" if robust.read is not None else "no answer found"
    return Score(
        outcome="correct" if robust.right else failure,
        value=float(robust.right),
        metrics={
            "robust": robust.right,
            "compat": compat.right,
            "disagree": robust.right != compat.right,
        },
        extracted=stated if stated is not None else robust.read,
        explanation=remark + read,
        data={"level": sample.metadata.get("level")},
    )


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer by math-verify, once as it states it and once as a whole."""
    answer = answer_of(completion.text)
    remark = "thinking text removed; " if answer.thinking_removed else ""
    stated = final_answer(answer.text)
    texts = [answer.text] if stated is None else [answer.text, readable(stated)]
    compared = verifier().compare(sample.target, texts)
    if compared is None:
        nothing = Compared(right=False, read=None)
        return _scored(
            sample,
            nothing,
            nothing,
            stated,
            f"{remark}math-verify gave up, out of time or memory; ",
        )
    return _scored(sample, compared[-1], compared[0], stated, remark)


TASK = Task(
    name="math500",
    title="MATH-500, chain of thought, no shots (simple-evals' prompt, math-verify)",
    headline="robust",
    version="1",
    load=load,
    score=score,
    max_tokens=2048,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
    aggregate="math_levels",
)
OWN = Task(
    name="math",
    title="Your own mathematical problems (math-verify)",
    headline="robust",
    version="1",
    load=load_own,
    score=score,
    max_tokens=2048,
    data="--data FILE: JSON lines with 'problem' and 'answer'",
    aggregate="math_levels",
)
