"""Chunks become the body of the plain answer, whatever the server splits, repeats or leaves out."""

from typing import Any

import pytest

from evenhand_evals.errors import AnswerUnreadable
from evenhand_evals.http.chunks import Chunks
from evenhand_evals.wire import fault, parse_completion

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "tiny"}


def chunk(delta: dict[str, Any] | None = None, index: int = 0, **choice: Any) -> dict[str, Any]:
    """Make a chunk with one choice."""
    return {**HEAD, "choices": [{"index": index, "delta": delta or {}, **choice}]}


def put_together(*chunks: dict[str, Any]) -> dict[str, Any]:
    """Give the body of these chunks, which end the answer."""
    found = Chunks()
    for each in chunks:
        found.add(each)
    assert found.unfinished is None
    return found.body()


def test_the_body_of_a_chat() -> None:
    """Text, thinking and refusal joined; what is null and what comes once as a plain answer has."""
    body = put_together(
        chunk({"role": "assistant", "content": None, "reasoning_content": "H"}, logprobs=None),
        chunk({"role": None, "content": "", "reasoning_content": "m"}),
        chunk({"content": "y"}, finish_reason=None, matched_stop=None),
        chunk({"content": "es"}, finish_reason=""),
        chunk({}, finish_reason="stop", matched_stop=5),
        {**HEAD, "created": 9, "choices": [], "usage": {"completion_tokens": 3}},
    )
    message = {"role": "assistant", "content": "yes", "reasoning_content": "Hm"}
    choice = {"finish_reason": "stop", "logprobs": None, "matched_stop": 5, "message": message}
    assert body == {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, **choice}],
        "usage": {"completion_tokens": 3},
    }
    assert fault(body) is None


def test_the_last_usage_counts() -> None:
    """Where a server counts along, its last count is that of the whole answer."""
    counting = ({**chunk({"content": "x"}), "usage": {"completion_tokens": n}} for n in (1, 2))
    body = put_together(*counting, chunk(finish_reason="length"))
    assert body["usage"] == {"completion_tokens": 2}


def test_calls_of_tools_are_merged_by_index() -> None:
    """Names come once or are repeated, arguments in pieces, and a call may have none."""
    body = put_together(
        chunk({"role": "assistant", "content": None}),
        chunk({"tool_calls": [call(0, "a", "look", '{"x"')]}),
        chunk({"tool_calls": [call(1, "b", "see", None)]}),
        chunk({"tool_calls": [call(0, None, None, ": 1}"), call(1, "b", "see", "{}")]}),
        chunk(finish_reason="tool_calls"),
    )
    completion = parse_completion(body)
    assert completion is not None
    assert [(each.name, each.arguments) for each in completion.tool_calls] == [
        ("look", '{"x": 1}'),
        ("see", "{}"),
    ]
    assert [each["id"] for each in body["choices"][0]["message"]["tool_calls"]] == ["a", "b"]
    assert "index" not in body["choices"][0]["message"]["tool_calls"][0]
    assert body["choices"][0]["message"]["content"] is None


def call(index: int | None, identity: str | None, name: str | None, text: str | None) -> Any:
    """Make a piece of a call."""
    function = {"name": name, "arguments": text}
    piece: dict[str, Any] = {"type": "function", "function": function}
    piece |= {} if index is None else {"index": index}
    return piece | ({} if identity is None else {"id": identity})


@pytest.mark.parametrize("index", [0, None], ids=["all the first", "no index"])
def test_calls_without_an_index_of_their_own(index: int | None) -> None:
    """Another id begins another call, a piece without one goes on with the last."""
    body = put_together(
        chunk({"tool_calls": [call(index, "a", "look", "{}")]}),
        chunk({"tool_calls": [call(index, "b", "see", '{"y":')]}),
        chunk({"tool_calls": [call(1 if index == 0 else None, None, None, "2}")]}),
        chunk(finish_reason="tool_calls"),
    )
    calls = body["choices"][0]["message"]["tool_calls"]
    assert [each["function"]["arguments"] for each in calls] == ["{}", '{"y":2}']


CALLS = [("a", "look", '{"x":1}'), ("b", "find", '{"y":2}')]


@pytest.mark.parametrize(
    "pieces",
    [
        [call(0, "a", "look", ""), call(0, None, None, '{"x":1}'), call(0, "b", "find", '{"y":2}')],
        [
            call(None, "a", "look", '{"x"'),
            call(None, "a", None, ":1}"),
            call(1, "b", "find", CALLS[1][2]),
        ],
        [call(0, "b", "find", '{"y"'), call(0, "a", "look", '{"x":1}'), call(0, "b", None, ":2}")],
    ],
)
def test_pieces_go_to_the_call_of_their_id(pieces: list[Any]) -> None:
    """Whatever index a server gives, or none."""
    parts = (chunk({"tool_calls": [piece]}) for piece in pieces)
    calls = put_together(*parts, chunk(finish_reason="tool_calls"))["choices"][0]["message"]
    told = [
        (each["id"], each["function"]["name"], each["function"]["arguments"])
        for each in calls["tool_calls"]
    ]
    assert sorted(told) == CALLS


