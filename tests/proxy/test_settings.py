"""Parsing what a person writes."""

import pytest

from evenhand_proxy.decoding import DecodingError, parse_setting, split_model


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
