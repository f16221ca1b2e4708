"""The chunks of a streamed answer, put together into the body that a plain answer would have.

Choices go by their index. What is written piece by piece (`content`, the thinking, `refusal`,
`text`, the arguments of a tool call) is joined; lists (log probabilities, token ids) are lengthened
and objects merged likewise; of anything else the first value that is not null counts, but of the
objects beside the choices (`usage`, an engine's `timings`) the last one does. Calls of tools go by
their index, by their id where a server gives all calls the same index.
"""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Final, TypeVar

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
        holder[field].write("".join(texts))

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
                _grow(_slot(message.setdefault("tool_calls", {}), call), call)


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
        if isinstance(value, str) and name in _JOINED:
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


def _check(name: str, before: Any, kind: type[T]) -> T:
    if not isinstance(before, kind):
        raise AnswerUnreadable(f"{name} is of one kind in a chunk and of another in a later one")
    return before


def _slot(slots: dict[int, dict[str, Any]], call: Mapping[str, Any]) -> dict[str, Any]:
    """Give the call that a piece belongs to, a new one where it begins one."""
    identity = call.get("id")
    last = max(slots, default=-1)
    index = call.get("index")
    if not isinstance(index, int):
        index = last + 1 if identity or last < 0 else last
    elif identity and index in slots and slots[index].get("id") not in (None, "", identity):
        index = next((key for key, each in slots.items() if each.get("id") == identity), last + 1)
    return slots.setdefault(index, {})


def _settled(value: Any) -> Any:
    """Give what is known as plain values; a message gets its role, calls lose their index."""
    if isinstance(value, StringIO):
        return value.getvalue()
    if not isinstance(value, dict):
        return value
    settled = {name: _settled(each) for name, each in value.items()}
    if isinstance(value.get("tool_calls"), dict):
        calls = [call for _, call in sorted(settled["tool_calls"].items())]
        settled["tool_calls"] = [
            {name: each for name, each in call.items() if name != "index"} for call in calls
        ]
    if "role" in settled:
        settled["role"] = settled["role"] or "assistant"
    return settled
