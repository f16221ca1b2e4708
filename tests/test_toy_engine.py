"""The toy engine does what it claims, and lies where it is told to and nowhere else."""

import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from scipy.stats import chisquare

from tests.toy_engine import ToyEngine, toy_engine
from tests.toy_grammar import Grammar, UnsupportedGrammar, notation_pattern
from tests.toy_model import (
    ASSISTANT,
    EOT,
    FIRST_WORD,
    IDS,
    USER,
    VOCABULARY,
    Place,
    ToyModel,
    tokenize,
    words_among,
)
from tests.toy_sampling import Decoding, adjusted

PROMPT = "Tell me a story about the river."
SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "sure": {"type": "boolean"},
        "score": {"type": "number"},
        "colour": {"enum": ["red", "blue"]},
    },
}


@dataclass(frozen=True, slots=True)
class Asker:
    """A client of one engine."""

    engine: ToyEngine
    client: httpx.AsyncClient

    async def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Post to a route under /v1."""
        return await self.client.post(self.engine.base_url + path, json=body)

    async def chat(self, **more: Any) -> dict[str, Any]:
        """A whole chat answer."""
        answer = await self.post("/chat/completions", self._chat(more))
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def refusal(self, **more: Any) -> dict[str, Any]:
        """The error of a chat request that is not taken."""
        answer = await self.post("/chat/completions", self._chat(more))
        assert answer.status_code == 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error

    async def text(self, **more: Any) -> str:
        """The text of a chat answer."""
        document = await self.chat(**more)
        return str(document["choices"][0]["message"]["content"])

    async def tokens(self, count: int, **more: Any) -> Counter[str]:
        """`count` (a multiple of 100) first tokens, the same ones in each run."""
        seen: Counter[str] = Counter()
        for seed in range(0, count, 100):
            answer = await self.chat(max_tokens=1, n=100, seed=seed, logprobs=True, **more)
            for choice in answer["choices"]:
                seen[choice["logprobs"]["content"][0]["token"]] += 1
        return seen

    async def stream(self, path: str, body: Mapping[str, Any]) -> list[Any]:
        """The parsed events of a stream; the last one must be [DONE]."""
        request = {"model": self.engine.model, "stream": True, **body}
        answer = await self.post(path, request)
        lines = [line for line in answer.text.split("\n\n") if line]
        assert lines.pop() == "data: [DONE]"
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    def _chat(self, more: Mapping[str, Any]) -> dict[str, Any]:
        messages = [{"role": "user", "content": PROMPT}]
        return {"model": self.engine.model, "messages": messages, **more}


@asynccontextmanager
async def asking(client: httpx.AsyncClient, **how: Any) -> AsyncIterator[Asker]:
    """A toy engine, to be asked through the client."""
    async with toy_engine(**how) as engine:
        yield Asker(engine, client)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """One client for all engines: making one costs more than an engine."""
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
async def honest(client: httpx.AsyncClient) -> AsyncIterator[Asker]:
    """An engine that tells no lies."""
    async with asking(client) as asker:
        yield asker


def first_logits() -> list[float]:
    """The model's own logits for the first token of an answer to `PROMPT`."""
    prompt = [USER, *tokenize(PROMPT), ASSISTANT]
    return ToyModel().logits(Place(prompt[-2], prompt[-1], words_among(prompt), 0))


def softmax(logits: Sequence[float], temperature: float = 1.0) -> dict[str, float]:
    """Probabilities by token, likeliest first."""
    weights = [math.exp((logit - max(logits)) / temperature) for logit in logits]
    ranked = sorted(range(len(logits)), key=lambda token: -weights[token])
    return {VOCABULARY[token]: weights[token] / sum(weights) for token in ranked}


def fit(seen: Mapping[str, int], expected: Mapping[str, float]) -> float:
    """The p-value of the counts under the probabilities; rare tokens are one class."""
    total = sum(seen.values())
    mass = sum(expected.values())
    common = [token for token, p in expected.items() if total * p / mass >= 5]
    counts = [float(seen.get(token, 0)) for token in common]
    means = [total * expected[token] / mass for token in common]
    if total - sum(means) > 1e-6 * total:
        counts.append(total - sum(counts))
        means.append(total - sum(means))
    return float(chisquare(counts, means).pvalue)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
