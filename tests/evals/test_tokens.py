"""How tokens are counted: by an engine's tokeniser, by an endpoint's usage, and without either."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import EndpointError
from evenhand_evals.haystack import generated
from evenhand_evals.token_counts import EstimatedTokens, estimated
from evenhand_evals.tokens import ServedTokens, served

OVERHEAD = 11
Answers = Callable[[str, dict[str, Any]], Any]


@contextmanager
def endpoint(answers: Answers) -> Iterator[str]:
    """Serve on loopback what `answers` gives for a path and a body; None is a 404."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            found = answers(self.path, body)
            data = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _reply  # noqa: N815 - the names that the server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def usage(body: dict[str, Any], per_character: int) -> dict[str, Any]:
    """A chat's usage where each character has so many tokens."""
    text = body["messages"][-1]["content"]
    return {"usage": {"prompt_tokens": OVERHEAD + per_character * len(text)}}


def llamacpp(path: str, body: dict[str, Any]) -> Any:
    """One token for each character, in llama.cpp's manner."""
    match path:
        case "/v1/models":
            return {"data": [{"id": "m"}]}
        case "/props":
            return {"default_generation_settings": {"n_ctx": 4096}}
        case "/tokenize":
            return {"tokens": [ord(each) for each in body["content"]]}
        case "/detokenize":
            return {"content": "".join(map(chr, body["tokens"]))}
        case "/v1/chat/completions":
            return usage(body, 1)
    return None


def vllm(path: str, body: dict[str, Any]) -> Any:
    """The same in vLLM's manner."""
    match path:
        case "/v1/models":
            return {"data": [{"id": "other"}, {"id": "m", "max_model_len": 8192}]}
        case "/tokenize":
            return {"tokens": [ord(each) for each in body["prompt"]], "count": 1}
        case "/detokenize":
            return {"prompt": "".join(map(chr, body["tokens"]))}
        case "/v1/chat/completions":
            return usage(body, 1)
    return None


def hosted(path: str, body: dict[str, Any]) -> Any:
    """An endpoint that only says how many tokens a prompt had: two for each character."""
    return usage(body, 2) if path == "/v1/chat/completions" else None


@pytest.mark.parametrize(("answers", "limit"), [(llamacpp, 4096), (vllm, 8192)])
def test_an_engine_counts_exactly(answers: Answers, limit: int) -> None:
    """The engine's tokeniser counts and cuts, and its usage tells what the template adds."""
    with endpoint(answers) as url:
        tokens = served(url, "m")
        assert isinstance(tokens, ServedTokens)
        assert (tokens.exact, tokens.overhead, tokens.limit) == (True, OVERHEAD, limit)
        assert tokens.count("你好, world") == 9
        assert tokens.middle("abcdefghij", 4) == "abij"
        assert tokens.middle("abcdefghij", 5) == "abij"
        assert tokens.middle("abcdefghij", 10) == "abcdefghij"


@given(st.text("aé你", max_size=40), st.integers(0, 60))
def test_a_cut_character_takes_no_more_room(text: str, limit: int) -> None:
    """What is left fits, though a character that was cut in two is read as three tokens each."""

    def of_bytes(path: str, body: Mapping[str, Any]) -> Any:
        if path == "/tokenize":
            return {"tokens": list(body["prompt"].encode())}
        return {"prompt": bytes(body["tokens"]).decode("utf-8", "replace")}

    tokens = ServedTokens(of_bytes, "m", 0, None)
    left = tokens.middle(text, limit)
    assert tokens.count(left) <= limit
    assert (left == text) is (tokens.count(text) <= limit)


def test_a_profile_is_no_other_model() -> None:
    """A proxy need not list every one; the context is that of the model before the `@`."""
    with endpoint(vllm) as url:
        tokens = served(url, "m@greedy")
    assert (tokens.exact, tokens.limit) == (True, 8192)


def test_usage_calibrates_the_estimate() -> None:
    """Without a tokeniser, the endpoint's usage scales our count, apart for Chinese."""
    with endpoint(hosted) as url:
        tokens = served(url, "m")
    assert isinstance(tokens, EstimatedTokens)
    assert (tokens.exact, tokens.limit) == (False, None)
    for language in ("en", "zh"):
        text = generated(language, 5, 20000)
        assert tokens.count(text) == pytest.approx(2 * len(text), rel=0.01)


def test_a_text_can_be_asked_for() -> None:
    """A text unlike the samples is counted as the endpoint counts it, once it was asked for."""
    with endpoint(hosted) as url:
        tokens = served(url, "m")
        text = "a b c d e f " * 200
        better = tokens.adjusted(text)
        assert tokens.count(text) > 1.5 * 2 * len(text)
        assert better.count(text) == pytest.approx(2 * len(text), rel=0.005)
        assert better.count(text + text) == pytest.approx(4 * len(text), rel=0.005)
    assert estimated().adjusted(text) == estimated()


def test_silence_leaves_the_estimate() -> None:
    """An endpoint that answers nothing is no error here: the run itself will say it."""
    with endpoint(lambda _path, _body: None) as url:
        tokens = served(url, "m")
    assert tokens == estimated()
    assert tokens.count("Two words, 你好") == 5


def test_a_tokeniser_that_goes_away() -> None:
    """A tokeniser that answered once and does not any more is an error with its name."""
    with endpoint(llamacpp) as url:
        tokens = served(url, "m")
    with pytest.raises(EndpointError, match="/tokenize answered before and does not now"):
        tokens.count("text")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_estimate_cuts_the_middle(language: str) -> None:
    """Half of the tokens stay from each end."""
    text, tokens = generated(language, 1, 3000), estimated()
    short = tokens.middle(text, 100)
    assert tokens.count(short) == pytest.approx(100, abs=3)
    assert text.startswith(short[:40])
    assert text.endswith(short[-40:])
    assert tokens.middle(short, 200) == short
