"""Likelihoods read from each engine's own words; the bodies are as the engines wrote them."""

from typing import Any

import pytest

from evenhand_evals.endpoint.asking import Voice, talk
from evenhand_evals.endpoint.likelihood import (
    CANDIDATES,
    METHODS,
    echo,
    forced,
    generate,
    method_for,
)
from evenhand_evals.errors import AnswerUnreadable
from evenhand_evals.types import Likelihood, Likelihoods

ASK = Likelihood("The sky is", (" blue", " a cat"))


def choice(index: int, tokens: list[str], logprobs: list[Any], tops: list[Any]) -> dict[str, Any]:
    """A choice of OpenAI's completions with echo."""
    told = {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": tops}
    return {"index": index, "text": "".join(tokens), "logprobs": told, "finish_reason": "length"}


ECHOED: dict[str, Any] = {
    "choices": [
        choice(
            1,
            ["The", " sky", " is", " blue", "."],
            [None, -2.0, -1.0, -0.5, -0.1],
            [None, {" sun": -1.0}, {" is": -1.0}, {" blue": -0.5}, {".": -0.1}],
        ),
        choice(
            0,
            ["The", " sky", " is", "!"],
            [None, -2.0, -1.0, -3.0],
            [None, {" sun": -1.0}, {" is": -1.0}, {"!": -3.0}],
        ),
        choice(
            2,
            ["The", " sky", " is", " a", " cat", "."],
            [None, -2.0, -1.0, -1.5, -4.0, -0.1],
            [None, {" sun": -1.0}, {" is": -1.0}, {" a": -1.5}, {" b": -0.2}, {".": -0.1}],
        ),
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3},
}


def finish(asking: Any, *bodies: Any) -> Likelihoods:
    """Send bodies until the likelihoods come out."""
    next(asking)
    with pytest.raises(StopIteration) as done:
        for body in bodies:
            asking.send(body)
    found = done.value.value
    assert isinstance(found, Likelihoods)
    return found


def test_echo_counts_the_continuation_alone() -> None:
    """The context's tokens and the one generated token are left out."""
    found = finish(echo("m", ASK), ECHOED)
    assert found.logprobs == (-0.5, -5.5)
    assert found.tokens == (1, 2)
    assert found.greedy == (True, False)
    assert found.alone == ((-0.5,), (-1.5, -4.0))


def test_echo_asks_for_everything_in_one_request() -> None:
    """The context comes first, so that the border is known in the engine's own tokens."""
    body = next(echo("m", ASK)).body
    assert body["prompt"] == ["The sky is", "The sky is blue", "The sky is a cat"]
    assert (body["echo"], body["logprobs"], body["max_tokens"]) == (True, 1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"usage": {"prompt_tokens": 1, "completion_tokens": 3}}, "does not echo"),
        ({"choices": [{"text": "x", "logprobs": None}] * 3}, "ignores echo"),
        ({"choices": ECHOED["choices"][:2]}, "3 prompts were asked for, 2 came back"),
    ],
)
def test_an_engine_without_echo_is_no_chance_level_model(change: Any, message: str) -> None:
    """It is an answer that cannot be read, and never a score."""
    asking = echo("m", ASK)
    next(asking)
    with pytest.raises(AnswerUnreadable, match=message):
        asking.send({**ECHOED, **change})


def native(ids: list[int], logprobs: list[float | None], top: list[float | None]) -> dict[str, Any]:
    """An answer of SGLang's /generate."""
    return {
        "text": "!",
        "meta_info": {
            "input_token_logprobs": [
                [logprob, token, None] for logprob, token in zip(logprobs, ids, strict=True)
            ],
            "input_top_logprobs": [None if lead is None else [[lead, 9, None]] for lead in top],
        },
    }


def test_generate_reads_token_ids() -> None:
    """A token that grows across the border belongs to the continuation."""
    bodies = [
        native([1, 2, 3], [None, -2.0, -1.0], [None, -1.0, -1.0]),
        native([1, 2, 7], [None, -2.0, -0.25], [None, -1.0, -0.25]),
        native([1, 2, 3, 8, 9], [None, -2.0, -1.0, -1.5, -4.0], [None, -1.0, -1.0, -1.5, -0.2]),
    ]
    found = finish(generate("m", ASK), bodies)
    alone = ((-0.25,), (-1.5, -4.0))
    assert found == Likelihoods((-0.25, -5.5), (1, 2), (True, False), alone, (0, 0))


def test_a_token_with_nothing_before_it_is_counted_apart() -> None:
    """An engine that puts nothing before a text tells no logarithm of its first token."""
    bodies = [
        native([9], [None], [None]),
        native([1, 2, 3], [None, -2.0, -1.0], [None, -1.0, -1.0]),
    ]
    found = finish(generate("m", Likelihood("", ("a b c",))), bodies)
    assert (found.tokens, found.unscored) == ((2,), (1,))


def drawn(token: int, logprob: float | None, best: int) -> dict[str, Any]:
    """An answer of llama.cpp's /v1/completions."""
    entry = {"id": token, "logprob": logprob, "top_logprobs": [{"id": best, "logprob": -0.2}]}
    return {"choices": [{"text": "x", "index": 0, "logprobs": {"content": [entry]}}]}


