"""Streams as servers really send them, cut anywhere: the plain answer, or no answer at all."""

import asyncio
import json
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.http.client import Client, Exchange
from evenhand_evals.http.stream import Mould, Stream, told
from tests.evals.fake import QUICK
from tests.evals.test_http_connections import Serve, listening

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "tiny"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
DONE = b"data: [DONE]\n\n"
PROMPT = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "stream": True}


def event(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    """Write an event with one choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": None, **more}
    return said({**HEAD, "choices": [choice]})


def said(document: Any) -> bytes:
    """Write an event as a server that keeps characters as they are."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def text(content: str) -> bytes:
    """Write an event that holds a piece of the text only."""
    return event({"content": content})


END = event(finish_reason="stop") + said({**HEAD, "choices": [], "usage": USAGE}) + DONE
WHOLE = event({"role": "assistant", "content": ""}) + text("ye") + text("s") + END


def read(*reads: bytes, batch: int = 1 << 15) -> Stream:
    """Read a stream to its end."""
    stream = Stream(batch)
    for each in reads:
        stream.feed(each)
    stream.finish()
    return stream


def content_of(stream: Stream) -> str:
    """Give the text of a whole answer."""
    assert stream.broken is None
    content: str = stream.body()["choices"][0]["message"]["content"]
    return content


def test_the_plain_answer() -> None:
    """The body has what a plain one has; chunks are counted without the end."""
    stream = read(WHOLE)
    message = {"role": "assistant", "content": "yes"}
    assert stream.body() == {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": USAGE,
    }
    assert stream.chunks == 5
    assert stream.first_token is not None


PIECES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=30)
BETWEEN = st.sampled_from(
    [b"", b"", b"", b"", b": ping\n\n", b"\n", b":\n\n\n", b"event: message\n", b"id: 1\ndata:\n"]
)


