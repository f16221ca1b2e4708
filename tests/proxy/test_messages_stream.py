"""A chat stream becomes Anthropic's events, however the network cuts it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evenhand_proxy.errors import UpstreamTimeout
from evenhand_proxy.messages import MessageStream
from tests.fake_engine import DONE
from tests.proxy.messages_chats import Chat, data, event, events, pieces

WEATHER = Chat(
    thinking=("Which ", "city?"),
    text=("Let me ", "look 你好😀."),
    calls=(("weather", ('{"city": "', "Zür", 'ich"}')), ("now", ("{}",))),
    finish="tool_calls",
)


def translated(stream: bytes, *, stops: tuple[str, ...] = ()) -> bytes:
    """The whole stream, in one read."""
    translator = MessageStream("m", stops)
    return translator.feed(stream) + translator.finish()


def tool(index: int, arguments: str = "", name: str = "", identity: str | None = None) -> bytes:
    """One piece of a tool call."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return event({"tool_calls": [{"index": index, "id": identity, "function": function}]})


def contents(stream: bytes) -> list[Any]:
    """The content blocks that a client puts together; blocks must follow one another."""
    blocks: list[Any] = []
    standing = False
    for kind, document in events(stream):
        if kind == "content_block_start":
            assert not standing
            assert document["index"] == len(blocks)
            standing = True
            block = document["content_block"]
            blocks.append([block["type"], block.get("name"), ""])
        elif kind == "content_block_delta":
            assert standing
            assert document["index"] == len(blocks) - 1
            delta = dict(document["delta"])
            del delta["type"]
            blocks[-1][2] += "".join(delta.values())
        elif kind == "content_block_stop":
            assert document["index"] == len(blocks) - 1
            standing = False
    return [tuple(block) for block in blocks]


def problem(stream: bytes) -> tuple[str, str]:
    """The type and message of the error with which a stream ends."""
    kind, document = events(stream)[-1]
    assert kind == "error"
    assert "message_stop" not in [name for name, _ in events(stream)]
    error = document["error"]
    return error["type"], error["message"]


def test_the_events_of_a_text() -> None:
    """By hand from the streaming guide: each event with every field."""
    stream = Chat(text=("Hello", "!")).stream()
    message: dict[str, Any] = {
        "id": "msg_9",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    usage = {"input_tokens": 8, "output_tokens": 9, "cache_read_input_tokens": 32}
    assert [document for _, document in events(translated(stream))] == [
        {"type": "message_start", "message": message},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hello"},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "!"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]


def test_thinking_text_and_tools() -> None:
    """Each kind of block begins and grows with the fields of its own."""
    found = [document for _, document in events(translated(WEATHER.stream()))]
    starts = [item["content_block"] for item in found if item["type"] == "content_block_start"]
    assert starts == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "call_0", "name": "weather", "input": {}},
        {"type": "tool_use", "id": "call_1", "name": "now", "input": {}},
    ]
    deltas = [item["delta"] for item in found if item["type"] == "content_block_delta"]
    assert deltas[0] == {"type": "thinking_delta", "thinking": "Which "}
    assert deltas[4] == {"type": "input_json_delta", "partial_json": '{"city": "'}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    assert contents(translated(WEATHER.stream())) == [
        ("thinking", None, "Which city?"),
        ("text", None, "Let me look 你好😀."),
        ("tool_use", "weather", '{"city": "Zürich"}'),
        ("tool_use", "now", "{}"),
    ]


def test_a_piece_is_given_as_soon_as_it_is_there() -> None:
    """Nothing is held back until the next read, tool calls of a well-behaved engine included."""
    translator = MessageStream("m")
    assert b"message_start" in translator.feed(event({"role": "assistant"}))
    assert b"Hel" in translator.feed(event({"content": "Hel"}))
    assert b"weather" in translator.feed(tool(0, name="weather", identity="a"))
    assert b"42" in translator.feed(tool(0, '{"a": 42}'))
    assert b"now" in translator.feed(tool(1, name="now", identity="b"))
    assert translator.feed(tool(1, "{}")[:-2]) == b""
    assert b"{}" in translator.feed(b"\n\n")


