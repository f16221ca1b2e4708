"""Answers are read as servers really write them, and nothing else is taken for one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.types import Completion, Message, Usage
from evenhand_evals.wire import ABORTED, chat_body, fault, parse_completion, unseeing

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("choices", "message", "content", "usage", "x")), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def test_only_given_parameters_are_sent() -> None:
    """Null and zero are values; absent is absent."""
    body = chat_body("m", (Message("user", "hi"),), {"temperature": 0, "seed": None})
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        "seed": None,
    }


def test_a_plain_answer() -> None:
    """Text, finish reason and usage are read."""
    response = {
        "choices": [{"message": {"content": "yes"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 0},
    }
    assert parse_completion(response) == Completion("yes", "length", usage=Usage(4, 0))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_is_kept_apart(field: str) -> None:
    """A thinking model whose budget ran out has an empty text and its thoughts."""
    response = {"choices": [{"message": {"content": None, field: "hm"}, "finish_reason": "length"}]}
    assert parse_completion(response) == Completion("", "length", reasoning="hm")


def test_a_refusal_is_an_answer() -> None:
    """OpenAI's refusal field is read."""
    response = {"choices": [{"message": {"content": None, "refusal": "no"}}]}
    assert parse_completion(response) == Completion("", refusal="no")


@pytest.mark.parametrize(
    "response",
    [
        None,
        "text",
        {},
        {"choices": []},
        {"choices": [1]},
        {"choices": [{"text": 5}]},
        {"error": {}},
    ],
)
def test_what_is_no_answer(response: Any) -> None:
    """Anything else is not an answer."""
    assert parse_completion(response) is None


def test_the_text_of_completions_is_an_answer_where_it_was_asked_for() -> None:
    """A chat that comes back with a bare text is none."""
    response = {"choices": [{"text": "old", "finish_reason": "stop"}]}
    assert parse_completion(response) == Completion("old", "stop")
    assert fault(response, "text") is None
    assert fault(response) == "the body is no chat answer"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "会下"}, {"type": "text", "text": "雨"}], "会下雨"),
        ([], ""),
        (None, ""),
    ],
)
def test_parts_are_joined(content: Any, text: str) -> None:
    """A list of text parts is one text."""
    response = {"choices": [{"message": {"content": content}}]}
    assert parse_completion(response) == Completion(text)
    assert fault(response) is None


@pytest.mark.parametrize(
    "content", [5, {"text": "yes"}, ["yes"], [{"type": "image"}], [{"type": "text", "text": None}]]
)
def test_content_of_an_unknown_shape_is_no_empty_answer(content: Any) -> None:
    """It is none, and the reason shows it."""
    response = {"choices": [{"message": {"content": content}}]}
    assert parse_completion(response) is None
    assert str(content) in (fault(response) or "")


@pytest.mark.parametrize("reason", sorted(ABORTED))
def test_what_the_engine_gave_up_is_no_answer(reason: str) -> None:
    """Whatever text is there."""
    response = {"choices": [{"message": {"content": "yes"}, "finish_reason": reason}]}
    assert f"finish_reason is '{reason}'" in (fault(response) or "")


@given(JSON)
def test_any_json_is_an_answer_or_none(response: Any) -> None:
    """No body makes the reader fail."""
    completion = parse_completion(response)
    assert completion is None or isinstance(completion.text, str)
    assert completion is not None or fault(response) is not None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "image input is not supported - hint: you may need mmproj"}}, True),
        ({"error": {"message": "tiny-glm4 is not a multimodal model"}}, True),
        ({"object": "error", "message": "Model only supports text input; received ..."}, True),
        ({"error": {"message": "the context is too long"}}, False),
        ({"error": "image input is not supported"}, False),
        (["image input is not supported"], False),
    ],
)
def test_a_model_that_takes_no_images_is_told_by_its_error(body: Any, expected: bool) -> None:
    """In the words of three engines, in an `error` or, as SGLang has it, without."""
    assert unseeing(body) is expected
