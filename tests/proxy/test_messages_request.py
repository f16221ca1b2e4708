"""A Messages request becomes a chat request: content translated, decoding fields untouched."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.errors import RequestError
from evenhand_proxy.messages import countable_text, to_chat

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {
    "name": "get_stock_price",
    "description": "Get the current price.",
    "input_schema": {
        "type": "object",
        "properties": {"ticker": {"type": "string"}},
        "required": ["ticker"],
    },
}


def body(**fields: Any) -> dict[str, Any]:
    """A request with everything that is required."""
    return {"model": "m", "max_tokens": 64, "messages": HELLO, **fields}


def chatted(*messages: dict[str, Any], **fields: Any) -> Any:
    """The chat messages of a request with these messages."""
    return to_chat(body(messages=list(messages), **fields))["messages"]


def test_a_plain_request() -> None:
    """The smallest request of the API reference."""
    assert to_chat(body()) == {"model": "m", "max_tokens": 64, "messages": HELLO}


def test_decoding_fields_keep_their_names_and_values() -> None:
    """Zero, null and unknown fields included: one normaliser reads them on all routes."""
    fields = {
        "temperature": 0,
        "top_p": None,
        "top_k": 5,
        "stop_sequences": ["\n\nHuman:"],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
        "min_p": 0.1,
        "max_completion_tokens": 9,
        "service_tier": "auto",
        "nobody_knows": [1, {"a": None}],
    }
    chat = to_chat(body(**fields))
    assert {name: chat[name] for name in fields} == fields
    assert chat["max_tokens"] == 64


@pytest.mark.parametrize("given_tokens", [{}, {"max_tokens": None}])
def test_max_tokens_is_required(given_tokens: dict[str, Any]) -> None:
    """Refused in the words of Anthropic's API, with the fix."""
    with pytest.raises(RequestError) as refused:
        to_chat({"model": "m", "messages": HELLO, **given_tokens})
    assert refused.value.message.startswith("max_tokens: Field required")
    assert (refused.value.status, refused.value.param) == (400, "max_tokens")


def test_zero_tokens_are_a_value() -> None:
    """Unset is not null is not zero."""
    assert to_chat(body(max_tokens=0))["max_tokens"] == 0


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("Be brief.", "Be brief."),
        ([{"type": "text", "text": "Be brief."}], "Be brief."),
        (
            [
                {"type": "text", "text": "One", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Two"},
            ],
            [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}],
        ),
    ],
)
def test_the_system_prompt_goes_first(system: Any, content: Any) -> None:
    """As text or as blocks; what caches it costs less, it answers the same."""
    assert chatted(*HELLO, system=system) == [{"role": "system", "content": content}, *HELLO]


@pytest.mark.parametrize("system", [None, "", []])
def test_an_empty_system_prompt_is_none(system: Any) -> None:
    """An empty system message would displace the one that a chat template has by default."""
    assert chatted(*HELLO, system=system) == HELLO


def test_a_system_message_in_between_stays_there() -> None:
    """The newest API has the role in `messages` too."""
    later = {"role": "system", "content": [{"type": "text", "text": "Be kind."}]}
    assert chatted(HELLO[0], later, HELLO[0]) == [
        HELLO[0],
        {"role": "system", "content": "Be kind."},
        HELLO[0],
    ]


def test_images_become_image_urls() -> None:
    """Base64 as a data URL, a URL as it is, in their place among the text."""
    content = [
        {"type": "text", "text": "Compare"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"},
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.jpg"}},
    ]
    assert chatted({"role": "user", "content": content})[0]["content"] == [
        {"type": "text", "text": "Compare"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.jpg"}},
    ]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "The text."},
        {"type": "content", "content": "The text."},
        {"type": "content", "content": [{"type": "text", "text": "The text."}]},
    ],
)
def test_a_document_of_text_is_text(source: dict[str, Any]) -> None:
    """With its title before it."""
    document = {"type": "document", "title": "Notes", "source": source}
    assert chatted({"role": "user", "content": [document]})[0]["content"] == [
        {"type": "text", "text": "Notes"},
        {"type": "text", "text": "The text."},
    ]


