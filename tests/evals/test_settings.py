"""What the user wrote becomes what is sent, and nothing more."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import UsageError
from evenhand_evals.settings import (
    api_key,
    canonical,
    data_source,
    decide,
    nearest_names,
    normalise_url,
    parse_settings,
)


@pytest.mark.parametrize(
    ("given_url", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        (" https://host/v1/ ", "https://host/v1"),
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4"),
    ],
)
def test_base_urls(given_url: str, base: str) -> None:
    """/v1 is added where there is no path, and only there."""
    assert normalise_url(given_url) == base


NO_URLS = ["", "localhost:8000", "ftp://x/v1", "http://", "http:///v1", "http://:8000"]
NO_URLS += ["http://h/v1#top", "http://h:", "http://a b/v1"]
NO_PORTS = [f"http://host:{port}/v1" for port in ("99999", "0", "-1", "x")]


@pytest.mark.parametrize("text", [*NO_URLS, *NO_PORTS])
def test_what_is_no_url(text: str) -> None:
    """The error names the option and shows a right one."""
    with pytest.raises(UsageError, match=r"--base-url.*http://127"):
        normalise_url(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:sk-secret@host/v1",
        "me:sk-secret@host",
        "ftp://sk-secret@host:99999",
        "https://host/v1?key=sk-secret",
        "https://host?key=sk-secret@x",
    ],
)
def test_a_key_inside_the_url_is_refused(url: str) -> None:
    """It would end in the manifest; the message does not repeat it."""
    with pytest.raises(UsageError, match="--api-key-env") as caught:
        normalise_url(url)
    assert "sk-secret" not in str(caught.value)


def test_falsy_values_survive() -> None:
    """Zero, null and false are settings."""
    texts = ["temperature=0", "seed=null", "do_sample=false", "stop=END"]
    assert parse_settings(texts) == {
        "temperature": 0,
        "seed": None,
        "do_sample": False,
        "stop": "END",
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["temprature=0"], "temperature"),
        (["temperature"], "NAME=VALUE"),
        (["seed=1", "seed=2"], "twice"),
        (["n=3"], "^--set n: 3 answers to a request, .* say with repeats"),
        (["max_tokens=5", "max_completion_tokens=6"], "twice"),
    ],
)
def test_settings_that_cannot_be(texts: list[str], message: str) -> None:
    """Unknown names, no value, and two spellings of one parameter are errors."""
    with pytest.raises(UsageError, match=message):
        parse_settings(texts)


@pytest.mark.parametrize(
    ("text", "repeats", "value"),
    [
        ("seed=100000000000000000000000", 1, "100000000000000000000000"),
        ("seed=18446744073709551615", 2, "18446744073709551616"),
        ('stop="\\ud800"', 1, r"'\\ud800'"),
    ],
)
def test_what_json_cannot_hold(text: str, repeats: int, value: str) -> None:
    """The parameter, its value, the reason and the fix are named."""
    name = text.partition("=")[0]
    with pytest.raises(UsageError, match=f"--set {name}: {value} cannot be sent.*from -922"):
        parse_settings([text], repeats)


def test_the_largest_seed_can_be_sent() -> None:
    """Only a repeat would be too much."""
    assert parse_settings(["seed=18446744073709551615"]) == {"seed": 2**64 - 1}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_not_finite(value: str) -> None:
    """They are wrong use, like every other value that cannot be sent."""
    with pytest.raises(UsageError, match=f"--set temperature.*{value}"):
        parse_settings([f"temperature={value}"])


def test_nothing_set_sends_only_the_budget() -> None:
    """The server's hidden defaults stay what they are."""
    decoding = decide(None, {}, 160)
    assert decoding.parameters == {"max_tokens": 160}
    assert decoding.by_task == ("max_tokens",)


def test_a_known_profile_is_sent_explicitly() -> None:
    """So any endpoint gets it."""
    decoding = decide("glm-z1-0414", {}, 16)
    assert decoding.parameters == {"temperature": 0.6, "top_p": 0.95, "max_tokens": 16}
    assert decoding.proxy_profile is None


