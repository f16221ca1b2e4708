"""LongBench v1: 21 data sets of long texts, in English and Chinese, each with its own metric.

Bai et al. 2024 (arXiv:2308.14508); prompts, answer lengths and metrics as THUDM/LongBench
publishes them (config/dataset2prompt.json, config/dataset2maxlen.json, eval.py, metrics.py). One
task for each data set: `longbench_narrativeqa`, ..., `longbench_repobench-p`. Data: the data set's
`NAME.jsonl` or `NAME.jsonl.gz` with `--data FILE` or under `longbench/` in EVENHAND_DATA; prompts
and answer lengths are read from the two config files beside it where they are there, and are else
the published ones, which come with the package (MIT licence).

- Score: the best over an item's references; of trec, triviaqa, samsum and lsht only the answer's
  first line counts (other harnesses forget this). An item is `correct` with full marks only, so the
  headline, a mean, is what to read. Groups are LongBench-E's: by words (Chinese: characters) of the
  text. Their own figures are these numbers times 100.
- A prompt that is too long loses its middle: half of the tokens stay from each end, of the whole
  prompt, as published. How long it may be is `--task-set max_prompt=N` (the authors: 31500 for a
  context of 32768); else what the served context leaves beside the answer, and where that is not
  known nothing is cut.
- trec, triviaqa, samsum, lsht, lcc and repobench-p are asked without a chat template, as published:
  over completions. A chat model is asked by chat only if the user forces it.
- Published runs are greedy (`--profile longbench`). In samsum generation also stops at a line end;
  here the first line is taken, which comes to the same.
- code_sim: fuzzywuzzy gives two different numbers, by python-Levenshtein if that is installed and
  by difflib if not; `code_sim` is the first, `code_sim_difflib` stands beside it.
- rouge: an answer on which the package `rouge` fails by recursion (two sentences of about a
  thousand words in all) has 0 in the original and its score here (`scorers/rouge.py`).
Thinking text is removed before scoring.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.extras import require
from evenhand_evals.scorers import overlap, retrieval, rouge
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.options import whole
from evenhand_evals.tasks.sources import field, json_of, object_of, read_file, shipped, unpacked
from evenhand_evals.types import (
    Ask,
    Chat,
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
    Text,
)

Metric = Callable[[str, str, Sequence[str]], float]
"""From an answer, a reference and the item's classes to a score, 0..1."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The metric of a data set, its name, the longest answer in tokens, and the modules needed."""

    metric: str
    score: Metric
    answer_tokens: int
    needs: tuple[str, ...] = ()


def _qa(tokens: int) -> Kind:
    return Kind("qa_f1", lambda text, ref, _: overlap.qa_f1(text, ref), tokens)


def _rouge(tokens: int) -> Kind:
    return Kind("rouge_l", lambda text, ref, _: rouge.rouge_l(text, ref), tokens)


def _rouge_zh(tokens: int) -> Kind:
    return Kind(
        "rouge_l_zh", lambda text, ref, _: rouge.rouge_l_zh(text, ref), tokens, (overlap.MODULE,)
    )


def _code(tokens: int) -> Kind:
    return Kind(
        "code_sim",
        lambda text, ref, _: retrieval.code_similarity(retrieval.first_code_line(text), ref),
        tokens,
        ("rapidfuzz",),
    )


def _paragraph(label: str) -> Kind:
    return Kind("retrieval", lambda text, ref, _: retrieval.paragraph_score(text, ref, label), 32)


KINDS: dict[str, Kind] = {
    "narrativeqa": _qa(128),
    "qasper": _qa(128),
    "multifieldqa_en": _qa(64),
    "multifieldqa_zh": Kind(
        "qa_f1_zh", lambda text, ref, _: overlap.qa_f1_zh(text, ref), 64, (overlap.MODULE,)
    ),
    "hotpotqa": _qa(32),
    "2wikimqa": _qa(32),
    "musique": _qa(32),
    "dureader": _rouge_zh(128),
    "gov_report": _rouge(512),
    "qmsum": _rouge(512),
    "multi_news": _rouge(512),
    "vcsum": _rouge_zh(512),
    "trec": Kind("classification", retrieval.classification_score, 64),
    "triviaqa": _qa(32),
    "samsum": _rouge(128),
    "lsht": Kind("classification", retrieval.classification_score, 64),
    "passage_count": Kind("count", lambda text, ref, _: retrieval.count_score(text, ref), 32),
    "passage_retrieval_en": _paragraph("Paragraph "),
    "passage_retrieval_zh": _paragraph("段落"),
    "lcc": _code(64),
    "repobench-p": _code(64),
}
FIRST_LINE = frozenset(("trec", "triviaqa", "samsum", "lsht"))
WITHOUT_TEMPLATE = FIRST_LINE | {"lcc", "repobench-p"}
PROMPTS_FILE, LENGTHS_FILE = "dataset2prompt.json", "dataset2maxlen.json"
SHIPPED = "longbench_prompts.json"
"""LongBench's dataset2prompt.json, unchanged (MIT licence, Copyright 2023 THU-KEG & Zhipu AI)."""
BUCKETS = ((4000, "0-4k"), (8000, "4-8k"))