def test_a_tool_conversation() -> None:
    """Calls with their text, several results in order, and what the user says after them."""
    asked = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_stock_price", "input": {"t": "é"}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ],
    }
    told = {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "noon"},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [{"type": "text", "text": "259.75 USD"}],
            },
            {"type": "text", "text": "And?"},
        ],
    }
    said = chatted(*HELLO, asked, told)
    call = said[1]["tool_calls"][0]
    assert json.loads(call["function"].pop("arguments")) == {"t": "é"}
    assert said[1:] == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "get_stock_price"}},
                {
                    "id": "toolu_2",
                    "type": "function",
                    "function": {"name": "now", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_2", "content": "noon"},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "259.75 USD"},
        {"role": "user", "content": "And?"},
    ]


def test_a_call_without_text_has_no_content() -> None:
    """OpenAI's shape for it is null, not an empty string."""
    call = {"type": "tool_use", "id": "a", "name": "now", "input": {}}
    assert chatted({"role": "assistant", "content": [call]})[0]["content"] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [("no such file", "Error: no such file"), (None, "Error"), ([], "Error"), ("", "Error")],
)
def test_a_failed_tool_says_so(content: Any, told: str) -> None:
    """The chat protocol has no flag for it, so the text says it."""
    result = {"type": "tool_result", "tool_use_id": "a", "content": content, "is_error": True}
    message = chatted({"role": "user", "content": [result]})[0]
    assert message == {"role": "tool", "tool_call_id": "a", "content": told}
    fine = chatted({"role": "user", "content": [{**result, "is_error": False}]})[0]
    assert fine["content"] == (content or "")


def test_images_of_results_follow_all_results() -> None:
    """A tool message holds text only, and nothing may stand between tool messages."""
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    results = [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "text", "text": "Here:"}, image],
        },
        {"type": "tool_result", "tool_use_id": "b", "content": "done"},
        {"type": "text", "text": "What is it?"},
    ]
    assert chatted({"role": "user", "content": results}) == [
        {"role": "tool", "tool_call_id": "a", "content": "Here:"},
        {"role": "tool", "tool_call_id": "b", "content": "done"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Images in the result of tool call a:"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "text", "text": "What is it?"},
            ],
        },
    ]


def test_the_order_of_text_and_results_is_kept() -> None:
    """Text that comes before a result stays before it."""
    content = [
        {"type": "text", "text": "Before"},
        {"type": "tool_result", "tool_use_id": "a", "content": "x"},
    ]
    assert [said["role"] for said in chatted({"role": "user", "content": content})] == [
        "user",
        "tool",
    ]


def test_thinking_goes_back_as_reasoning_content() -> None:
    """Without its signature; what only Anthropic can read is left out."""
    content = [
        {"type": "thinking", "thinking": "Hmm.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "text", "text": "Par"},
        {"type": "text", "text": "is."},
    ]
    assert chatted({"role": "assistant", "content": content}, *HELLO)[0] == {
        "role": "assistant",
        "content": "Paris.",
        "reasoning_content": "Hmm.",
    }


def test_a_prefilled_answer_is_continued() -> None:
    """SGLang would show it to the model as the user's words, vLLM would begin another turn."""
    prefilled = body(messages=[*HELLO, {"role": "assistant", "content": "The answer is ("}])
    chat = to_chat(prefilled)
    assert (chat["continue_final_message"], chat["add_generation_prompt"]) == (True, False)
    own = to_chat({**prefilled, "continue_final_message": False})
    assert own["continue_final_message"] is False
    assert "continue_final_message" not in to_chat(body())


def test_tools_become_functions() -> None:
    """The schema as it is; hints on cost and delivery go, `strict` stays."""
    hinted = {**TOOL, "type": "custom", "cache_control": {"type": "ephemeral"}, "strict": True}
    function = {
        "name": "get_stock_price",
        "description": "Get the current price.",
        "parameters": TOOL["input_schema"],
    }
    assert to_chat(body(tools=[TOOL, hinted]))["tools"] == [
        {"type": "function", "function": function},
        {"type": "function", "function": {**function, "strict": True}},
    ]
    assert "tools" not in to_chat(body(tools=[]))


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "now"},
            {"tool_choice": {"type": "function", "function": {"name": "now"}}},
        ),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
        (
            {"type": "any", "disable_parallel_tool_use": False},
            {"tool_choice": "required", "parallel_tool_calls": True},
        ),
    ],
)
def test_tool_choice(choice: dict[str, Any], fields: dict[str, Any]) -> None:
    """Each choice in OpenAI's words; the switch on parallel calls only where it was sent."""
    chat = to_chat(body(tools=[TOOL], tool_choice=choice))
    found = {name: chat[name] for name in ("tool_choice", "parallel_tool_calls") if name in chat}
    assert found == fields


