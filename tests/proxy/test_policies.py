"""The policy of a running proxy: enforced on every route, read again, counted, audited."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.api.policies import Policies
from evenhand_proxy.audit.journal import JOURNAL_FILE
from evenhand_proxy.audit.query import list_events, list_requests
from evenhand_proxy.config import Config, Key, Model, Secret
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.events import Event
from tests.fake_engine import FakeEngine
from tests.proxy.test_kill import serving
from tests.running import RunningProxy, running_proxy

CAP = "rules: [{name: short, action: cap, parameter: max_tokens, value: 9, reason: cost}]\n"
OTHER = CAP.replace("value: 9", "value: 7")
SHADOW = "rules: [{name: cold, action: pin, parameter: temperature, value: 0, mode: shadow}]\n"
MESSAGES = [{"role": "user", "content": "hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_completion_tokens": 500},
    "/v1/completions": {"prompt": "hi", "max_tokens": 500},
    "/v1/responses": {"input": "hi", "max_output_tokens": 500},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 500},
}


def written(folder: Path, text: str) -> Path:
    """Write the policy file, whole at once as editors and volumes do."""
    file, new = folder / "policy.yaml", folder / "new.yaml"
    new.write_text(text, "utf-8")
    new.replace(file)
    return file


@asynccontextmanager
async def ruled(folder: Path, text: str, engine: FakeEngine) -> AsyncIterator[RunningProxy]:
    """A proxy with a policy, two keys, and the engine as `m`."""
    config = Config(
        models={"m": Model("vllm", engine.url, tags=("production",))},
        keys={name: Key(Secret(name), tags=(f"of-{name}",)) for name in ("ann", "bob")},
        policy=written(folder, text),
    )
    async with running_proxy(config, folder) as running:
        yield running


async def ask(
    url: str, http: httpx.AsyncClient, path: str = "/v1/chat/completions", **body: Any
) -> httpx.Response:
    """Send a request with Ann's key, or another."""
    key = body.pop("key", "ann")
    document = {"model": "m", **BODIES[path], **body}
    return await http.post(url + path, json=document, headers={"authorization": f"Bearer {key}"})


async def policy_of(url: str, http: httpx.AsyncClient) -> Any:
    """What the proxy says of its policy."""
    answer = await http.get(f"{url}/v1/policy", headers={"authorization": "Bearer ann"})
    assert answer.status_code == 200
    return answer.json()