@given(
    cuts=st.lists(st.integers(0, 5000), max_size=30), end=st.sampled_from((b"\n", b"\r\n", b"\r"))
)
def test_the_translation_is_the_same_wherever_it_is_cut(cuts: list[int], end: bytes) -> None:
    """Lines, line ends and UTF-8 characters may be torn, and reads may be empty."""
    translator = MessageStream("m")
    stream = WEATHER.stream(end)
    given_bytes = b"".join(translator.feed(piece) for piece in pieces(stream, cuts))
    assert given_bytes + translator.finish() == translated(WEATHER.stream())


def test_one_byte_at_a_time() -> None:
    """The finest cut."""
    translator = MessageStream("m")
    stream = b": keep-alive\r\n\r\n" + WEATHER.stream(b"\r\n")
    found = b"".join(translator.feed(stream[at : at + 1]) for at in range(len(stream)))
    assert found == b'event: ping\ndata: {"type":"ping"}\n\n' + translated(WEATHER.stream())
    assert translator.over
    assert translator.finish() == b""


def test_an_event_of_several_lines_is_read_wherever_it_is_cut() -> None:
    """Between CR and LF stands no empty line, which would end the event too early."""
    said = event({"content": "x"}, "stop").replace(b", ", b",\r\ndata: ").replace(b"\n\n", b"")
    stream = said + b"\r\n\r\n"
    assert stream.count(b"data: ") > 3
    for at in range(len(stream)):
        translator = MessageStream("m")
        found = translator.feed(stream[:at]) + translator.feed(stream[at:]) + translator.finish()
        assert contents(found) == [("text", None, "x")]


TORN = [
    b"data: [DONE]\n\n",
    b"data: {\n\n",
    b"data: {}\n\n",
    b"data: []\n\n",
    b"data: \xff\n\n",
    b": ping\n\n",
    b"\r",
    b"\n",
    b'data: {"error": {"message": "\\ud83d", "code": "429"}}\n\n',
    b'data: {"id": "\\ud83d", "choices": [{"delta": {"content": "\\ud83d"}}]}\n\n',
    b'data: {"choices": [{"index": 7}, 5]}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": [{"function": {"name": "\\ud83d"}}]}}]}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": [{}, 5]}, "finish_reason": 5}]}\n\n',
    b"data: " + b'{"error":' * 1010 + b"1" + b"}" * 1010 + b"\n\n",
    b"data: " + b"[" * 5000 + b"\n\n",
    b'data: {"usage": {"prompt_tokens": 99999999999999999999999, "completion_tokens": 1e5}}\n\n',
]


@given(st.lists(st.binary(max_size=20) | st.sampled_from(TORN), max_size=12))
@example(TORN[:1])
def test_nothing_is_ever_raised(reads: list[bytes]) -> None:
    """Any bytes end in message_stop or in an error, in events that can be read."""
    translator = MessageStream("m")
    given_bytes = b"".join(translator.feed(piece) for piece in reads) + translator.finish()
    last, _ = events(given_bytes)[-1]
    assert last in ("message_stop", "error")
    assert translator.over


@pytest.mark.parametrize("torn", TORN)
def test_each_oddity_alone(torn: bytes) -> None:
    """None of them is a complete answer."""
    assert problem(translated(torn))[1]


def test_calls_that_take_turns_follow_one_another() -> None:
    """Anthropic's blocks do not interleave: the second waits for the first one's end."""
    stream = (
        tool(0, name="a", identity="x")
        + tool(1, name="b", identity="y")
        + tool(0, '{"n":')
        + tool(1, '{"m":')
        + event({"content": "so"})
        + tool(0, "1}")
        + tool(1, "2}")
        + event({}, "tool_calls")
        + DONE
    )
    assert contents(translated(stream)) == [
        ("tool_use", "a", '{"n":1}'),
        ("tool_use", "b", '{"m":2}'),
        ("text", None, "so"),
    ]