def test_a_setting_overrides_its_profile() -> None:
    """And the user's budget replaces the task's, whatever its spelling."""
    settings = {"temperature": 1, "max_completion_tokens": 9}
    decoding = decide("greedy", settings, 16)
    assert decoding.parameters == settings
    assert decoding.by_task == ()


def test_an_unknown_profile_is_the_proxys_business() -> None:
    """Nothing of it is sent but its name."""
    decoding = decide("house-style", {}, 16)
    assert decoding.parameters == {"max_tokens": 16}
    assert decoding.proxy_profile == "house-style"


@given(st.integers(-(2**40), 2**40), st.integers(0, 50))
def test_a_seed_grows_with_the_repeat(seed: int, repeat: int) -> None:
    """Repeats are different draws that can be made again."""
    assert decide(None, {"seed": seed}, 1).for_repeat(repeat)["seed"] == seed + repeat


@pytest.mark.parametrize("value", [None, True, "a"])
def test_a_seed_that_is_no_integer_stays(value: Any) -> None:
    """Null is sent as null on every repeat."""
    assert decide(None, {"seed": value}, 1).for_repeat(3)["seed"] is value


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default variable may be missing, a named one may not."""
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert api_key("OPENAI_API_KEY") is None
    monkeypatch.setenv("MY_KEY", "secret")
    assert api_key("MY_KEY") == "secret"
    with pytest.raises(UsageError, match="NO_SUCH_KEY"):
        api_key("NO_SUCH_KEY")


def test_the_data_root_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside the path that the user names."""
    monkeypatch.setenv("EVENHAND_DATA", str(tmp_path))
    source = data_source(Path("x"), 3)
    assert (source.path, source.root, source.seed) == (Path("x"), tmp_path, 3)
    monkeypatch.setenv("EVENHAND_DATA", "")
    assert data_source(None).root is None


def test_hints_for_names() -> None:
    """Near names are suggested, else some of the known ones are shown."""
    assert nearest_names("smollm", ["smollm2", "glm-4"]) == "did you mean 'smollm2'?"
    assert nearest_names("q", [f"model-{number}" for number in range(10)]).endswith("and 2 more")
    assert nearest_names("q", []) == "none is known"
    assert canonical("max_completion_tokens") == "max_tokens"
    assert canonical("house_rule") == "house_rule"


@pytest.mark.parametrize(
    ("texts", "body"),
    [
        (["thinking.type=disabled"], {"thinking": {"type": "disabled"}}),
        (
            ["chat_template_kwargs.enable_thinking=false", "reasoning.effort=low"],
            {"chat_template_kwargs": {"enable_thinking": False}, "reasoning": {"effort": "low"}},
        ),
        (
            ['chat_template_kwargs={"a": 1}', "chat_template_kwargs.enable_thinking=false"],
            {"chat_template_kwargs": {"a": 1, "enable_thinking": False}},
        ),
        (
            ["chat_template_kwargs.enable_thinking=false", 'chat_template_kwargs={"a": 1}'],
            {"chat_template_kwargs": {"a": 1, "enable_thinking": False}},
        ),
    ],
)
def test_a_dotted_name_leads_into_an_object(texts: list[str], body: dict[str, object]) -> None:
    """On the wire there is no name with a dot in it."""
    decoding = decide(None, parse_settings(texts), 1)
    assert decoding.beside({}, 0) == {**body, "max_tokens": 1}
    assert decoding.beside({"stop": ["a"]}, 0) == {**body, "max_tokens": 1, "stop": ["a"]}


@pytest.mark.parametrize(
    "texts",
    [
        ["chat_template_kwargs=5", "chat_template_kwargs.enable_thinking=false"],
        ["chat_template_kwargs.enable_thinking=false", "chat_template_kwargs=5"],
        ["chat_template_kwargs=null", "chat_template_kwargs.enable_thinking=false"],
    ],
)
def test_an_object_and_something_else_do_not_go_together(texts: list[str]) -> None:
    """Whatever comes first."""
    with pytest.raises(UsageError, match="chat_template_kwargs"):
        parse_settings(texts)
