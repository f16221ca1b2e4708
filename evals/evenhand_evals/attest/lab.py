"""What all probes work with: the asker, a place where the model is undecided, and a control.

A sampling test shows nothing where the model has only one thing to say. So the lab first looks for
a prompt at which the next token is uncertain, as measured by log probabilities where the endpoint
gives them and by drawing where not; failing that it heats the distribution, then draws longer
answers. The control is what comes out there with every parameter neutral.
"""

import math
import random
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, combinations, takewhile
from typing import Any, Self

from evenhand_evals.attest.answers import Reply, Symbol
from evenhand_evals.attest.asker import Ask, Asker, Refused
from evenhand_evals.attest.verdicts import SLIP
from evenhand_evals.stats.exact import binomial_tail

PROMPTS = (
    "Write a story.",
    "Say a random word.",
    "Tell me something surprising.",
    "Name an animal, a town and a colour.",
    "Pick a number between 1 and 1000.",
    "Continue: Once upon a time in the north there",
    "Write a line of a poem about rain.",
    "写一个短故事。",
)
ENOUGH = 0.5
"""A place will do where the likeliest outcome has at most this share."""
CLEAR = 1.3
"""How much likelier than the second the first outcome should be, so that no tie can break."""
SUSPICION = 0.02
AGREEING, NOISE = 3, 0.25
"""Two answers tell the same if the likeliest tokens differ by less than this, in nats."""
TRIAL, SHORT, LONG = 16, 48, 16
LONG_TOKENS = 24
SURVEY = 3
HEATED = (2.0, 1.5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the draws are made: a prompt, an answer length in tokens and a temperature.

    `base` maps the likeliest next tokens to their log probabilities at temperature 1, likeliest
    first; it is empty where the endpoint tells none. `control` is what came with all neutral.
    """

    prompt: str
    tokens: int
    temperature: float
    base: Mapping[str, float]
    control: tuple[Symbol, ...]

    @property
    def shares(self) -> list[float]:
        """The shares of the control's outcomes."""
        return shares(self.control)

    @property
    def peak(self) -> float:
        """The share of the commonest outcome of the control."""
        return max(self.shares)

    @property
    def exact(self) -> bool:
        """Whether the control was drawn from `base` itself: one token, at temperature 1."""
        return bool(self.base) and self.tokens == 1 and self.temperature == 1.0

    @property
    def clear(self) -> bool:
        """Whether the likeliest outcome is known to be clearly likelier than the second."""
        if self.base:
            first, second = [*self.base.values(), -math.inf, -math.inf][:2]
            return first - second >= math.log(CLEAR)
        return False

    @property
    def strange(self) -> bool:
        """Whether far fewer of the control's tokens than the base says are among its likeliest."""
        if not self.exact:
            return False
        mass = min(1.0, math.fsum(math.exp(value) for value in self.base.values()))
        outside = sum(symbol[0] not in self.base for symbol in self.control)
        return binomial_tail(len(self.control), 1.0 - mass + SLIP, outside) < 1e-6

    @property
    def truncated(self) -> bool:
        """Whether unlikely tokens are too rare in the control for all tokens to be in play.

        Some setting then truncates although it was asked not to, which makes draws look colder
        than they are. The chance that this is said wrongly is below `SUSPICION`.
        """
        if not self.exact:
            return False
        texts = [symbol[0] for symbol in self.control]
        masses = list(accumulate(math.exp(value) for value in self.base.values()))
        likely = list(self.base)
        tails = [
            binomial_tail(
                len(texts), min(1.0, mass), sum(text in likely[: rank + 1] for text in texts)
            )
            for rank, mass in enumerate(masses)
        ]
        return min(tails) * len(tails) < SUSPICION

    def strays(self, drawn: Sequence[Symbol]) -> int:
        """Count the draws that are not the likeliest outcome, where only that may come.

        Unless it is known to be clearly likelier than the second, the two may tie, and both may.
        """
        counts = Counter(drawn).most_common(1 if self.clear else 2)
        return len(drawn) - sum(count for _, count in counts)

    def note(self) -> str:
        """Say how undecided the model is here, for a verdict that could not be reached."""
        return (
            f"with everything neutral {self.peak:.0%} of {len(self.control)} answers are the same"
        )


@dataclass(frozen=True, slots=True)
class Arms:
    """The replies with a switch on and with it off; `silent` says that off promises no thinking."""

    on: tuple[Reply, ...]
    off: tuple[Reply, ...]
    silent: bool


@dataclass(slots=True)
class Lab:
    """One attestation under way.

    `alpha` is the error rate of one look at one parameter; `chance` draws seeds and token
    ids. `texts` are longer answers with all neutral, to the prompt `writing`. `repeats` says that
    equal requests are answered equally for a reason that cannot be told: nothing can be tested
    then. `arms`, `answers` and `refusals` keep what several probes use. `look` is 1 for the
    first look at a parameter and 2 for the second; `wider` is the place with the larger control.
    """

    asker: Asker
    engine: str
    alpha: float
    chance: random.Random
    place: Place
    writing: str
    texts: tuple[Reply, ...]
    repeats: bool = False
    arms: dict[str, Arms | None] = field(default_factory=dict)
    answers: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    refusals: dict[str, Refused] = field(default_factory=dict)
    look: int = 1
    wider: Place | None = None

    async def closer(self) -> Self:
        """Give the lab for a second look: no arms are kept, and the control is twice as large.

        A control that happens to be peaked hides what a parameter does, and each parameter that is
        compared with it looks undecided. The larger one serves second looks only, so that how much
        is drawn for a first look never depends on what came.
        """
        if self.wider is None:
            self.wider = await _draw(self.asker, self.place, SHORT) or self.place
        return replace(self, place=self.wider, arms={}, look=2)

    def short(self, fields: Mapping[str, Any], *, temperature: float | None = None) -> Ask:
        """Make a request at the place; the temperature is the place's unless given."""
        own = self.temperature(self.place.temperature if temperature is None else temperature)
        return Ask(self.place.prompt, self.place.tokens, {**own, **fields}, top=tell(self.asker))

    def long(self, fields: Mapping[str, Any], tokens: int = LONG_TOKENS) -> Ask:
        """Make a request for a longer answer at the place's temperature."""
        own = self.temperature(self.place.temperature)
        return Ask(self.writing, tokens, {**own, **fields})

    async def neutral(self, prompt: str, tokens: int) -> tuple[Reply, ...]:
        """Give answers to another prompt with all neutral, drawn once."""
        if prompt not in self.answers:
            asked = Ask(prompt, tokens, self.temperature(self.place.temperature))
            self.answers[prompt] = tuple(await self.asker.draws(LONG, asked))
        return self.answers[prompt]

    def temperature(self, value: float) -> dict[str, float]:
        """Give the field that sets the temperature, nothing where the endpoint takes none."""
        return {"temperature": value} if "temperature" in self.asker.neutral else {}


def tell(asker: Asker) -> int | None:
    """Give how many log probabilities to ask for where only the drawn token matters."""
    return 1 if asker.alternatives else None


async def find_place(asker: Asker) -> tuple[Place, str]:
    """Look for a place where the model is undecided, and for a prompt with long answers.

    Where no place is good it is the best there is.
    """
    prompt, base, writing = await _survey(asker)
    best: Place | None = None
    for tokens in (1, 8):
        for temperature in (1.0, *HEATED):
            place = await _draw(asker, Place(prompt, tokens, temperature, base, ()), TRIAL)
            if place is None:
                continue
            if best is None or place.peak < best.peak:
                best = place
            if best.peak <= ENOUGH:
                return await _settled(asker, best), writing
            if "temperature" not in asker.neutral:
                break
    if best is None:
        raise Refused("the endpoint refuses every temperature")
    return await _settled(asker, best), writing


async def _settled(asker: Asker, place: Place) -> Place:
    """Draw the control anew: the draws that the place was chosen by are more various than most."""
    return await _draw(asker, replace(place, control=()), SHORT) or place


async def _draw(asker: Asker, place: Place, count: int) -> Place | None:
    taken = "temperature" in asker.neutral
    fields = {"temperature": place.temperature} if taken else {}
    asked = Ask(place.prompt, place.tokens, fields, top=tell(asker))
    try:
        replies = await asker.draws(count, asked)
    except Refused:
        return None
    symbols = tuple(reply.first.symbol for reply in replies)
    base: Mapping[str, float] = place.base if place.tokens == 1 else {}
    drawn = Place(place.prompt, place.tokens, place.temperature, base, (*place.control, *symbols))
    return replace(drawn, base={}) if drawn.strange else drawn


async def _survey(asker: Asker) -> tuple[str, Mapping[str, float], str]:
    """Find the most telling prompt, its likeliest next tokens, and a prompt answered variously.

    With log probabilities the most telling prompt is that whose next token says most about the
    temperature; without, that whose answers begin most variously.
    """
    top = asker.alternatives if asker.alternatives >= 5 else None
    asked = [Ask(prompt, LONG_TOKENS, {}, top=top) for prompt in PROMPTS for _ in range(SURVEY)]
    replies = iter(await asker.many(asked))
    found = {prompt: [next(replies) for _ in range(SURVEY)] for prompt in PROMPTS}
    writing = max(PROMPTS, key=lambda prompt: _variety(found[prompt]))
    bases = {prompt: agreed([told_options(reply) for reply in found[prompt]]) for prompt in PROMPTS}
    told = [prompt for prompt in PROMPTS if len(bases[prompt]) > 1]
    if told:
        prompt = max(told, key=lambda each: worth(bases[each]))
        return prompt, bases[prompt], writing
    common = {
        prompt: Counter(_beginning(reply) for reply in found[prompt]).most_common(1)[0][1]
        for prompt in PROMPTS
    }
    return min(PROMPTS, key=lambda prompt: common[prompt]), {}, writing


def worth(base: Mapping[str, float]) -> tuple[bool, bool, float]:
    """Rank a place by the log probabilities of its likeliest tokens, the larger the better.

    Undecided places first, then those where no tie can break, then those where a draw tells most
    about 1 / temperature: the variance of the log probability among the likeliest, times their
    mass (its Fisher information).
    """
    logprobs = list(base.values())
    shares = [math.exp(value) for value in logprobs]
    mass = math.fsum(shares)
    mean = math.fsum(p * x for p, x in zip(shares, logprobs, strict=True)) / mass
    spread = math.fsum(p * (x - mean) ** 2 for p, x in zip(shares, logprobs, strict=True))
    return shares[0] <= ENOUGH, logprobs[0] - logprobs[1] >= math.log(CLEAR), spread


def _variety(replies: Sequence[Reply]) -> tuple[int, int]:
    """Rank a prompt by how many different answers it has, then by how long the shortest is."""
    texts = [f"{reply.first.reasoning}{reply.first.text}" for reply in replies]
    return len(set(texts)), min(len(text) for text in texts)


def told_options(reply: Reply) -> Mapping[str, float]:
    """Give the likeliest tokens, down to the first whose text is that of another one too.

    Behind such a one no rank is known: characters that are cut all look alike.
    """
    tokens = reply.first.tokens
    if not tokens:
        return {}
    options = tokens[0].options
    ranked = sorted(tokens[0].top, key=lambda pair: -pair[1])
    known = takewhile(lambda pair: pair[0] in options and pair[1] > -50, ranked)
    return dict(known)


def agreed(found: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Give the log probabilities that two of the replies agree on, nothing if no two do.

    One reply is not enough: llama.cpp leaves out the entry of a token that ends inside a
    character, so that what comes first need not belong to the first token.
    """
    for one, other in combinations(found, 2):
        top = list(one)[:AGREEING]
        if top and all(abs(one[text] - other.get(text, -math.inf)) < NOISE for text in top):
            return one
    return {}


def _beginning(reply: Reply) -> str:
    return f"{reply.first.reasoning}{reply.first.text}"[:4]


async def open_lab(asker: Asker, engine: str, alpha: float, seed: int) -> Lab:
    """Prepare the asker, find the place and draw the controls.

    Raises:
        EndpointError: the endpoint cannot be used.
        BudgetSpent: the budget does not even reach for the controls.

    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    await asker.prepare()
    place, writing = await find_place(asker)
    repeats = False
    if place.peak == 1.0:
        asker.seeds = chance
        seeded = await _draw(asker, replace(place, control=()), TRIAL)
        if seeded is None:
            asker.seeds, repeats = None, True
        elif seeded.peak < 1.0:
            place, writing = await find_place(asker)
    lab = Lab(asker, engine, alpha, chance, place, writing, (), repeats)
    lab.texts = tuple(await asker.draws(LONG, lab.long({})))
    return lab


def shares(outcomes: Collection[Hashable]) -> list[float]:
    """Give how often each of the outcomes came, in 0..1."""
    return [count / len(outcomes) for count in Counter(outcomes).values()]


def symbols(replies: Sequence[Reply]) -> list[Symbol]:
    """Give what the first answers are compared by."""
    return [reply.first.symbol for reply in replies]