def test_calls_that_wait_keep_their_order() -> None:
    """A third call does not overtake the second when the first is complete at last."""
    stream = (
        tool(0, "{", "a", "x")
        + tool(1, "{}", "b", "y")
        + tool(0, "}")
        + tool(2, "{}", "c", "z")
        + event({}, "tool_calls")
    )
    assert [name for _, name, _ in contents(translated(stream))] == ["a", "b", "c"]


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    """Gemini's OpenAI route numbers every call 0."""
    stream = tool(0, "{}", "a", "x") + tool(0, '{"n":1}', "b", "y") + event({}, "stop") + DONE
    assert contents(translated(stream)) == [
        ("tool_use", "a", "{}"),
        ("tool_use", "b", '{"n":1}'),
    ]
    assert events(translated(stream))[-2][1]["delta"]["stop_reason"] == "tool_use"


def test_an_engine_that_repeats_name_and_id_means_one_call() -> None:
    """Some send both with every piece."""
    stream = tool(0, '{"n"', "a", "x") + tool(0, ":1}", "a", "x") + event({}, "stop") + DONE
    assert contents(translated(stream)) == [("tool_use", "a", '{"n":1}')]


def test_a_call_cannot_go_on_after_its_end() -> None:
    """Its block is closed; blanks say nothing, more would be lost."""
    begun = tool(0, "{}", "a", "x") + tool(1, "{}", "b", "y")
    assert "message_stop" in [
        name for name, _ in events(translated(begun + tool(0, " \n") + event({}, "stop") + DONE))
    ]
    assert "after its end" in problem(translated(begun + tool(0, "{}")))[1]


def test_a_call_that_waits_cannot_be_mistaken_for_one_that_ended() -> None:
    """The same, while another call waits."""
    begun = tool(0, "{}", "a", "x") + tool(1, "{", "b", "y") + tool(2, "{}", "c", "z")
    assert "after its end" in problem(translated(begun + tool(0, "{}")))[1]


def test_a_nameless_call_is_an_error() -> None:
    """No tool can be meant; an empty delta means nothing at all."""
    assert "without a name" in problem(translated(tool(0, "{}")))[1]
    stream = event({"tool_calls": [{"index": 0}]}) + event({"content": "x"}, "stop") + DONE
    assert contents(translated(stream)) == [("text", None, "x")]


def test_reasoning_may_come_back() -> None:
    """Thinking, text, thinking: three blocks."""
    stream = (
        event({"reasoning": "a"})
        + event({"content": "b"})
        + event({"reasoning_content": "c"})
        + event({}, "stop")
        + DONE
    )
    assert contents(translated(stream)) == [
        ("thinking", None, "a"),
        ("text", None, "b"),
        ("thinking", None, "c"),
    ]


def test_a_pair_split_over_two_events_is_joined() -> None:
    """In text, in the input of a tool, and lone halves at the end of a block."""
    halves = [json.loads('"\\ud83d"'), json.loads('"\\ude00"')]

    def escaped(delta: dict[str, Any]) -> bytes:
        said = {"id": "chatcmpl-9", "choices": [{"delta": delta}]}
        return b"data: " + json.dumps(said).encode() + b"\n\n"

    stream = b"".join(escaped({"content": f"x{half}"[at:]}) for at, half in enumerate(halves))
    stream += escaped({"content": halves[0]}) + escaped({"reasoning": "y"}) + event({}, "stop")
    assert contents(translated(stream + DONE)) == [
        ("text", None, "x😀\ufffd"),
        ("thinking", None, "y"),
    ]


@pytest.mark.parametrize(
    ("document", "kind", "told"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, "api_error", "out of memory"),
        ({"error": {"message": "busy", "code": 503}}, "overloaded_error", "busy"),
        ({"error": {"message": "slow", "code": "429"}}, "rate_limit_error", "slow"),
        ({"error": {"message": "long", "code": "too_long"}}, "api_error", "long"),
        ({"object": "error", "message": "bad", "code": 400}, "invalid_request_error", "bad"),
        ({"error": "gone"}, "api_error", "gone"),
    ],
)
def test_an_engines_error_in_the_stream(document: Any, kind: str, told: str) -> None:
    """It becomes Anthropic's error event, and nothing follows it."""
    stream = event({"content": "Hel"}) + data(document) + event({"content": "lo"}, "stop") + DONE
    found = translated(stream)
    assert problem(found) == (kind, told)
    assert [name for name, _ in events(found)][-2] == "content_block_delta"