@given(
    pieces=PIECES,
    thinking=PIECES,
    between=st.lists(BETWEEN, min_size=61, max_size=61),
    cuts=st.lists(st.floats(0, 1), max_size=12),
    batch=st.integers(1, 3000),
    ends=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_any_cut_gives_the_same_answer(
    pieces: list[str],
    thinking: list[str],
    between: list[bytes],
    cuts: list[float],
    batch: int,
    ends: bytes,
) -> None:
    """Whatever stands between events, however lines end, wherever reads end and however many."""
    events = [event({"reasoning_content": each}) for each in thinking] + list(map(text, pieces))
    mixed = b"".join(b"%b%b" % pair for pair in zip(between, events, strict=False))
    whole = (mixed + END).replace(b"\n", ends)
    places = [0, *sorted(int(cut * len(whole)) for cut in cuts), len(whole)]
    stream = read(*(whole[start:end] for start, end in pairwise(places)), batch=batch)
    assert stream.broken is None
    message = stream.body()["choices"][0]["message"]
    assert (message["content"] or "") == "".join(pieces)
    assert message.get("reasoning_content", "") == "".join(thinking)
    assert stream.chunks == len(events) + 2
    assert stream.body() == read(whole).body()


def test_every_cut_of_one_answer() -> None:
    """Also where a line ends with two bytes."""
    whole = WHOLE.replace(b"\n", b"\r\n")
    expected = read(whole).body()
    for place in range(len(whole)):
        assert read(whole[:place], whole[place:], batch=1).body() == expected


def test_data_of_several_lines() -> None:
    """Lines of data of one event are one JSON document."""
    lines = json.dumps(json.loads(text("yes")[6:]), indent=1).replace("\n", "\ndata: ")
    assert content_of(read(f"data: {lines}\n\n".encode() + END)) == "yes"


def test_an_end_without_an_empty_line() -> None:
    """What stands in the last line counts."""
    assert content_of(read(text("yes") + END.removesuffix(DONE).removesuffix(b"\n\n"))) == "yes"


def test_events_that_are_alike_are_read_without_being_parsed_one_by_one() -> None:
    """Between others, before and after them."""
    mould = Mould.of(text("a").removesuffix(b"\n\n"), json.loads(text("a")[6:]))
    assert mould is not None
    alike = [each.removesuffix(b"\n\n") for each in (text('"\\ \n'), text(""), text("茶"))]
    end = END.split(b"\n\n")
    assert mould.cast([b": ping", *alike, *end]) == ([b": ping"], ['"\\ \n', "", "茶"], end)
    assert mould.cast(end) == (end, [], [])
    assert mould.cast([*alike, b": ping", *alike])[1] == []


@pytest.mark.parametrize(
    "other",
    [
        event({"content": "a", "tool_calls": [{"index": 0}]}),
        event({"content": "a", "reasoning": "b"}),
        event({"content": "a"}, logprobs={"content": [{"token": "a"}]}),
        event({"content": "a"}, finish_reason="stop"),
        event({"content": "a"}, token_ids=[5]),
        event({"content": ""}),
        said({**HEAD, "usage": USAGE, "choices": [{"index": 0, "delta": {"content": "a"}}]}),
        said({**HEAD, "content": "a", "choices": [{"index": 0, "delta": {}}]}),
        said({"choices": [{"delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]}),
    ],
)
def test_events_that_are_no_mould(other: bytes) -> None:
    """What adds to anything but one text is read each time."""
    assert Mould.of(other.removesuffix(b"\n\n"), json.loads(other[6:])) is None


def test_what_looks_like_the_mould_and_is_not() -> None:
    """A text with more fields behind it, a broken one, and one that goes on in the next event."""
    mould = Mould.of(text("a").removesuffix(b"\n\n"), json.loads(text("a")[6:]))
    assert mould is not None
    a, b = mould.before, mould.after
    for inner in (b'x", "y": "z', b"x\\", b"x\ny", b'x", "y', b"\xff"):
        events = [a + b"p" + b, a + inner + b, a + b"q" + b]
        assert mould.cast(events) == (events, [], [])
    short = [a + b[1:]]
    assert mould.cast(short) == (short, [], [])


TURNS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["content", "reasoning_content"]),
        st.text('a,("4\\', min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@given(TURNS, st.lists(st.integers(1, 8), min_size=1), st.sampled_from([1, 200, 1 << 15]))
def test_every_piece_lands_in_its_own_place(
    pieces: list[tuple[int, str, str]], cuts: list[int], batch: int
) -> None:
    """Choices and fields that take turns, in any order, are never mixed up."""
    events = [event({field: piece}, index=index) for index, field, piece in pieces]
    events += [event(index=index, finish_reason="stop") for index in {each[0] for each in pieces}]
    stream, reads = Stream(batch), list(events)
    for cut in cuts:
        stream.feed(b"".join(reads[:cut]))
        reads = reads[cut:]
    stream.feed(b"".join(reads))
    stream.finish()
    assert stream.broken is None
    for choice in stream.body()["choices"]:
        for field in ("content", "reasoning_content"):
            told = [p for index, name, p in pieces if (index, name) == (choice["index"], field)]
            assert (choice["message"].get(field) or "") == "".join(told)


def test_a_byte_order_mark() -> None:
    """It belongs to the encoding, and not to the first event."""
    assert content_of(read(b"\xef\xbb\xbf" + text("A") + text("B") + END)) == "AB"


def test_an_event_of_the_kind_error() -> None:
    """What it says went wrong is kept, though its data has no `error`."""
    stream = read(text("A"), b'event: error\ndata: {"message": "boom", "code": 500}\n\n', END)
    assert stream.broken is not None
    assert stream.error == {"error": {"message": "boom", "code": 500}}


def test_equal_log_probabilities_are_all_kept() -> None:
    """Events that are the same to the last byte still add up."""
    same = event({"content": "a"}, logprobs={"content": [{"token": "a", "logprob": -1.0}]})
    stream = read(*[same] * 20, END, batch=1)
    assert len(stream.body()["choices"][0]["logprobs"]["content"]) == 20


def test_nothing_of_a_chunk_stays_but_its_text() -> None:
    """Of a long stream no more is held than the text and one batch, however it is read."""
    alike, other = text("tea! "), event({"content": "tea! "}, token_ids=[])
    for each in (alike, other.replace(b"[]", b"0")):
        tracemalloc.start()
        stream = Stream()
        for _ in range(20_000):
            stream.feed(each)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.chunks > 19_000
        assert most < 20_000 * len(each) / 4


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "holds no answer"),
        (DONE, "holds no answer"),
        (text("ye"), "no finish_reason"),
        (text("ye") + DONE, "no finish_reason"),
        (WHOLE.replace(b'"s"', b'"s'), "no JSON"),
        (text("ye") + b"data: 5\n\n" + END, "not an object"),
        (text("ye") + b'data: {"choices": [{"delta": {"content": {}}}]}\n\n' + END, "kind"),
        (WHOLE.removesuffix(DONE) + b'data: {"choices"', "no JSON"),
    ],
)
def test_half_an_answer_is_none(sent: bytes, reason: str) -> None:
    """Whatever is missing or broken, and wherever reads end."""
    assert reason in (read(sent).broken or "")
    cut = len(sent) // 2
    assert reason in (read(sent[:cut], sent[cut:], batch=1).broken or "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"error": {"message": "too long", "code": 400}}, 400),
        ({"object": "error", "message": "too long", "code": 503}, 503),
        ({"error": {"message": "no", "code": "rate_limit"}}, None),
        ({"error": "no"}, None),
        ({"error": {"message": "no", "code": 7}}, None),
    ],
)
def test_the_status_that_an_error_names(error: dict[str, Any], status: int | None) -> None:
    """The error ends the answer, and nothing after it counts."""
    stream = read(text("ye") + said(error) + END)
    assert stream.error == error
    assert stream.broken is not None
    assert told(error) == status


async def asked(*answers: Sequence[bytes], kind: str = "text/event-stream") -> Exchange:
    """Ask a server that gives these answers in turn, each in writes; the last again and again."""
    given = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-len"))
            await reader.readexactly(int(length.split(b":")[1]))
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n")
            writer.write(f"content-type: {kind}; charset=utf-8\r\n\r\n".encode())
            pieces = given.pop(0) if len(given) > 1 else given[0]
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"")
                await writer.drain()
                await asyncio.sleep(0)
            if not pieces[-1]:
                return
            writer.write(b"0\r\n\r\n")

    return await _ask(serve)


