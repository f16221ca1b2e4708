"""The chunks of a streamed answer, put together into the body that a plain answer would have.

Choices go by their index. What is written piece by piece (`content`, the thinking, `refusal`,
`text`, the arguments of a tool call) is joined; lists (log probabilities, token ids) are lengthened
and objects merged likewise; of anything else the first value that is not null counts, but of the
objects beside the choices (`usage`, an engine's `timings`) the last one does. Calls of tools go by
their id, else by their index, and a new one begins where a piece names another function.
"""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Final, TypeVar

import orjson

from evenhand_evals.errors import AnswerUnreadable

T = TypeVar("T")

SAID: Final = ("content", "reasoning_content", "reasoning", "refusal", "text")
"""Fields of a choice or its delta that hold what the model said."""

_APART: Final = frozenset(("delta", "tool_calls"))
_NESTED: Final = (dict, list)
_JOINED: Final = frozenset((*SAID, "arguments"))


class Chunks:
    """Takes chunks and gives the body; of the chunks themselves nothing stays.

    `said` tells whether any of them held something of the answer, be it thinking or a tool call.
    """

    def __init__(self) -> None:
        self.said = False
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take a chunk.

        Raises:
            AnswerUnreadable: it is of no known shape, or does not go on from those before.

        """
        head = self._head
        for name, value in chunk.items():
            if name != "choices" and (head.get(name) is None or isinstance(value, _NESTED)):
                head[name] = value
        for choice in _objects(chunk, "choices"):
            self._add(choice)

    def add_texts(self, index: int, field: str, texts: Sequence[str]) -> None:
        """Take what many chunks say, of which one like them was taken before by `add`."""
        choice = self._choices[index]
        holder = choice if field == "text" else choice["message"]
        _grow(holder, {field: "".join(texts)})

    @property
    def unfinished(self) -> str | None:
        """Say what is missing, None if the answer is whole."""
        if not self._choices:
            return "it holds no answer"
        if not all(choice.get("finish_reason") for choice in self._choices.values()):
            return "no finish_reason came"
        return None

    def body(self) -> dict[str, Any]:
        """Give what the plain answer would be."""
        choices = [_settled(choice) for _, choice in sorted(self._choices.items())]
        kind = self._head.get("object")
        if isinstance(kind, str):
            self._head["object"] = kind.removesuffix(".chunk")
        return {**self._head, "choices": choices}

    def _add(self, choice: Mapping[str, Any]) -> None:
        index, delta = choice.get("index") or 0, choice.get("delta")
        if not isinstance(index, int) or not (delta is None or isinstance(delta, dict)):
            raise AnswerUnreadable(f"a choice is {str(choice)[:100]!r}, of no known shape")
        if not self.said:
            spoken = choice if delta is None else delta
            self.said = any(map(spoken.get, (*SAID, "tool_calls", "function_call")))
        known = self._choices.setdefault(index, {"index": index})
        _grow(known, choice)
        if delta is not None:
            message = known.setdefault("message", {"role": None, "content": None})
            _grow(message, delta)
            for call in _objects(delta, "tool_calls"):
                message.setdefault("tool_calls", _Calls()).grow(call)


def _objects(holder: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """Give the objects of a list, none where there is no list."""
    value = holder.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not {*map(type, value)} <= {dict}:
        raise AnswerUnreadable(f"{name} is {str(value)[:100]!r}, not a list of objects")
    return value


def _grow(known: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Add to what is known what a further piece says."""
    for name, value in new.items():
        if name in _APART:
            continue
        before = known.get(name)
        if name in _JOINED and value is not None and list in (type(value), type(before)):
            known[name] = [*_parts(before), *_parts(value)]
        elif isinstance(value, str) and name in _JOINED:
            if before is None:
                before = known[name] = StringIO()
            _check(name, before, StringIO).write(value)
        elif isinstance(value, list):
            before = known[name] = [] if before is None else before
            _check(name, before, list).extend(value)
        elif isinstance(value, dict):
            before = known[name] = {} if before is None else before
            _grow(_check(name, before, dict), value)
        elif before is None or before == "":
            known[name] = value


def _parts(content: Any) -> list[Any]:
    """Give a content as a list of parts, as some servers write thinking before a text."""
    if isinstance(content, list):
        return content
    text = content.getvalue() if isinstance(content, StringIO) else content
    return [{"type": "text", "text": text}] if text else []


def _check(name: str, before: Any, kind: type[T]) -> T:
    if not isinstance(before, kind):
        raise AnswerUnreadable(f"{name} is of one kind in a chunk and of another in a later one")
    return before


class _Calls:
    """The tool calls of one message, each grown by the pieces that belong to it."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._current: dict[int | None, dict[str, Any]] = {}

    def grow(self, piece: Mapping[str, Any]) -> None:
        """Add a piece to its call: that of its id, else the last one begun at its index."""
        index = piece.get("index")
        place = index if isinstance(index, int) else None
        identity = piece.get("id") or None
        call = next((each for each in self._calls if identity and each.get("id") == identity), None)
        if call is None:
            call = self._current.get(place)
        if call is None and self._calls and not identity and not _names(piece):
            call = self._calls[-1]  # a mere piece, whatever place it says
        if call is None or _begins(call, piece, identity):
            call = {}
            self._calls.append(call)
        self._current[place] = call
        _grow(call, piece)

    def settled(self) -> list[dict[str, Any]]:
        """Give the calls by their index, those of one index in the order in which they came."""
        indices = [call.get("index") for call in self._calls]
        if all(isinstance(each, int) for each in indices):
            self._calls.sort(key=lambda call: call["index"])
        return [
            {name: _settled(each) for name, each in call.items() if name != "index"}
            for call in self._calls
        ]


def _begins(call: Mapping[str, Any], piece: Mapping[str, Any], identity: str | None) -> bool:
    """Say whether a piece is the first of another call than the one under way in its place."""
    if identity is not None:
        return call.get("id") not in (None, "", identity)
    known = call.get("function")
    if not isinstance(known, dict):
        return False
    if not (known.get("name") and _names(piece)):
        return False
    # Some servers name the function with every piece, others give all calls the same place.
    return bool(known["name"] != _names(piece)) or _is_json(known.get("arguments"))


def _names(piece: Mapping[str, Any]) -> Any:
    function = piece.get("function")
    return function.get("name") if isinstance(function, Mapping) else None


def _is_json(arguments: Any) -> bool:
    try:
        orjson.loads(arguments.getvalue() if isinstance(arguments, StringIO) else "")
    except orjson.JSONDecodeError:
        return False
    return True


def _settled(value: Any) -> Any:
    """Give what is known as plain values; a message gets its role."""
    if isinstance(value, StringIO):
        return value.getvalue()
    if isinstance(value, _Calls):
        return value.settled()
    if not isinstance(value, dict):
        return value
    settled = {name: _settled(each) for name, each in value.items()}
    if "role" in settled:
        settled["role"] = settled["role"] or "assistant"
    return settled
