"""Sampling from the toy model, in vLLM's order.

vLLM v1 (`vllm/v1/sample/sampler.py`): grammar mask; raw log probabilities; minimum length and
logit bias; penalties; then greedy, or temperature, min_p, top_k, top_p and one draw.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.toy_grammar import Grammar
from tests.toy_model import (
    END_THINK,
    EOT,
    THINK,
    VOCABULARY,
    Place,
    ToyModel,
    log_softmax,
    words_among,
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Every parameter that acts, at the engine's defaults; `top_k` 0 and -1 are off.

    `logprobs` is how many alternatives to report, or None for no log probabilities at all.
    They are of the raw logits (after the grammar's mask alone), as vLLM's, or, `scaled_logprobs`,
    of the logits after bias, penalties and temperature, as SGLang's. `thinking` is how many tokens
    the thinking takes, 0 for none.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    max_tokens: int = 64
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    n: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    scaled_logprobs: bool = False
    ignore_eos: bool = False
    thinking: int = 0
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token, what it adds to the answer, and its raw log probability."""

    token: int
    text: str
    reasoning: str
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished answer; a stop string is cut out of the steps' texts."""

    steps: tuple[Step, ...]
    finish: str

    @property
    def text(self) -> str:
        """The answer proper."""
        return "".join(step.text for step in self.steps)

    @property
    def reasoning(self) -> str:
        """The thinking before it."""
        return "".join(step.reasoning for step in self.steps)


def truncated(scores: Sequence[float], decoding: Decoding) -> dict[int, float]:
    """The weights of the tokens left after temperature, min_p, top_k and top_p.

    `scores` are logits after bias and penalties; the temperature must be above 0. The likeliest
    token weighs 1. The nucleus is the smallest set of the likeliest tokens whose share of what
    top_k left reaches `top_p`.
    """
    top = max(scores)
    temperature = decoding.temperature
    left = {
        token: math.exp((score - top) / temperature)
        for token, score in enumerate(scores)
        if score > -math.inf
    }
    if decoding.min_p > 0:
        left = {token: weight for token, weight in left.items() if weight >= decoding.min_p}
    if decoding.top_k > 0 or decoding.top_p < 1:
        ranked = sorted(left, key=lambda token: -left[token])
        ranked = ranked[: decoding.top_k] if decoding.top_k > 0 else ranked
        left = {token: left[token] for token in sorted(_nucleus(ranked, left, decoding.top_p))}
    return left


def _nucleus(ranked: list[int], weights: Mapping[int, float], top_p: float) -> list[int]:
    goal = top_p * sum(weights[token] for token in ranked)
    mass = 0.0
    for kept, token in enumerate(ranked, start=1):
        mass += weights[token]
        if mass >= goal:
            return ranked[:kept]
    return ranked


def adjusted(
    logits: Sequence[float],
    decoding: Decoding,
    prompt: frozenset[int],
    generated: Mapping[int, int],
    banned: Sequence[int],
) -> list[float]:
    """The logits after bans, bias and penalties.

    Repetition is multiplicative, over prompt and answer; presence and frequency are additive,
    over the answer alone.
    """
    scores = list(logits)
    for token in banned:
        scores[token] = -math.inf
    for token, bias in decoding.logit_bias:
        scores[token] += bias
    if decoding.repetition_penalty != 1:
        for token in prompt.union(generated):
            factor = decoding.repetition_penalty
            scores[token] *= factor if scores[token] < 0 else 1 / factor
    if decoding.frequency_penalty or decoding.presence_penalty:
        for token, count in generated.items():
            scores[token] -= decoding.frequency_penalty * count + decoding.presence_penalty
    return scores


def pick(scores: Sequence[float], decoding: Decoding, generator: random.Random) -> int:
    """One token: the likeliest at temperature 0, else a draw."""
    if decoding.temperature == 0:
        return max(range(len(scores)), key=scores.__getitem__)
    if decoding.min_p <= 0 and decoding.top_k <= 0 and decoding.top_p >= 1:  # for speed alone
        top = max(scores)
        weights = [math.exp((score - top) / decoding.temperature) for score in scores]
        return generator.choices(range(len(weights)), weights)[0]
    left = truncated(scores, decoding)
    return generator.choices(list(left), list(left.values()))[0]


