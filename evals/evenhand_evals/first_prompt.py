"""The exact first prompt of a run, with the template's text and its tokens as far as they are told.

Where a template of ours or `/completions` is used, the text is known here. Where the server writes
the chat, llama.cpp tells its text at `/apply-template`, and vLLM, SGLang and a proxy of ours give
its token ids at `/tokenize`; any other endpoint does not tell, and then the messages are all there
is to show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evenhand_evals.endpoint.asking import PREFILL
from evenhand_evals.endpoint.facts import route_of
from evenhand_evals.endpoint.idle import acting
from evenhand_evals.endpoint.interface import check_written
from evenhand_evals.endpoint.likelihood import shared
from evenhand_evals.endpoint.templates import template_of
from evenhand_evals.run import load_data, order
from evenhand_evals.settings import RunSettings, Target, api_key, decide
from evenhand_evals.tokens import Asked, tokenise
from evenhand_evals.types import Ask, Chat, Likelihood, Message, Task, Text
from evenhand_evals.wire import image_url

SHOWN_URL: Final = 80


@dataclass(frozen=True, slots=True)
class FirstPrompt:
    """What is asked first.

    `text` is the prompt as the engine gets it, None where only the server knows it; `told_by` says
    who wrote it. `tokens` are its ids, without those that the engine puts before any text; None
    where nothing tells them. `continuations` are the texts whose likelihood is asked for, and
    `scored` the ids of each that are scored: those of the whole that the prompt does not share.
    `images` has a line for each image, in order.
    """

    item: str
    interface: str
    messages: tuple[Message, ...]
    text: str | None
    told_by: str
    tokens: tuple[int, ...] | None
    continuations: tuple[str, ...]
    parameters: Mapping[str, Any]
    images: tuple[str, ...] = ()
    scored: tuple[tuple[int, ...], ...] = ()


def image_lines(message: Message) -> tuple[str, ...]:
    """Give a line for each image of a message: its type and its size, or where it is."""
    parts = () if isinstance(message.content, str) else message.content
    return tuple(_image(url) for part in parts if (url := image_url(part)) is not None)


def _image(url: str) -> str:
    head, base64, data = url.partition(";base64,")
    if not base64 or not head.startswith("data:"):
        return f"[image: {url if len(url) <= SHOWN_URL else url[:SHOWN_URL] + '...'}]"
    size = len(data) * 3 // 4 - data.count("=", -2)
    return f"[image: {head.removeprefix('data:')}, {size} bytes]"


def first_prompt(task: Task, settings: RunSettings) -> FirstPrompt:
    """Load a task's data and give the prompt of the item that a run asks first.

    Raises:
        UsageError: the data or the settings do not fit, or no prompt can hold what is asked.

    """
    settings, _ = acting(task, settings)
    dataset = load_data(task, settings)
    sample = order(dataset.samples, settings.seed)[0]
    return shown_prompt(sample.id, sample.first, settings.target, task.max_tokens)


def shown_prompt(item: str, ask: Ask, target: Target, budget: int) -> FirstPrompt:
    """Give how an ask looks to a model at an endpoint."""
    check_written(ask, target)
    decoding = decide(target.profile, target.parameters, budget)
    asked = Asked(target.base_url, target.model, api_key(target.key_variable))
    messages = ask.messages if isinstance(ask, Chat) else ()
    images = tuple(line for each in messages for line in image_lines(each))
    text, told_by, tokens = _text(ask, target, asked)
    if text is None and images:
        told_by = "the server, which tells no text of a chat with images"
    if text is not None and tokens is None and not images:
        tokens = tokenise(asked.root, target.model, text)
    continuations = ask.continuations if isinstance(ask, Likelihood) else ()
    return FirstPrompt(
        item,
        "likelihood" if isinstance(ask, Likelihood) else route_of(ask, target),
        messages,
        text,
        told_by,
        tuple(tokens) if tokens is not None else None,
        continuations,
        {} if isinstance(ask, Likelihood) else decoding.beside(ask.fields, 0),
        images,
        _scored(asked.root, target.model, text or "", tokens or (), continuations),
    )


def _scored(
    root: Callable[[str, Mapping[str, Any]], Any],
    model: str,
    context: str,
    tokens: Sequence[int],
    continuations: Sequence[str],
) -> tuple[tuple[int, ...], ...]:
    wholes = [tokenise(root, model, context + each) for each in continuations]
    known = [whole for whole in wholes if whole is not None]
    if len(known) < len(wholes):
        return ()
    return tuple(tuple(whole[shared(tokens, whole) :]) for whole in known)


def _text(ask: Ask, target: Target, asked: Asked) -> tuple[str | None, str, Sequence[int] | None]:
    if isinstance(ask, Likelihood):
        return ask.context, "the task", None
    if isinstance(ask, Text):
        if target.interface != "chat":
            return ask.prompt, "the task", None
        return _served(Chat((Message("user", ask.prompt),)), target, asked)
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
