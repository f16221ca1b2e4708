"""Chat answers as whole documents and as the streams that say the same."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fake_engine import DONE

USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 32},
}


@dataclass(frozen=True)
class Chat:
    """What an engine says: thinking and text in pieces, tool calls with their input in pieces."""

    thinking: Sequence[str] = ()
    text: Sequence[str] = ()
    calls: Sequence[tuple[str, Sequence[str]]] = ()
    finish: str | None = "stop"
    usage: dict[str, Any] | None = field(default_factory=lambda: USAGE)
    choice: dict[str, Any] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """The plain answer."""
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": "".join(pieces)},
            }
            for number, (name, pieces) in enumerate(self.calls)
        ]
        message = {
            "role": "assistant",
            "content": "".join(self.text) or None,
            "reasoning_content": "".join(self.thinking) or None,
            "tool_calls": calls or None,
        }
        choice = {"index": 0, "message": message, "finish_reason": self.finish, **self.choice}
        return {"id": "chatcmpl-9", "choices": [choice], "usage": self.usage}

    def stream(self, end: bytes = b"\n") -> bytes:
        """The stream, in lines that end with `end`."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in self.thinking]
        deltas += [{"content": piece} for piece in self.text]
        for number, (name, pieces) in enumerate(self.calls):
            function = {"name": name, "arguments": ""}
            deltas.append(
                {"tool_calls": [{"index": number, "id": f"call_{number}", "function": function}]}
            )
            deltas += [
                {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
                for piece in pieces
            ]
        events = [event(delta) for delta in deltas]
        if self.finish is not None:
            events.append(event({}, self.finish, **self.choice))
        if self.usage is not None:
            events.append(data({"id": "chatcmpl-9", "choices": [], "usage": self.usage}))
        return b"".join((*events, DONE)).replace(b"\n", end)


def data(document: Any) -> bytes:
    """One SSE event."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def event(delta: dict[str, Any], finish: str | None = None, **choice: Any) -> bytes:
    """One event of a chat stream."""
    said = {"index": 0, "delta": delta, "finish_reason": finish, **choice}
    return data({"id": "chatcmpl-9", "object": "chat.completion.chunk", "choices": [said]})


def pieces(whole: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The bytes cut at these places."""
    edges = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    return [whole[start:stop] for start, stop in itertools.pairwise(edges)]


def events(stream: bytes) -> list[tuple[str, Any]]:
    """Anthropic's events of a stream, read by the letter: a name line, a data line, a blank."""
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        name, payload = block.split("\n")
        assert name.startswith("event: ")
        assert payload.startswith("data: ")
        document = json.loads(payload[6:])
        assert document["type"] == name[7:]
        found.append((name[7:], document))
    return found