async def until(
    url: str, http: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask for the policy until something holds of it."""
    for _ in range(600):
        document: dict[str, Any] = await policy_of(url, http)
        if holds(document):
            return document
        await asyncio.sleep(0.05)
    raise AssertionError(document)


@pytest.mark.parametrize("path", BODIES)
async def test_a_cap_holds_on_every_route(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient, path: str
) -> None:
    """The engine gets the cap, the client a header that names the rule, the record the digest."""
    async with ruled(tmp_path, CAP, engine) as proxy:
        answer = await ask(proxy.url, http, path)
        (change,) = [
            change
            for change in json.loads(answer.headers["evenhand-changes"])
            if change["parameter"] == "max_tokens"
        ]
        assert (change["old"], change["new"]) == (500, 9)
        assert "policy short: caps max_tokens at 9 (cost)" in change["reason"]
        sent = engine.seen[0].json
        assert [value for name, value in sent.items() if name.startswith("max_")] == [9]
        (row,) = await proxy.settled()
        policy = row.decoding()["policy"]
        assert policy["digest"] == (await policy_of(proxy.url, http))["digest"]
        assert [hit["rule"] for hit in policy["hits"]] == ["short"]


async def test_a_refusal_names_rule_parameter_and_reason_and_is_audited(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """400 policy_refused, and the engine is not called."""
    async with ruled(tmp_path, CAP, engine) as proxy:
        answer = await ask(proxy.url, http, max_completion_tokens="many")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "policy_refused")
        assert error["param"] == "max_tokens"
        said = 'max_tokens: policy short: caps max_tokens at 9, and "many" is'
        assert error["message"].startswith(said)
        assert "(cost)" in error["message"]
        assert engine.seen == []
        (row,) = await proxy.settled()
        assert row.outcome.kind == "refused"
        assert row.decoding()["policy"]["hits"][0]["enforced"] is True


async def test_a_shadow_changes_no_byte_and_is_counted_by_key(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """It stands in the record as not enforced; explaining counts as no request."""
    async with ruled(tmp_path, SHADOW, engine) as proxy:
        for key in ("ann", "bob", "bob"):
            assert (await ask(proxy.url, http, key=key, temperature=0.7)).status_code == 200
        await ask(proxy.url, http, temperature=0)
        head = {"authorization": "Bearer ann"}
        explained = await http.post(
            f"{proxy.url}/v1/decoding/explain", json={"model": "m"}, headers=head
        )
        assert explained.json()["policy"]["hits"][0]["enforced"] is False
        assert [seen.json["temperature"] for seen in engine.seen] == [0.7, 0.7, 0.7, 0]
        (rule,) = (await policy_of(proxy.url, http))["rules"]
        assert (rule["mode"], rule["requests"]) == ("shadow", 3)
        assert rule["by_key"] == [{"key": "bob", "requests": 2}, {"key": "ann", "requests": 1}]


async def test_rules_match_tags_of_models_and_keys(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """One tag is enough, whosever it is."""
    tagged = CAP.replace("reason: cost", "match: {tags: [of-bob]}")
    async with ruled(tmp_path, tagged, engine) as proxy:
        for key in ("ann", "bob"):
            await ask(proxy.url, http, key=key)
        assert [seen.json["max_completion_tokens"] for seen in engine.seen] == [500, 9]
    async with ruled(tmp_path, tagged.replace("of-bob", "production"), engine) as proxy:
        await ask(proxy.url, http)
        assert engine.seen[-1].json["max_completion_tokens"] == 9


async def test_a_changed_file_is_read_by_itself(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """New rules act at once, counts begin anew, and the journal has both digests."""
    async with ruled(tmp_path, CAP, engine) as proxy:
        await ask(proxy.url, http)
        old = await policy_of(proxy.url, http)
        assert old["rules"][0]["requests"] == 1
        written(tmp_path, OTHER)
        new = await until(proxy.url, http, lambda said: said["digest"] != old["digest"])
        assert new["rules"][0]["requests"] == 0
        await ask(proxy.url, http)
        assert engine.seen[1].json["max_completion_tokens"] == 7
        await proxy.settled(2)
    events = list_events(tmp_path / JOURNAL_FILE, limit=10, kind="policy_loaded")
    assert [event.document["digest"] for event in events] == [new["digest"], old["digest"]]


async def test_a_broken_file_leaves_the_old_policy_and_says_so(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """Also one that is gone; a mended one ends the trouble."""
    async with ruled(tmp_path, CAP, engine) as proxy:
        digest = (await policy_of(proxy.url, http))["digest"]
        file = written(tmp_path, "rules: [{name: short}]\n")
        said = await until(proxy.url, http, lambda said: said["problem"] is not None)
        assert "policy.yaml:1: rules.short: lacks action; add it" in said["problem"]
        assert said["digest"] == digest
        await ask(proxy.url, http)
        assert engine.seen[0].json["max_completion_tokens"] == 9
        file.write_text("")
        await until(proxy.url, http, lambda said: "holds no rules" in said["problem"])
        assert (await policy_of(proxy.url, http))["digest"] == digest
        file.unlink()
        await until(proxy.url, http, lambda said: "cannot be read" in said["problem"])
        written(tmp_path, CAP)
        mended = await until(proxy.url, http, lambda said: said["problem"] is None)
        assert mended["digest"] == digest
    kinds = [event.kind for event in list_events(tmp_path / JOURNAL_FILE, limit=10)]
    assert [kind for kind in kinds if kind.startswith("policy")] == [
        "policy_loaded",
        "policy_refused",
        "policy_refused",
        "policy_refused",
        "policy_loaded",
    ]


async def test_sighup_reads_the_file_again(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """In a real process; the watch is led astray by a file that looks the same to it."""
    file = written(tmp_path, CAP)
    config = tmp_path / "evenhand.yaml"
    config.write_text(
        f"models: {{m: {{engine: vllm, base_url: '{engine.url}'}}}}\npolicy: {file}\n"
    )
    async with serving(tmp_path, f"--config={config}") as (url, process):
        digest = (await policy_of(url, http))["digest"]
        same = file.stat()
        with file.open("r+") as stream:  # the same inode, size and times
            stream.write(OTHER)
        os.utime(file, ns=(same.st_atime_ns, same.st_mtime_ns))
        process.send_signal(signal.SIGHUP)
        await until(url, http, lambda said: said["digest"] != digest)
        await ask(url, http)
        assert engine.seen[0].json["max_completion_tokens"] == 7
        process.terminate()
        await process.wait()
    assert process.returncode == 0
    (row,) = list_requests(tmp_path / JOURNAL_FILE, limit=10)
    assert row.decoding()["policy"]["digest"] != digest


async def test_without_a_policy_there_is_none_to_show(
    proxy: RunningProxy, http: httpx.AsyncClient
) -> None:
    """And records say nothing of one."""
    document = (await http.get(f"{proxy.url}/v1/policy")).json()
    assert (document["digest"], document["problem"], document["rules"]) == (None, None, [])
    explained = await http.post(f"{proxy.url}/v1/decoding/explain", json={"model": "m"})
    assert "policy" not in explained.json()


async def test_the_policy_is_shown_to_those_with_a_key(
    engine: FakeEngine, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    """It names keys and models."""
    async with ruled(tmp_path, CAP, engine) as proxy:
        assert (await http.get(f"{proxy.url}/v1/policy")).status_code == 401


def test_a_file_that_is_broken_at_the_start_is_an_error(tmp_path: Path) -> None:
    """There is no old policy to keep."""
    events: list[Event] = []
    with pytest.raises(ConfigError, match="lacks"):
        Policies(written(tmp_path, "rules: [{name: short}]\n"), events.append)
    assert events == []


def test_a_file_with_the_same_rules_is_no_new_policy(tmp_path: Path) -> None:
    """1 and 1.0 are one number; another comment is no change."""
    events: list[Event] = []
    policies = Policies(written(tmp_path, CAP), events.append)
    written(tmp_path, f"# why\n{CAP.replace('value: 9', 'value: 9.0')}")
    policies.reload()
    assert (policies.revision, events) == (0, [])
    written(tmp_path, OTHER)
    policies.reload()
    assert (policies.revision, [event.kind for event in events]) == (1, ["policy_loaded"])


def test_a_file_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    """Written in place it is empty for a moment, which would be a policy without any rule."""
    file, events = written(tmp_path, CAP), list[Event]()
    policies = Policies(file, events.append)
    digest = policies.current.digest
    file.write_text("", "utf-8")
    policies.look()
    assert policies.current.digest == digest
    file.write_text(OTHER, "utf-8")
    policies.look()
    assert policies.current.digest == digest
    policies.look()
    assert [rule.value for rule in policies.current.rules] == [7]
    assert [event.kind for event in events] == ["policy_loaded"]