async def test_tokens_follow_the_softmax(honest: Asker, temperature: float) -> None:
    """First tokens are as frequent as the model's softmax says at this temperature, no other."""
    seen = await honest.tokens(2000, temperature=temperature)
    assert fit(seen, softmax(first_logits(), temperature)) > 0.001
    assert fit(seen, softmax(first_logits(), temperature * 1.3)) < 1e-4


async def test_the_entropy_is_a_real_models() -> None:
    """First logits hold a few bits, and nearly none when peaked."""
    entropies = {}
    for peaked in (False, True):
        model = ToyModel(peaked=peaked)
        each = [
            -sum(p * math.log2(p) for p in softmax(logits).values() if p > 0)
            for logits in (
                model.logits(Place(token, token + 1, (), 5)) for token in range(120, 220)
            )
        ]
        entropies[peaked] = sorted(each)
    assert 3 < entropies[False][50] < 5
    assert entropies[True][-1] < 1e-4


def kept(temperature: float, *, top_k: int = 0, top_p: float = 1, min_p: float = 0) -> set[str]:
    """By hand: the tokens that truncation leaves."""
    ranked = softmax(first_logits(), temperature)
    best = max(ranked.values())
    left = [token for token, p in ranked.items() if p >= min_p * best and p > 0]
    left = left[:top_k] if top_k > 0 else left
    mass = sum(ranked[token] for token in left)
    nucleus: list[str] = []
    while sum(ranked[token] for token in nucleus) < top_p * mass:
        nucleus.append(left[len(nucleus)])
    return set(nucleus)


@pytest.mark.parametrize(
    "cut",
    [{"top_k": 1}, {"top_k": 4}, {"top_p": 0.7}, {"min_p": 0.2}, {"top_k": 8, "top_p": 0.8}],
    ids=str,
)
async def test_truncation_keeps_exactly_its_set(honest: Asker, cut: dict[str, Any]) -> None:
    """All kept tokens come, none but them, as often as the softmax renormalised over them."""
    seen = await honest.tokens(1000, temperature=1.3, **cut)
    expected = kept(1.3, **cut)
    assert set(seen) == expected
    if len(expected) > 1:
        probabilities = softmax(first_logits(), 1.3)
        assert fit(seen, {token: probabilities[token] for token in expected}) > 0.001


@pytest.mark.parametrize("off", [{"top_k": 0}, {"top_k": -1}, {"top_p": 1}, {"min_p": 0}], ids=str)
async def test_truncation_that_is_off_changes_nothing(honest: Asker, off: dict[str, Any]) -> None:
    """The neutral values give the answer of their absence."""
    assert await honest.text(seed=5, **off) == await honest.text(seed=5)


async def test_greedy_takes_the_likeliest_token_each_time(honest: Asker) -> None:
    """At temperature 0 each token is the head of its own alternatives, and answers repeat."""
    answer = await honest.chat(temperature=0, logprobs=True, top_logprobs=3)
    steps = answer["choices"][0]["logprobs"]["content"]
    assert len(steps) > 20
    assert all(step["token"] == step["top_logprobs"][0]["token"] for step in steps)
    assert await honest.text(temperature=0, seed=9) == answer["choices"][0]["message"]["content"]


async def test_logprobs_are_the_models_own(honest: Asker) -> None:
    """They are those of the raw softmax, whatever the temperature and the bias, and sum to one."""
    truth = softmax(first_logits())
    assert math.isclose(sum(truth.values()), 1)
    bias = {str(IDS[" river"]): 20}
    answer = await honest.chat(
        max_tokens=1, temperature=0.3, logit_bias=bias, logprobs=True, top_logprobs=20
    )
    step = answer["choices"][0]["logprobs"]["content"][0]
    assert step["token"] == " river"
    assert math.isclose(step["logprob"], math.log(truth[" river"]), rel_tol=1e-9)
    assert [top["token"] for top in step["top_logprobs"]] == list(truth)[:20]
    for top in step["top_logprobs"]:
        assert math.isclose(top["logprob"], math.log(truth[top["token"]]), rel_tol=1e-9)
        assert bytes(top["bytes"]).decode() == top["token"]


async def test_scaled_logprobs_are_of_what_was_sampled(client: httpx.AsyncClient) -> None:
    """An engine of SGLang's kind reports the softmax at the temperature."""
    async with asking(client, scaled_logprobs=True) as asker:
        answer = await asker.chat(max_tokens=1, temperature=0.5, logprobs=True, top_logprobs=5)
    truth = softmax(first_logits(), 0.5)
    for top in answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]:
        assert math.isclose(top["logprob"], math.log(truth[top["token"]]), rel_tol=1e-9)


