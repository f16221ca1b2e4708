"""How what a sample asks becomes requests, and how their answers are read.

Each ask is a generator: it yields what is to be requested, is sent the body that came back, and
returns the reply. It touches no network, so that a run's log can be read by the same code that
wrote it: scoring again is asking again with the answers at hand.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from evenhand_evals.errors import AnswerUnreadable, Unaskable, UsageError
from evenhand_evals.types import Ask, Chat, Completion, Likelihood, Likelihoods, Reply, Text
from evenhand_evals.wire import Kind, chat_body, fault, parse_completion, text_body

Route = Literal["chat", "completions"]
PATHS: Mapping[Route, str] = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request that is to be made.

    `path` is below the base URL, or below the server's root where `root` says so. `kind` is what
    must come back, None for any JSON. `stream` says that the body asks for a stream. `measures`
    says that a likelihood is taken: no decoding parameter of the run bears on the answer.
    """

    path: str
    body: Mapping[str, Any]
    root: bool = False
    kind: Kind | None = "message"
    judge: bool = False
    stream: bool = False
    measures: bool = False


STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
"""What asks for a stream that tells at its end how many tokens there were."""

Talk = Generator[Outgoing, Any, Reply]
"""Yields requests, is sent the bodies of their answers, returns the reply."""


class Parameters(Protocol):
    """Gives the decoding parameters of a request on the wire."""

    def __call__(self, route: Route, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge the item's own fields with what the run sends."""


class Method(Protocol):
    """A way to get likelihoods out of an engine."""

    def __call__(self, model: str, ask: Likelihood) -> Generator[Outgoing, Any, Likelihoods]:
        """Ask for the likelihoods."""


class Renders(Protocol):
    """Writes messages as one prompt."""

    def __call__(self, ask: Chat) -> str:
        """Give the prompt, ready for the answer."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How one model is spoken to in one repeat.

    `template` writes chats as prompts for `/completions`, None leaves that to the server's chat
    route. `likelihood` is how likelihoods are got, None if there is no way. `as_chat` puts texts
    that are to be gone on with into a message, for models that only chat. `stream` has what is
    generated come as a stream.
    """

    model: str
    parameters: Parameters
    template: Renders | None = None
    likelihood: Method | None = None
    as_chat: bool = False
    stream: bool = False


def talk(ask: Ask, voice: Voice) -> Talk:
    """Give the requests of one ask.

    Raises:
        AnswerUnreadable: while it goes on, an answer is none that could be scored.
        UsageError: there is no way to ask this.

    """
    if isinstance(ask, Likelihood):
        if voice.likelihood is None:
            raise Unaskable(
                "this endpoint gives no log-likelihoods; vLLM, SGLang and llama.cpp do, asked "
                "themselves (name one with --engine) or through an Evenhand proxy; or choose a "
                "task that generates"
            )
        return _likelihoods(voice.likelihood(voice.model, ask))
    if isinstance(ask, Text):
        return _text(ask, voice)
    return _chat(ask, voice) if voice.template is None else _rendered(ask, voice, voice.template)


def _likelihoods(method: Generator[Outgoing, Any, Likelihoods]) -> Talk:
    """Read what an engine tells; each has its own shape, and none is promised by a standard."""
    try:
        return (yield from method)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise AnswerUnreadable(
            f"the endpoint's account of log-probabilities is of no known shape ({error!r})"
        ) from error


def _chat(ask: Chat, voice: Voice) -> Talk:
    prefilled = {} if ask.prefill is None else PREFILL
    parameters = voice.parameters("chat", {**ask.fields, **prefilled})
    body = chat_body(voice.model, ask.messages, parameters)
    if ask.prefill is not None:
        body["messages"].append({"role": "assistant", "content": ask.prefill})
    return (yield from _generated(Outgoing(PATHS["chat"], body, judge=ask.judge), voice))


PREFILL: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
"""What makes SGLang and vLLM go on with the last message; llama.cpp does so by itself."""


def unwritable(ask: Chat) -> str | None:
    """Say what of a chat no prompt that is written here can hold, None where it can hold all."""
    if not all(isinstance(message.content, str) for message in ask.messages):
        return "images have no place in a prompt; leave it to the server"
    if "tools" in ask.fields:
        return (
            "tools are shown to a model by the server's chat route alone, and a prompt that is "
            "written here has none of them; leave it to the server, or ask a task that writes its "
            "functions into the question (bfcl_*_prompt)"
        )
    return None


def _rendered(ask: Chat, voice: Voice, template: Renders) -> Talk:
    reason = unwritable(ask)
    if reason is not None:
        raise Unaskable(f"--template: {reason}")
    body = text_body(voice.model, template(ask), voice.parameters("completions", ask.fields))
    outgoing = Outgoing(PATHS["completions"], body, kind="text", judge=ask.judge)
    return (yield from _generated(outgoing, voice))


def _text(ask: Text, voice: Voice) -> Talk:
    if voice.as_chat:
        messages = [{"role": "user", "content": ask.prompt}]
        body = {
            "model": voice.model,
            "messages": messages,
            **voice.parameters("chat", ask.fields),
        }
        return (yield from _generated(Outgoing(PATHS["chat"], body), voice))
    body = text_body(voice.model, ask.prompt, voice.parameters("completions", ask.fields))
    return (yield from _generated(Outgoing(PATHS["completions"], body, kind="text"), voice))


def _generated(outgoing: Outgoing, voice: Voice) -> Generator[Outgoing, Any, Completion]:
    if voice.stream:
        outgoing = replace(outgoing, body={**outgoing.body, **STREAMED}, stream=True)
    response = yield outgoing
    completion = parse_completion(response)
    if completion is None:
        raise AnswerUnreadable(
            fault(response, outgoing.kind or "message") or "the body is no answer"
        )
    return completion


Voices = tuple[Voice, Voice | None]
"""The model's, and the judge's."""


def interview(
    first: Ask,
    voices: Voices,
    follow: "Follows | None" = None,
) -> Generator[Outgoing, Any, tuple[Reply, ...]]:
    """Ask an item's first question, and what `follow` gives after each answer, until it is done.

    Raises:
        AnswerUnreadable: an answer is none that could be scored.
        UsageError: there is no way to ask this; a judge is needed and there is none.

    """
    replies: list[Reply] = []
    ask: Ask | None = first
    while ask is not None:
        voice = voices[0]
        if isinstance(ask, Chat) and ask.judge:
            if voices[1] is None:
                raise UsageError("this task needs a judge; name one with --judge-model")
            voice = voices[1]
        replies.append((yield from talk(ask, voice)))
        ask = follow(replies) if follow else None
    return tuple(replies)


class Follows(Protocol):
    """Gives what is asked after some answers."""

    def __call__(self, replies: Sequence[Reply], /) -> Ask | None:
        """Give the next ask, None when the item is done."""
