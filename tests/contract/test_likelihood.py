"""Likelihoods, token counts and context lengths: through the proxy what they are at the engine."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import httpx
import pytest

from evenhand_evals.endpoint.asking import Method
from evenhand_evals.endpoint.engine import root_of
from evenhand_evals.endpoint.interface import has_template
from evenhand_evals.endpoint.likelihood import method_for
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.http.client import Client
from evenhand_evals.settings import Target
from evenhand_evals.tokens import ServedTokens, served
from evenhand_evals.types import Chat, Likelihood, Likelihoods, Message
from tests.contract.conftest import Subject
from tests.contract.engines import CONTEXT

ASKS = (
    Likelihood("The capital of France is", (" Paris", " a big town")),
    Likelihood("天气", ("很好, 龘", " rain")),  # tokens that are parts of characters
    Likelihood("", ("The sun will shine in the south.",)),
)
TEXTS = ("Hello, world", "天气很好, 龘吗", "<|user|>\nHi")


async def asked(
    base_url: str, model: str, method: Method, ask: Likelihood, mode: str
) -> Likelihoods:
    """Make every request of a method and give what comes of them."""
    async with (
        Client(base_url, headers={"evenhand-mode": mode}) as client,
        Client(root_of(base_url)) as root,
    ):
        talk = method(model, ask)
        outgoing = next(talk)
        while True:
            chosen = root if outgoing.root else client
            exchange = await chosen.ask(outgoing.path, outgoing.body, kind=outgoing.kind)
            assert exchange.failure is None, exchange.failure
            try:
                outgoing = talk.send(exchange.answer.body)
            except StopIteration as done:
                found: Likelihoods = done.value
                return found


def counted(base_url: str, model: str, text: str) -> tuple[ServedTokens, list[int], str]:
    """How tokens are counted there, the ids of a text, and its text again."""
    tokens = served(base_url, model)
    assert isinstance(tokens, ServedTokens)
    ids = tokens.encode(text)
    return tokens, ids, tokens.decode(ids)


@pytest.mark.parametrize("mode", ["report", "strict"])
@pytest.mark.parametrize("ask", ASKS, ids=["english", "chinese", "nothing before"])
async def test_likelihoods_are_those_of_the_engine_itself(
    subject: Subject, ask: Likelihood, mode: Literal["report", "strict"]
) -> None:
    """The sums, the counted tokens and which of them lead."""
    kind, engine = subject.engine.kind, f"{subject.engine.model.base_url}/v1"
    direct, proxied = method_for(kind, proxied=False), method_for(kind, proxied=True)
    assert direct is not None
    assert proxied is not None
    own = await asked(engine, "tiny-glm4", direct, ask, mode)
    ours = await asked(subject.url, subject.model, proxied, ask, mode)
    assert ours.tokens == own.tokens
    assert ours.greedy == own.greedy
    # SGLang and vLLM compute in batches of another size each time
    assert ours.logprobs == pytest.approx(own.logprobs, abs=1e-4 if kind == "llamacpp" else 0.01)


async def test_llamacpp_says_the_same_on_its_own_route(subject: Subject) -> None:
    """`/completion` with a bias that no logit outweighs gives the sum that we make."""
    if subject.engine.kind != "llamacpp":
        pytest.skip("the route is llama.cpp's own")
    ask = Likelihood("The capital of France is", (" Paris",))
    url = subject.engine.model.base_url
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as engine:

        async def post(path: str, body: Mapping[str, Any]) -> Any:
            return (await engine.post(path, json=body)).json()

        context = (await post("/tokenize", {"content": ask.context}))["tokens"]
        whole = (await post("/tokenize", {"content": ask.context + " Paris"}))["tokens"]
        total = 0.0
        for place in range(len(context), len(whole)):
            answer = await post(
                "/completion",
                {
                    "prompt": whole[:place],
                    "n_predict": 1,
                    "n_probs": 1,
                    "temperature": 0,
                    "logit_bias": [[whole[place], 1e6]],
                },
            )
            total += answer["completion_probabilities"][0]["logprob"]
    method = method_for("llamacpp", proxied=True)
    assert method is not None
    found = await asked(subject.url, subject.model, method, ask, "strict")
    assert found.logprobs == pytest.approx([total], abs=1e-4)


@pytest.mark.parametrize("text", TEXTS)
async def test_tokens_are_those_of_the_engine_itself(subject: Subject, text: str) -> None:
    """An evaluation counts and cuts through the proxy as it does at the engine."""
    direct, ids, own = await asyncio.to_thread(
        counted, f"{subject.engine.model.base_url}/v1", "tiny-glm4", text
    )
    proxied, same, back = await asyncio.to_thread(
        counted, subject.url, f"{subject.model}@greedy", text
    )
    assert same == ids
    assert back == text
    assert own == text or subject.engine.kind == "sglang"  # it leaves special tokens out itself
    assert (proxied.limit, proxied.overhead) == (direct.limit, direct.overhead)
    assert proxied.limit is not None


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "天气 Hello", "add_special_tokens": False},
        {"content": "天气 Hello"},
        {"text": "天气 Hello", "add_special": False},
    ],
    ids=["vllm", "llamacpp", "either"],
)
async def test_anybodys_words_are_understood(
    subject: Subject, http: httpx.AsyncClient, body: Mapping[str, Any]
) -> None:
    """By every engine, with the same answer."""
    answer = await http.post("/tokenize", json={"model": subject.model, **body})
    document = answer.json()
    assert answer.status_code == 200, document
    assert document["count"] == len(document["tokens"]) == 3
    assert document["max_model_len"] > 1000
    asked = {"model": subject.model, "tokens": document["tokens"]}
    back = (await http.post("/detokenize", json=asked)).json()
    assert back["prompt"] == back["content"] == back["text"] == "天气 Hello"


async def test_a_chat_has_the_tokens_that_its_answer_will_report(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """`usage.prompt_tokens`, known before anything is generated; also of a chat begun for it."""
    said: list[dict[str, str]] = [{"role": "user", "content": "What is the capital of France?"}]
    begun = {"continue_final_message": True, "add_generation_prompt": False}
    for chat in (
        {"messages": said},
        {"messages": [*said, {"role": "assistant", "content": "It is"}], **begun},
    ):
        body = {"model": subject.model, **chat}
        counted = (await http.post("/tokenize", json=body)).json()
        answer = (await http.post("/chat/completions", json={**body, "max_tokens": 1})).json()
        assert counted["count"] == answer["usage"]["prompt_tokens"], counted


async def test_several_texts(subject: Subject, http: httpx.AsyncClient) -> None:
    """Each has its tokens."""
    answer = await http.post("/tokenize", json={"model": subject.model, "prompt": ["a b", "c"]})
    assert [len(each) for each in answer.json()["tokens"]] == answer.json()["count"]
    body = {"model": subject.model, "tokens": answer.json()["tokens"]}
    assert (await http.post("/detokenize", json=body)).json()["content"] == ["a b", "c"]


async def test_an_evaluation_sees_that_it_is_a_chat_model(subject: Subject) -> None:
    """Asked through the proxy, where the record does not say it."""
    ask = Chat((Message("user", "Hi"),))
    async with speaker(Target(subject.url, subject.model), ask, 16) as model:
        assert await has_template(model)
        unsaid = replace(model, found=replace(model.found, record=None))
        assert await has_template(unsaid) is (None if subject.engine.kind == "llamacpp" else True)


async def test_the_model_list_says_how_long_a_context_is(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """As the engine does."""
    listed = (await http.get("/models")).json()["data"]
    told = {each["max_model_len"] for each in listed}
    assert told == {CONTEXT}
