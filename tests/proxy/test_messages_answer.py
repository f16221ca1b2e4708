"""A chat answer becomes a Message."""

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.errors import UpstreamError
from evenhand_proxy.messages import to_chat, to_message
from tests.fake_engine import chat_answer


def answer(finish: str | None = "stop", choice: Any = None, **message: Any) -> dict[str, Any]:
    """A chat answer whose message holds these fields."""
    said = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return chat_answer("") | {"choices": [{**said, **(choice or {})}]}


def call(arguments: Any, **fields: Any) -> dict[str, Any]:
    """A tool call as OpenAI's API reference shows it."""
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_stock_price", "arguments": arguments},
        **fields,
    }


def test_a_plain_answer() -> None:
    """Every field that the API reference says is there."""
    assert to_message(chat_answer("Hello"), "glm-4@greedy") == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "glm-4@greedy",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }


def test_thinking_text_and_tools_stand_in_that_order() -> None:
    """As Anthropic's models write them; nobody signed the thinking."""
    found = to_message(
        answer(
            "tool_calls",
            content="Let me look.",
            reasoning_content="Which one?",
            tool_calls=[call('{"ticker": "^GSPC"}'), call("", id="call_2")],
        ),
        "m",
    )
    assert found["content"] == [
        {"type": "thinking", "thinking": "Which one?", "signature": ""},
        {"type": "text", "text": "Let me look."},
        {
            "type": "tool_use",
            "id": "call_1",
            "name": "get_stock_price",
            "input": {"ticker": "^GSPC"},
        },
        {"type": "tool_use", "id": "call_2", "name": "get_stock_price", "input": {}},
    ]
    assert found["stop_reason"] == "tool_use"
    assert Message.model_validate(found, strict=True).content[3].type == "tool_use"


def test_vllm_says_reasoning() -> None:
    """The field that vLLM, OpenRouter and Ollama use."""
    found = to_message(answer(content="4", reasoning="2 + 2"), "m")
    assert found["content"][0] == {"type": "thinking", "thinking": "2 + 2", "signature": ""}


@pytest.mark.parametrize("content", [None, "", []])
def test_an_empty_answer_is_empty(content: Any) -> None:
    """Anthropic documents an empty list for it, not an empty text block."""
    found = to_message(answer(content=content, tool_calls=None), "m")
    assert (found["content"], found["stop_reason"]) == ([], "end_turn")


def test_text_parts_are_text() -> None:
    """Some engines answer with parts."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert to_message(answer(content=parts), "m")["content"] == [{"type": "text", "text": "ab"}]


@pytest.mark.parametrize(
    ("finish", "choice", "reason", "sequence"),
    [
        ("stop", {}, "end_turn", None),
        ("length", {}, "max_tokens", None),
        ("content_filter", {}, "refusal", None),
        ("sensitive", {}, "refusal", None),
        ("model_context_window_exceeded", {}, "model_context_window_exceeded", None),
        ("stop", {"stop_reason": "END"}, "stop_sequence", "END"),
        ("stop", {"matched_stop": "END"}, "stop_sequence", "END"),
        ("stop", {"stopping_word": "END"}, "stop_sequence", "END"),
        ("stop", {"__verbose": {"stopping_word": "END"}}, "stop_sequence", "END"),
        ("stop", {"matched_stop": 151336}, "end_turn", None),
        ("stop", {"matched_stop": "<|user|>"}, "end_turn", None),
        ("length", {"stop_reason": "END"}, "max_tokens", None),
        ("tool_calls", {}, "end_turn", None),
        ("never heard of", {}, "end_turn", None),
    ],
)
def test_stop_reasons(
    finish: str, choice: dict[str, Any], reason: str, sequence: str | None
) -> None:
    """vLLM, SGLang and llama.cpp name the stop string; only the client's own counts as one."""
    found = to_message(answer(finish, choice, content="x"), "m", ["END", "STOP"])
    assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)


def test_a_forced_tool_is_tool_use_whatever_the_engine_calls_it() -> None:
    """A named tool ends with "stop" on vLLM."""
    found = to_message(answer("stop", tool_calls=[call("{}")]), "m")
    assert found["stop_reason"] == "tool_use"


def test_a_refusal_is_said_and_marked() -> None:
    """OpenAI's refusal field is the text of it."""
    found = to_message(answer(content=None, refusal="I can't."), "m")
    assert found["content"] == [{"type": "text", "text": "I can't."}]
    assert found["stop_reason"] == "refusal"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, {"input_tokens": 0, "output_tokens": 0}),
        ({"prompt_tokens": 7}, {"input_tokens": 7, "output_tokens": 0}),
        ({"prompt_tokens": True, "completion_tokens": -1}, {"input_tokens": 0, "output_tokens": 0}),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 64},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {
                "input_tokens": 36,
                "output_tokens": 9,
                "cache_read_input_tokens": 64,
                "output_tokens_details": {"thinking_tokens": 5},
            },
        ),
        (
            {
                "prompt_tokens": 4,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 0},
            },
            {"input_tokens": 4, "output_tokens": 1, "cache_read_input_tokens": 0},
        ),
        (
            {"prompt_tokens": 4, "completion_tokens": 1, "prompt_tokens_details": None},
            {"input_tokens": 4, "output_tokens": 1},
        ),
    ],
)
def test_usage(usage: Any, counts: dict[str, Any]) -> None:
    """What was read from the cache is not counted twice; what was not told is not invented."""
    assert to_message({**chat_answer("x"), "usage": usage}, "m")["usage"] == counts


