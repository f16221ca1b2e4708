"""Translation of your own segments, and what all translation tasks share: the prompt, the score.

`translation` reads JSON lines with `source`, `reference`, `from` and `to`, the languages as codes
(`en`, `zh`, ...), and if you like `id`; one file may hold several pairs of languages. Its metrics
are those of `wmt22`: `bleu_de-en` and the like for each pair, `bleu_macro_mean`, the headline,
weighs pairs alike, `bleu_mean_weighted_by_segments` by their segments; so for `chrf2` and `ter`.

The prompt is one user message: `Translate the following text from German into English. Reply with
the translation only.`, a blank line, the segment. The whole answer is the translation, its line
ends made blanks; thinking text is removed before. What a model adds ("Here is the translation:")
counts as translated text.

BLEU, chrF2 and TER are sacrebleu's (`scorers/translation.py`), with its signatures in each item's
`Score.data` in the log. TER takes about 15 ms a segment, in Chinese and Japanese 150 ms or more:
`--task-set ter=no` leaves it out. An item's own value is its chrF2, `sentence_chrf2`, for comparing
runs item by item; its mean is not the corpus' chrF2. An item is `correct` if it shares all n-grams
of its reference, and `unparsed` if it is empty, so outcomes say little here. Empty, refused and
truncated translations count as they are; failed requests are in no score.

Japanese and Korean targets need `pip install 'sacrebleu[ja]'` and `'sacrebleu[ko]'`.
"""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.errors import DataError
from evenhand_evals.scorers import translation as scorer
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.options import choice
from evenhand_evals.tasks.sources import field, read_file
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

PROMPT = (
    "Translate the following text from {origin} into {target}. "
    "Reply with the translation only.\n\n{source}"
)
LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
OPTIONS: Mapping[str, str] = {"ter": "yes or no: whether TER, which is slow, is computed"}
MAX_TOKENS = 1024


def metrics(source: DataSource) -> list[str]:
    """Give the metrics that the user wants."""
    wanted = choice(source, "ter", ("yes", "no"), "yes") == "yes"
    return [each for each in scorer.METRICS if wanted or each != "ter"]


def segment(
    name: str, pair: tuple[str, str], texts: tuple[str, str], wanted: list[str], *, group: bool
) -> Sample:
    """Make the sample of one segment: a source and its reference."""
    origin, target = pair
    asked = PROMPT.format(
        origin=LANGUAGES[origin], target=LANGUAGES[target], source=texts[0].strip()
    )
    return Sample(
        id=name,
        messages=(Message("user", asked),),
        target=texts[1],
        metadata={
            "to": target,
            "metrics": wanted,
            **({"group": f"{origin}-{target}"} if group else {}),
        },
    )


def _language(row: Mapping[str, Any], name: str, where: str) -> str:
    code = str(field(row, name, str, where))
    if code not in LANGUAGES:
        raise DataError(
            f"{where}: the field {name!r} is {code!r}; the languages are {', '.join(LANGUAGES)}"
        )
    return code


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    text = str(field(row, name, str, where))
    if not text.strip():
        raise DataError(f"{where}: the field {name!r} is empty; fill it or drop the line")
    return text


def load(source: DataSource) -> Dataset:
    """Load the user's segments."""
    if source.path is None:
        raise DataError(
            "no data: give --data FILE, JSON lines with 'source', 'reference', 'from' and 'to'"
        )
    found = read_file(source.path)
    samples, wanted = [], metrics(source)
    for number, (where, row) in enumerate(found.lines(), start=1):
        pair = (_language(row, "from", where), _language(row, "to", where))
        texts = (_text(row, "source", where), _text(row, "reference", where))
        name = str(row.get("id", f"translation-{number:05d}"))
        samples.append(segment(name, pair, texts, wanted, group=True))
    for target in sorted({each.metadata["to"] for each in samples}):
        scorer.check(target)
    return Dataset(tuple(samples), found.source, None, found.sha256, "unknown")


def translated(text: str) -> str:
    """Give a translation as one line, as sacrebleu's files have it."""
    return " ".join(text.splitlines()).strip()


def score(sample: Sample, completion: Completion) -> Score:
    """Count what sacrebleu counts in a segment; its own chrF2 is its value."""
    answer = answer_of(completion.text)
    hypothesis, target = translated(answer.text), sample.metadata["to"]
    wanted = sample.metadata["metrics"]
    counted = scorer.counts(hypothesis, sample.target, target, wanted)
    value = scorer.share("chrf2", counted["chrf2"])
    failure: Outcome = "wrong" if hypothesis else "unparsed"
    return Score(
        outcome="correct" if value == 1.0 else failure,
        value=value,
        metrics={"sentence_chrf2": value},
        extracted=hypothesis or None,
        explanation="thinking text removed" if answer.thinking_removed else None,
        data=scorer.describe(target, wanted, counted),
    )


TASK = Task(
    name="translation",
    title="Translation of your own segments (sacrebleu)",
    headline="bleu_macro_mean",
    version="1",
    slow_to_score=True,
    load=load,
    score=score,
    max_tokens=MAX_TOKENS,
    data="--data FILE: JSON lines with 'source', 'reference', 'from' and 'to'",
    aggregate="translation_by_pair",
    options=OPTIONS,
)
