"""Each engine's tokeniser: what it is asked, and what its answers become."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.engines.tokenizers import (
    MOST_AT_ONCE,
    TOKENIZERS,
    Call,
    Talk,
    detokenise,
    tokenise,
)
from evenhand_proxy.errors import RequestError, UpstreamError

SAID = [{"role": "user", "content": "Hi"}]


def held(talk: Talk, *answers: Mapping[str, Any]) -> tuple[list[Call], dict[str, Any]]:
    """The calls of a talk, and what it came to."""
    calls = [next(talk)]
    with pytest.raises(StopIteration) as done:
        for answer in answers:
            calls = [*calls, talk.send(answer)]
    found: dict[str, Any] = done.value.value
    return calls, found


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
@pytest.mark.parametrize("name", ["prompt", "content", "text"])
def test_a_text_in_anybodys_words_in_those_of_sglang_and_vllm(engine: str, name: str) -> None:
    """The switch goes along; the engine's other words come back."""
    body = {"model": "ours", name: "a", "add_special": False}
    answer = {"tokens": [5], "count": 1, "max_model_len": 9, "token_strs": None}
    calls, found = held(tokenise(TOKENIZERS[engine], body, "theirs"), answer)
    sent = {"model": "theirs", "prompt": "a", "add_special_tokens": False}
    assert calls == [Call("/tokenize", sent)]
    assert found == answer


@pytest.mark.parametrize("name", ["prompt", "content", "text"])
def test_a_text_in_anybodys_words_in_those_of_llamacpp(name: str) -> None:
    """Fields that only it has go on as they are; the count is made here."""
    body = {"model": "m", name: "a", "add_special_tokens": True, "with_pieces": True}
    pieces = [{"id": 5, "piece": "a"}]
    calls, found = held(tokenise(TOKENIZERS["llamacpp"], body, "m"), {"tokens": pieces})
    sent = {"model": "m", "content": "a", "add_special": True, "with_pieces": True}
    assert calls == [Call("/tokenize", sent)]
    assert found == {"tokens": pieces, "count": 1}


@pytest.mark.parametrize("engine", TOKENIZERS)
@pytest.mark.parametrize(
    ("body", "special"),
    [
        ({"prompt": "a"}, True),
        ({"text": "a"}, True),
        ({"content": "a"}, False),
        ({"prompt": "a", "content": "a"}, True),
        ({"content": "a", "add_special": True}, True),
        ({"prompt": "a", "add_special_tokens": False, "add_special": False}, False),
    ],
)
def test_the_default_is_that_of_who_asks(engine: str, body: dict[str, Any], special: bool) -> None:
    """llama.cpp's clients do not expect a special token, the others' do, whatever is asked."""
    tokenizer = TOKENIZERS[engine]
    ((call,), _) = held(tokenise(tokenizer, body, "m"), {"tokens": []})
    assert call.body[tokenizer.special] is special


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
def test_a_chat_is_tokenised_where_the_engine_does_it(engine: str) -> None:
    """With the fields that make the chat; no text stands beside it."""
    tools = [{"type": "function"}]
    body = {"model": "ours", "messages": SAID, "tools": tools, "add_special_tokens": False}
    calls, found = held(tokenise(TOKENIZERS[engine], body, "m"), {"tokens": [1, 2]})
    sent = {"model": "m", "messages": SAID, "tools": tools, "add_special_tokens": False}
    assert calls == [Call("/tokenize", sent)]
    assert found["count"] == 2


def test_llamacpp_writes_a_chat_first() -> None:
    """And tokenises the text as its chat route does."""
    body = {"model": "m", "messages": SAID, "add_generation_prompt": False}
    talk = tokenise(TOKENIZERS["llamacpp"], body, "m")
    calls, found = held(talk, {"prompt": "<hi>"}, {"tokens": [7]})
    assert calls == [
        Call("/apply-template", {"model": "m", "messages": SAID, "add_generation_prompt": False}),
        Call("/tokenize", {"model": "m", "content": "<hi>", "add_special": True}),
    ]
    assert found == {"tokens": [7], "count": 1}