async def test_seeds_repeat_and_differ(honest: Asker) -> None:
    """The same seed gives the same text, others and none give others; 0 and -1 are seeds."""
    texts = {seed: await honest.text(seed=seed) for seed in (-1, 0, 1, 2)}
    assert texts == {seed: await honest.text(seed=seed) for seed in texts}
    assert len({*texts.values(), await honest.text(), await honest.text()}) == 6


async def test_engines_of_one_seed_are_alike(client: httpx.AsyncClient) -> None:
    """What has no seed follows the engine's."""
    texts = []
    for engine_seed in (1, 1, 2):
        async with asking(client, engine_seed=engine_seed) as asker:
            texts.append(await asker.text())
    assert texts[0] == texts[1] != texts[2]


async def test_lengths(honest: Asker) -> None:
    """max_tokens in both spellings cuts; min_tokens and ignore_eos hold the end back."""
    cut = await honest.chat(max_tokens=7)
    assert (cut["usage"]["completion_tokens"], cut["choices"][0]["finish_reason"]) == (7, "length")
    both = await honest.chat(max_tokens=9, max_completion_tokens=5)
    assert both["usage"]["completion_tokens"] == 5
    free = await honest.chat(n=20, seed=1, max_tokens=80, logprobs=True)
    held = await honest.chat(n=20, seed=1, max_tokens=80, min_tokens=60, logprobs=True)
    lengths = [
        [len(choice["logprobs"]["content"]) for choice in answer["choices"]]
        for answer in (free, held)
    ]
    assert min(lengths[0]) < 30
    assert min(lengths[1]) >= 60
    assert {choice["finish_reason"] for choice in free["choices"]} == {"stop"}
    endless = await honest.chat(n=5, seed=1, max_tokens=80, ignore_eos=True)
    assert endless["usage"]["completion_tokens"] == 400


async def test_stop_ends_before_its_text(honest: Asker) -> None:
    """The text ends where the earliest stop string would begin, also across tokens."""
    whole = await honest.text(seed=1)
    first, second = whole[8:12], whole[15:19]
    assert first
    assert second
    for stop in (first, [second, first]):
        answer = await honest.chat(seed=1, stop=stop)
        assert answer["choices"][0]["message"]["content"] == whole[: whole.index(first)]
        assert answer["choices"][0]["finish_reason"] == "stop"
    token = tokenize(whole)[3]
    by_id = await honest.text(seed=1, stop_token_ids=[token])
    assert by_id == whole[: whole.index(VOCABULARY[token])]


def test_penalties_are_the_published_formulas() -> None:
    """Repetition scales prompt and answer once; frequency counts and presence does not."""
    logits = [2.0, -2.0, 1.0, 3.0]
    counts = {2: 3, 1: 1}
    cases = {
        Decoding(repetition_penalty=2): [1.0, -4.0, 0.5, 3.0],
        Decoding(frequency_penalty=0.5): [2.0, -2.5, -0.5, 3.0],
        Decoding(presence_penalty=0.5): [2.0, -2.5, 0.5, 3.0],
        Decoding(repetition_penalty=2, presence_penalty=-1): [1.0, -3.0, 1.5, 3.0],
    }
    for decoding, expected in cases.items():
        assert adjusted(logits, decoding, frozenset({0}), counts, ()) == expected


async def test_penalties_make_words_rarer(honest: Asker) -> None:
    """Answers of fifty tokens hold more different words under each penalty, fewer below 0."""
    distinct = {}
    for name, value in (
        ("n", 20),
        ("presence_penalty", 2),
        ("frequency_penalty", 2),
        ("repetition_penalty", 1.5),
        ("frequency_penalty", -2),
    ):
        body = {"n": 20, "min_tokens": 40, "max_tokens": 40, "seed": 1, name: value}
        choices = (await honest.chat(**body))["choices"]
        distinct[name, value] = sum(
            len(set(tokenize(choice["message"]["content"]))) for choice in choices
        )
    plain = distinct.pop(("n", 20))
    assert distinct.pop(("frequency_penalty", -2)) < plain
    assert all(count > plain for count in distinct.values())


