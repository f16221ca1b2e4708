"""`evenhand policy`: files are checked, requests put to them, running proxies asked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand_proxy.api.policies import Policies
from evenhand_proxy.audit.journal import JOURNAL_FILE, Journal
from evenhand_proxy.audit.query import list_requests
from evenhand_proxy.config import Config, Key, Model, Secret
from evenhand_proxy.policy_file import policy_from
from evenhand_proxy.policy_impact import impact_of
from tests.fake_engine import FakeEngine
from tests.proxy.facts import DECODING, opening
from tests.running import evenhand, running_proxy

RULES = """
rules:
  - {name: short, action: cap, parameter: max_tokens, value: 100, reason: cost}
  - {name: warm, action: floor, parameter: temperature, value: 0.5, match: {models: [m]}}
  - {name: cold, action: pin, parameter: temperature, value: 0, mode: shadow, match: {keys: [bob]}}
  - {name: filled, action: default, parameter: min_p, value: 0.1, match: {routes: [completions]}}
  - {name: known, action: require, parameter: seed, match: {keys: [ann]}}
  - {name: plain, action: forbid, parameter: logit_bias}
"""
TAGGED = "rules: [{name: t, action: forbid, parameter: seed, match: {tags: [eu]}}]\n"
MESSAGES = [{"role": "user", "content": "hi"}]
REQUESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("ann", "chat/completions", {"max_tokens": 5, "seed": 1, "temperature": 0.9}),
    ("ann", "chat/completions", {"max_completion_tokens": 5000, "temperature": 0}),
    ("ann", "chat/completions", {"max_tokens": None, "temperature": None, "seed": None}),
    ("bob", "chat/completions", {"do_sample": False, "n_predict": 7}),
    ("bob", "chat/completions", {"top_k": 1, "logit_bias": {"1": 2}, "max_tokens": "x"}),
    ("bob", "chat/completions", {"model": "m@greedy"}),
    ("bob", "chat/completions", {"model": "m@glm-z1-0414", "temperature": 0.005}),
    ("bob", "completions", {"max_tokens": -1, "min_p": 0}),
    ("bob", "completions", {}),
    ("ann", "responses", {"max_output_tokens": 4096, "seed": 0}),
    ("bob", "messages", {"max_tokens": 300}),
    ("bob", "embeddings", {"max_tokens": 300}),
)
Counts = dict[str, dict[str | None, int]]


async def made(folder: Path, engine: FakeEngine, policy: Path | None) -> Counts:
    """Send the requests to a proxy; gives whom each rule hit, and leaves the journal."""
    config = Config(
        models={"m": Model("vllm", engine.url, mode="report")},
        keys={name: Key(Secret(name)) for name in ("ann", "bob")},
        policy=policy,
    )
    prompts = {"completions": {"prompt": "hi"}, "responses": {"input": "hi"}}
    async with (
        running_proxy(config, folder) as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        for key, route, body in REQUESTS:
            asked = {"model": "m", **prompts.get(route, {"messages": MESSAGES}), **body}
            head = {"authorization": f"Bearer {key}"}
            answer = await http.post(f"/v1/{route}", json=asked, headers=head)
            assert answer.status_code in (200, 400), answer.text
        await proxy.settled(len(REQUESTS))
        shown = await http.get("/v1/policy", headers={"authorization": "Bearer ann"})
    return {
        rule["name"]: {each["key"]: each["requests"] for each in rule["by_key"]}
        for rule in shown.json()["rules"]
    }


def replayed(folder: Path, rules: str = RULES) -> Counts:
    """Put the journal's requests to the rules."""
    rows = list_requests(folder / JOURNAL_FILE, limit=100)
    assert len(rows) == len(REQUESTS)
    counts: Counts = {}
    for impact in impact_of(policy_from(rules, "p", {}), rows, None):
        by_key: dict[str | None, int] = {}
        for (_, key, _), count in impact.whom.items():
            by_key[key] = by_key.get(key, 0) + count
        counts[impact.rule.name] = by_key
    return counts