def test_streaming_asks_for_usage() -> None:
    """Anthropic's streams always end with it; other options of the client's stay."""
    assert to_chat(body(stream=True))["stream_options"] == {"include_usage": True}
    own = to_chat(body(stream=True, stream_options={"continuous_usage_stats": True}))
    assert own["stream_options"] == {"continuous_usage_stats": True, "include_usage": True}
    assert "stream_options" not in to_chat(body(stream=False))
    assert to_chat(body(stream=False))["stream"] is False


def test_the_user_id_is_openais_user() -> None:
    """The one field that metadata has."""
    assert to_chat(body(metadata={"user_id": "u1"}))["user"] == "u1"
    assert "user" not in to_chat(body(metadata={"user_id": None}))


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": None}, "messages", "Field required"),
    ({"messages": []}, "messages", "at least one"),
    ({"messages": "hi"}, "messages", "not a list"),
    ({"messages": ["hi"]}, "messages.0", "not an object"),
    ({"messages": [{"content": "hi"}]}, "messages.0.role", "Field required"),
    ({"messages": [{"role": "tool", "content": "hi"}]}, "messages.0.role", "user, assistant"),
    ({"messages": [{"role": "user"}]}, "messages.0.content", "Field required"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content", "5"),
    ({"messages": [{"role": "user", "content": []}]}, "messages.0.content", "empty"),
    ({"messages": [HELLO[0], {"role": "user", "content": [5]}]}, "messages.1.content.0", "object"),
    ({"system": 5}, "system", "neither text nor a list"),
    ({"system": [{"type": "image"}]}, "system.0.type", "text blocks only"),
    ({"tools": {}}, "tools", "not a list"),
    ({"tools": [{**TOOL, "name": None}]}, "tools.0.name", "Field required"),
    ({"tools": [{"name": "a"}]}, "tools.0.input_schema", "Field required"),
    ({"tools": [{**TOOL, "strict": "yes"}]}, "tools.0.strict", "true or false"),
    ({"tools": [{**TOOL, "defer_loading": True}]}, "tools.0.defer_loading", "no counterpart"),
    (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "tools.0.type",
        "of your own",
    ),
    ({"tool_choice": {"type": "all"}}, "tool_choice.type", "auto, any, none, tool"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name", "Field required"),
    (
        {
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "parallel_tool_calls": True,
        },
        "parallel_tool_calls",
        "one of the two",
    ),
    ({"metadata": {"team": "a"}}, "metadata.team", "user_id"),
    ({"stream": "yes"}, "stream", "true or false"),
    ({"container": "c1"}, "container", "Anthropic's own servers"),
    ({"mcp_servers": [{"type": "url"}]}, "mcp_servers", "Anthropic's own servers"),
    ({"n": 2}, "n", "/v1/chat/completions"),
    ({"logprobs": True}, "logprobs", "/v1/chat/completions"),
]


@pytest.mark.parametrize(("fields", "path", "told"), REFUSED, ids=lambda item: str(item)[:40])
def test_what_cannot_be_carried_is_refused(fields: dict[str, Any], path: str, told: str) -> None:
    """By its path, with the reason or the fix."""
    with pytest.raises(RequestError) as refused:
        to_chat(body(**fields))
    assert refused.value.param == path
    assert refused.value.message.startswith(f"{path}: ")
    assert told in refused.value.message


BLOCKS: list[tuple[str, dict[str, Any], str, str]] = [
    ("user", {"text": "hi"}, "type", "Field required"),
    ("user", {"type": "text", "text": 5}, "text", "not text"),
    ("user", {"type": "image"}, "source", "not an object"),
    (
        "user",
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        "source.type",
        "base64",
    ),
    ("user", {"type": "image", "source": {"type": "url"}}, "source.url", "Field required"),
    (
        "user",
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf"}},
        "source.type",
        "Send its text",
    ),
    ("user", {"type": "document", "citations": {"enabled": True}}, "citations", "Leave it out"),
    ("user", {"type": "search_result"}, "type", "text, image, document, tool_result"),
    ("user", {"type": "tool_result", "content": "x"}, "tool_use_id", "Field required"),
    (
        "user",
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_result"}]},
        "content.0.type",
        "text, image, document",
    ),
    (
        "user",
        {"type": "tool_result", "tool_use_id": "a", "is_error": "no"},
        "is_error",
        "true or false",
    ),
    ("user", {"type": "tool_use", "id": "a", "name": "n", "input": {}}, "type", "tool_result"),
    ("assistant", {"type": "tool_use", "id": "a", "name": "n"}, "input", "Field required"),
    ("assistant", {"type": "tool_use", "id": "a", "name": "n", "input": "{}"}, "input", "object"),
    ("assistant", {"type": "server_tool_use"}, "type", "redacted_thinking"),
]


@pytest.mark.parametrize(("role", "block", "path", "told"), BLOCKS, ids=lambda item: str(item)[:40])
def test_a_block_that_cannot_be_carried_is_refused(
    role: str, block: dict[str, Any], path: str, told: str
) -> None:
    """By its path within the conversation."""
    with pytest.raises(RequestError) as refused:
        to_chat(body(messages=[HELLO[0], {"role": role, "content": [block]}]))
    assert refused.value.param == f"messages.1.content.0.{path}"
    assert told in refused.value.message


def test_a_long_value_is_not_repeated_whole() -> None:
    """An error must not be as long as the image that caused it."""
    with pytest.raises(RequestError) as refused:
        to_chat(body(system={"data": "x" * 10_000}))
    assert len(refused.value.message) < 200


def test_the_text_to_count() -> None:
    """System, texts, thinking, calls, results and tools; no image; max_tokens is not needed."""
    request = {
        "model": "m",
        "system": "S1",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "T2"},
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/I"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "H3", "signature": ""},
                    {"type": "tool_use", "id": "a", "name": "N4", "input": {"A5": 1}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "a", "content": "R6"}],
            },
        ],
        "tools": [TOOL],
    }
    *texts, tool = countable_text(request).split("\n")
    assert texts == ["S1", "T2", "H3", "N4", '{"A5":1}', "R6"]
    assert json.loads(tool)["name"] == "get_stock_price"
    assert json.loads(tool)["parameters"] == TOOL["input_schema"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("type", "text", "source", "content", "role", "input", "id", "name")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ("text", "image", "tool_use", "tool_result", "thinking", "document", "user", "assistant")
)