async def test_logit_bias_moves_one_token(honest: Asker) -> None:
    """An offset of 100 forces a token and one of -100 forbids it."""
    best = next(iter(softmax(first_logits())))
    forbidden = await honest.tokens(300, logit_bias={str(IDS[best]): -100})
    assert best not in forbidden
    forced = await honest.tokens(100, logit_bias={str(IDS[" tree"]): 100})
    assert forced == {" tree": 100}


async def test_constraints_are_met(honest: Asker) -> None:
    """Choices, expressions and schemas hold for each answer, and leave the rest free."""
    forms: list[tuple[dict[str, Any], str]] = [
        (
            {"structured_outputs": {"choice": ["high sea", "low", "yes", "no"]}},
            "high sea|low|yes|no",
        ),
        ({"guided_choice": ["a+b", "c.d"]}, r"a\+b|c\.d"),
        ({"regex": "(yes|no)"}, "yes|no"),
        ({"structured_outputs": {"regex": "[0-9]{1,3}"}}, "[0-9]{1,3}"),
        ({"guided_regex": r"[^a-z]\d+-?(ab)*x{2,}"}, r"[^a-z]\d+-?(ab)*x{2,}"),
    ]
    for body, pattern in forms:
        answer = await honest.chat(n=40, seed=1, max_tokens=200, **body)
        texts = {choice["message"]["content"] for choice in answer["choices"]}
        assert len(texts) > 1
        assert all(re.fullmatch(pattern, text) for text in texts), (pattern, texts)


async def test_json_answers_parse(honest: Asker) -> None:
    """json_schema answers fit their schema, json_object answers are objects."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    answers = await honest.chat(n=20, seed=1, max_tokens=300, response_format=form)
    for choice in answers["choices"]:
        value = json.loads(choice["message"]["content"])
        assert list(value) == ["answer", "sure", "score", "colour"]
        assert isinstance(value["answer"], str)
        assert isinstance(value["sure"], bool)
        assert isinstance(value["score"], int | float)
        assert value["colour"] in ("red", "blue")
    loose = await honest.chat(n=20, seed=1, max_tokens=300, response_format={"type": "json_object"})
    for choice in loose["choices"]:
        assert isinstance(json.loads(choice["message"]["content"]), dict)


def test_a_grammar_allows_only_what_can_still_match() -> None:
    """Each allowed token leads on, and the end is allowed only on a whole match."""
    grammar = Grammar("(yes|year)")
    state = grammar.start
    assert {VOCABULARY[token] for token in grammar.moves(state)} == {"yes", "y"}
    after = grammar.moves(state)[IDS["y"]]
    assert EOT not in grammar.moves(after)
    assert set(grammar.moves(grammar.moves(state)[IDS["yes"]])) == {EOT}


async def test_thinking_is_apart_from_the_answer(honest: Asker) -> None:
    """Both switches make a reasoning_content, longer for more effort; off leaves none."""
    off: list[dict[str, Any]] = [
        {},
        {"reasoning_effort": "none"},
        {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "high"},
    ]
    for body in off:
        answer = await honest.chat(**body)
        assert "reasoning_content" not in answer["choices"][0]["message"]
    lengths = {}
    for effort in ("low", "high"):
        answer = await honest.chat(reasoning_effort=effort, n=20, seed=1, max_tokens=200)
        messages = [choice["message"] for choice in answer["choices"]]
        assert all("think>" not in message["content"] for message in messages)
        lengths[effort] = sum(len(message["reasoning_content"]) for message in messages)
    assert lengths["high"] > 1.5 * lengths["low"]
    switched = await honest.chat(chat_template_kwargs={"enable_thinking": True})
    assert switched["choices"][0]["message"]["reasoning_content"]


@pytest.mark.parametrize("more", [{}, {"n": 3}, {"reasoning_effort": "low"}, {"stop": ["er", "s"]}])
async def test_chat_streams_equal_plain_answers(honest: Asker, more: dict[str, Any]) -> None:
    """Joined, the events of a stream are the whole answer."""
    asked = {"seed": 3, "logprobs": True, "top_logprobs": 2, "max_tokens": 150, **more}
    whole = await honest.chat(**asked)
    messages = [{"role": "user", "content": PROMPT}]
    body = {"messages": messages, "stream_options": {"include_usage": True}, **asked}
    events = await honest.stream("/chat/completions", body)
    assert events.pop()["usage"] == whole["usage"]
    parts = [event["choices"][0] for event in events]
    for choice in whole["choices"]:
        own = [part for part in parts if part["index"] == choice["index"]]
        for key in ("content", "reasoning_content"):
            joined = "".join(part["delta"].get(key, "") for part in own)
            assert joined == choice["message"].get(key, "")
        steps = [step for part in own if "logprobs" in part for step in part["logprobs"]["content"]]
        assert steps == choice["logprobs"]["content"]
        assert own[-1]["finish_reason"] == choice["finish_reason"]


async def test_completion_streams_equal_plain_answers(honest: Asker) -> None:
    """The same on the other route, whose token ids are a prompt too."""
    body = {"prompt": tokenize(PROMPT), "seed": 3, "logprobs": 2}
    answer = await honest.post("/completions", {"model": "toy", **body})
    choice = answer.json()["choices"][0]
    events = await honest.stream("/completions", {**body, "prompt": PROMPT})
    parts = [event["choices"][0] for event in events]
    assert "".join(part["text"] for part in parts) == choice["text"]
    tokens = [token for part in parts for token in part["logprobs"]["tokens"]]
    assert tokens == choice["logprobs"]["tokens"]
    assert "".join(tokens).removesuffix("<eot>") == choice["text"]


async def test_the_other_routes(honest: Asker) -> None:
    """Health, the list of models, and ids for a text, which spell it again."""
    root = honest.engine.base_url.removesuffix("/v1")
    assert (await honest.client.get(f"{root}/health")).status_code == 200
    models = (await honest.client.get(f"{root}/v1/models")).json()
    assert [entry["id"] for entry in models["data"]] == [honest.engine.model]
    for name in ("prompt", "content"):
        answer = await honest.client.post(f"{root}/tokenize", json={name: PROMPT})
        assert "".join(VOCABULARY[token] for token in answer.json()["tokens"]) == PROMPT
    before = honest.engine.requests
    await honest.chat(seed=77)
    assert (honest.engine.requests, honest.engine.last["seed"]) == (before + 1, 77)
    missing = await honest.post("/completions", {"model": "other", "prompt": "a"})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -2}, "top_k"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"min_tokens": 9, "max_tokens": 8}, "min_tokens"),
        ({"stop": [""]}, "stop"),
        ({"logit_bias": {"99999": 1}}, "logit_bias"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"guided_regex": 3}, "guided_regex"),
        ({"regex": "(a"}, "regex"),
        ({"structured_outputs": {"choice": ["ж"]}}, "choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"chat_template_kwargs": {"enable_thinking": "yes"}}, "chat_template_kwargs"),
        ({"messages": []}, "messages"),
    ],
    ids=str,
)
async def test_wrong_values_are_named(honest: Asker, body: dict[str, Any], param: str) -> None:
    """A wrong value is a 400 in OpenAI's shape that names the parameter."""
    error = await honest.refusal(**body)
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


