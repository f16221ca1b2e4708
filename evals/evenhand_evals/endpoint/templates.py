"""Chats written as one text, for models that are asked over `/completions`.

`served` leaves the writing to the server's chat route, which is how a chat model is meant to be
asked. The others are the published forms: ChatML (OpenAI, Qwen), GLM-4 (the chat template of
THUDM/glm-4-9b-chat: `[gMASK]<sop>` and a line break after each role), Llama 3 (Meta's model card),
and `plain`, which joins the contents and adds nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evenhand_evals.endpoint.asking import Renders
from evenhand_evals.types import Chat, Interface

SERVED: Final = "served"


def plain(ask: Chat) -> str:
    """Join the contents with blank lines, as prompts for base models are written."""
    return "\n\n".join(message.text for message in ask.messages) + (ask.prefill or "")


def chatml(ask: Chat) -> str:
    """Write ChatML."""
    turns = (f"<|im_start|>{each.role}\n{each.text}<|im_end|>\n" for each in ask.messages)
    return "".join(turns) + f"<|im_start|>assistant\n{ask.prefill or ''}"


def glm(ask: Chat) -> str:
    """Write GLM-4's form."""
    turns = (f"<|{each.role}|>\n{each.text}" for each in ask.messages)
    return "[gMASK]<sop>" + "".join(turns) + f"<|assistant|>\n{ask.prefill or ''}"


def llama(ask: Chat) -> str:
    """Write Llama 3's form."""
    turns = (
        f"<|start_header_id|>{each.role}<|end_header_id|>\n\n{each.text}<|eot_id|>"
        for each in ask.messages
    )
    begun = f"<|start_header_id|>assistant<|end_header_id|>\n\n{ask.prefill or ''}"
    return "<|begin_of_text|>" + "".join(turns) + begun


def template_of(name: str, interface: Interface | None) -> Renders | None:
    """Give what writes chats as prompts, None for the server: over /completions one has to."""
    named = TEMPLATES.get(name)
    return plain if named is None and interface == "completions" else named


TEMPLATES: Final[Mapping[str, Renders]] = MappingProxyType(
    {"plain": plain, "chatml": chatml, "glm": glm, "llama": llama}
)
"""The templates by name; `served` is none of them."""