@given(
    fields=st.dictionaries(
        st.sampled_from(("messages", "system", "tools", "tool_choice", "metadata", "stream", "n")),
        JSON
        | st.lists(
            st.fixed_dictionaries({"role": WORDS, "content": JSON})
            | st.fixed_dictionaries({"type": WORDS, "text": JSON}),
            max_size=3,
        ),
    )
)
def test_any_json_is_translated_or_refused_by_name(fields: dict[str, Any]) -> None:
    """No shape that a client sends is a fault of ours."""
    try:
        chat = to_chat(body(**fields))
    except RequestError as error:
        assert error.param is not None
        assert error.message.startswith(f"{error.param}: ")
    else:
        assert chat["messages"]


def test_the_former_field_for_a_schema_is_the_later_one() -> None:
    """Anthropic's structured outputs began with `output_format`; the normaliser knows the other."""
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    chat = to_chat(body(output_format=wanted, output_config={"effort": "low"}))
    assert chat["output_config"] == {"effort": "low", "format": wanted}
    assert "output_format" not in chat
    same = to_chat(body(output_format=wanted, output_config={"format": wanted}))
    assert same["output_config"] == {"format": wanted}
    assert "output_config" not in to_chat(body(output_format=None))
    with pytest.raises(RequestError, match="says something else than output_format"):
        to_chat(body(output_format=wanted, output_config={"format": {"type": "text"}}))