async def test_impact_says_beforehand_what_then_happens(engine: FakeEngine, tmp_path: Path) -> None:
    """Requests that came without a policy, put to one, hit as they do live.

    So do those that came under it, although it had changed their values.
    """
    file = tmp_path / "policy.yaml"
    file.write_text(RULES)
    await made(tmp_path / "before", engine, None)
    live = await made(tmp_path / "after", engine, file)
    assert live["short"] == {"ann": 3, "bob": 5}
    assert live["known"] == {"ann": 2}
    assert all(live.values())
    assert replayed(tmp_path / "before") == live
    assert replayed(tmp_path / "after") == live


async def test_impact_of_rules_that_all_enforce_is_that_of_shadows(
    engine: FakeEngine, tmp_path: Path
) -> None:
    """Rules on parameters of their own hit the same requests, whether or not they act."""
    await made(tmp_path, engine, None)
    enforced = RULES.replace("mode: shadow", "mode: enforce").replace("name: cold", "name: x")
    shadows = RULES.replace("match: {", "mode: shadow, match: {").replace(
        "mode: shadow, mode: shadow", "mode: shadow"
    )
    for name in ("short", "known", "filled", "plain"):
        assert replayed(tmp_path, enforced)[name] == replayed(tmp_path, shadows)[name]


async def test_impact_prints_whom_each_rule_would_hit(engine: FakeEngine, tmp_path: Path) -> None:
    """As a table and as JSON, the newest example with it."""
    file = tmp_path / "policy.yaml"
    file.write_text(RULES)
    await made(tmp_path, engine, None)
    arguments = ("policy", "impact", str(file), f"--data-dir={tmp_path}")
    code, output, problems = await evenhand(*arguments, "--json")
    assert (code, problems) == (0, "")
    document = json.loads(output)
    assert document["requests"] == len(REQUESTS)
    rules = {rule["name"]: rule for rule in document["rules"]}
    assert rules["plain"]["requests"] == rules["plain"]["refused"] == 1
    assert rules["plain"]["whom"] == [{"model": "m", "key": "bob", "route": "chat", "requests": 1}]
    rows = list_requests(tmp_path / JOURNAL_FILE, limit=100)
    ids = [row.opening.request_id for row in reversed(rows)]
    assert rules["plain"]["example"] == ids[4]
    assert rules["short"]["refused"] == 1
    code, output, _ = await evenhand(*arguments)
    assert code == 0
    assert f"{len(REQUESTS)} request(s) put to" in output
    assert "m bob chat: 1" in output
    code, output, _ = await evenhand(*arguments, "--limit=2", "--json")
    assert json.loads(output)["requests"] == 2
    code, output, _ = await evenhand(*arguments, "--since=2100-01-01", "--json")
    assert json.loads(output)["requests"] == 0


async def test_rules_on_tags_need_the_config(tmp_path: Path) -> None:
    """The journal has no tags: without the config such a rule's numbers are null, not 0."""
    journal = Journal(tmp_path / JOURNAL_FILE)
    await journal.start()
    seeded = {**DECODING, "parameters": {"seed": {"requested": 1, "resolved": 1}}}
    await journal.open(opening("r1", decoding=json.dumps(seeded).encode()))
    await journal.stop()
    file, config = tmp_path / "policy.yaml", tmp_path / "evenhand.yaml"
    file.write_text(TAGGED)
    arguments = ("policy", "impact", str(file), f"--data-dir={tmp_path}")

    async def requests(*more: str) -> Any:
        code, output, _ = await evenhand(*arguments, *more, "--json")
        assert code == 0
        return json.loads(output)["rules"][0]["requests"]

    assert await requests() is None
    assert "give --config" in (await evenhand(*arguments))[1]
    for tag, count in {"eu": 1, "us": 0}.items():
        config.write_text(
            "models: {glm-4: {engine: sglang, base_url: 'http://127.0.0.1:9', "
            f"tags: [{tag}]}}}}\n"
        )
        assert await requests(f"--config={config}") == count