class Generation:
    """One answer in the making."""

    def __init__(
        self,
        model: ToyModel,
        prompt: Sequence[int],
        decoding: Decoding,
        grammar: Grammar | None = None,
    ) -> None:
        self._model = model
        self._decoding = decoding
        self._context = [EOT, EOT, *prompt, *([THINK] if decoding.thinking else [])]
        self._prompt = frozenset(prompt)
        self._words = words_among(prompt)
        self._counts: Counter[int] = Counter()
        self._thinking = decoding.thinking
        self._since = 0
        self._grammar = grammar
        self._state = grammar.start if grammar else frozenset()
        self._steps: list[Step] = []

    def run(self, generator: random.Random) -> Answer:
        """Generate until the model ends it, a stop is met or the budget is spent."""
        searched = 0
        while len(self._steps) < self._decoding.max_tokens:
            step = self._next(generator)
            if step is None:
                return Answer(tuple(self._steps), "stop")
            self._steps.append(step)
            if step.token == EOT or step.token in self._decoding.stop_token_ids:
                return Answer(tuple(self._steps), "stop")
            if len(self._steps) <= self._decoding.min_tokens:
                searched = sum(len(done.text) for done in self._steps)
            cut = self._stopped(searched)
            if cut is not None:
                return Answer(_cut(self._steps, cut), "stop")
        return Answer(tuple(self._steps), "length")

    def _next(self, generator: random.Random) -> Step | None:
        before, last = self._context[-2:]
        place = Place(before, last, self._words, self._since, self._thinking)
        logits = self._model.logits(place)
        grammar = None if self._thinking else self._grammar
        if grammar is not None:
            logits = grammar.mask(self._state, logits)
        banned = self._banned()
        scores = adjusted(logits, self._decoding, self._prompt, self._counts, banned)
        if max(scores) == -math.inf:
            return None  # the constrained answer is whole, and its end is forbidden
        token = pick(scores, self._decoding, generator)
        step = self._described(token, self._reference(logits, scores))
        if grammar is not None:
            self._state = grammar.moves(self._state)[token]
        self._advance(token)
        return step

    def _banned(self) -> tuple[int, ...]:
        early = len(self._steps) < self._decoding.min_tokens
        ends = (EOT, *self._decoding.stop_token_ids) if early else ()
        return (*ends, EOT) if self._decoding.ignore_eos else ends

    def _reference(self, logits: Sequence[float], scores: Sequence[float]) -> Sequence[float]:
        """What the log probabilities are of."""
        if not self._decoding.scaled_logprobs:
            return logits
        return [score / (self._decoding.temperature or 1.0) for score in scores]

    def _described(self, token: int, logits: Sequence[float]) -> Step:
        silent = token in (EOT, END_THINK) or token in self._decoding.stop_token_ids
        text = "" if silent else VOCABULARY[token]
        logprob, top = _reported(token, logits, self._decoding.logprobs)
        if self._thinking:
            return Step(token, "", text, logprob, top)
        return Step(token, text, "", logprob, top)

    def _advance(self, token: int) -> None:
        self._context.append(token)
        self._counts[token] += 1
        self._words |= words_among([token])
        self._since += 1
        if token == END_THINK:
            self._thinking = self._since = 0

    def _stopped(self, searched: int) -> int | None:
        """Where in the text the earliest stop string begins, if one is there."""
        if not self._decoding.stop:
            return None
        text = "".join(step.text for step in self._steps)
        found = [text.find(stop, searched) for stop in self._decoding.stop]
        return min((place for place in found if place >= 0), default=None)


def _reported(
    token: int, logits: Sequence[float], count: int | None
) -> tuple[float, tuple[tuple[int, float], ...]]:
    if count is None:
        return 0.0, ()
    logprobs = log_softmax(logits)
    ranked = sorted(range(len(logprobs)), key=lambda other: (-logprobs[other], other))[:count]
    top = tuple((other, logprobs[other]) for other in ranked if logprobs[other] > -math.inf)
    return logprobs[token], top


def _cut(steps: Sequence[Step], length: int) -> tuple[Step, ...]:
    """The steps with their texts cut to `length` characters in all."""
    kept = []
    for step in steps:
        text = step.text[: max(length, 0)]
        length -= len(step.text)
        kept.append(Step(step.token, text, step.reasoning, step.logprob, step.top))
    return tuple(kept)
