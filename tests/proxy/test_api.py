"""The routes that FastAPI serves."""

from pathlib import Path
from typing import Any

import httpx

from evenhand_proxy.config import Config, Model
from evenhand_proxy.decoding import PROFILES
from tests.fake_engine import FakeEngine
from tests.running import RunningProxy, running_proxy

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


async def test_models_are_listed_with_the_profiles_that_suit_them(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """Greedy, those of the model's family, and all of the config's; every one on demand."""
    config = Config(
        models={
            "m": Model("vllm", engine.url, upstream_model="org/GLM-Z1-9B-0414"),
            "other": Model("vllm", engine.url),
        },
        profiles={"mine": {"thinking": {"type": "disabled"}}},
    )
    async with running_proxy(config, tmp_path) as proxy:
        listed = (await http.get(proxy.url + "/v1/models")).json()
        wrong = await http.get(proxy.url + "/v1/models?profiles=some")
        every = (await http.get(proxy.url + "/v1/models?profiles=all")).json()["data"]
    names = {item["id"] for item in listed["data"]}
    assert {"m", "m@greedy", "m@glm-z1-0414", "m@mine"} <= names
    assert {name for name in names if "other" in name} == {"other", "other@greedy", "other@mine"}
    assert len(every) == 2 * (2 + len(PROFILES))
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "profiles")
    (mine,) = (item for item in listed["data"] if item["id"] == "other@mine")
    assert mine["parameters"] == {"thinking": False}


async def test_a_field_that_nobody_knows_is_told_of_an_engine_that_may_read_it(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """It is in the record and in the fingerprint; of vLLM it is known that nothing reads it."""
    config = Config(
        models={"odd": Model("generic", engine.url), "known": Model("vllm", engine.url)}
    )
    async with running_proxy(config, tmp_path) as proxy:

        async def explained(**body: Any) -> dict[str, Any]:
            said: dict[str, Any] = (await http.post(proxy.url + EXPLAIN, json=body)).json()
            return said

        plain, odd = await explained(model="odd"), await explained(model="odd", smoothing=0.3)
        known = await explained(model="known", smoothing=0.3)
        other = await explained(model="odd", user="ann", smoothing=0.4)
    assert odd["parameters"]["smoothing"]["sent"] == 0.3
    assert len({each["fingerprint"] for each in (plain, odd, other)}) == 3
    assert "smoothing" not in known["parameters"]
    assert "user" not in other["parameters"]


async def test_every_profile_is_listed_on_demand(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """OpenAI's list shape; a profile entry names its parameters."""
    listed = (await http.get(proxy.url + "/v1/models?profiles=all")).json()
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
