"""Reading usage and finish reasons out of answers, however the network cut them."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.answers import ResponsesReader, StreamReader, read_plain
from tests.fake_engine import DONE, chat_answer, chunk

USAGE = {"prompt_tokens": 3, "completion_tokens": 0}
STREAM = chunk("Hel") + chunk("lo 你好") + chunk(None, "stop", usage=USAGE) + DONE


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_reads_the_same_wherever_it_is_cut(cuts: list[int]) -> None:
    """Events, lines and UTF-8 characters may be torn between two reads."""
    edges = [0, *sorted(cuts), len(STREAM)]
    reader = StreamReader(keep=True)
    for start, end in itertools.pairwise(edges):
        reader.feed(STREAM[start:end])
    facts = reader.facts()
    assert reader.content == STREAM
    assert reader.done
    assert reader.size == len(STREAM)
    assert facts.finish_reasons == ("stop",)
    assert facts.usage is not None
    assert (facts.usage.prompt_tokens, facts.usage.completion_tokens) == (3, 0)
    assert reader.text() == "Hello 你好"


RESPONSE = (
    b'event: response.created\r\ndata: {"type": "response.created"}\r\n\r\n'
    b'data: {"type": "response.output_text.delta", "delta": "a"}\n\n'
    b'data: {"type": "response.completed", "response": {"id": "r", "object": "response", '
    b'"status": "completed", "usage": {"input_tokens": 3, "output_tokens": 2}, "output": '
    b'[{"content": [{"text": "a"}]}]}}\n\n'
)


@given(
    cuts=st.lists(st.integers(0, len(RESPONSE)), max_size=60),
    done=st.sampled_from([b"", DONE]),
    keep=st.booleans(),
)
def test_a_responses_stream_reads_the_same_wherever_it_is_cut(
    cuts: list[int], done: bytes, keep: bool
) -> None:
    """The last event may come in more reads than are looked at of other streams."""
    whole = RESPONSE + done
    edges = [0, *sorted(cuts), len(whole)]
    reader = ResponsesReader(keep=keep)
    for start, end in itertools.pairwise(edges):
        reader.feed(whole[start:end])
    facts = reader.facts()
    assert (reader.done, reader.size, reader.at_boundary) == (True, len(whole), True)
    assert (facts.finish_reasons, facts.response_id) == (("completed",), "r")
    assert facts.usage is not None
    assert (facts.usage.prompt_tokens, facts.usage.completion_tokens) == (3, 2)
    assert reader.text() == ("a" if keep else "")


def test_a_responses_stream_without_its_end_is_not_done() -> None:
    """Only the last event ends it, and a text that names it does not."""
    reader = ResponsesReader(keep=False)
    named = json.dumps({"type": "response.output_text.delta", "delta": '"type":"response.failed"'})
    reader.feed(f"data: {named}\n\n".encode())
    assert not reader.done
    assert reader.facts().finish_reasons == ()


def test_the_boundary_between_events_is_known() -> None:
    """An error event must not be glued to half an event."""
    reader = StreamReader(keep=False)
    assert reader.at_boundary
    reader.feed(STREAM[:20])
    assert not reader.at_boundary
    reader.feed(STREAM[20 : len(chunk("Hel"))])
    assert reader.at_boundary


def test_nothing_is_kept_unless_asked() -> None:
    """Content is kept only for counting or storing it."""
    reader = StreamReader(keep=False)
    reader.feed(STREAM)
    assert reader.content is None


def test_a_plain_answer_gives_usage_and_reasons() -> None:
    """Counts come from the engine's own usage."""
    facts = read_plain(json.dumps(chat_answer("hi")).encode())
    assert facts is not None
    assert facts.usage is not None
    assert (facts.usage.prompt_tokens, facts.usage.source) == (3, "engine")
    assert (facts.finish_reasons, facts.response_id, facts.text) == (("stop",), "chatcmpl-1", "hi")


@given(st.binary(max_size=60))
def test_nonsense_gives_nothing(body: bytes) -> None:
    """Whatever an engine sends, reading it raises nothing."""
    read_plain(body)
    reader = StreamReader(keep=True)
    reader.feed(body)
    reader.facts()
    reader.text()


def test_a_text_that_says_done_is_no_end() -> None:
    """Only the event itself ends a stream."""
    reader = StreamReader(keep=False)
    reader.feed(chunk("the stream ends with [DONE]"))
    assert not reader.done


def test_each_of_several_choices_has_its_reason() -> None:
    """Also one that finished long before the end."""
    reader = StreamReader(keep=False, several=True)
    reader.feed(chunk(None, "length"))
    for _ in range(40):
        reader.feed(chunk("a"))
    reader.feed(chunk(None, "stop") + DONE)
    assert reader.facts().finish_reasons == ("length", "stop")


def test_an_error_event_is_read() -> None:
    """What an engine says in the middle of a stream."""
    reader = StreamReader(keep=False)
    reader.feed(b'data: {"error": {"message": "out of memory"}}\n\n' + DONE)
    assert reader.facts().error == "out of memory"