async def _ask(serve: Serve) -> Exchange:
    async with (
        listening(serve) as port,
        Client(f"http://127.0.0.1:{port}", backoff=QUICK) as client,
    ):
        return await client.ask("/chat/completions", PROMPT, stream=True)


async def test_a_streamed_answer_is_the_plain_one() -> None:
    """With the time of its first token and the number of its chunks."""
    exchange = await asked([WHOLE[:70], WHOLE[70:]])
    assert exchange.failure is None
    assert exchange.answer.body == read(WHOLE).body()
    (attempt,) = exchange.attempts
    assert attempt.chunks == 5
    assert attempt.first_token is not None
    assert 0 < attempt.first_token <= attempt.duration


async def test_a_plain_answer_to_a_request_for_a_stream() -> None:
    """It is read as what it is."""
    exchange = await asked([json.dumps(read(WHOLE).body()).encode()], kind="application/json")
    assert exchange.failure is None
    assert exchange.answer.body == read(WHOLE).body()
    assert (exchange.attempts[0].first_token, exchange.attempts[0].chunks) == (None, None)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([text("ye"), b""], "closed before the whole answer"),
        ([text("ye")], "no finish_reason came"),
        ([text("ye"), said({"error": {"message": "out of memory"}}), END], "out of memory"),
        ([text("ye"), said({"error": {"message": "dead", "code": 503}}), END], "HTTP 503: dead"),
        ([text("ye"), event(finish_reason="abort")], "finish_reason is 'abort'"),
    ],
    ids=["connection", "end", "error", "error with a status", "given up"],
)
async def test_a_broken_stream_is_asked_again(broken: list[bytes], reason: str) -> None:
    """Never is half an answer taken; one that stays broken is a failure with its reason."""
    exchange = await asked(broken, [WHOLE])
    assert exchange.failure is None
    assert exchange.answer.body == read(WHOLE).body()
    assert len(exchange.attempts) == 2
    assert exchange.attempts[0].chunks
    exchange = await asked(broken)
    assert reason in (exchange.failure or "")
    assert len(exchange.attempts) == QUICK.attempts


async def test_a_verdict_inside_a_stream_is_not_asked_again() -> None:
    """A context that is too long stays too long."""
    exchange = await asked([said({"error": {"message": "too long", "code": 400}}), DONE])
    assert exchange.failure == "HTTP 400: too long"
    assert len(exchange.attempts) == 1
