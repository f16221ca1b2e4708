"""Policy files: what can be written, what is refused, and which files are the same policy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.api.inference import ROUTES as SERVED
from evenhand_proxy.decoding import ABSENT, PARAMETERS, Policy
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.policy_file import ROUTES, load_policy, policy_from

WHOLE = """
rules:
  - name: short
    action: cap
    parameter: max_completion_tokens
    value: ${LONGEST:-400}
    reason: cost
    match:
      models: [glm-*]
      keys: [search-team]
      tags: [production]
      routes: [chat, messages]
  - {name: seeded, action: require, parameter: seed, mode: shadow}
"""


def read(text: str, **environment: str) -> Policy:
    """Read a policy from text."""
    return policy_from(text, "p.yaml", environment)


def one(**entry: Any) -> Policy:
    """Read a policy of one rule."""
    return read(yaml.safe_dump({"rules": [{"name": "r", **entry}]}))


def test_a_whole_file_is_read() -> None:
    """Spellings become canonical names, and what is left out fits all."""
    first, second = read(WHOLE).rules
    assert first.document() == {
        "name": "short",
        "action": "cap",
        "parameter": "max_tokens",
        "mode": "enforce",
        "value": 400,
        "reason": "cost",
        "models": ["glm-*"],
        "keys": ["search-team"],
        "tags": ["production"],
        "routes": ["chat", "messages"],
    }
    assert (second.value, second.enforce, second.models) == (ABSENT, False, ())
    assert read(WHOLE, LONGEST="7").rules[0].value == 7


def test_a_policy_without_rules_is_said_on_purpose() -> None:
    """It is the same as no policy; a file that was emptied is an error."""
    assert read("rules: []") == Policy()
    for text in ("", "# nothing yet\n", "{}", "rules:\n"):
        with pytest.raises(ConfigError, match=r"write `rules: \[\]`|must be a list|holds no rules"):
            read(text)


def test_a_wrong_key_names_the_rule_and_the_policy() -> None:
    """Rules have names; it is no key of the config that is wrong."""
    with pytest.raises(ConfigError, match=r"rules\.r\.match\.model: is no key of a policy"):
        one(action="forbid", parameter="seed", match={"model": ["m"]})


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{action: cap, parameter: temperature, value: 1.0, name: r}]",
        "{'rules': [{'name': 'r', 'parameter': temperature, 'action': \"cap\", 'value': 1}]}",
        """# why
rules:
- name: r
  action: cap
  parameter: temperature
  value: 1.00
  mode: enforce
  match: {}
""",
    ],
)
def test_equal_rules_in_another_layout_are_the_same_policy(text: str) -> None:
    """The digest is of the rules, not of the file."""
    assert read(text).digest == one(action="cap", parameter="temperature", value=1).digest
    assert read(text).digest != one(action="cap", parameter="temperature", value=2).digest


def test_another_spelling_is_the_same_policy() -> None:
    """And a value from the environment is the value."""
    rules = [
        one(action="cap", parameter=name, value=9) for name in PARAMETERS["max_tokens"].spellings
    ]
    assert len({policy.digest for policy in rules}) == 1
    assert read(WHOLE, LONGEST="400").digest == read(WHOLE).digest


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"action": "cap", "parameter": "max_tokns", "value": 1}, "did you mean 'max_tokens'"),
        ({"action": "cap", "parameter": "max_tokens"}, "value: cap needs one; add it"),
        ({"action": "cap", "parameter": "max_tokens", "value": None}, "needs one"),
        ({"action": "cap", "parameter": "max_tokens", "value": "9"}, "'9' is not a whole number"),
        ({"action": "cap", "parameter": "max_tokens", "value": True}, "is not a whole number"),
        ({"action": "cap", "parameter": "max_tokens", "value": -1}, "means no bound"),
        ({"action": "floor", "parameter": "top_k", "value": 0}, "means no bound"),
        ({"action": "cap", "parameter": "temperature", "value": float("inf")}, "is not a number"),
        ({"action": "cap", "parameter": "stop", "value": ["a"]}, "stop is no number; use pin"),
        ({"action": "floor", "parameter": "do_sample", "value": True}, "is no number"),
        ({"action": "forbid", "parameter": "seed", "value": 1}, "forbid takes no value"),
        ({"action": "limit", "parameter": "seed"}, "'limit' is not one of its values"),
        ({"action": "forbid", "parameter": "seed", "mode": "shadwo"}, "did you mean 'shadow'"),
        ({"action": "forbid", "parameter": "seed", "match": {"model": ["m"]}}, "'models'"),
        ({"action": "forbid", "parameter": "seed", "match": {"keys": []}}, "keys: is empty"),
        ({"action": "forbid", "parameter": "seed", "match": {"keys": "a"}}, "must be a list"),
        (
            {"action": "forbid", "parameter": "seed", "match": {"routes": ["/v1/chat"]}},
            "'/v1/chat' fits no route that decodes; did you mean 'chat'",
        ),
        (
            {"action": "forbid", "parameter": "seed", "match": {"routes": ["embeddings"]}},
            "fits no route that decodes",
        ),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_with_reason_and_fix(
    entry: dict[str, Any], problem: str
) -> None:
    """What would pass in silence is an error."""
    with pytest.raises(ConfigError) as caught:
        one(**entry)
    assert str(caught.value).startswith("p.yaml:")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: [", "not valid YAML"),
        ("rule: []", "did you mean 'rules'"),
        ("rules: [{name: a, action: forbid}]", "lacks parameter"),
        (
            f"rules: [{', '.join(['{name: a, action: forbid, parameter: seed}'] * 2)}]",
            "rules.a: stands there twice",
        ),
        ("rules: [{name: a, action: pin, parameter: tool_choice, value: 2026-01-31}]", "JSON"),
        ("rules: [{name: a, action: pin, parameter: tool_choice, value: 2026-13-31}]", "quote it"),
        ("rules: [{name: a, action: pin, parameter: tool_choice, value: !!python/x y}]", "quote"),
        ("rules: [{name: a, action: pin, parameter: tool_choice, value: &x [*x]}]", "quote it"),
        ("rules: [{name: a, action: cap, parameter: n, value: '${NO_SUCH}'}]", "NO_SUCH"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, problem: str) -> None:
    """Whatever is wrong with it is one kind of error."""
    with pytest.raises(ConfigError, match=r"p\.yaml:") as caught:
        read(text)
    assert problem in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(yaml.dump))
def test_no_text_is_a_fault(text: str) -> None:
    """It is a policy or a `ConfigError`."""
    try:
        read(text)
    except ConfigError as error:
        assert str(error).startswith("p.yaml:")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """Missing, or not UTF-8."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(tmp_path / "latin.yaml")


def test_routes_are_those_that_are_served() -> None:
    """All that decode."""
    assert set(ROUTES) == {way.name for way in SERVED.values()} - {"embeddings"}
