"""What one sample asked and what came back, as the run's log will hold it."""

from collections.abc import Mapping
from typing import Any

from evenhand_evals.endpoint.asking import Outgoing
from evenhand_evals.endpoint.likelihood import shared
from evenhand_evals.http.client import Exchange
from evenhand_evals.log import Record, Step
from evenhand_evals.types import Sample, Score


class Transcript:
    """Takes the exchanges of a sample in their order; gives its record at the end.

    A likelihood may be asked of an engine token by token, each request with all of the tokens
    before: in the log such prompts say only what is new in them, or a text of 4,000 tokens would
    take 30 MB.
    """

    def __init__(self, sample: Sample, repeat: int) -> None:
        self._sample, self._repeat = sample, repeat
        self._steps: list[Step] = []
        self._shown: Exchange | None = None
        self._fingerprint: str | None = None
        self._cached = True
        self._tokens: list[Any] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, outgoing: Outgoing, exchange: Exchange) -> None:
        """Take one exchange."""
        if not outgoing.judge:
            self._shown = exchange
        self._cached = self._cached and exchange.cached
        answer = exchange.answer
        # what measures sends parameters of its own with each token: their fingerprint says nothing
        fingerprint = None if outgoing.measures else answer.fingerprint
        if not outgoing.judge:
            self._fingerprint = fingerprint
        self._steps.append(
            Step(
                outgoing.path,
                self._continued(exchange.request),
                answer.body,
                answer.status,
                exchange.started,
                exchange.duration,
                exchange.attempts,
                answer.request_id,
                fingerprint,
                outgoing.judge,
            )
        )
        if isinstance(answer.body, Mapping) and isinstance(answer.body.get("tokens"), list):
            self._tokens = answer.body["tokens"]

    def _continued(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say a prompt of token ids by how far it is the one before; see `Step`."""
        prompt = request.get("prompt")
        if not isinstance(prompt, list) or not prompt or not isinstance(prompt[0], int):
            return request
        same = shared(prompt, self._tokens)
        self._tokens = prompt
        if same == 0:
            return request
        return {**request, "prompt": {"same": same, "then": prompt[same:]}}

    def record(self, score: Score | None, reason: str | None) -> Record:
        """Give what the log holds: `reason` says why there is no score."""
        if self._shown is None:
            raise RuntimeError("a sample's record follows what it asked")
        shown, answer, last = self._shown, self._shown.answer, self._steps[-1]
        group = self._sample.metadata.get("group")
        started = self._steps[0].started
        return Record(
            item=self._sample.id,
            repeat=self._repeat,
            outcome=score.outcome if score else "failed",
            score=score,
            reason=reason,
            group=None if group is None else str(group),
            request=shown.request,
            response=answer.body,
            status=answer.status,
            started=started,
            duration=last.started + last.duration - started,
            attempts=shown.attempts,
            request_id=answer.request_id,
            fingerprint=self._fingerprint,
            cached=self._cached,
            steps=tuple(self._steps) if len(self._steps) > 1 else (),
        )
