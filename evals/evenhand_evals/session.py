"""The workers of a run: they take samples from a queue, ask, judge and log."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from evenhand_evals.endpoint.asking import interview
from evenhand_evals.endpoint.facts import NO_ROUTE
from evenhand_evals.endpoint.speaker import Speaker
from evenhand_evals.errors import AnswerUnreadable, EndpointError, EvalError, Unaskable
from evenhand_evals.http.client import REJECTED, Exchange
from evenhand_evals.judge import verdict
from evenhand_evals.log import LogWriter, Record
from evenhand_evals.progress import Reporter
from evenhand_evals.settings import BY_OPTIONS, Named
from evenhand_evals.transcript import Transcript
from evenhand_evals.types import Reply, Sample, Score, Task
from evenhand_evals.wire import unseeing

FAILURES_IN_A_ROW = 20

Job = tuple[Sample, int]
"""A sample and its repeat."""


class Streak:
    """Ends a run whose endpoint does not answer, rather than failing every sample left.

    A request that is rejected says nothing of the next one: the prompt may be too long. Where every
    one so far was rejected in the same words, the next will be too. `answered` are the names of the
    models that have answered a sample of the run before. `hopeless` says that the run was ended for
    what it asks, and whom, with not one answer: there is nothing to go on with.
    """

    def __init__(self, answered: Iterable[Named] = ()) -> None:
        self._length = 0
        self._answered = set(answered)
        self._rejected: list[str] = []
        self.hopeless = False

    def answered(self, named: Named) -> None:
        """Note that an endpoint gave an answer."""
        self._answered.add(named)

    def see(self, exchange: Exchange, named: Named = BY_OPTIONS) -> None:
        """Count a failure, or begin anew; `named` is how the user named the model that was asked.

        Raises:
            EndpointError: that was one too many, or the endpoint has no such path.
            Unaskable: the model was sent images, and takes none.

        """
        if exchange.failure is not None and unseeing(exchange.answer.body):
            raise self._misasked(
                Unaskable(
                    f"{named.model}: the model takes no images: {exchange.failure}; "
                    "choose a model that sees, or a task without images"
                )
            )
        if exchange.failure is None:
            self.answered(named)
            self._length = 0
            return
        if named not in self._answered and exchange.answer.status in NO_ROUTE:
            raise self._misasked(
                EndpointError(
                    f"{named.base_url}: the first request was answered with {exchange.failure}; "
                    f"correct the URL (most end in /v1) or {named.model}"
                )
            )
        if exchange.answer.status in REJECTED:
            self._length = 0
            self._reject(exchange.failure, named)
            return
        self._length += 1
        if self._length >= FAILURES_IN_A_ROW:
            raise EndpointError(
                f"the endpoint failed {self._length} times in a row, last with: "
                f"{exchange.failure}; what is done is kept: go on with --resume"
            )

    def _reject(self, failure: str, named: Named) -> None:
        if named in self._answered:
            return
        self._rejected = [each for each in self._rejected if each == failure] + [failure]
        if len(self._rejected) >= FAILURES_IN_A_ROW:
            raise self._misasked(
                EndpointError(
                    f"{named.model}: all of the first {len(self._rejected)} requests were rejected "
                    f"alike, with: {failure}; change what is asked ({named.set}, {named.profile}, "
                    "--mode), or the model"
                )
            )

    def _misasked(self, error: EvalError) -> EvalError:
        """Give the error that ends a run for what it asks, and whom."""
        self.hopeless = not self._answered
        return error


@dataclass(frozen=True, slots=True)
class Session:
    """What the workers of one session share.

    `judge` is there for tasks that need one, `pool` for those whose scoring runs programs.
    """

    task: Task
    model: Speaker
    judge: Speaker | None
    log: LogWriter
    progress: Reporter
    streak: Streak
    pool: Executor | None = None

    async def run(self, todo: Sequence[Job], concurrency: int) -> None:
        """Ask everything that is left.

        Raises:
            EndpointError: the endpoint stopped answering.

        """
        jobs: asyncio.Queue[Job | None] = asyncio.Queue(maxsize=2 * concurrency)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_feed(jobs, iter(todo), concurrency))
                for _ in range(concurrency):
                    group.create_task(self._work(jobs))
        except* EvalError as errors:
            raise errors.exceptions[0] from None

    async def _work(self, jobs: "asyncio.Queue[Job | None]") -> None:
        while (job := await jobs.get()) is not None:
            record, last, asked = await self._interview(*job)
            self.log.append(record)
            self.progress.update(record)
            self.streak.see(last, asked.target.named)

    async def _interview(self, sample: Sample, repeat: int) -> tuple[Record, Exchange, Speaker]:
        """Ask everything that a sample asks, judge it, and give what was asked last of whom."""
        follow = partial(self.task.follow, sample) if self.task.follow else None
        judge = self.judge.voice(repeat) if self.judge else None
        talk = interview(sample.first, (self.model.voice(repeat), judge), follow)
        transcript = Transcript(sample, repeat)
        outgoing = next(talk)
        while True:
            asked = self.judge if outgoing.judge and self.judge else self.model
            exchange = await asked.ask(outgoing, repeat, len(transcript))
            transcript.add(outgoing, exchange)
            if exchange.failure is not None:
                return transcript.record(None, exchange.failure), exchange, asked
            self.streak.answered(asked.target.named)
            try:
                outgoing = talk.send(exchange.answer.body)
            except StopIteration as done:
                score = await self._verdict(sample, done.value)
                return transcript.record(score, None), exchange, asked
            except AnswerUnreadable as error:
                return transcript.record(None, str(error)), exchange, asked

    async def _verdict(self, sample: Sample, replies: Sequence[Reply]) -> Score:
        """Judge the answers; what runs programs does so in a thread, that asking may go on."""
        if self.pool is None:
            return verdict(self.task, sample, replies)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, verdict, self.task, sample, replies)


async def _feed(jobs: "asyncio.Queue[Job | None]", todo: Iterator[Job], workers: int) -> None:
    for job in todo:
        await jobs.put(job)
    for _ in range(workers):
        await jobs.put(None)
