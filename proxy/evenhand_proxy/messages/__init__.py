"""Anthropic's Messages API in front of engines that speak OpenAI's chat completions.

Pure translation, both ways: a request into a chat request (`to_chat`), a chat answer into a
Message (`to_message`), a chat stream into Anthropic's events (`MessageStream`), and errors into
Anthropic's shape (`error_body`, `upstream_error_body`). Only content is translated. Decoding
fields keep their own names and values, so that the proxy's one normaliser reads, bounds and
records them as on every other route.

The shapes are those of Anthropic's published API reference and of the types in its Python SDK.
"""

from evenhand_proxy.messages.answer import to_message
from evenhand_proxy.messages.errors import (
    error_body,
    error_event,
    error_type,
    upstream_error_body,
)
from evenhand_proxy.messages.request import countable_text, to_chat
from evenhand_proxy.messages.stream import MessageStream

__all__ = [
    "MessageStream",
    "countable_text",
    "error_body",
    "error_event",
    "error_type",
    "to_chat",
    "to_message",
    "upstream_error_body",
]
