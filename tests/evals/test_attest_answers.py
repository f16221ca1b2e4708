"""Reading answers of both routes and shapes; deciding; choosing where to draw."""

import math
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.attest.answers import Choice, Reply, Token, parse_reply
from evenhand_evals.attest.constraints import CHOICES, follows, is_object
from evenhand_evals.attest.lab import Place, told_options, worth
from evenhand_evals.attest.limits import frequent_marks
from evenhand_evals.attest.repeats import strays
from evenhand_evals.attest.spelling import written
from evenhand_evals.attest.truncation import MIN_P, TOP_P, kept_count
from evenhand_evals.attest.verdicts import breaches, decide, missed, unseparated

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("choices", "message", "content", "logprobs", "tokens", "token_logprobs", "text")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def test_a_chat_answer_with_log_probabilities() -> None:
    """As OpenAI's API reference shows one; equal texts among the alternatives are no options."""
    top = [{"token": t, "logprob": p} for t, p in (("a", -0.5), ("�", -2.0), ("�", -3.0))]
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": top}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "a", "reasoning_content": "hm"},
        "logprobs": {"content": [entry]},
        "finish_reason": "length",
    }
    reply = parse_reply({"choices": [choice], "usage": {"completion_tokens": 2}})
    assert reply is not None
    assert reply.first.symbol == ("a",)
    assert reply.first.thinks
    assert reply.length == 2
    assert reply.first.tokens is not None
    assert reply.first.tokens[0].options == {"a": -0.5}


def test_a_legacy_completion_with_log_probabilities() -> None:
    """Parallel lists; a place without alternatives and one without a value are kept."""
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [-1.0, None], "top_logprobs": [{"a": -1.0}]}
    reply = parse_reply({"choices": [{"text": "ab", "logprobs": {**logprobs}}]})
    assert reply is not None
    assert reply.first.tokens is not None
    assert [token.text for token in reply.first.tokens] == ["a"]
    logprobs["top_logprobs"] = [{"a": -1.0}, None]
    whole = parse_reply({"choices": [{"text": "ab", "logprobs": logprobs}]})
    assert whole is not None
    assert whole.first.tokens is not None
    assert whole.first.tokens[1].logprob == -math.inf


def test_without_log_probabilities_the_text_is_the_symbol() -> None:
    """The thinking counts as well: a budget of one token may all go there."""
    message = {"content": None, "reasoning": "so"}
    reply = parse_reply({"choices": [{"message": message, "logprobs": None}]})
    assert reply is not None
    assert reply.first.symbol == ("so", "")
    assert reply.length is None


@given(JSON)
def test_no_body_raises(body: Any) -> None:
    """Any JSON is an answer or none."""
    parse_reply(body)
    parse_reply({"choices": [{"message": {"content": body}, "logprobs": body, "text": body}]})


@pytest.mark.parametrize(
    ("p_applied", "p_ignored", "verdict"),
    [
        (1.0, 0.0, "applied"),
        (0.0, 1.0, "ignored"),
        (0.0, 0.0, "altered"),
        (0.01, 0.01, "unverifiable"),
    ],
)
def test_a_verdict_needs_the_other_claim_rejected(
    p_applied: float, p_ignored: float, verdict: str
) -> None:
    """Neither rejected is no verdict at all."""
    assert decide(p_applied, p_ignored, 0.001) == verdict


def test_slips_are_allowed_and_lies_are_not() -> None:
    """One wrong of sixteen is a slip; half of them is none, and is hardly ever missed."""
    assert breaches(16, 0) == 1.0
    assert breaches(16, 1) > 0.2
    assert breaches(16, 8) < 1e-9
    assert missed(16, 0.9, 4e-5) < 1e-6
    assert missed(16, 0.0, 4e-5) == 1.0


def test_a_moderate_truncation_keeps_a_clear_few() -> None:
    """The values of top_p and min_p lie between the last kept and the first dropped token."""
    logprobs = [math.log(p) for p in (0.3, 0.25, 0.1, 0.08, 0.05, 0.02)]
    count = kept_count(logprobs)
    assert count == 2
    assert 0.3 < TOP_P.moderate(logprobs, count) < 0.55
    assert 0.1 / 0.3 < MIN_P.moderate(logprobs, count) < 0.25 / 0.3
    assert kept_count([math.log(0.99), math.log(0.005), math.log(0.001)]) is None


def test_undecided_places_are_worth_more() -> None:
    """A flat place without ties beats a tie, and both beat certainty."""
    flat = {"a": math.log(0.4), "b": math.log(0.2), "c": math.log(0.1)}
    tied = {"a": math.log(0.3), "b": math.log(0.3), "c": math.log(0.1)}
    sure = {"a": math.log(0.98), "b": math.log(0.01)}
    assert worth(flat) > worth(tied) > worth(sure)