@pytest.mark.parametrize(("engine", "kept"), [("sglang", False), ("vllm", True)])
def test_a_chat_that_is_gone_on_with(engine: str, kept: bool) -> None:
    """SGLang has no field for what goes without saying; vLLM insists on it."""
    body = {
        "messages": SAID,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    ((call,), _) = held(tokenise(TOKENIZERS[engine], body, "m"), {"tokens": []})
    assert call.body["continue_final_message"] is True
    assert ("add_generation_prompt" in call.body) is kept


def test_several_texts_are_several_calls() -> None:
    """Not every engine takes a list."""
    talk = tokenise(TOKENIZERS["vllm"], {"prompt": ["a", "b c"]}, "m")
    calls, found = held(talk, {"tokens": [1]}, {"tokens": [2, 3]})
    assert [call.body["prompt"] for call in calls] == ["a", "b c"]
    assert found == {"tokens": [[1], [2, 3]], "count": [1, 2]}


@pytest.mark.parametrize(
    ("engine", "name", "more"),
    [
        ("sglang", "text", {"skip_special_tokens": False}),
        ("vllm", "prompt", {}),
        ("llamacpp", "content", {}),
    ],
)
def test_a_text_comes_back_under_everybodys_name(
    engine: str, name: str, more: dict[str, Any]
) -> None:
    """And SGLang is made to show special tokens, as the others do."""
    talk = detokenise(TOKENIZERS[engine], {"model": "x", "tokens": [1, 2]}, "m")
    calls, found = held(talk, {name: "ab"})
    assert calls == [Call("/detokenize", {"model": "m", "tokens": [1, 2], **more})]
    assert found == {"prompt": "ab", "content": "ab", "text": "ab"}


def test_several_lists_of_tokens() -> None:
    """A list of texts comes back; what a client wants of SGLang itself it gets."""
    body = {"tokens": [[1], []], "skip_special_tokens": True}
    calls, found = held(detokenise(TOKENIZERS["sglang"], body, "m"), {"text": "a"}, {"text": ""})
    assert [call.body["tokens"] for call in calls] == [[1], []]
    assert calls[0].body["skip_special_tokens"] is True
    assert found["content"] == ["a", ""]


@pytest.mark.parametrize(
    ("engine", "body", "message"),
    [
        ("vllm", {}, "prompt: there is no text"),
        ("vllm", {"prompt": 3}, "prompt: must be a text"),
        ("vllm", {"prompt": []}, "prompt: must be a text"),
        ("llamacpp", {"content": ["a", 5]}, "content: must be a text"),
        ("vllm", {"prompt": "a", "content": "b"}, "prompt and content differ"),
        ("vllm", {"prompt": "a", "messages": SAID}, "messages: there is prompt too"),
        ("vllm", {"prompt": "a", "add_special": 1}, "add_special: must be true or false"),
        (
            "vllm",
            {"prompt": "a", "add_special": True, "add_special_tokens": False},
            "add_special_tokens and add_special differ",
        ),
        ("vllm", {"prompt": "a", "with_pieces": True}, "with_pieces: true cannot be had"),
        ("llamacpp", {"prompt": "a", "return_token_strs": True}, "return_token_strs: true"),
        ("sglang", {"prompt": "a", "parse_special": False}, "parse_special: false cannot"),
        ("sglang", {"messages": SAID, "add_generation_prompt": False}, "add_generation_prompt"),
        ("sglang", {"messages": SAID, "add_special": True}, "add_special_tokens: true cannot"),
        ("llamacpp", {"messages": SAID, "add_special_tokens": True}, "add_special_tokens: true"),
    ],
)
def test_what_cannot_be_tokenised_is_refused(
    engine: str, body: dict[str, Any], message: str
) -> None:
    """Before anything is called; also what the engine would ignore in silence."""
    with pytest.raises(RequestError, match=message):
        next(tokenise(TOKENIZERS[engine], body, "m"))


@given(st.one_of(st.none(), st.text(), st.booleans(), st.lists(st.text()), st.lists(st.floats())))
def test_only_ids_are_detokenised(tokens: Any) -> None:
    """Nothing else, but for an empty list, is sent on."""
    talk = detokenise(TOKENIZERS["vllm"], {"tokens": tokens}, "m")
    if tokens == []:
        assert next(talk).body["tokens"] == []
    else:
        with pytest.raises(RequestError, match="tokens: "):
            next(talk)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (None, "^tokens: missing"),
        ([None], r"^tokens: \[null\] is no list"),
        ([-1], "^tokens: -1 is no token id"),
        ([[1], [2, 2**31]], "^tokens: 2147483648 is no token id"),
    ],
)
def test_ids_that_no_vocabulary_has(tokens: Any, message: str) -> None:
    """Are refused before they are sent; llama.cpp would take the lower half of a large one."""
    with pytest.raises(RequestError, match=message):
        next(detokenise(TOKENIZERS["llamacpp"], {"tokens": tokens}, "m"))


@pytest.mark.parametrize("kind", ["image_url", "input_image", "image", "input_audio", "video_url"])
def test_parts_without_tokens(kind: str) -> None:
    """Are refused where the count would be too low; vLLM counts them."""
    parts = [{"type": "text", "text": "See:"}, {"type": kind, kind: {}}]
    body = {"messages": [*SAID, {"role": "user", "content": parts}]}
    for engine in ("sglang", "llamacpp"):
        with pytest.raises(RequestError, match=r"messages\[1\]\.content\[1\]: .* have no tokens"):
            next(tokenise(TOKENIZERS[engine], body, "m"))
    assert next(tokenise(TOKENIZERS["vllm"], body, "m")).body["messages"] == body["messages"]


def test_an_engine_that_answers_something_else() -> None:
    """Is an error, and never a count of nothing."""
    for talk in (
        tokenise(TOKENIZERS["vllm"], {"prompt": "a"}, "m"),
        tokenise(TOKENIZERS["llamacpp"], {"messages": SAID}, "m"),
        detokenise(TOKENIZERS["vllm"], {"tokens": [1]}, "m"),
    ):
        next(talk)
        with pytest.raises(UpstreamError, match="has no"):
            talk.send({"detail": "nothing"})


@pytest.mark.parametrize("talk", [tokenise, detokenise])
def test_so_many_at_once_and_no_more(talk: Callable[..., Talk]) -> None:
    """Each of several is a call to the engine, so that one request cannot be millions."""
    fields = ("prompt", ["a"]) if talk is tokenise else ("tokens", [[1]])
    for count in (MOST_AT_ONCE, MOST_AT_ONCE + 1):
        asking = talk(TOKENIZERS["vllm"], {"model": "m", fields[0]: fields[1] * count}, "m")
        if count == MOST_AT_ONCE:
            assert isinstance(next(asking), Call)
        else:
            with pytest.raises(RequestError, match=f"{fields[0]}: 129 at once are more than 128"):
                next(asking)