@pytest.mark.parametrize("end", [b"", DONE, b"data: [DO"])
def test_an_end_without_a_finish_reason_is_an_error(end: bytes) -> None:
    """A part of an answer must not pass for a whole one."""
    kind, told = problem(translated(event({"content": "Hel"}) + end))
    assert (kind, "without a finish reason" in told) == ("api_error", True)
    assert problem(translated(end))[0] == "api_error"


def test_an_aborted_answer_is_an_error() -> None:
    """SGLang finishes it with "abort"."""
    told = problem(translated(event({"content": "x"}) + event({}, "abort") + DONE))[1]
    assert "abort" in told


@pytest.mark.parametrize("end", [b"", b"data: [DONE]", b"data: [DO", b"data: {"])
def test_a_finished_answer_needs_no_done(end: bytes) -> None:
    """The finish reason is what tells that it is complete."""
    stream = event({"content": "x"}) + event({}, "length") + end
    assert events(translated(stream))[-2][1]["delta"]["stop_reason"] == "max_tokens"


def test_an_event_that_is_not_json_is_an_error() -> None:
    """Text that cannot be read would be lost in silence."""
    assert "not JSON" in problem(translated(event({"content": "x"}) + b"data: {oops\n\n"))[1]


def test_an_empty_answer() -> None:
    """No block, and still a message."""
    found = translated(Chat().stream())
    names = [name for name, _ in events(found)]
    assert names == ["message_start", "message_delta", "message_stop"]


def test_an_answer_without_usage() -> None:
    """The required counts are 0, the others are left out."""
    found = events(translated(Chat(text=("x",), usage=None).stream()))
    assert found[-2][1]["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_usage_may_come_early() -> None:
    """With the finish reason, or running with every event; null is no news."""
    counted = {"prompt_tokens": 4, "completion_tokens": 1}
    said = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    first = data({"id": "chatcmpl-9", "choices": [said], "usage": counted})
    found = events(translated(first + data({"choices": [], "usage": None}) + DONE))
    counts = {"input_tokens": 4, "output_tokens": 1}
    assert (found[0][1]["message"]["usage"], found[-2][1]["usage"]) == (counts, counts)


def test_a_refusal_is_said_and_marked() -> None:
    """OpenAI streams it in a field of its own."""
    stream = event({"refusal": "I "}) + event({"refusal": "can't."}) + event({}, "stop") + DONE
    assert contents(translated(stream)) == [("text", None, "I can't.")]
    assert events(translated(stream))[-2][1]["delta"]["stop_reason"] == "refusal"


def test_a_stop_sequence_is_named() -> None:
    """Only one of the client's own."""
    stream = Chat(text=("x",), choice={"matched_stop": "END"}).stream()
    ending = events(translated(stream, stops=("END",)))[-2][1]["delta"]
    assert ending == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert events(translated(stream))[-2][1]["delta"]["stop_reason"] == "end_turn"


def test_other_choices_are_left_out() -> None:
    """A Message holds one answer."""
    second = data({"choices": [{"index": 1, "delta": {"content": "no"}}]})
    stream = event({"content": "yes"}) + second + event({}, "stop") + DONE
    assert contents(translated(stream)) == [("text", None, "yes")]


def test_our_own_error_ends_the_stream_once() -> None:
    """For a lost connection or a time limit; nothing follows."""
    translator = MessageStream("m")
    begun = translator.feed(event({"content": "Hel"}))
    failed = translator.fail(UpstreamTimeout("The engine was silent for 5 s."))
    assert problem(begun + failed) == ("timeout_error", "The engine was silent for 5 s.")
    assert translator.feed(DONE) + translator.finish() == b""
    assert translator.fail(UpstreamTimeout("again")) == b""
