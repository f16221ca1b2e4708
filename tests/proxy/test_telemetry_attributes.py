"""What was sent becomes attributes: zeros stay, absent stays absent, nothing is lost."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_proxy.telemetry.attributes import (
    error_type,
    metric_attributes,
    sent_attributes,
    span_attributes,
    span_name,
)
from tests.proxy.facts import opening, outcome


@pytest.mark.parametrize(
    ("parameter", "value", "name", "expected"),
    [
        ("temperature", 0, "gen_ai.request.temperature", 0.0),
        ("temperature", 0.0, "gen_ai.request.temperature", 0.0),
        ("temperature", -0.0, "gen_ai.request.temperature", -0.0),
        ("temperature", 1, "gen_ai.request.temperature", 1.0),
        ("temperature", None, "evenhand.sent.temperature", "null"),
        ("temperature", "hot", "evenhand.sent.temperature", "hot"),
        ("temperature", True, "evenhand.sent.temperature", True),
        ("top_p", 0, "gen_ai.request.top_p", 0.0),
        ("top_k", -1, "gen_ai.request.top_k", -1.0),
        ("top_k", 2**60 + 1, "evenhand.sent.top_k", 2**60 + 1),
        ("seed", 0, "gen_ai.request.seed", 0),
        ("seed", 2**63 - 1, "gen_ai.request.seed", 2**63 - 1),
        ("seed", 2**63, "evenhand.sent.seed", "9223372036854775808"),
        ("seed", 1.5, "evenhand.sent.seed", 1.5),
        ("max_tokens", 0, "gen_ai.request.max_tokens", 0),
        ("n", 2, "gen_ai.request.choice.count", 2),
        ("n", 1, "evenhand.sent.n", 1),
        ("stop", "end", "gen_ai.request.stop_sequences", ["end"]),
        ("stop", ["。", "\ud800"], "gen_ai.request.stop_sequences", ["。", "\\ud800"]),
        ("stop", [], "gen_ai.request.stop_sequences", []),
        ("stop", [1], "evenhand.sent.stop", "[1]"),
        ("do_sample", False, "evenhand.sent.do_sample", False),
        ("min_p", 0, "evenhand.sent.min_p", 0),
        ("logit_bias", {"7": -100}, "evenhand.sent.logit_bias", '{"7": -100}'),
    ],
)
def test_a_sent_parameter_has_its_name_and_type(
    parameter: str, value: Any, name: str, expected: Any
) -> None:
    """The conventions' name where the value has their type, ours where not."""
    attributes = sent_attributes({parameter: value})
    assert list(attributes) == [name]
    assert attributes[name] == expected
    assert type(attributes[name]) is type(expected)
    if expected == 0 and isinstance(expected, float):
        assert math.copysign(1, expected) == math.copysign(1, float(attributes[name]))  # type: ignore[arg-type]


def test_what_was_not_sent_has_no_attribute() -> None:
    """Nothing is invented for parameters that the engine was not given."""
    assert sent_attributes({}) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PARAMETERS = st.sampled_from(["temperature", "top_k", "seed", "n", "stop", "min_p", "logprobs"])


@settings(deadline=None)
@given(sent=st.dictionaries(PARAMETERS, JSON))
def test_every_sent_parameter_is_told_in_a_type_that_protobuf_takes(sent: dict[str, Any]) -> None:
    """One attribute for each parameter, each a UTF-8 text, a bool, an int64, a float or texts."""
    attributes = sent_attributes(sent)
    assert len(attributes) == len(sent)
    for value in attributes.values():
        if isinstance(value, int) and not isinstance(value, bool):
            assert -(2**63) <= value < 2**63
        elif not isinstance(value, (bool, float)):
            json.dumps(value, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("completed", 200, None),
        ("refused", 429, "429"),
        ("refused", None, "refused"),
        ("upstream_failed", 502, "upstream_failed"),
        ("upstream_broken", 200, "upstream_broken"),
        ("client_cancelled", None, "client_cancelled"),
        ("proxy_failed", 500, "proxy_failed"),
    ],
)
def test_failures_have_a_type(kind: str, status: int | None, expected: str | None) -> None:
    """A refusal is told by its status, every other failure by its kind, success by nothing."""
    ended = outcome(kind=kind, status=status)
    assert error_type(ended) == expected
    assert metric_attributes(opening(), ended).get("error.type") == expected


def test_spans_are_named_for_what_was_sent() -> None:
    """The operation of the route and the model that the engine knows."""
    assert span_name(opening()) == "chat THUDM/GLM-4-9B-0414"
    assert span_name(opening(route="/v1/embeddings")) == "embeddings THUDM/GLM-4-9B-0414"
    assert span_name(opening(route="/other")) == "/other THUDM/GLM-4-9B-0414"


def test_metrics_carry_only_what_the_config_bounds() -> None:
    """Names that clients or engines make up would make a time series each."""
    attributes = metric_attributes(
        opening(client_request_id="c"), outcome(response_model="made up")
    )
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sglang",
        "gen_ai.request.model": "THUDM/GLM-4-9B-0414",
        "evenhand.model": "glm-4",
    }


def test_absent_facts_have_no_attributes() -> None:
    """A request that failed early says nothing about usage, answers or times it never had."""
    bare = opening(profile=None, sent_parameters={}, decoding=b"")
    failed = outcome(
        kind="upstream_failed",
        status=None,
        first_byte=None,
        usage=None,
        finish_reasons=(),
        response_id=None,
        response_model=None,
    )
    assert span_attributes(bare, failed) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sglang",
        "gen_ai.request.model": "THUDM/GLM-4-9B-0414",
        "evenhand.model": "glm-4",
        "error.type": "upstream_failed",
        "server.address": "127.0.0.1",
        "server.port": 30000,
        "evenhand.request.id": "req-1",
        "evenhand.decoding.fingerprint": "ab" * 32,
        "evenhand.decoding.changed_count": 0,
        "evenhand.outcome": "upstream_failed",
    }
