r"""C-Eval: 52 Chinese subjects, 1,346 items with public answers (`val`), asked in four ways.

Huang et al. 2023 (arXiv:2305.08322). The data are CC BY-NC-SA 4.0: non-commercial, never shipped.
The answers of its `test` split are not public, so all scores here are of `val`, which others may
give for `test`. The publisher's address has no pinned version.

- `ceval`: answer only, the five dev items as turns of the chat. The first turn opens with
  `以下是中国关于{科目}考试的单项选择题，请选出其中的正确答案。`; a question ends in `答案：`.
- `ceval_answer_only`: the same without shots, the opening before the question.
- `ceval_cot`: as `ceval`, with the dev items' explanations as worked answers
  (`让我们一步一步思考，` ... `所以答案是X。`).
- `ceval_loglikelihood`: lm-evaluation-harness' `ceval-valid` (version 2.0) with 5 shots: one text,
  whose opening leaves 考试 out; the likeliest of ` A` to ` D`, so that what is scored is
  `答案： A` with a blank, which C-Eval's own prompt has not. Greater by bytes (`acc_norm`) is the
  same, since all letters have one.

Prompts and extraction of the first three are those of C-Eval's own `evaluator_series` for ChatGLM
and its README; the one for ChatGPT adds a system message, which is left out here. The extraction
also takes an answer that quotes exactly one option's text. Theirs read the CSV files with pandas,
which turns numbers (`0.50`) and empty options into other texts; here they stay what they are.

C-Eval's figures are means over subjects, `macro`; `hard` is C-Eval Hard. The harness' figure for
`ceval_loglikelihood` is the mean over items, `micro`. With about 26 items for each subject, a
single subject says little.
"""

from collections.abc import Callable

from evenhand_evals.scorers.choices_chinese import ceval_letter
from evenhand_evals.scorers.subjects import CEVAL_NAMES
from evenhand_evals.tasks.choices import (
    Builder,
    Item,
    columns,
    facts,
    graded,
    item,
    likeliest,
    likelihood_sample,
    of_subjects,
    picked,
)
from evenhand_evals.tasks.subject_folders import SubjectOrigin, Tables
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

ORIGIN = SubjectOrigin(
    folder="ceval",
    name="ceval/ceval-exam",
    url="{hub}/datasets/ceval/ceval-exam/resolve/main/ceval-exam.zip",
    revision="",
    licence="CC-BY-NC-SA-4.0",
    file="{split}/{subject}_{split}.csv",
)
SHOTS = 5
DATA = f"{ORIGIN.folder}/ under EVENHAND_DATA, or --data {ORIGIN.name}"
_COLUMNS = ("question", "A", "B", "C", "D", "answer")


def items(found: Tables, split: str, subject: str) -> list[Item]:
    """Give a subject's items of one split; those of `dev` come with explanations."""
    (place, header), *rows = found.rows(split, subject)
    places = columns(place, header, (*_COLUMNS, *(["explanation"] if split == "dev" else [])))
    result = []
    for number, (where, row) in enumerate(rows, start=1):
        cells = picked(where, row, places)
        result.append(item(where, subject, number, cells[:6], "".join(cells[6:])))
    return result


def _load(source: DataSource, build: Builder, shots: int = SHOTS) -> Dataset:
    return of_subjects(source, ORIGIN, tuple(CEVAL_NAMES), "val", items, build, shots)


def _opening(subject: str) -> str:
    return f"以下是中国关于{CEVAL_NAMES[subject]}考试的单项选择题，请选出其中的正确答案。\n\n"


def _question(each: Item) -> str:
    return f"{each.text()}\n答案："


def _letter_only(shot: Item) -> str:
    return shot.answer


def _worked(shot: Item) -> str:
    return f"让我们一步一步思考，\n{shot.explanation}\n所以答案是{shot.answer}。"


def _chat(each: Item, shots: list[Item], answer: Callable[[Item], str]) -> Sample:
    messages = []
    for shot in shots:
        messages += [Message("user", _question(shot)), Message("assistant", answer(shot))]
    messages.append(Message("user", _question(each)))
    messages[0] = Message("user", _opening(each.subject) + messages[0].text)
    return Sample(each.id, tuple(messages), each.answer, facts(each))


def _text(each: Item, shots: list[Item]) -> Sample:
    opening = f"以下是中国关于{CEVAL_NAMES[each.subject]}的单项选择题，请选出其中的正确答案。\n\n"
    worked = "".join(f"{_question(shot.stripped())} {shot.answer}\n\n" for shot in shots)
    return likelihood_sample(each, opening + worked + _question(each.stripped()))


def load(source: DataSource) -> Dataset:
    """Load C-Eval with five letters as shots."""
    return _load(source, lambda each, shots: _chat(each, shots, _letter_only))


def load_without_shots(source: DataSource) -> Dataset:
    """Load C-Eval without shots; only `val` is read."""
    return _load(source, lambda each, shots: _chat(each, shots, _letter_only), shots=0)


def load_worked(source: DataSource) -> Dataset:
    """Load C-Eval with five explained answers as shots."""
    return _load(source, lambda each, shots: _chat(each, shots, _worked))


def load_texts(source: DataSource) -> Dataset:
    """Load C-Eval as texts that end before the letter."""
    return _load(source, _text)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as C-Eval's own extraction does."""
    options = sample.metadata["options"]
    return graded(sample, completion, lambda text: ceval_letter(text, options))


TASK = Task(
    name="ceval",
    title="C-Eval, answer only, 5 shots (official)",
    headline="macro",
    version="1",
    load=load,
    score=score,
    max_tokens=512,
    data=DATA,
    aggregate="ceval",
)
ANSWER_ONLY = Task(
    name="ceval_answer_only",
    title="C-Eval, answer only, no shots (official)",
    headline="macro",
    version="1",
    load=load_without_shots,
    score=score,
    max_tokens=512,
    data=DATA,
    aggregate="ceval",
)
COT = Task(
    name="ceval_cot",
    title="C-Eval, chain of thought, 5 shots (official)",
    headline="macro",
    version="1",
    load=load_worked,
    score=score,
    max_tokens=1024,
    data=DATA,
    aggregate="ceval",
)
LOGLIKELIHOOD = Task(
    name="ceval_loglikelihood",
    title="C-Eval, log-likelihood of the letter, 5 shots (lm-evaluation-harness)",
    headline="micro",
    version="1",
    load=load_texts,
    score_all=likeliest,
    max_tokens=1,
    data=DATA,
    interface="likelihood",
    aggregate="ceval",
)
