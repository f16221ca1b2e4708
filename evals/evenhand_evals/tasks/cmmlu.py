r"""CMMLU: 67 Chinese subjects, 11,582 items, asked in three ways.

Li et al. 2023 (arXiv:2306.09212). The data are CC BY-NC-SA 4.0: non-commercial, never shipped. A
download is the authors' repository at the pinned commit.

- `cmmlu`: five dev items and the question in one user message, which opens with
  `以下是关于{主题}的单项选择题，请直接给出正确答案的选项。`; a question begins with `题目：` and
  ends in `答案是：`.
- `cmmlu_cot`: no shots; the opening asks to analyse (`请分析并选出正确答案`), the question ends in
  `逐步分析并给出答案选项。`
- `cmmlu_loglikelihood`: lm-evaluation-harness' `cmmlu` (version 1.0) with 5 shots: without
  `题目：`, with `答案：` for `答案是：`, and the likeliest of ` A` to ` D` with a blank.

Prompts and extraction of the first two are those of the authors' `src/mp_utils.py`; an answer's
line breaks are taken out before it is read, as `src/chatglm.py` does. Three things differ.
Their extraction draws a letter at random where it finds none; here such an answer is `unparsed`
and wrong, and `with_guess` is what their draw gives on average (a quarter for each). Their script
drops shots that make a prompt longer than 2,048 tokens; here all five are sent. It passes answers
through a CSV file and pandas, where `N/A` becomes a missing value and a guess; here it is an A.

CMMLU's figures are means over subjects, `macro`; the harness' figure for `cmmlu_loglikelihood` is
the mean over items, `micro`. The subjects of `china_specific` are in another category too.
"""

from dataclasses import replace

from evenhand_evals.scorers.choices_chinese import cmmlu_letter
from evenhand_evals.scorers.subjects import CMMLU_NAMES
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
    folder="cmmlu",
    name="haonan-li/CMMLU",
    url="https://github.com/haonan-li/CMMLU/archive/{revision}.zip",
    revision="d6e7b716d8ac694f38969a6c0407437d1fded799",
    licence="CC-BY-NC-SA-4.0",
    file="{split}/{subject}.csv",
)
SHOTS = 5
GUESS = 0.25
DATA = f"{ORIGIN.folder}/ under EVENHAND_DATA, or --data {ORIGIN.name}"
_COLUMNS = ("Question", "A", "B", "C", "D", "Answer")


def items(found: Tables, split: str, subject: str) -> list[Item]:
    """Give a subject's items of one split, in the order of the file."""
    (place, header), *rows = found.rows(split, subject)
    places = columns(place, header, _COLUMNS)
    return [
        item(where, subject, number, picked(where, row, places))
        for number, (where, row) in enumerate(rows, start=1)
    ]


def _load(source: DataSource, build: Builder, shots: int = SHOTS) -> Dataset:
    return of_subjects(source, ORIGIN, tuple(CMMLU_NAMES), "test", items, build, shots)


def _opening(subject: str) -> str:
    return f"以下是关于{CMMLU_NAMES[subject]}的单项选择题，请直接给出正确答案的选项。\n\n"


def _asked(each: Item, text: str) -> Sample:
    return Sample(each.id, (Message("user", text),), each.answer, facts(each))


def _direct(each: Item, shots: list[Item]) -> Sample:
    worked = "".join(f"题目：{shot.text()}\n答案是：{shot.answer}\n\n" for shot in shots)
    return _asked(each, f"{_opening(each.subject)}{worked}题目：{each.text()}\n答案是：")


def _analysed(each: Item, shots: list[Item]) -> Sample:
    opening = f"以下是关于{CMMLU_NAMES[each.subject]}的单项选择题，请分析并选出正确答案。\n\n"
    return _asked(each, f"{opening}题目：{each.text()}\n逐步分析并给出答案选项。")


def _text(each: Item, shots: list[Item]) -> Sample:
    worked = "".join(f"{shot.stripped().text()}\n答案： {shot.answer}\n\n" for shot in shots)
    asked = f"{each.stripped().text()}\n答案："
    return likelihood_sample(each, _opening(each.subject) + worked + asked)


def load(source: DataSource) -> Dataset:
    """Load CMMLU with five letters as shots."""
    return _load(source, _direct)


def load_analysed(source: DataSource) -> Dataset:
    """Load CMMLU with a demand for analysis and no shots; only `test` is read."""
    return _load(source, _analysed, shots=0)


def load_texts(source: DataSource) -> Dataset:
    """Load CMMLU as texts that end before the letter."""
    return _load(source, _text)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as CMMLU's own extraction does, without its guess."""
    found = graded(sample, completion, cmmlu_letter)
    expected = GUESS if found.outcome == "unparsed" else found.value
    return replace(found, metrics={**found.metrics, "with_guess": expected})


TASK = Task(
    name="cmmlu",
    title="CMMLU, answer only, 5 shots (official)",
    headline="macro",
    version="1",
    load=load,
    score=score,
    max_tokens=512,
    data=DATA,
    aggregate="cmmlu",
)
COT = Task(
    name="cmmlu_cot",
    title="CMMLU, chain of thought, no shots (official)",
    headline="macro",
    version="1",
    load=load_analysed,
    score=score,
    max_tokens=1024,
    data=DATA,
    aggregate="cmmlu",
)
LOGLIKELIHOOD = Task(
    name="cmmlu_loglikelihood",
    title="CMMLU, log-likelihood of the letter, 5 shots (lm-evaluation-harness)",
    headline="micro",
    version="1",
    load=load_texts,
    score_all=likeliest,
    max_tokens=1,
    data=DATA,
    interface="likelihood",
    aggregate="cmmlu",
)
