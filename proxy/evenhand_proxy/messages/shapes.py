"""Reading a Messages request field by field: what is wrong is named by its path, with the fix."""

from collections.abc import Iterator, Mapping
from typing import Any

from evenhand_proxy.errors import RequestError

_SHOWN = 60


def wrong(path: str, value: Any, reason: str, fix: str) -> RequestError:
    """Give the error for a value that cannot be used; `path` is like `messages.3.content.0`."""
    shown = repr(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return RequestError(f"{path}: {shown} {reason}. {fix}", param=path)


def missing(path: str, fix: str) -> RequestError:
    """Give the error for a field that is not there, in the words that Anthropic's API uses."""
    return RequestError(f"{path}: Field required. {fix}", param=path)


def an_object(value: Any, path: str) -> Mapping[str, Any]:
    """Give the value as an object.

    Raises:
        RequestError: it is none.

    """
    if not isinstance(value, dict):
        raise wrong(path, value, "is not an object", "Send a JSON object.")
    return value


def a_list(value: Any, path: str) -> list[Any]:
    """Give the value as a list.

    Raises:
        RequestError: it is none.

    """
    if not isinstance(value, list):
        raise wrong(path, value, "is not a list", "Send a JSON array.")
    return value


def a_text(owner: Mapping[str, Any], name: str, path: str) -> str:
    """Give the text that an object holds under a name; `path` is the object's.

    Raises:
        RequestError: it is missing, or no text.

    """
    value = owner.get(name)
    if value is None:
        raise missing(f"{path}.{name}", "Send a string.")
    if not isinstance(value, str):
        raise wrong(f"{path}.{name}", value, "is not text", "Send a string.")
    return value


def a_switch(owner: Mapping[str, Any], name: str, path: str) -> bool | None:
    """Give the true or false that an object holds under a name, None if it holds none.

    Raises:
        RequestError: it is neither.

    """
    value = owner.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(f"{path}.{name}", value, "is not a switch", "Send true or false.")
    return value


def blocks(content: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Give each content block's type, the block, and its path.

    Raises:
        RequestError: the content is no list of objects that have a type.

    """
    if not isinstance(content, list):
        raise wrong(
            path, content, "is neither text nor a list", "Send a string or an array of blocks."
        )
    for number, item in enumerate(content):
        place = f"{path}.{number}"
        block = an_object(item, place)
        yield a_text(block, "type", place), block, place
