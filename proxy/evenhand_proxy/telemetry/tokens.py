"""Token counts for answers whose engine reported none: estimates, and marked as such.

tiktoken's own encodings are files that it fetches at first use. A proxy must not wait for that,
nor need it: until the configured encoding is there, and where it never comes, a small byte-level
encoding that ships with the package counts. Each count names the encoding that made it.
"""

import base64
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tiktoken

from evenhand_proxy.errors import ConfigError
from evenhand_proxy.exchange import Usage

BUNDLED_FILE = Path(__file__).with_name("tokens.tiktoken")
BUNDLED_NAME = "evenhand"

# The pattern that the tokenizer of tiny-glm4 was trained with: digits alone, words with the space
# before them, runs of other characters and of white space.
_PATTERN = r"\p{N}|'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# A byte-pair encoder takes more than linear time for a long run without a boundary, and the
# sender chooses the text. Texts are cut to this many characters before they are encoded, which
# costs at most one wrong token for each cut.
_PIECE = 4096

logger = logging.getLogger(__name__)


def bundled_encoding(file: Path = BUNDLED_FILE) -> tiktoken.Encoding:
    """Load a ranks file: a base64 token, a space and its rank on each line."""
    lines = (line.split() for line in file.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    return tiktoken.Encoding(
        BUNDLED_NAME, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )


class TokenCounter:
    """Counts tokens with one encoding, or with the bundled one until that is there.

    `patience`, in seconds, bounds how long the encoding may take to load; one that comes later
    is not used.

    Raises:
        ConfigError: tiktoken knows no encoding of that name.

    """

    def __init__(self, encoding: str = "o200k_base", *, patience: float = 30.0) -> None:
        known = tiktoken.list_encoding_names()
        if encoding not in known:
            raise ConfigError(
                f"token encoding {encoding!r}: tiktoken has no such encoding; "
                f"choose one of {', '.join(sorted(known))}"
            )
        self._wanted = encoding
        self._patience = patience
        self._encoding = bundled_encoding()
        self._loader = threading.Thread(target=self._load, name="evenhand-tokens", daemon=True)

    def start(self) -> None:
        """Load the configured encoding in the background; once is enough."""
        if self._loader.ident is None:
            self._loader.start()

    def wait(self) -> str:
        """Wait until the encoding is there or never will be; give the name of the one in use."""
        self._loader.join(self._patience)
        return self._encoding.name

    def count(self, text: str) -> tuple[int, str]:
        """Give the number of tokens in the text, and the name of the encoding that counted."""
        encoding = self._encoding
        return _count(encoding, [text]), encoding.name

    def estimate_usage(self, request: Mapping[str, Any], answer: str) -> Usage:
        """Estimate the usage of a request, from its parsed body and the text of its answer.

        Counts the texts of `messages`, `prompt`, `input` or `instructions`, and the answer. What a
        chat template adds, tools and images are not counted, so the engine's own number is larger.
        """
        encoding = self._encoding
        texts = _texts(request)
        return Usage(
            prompt_tokens=_count(encoding, texts) + _given_tokens(request),
            completion_tokens=_count(encoding, [answer]),
            source="estimate",
            encoding=encoding.name,
        )

    def _load(self) -> None:
        deadline = time.monotonic() + self._patience
        try:
            encoding = tiktoken.get_encoding(self._wanted)
        except Exception as error:  # noqa: BLE001 - a plug-in or the network may raise anything
            logger.info("tokens are estimated with the bundled encoding: no %s here", self._wanted)
            logger.debug("%s", error)
            return
        if time.monotonic() <= deadline:
            self._encoding = encoding


def _count(encoding: tiktoken.Encoding, texts: list[str]) -> int:
    pieces = (text[at : at + _PIECE] for text in texts for at in range(0, len(text), _PIECE))
    return sum(len(encoding.encode_ordinary(piece)) for piece in pieces)


def _texts(request: Mapping[str, Any]) -> list[str]:
    said = [*_objects(request.get("messages")), *_objects(request.get("input"))]
    contents = [message.get("content") for message in said]
    contents += [request.get(name) for name in ("prompt", "input", "instructions")]
    texts: list[str] = []
    for content in contents:
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts += [part for part in content if isinstance(part, str)]
            texts += [t for part in _objects(content) if isinstance(t := part.get("text"), str)]
    return texts


def _given_tokens(request: Mapping[str, Any]) -> int:
    """Count the tokens that a prompt already consists of: a list of ids, or a list of such."""
    count = 0
    for prompt in (request.get("prompt"), request.get("input")):
        if isinstance(prompt, list):
            nested = [token for part in prompt if isinstance(part, list) for token in part]
            count += sum(isinstance(token, int) for token in [*prompt, *nested])
    return count


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
