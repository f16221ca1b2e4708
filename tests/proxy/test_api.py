"""The routes that FastAPI serves."""

from typing import Any

import httpx

from tests.fake_engine import FakeEngine
from tests.running import RunningProxy

EXPLAIN = "/v1/decoding/explain"


async def test_explain_gives_the_record_without_calling_the_engine(
    proxy: RunningProxy, engine: FakeEngine, http: httpx.AsyncClient
) -> None:
    """The same record as a real request's, under the documented keys."""
    request: dict[str, Any] = {"model": "m@greedy", "messages": [], "top_p": None, "seed": 0}
    answer = await http.post(proxy.url + EXPLAIN, json=request)
    document = answer.json()
    assert {"model", "engine", "fingerprint", "mode", "parameters", "changes"} <= document.keys()
    assert (document["model"], document["engine"], document["mode"]) == ("served", "vllm", "report")
    temperature = document["parameters"]["temperature"]
    assert "requested" not in temperature
    assert (temperature["sent"], temperature["source"]) == (0, "profile")
    assert document["parameters"]["top_p"]["requested"] is None
    assert document["parameters"]["seed"]["requested"] == 0
    assert [change["parameter"] for change in document["changes"]] == ["temperature"]
    assert engine.seen == []
    live = await http.post(proxy.url + "/v1/chat/completions", json=request)
    assert live.headers["evenhand-decoding"] == document["fingerprint"]


async def test_explain_tells_the_routes_apart(proxy: RunningProxy, http: httpx.AsyncClient) -> None:
    """A prompt makes it a completions request, with that route's defaults."""
    answer = await http.post(proxy.url + EXPLAIN, json={"model": "openai", "prompt": "x"})
    assert answer.json()["parameters"]["max_tokens"]["effective"] == 16


async def test_bad_requests_to_explain_have_openais_shape(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Errors look the same on every route."""
    answer = await http.post(proxy.url + EXPLAIN, content=b"{")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


async def test_models_are_listed_with_each_profile(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """OpenAI's list shape; a profile entry names its parameters."""
    listed = (await http.get(proxy.url + "/v1/models")).json()
    names = {item["id"]: item for item in listed["data"]}
    assert {"m", "m@greedy", "m@glm-4-0414", "strict@glm-z1-0414"} <= names.keys()
    assert names["m@glm-z1-0414"]["parameters"] == {"temperature": 0.6, "top_p": 0.95}
    one = (await http.get(proxy.url + "/v1/models/m@greedy")).json()
    assert one == names["m@greedy"]
    assert (await http.get(proxy.url + "/v1/models/none")).status_code == 404


async def test_health_and_metrics(proxy: RunningProxy, http: httpx.AsyncClient) -> None:
    """The process is alive, the engines are not ours, and the counters count."""
    assert (await http.get(proxy.url + "/healthz")).json() == {"status": "ok"}
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    await http.post(proxy.url + "/v1/chat/completions", json=chat)
    await proxy.settled()
    text = (await http.get(proxy.url + "/metrics")).text
    assert "gen_ai_client_operation_duration" in text
    assert "evenhand_requests" in text


async def test_the_openapi_document_has_the_hot_routes(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """Though FastAPI never sees them; and the page fetches nothing from elsewhere."""
    document = (await http.get(proxy.url + "/openapi.json")).json()
    paths = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", EXPLAIN, "/metrics"}
    assert paths <= document["paths"].keys()
    page = (await http.get(proxy.url + "/docs")).text
    assert "/v1/chat/completions" in page
    assert "http://" not in page
    assert "https://" not in page


async def test_unknown_routes_have_openais_shape(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """404 and 405 look like every other error."""
    missing = await http.get(proxy.url + "/v1/nope")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "route_not_found")
    short = await http.post(proxy.url + "/chat/completions", json={})
    assert "Did you mean /v1/chat/completions?" in short.json()["error"]["message"]
    wrong = await http.delete(proxy.url + "/v1/models")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_every_answer_names_its_request(proxy: RunningProxy, http: httpx.AsyncClient) -> None:
    """Errors too; by the header a client knows that this is Evenhand."""
    for answer in (
        await http.post(proxy.url + EXPLAIN, json={"model": "m@nope"}),
        await http.get(proxy.url + "/v1/models"),
        await http.get(proxy.url + "/nowhere"),
    ):
        assert len(answer.headers["evenhand-request-id"]) == 32