def _locate(name: str, source: DataSource) -> Path:
    """Find the file of a data set, packed or not."""
    if source.path is not None and source.path.is_file():
        return source.path
    folder = source.path or (source.root / "longbench" if source.root else None)
    wanted = f"{name}.jsonl or {name}.jsonl.gz"
    if folder is None:
        raise DataError(
            f"no data: set EVENHAND_DATA to a folder that holds longbench/{wanted}, "
            "or give --data FILE"
        )
    for ending in ("jsonl", "jsonl.gz"):
        if (folder / f"{name}.{ending}").is_file():
            return folder / f"{name}.{ending}"
    raise DataError(f"no data: {folder} holds no {wanted}; put it there, or give --data FILE")


def _config(path: Path, name: str, kind: type, default: Any) -> Any:
    """Take a data set's entry out of a config file, or what is published if there is no file."""
    if not path.is_file():
        return default
    entries = json_of(read_file(path).data, str(path), "write one JSON object by data set")
    return field(object_of(entries, str(path)), name, kind, str(path))


def ask(prompt: str, *, template: bool) -> Ask:
    """Ask by chat, or over completions where the benchmark uses no chat template."""
    return Chat((Message("user", prompt),)) if template else Text(prompt)


def longest(source: DataSource, answer_tokens: int) -> int | None:
    """Give how many tokens a prompt may have, template not counted; None for any number."""
    if "max_prompt" in source.options:
        return whole(source, "max_prompt", 0, low=16)
    tokens = source.tokens()
    return None if tokens.limit is None else tokens.limit - answer_tokens - tokens.overhead


def shortened(source: DataSource, prompt: str, limit: int | None) -> str:
    """Take the middle out of a prompt that is too long."""
    # No tokeniser makes more tokens than UTF-8 has bytes: a short text need not be counted.
    if limit is None or len(prompt.encode()) <= limit:
        return prompt
    return source.tokens().middle(prompt, limit)


def _references(row: Mapping[str, Any], where: str) -> list[str]:
    found = field(row, "answers", list, where)
    if not found or not all(isinstance(each, str) for each in found):
        raise DataError(f"{where}: the field 'answers' is {found!r}, not a list of texts")
    return [str(each) for each in found]


def load(name: str, source: DataSource) -> Dataset:
    """Load one data set; prompts that are too long for the served context lose their middle."""
    kind = KINDS[name]
    if kind.needs:
        require("scoring this task", *kind.needs)
    path = _locate(name, source)
    found = unpacked(read_file(path))
    published = json.loads(shipped(SHIPPED))[name]
    prompt = _config(path.parent / PROMPTS_FILE, name, str, published)
    tokens = _config(path.parent / LENGTHS_FILE, name, int, kind.answer_tokens)
    limit = longest(source, tokens)
    samples = []
    for number, (where, row) in enumerate(found.lines(), start=1):
        slots = {key: field(row, key, str, where) for key in ("context", "input")}
        asked = shortened(source, prompt.format(**slots), limit)
        words = field(row, "length", int, where)
        group = next((label for below, label in BUCKETS if words < below), "8k+")
        samples.append(
            Sample(
                id=f"longbench_{name}-{number:04d}",
                messages=(Message("user", asked),),
                target=_references(row, where),
                metadata={"group": group, "classes": row.get("all_classes") or []},
                ask=ask(asked, template=name not in WITHOUT_TEMPLATE),
            )
        )
    digest = sha256(found.data + prompt.encode() + str(source.options.get("max_prompt")).encode())
    again = source.options
    return Dataset(tuple(samples), found.source, None, digest.hexdigest(), "unknown", again)


def score(name: str, sample: Sample, completion: Completion) -> Score:
    """Judge an answer by the data set's metric, the best over its references."""
    kind = KINDS[name]
    answer = answer_of(completion.text)
    text = answer.text.lstrip("\n").split("\n")[0] if name in FIRST_LINE else answer.text
    classes = sample.metadata["classes"]
    value = max(float(kind.score(text, each, classes)) for each in sample.target)
    metrics = {kind.metric: value}
    if kind.metric == "code_sim":
        line = retrieval.first_code_line(text)
        metrics["code_sim_difflib"] = max(
            retrieval.code_similarity_difflib(line, each) for each in sample.target
        )
    failure: Outcome = "wrong" if answer.text.strip() else "unparsed"
    return Score(
        outcome="correct" if value == 1.0 else failure,
        value=value,
        metrics=metrics,
        explanation="thinking text removed" if answer.thinking_removed else None,
    )


def _task(name: str, kind: Kind) -> Task:
    return Task(
        name=f"longbench_{name}",
        title=f"LongBench: {name}",
        headline=kind.metric,
        version="1",
        load=partial(load, name),
        score=partial(score, name),
        max_tokens=kind.answer_tokens,
        data=f"longbench/{name}.jsonl[.gz] under EVENHAND_DATA, or --data FILE",
        interface="completions" if name in WITHOUT_TEMPLATE else "chat",
        bare=name in WITHOUT_TEMPLATE,
        options={"max_prompt": "tokens of a prompt before its middle is taken out"},
    )


TASKS: dict[str, Task] = {f"longbench_{name}": _task(name, kind) for name, kind in KINDS.items()}