IGNORED: list[tuple[str, dict[str, Any]]] = [
    ("temperature", {"temperature": 0.01}),
    ("greedy", {"temperature": 0}),
    ("top_p", {"top_p": 0.05}),
    ("top_k", {"top_k": 1}),
    ("min_p", {"min_p": 0.9}),
    ("max_tokens", {"max_completion_tokens": 3}),
    ("min_tokens", {"min_tokens": 60}),
    ("ignore_eos", {"ignore_eos": True}),
    ("stop", {"stop": "e"}),
    ("stop_token_ids", {"stop_token_ids": [*range(FIRST_WORD, FIRST_WORD + 60)]}),
    ("n", {"n": 2}),
    ("presence_penalty", {"presence_penalty": 2}),
    ("frequency_penalty", {"frequency_penalty": 2}),
    ("repetition_penalty", {"repetition_penalty": 2}),
    ("logit_bias", {"logit_bias": {str(IDS[" tree"]): 100}}),
    ("logprobs", {"logprobs": True, "top_logprobs": 2}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("regex", {"regex": "(yes|no)"}),
    ("regex", {"structured_outputs": {"regex": "(yes|no)"}}),
    ("structured_outputs", {"structured_outputs": {"choice": ["yes", "no"]}}),
    ("guided_choice", {"guided_choice": ["yes", "no"]}),
    ("choice", {"guided_choice": ["yes", "no"]}),
    ("enable_thinking", {"chat_template_kwargs": {"enable_thinking": True}}),
    ("chat_template_kwargs", {"chat_template_kwargs": {"enable_thinking": True}}),
    ("reasoning_effort", {"reasoning_effort": "high"}),
]


@pytest.mark.parametrize(("name", "body"), IGNORED, ids=str)
async def test_ignored_parameters_do_nothing(
    honest: Asker, name: str, body: dict[str, Any]
) -> None:
    """The liar answers as if the parameter were absent; the honest engine does not."""
    seeds = range(3)
    absent = [(await honest.chat(seed=seed))["choices"] for seed in seeds]
    assert [(await honest.chat(seed=seed, **body))["choices"] for seed in seeds] != absent
    async with asking(honest.client, ignore={name}) as liar:
        assert [(await liar.chat(seed=seed, **body))["choices"] for seed in seeds] == absent


async def test_an_ignored_seed_is_random(client: httpx.AsyncClient) -> None:
    """The same seed gives another text each time."""
    async with asking(client, ignore={"seed"}) as liar:
        assert len({await liar.text(seed=1) for _ in range(4)}) == 4


@pytest.mark.parametrize(
    ("alter", "sent", "same_as"),
    [
        ({"temperature": lambda t: t * 0.5}, {"temperature": 1.0}, {"temperature": 0.5}),
        ({"top_k": 3}, {"top_k": 50}, {"top_k": 3}),
        ({"top_k": 3}, {}, {}),
        ({"max_tokens": lambda m: min(m, 8)}, {"max_completion_tokens": 30}, {"max_tokens": 8}),
        ({"seed": 4}, {"seed": 1}, {"seed": 4}),
        ({"stop": lambda stop: [stop[0]]}, {"stop": ["a", "e"]}, {"stop": "a"}),
    ],
    ids=str,
)
async def test_altered_parameters_act_with_the_other_value(
    honest: Asker, alter: dict[str, Any], sent: dict[str, Any], same_as: dict[str, Any]
) -> None:
    """The liar's answer is the honest one for the value that it put in place."""
    truth = [await honest.text(**{"seed": seed, **same_as}) for seed in range(3)]
    async with asking(honest.client, alter=alter) as liar:
        assert [await liar.text(**{"seed": seed, **sent}) for seed in range(3)] == truth


async def test_refused_parameters_are_named(client: httpx.AsyncClient) -> None:
    """A refused parameter is a 400; null and absence are not, nor is another spelling."""
    async with asking(client, refuse={"top_k", "max_tokens"}) as asker:
        assert (await asker.refusal(top_k=-1))["param"] == "top_k"
        await asker.chat(top_k=None, max_completion_tokens=3)


async def test_engines_without_logprobs_and_peaked_ones(client: httpx.AsyncClient) -> None:
    """One returns none when asked; the other says the same at any temperature."""
    async with asking(client, logprobs=False) as asker:
        answer = await asker.chat(logprobs=True, top_logprobs=2, max_tokens=2)
        assert answer["choices"][0]["logprobs"] is None
    async with asking(client, peaked=True) as asker:
        assert len({await asker.text(temperature=t) for t in (0, 0.5, 1.0)}) == 1


async def test_a_lie_about_nothing_is_a_mistake(client: httpx.AsyncClient) -> None:
    """A name that the engine does not know cannot be lied about."""
    with pytest.raises(ValueError, match="top_kk"):
        async with asking(client, ignore={"top_kk"}):
            raise AssertionError("the engine must not start")


def test_a_grammar_of_one_rule_is_an_expression() -> None:
    """Texts, groups and alternatives; anything else is not followed."""
    pattern = notation_pattern('root ::= "go " ("home" | "on")')
    assert re.fullmatch(pattern, "go home")
    assert re.fullmatch(pattern, "go on")
    assert not re.fullmatch(pattern, "go away")
    for other in ('root ::= word\nword ::= "a"', 'start ::= "a"', '"a"'):
        with pytest.raises(UnsupportedGrammar):
            notation_pattern(other)


async def test_kept_answers_and_a_fixed_seed_repeat(client: httpx.AsyncClient) -> None:
    """An equal request is answered equally, another one is not, and a seed that is sent acts."""
    habits: list[dict[str, Any]] = [{"cached": True}, {"default_seed": 42}]
    for habit in habits:
        async with asking(client, **habit) as asker:
            texts = [await asker.text(max_tokens=12) for _ in range(3)]
            assert len(set(texts)) == 1
            assert await asker.text(max_tokens=12, seed=7) != texts[0]