@pytest.mark.parametrize(
    ("arguments", "given_input"),
    [
        (' {"a": 1} ', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("  ", {}),
        (None, {}),
        ('{"a": "tru', {"INVALID_JSON": '{"a": "tru'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ('{"a": "\\ud83d"}', {"a": "\ud83d"}),
    ],
)
def test_tool_input(arguments: Any, given_input: dict[str, Any]) -> None:
    """Always an object; what a model wrote wrongly is kept as Anthropic's guide keeps it."""
    found = to_message(answer("tool_calls", tool_calls=[call(arguments)]), "m")
    assert found["content"][0]["input"] == given_input


def test_ids_are_made_where_the_engine_has_none() -> None:
    """And are the engine's own where it has them."""
    found = to_message(answer("tool_calls", tool_calls=[call("{}", id=None)]), "m")
    assert (found["id"], found["content"][0]["id"]) == ("msg_1", "toolu_1_0")
    unnamed = [to_message({**chat_answer("x"), "id": None}, "m")["id"] for _ in range(2)]
    assert unnamed[0] != unnamed[1]
    assert all(name.startswith("msg_") and len(name) == 36 for name in unnamed)


def test_halves_of_a_pair_are_joined_or_replaced() -> None:
    """Python holds what JSON's escapes can say; the wire cannot."""
    found = to_message(answer(content="\ud83d\ude00 \ud83d 你好"), "m")
    assert found["content"][0]["text"] == "😀 \ufffd 你好"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "no choice"),
        ({"choices": []}, "no choice"),
        ({"error": {"message": "out of memory"}}, "out of memory"),
        ({"object": "error", "message": "bad"}, "bad"),
        (answer(None, content="x"), "without a finish reason"),
        (answer("abort", content="x"), "abort"),
        (answer(tool_calls=[{"function": {"arguments": "{}"}}]), "without a name"),
    ],
)
def test_what_is_no_answer_is_an_upstream_error(document: dict[str, Any], told: str) -> None:
    """A part of an answer must not pass for a whole one."""
    with pytest.raises(UpstreamError, match=told):
        to_message(document, "m")


def test_arguments_that_are_nested_too_deeply_are_an_upstream_error() -> None:
    """Sent as an object, they cannot be written as text."""
    arguments: dict[str, Any] = {}
    for _ in range(1010):
        arguments = {"a": arguments}
    with pytest.raises(UpstreamError, match="nested too deeply"):
        to_message(answer(tool_calls=[call(arguments)]), "m")


def test_the_first_choice_is_taken() -> None:
    """By its index, wherever it stands."""
    first, second = answer(content="a")["choices"][0], answer(content="b")["choices"][0]
    document = {**chat_answer(""), "choices": [{**second, "index": 1}, first]}
    assert to_message(document, "m")["content"][0]["text"] == "a"


TEXTS = st.text(max_size=8)
OBJECTS = st.dictionaries(TEXTS, st.integers(-9, 9) | TEXTS | st.none(), max_size=3)


@given(texts=TEXTS, thinking=TEXTS, inputs=st.lists(OBJECTS, max_size=3))
def test_an_answer_goes_back_as_it_came(
    texts: str, thinking: str, inputs: list[dict[str, Any]]
) -> None:
    """What a client sends back as history is what the engine said."""
    calls = [call(json.dumps(item), id=f"call_{n}") for n, item in enumerate(inputs)]
    said = answer(
        "tool_calls" if calls else "stop",
        content=texts,
        reasoning_content=thinking,
        tool_calls=calls,
    )
    found = to_message(said, "m")
    history = [
        {"role": "user", "content": "go"},
        {"role": found["role"], "content": found["content"]},
        {"role": "user", "content": "on"},
    ]
    back = to_chat({"model": "m", "max_tokens": 1, "messages": history})["messages"][1]
    assert back["content"] == (texts or (None if calls else ""))
    assert back.get("reasoning_content", "") == thinking
    functions = [item["function"] for item in back.get("tool_calls", [])]
    assert [json.loads(item["arguments"]) for item in functions] == inputs
    assert [item["id"] for item in back.get("tool_calls", [])] == [item["id"] for item in calls]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("content", "tool_calls", "function", "name", "arguments", "id", "index", "text")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(message=JSON, finish=JSON, usage=JSON, identity=JSON)
def test_any_answer_is_a_message_or_an_upstream_error(
    message: Any, finish: Any, usage: Any, identity: Any
) -> None:
    """Whatever an engine answers, the client gets a shape that it knows."""
    document = {
        "id": identity,
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": usage,
    }
    try:
        found = to_message(document, "m")
    except UpstreamError:
        return
    assert Message.model_validate(found).role == "assistant"
