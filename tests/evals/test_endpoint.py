"""What is asked before the first sample, and what it prevents."""

from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.client import Client
from evenhand_evals.endpoint import Preflight, preflight
from evenhand_evals.engine import root_of
from evenhand_evals.errors import EndpointError, UsageError
from evenhand_evals.settings import Decoding, Target, decide
from evenhand_evals.types import Chat, Message
from evenhand_proxy.config import Config, Model
from tests.evals.fake import Fake, serving
from tests.running import running_proxy

MESSAGES = (Message("user", "hello"),)
RECORD = {
    "model": "tiny",
    "engine": "llamacpp",
    "fingerprint": "abc",
    "mode": "report",
    "parameters": {"temperature": {"effective": 0.8, "source": "engine", "evidence": "attested"}},
    "changes": [],
}


async def asked(
    url: str, model: str = "tiny", decoding: Decoding | None = None, **more: Any
) -> Preflight:
    """Run the preflight against an endpoint."""
    settings = Target(url, model, **more)
    async with Client(url) as client, Client(root_of(url)) as root:
        given = decoding or decide(None, {}, 16)
        return await preflight(client, root, settings, given, Chat(MESSAGES))


async def ask(fake: Fake, model: str = "tiny", decoding: Decoding | None = None) -> Preflight:
    """Run the preflight against a fake."""
    async with serving(fake):
        return await asked(fake.url, model, decoding)


async def test_a_plain_endpoint() -> None:
    """It has the model and explains nothing."""
    found = await ask(Fake())
    assert found.server.kind == "openai-style"
    assert found.server.model == {"id": "tiny", "owned_by": "us"}
    assert found.record is None
    assert found.sent_model == "tiny"


async def test_an_evenhand_proxy_explains_the_very_request() -> None:
    """The record is its answer to what the run will send, and no model was asked."""
    explained: list[dict[str, Any]] = []
    fake = Fake()

    def explain(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        explained.append(body)
        return 200, RECORD

    fake.explain = explain
    found = await ask(fake, decoding=decide("greedy", {}, 16))
    assert found.record == RECORD
    assert (found.server.kind, found.server.engine) == ("evenhand", "llamacpp")
    assert explained == [
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0,
            "max_tokens": 16,
        }
    ]
    assert fake.bodies == []


async def test_a_profile_of_the_proxys_own() -> None:
    """It is asked for by name, and the name is what the run will send."""
    fake = Fake()
    fake.explain = lambda body: (200, {**RECORD, "model": body["model"]})
    found = await ask(fake, decoding=decide("house", {}, 16))
    assert found.sent_model == "tiny@house"
    assert found.record is not None
    assert found.record["model"] == "tiny@house"


async def test_an_unknown_profile_without_a_proxy_is_an_error() -> None:
    """The message names the profiles that are known here."""
    with pytest.raises(UsageError, match=r"no Evenhand proxy.*did you mean 'greedy'"):
        await ask(Fake(), decoding=decide("gredy", {}, 16))


async def test_a_profile_that_the_proxy_does_not_know() -> None:
    """Its own words are passed on."""
    fake = Fake()
    fake.explain = lambda _body: (404, {"error": {"message": "no profile 'hose'"}})
    with pytest.raises(UsageError, match="no profile 'hose'"):
        await ask(fake, decoding=decide("hose", {}, 16))


async def test_a_profile_that_our_own_proxy_does_not_know(tmp_path: Path) -> None:
    """The real proxy says who it is with its error, and its own words are passed on."""
    config = Config(models={"m": Model("vllm", "http://127.0.0.1:9/v1")})
    async with running_proxy(config, tmp_path) as proxy, Client(f"{proxy.url}/v1") as client:
        refused = await client.request("POST", "/decoding/explain", {"model": "m@nope"})
        with pytest.raises(UsageError, match="nope") as caught:
            await asked(f"{proxy.url}/v1", "m", decide("nope", {}, 16))
    assert refused.body["error"]["message"][:200] in str(caught.value)
    assert "no Evenhand proxy" not in str(caught.value)


async def test_a_request_that_a_strict_proxy_refuses() -> None:
    """It would be refused for every sample: better now."""
    fake = Fake()
    fake.explain = lambda _body: (400, {"error": {"message": "seed: 1 cannot be honoured"}})
    with pytest.raises(UsageError, match="seed: 1 cannot be honoured"):
        await ask(fake)


async def test_a_mistyped_model() -> None:
    """The nearest name is suggested."""
    with pytest.raises(EndpointError, match="no model 'tinny'; did you mean 'tiny'"):
        await ask(Fake(), model="tinny")


async def test_a_wrong_key() -> None:
    """The message says where the key comes from."""
    fake = Fake()
    fake.models_status = 401
    with pytest.raises(EndpointError, match="--api-key-env"):
        await ask(fake)


@pytest.mark.parametrize("status", [404, 500])
async def test_an_endpoint_that_lists_no_models(status: int) -> None:
    """Some gateways do not; then the first sample will tell."""
    fake = Fake()
    fake.models_status = status
    found = await ask(fake, model="anything")
    assert found.server.model is None


async def test_nobody_there(unused_tcp_port: int) -> None:
    """The message names the URL and the fix."""
    with pytest.raises(EndpointError, match=r"cannot be reached.*--base-url"):
        await asked(f"http://127.0.0.1:{unused_tcp_port}/v1")