async def test_old_and_odd_records_are_put_to_the_rules_as_far_as_they_go(tmp_path: Path) -> None:
    """Engines and routes that are not known any more, and records without parameters."""
    journal = Journal(tmp_path / JOURNAL_FILE)
    await journal.start()
    odd: tuple[Mapping[str, Any], ...] = ({"engine": "gone"}, {"route": "/v9"}, {"decoding": b"{}"})
    for number, changes in enumerate(odd):
        await journal.open(opening(f"r{number}", **changes))
    await journal.stop()
    rules = "rules: [{name: r, action: forbid, parameter: temperature}]"
    rows = list_requests(tmp_path / JOURNAL_FILE, limit=9)
    (impact,) = impact_of(policy_from(rules, "p", {}), rows, None)
    assert impact.whom == {("glm-4", None, "chat"): 1}


async def test_check_prints_digest_and_rules(tmp_path: Path) -> None:
    """0 for a good file; 2 with the place, the reason and the fix for a bad one."""
    file = tmp_path / "policy.yaml"
    file.write_text(RULES)
    code, output, _ = await evenhand("policy", "check", str(file), "--json")
    document = json.loads(output)
    assert (code, document["valid"]) == (0, True)
    assert document["digest"] == policy_from(RULES, "p", {}).digest
    assert [rule["name"] for rule in document["rules"]][:2] == ["short", "warm"]
    code, output, _ = await evenhand("policy", "check", str(file))
    assert (code, str(document["digest"]) in output) == (0, True)
    assert "cap max_tokens 100" in output
    file.write_text(RULES.replace("max_tokens", "max_tokns"))
    code, output, problems = await evenhand("policy", "check", str(file), "--json")
    assert (code, output) == (2, "")
    assert "rules.short.parameter: 'max_tokns'" in problems
    assert "did you mean 'max_tokens'" in problems


async def test_show_asks_a_running_proxy(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key that the environment holds; 2 without it, 3 where nothing answers."""
    file = tmp_path / "policy.yaml"
    file.write_text(RULES)
    config = Config(
        models={"m": Model("vllm", engine.url)}, keys={"ann": Key(Secret("hush"))}, policy=file
    )
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with running_proxy(config, tmp_path) as proxy:
        arguments = ("policy", "show", f"--url={proxy.url}/v1")
        code, _, problems = await evenhand(*arguments)
        assert (code, "No key was sent" in problems) == (2, True)
        monkeypatch.setenv("ANNS_KEY", "hush")
        code, output, _ = await evenhand(*arguments, "--api-key-env=ANNS_KEY", "--json")
        assert code == 0
        document = json.loads(output)
        del document["loaded_at"]
        expected = Policies(file, lambda _: None).document()
        del expected["loaded_at"]
        assert document == expected
        code, output, _ = await evenhand(*arguments, "--api-key-env=ANNS_KEY")
        assert (code, document["digest"] in output) == (0, True)
    code, _, problems = await evenhand(*arguments)
    assert (code, "start one" in problems) == (3, True)


async def test_check_doubts_rules_that_work_against_each_other(tmp_path: Path) -> None:
    """A floor above a cap, and values that few engines take: warnings, no errors."""
    file = tmp_path / "policy.yaml"
    file.write_text(
        "rules:\n"
        "- {name: low, action: cap, parameter: max_tokens, value: 10}\n"
        "- {name: high, action: floor, parameter: max_tokens, value: 20}\n"
        "- {name: hot, action: pin, parameter: top_p, value: 7}\n"
        "- {name: fine, action: pin, parameter: temperature, value: 0}\n"
    )
    code, output, problems = await evenhand("policy", "check", str(file))
    assert code == 0
    assert "valid; 4 rule(s), digest" in output
    first, second = problems.splitlines()
    assert first.startswith("warning: rules.high: where low is about a request too")
    assert second == "warning: rules.hot: top_p 7 lies outside what most engines take"
    _, output, _ = await evenhand("policy", "check", str(file), "--json")
    assert len(json.loads(output)["warnings"]) == 2


async def test_a_policy_without_rules_is_checked_in_words(tmp_path: Path) -> None:
    """`rules: []` has no digest to show; a file that holds nothing is an error."""
    file = tmp_path / "policy.yaml"
    file.write_text("rules: []\n")
    assert (await evenhand("policy", "check", str(file)))[1] == f"{file}: valid; it has no rules\n"
    file.write_text("")
    code, _, problems = await evenhand("policy", "check", str(file))
    assert (code, "holds no rules; add them, or write `rules: []`" in problems) == (2, True)
