"""The interface lock: base models are asked over completions, chat models over chat.

The wrong one gives scores that look like scores: a base model that is sent a chat goes on with a
template that it never saw, and a chat model that is sent a bare text answers something else. So it
is refused, unless `--interface` names it. Nothing is refused on a guess: a model has a chat
template, has none, or nobody knows.
"""

from collections.abc import Mapping
from typing import Any, Final

from evenhand_evals.endpoint.asking import unwritable
from evenhand_evals.endpoint.facts import route_of
from evenhand_evals.endpoint.speaker import Speaker
from evenhand_evals.endpoint.templates import SERVED
from evenhand_evals.errors import Unaskable
from evenhand_evals.http.client import error_text
from evenhand_evals.settings import Target
from evenhand_evals.types import Ask, Chat, Task
from evenhand_proxy.decoding.facts import digest

_CHATML: Final = (
    "{%- for message in messages -%}\n"
    "  {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "  {{- '<|im_start|>assistant\n' -}}\n"
    "{%- endif -%}"
)
STAND_INS: Final[Mapping[str, str]] = {
    digest(_CHATML): "llama.cpp (common/chat.cpp) shows ChatML",
    digest("{{ .Prompt }}"): "Ollama shows a bare prompt",
}
"""Digests of what is shown where a model brings no template; a user may have chosen them, too."""

_ASKED: Final = frozenset(("vllm", "sglang"))
_NONE_THERE: Final = (
    "must provide a chat template",  # vLLM renderers/hf.py
    "tokenizer.chat_template is not set",  # transformers tokenization_utils_base.py, SGLang says it
)


def writer(target: Target) -> str:
    """Name the option for which chats are written here, and not by the server."""
    served = target.template == SERVED
    return "--interface completions" if served else f"--template {target.template}"


def check_written(ask: Ask, target: Target) -> None:
    """Check that an ask can be written as a prompt, if that is how it is to be asked.

    Raises:
        Unaskable: it shows images or tools, which only the server's chat route does.

    """
    if isinstance(ask, Chat) and route_of(ask, target) == "completions":
        reason = unwritable(ask)
        if reason is not None:
            raise Unaskable(f"{writer(target)}: {reason}")


async def has_template(model: Speaker) -> bool | None:
    """Say whether a model has a chat template, None where that is not certain.

    What the engine shows is in the decoding record. vLLM and SGLang show none; they say so when
    they are to tokenise a chat, which generates nothing.
    """
    shown = _shown(model)
    if shown is not None:
        return None if shown in STAND_INS else True
    if model.found.server.engine not in _ASKED:
        return None
    body = {"model": model.target.model, "messages": [{"role": "user", "content": "Hello"}]}
    answer = await model.root.request("POST", "/tokenize", body)
    if answer.status == 200 and isinstance(answer.body, Mapping) and "tokens" in answer.body:
        return True
    if answer.status == 400 and any(text in error_text(answer.body) for text in _NONE_THERE):
        return False
    return None


def _shown(model: Speaker) -> str | None:
    identity: Mapping[str, Any] = (model.found.record or {}).get("engine_identity") or {}
    return identity.get("template")


async def check_interface(task: Task, model: Speaker) -> str | None:
    """Check that a model is asked by the interface that it is for; give a note for the reader.

    Raises:
        Unaskable: it is not, for certain, and nobody forced it.

    """
    target = model.target
    if target.interface is not None or target.template != SERVED:
        return None
    template = await has_template(model)
    if task.interface == "chat" and template is False:
        raise Unaskable(
            f"{task.name} asks over chat, and {target.model} has no chat template: it is a base "
            "model. Choose a task for base models, write the chats as plain texts with "
            "--interface completions --template plain, or force this one with --interface chat"
        )
    if task.interface == "completions" and template and not task.bare:
        variant = task.name.removesuffix("_base")
        named = f"Ask {variant}" if variant != task.name else "Choose a task that asks over chat"
        raise Unaskable(
            f"{task.name} asks base models over completions, and {target.model} has a chat "
            f"template: it is a chat model. {named}, or force this one with "
            "--interface completions"
        )
    return _note(task, template, STAND_INS.get(_shown(model) or ""))


def _note(task: Task, template: bool | None, stand_in: str | None) -> str | None:
    if task.interface == "likelihood" and template:
        return (
            "the model has a chat template, and likelihoods are taken without it, as published "
            "figures of this kind are"
        )
    if task.interface == "chat" and stand_in is not None:
        return (
            f"{stand_in}, as it does where a model brings no chat template: if this is a base "
            "model, ask it with --interface completions --template plain"
        )
    return None
