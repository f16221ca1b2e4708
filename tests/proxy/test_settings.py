"""Parsing what a person writes."""

from typing import Any

import pytest

from evenhand_proxy.decoding import DecodingError, canonical, parse_setting, split_model


@pytest.mark.parametrize(
    ("text", "value"),
    [("temperature=0", 0), ("seed=null", None), ("stop=END", "END"), ('stop=["a"]', ["a"])],
)
def test_values_are_json_or_text(text: str, value: object) -> None:
    """A value keeps its JSON type."""
    assert parse_setting(text)[1] == value


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """The error names parameter, reason and fix."""
    with pytest.raises(DecodingError, match=r"temprature.*did you mean 'temperature'"):
        parse_setting("temprature=0")


def test_a_setting_needs_an_equals_sign() -> None:
    """Without one nothing is set."""
    with pytest.raises(DecodingError, match="write NAME=VALUE"):
        parse_setting("temperature")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("glm-4@greedy", ("glm-4", "greedy")),
        ("glm-4", ("glm-4", None)),
        ("a@b@greedy", ("a@b", "greedy")),
        ("@greedy", ("@greedy", None)),
        ("glm-4@", ("glm-4@", None)),
    ],
)
def test_a_profile_stands_behind_the_last_at_sign(name: str, parts: tuple[str, str | None]) -> None:
    """Neither side may be empty."""
    assert split_model(name) == parts


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "[1e400]"])
def test_numbers_that_json_cannot_hold_are_refused(value: str) -> None:
    """They would reach the engine as null."""
    with pytest.raises(DecodingError, match="is not a finite number"):
        parse_setting(f"temperature={value}")


@pytest.mark.parametrize(
    ("profile", "meant"),
    [
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"thinking": False}),
        ({"thinking": {"type": "disabled"}}, {"thinking": False}),
        ({"thinking.type": "disabled"}, {"thinking": False}),
        ({"reasoning": {"effort": "low"}, "n_predict": 9}, None),
        (
            {"chat_template_kwargs": {"enable_thinking": True, "lang": "de"}},
            {"thinking": True, "chat_template_kwargs": {"lang": "de"}},
        ),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object"}},
        ),
    ],
)
def test_a_profile_is_read_like_a_body(profile: Any, meant: Any) -> None:
    """Objects say in a profile what they say in a request."""
    assert canonical(profile) == (meant or {"reasoning_effort": "low", "max_tokens": 9})


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({"thinking": {"type": "disabled", "x": 1}}, "thinking.x: is no decoding parameter; "),
        ({"thinking": {"type": "maybe"}}, "thinking.type: 'maybe' is not true or false; send"),
        ({"thinking": True, "enable_thinking": True}, "names thinking once more; keep one"),
        ({"reasoning": 3}, "reasoning: 3 sets no decoding parameter; write an object with effort"),
        ({"seed": "x"}, "^seed: 'x' is not a whole number; send a whole number$"),
        ({"response_format": {"type": "bogus"}}, "is not an object of a type such as"),
        ({"logit_bias": {"a": 1}}, "is not an object of token ids"),
        ({"temprature": 1}, "temprature: is no decoding parameter; did you mean 'temperature'"),
    ],
)
def test_a_profile_that_says_nothing_is_an_error(profile: Any, message: str) -> None:
    """It names the place, the value where it is at fault, the reason and the fix."""
    with pytest.raises(DecodingError, match=message):
        canonical(profile)


def test_a_setting_without_a_name() -> None:
    """What was written is named once."""
    with pytest.raises(DecodingError, match=r"^'=3' names no parameter; write NAME=VALUE"):
        parse_setting("=3")