def test_forced_draws_one_token_at_a_time() -> None:
    """Each with the tokens before it as its prompt."""
    asking = forced("m", ASK)
    assert next(asking).body == {"model": "m", "content": "0", "add_special": False}
    context = {"model": "m", "content": "The sky is", "add_special": True}
    assert asking.send({"tokens": [7]}).body == context
    asking.send({"tokens": [1, 2, 3]})
    asking.send({"tokens": [1, 2, 3, 4]})
    sent = asking.send({"tokens": [1, 2, 3, 8, 9]})
    assert (sent.path, sent.root) == ("/completions", False)
    assert sent.body == {
        "model": "m",
        "prompt": [1, 2, 3],
        "max_tokens": 1,
        "temperature": 0,
        "logit_bias": {"4": 100},
        "logprobs": 1,
    }
    asking.send(drawn(4, -0.5, 4))
    assert asking.send(drawn(8, -1.5, 8)).body["prompt"] == [1, 2, 3, 8]
    with pytest.raises(StopIteration) as done:
        asking.send(drawn(9, -4.0, 5))
    assert done.value.value.logprobs == (-0.5, -5.5)
    assert done.value.value.greedy == (True, False)


def test_forced_does_not_believe_another_token() -> None:
    """What was not drawn has no logarithm here."""
    asking = forced("m", Likelihood("", ("ab",)))
    next(asking)
    asking.send({"tokens": [7]})
    asking.send({"tokens": [9]})
    asking.send({"tokens": [1, 2]})
    with pytest.raises(AnswerUnreadable, match="did not draw the token 2"):
        asking.send(drawn(3, -0.5, 3))


def test_forced_lists_a_token_that_is_part_of_a_character() -> None:
    """llama.cpp withholds such a token when it is drawn, but not when another one is."""
    asking = forced("m", Likelihood("a", ("b",)))
    next(asking)
    asking.send({"tokens": [7]})
    asking.send({"tokens": [1]})
    asking.send({"tokens": [1, 2]})
    sent = asking.send({"choices": [{"text": "\ufffd", "index": 0, "logprobs": None}]})
    top = [{"id": 5, "logprob": -0.1}, {"id": 2, "logprob": -3.5}]
    for count, listed in zip(CANDIDATES, (top[:1], top), strict=True):
        assert (sent.body["logit_bias"], sent.body["logprobs"]) == ({"7": 100}, count)
        entry = {"id": 7, "logprob": -9.0, "top_logprobs": listed}
        answer = {"choices": [{"text": "0", "logprobs": {"content": [entry]}}]}
        if len(listed) == 1:
            sent = asking.send(answer)
    with pytest.raises(StopIteration) as done:
        asking.send(answer)
    assert done.value.value == Likelihoods((-3.5,), (1,), (False,), ((-3.5,),), (0,))


@pytest.mark.parametrize(
    "bodies",
    [
        [{"tokens": []}],
        [{"tokens": [7]}, {"tokens": [1]}, {"tokens": [1, 2]}, {"choices": []}],
        [{"tokens": [7]}, {"tokens": [1]}, {"tokens": [1, 2]}, drawn(2, None, 2)],
        [{"tokens": [7]}, {"tokens": [1]}, {"tokens": [1, 2]}, {"completion_probabilities": []}],
    ],
)
def test_an_account_of_another_shape_is_a_failed_sample(bodies: list[Any]) -> None:
    """Whatever an engine or a gateway sends, it does not end the run."""
    asking = talk(
        Likelihood("a", ("b",)), Voice("m", lambda _route, _fields: {}, likelihood=forced)
    )
    next(asking)
    for body in bodies[:-1]:
        asking.send(body)
    with pytest.raises(AnswerUnreadable, match="of no known shape"):
        asking.send(bodies[-1])


def test_what_an_engine_puts_before_any_text_is_not_counted() -> None:
    """GLM-4's two special tokens are found by a letter that stands in the context's place."""
    asking = generate("m", Likelihood("", ("queen", "king")))
    assert next(asking).body["text"] == ["z", "queen", "king"]
    bodies = [
        native([90, 91, 5], [None, -7.0, -1.0], [None, -1.0, -1.0]),
        native([90, 91, 8], [None, -7.0, -2.0], [None, -1.0, -1.0]),
        native([90, 91, 6, 4], [None, -7.0, -3.0, -0.5], [None, -1.0, -1.0, -0.5]),
    ]
    with pytest.raises(StopIteration) as done:
        asking.send(bodies)
    assert done.value.value.logprobs == (-2.0, -3.5)


def test_each_engine_has_its_way() -> None:
    """Through a proxy only SGLang is asked otherwise."""
    assert method_for("sglang", proxied=False) is generate
    assert method_for("sglang", proxied=True) is echo
    assert method_for("llamacpp", proxied=True) is method_for("llamacpp", proxied=False) is forced
    assert method_for("anthropic", proxied=True) is None
    assert set(METHODS) >= {"sglang", "vllm", "llamacpp"}
