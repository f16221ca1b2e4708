"""The ids under which requests are answered and audited."""

import os
import random
import time

REQUEST_ID = "evenhand.request_id"
"""Where the scope of a request that FastAPI serves holds its id."""


class RequestIds:
    """Makes ids that sort by time."""

    def __init__(self) -> None:
        # Not os.urandom each time: it lets go of the interpreter, and the writer threads take it.
        self._chance = random.Random(os.urandom(16))  # noqa: S311 - ids are names, not secrets

    def new(self) -> str:
        """Give 32 hexadecimal digits: milliseconds since the Unix epoch, then chance."""
        return f"{time.time_ns() // 1_000_000:012x}{self._chance.getrandbits(80):020x}"


def id_headers(request_id: str) -> list[tuple[bytes, bytes]]:
    """Give the headers that name a request: ours, and those of OpenAI's and Anthropic's SDKs."""
    identity = request_id.encode()
    return [
        (b"evenhand-request-id", identity),
        (b"x-request-id", identity),
        (b"request-id", identity),
    ]
