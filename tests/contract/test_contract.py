"""What holds on every engine: run on llama.cpp always, on SGLang and vLLM in their make targets."""

import json
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Subject, settled
from tests.contract.engines import Answered

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
CHAT = "/chat/completions"
ACTING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


def chat(subject: Subject, **more: Any) -> dict[str, Any]:
    """A short chat request."""
    return {"model": subject.model, "messages": QUESTION, "max_tokens": 12, **more}


async def test_chat(subject: Subject, http: httpx.AsyncClient) -> None:
    """A plain answer with usage, our headers, and a closed audit row."""
    answer = await http.post(CHAT, json=chat(subject, temperature=0))
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["choices"][0]["message"]["content"]
    assert document["usage"]["completion_tokens"] > 0
    row = await settled(subject, answer.headers["evenhand-request-id"])
    assert row.outcome.kind == "completed"
    assert row.outcome.usage.completion_tokens == document["usage"]["completion_tokens"]


async def test_chat_stream_with_usage(subject: Subject, http: httpx.AsyncClient) -> None:
    """The stream's text is the plain answer's; its last event carries usage."""
    request = chat(subject, temperature=0)
    plain = (await http.post(CHAT, json=request)).json()["choices"][0]["message"]["content"]
    options = {"stream": True, "stream_options": {"include_usage": True}}
    answer = await http.post(CHAT, json={**request, **options})
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    parsed = [json.loads(event) for event in events[:-1]]
    text = "".join(
        choice["delta"].get("content") or "" for event in parsed for choice in event["choices"]
    )
    assert text == plain
    usages = [event["usage"] for event in parsed if event.get("usage")]
    assert usages[-1]["completion_tokens"] > 0
    row = await settled(subject, answer.headers["evenhand-request-id"])
    assert row.outcome.usage.source == "engine"


async def test_completions_and_their_stream(subject: Subject, http: httpx.AsyncClient) -> None:
    """The legacy route works, plain and streamed."""
    request = {"model": subject.model, "prompt": "The capital", "max_tokens": 4, "temperature": 0}
    plain = await http.post("/completions", json=request)
    assert plain.json()["choices"][0]["text"]
    streamed = await http.post("/completions", json={**request, "stream": True})
    assert streamed.text.rstrip().endswith("data: [DONE]")


async def test_embeddings_are_refused_clearly(subject: Subject, http: httpx.AsyncClient) -> None:
    """A generation model says no in OpenAI's shape, or embeds; it never half-answers."""
    answer = await http.post("/embeddings", json={"model": subject.model, "input": "hello"})
    if answer.status_code == 200:
        assert answer.json()["data"][0]["embedding"]
    else:
        assert answer.json()["error"]["message"]


async def test_two_greedy_answers_are_identical(subject: Subject, http: httpx.AsyncClient) -> None:
    """Temperature 0, do_sample false and the profile are one greedy."""
    bodies = [
        chat(subject, temperature=0),
        chat(subject, do_sample=False, temperature=0.9),
        {**chat(subject), "model": f"{subject.model}@greedy"},
    ]
    answers = [await http.post(CHAT, json=body) for body in (*bodies, bodies[0])]
    texts = {answer.json()["choices"][0]["message"]["content"] for answer in answers}
    assert len(texts) == 1, texts


async def test_a_seed_repeats_where_the_record_says_so(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """Where the seed is honoured the same seed gives the same text, and seeds give several."""
    texts: dict[int, set[str]] = {}
    for seed in (1, 2, 3, 4, 5, 6):
        for _ in range(2):
            body = chat(subject, temperature=2.0, top_k=0, top_p=1, min_p=0, seed=seed)
            answer = (await http.post(CHAT, json=body)).json()
            texts.setdefault(seed, set()).add(answer["choices"][0]["message"]["content"])
    explained = await http.post("/decoding/explain", json=chat(subject, seed=1))
    honoured = explained.json()["parameters"]["seed"]["action"] != "not-honoured"
    assert honoured == (subject.engine.kind != "sglang")
    if honoured:
        assert all(len(found) == 1 for found in texts.values()), texts
    assert len(set().union(*texts.values())) > 1


async def test_the_hidden_defaults_are_spelled_out(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """A client that sets nothing is sampled; the record says with what, and the engine agrees."""
    answer = await http.post(CHAT, json=chat(subject, **subject.engine.asking))
    request_id = answer.headers["evenhand-request-id"]
    recorded = (await settled(subject, request_id)).decoding()["parameters"]
    answered = Answered(request_id, answer.status_code, answer.text)
    (reported,) = await subject.engine.accounts([answered])
    for name in ACTING:
        assert "requested" not in recorded[name]
        assert recorded[name]["source"] in ("engine", "model")
        assert reported[name] == pytest.approx(recorded[name]["effective"], rel=1e-5), name
    assert recorded["temperature"]["effective"] == pytest.approx(0.8)


async def test_strict_mode_refuses_before_the_engine(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """A value that no engine takes is a 400 that names parameter and fix."""
    answer = await http.post(CHAT, json={**chat(subject, top_p=-0.5), "model": "strict"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "top_p"


async def test_the_engines_own_errors_keep_their_status(
    subject: Subject, http: httpx.AsyncClient
) -> None:
    """A request that the engine refuses comes back as its 400, in OpenAI's shape."""
    answer = await http.post(CHAT, json={**chat(subject), "messages": "no list"})
    assert 400 <= answer.status_code < 500
    assert isinstance(answer.json()["error"]["message"], str)
