"""The exact first prompt of a run, with the template's text and its tokens as far as they are told.

Where a template of ours or `/completions` is used, the text is known here. Where the server writes
the chat, llama.cpp tells its text at `/apply-template`, and vLLM, SGLang and a proxy of ours give
its token ids at `/tokenize`; any other endpoint does not tell, and then the messages are all there
is to show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand_evals.asking import PREFILL
from evenhand_evals.run import load_data, order
from evenhand_evals.settings import RunSettings, Target, api_key, decide
from evenhand_evals.templates import template_of
from evenhand_evals.tokens import Asked, tokenise
from evenhand_evals.types import Ask, Chat, Likelihood, Message, Task, Text


@dataclass(frozen=True, slots=True)
class FirstPrompt:
    """What is asked first.

    `text` is the prompt as the engine gets it, None where only the server knows it; `told_by` says
    who wrote it. `tokens` are its ids, without those that the engine puts before any text; None
    where nothing tells them. `continuations` are the texts whose likelihood is asked for.
    """

    item: str
    interface: str
    messages: tuple[Message, ...]
    text: str | None
    told_by: str
    tokens: tuple[int, ...] | None
    continuations: tuple[str, ...]
    parameters: Mapping[str, Any]


def first_prompt(task: Task, settings: RunSettings) -> FirstPrompt:
    """Load a task's data and give the prompt of the item that a run asks first.

    Raises:
        UsageError: the data or the settings do not fit.

    """
    dataset = load_data(task, settings)
    sample = order(dataset.samples, settings.seed)[0]
    return shown_prompt(sample.id, sample.first, settings.target, task.max_tokens)


def shown_prompt(item: str, ask: Ask, target: Target, budget: int) -> FirstPrompt:
    """Give how an ask looks to a model at an endpoint."""
    decoding = decide(target.profile, target.parameters, budget)
    asked = Asked(target.base_url, target.model, api_key(target.key_variable))
    text, told_by, tokens = _text(ask, target, asked)
    if text is not None and tokens is None:
        tokens = tokenise(asked.root, target.model, text)
    return FirstPrompt(
        item,
        "likelihood" if isinstance(ask, Likelihood) else _interface(ask, target),
        ask.messages if isinstance(ask, Chat) else (),
        text,
        told_by,
        tuple(tokens) if tokens is not None else None,
        ask.continuations if isinstance(ask, Likelihood) else (),
        {} if isinstance(ask, Likelihood) else decoding.beside(ask.fields, 0),
    )


def _interface(ask: Ask, target: Target) -> str:
    if isinstance(ask, Text):
        return "chat" if target.interface == "chat" else "completions"
    return "chat" if template_of(target.template, target.interface) is None else "completions"


def _text(ask: Ask, target: Target, asked: Asked) -> tuple[str | None, str, Sequence[int] | None]:
    if isinstance(ask, Likelihood):
        return ask.context, "the task", None
    if isinstance(ask, Text):
        if target.interface != "chat":
            return ask.prompt, "the task", None
        ask = Chat((Message("user", ask.prompt),))
    template = template_of(target.template, target.interface)
    if template is not None:
        name = target.template if target.template != "served" else "plain"
        return template(ask), f"the template {name}", None
    return _served(ask, target, asked)


def _served(ask: Chat, target: Target, asked: Asked) -> tuple[str | None, str, list[int] | None]:
    messages = [{"role": each.role, "content": each.content} for each in ask.messages]
    if ask.prefill is not None:
        messages.append({"role": "assistant", "content": ask.prefill})
    chat: dict[str, Any] = {"model": target.model, "messages": messages}
    if "tools" in ask.fields:
        chat["tools"] = ask.fields["tools"]
    written = asked.root("/apply-template", chat)
    text = written.get("prompt") if isinstance(written, Mapping) else None
    if isinstance(text, str):
        return text, "the server (/apply-template)", None
    counted = asked.root("/tokenize", {**chat, **({} if ask.prefill is None else PREFILL)})
    ids = counted.get("tokens") if isinstance(counted, Mapping) else None
    # An engine that reads no messages there may count an empty text, and that is not the chat.
    if isinstance(ids, list) and ids:
        back = asked.root("/detokenize", {"model": target.model, "tokens": ids})
        text = back.get("prompt") if isinstance(back, Mapping) else None
        return text if isinstance(text, str) else None, "the server (/tokenize)", ids
    return None, "the server, which does not tell how it writes a chat", None
