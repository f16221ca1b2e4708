"""Will it rain, asked in six ways: two orders of the labels, three wordings.

Nothing about the weather changes between the six, so a model that knows the answer gives it six
times. Each way is a group with a score of its own. `steady` is the share of items that got the same
answer in every way (an unparsed answer is an answer of its own), and `spread` the distance between
the best and the worst way, in points of accuracy; both count only items that were asked in all six
ways. `--limit` counts requests and cuts through items; `--task-set items=N` asks N of the 64 items,
drawn by the seed, in all six ways.
The wordings are ours: `plain` is that of `labels`, `question` ends in the question, `strict` says
what happens to any other answer.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evenhand_evals.sampling import rank
from evenhand_evals.tasks import labels
from evenhand_evals.tasks.labels import DRY, RAIN
from evenhand_evals.tasks.options import whole
from evenhand_evals.types import Completion, Dataset, DataSource, Message, Sample, Score, Task

_ITEMS: Final = "items"
MEANINGS: Final = {RAIN: "it will rain", DRY: "it will not rain"}
ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "rain first": (RAIN, DRY),
    "dry first": (DRY, RAIN),
}
WORDINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "plain": {
        "zh": "{situation}\n\n只回答“{one}”或“{two}”，不要写任何别的内容。",
        "en": "{situation}\n\nAnswer with exactly one of these two Chinese labels and nothing "
        "else: {one} ({one_means}) or {two} ({two_means}).",
    },
    "question": {
        "zh": "请从两个标签中选一个作答：{one}、{two}。只写标签本身。\n\n{situation}\n\n标签是？",
        "en": "Choose one of two Chinese labels: {one} ({one_means}), {two} ({two_means}). Write "
        "the label alone.\n\n{situation}\n\nWhich label?",
    },
    "strict": {
        "zh": "{situation}\n\n你的回答由程序读取，只接受“{one}”或“{two}”，其他任何内容都算错。",
        "en": "{situation}\n\nA program reads your answer. It accepts {one} ({one_means}) or {two} "
        "({two_means}); anything else counts as wrong.",
    },
}


def load(source: DataSource) -> Dataset:
    """Load the items of `labels`, each in six ways."""
    found = labels.load(source)
    count = whole(source, _ITEMS, len(found.samples))
    chosen = sorted(found.samples, key=lambda each: rank(source.seed, each.id))[:count]
    samples = tuple(
        _way(sample, order, wording)
        for sample in chosen
        for order in ORDERS
        for wording in WORDINGS
    )
    return replace(found, samples=samples, options=source.options)


def _way(sample: Sample, order: str, wording: str) -> Sample:
    one, two = ORDERS[order]
    text = WORDINGS[wording][sample.metadata["language"]].format(
        situation=sample.metadata["situation"],
        one=one,
        two=two,
        one_means=MEANINGS[one],
        two_means=MEANINGS[two],
    )
    return Sample(
        id=f"{sample.id}/{order.replace(' ', '-')}/{wording}",
        messages=(Message("user", text),),
        target=sample.target,
        metadata={**sample.metadata, "group": f"{order}, {wording}", "item": sample.id},
    )


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as `labels` does, and keep what it takes to compare the six ways."""
    scored = labels.score(sample, completion)
    way = sample.metadata["group"]
    data = {"item": sample.metadata["item"], "way": way, "answer": scored.extracted}
    return replace(scored, data=data)


TASK = Task(
    name="labels_sweep",
    title="Will it rain? Two orders of the labels, three wordings",
    headline="lenient",
    version="1",
    load=load,
    score=score,
    max_tokens=labels.TASK.max_tokens,
    data=labels.TASK.data,
    aggregate="labels_sweep",
    options={_ITEMS: "ask only so many items, each in all six ways"},
)
