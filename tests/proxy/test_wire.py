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


def test_a_seed_beyond_64_bits_keeps_its_digits() -> None:
    """2**64 must not become 1.8446744073709552e19."""
    assert wire.parse(b'{"model": "m", "seed": 18446744073709551616}')["seed"] == 2**64


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