@pytest.mark.parametrize("index", [0, None])
@pytest.mark.parametrize("identity", ["", None])
@pytest.mark.parametrize("names", [("f", "g"), ("f", "f")])
def test_whole_calls_without_an_id(
    index: int | None, identity: str | None, names: tuple[str, str]
) -> None:
    """Each that names a function after a whole one is another call."""
    pieces = [call(index, identity, name, '{"x":1}') for name in names]
    parts = (chunk({"tool_calls": [piece]}) for piece in pieces)
    body = put_together(*parts, chunk(finish_reason="tool_calls"))
    calls = body["choices"][0]["message"]["tool_calls"]
    assert tuple(each["function"]["name"] for each in calls) == names


def test_a_name_repeated_with_every_piece() -> None:
    """It is the same call as long as its arguments are not whole."""
    pieces = [call(0, None, "f", '{"x"'), call(0, None, "f", ":1}")]
    parts = (chunk({"tool_calls": [piece]}) for piece in pieces)
    body = put_together(*parts, chunk(finish_reason="tool_calls"))
    (only,) = body["choices"][0]["message"]["tool_calls"]
    assert only["function"]["arguments"] == '{"x":1}'


def test_parts_before_a_text() -> None:
    """Thinking in a part, and then plain text: a content of parts, as in the plain answer."""
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    body = put_together(
        chunk({"content": [part]}), chunk({"content": "4"}), chunk(finish_reason="stop")
    )
    assert body["choices"][0]["message"]["content"] == [part, {"type": "text", "text": "4"}]


def test_choices_go_by_their_index() -> None:
    """However they are interleaved."""
    body = put_together(
        chunk({"content": "b"}, 1),
        chunk({"content": "a"}, 0),
        chunk({"content": "B"}, 1, finish_reason="stop"),
        chunk({"content": "A"}, 0, finish_reason="length"),
    )
    found = [(each["message"]["content"], each["finish_reason"]) for each in body["choices"]]
    assert found == [("aA", "length"), ("bB", "stop")]


def test_log_probabilities_are_put_one_after_another() -> None:
    """Those of chat are a list of objects, those of completions are lists side by side."""
    body = put_together(
        chunk({"content": "a"}, logprobs={"content": [{"token": "a"}], "refusal": None}),
        chunk({"content": "b"}, logprobs={"content": [{"token": "b"}]}, finish_reason="stop"),
    )
    tokens = [each["token"] for each in body["choices"][0]["logprobs"]["content"]]
    assert tokens == ["a", "b"]


def test_the_body_of_a_text() -> None:
    """Completions have a text in the place of a delta."""
    body = put_together(
        {"object": "text_completion", "choices": [{"index": 0, "text": "on", "logprobs": None}]},
        {"choices": [{"text": "ce", "logprobs": {"tokens": ["ce"], "top_logprobs": None}}]},
        {"choices": [{"text": "", "finish_reason": "length"}]},
    )
    assert body["object"] == "text_completion"
    assert body["choices"][0]["text"] == "once"
    assert body["choices"][0]["logprobs"] == {"tokens": ["ce"], "top_logprobs": None}
    assert fault(body, "text") is None


def test_content_in_parts() -> None:
    """Lists of parts are put one after another, as the readers take them."""
    part = {"type": "text", "text": "yes"}
    body = put_together(
        chunk({"content": [part]}), chunk({"content": [part]}, finish_reason="stop")
    )
    completion = parse_completion(body)
    assert completion is not None
    assert completion.text == "yesyes"


@pytest.mark.parametrize(
    "chunks",
    [
        ({"choices": "none"},),
        ({"choices": ["none"]},),
        (chunk({"tool_calls": {}}),),
        ({"choices": [{"index": "0", "delta": {}}]},),
        ({"choices": [{"delta": "text"}]},),
        (chunk(logprobs=[1]), chunk(logprobs={"content": []})),
    ],
)
def test_chunks_that_cannot_be_put_together(chunks: tuple[dict[str, Any], ...]) -> None:
    """They are an answer that cannot be read, not one with a hole."""
    found = Chunks()
    with pytest.raises(AnswerUnreadable, match=r"kind|not a list|shape"):
        for each in chunks:
            found.add(each)


@pytest.mark.parametrize(
    ("chunks", "missing"),
    [
        ((), "no answer"),
        (({"choices": []},), "no answer"),
        ((chunk({"content": "a"}),), "finish_reason"),
        ((chunk({"content": "a"}, finish_reason="stop"), chunk({"content": "b"}, 1)), "finish"),
    ],
)
def test_half_an_answer(chunks: tuple[dict[str, Any], ...], missing: str) -> None:
    """Every choice has to say how it ended."""
    found = Chunks()
    for each in chunks:
        found.add(each)
    assert missing in (found.unfinished or "")


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        ({"role": "assistant"}, False),
        ({"role": "assistant", "content": ""}, False),
        ({"content": "a"}, True),
        ({"reasoning_content": "a"}, True),
        ({"reasoning": "a"}, True),
        ({"tool_calls": [call(0, "a", "look", "")]}, True),
    ],
)
def test_the_first_token(delta: dict[str, Any], said: bool) -> None:
    """It is the first chunk that says something, be it thinking or a call."""
    found = Chunks()
    found.add(chunk(delta))
    assert found.said == said
