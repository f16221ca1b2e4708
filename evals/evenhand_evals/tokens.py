"""How long a text is in the tokens of the model that is served, for prompts of a given length.

Three ways, the best that the endpoint allows: SGLang, vLLM and llama.cpp, and a proxy of ours in
front of them, tokenise at `POST /tokenize` of the server's root and are exact. Any other endpoint
reports `usage`, and a few small requests tell how many tokens our own count of words and characters
comes to there, apart for Chinese and other scripts; a text of each length is then asked for once
more (`adjusted`). Without an endpoint, that count stands as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evenhand_evals.errors import EndpointError
from evenhand_evals.token_counts import EstimatedTokens, Tokens

if TYPE_CHECKING:
    import httpx

_SHORT = "Hi"
_SAMPLES = {"en": (20000, 3000), "zh": (5000, 800)}
"""Characters of the texts whose tokens the endpoint is asked for: the rate is of their mean."""
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ServedTokens:
    """The tokeniser of the engine, over HTTP; `post` gives the body of an answer, None if none."""

    post: Callable[[str, Mapping[str, Any]], Any]
    model: str
    overhead: int
    limit: int | None
    source: str = "the endpoint's /tokenize"
    exact: bool = field(default=True, init=False)

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text, without special tokens.

        Raises:
            EndpointError: the endpoint does not answer any more.

        """
        found = tokenise(self.post, self.model, text)
        if found is None:
            raise EndpointError("the endpoint's /tokenize answered before and does not now")
        return found

    def count(self, text: str) -> int:
        """Give how many tokens a text has."""
        return len(self.encode(text))

    def middle(self, text: str, limit: int) -> str:
        """Take the middle out, half of `limit` tokens from each end.

        A few less where the text that is left has more tokens than it was made of: a character cut
        in two becomes several.
        """
        ids = self.encode(text)
        half, left, over = limit // 2, text, len(ids) - limit
        while over > 0:
            if half <= 0:
                return ""
            left = self.decode(ids[:half]) + self.decode(ids[len(ids) - half :])
            over = self.count(left) - limit
            half -= (over + 1) // 2
        return left

    def adjusted(self, _text: str) -> Tokens:
        """Give itself: nothing counts better."""
        return self

    def decode(self, ids: list[int]) -> str:
        """Give the text of ids.

        Raises:
            EndpointError: the endpoint cannot.

        """
        body = self.post("/detokenize", {"model": self.model, "tokens": ids})
        # llama.cpp, vLLM and SGLang name the text each in their own way.
        for name in ("content", "prompt", "text"):
            if isinstance(body, Mapping) and isinstance(body.get(name), str):
                return str(body[name])
        raise EndpointError("the endpoint has /tokenize, but no /detokenize to cut a text with")


def tokenise(
    post: Callable[[str, Mapping[str, Any]], Any], model: str, text: str
) -> list[int] | None:
    """Ask for the ids of a text, None where that cannot be asked.

    One body serves the three engines: llama.cpp reads `content` and `add_special`, the others
    `prompt` and `add_special_tokens`.
    """
    body = post(
        "/tokenize",
        {
            "model": model,
            "prompt": text,
            "content": text,
            "add_special_tokens": False,
            "add_special": False,
        },
    )
    ids = body.get("tokens") if isinstance(body, Mapping) else None
    return ids if isinstance(ids, list) and all(isinstance(each, int) for each in ids) else None


class Asked:
    """An endpoint that is asked about its tokens; every failure to answer is None."""

    def __init__(self, base_url: str, model: str, key: str | None) -> None:
        self._base, self._model, self._key = base_url.rstrip("/"), model, key

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx

        # Nobody says when the last text has been counted, so no connection is kept open.
        headers = {"connection": "close"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return httpx.Client(headers=headers, timeout=_TIMEOUT_S)

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        import httpx

        try:
            response = self._client.request(method, url, json=body)
            return response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None

    def root(self, path: str, body: Mapping[str, Any] | None) -> Any:
        """Ask at the server's root; no body is a GET."""
        root = self._base.removesuffix("/v1")
        return self._ask("GET" if body is None else "POST", f"{root}{path}", body)

    def used(self, text: str) -> int | None:
        """Give the prompt tokens that the endpoint reports for a chat of one message."""
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 1,
        }
        answer = self._ask("POST", f"{self._base}/chat/completions", body)
        usage = answer.get("usage") if isinstance(answer, Mapping) else None
        tokens = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
        return tokens if isinstance(tokens, int) else None

    def limit(self) -> int | None:
        """Give the longest context: of a model, as all but llama.cpp say it, or in `/props`."""
        listed = self._ask("GET", f"{self._base}/models", None)
        entries = listed.get("data") if isinstance(listed, Mapping) else None
        plain = self._model.rpartition("@")[0]  # a proxy need not list every profile
        for entry in entries if isinstance(entries, list) else ():
            named = isinstance(entry, Mapping) and entry.get("id") in (self._model, plain)
            if named and isinstance(entry.get("max_model_len"), int):
                return int(entry["max_model_len"])
        props = self.root("/props", None)
        settings = props.get("default_generation_settings") if isinstance(props, Mapping) else None
        found = settings.get("n_ctx") if isinstance(settings, Mapping) else None
        return found if isinstance(found, int) else None


def served(base_url: str, model: str, key: str | None = None) -> Tokens:
    """Give how tokens are counted for a model behind an endpoint; a few small requests."""
    asked = Asked(base_url, model, key)
    limit, short = asked.limit(), asked.used(_SHORT)
    ids = tokenise(asked.root, model, _SHORT)
    if ids is not None:
        overhead = max(0, short - len(ids)) if short is not None else 0
        return ServedTokens(asked.root, model, overhead, limit)
    if short is None:
        return EstimatedTokens(limit=limit)
    return _calibrated(asked, short, limit)


def _calibrated(asked: Asked, short: int, limit: int | None) -> Tokens:
    narrow, wide = _rate(asked, short, "en"), _rate(asked, short, "zh")
    if narrow is None or wide is None:
        return EstimatedTokens(limit=limit)
    overhead = max(0, short - round(narrow * EstimatedTokens().count(_SHORT)))
    source = "words and characters, at the rates of the endpoint's usage"
    return EstimatedTokens(narrow, wide, overhead, limit, source, ask=asked.used)


def _rate(asked: Asked, short: int, language: str) -> float | None:
    """Give the tokens of a piece of text, from a page or, if the context is small, a paragraph."""
    from evenhand_evals.haystack import generated

    plain = EstimatedTokens()
    for characters in _SAMPLES[language]:
        text = generated(language, 0, characters)
        used = asked.used(text)
        if used is not None and used > short:
            return (used - short) / (plain.count(text) - plain.count(_SHORT))
    return None