def test_a_control_without_unlikely_tokens_is_truncated() -> None:
    """Half of the mass never seen in 48 draws is no coincidence; its usual share is none either."""
    base = {text: math.log(1 / 16) for text in "abcdefghijklmnop"}
    few = tuple((text,) for text in "abcdefgh" * 6)
    every = tuple((text,) for text in "abcdefghijklmnop" * 3)
    assert Place("p", 1, 1.0, base, few).truncated
    assert not Place("p", 1, 1.0, base, every).truncated
    assert not Place("p", 8, 1.0, base, few).truncated


def test_stop_strings_are_in_most_texts() -> None:
    """Each further one is chosen for the texts that the others are not in."""
    assert frequent_marks(["abc", "abd", "abe", "xyz"]) == ["b", "z"]
    assert frequent_marks([" ", ""]) == ["e"]


@pytest.mark.parametrize(
    ("text", "whole", "fits"),
    [
        ('{"a": 1}', True, True),
        (' {"a": [1, ', False, True),
        ("{}", True, True),
        ("[1]", True, False),
        ("Sure! {", False, False),
        ('{"a": 1', True, False),
        ("", False, False),
    ],
)
def test_objects_and_their_beginnings(text: str, whole: bool, fits: bool) -> None:
    """A text that was cut off must be able to become an object."""
    assert is_object(text, whole) is fits


def test_choices_and_their_beginnings() -> None:
    """One of the choices, or the beginning of one where the answer was cut off."""
    fits = follows(tuple(CHOICES), spaces=True)
    assert fits(CHOICES[0], True)
    assert fits("zq7 a", False)
    assert not fits("zq7 a", True)
    assert not fits("", False)
    assert not fits("Zebra", False)


@pytest.mark.parametrize(
    ("arms", "n", "shares"),
    [(1, 22, (0.5, 0.3, 0.2)), (3, 12, (0.6, 0.4)), (1, 22, (0.7, 0.2, 0.1)), (1, 8, (0.25,) * 4)],
)
def test_the_chance_to_miss_is_bounded(arms: int, n: int, shares: tuple[float, ...]) -> None:
    """As often as in 4000 trials, or more, and seldom by much."""
    chance, trials, missing = random.Random(5), 4000, 0
    for _ in range(trials):
        drawn = [chance.choices(range(len(shares)), shares, k=n) for _ in range(arms)]
        parted = sum(n - max(Counter(arm).values()) for arm in drawn)
        missing += breaches(arms * n, parted) >= 2e-5
    found = unseparated(arms, n, shares, 2e-5)
    assert missing / trials - 0.02 < found < 2 * missing / trials + 0.05
    assert unseparated(arms, n, (1.0,), 2e-5) == 1.0


def reply_of(*tokens: Token) -> Reply:
    """An answer of these tokens."""
    text = "".join(token.text for token in tokens)
    return Reply((Choice(text, "", "length", tokens),), None, None)


def test_no_rank_is_known_behind_a_text_that_two_tokens_have() -> None:
    """Whatever follows may be one place further down than it looks."""
    top = (("a", -1.0), ("b", -1.5), ("\ufffd", -1.7), ("\ufffd", -1.8), ("c", -2.0))
    assert told_options(reply_of(Token("a", -1.0, top))) == {"a": -1.0, "b": -1.5}
    assert told_options(reply_of(Token("a", -1.0, top[2:]))) == {}


def test_greedy_answers_may_part_at_a_tie_only() -> None:
    """Hardware decides between two tokens that are as likely, and nothing else may."""

    def answer(second: str, other: float) -> Reply:
        tied = Token(second, -0.7, (("x", -0.7), ("y", other)))
        return reply_of(Token("a", -0.1, (("a", -0.1), ("b", -3.0))), tied)

    assert strays([answer("x", -0.72)] * 5 + [answer("y", -0.72)] * 3) == 0
    assert strays([answer("x", -1.7)] * 5 + [answer("y", -1.7)] * 3) == 3
    mute = [Reply((Choice(text, "", None, None),), None, None) for text in "aab"]
    assert strays(mute) == 1


@pytest.mark.parametrize(
    ("engine", "field"),
    [
        ("sglang", "response_format"),
        ("vllm", "structured_outputs"),
        ("llamacpp", "json_schema"),
        ("openai", "response_format"),
    ],
)
def test_each_engine_has_its_spelling(engine: str, field: str) -> None:
    """It is the one that the proxy sends."""
    assert set(written(engine, "chat", "m", {"guided_json": {"type": "object"}})) == {field}


def test_what_an_engine_has_no_field_for_is_not_spelled() -> None:
    """Nor is anything where the route does not exist."""
    assert written("llamacpp", "chat", "m", {"guided_choice": ["a"]}) == {}
    assert written("mistral", "completions", "m", {"guided_choice": ["a"]}) == {}
