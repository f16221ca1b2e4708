"""The record's effective values are what real engines report, over hundreds of random requests."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.contract.comparison import Tally, refusal_of
from tests.contract.conftest import Subject, settled
from tests.contract.engines import Answered
from tests.contract.random_requests import Asked, requests

REQUESTS = 640
FEWEST = 500
AT_ONCE = 2

MIROSTAT = (
    *("top_p", "top_k", "min_p", "typical_p", "top_n_sigma", "xtc_probability", "samplers"),
    *("repetition_penalty", "presence_penalty", "frequency_penalty", "dry_multiplier"),
)
LEFT_OPEN: dict[str, dict[str, set[str]]] = {
    # mirostat takes the place of all the others, whose settings are shown nevertheless; of a seed
    # that is too large the upper bits are cut off
    "llamacpp": {name: {"not-honoured"} for name in (*MIROSTAT, "seed")},
    # nothing reads a seed or custom_params on this server, and its log shows them; how many
    # alternatives come for a count below 0 depends on the other requests of the batch, and what n
    # below 1 leads to on whether it streams
    "sglang": {
        **{name: {"not-honoured"} for name in ("seed", "custom_params")},
        **{name: {"passed"} for name in ("logprobs", "alternatives", "n")},
    },
    # the rest of the context, whose prompt the record does not count; and what the log shows but
    # acts only if a logits processor of the server's reads it
    "vllm": {"max_tokens": {"defaulted"}, "custom_params": {"passed", "renamed"}},
}
"""For each engine, what it may report without a value in the record, with the record's action."""


async def test_the_record_is_what_the_engine_reports(
    subject: Subject, http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every value that the engine reports is the recorded one; it refuses what the record says."""
    kind = subject.engine.kind
    asked = list(requests(kind, REQUESTS, subject.model, seed=1))
    answers = await _answers(http, asked, subject.engine.asking)
    records = [await _recorded(subject, answer) for answer in answers]
    refusals, surprises = 0, []
    served: list[tuple[Asked, Answered, dict[str, Any]]] = []
    for request, answer, record in zip(asked, answers, records, strict=True):
        expected = refusal_of(record)
        if expected is not None:
            refusals += not answer.served
            if expected == answer.served:
                surprises.append(f"{answer.status} {request} {answer.text[:300]}")
        if answer.served:
            served.append((request, answer, record))
    told = await subject.engine.accounts([answer for _, answer, _ in served])
    tally = Tally()
    for (request, _, record), account in zip(served, told, strict=True):
        tally.add(kind, record, account, request)
    with capsys.disabled():
        print(  # noqa: T201 - the count is the point
            f"\n{kind}: {len(asked)} requests, {tally.requests} answered, {tally.values} values "
            f"compared, {len(tally.mismatches)} differ; {refusals} refused, "
            f"{len(surprises)} other than recorded; left open: "
            f"{', '.join(sorted(tally.left_open)) or 'nothing'}"
        )
    assert not surprises + tally.mismatches, "\n".join((surprises + tally.mismatches)[:40])
    allowed = LEFT_OPEN[kind]
    assert {
        name for name, how in tally.left_open.items() if not how <= allowed.get(name, set())
    } == set()
    assert tally.requests >= FEWEST


async def _answers(http: httpx.AsyncClient, asked: list[Asked], more: Any) -> list[Answered]:
    """Make the requests, a few at once; the answers come in the requests' order."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(request: Asked) -> Answered:
        async with places:
            body = {**request.body, **more}
            answer = await http.post(request.path, json=body, headers=request.headers)
        return Answered(answer.headers["evenhand-request-id"], answer.status_code, answer.text)

    return await asyncio.gather(*(one(request) for request in asked))


async def _recorded(subject: Subject, answer: Answered) -> dict[str, Any]:
    row = await settled(subject, answer.request_id)
    parameters: dict[str, Any] = row.decoding()["parameters"]
    return parameters
