"""Reading request bodies that other parsers take in silence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy import wire
from evenhand_proxy.errors import RequestError


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model": "m", "temperature": 0, "temperature": 2}', "temperature"),
        (b'{"model": "m", "temperature": 0, "temp\\u0065rature": 2}', "temperature"),
        (b'{"model": "m", "model": "n"}', "model"),
        (b'{"seed": 1, "seed": 1}', "seed"),
        (b'{"model": "m", "messages": [], "messages": [1]}', "messages"),
        (b'{"system": "a", "system": "b"}', "system"),
        (b'{"stop_sequences": ["a"], "stop_sequences": []}', "stop_sequences"),
        (b'{"thinking": {"type": "enabled", "type": "disabled"}}', "thinking.type"),
        (b'{"reasoning": {"effort": "low", "eff\\u006frt": "high"}}', "reasoning.effort"),
        (b'{"text": {"verbosity": "low", "verbosity": "high"}}', "text.verbosity"),
        (b'{"output_config": {"effort": 1, "effort": 2}}', "output_config.effort"),
        (
            b'{"chat_template_kwargs": {"enable_thinking": true, "enable_thinking": false}}',
            "chat_template_kwargs.enable_thinking",
        ),
        (b'{"structured_outputs": {"regex": "a", "regex": "b"}}', "structured_outputs.regex"),
        (
            b'{"response_format": {"json_schema": {"schema": {}, "schema": {"type": "object"}}}}',
            "response_format.json_schema.schema",
        ),
        (b'{"tool_choice": {"type": "auto", "type": "any"}}', "tool_choice.type"),
    ],
)
def test_a_parameter_that_stands_twice_is_refused(body: bytes, param: str) -> None:
    """Two parsers could disagree on which one wins."""
    with pytest.raises(RequestError, match="twice") as caught:
        wire.parse(body)
    assert caught.value.param == param


def test_equal_names_at_different_depths_are_no_duplicates() -> None:
    """A tool may have an argument called temperature."""
    body = {"model": "m", "temperature": 1, "tools": [{"temperature": 2, "seed": 3}]}
    assert wire.parse(json.dumps(body).encode()) == body


def test_a_duplicate_deep_inside_is_the_engines_matter() -> None:
    """Only what this proxy reads is checked; the rest is passed on."""
    parsed = wire.parse(b'{"model": "m", "seed": 1, "x": {"seed": 1, "seed": 2}}')
    assert parsed == {"model": "m", "seed": 1, "x": {"seed": 2}}


def test_a_key_that_stands_twice_is_named_in_the_time_it_takes_to_read_it() -> None:
    """A long object with a doubled key is refused at once, not after comparing all with all."""
    keys = ",".join(f'"{number}":1' for number in range(200_000))
    with pytest.raises(RequestError, match=r"^logit_bias\.7: stands in the body twice"):
        wire.parse(b'{"model": "m", "logit_bias": {%b,"7":2}}' % keys.encode())


def test_a_number_beyond_64_bits_inside_an_object_is_refused_too() -> None:
    """With its path; deeper, as in a schema, it stays as it is."""
    with pytest.raises(RequestError, match=r"^thinking\.budget_tokens: 18446744073709551616"):
        wire.parse(b'{"model": "m", "thinking": {"budget_tokens": 18446744073709551616}}')
    schema = b'{"model":"m","response_format":{"json_schema":{"maximum":18446744073709551616}}}'
    assert wire.serialise(wire.parse(schema)) == schema


def test_a_seed_beyond_64_bits_keeps_its_digits() -> None:
    """2**64 must not become 1.8446744073709552e19: it is refused, 2**64 - 1 is kept."""
    with pytest.raises(RequestError, match=r"seed: 18446744073709551616 does not fit"):
        wire.parse(b'{"model": "m", "seed": 18446744073709551616}')
    assert wire.parse(b'{"model": "m", "seed": 18446744073709551615}')["seed"] == 2**64 - 1


def test_long_numbers_elsewhere_come_and_go_as_they_are() -> None:
    """A tool's schema may hold an integer of any size."""
    body = b'{"model":"m","tools":[{"maximum":123456789012345678901234567890,"model":{}}]}'
    assert wire.serialise(wire.parse(body)) == body


def test_nesting_that_no_parser_follows_is_refused() -> None:
    """As a 400, whichever parser meets it."""
    for escape in (b"", b'"a":"\\u0041",'):
        deep = b'{"model":"m",' + escape + b'"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        with pytest.raises(RequestError) as caught:
            wire.parse(deep)
        assert caught.value.status == 400


def test_a_token_that_stands_twice_in_logit_bias_is_refused() -> None:
    """It is a decoding value like any other."""
    with pytest.raises(RequestError, match="twice"):
        wire.parse(b'{"model": "m", "logit_bias": {"1": 5, "1": -5}}')


def test_no_key_of_the_clients_can_pass_for_a_finding() -> None:
    """What the parser found out is not kept among the client's own keys."""
    body = b'{"model": "m", "\\u0000twice": "hello"}'
    assert wire.parse(body)["\0twice"] == "hello"


def test_a_seed_within_64_bits_is_kept() -> None:
    """To the last digit."""
    assert wire.parse(b'{"model": "m", "seed": 9007199254740993}')["seed"] == 2**53 + 1


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"a": NaN}', b'{"a":', b"\xff\xfe{}"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """NaN, a list, half an object and UTF-16 are errors of the client's."""
    with pytest.raises(RequestError, match="JSON") as caught:
        wire.parse(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", sorted(wire.FORBIDDEN))
def test_fields_that_redirect_or_run_code_are_refused(name: str) -> None:
    """No client chooses the upstream address or a logit processor."""
    with pytest.raises(RequestError, match=name):
        wire.parse(json.dumps({"model": "m", name: "x"}).encode())


@given(
    st.dictionaries(
        st.text(max_size=6),
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=6),
        max_size=6,
    )
)
def test_a_body_comes_back_as_it_was(document: dict[str, object]) -> None:
    """Whatever a client's JSON library writes is read as it was meant."""
    try:
        body = json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    if not wire.FORBIDDEN & document.keys():
        assert wire.parse(body) == document


@pytest.mark.parametrize("document", [{}, {"model": ""}, {"model": 3}, {"model": None}])
def test_a_body_without_a_model_is_refused(document: dict[str, object]) -> None:
    """The error says where the names are listed."""
    with pytest.raises(RequestError, match="GET /v1/models"):
        wire.model_of(document)
