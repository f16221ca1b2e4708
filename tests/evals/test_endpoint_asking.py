"""What a sample asks, as requests; no network is needed to see them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from evenhand_evals.endpoint.asking import Outgoing, Route, Voice, interview, talk
from evenhand_evals.endpoint.likelihood import METHODS
from evenhand_evals.endpoint.templates import TEMPLATES
from evenhand_evals.errors import AnswerUnreadable, UsageError
from evenhand_evals.types import Ask, Chat, Completion, Likelihood, Message, Reply, Text

HELLO = (Message("system", "Be brief."), Message("user", "Hello"))
SAID = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
WENT_ON = {"choices": [{"text": " world", "finish_reason": "length"}]}


def parameters(route: Route, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters that tell which route they are for."""
    return {"temperature": 0, "user": route, **fields}


VOICE = Voice("m", parameters)


def first(ask: Ask, voice: Voice = VOICE) -> Outgoing:
    """The first request of an ask."""
    return next(talk(ask, voice))


def test_a_chat_goes_to_the_chat_route_with_its_fields() -> None:
    """Messages as they are, parameters and the item's own fields beside them."""
    sent = first(Chat(HELLO, {"stop": ["."]}))
    assert sent.path == "/chat/completions"
    assert sent.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "temperature": 0,
        "user": "chat",
        "stop": ["."],
    }


def test_parts_stay_parts() -> None:
    """An image stands in the message as it came."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    sent = first(Chat((Message("user", ({"type": "text", "text": "What?"}, picture)),)))
    assert sent.body["messages"][0]["content"][1] == picture


def test_a_prefill_is_the_beginning_of_the_answer() -> None:
    """It is the last message, and the engine is told to go on with it."""
    body = first(Chat(HELLO, prefill="The answer is")).body
    assert body["messages"][-1] == {"role": "assistant", "content": "The answer is"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("plain", "Be brief.\n\nHello"),
        (
            "chatml",
            (
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
                "<|im_start|>assistant\n"
            ),
        ),
        ("glm", "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHello<|assistant|>\n"),
        (
            "llama",
            (
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief."
                "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n"
            ),
        ),
    ],
)
def test_a_template_writes_the_prompt(name: str, prompt: str) -> None:
    """Over completions, ready for the answer; a prefill comes last."""
    voice = Voice("m", parameters, template=TEMPLATES[name])
    sent = first(Chat(HELLO), voice)
    assert (sent.path, sent.body["prompt"], sent.kind) == ("/completions", prompt, "text")
    assert first(Chat(HELLO, prefill="Sure"), voice).body["prompt"] == f"{prompt}Sure"


def test_a_template_writes_no_images() -> None:
    """Rather than leave them out."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    voice = Voice("m", parameters, template=TEMPLATES["glm"])
    with pytest.raises(UsageError, match="--template"):
        first(Chat((Message("user", (picture,)),)), voice)


def test_a_template_writes_no_tools() -> None:
    """A model would be scored on functions that it never saw."""
    voice = Voice("m", parameters, template=TEMPLATES["glm"])
    with pytest.raises(UsageError, match=r"tools are shown .* chat route alone.*bfcl_\*_prompt"):
        first(Chat(HELLO, {"tools": []}), voice)
    assert "tools" in first(Chat(HELLO, {"tools": []})).body


def test_a_text_goes_to_completions_unless_the_model_only_chats() -> None:
    """Then it is put into a message."""
    sent = first(Text("Once", {"stop": ["\n"]}))
    assert (sent.path, sent.body["prompt"]) == ("/completions", "Once")
    chat = first(Text("Once"), Voice("m", parameters, as_chat=True))
    assert (chat.path, chat.body["messages"][0]["content"]) == ("/chat/completions", "Once")


def test_a_likelihood_without_a_way_to_get_it_is_said_at_once() -> None:
    """The error says what to do about it."""
    with pytest.raises(UsageError, match="--engine"):
        first(Likelihood("a", (" b",)))


def test_an_interview_goes_on_until_nothing_follows() -> None:
    """Each answer may lead to a next question, of the judge too."""
    judged = Chat((Message("user", "Was that polite?"),), judge=True)

    def follow(replies: Sequence[Reply]) -> Ask | None:
        return (Text("Go on:"), judged)[len(replies) - 1] if len(replies) < 3 else None

    judge = Voice("judge", parameters)
    asking = interview(Chat(HELLO), (VOICE, judge), follow)
    assert next(asking).body["model"] == "m"
    assert asking.send(SAID).path == "/completions"
    last = asking.send(WENT_ON)
    assert (last.judge, last.body["model"]) == (True, "judge")
    with pytest.raises(StopIteration) as done:
        asking.send(SAID)
    assert done.value.value == (
        Completion("Hi", "stop"),
        Completion(" world", "length"),
        Completion("Hi", "stop"),
    )


def test_a_judge_that_is_not_there_is_missed() -> None:
    """Before the request, with the option's name."""
    with pytest.raises(UsageError, match="--judge-model"):
        next(interview(Chat(HELLO, judge=True), (VOICE, None)))


def test_what_is_no_answer_ends_the_interview() -> None:
    """The reason goes into the record."""
    asking = interview(Chat(HELLO), (VOICE, None))
    next(asking)
    with pytest.raises(AnswerUnreadable, match="no chat answer"):
        asking.send({"choices": []})


@pytest.mark.parametrize("ask", [Chat(HELLO), Text("Once")])
def test_what_is_generated_can_come_as_a_stream(ask: Ask) -> None:
    """The body asks for it and for the usage at its end, and the request says so."""
    sent, plain = first(ask, replace(VOICE, stream=True)), first(ask)
    assert sent.stream
    assert not plain.stream
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    assert sent.body == {**plain.body, **asked}


@pytest.mark.parametrize("method", METHODS)
def test_likelihoods_are_never_streamed(method: str) -> None:
    """Nothing is generated for them."""
    voice = replace(VOICE, stream=True, likelihood=METHODS[method])
    sent = first(Likelihood("Once", (" upon",)), voice)
    assert not sent.stream
    assert not sent.body.get("stream")
