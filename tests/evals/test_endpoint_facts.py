"""What is asked before the first sample, and what it prevents."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.endpoint.engine import root_of
from evenhand_evals.endpoint.facts import Preflight, _sketch, preflight
from evenhand_evals.endpoint.speaker import speaker
from evenhand_evals.errors import EndpointError, Unaskable, UsageError
from evenhand_evals.http.client import Client
from evenhand_evals.own.task import read_own_task
from evenhand_evals.run import run_task
from evenhand_evals.settings import JUDGE_BY_OPTIONS, Decoding, Target, decide
from evenhand_evals.suite.file import JudgeEntry, judge_target
from evenhand_evals.types import Ask, Chat, Likelihood, Message, Text
from evenhand_proxy.config import Config, Model
from tests.evals.fake import Fake, Reply, serving, settings_for, yes_task
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


@pytest.mark.parametrize(
    ("first", "how", "route"),
    [
        (Chat(MESSAGES), {}, "chat"),
        (Chat(MESSAGES), {"template": "chatml"}, "completions"),
        (Chat(MESSAGES), {"interface": "completions"}, "completions"),
        (Text("Go on"), {}, "completions"),
        (Text("Go on"), {"interface": "chat"}, "chat"),
        (Likelihood("It is", (" so",)), {}, "completions"),
    ],
)
def test_the_route_that_is_explained(first: Ask, how: dict[str, Any], route: str) -> None:
    """It is the one that the run will take: another may refuse other parameters."""
    target = Target("http://127.0.0.1:9/v1", "tiny", **how)
    found, body = _sketch(first, "tiny", decide(None, {}, 16), target)
    assert found == route
    assert ("messages" in body) == (route == "chat")


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


async def test_what_a_strict_proxy_would_refuse(tmp_path: Path) -> None:
    """The record tells; the message has parameter, value, reason and fix."""
    async with serving(Fake()) as fake:
        config = Config(models={"tiny": Model("vllm", fake.url)})
        async with running_proxy(config, tmp_path) as proxy:
            settings = settings_for(
                fake,
                tmp_path / "out",
                base_url=f"{proxy.url}/v1",
                mode="strict",
                parameters={"typical_p": 0.5},
            )
            with pytest.raises(UsageError) as caught:
                await run_task(yes_task(), settings)
            lax = replace(settings, mode="pin", out=tmp_path / "lax")
            assert (await run_task(yes_task(), lax)).result.outcomes["correct"] == 12
    message = str(caught.value)
    assert "typical_p: 0.5 cannot be honoured: vLLM" in message
    assert "Leave typical_p out" in message
    assert "Or ask in the mode report" in message
    assert "max_tokens" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("proxied", [True, False])
async def test_what_strict_mode_refuses_of_a_task(tmp_path: Path, *, proxied: bool) -> None:
    """A field that the task's own items bring is no mistake of the user's: it cannot be asked."""
    fields = {"min_tokens": 3}
    async with serving(Fake()) as fake:
        config = Config(models={"tiny": Model("llamacpp", fake.url)})
        async with running_proxy(config, tmp_path) as proxy:
            target = Target(
                f"{proxy.url}/v1" if proxied else fake.url,
                "tiny",
                mode="strict",
                engine="auto" if proxied else "llamacpp",
            )
            with pytest.raises(Unaskable, match=r"refuses what this task asks with.* min_tokens"):
                async with speaker(target, Chat(MESSAGES, fields), 16):
                    pass
            theirs = replace(target, parameters=fields)
            with pytest.raises(UsageError, match=r"refuses this request.* min_tokens") as caught:
                async with speaker(theirs, Chat(MESSAGES), 16):
                    pass
    assert not isinstance(caught.value, Unaskable)
    assert not fake.bodies


async def test_a_profile_in_the_models_name(tmp_path: Path) -> None:
    """A proxy that has no such profile, or model, says so before anything is asked."""
    config = Config(models={"m": Model("vllm", "http://127.0.0.1:9/v1")})
    async with running_proxy(config, tmp_path) as proxy:
        with pytest.raises(UsageError, match=r"--model: .*'m@gredy'.*no profile 'gredy'"):
            await asked(f"{proxy.url}/v1", "m@gredy")


@pytest.mark.parametrize("path", ["chat/completions", "completions", "chat"])
async def test_a_request_path_for_a_base_url(path: str) -> None:
    """The message has the URL that is right."""
    async with serving(Fake()) as fake:
        with pytest.raises(UsageError, match=f"--base-url: .* end it before that: {fake.url}$"):
            await asked(f"{fake.url}/{path}")


async def test_the_judges_options_are_named() -> None:
    """What is wrong with the judge is not put down to the model."""
    fake, named = Fake(), JUDGE_BY_OPTIONS
    async with serving(fake):
        with pytest.raises(EndpointError, match=r"^--judge-model: .*no model 'tinny'"):
            await asked(fake.url, "tinny", named=named)
        with pytest.raises(UsageError, match=r"^--judge-url: .* end it before that"):
            await asked(f"{fake.url}/chat/completions", named=named)
        with pytest.raises(UsageError, match=r"^--judge-profile: 'hose'"):
            await asked(fake.url, decoding=decide("hose", {}, 16), named=named)
        with pytest.raises(EndpointError, match=r"^judge\.model: .*no model 'tinny'"):
            await asked(
                fake.url, named=judge_target(JudgeEntry(fake.url, "x")).named, model="tinny"
            )
        fake.models_status = 401
        with pytest.raises(EndpointError, match="--judge-api-key-env"):
            await asked(fake.url, named=named)
    with pytest.raises(EndpointError, match="correct --judge-url"):
        await asked(fake.url, named=named)


async def test_a_judge_that_rejects_everything(tmp_path: Path) -> None:
    """The model answered; it is the judge's options that the message names."""

    def judged(body: dict[str, Any], _times: int) -> Reply:
        return Reply(status=404) if body["model"] == "tiny-instruct" else Reply()

    rows = b"".join(b'{"q": "%d"}\n' % number for number in range(30))
    (tmp_path / "rows.jsonl").write_bytes(rows)
    path = tmp_path / "own.yaml"
    path.write_text(
        'data: rows.jsonl\nprompt: "{q}"\n'
        'metric: {kind: judge, prompt: "{response}? [[N]]", scale: [0, 4]}\n'
    )
    async with serving(Fake(judged)) as fake:
        judge = Target(fake.url, "tiny-instruct", named=JUDGE_BY_OPTIONS)
        settings = settings_for(fake, tmp_path / "out", judge=judge)
        with pytest.raises(EndpointError, match=r"^--judge-url: the first request.*--judge-model"):
            await run_task(read_own_task(path), settings)


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
