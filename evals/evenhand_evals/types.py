"""The words of an evaluation: samples, what they ask, answers, scores, data sets and tasks.

A task is data plus two functions: `load` turns a data source into samples, `score` judges the
answer to one. Everything between the two (sending, retrying, logging, repeating, averaging) is the
same for every task and lives elsewhere. Most samples ask one chat; some ask for the likelihood of
given texts, or go on after the first answer: `Task.follow` gives what is asked next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evenhand_evals.stats.intervals import Interval
from evenhand_evals.token_counts import Tokens, estimated

Outcome = Literal["correct", "wrong", "unparsed", "truncated", "refused", "failed"]

OUTCOMES: tuple[Outcome, ...] = (
    "correct",
    "wrong",
    "unparsed",
    "truncated",
    "refused",
    "failed",
)


Interface = Literal["chat", "completions", "likelihood"]
"""How a model is asked: by messages, by a text to go on with, or for the likelihood of texts."""

Part = Mapping[str, Any]
"""A part of a message's content as it goes on the wire: `{"type": "image_url", ...}`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, as it goes on the wire; `content` is a text, or parts with images."""

    role: str
    content: str | tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of the content; of parts, that of the text parts."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part["text"]) for part in self.content if part.get("type") == "text")


@dataclass(frozen=True, slots=True)
class Chat:
    """Asks for the next message of a chat.

    `fields` go into the body beside the decoding parameters (`tools`, `stop`, `response_format`,
    an item's own `max_tokens`); a parameter that the user set wins. `prefill` is how the answer
    must begin, for engines that continue a message. `judge` asks the judge, not the model.
    """

    messages: tuple[Message, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    prefill: str | None = None
    judge: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Asks a base model to go on with a text; `fields` as in `Chat`."""

    prompt: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Asks how likely each continuation is after a context, which may be empty.

    Nothing is generated. A continuation begins with the space that belongs to it.
    """

    context: str
    continuations: tuple[str, ...]


Ask = Chat | Text | Likelihood


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task: what is asked, and what a scorer needs to judge the answer.

    `id` is unique within the data set and stable across versions of this program. `messages` are
    what is asked, unless `ask` says it otherwise. `metadata` must be made of JSON values; the key
    `group`, where there is one, names the subset of the item.
    """

    id: str
    messages: tuple[Message, ...]
    target: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ask: Ask | None = None

    @property
    def first(self) -> Ask:
        """What is asked first."""
        return self.ask if self.ask is not None else Chat(self.messages)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer as the endpoint reported them; None where it said nothing.

    `reasoning_tokens` are those of the completion's tokens that were thinking.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool; `arguments` is JSON text, as the endpoint gave it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What the endpoint answered to one request."""

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    usage: Usage = field(default_factory=Usage)
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """What a `Likelihood` came to, one entry for each continuation, in their order.

    `logprobs` are sums of natural logarithms over the continuation's tokens, `tokens` how many
    these are, `greedy` whether each was the likeliest (None where the engine does not tell).
    `alone` holds the logarithm of each of the continuation's tokens. `unscored` is how many tokens
    of it have nothing before them, so that no logarithm can be told; `tokens` leaves them out.
    """

    logprobs: tuple[float, ...]
    tokens: tuple[int, ...]
    greedy: tuple[bool | None, ...]
    alone: tuple[tuple[float, ...], ...] = ()
    unscored: tuple[int, ...] = ()


Reply = Completion | Likelihoods


@dataclass(frozen=True, slots=True)
class Score:
    """A scorer's verdict on one completion.

    `outcome` is never "failed": only the runner knows of requests without an answer. `value` is
    the item's share of the headline metric, 0..1; where the headline is not the mean of these,
    `whole_headlines.py` says what it is. `metrics` are further named metrics of the item,
    averaged over items: a bool is a verdict, a number a mark on a scale. `counts` are (passed,
    total) pairs, pooled over items. `data` is what a metric of the whole set needs of the item
    (`Task.aggregate`), made of JSON values.
    """

    outcome: Outcome
    value: float
    metrics: Mapping[str, float | bool] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    extracted: str | None = None
    explanation: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval.

    `value`, `low` and `high` are shares, 0..1, which are shown as points; those of a `plain` unit
    are shown as they are (a perplexity, a number of tokens). `n` is how many items it rests on;
    `method` names the interval: "wilson", "clustered t", "ratio t", or "bootstrap"; "none" where
    there is none. `detail` says more of how it was computed, such as sacrebleu's signature.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    unit: Literal["share", "plain"] = "share"
    detail: str = ""

    @classmethod
    def of(cls, interval: Interval, n: int) -> "Estimate":
        """Give an interval over `n` items as an estimate."""
        return cls(interval.value, interval.low, interval.high, n, interval.method)

    @property
    def shown(self) -> tuple[float, float, float]:
        """Value, low and high in the unit in which they are shown."""
        scale = 100.0 if self.unit == "share" else 1.0
        return scale * self.value, scale * self.low, scale * self.high

    def text(self, number: float | None = None) -> str:
        """Write the value, or another number of the same unit that `shown` gave."""
        number = self.shown[0] if number is None else number
        return f"{number:.1f}" if self.unit == "share" or abs(number) >= 100 else f"{number:.3f}"

    @property
    def interval(self) -> str:
        """The interval in words, nothing where there is none."""
        if self.method == "none":
            return ""
        _, low, high = self.shown
        return f"{self.text(low)} to {self.text(high)}"


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One scored answer, as a metric of the whole set sees it."""

    item: str
    repeat: int
    group: str | None
    score: Score


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a task may find its data.

    `path` is what the user named with `--data` (a file or a folder, or a hub's data set by name),
    `root` the folder of `EVENHAND_DATA`, `seed` the seed of anything that is drawn while loading.
    `options` are the user's settings of the task (`--task-set NAME=VALUE`), as written. `tokens`
    gives how the served model counts tokens; it asks the endpoint, so only tasks that need it call.
    """

    path: Path | None = None
    root: Path | None = None
    seed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    tokens: Callable[[], Tokens] = estimated


@dataclass(frozen=True, slots=True)
class Dataset:
    """Loaded samples and the facts that identify them.

    `sha256` is over the bytes that were read, as lower-case hex; `revision` is the version of the
    source where it has one; `licence` is an SPDX identifier. `options` are the task's options that
    make these items again where no endpoint says how long a context it serves. `left_out` names
    parts that this endpoint cannot be asked, each with the reason.
    """

    samples: tuple[Sample, ...]
    source: str
    revision: str | None
    sha256: str
    licence: str
    options: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


Follow = Callable[[Sample, Sequence[Reply]], Ask | None]
"""From the answers so far to what is asked next, None when the item is done."""

Aggregate = Callable[[Sequence[ScoredItem]], Mapping[str, Estimate]]
"""From all scored answers of a run to metrics of the whole set, by name."""


def _of_several(sample: Sample, completion: Completion) -> Score:
    raise TypeError(f"{sample.id}: a task of several requests is scored with score_all")


@dataclass(frozen=True, slots=True)
class Constraint:
    """What holds a task's answers to a form, where its headline is what that does to them.

    `option` is the task's option that chooses one of `ways`, each the fields that ask for it.
    """

    option: str
    ways: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark.

    `headline` names the metric that `Score.value` is, or one that `aggregate` gives; `version`
    changes whenever prompts or scoring change, because scores of different versions cannot be
    compared; `max_tokens` is the budget that is sent unless the user sets another; `data` says in
    a few words where the data comes from. `interface` is how the benchmark asks. A task of one
    request has `score`, any other `follow` and `score_all`, which gets every answer of an item.
    `aggregate` names a function of `evenhand_evals.aggregates`; `judged` tasks need a judge; one
    that is `slow_to_score` (it runs programs, or has metrics such as TER) is scored in threads
    beside the asking. A `bare` benchmark asks chat models over completions, too, without their
    template.
    `options` are the names that `--task-set` may set, each with what it does. `stages` names the
    metadata by whose values, smallest first, items are asked: none of the next before the last is
    answered, so that the engine's memory can be told apart (`engine_memory.py`). Without its
    `constraint` the headline says nothing: where the engine is known to drop it, nothing is asked.
    """

    name: str
    title: str
    headline: str
    version: str
    load: Callable[[DataSource], Dataset]
    max_tokens: int
    score: Callable[[Sample, Completion], Score] = _of_several
    data: str = ""
    interface: Interface = "chat"
    follow: Follow | None = None
    score_all: Callable[[Sample, Sequence[Reply]], Score] | None = None
    aggregate: str | None = None
    judged: bool = False
    slow_to_score: bool = False
    bare: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    stages: str | None = None
    constraint: Constraint | None = None
