"""How many requests are under way at once: fewer when the endpoint is in trouble, more again after.

Additive increase, multiplicative decrease (Chiu and Jain 1989, "Analysis of the Increase and
Decrease Algorithms for Congestion Avoidance"): one more after as many good answers as are allowed
at once, half of them after trouble. Trouble counts once for all requests that were under way when
it came. Where the endpoint says how long to wait, nothing goes out before.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final, Self

AUTO_START: Final = 8
AUTO_MOST: Final = 256
"""Where the user leaves it to the endpoint: how many to begin with, and at most."""


class Pace:
    """Lets requests through, `most` of them at once at most.

    `limit` is how many are allowed at present.
    """

    def __init__(self, most: int, start: int | None = None) -> None:
        self.most = most
        self.limit = float(start or most)
        self.under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._round = 0
        self._waking: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        if self._waiting or not self._free():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._wake()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                raise
        else:
            self.under_way += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    @property
    def round(self) -> int:
        """Which time of calm this is; a request remembers the one that it began in."""
        return self._round

    def good(self) -> None:
        """Count an answer, after enough of which one more is allowed."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)
        self._wake()

    def trouble(self, began: int, wait: float | None = None) -> None:
        """Halve the limit, once for all requests of a round; hold everything back for `wait`."""
        if wait:
            until = asyncio.get_running_loop().time() + wait
            self._not_before = max(self._not_before, until)
        if began == self._round:
            self._round += 1
            self.limit = max(1.0, self.limit / 2)

    def _free(self) -> bool:
        held = self._not_before > asyncio.get_running_loop().time()
        return not held and self.under_way < int(self.limit)

    def _leave(self) -> None:
        self.under_way -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._free():
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
        loop = asyncio.get_running_loop()
        if self._waiting and self._not_before > loop.time() and self._waking is None:
            self._waking = loop.call_at(self._not_before, self._woken)

    def _woken(self) -> None:
        self._waking = None
        self._wake()
