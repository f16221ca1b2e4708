"""The one place where the probes ask: bodies that blame nobody else, refusals, budget, failures.

Every request names what it does not test at its neutral value, as far as the endpoint takes it, so
that a hidden default cannot pass for an effect. What the endpoint refuses among those is left out.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evenhand_evals.attest.answers import Reply, parse_reply
from evenhand_evals.errors import EndpointError
from evenhand_evals.http.client import Answer, Backoff, Client, describe, error_text

Route = Literal["chat", "completions"]
PATHS: Mapping[Route, str] = {"chat": "/chat/completions", "completions": "/completions"}
REFUSALS = frozenset((400, 403, 413, 422, 501))
"""A 403 is one only after the endpoint has answered a plain request with the same key."""
NEUTRAL: Mapping[str, tuple[float, ...]] = {
    "temperature": (1.0,),
    "top_p": (1.0,),
    "top_k": (-1, 0),  # SGLang refuses 0, others refuse -1; both are "all tokens"
    "min_p": (0.0,),
    "presence_penalty": (0.0,),
    "frequency_penalty": (0.0,),
    "repetition_penalty": (1.0,),
}
ALTERNATIVES = (20, 5, 1)
"""How many likely tokens to ask for at each place, the first that the endpoint takes."""
PLAIN_PROMPT = "Write a story."


class Refused(Exception):
    """The endpoint refuses a request; the text is the endpoint's own."""


class BudgetSpent(Exception):
    """The attestation has used all the requests that it was given."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the prompt, the token budget, and the fields besides the neutral ones.

    A field that is None is left out, the neutral one of its name too. `top` is how many likely
    tokens to report: None for no log probabilities.
    """

    prompt: str
    tokens: int
    fields: Mapping[str, Any]
    top: int | None = None


class Asker:
    """Asks one endpoint for one model, counts, and keeps to the budget.

    `repetition` is the engine's spelling of the repetition penalty. `seeds`, where it is set, gives
    each draw a seed of its own: an endpoint that answers equal requests equally, because its seed
    is fixed or because it keeps its answers, otherwise makes one draw look like many.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        route: Route,
        *,
        budget: int,
        concurrency: int,
        repetition: str = "repetition_penalty",
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self.model = model
        self.route = route
        self._budget = budget
        self._backoff = backoff or Backoff(attempts=4)
        self._slots = asyncio.Semaphore(concurrency)
        self._limit = "max_tokens"
        self._established = False
        self.repetition = repetition
        self.neutral: dict[str, Any] = {}
        self.alternatives = 0
        self.requests = 0
        self.through_proxy = False
        self.seeds: random.Random | None = None

    async def prepare(self) -> None:
        """Find out what the endpoint takes: the token limit's name, neutral fields, logprobs.

        Raises:
            EndpointError: it does not even answer a plain request.

        """
        try:
            await self._plain()
        except Refused as first:
            self._limit = "max_completion_tokens"
            try:
                await self._plain()
            except Refused:
                raise EndpointError(f"the endpoint refuses a plain request: {first}") from first
        self._established = True
        await self._neutralise()
        for count in ALTERNATIVES:
            try:
                reply = await self.ask(Ask(PLAIN_PROMPT, 1, {}, top=count))
            except Refused:
                continue
            if reply.first.tokens and reply.first.tokens[0].top:
                self.alternatives = count
            return

    async def ask(self, asked: Ask) -> Reply:
        """Ask once, again where the endpoint stumbles.

        Raises:
            Refused: the endpoint does not take the request.
            BudgetSpent: no request is left.
            EndpointError: it fails.

        """
        body = self.body(asked)
        answer = await self._answer(body)
        if answer.request_id is not None:
            self.through_proxy = True
        if answer.status == 200:
            reply = parse_reply(answer.body)
            if reply is None:
                raise EndpointError(f"no completion came back: {error_text(answer.body)}")
            return reply
        if answer.status in REFUSALS and (answer.status != 403 or self._established):
            raise Refused(f"HTTP {answer.status}: {error_text(answer.body)[:240]}")
        raise EndpointError(f"{self._client.base_url}{PATHS[self.route]}: {describe(answer)}")

    async def many(self, asked: Sequence[Ask]) -> list[Reply]:
        """Draw several at once; the replies stand in the order of the requests."""

        async def one(each: Ask) -> Reply:
            async with self._slots:
                return await self.ask(each)

        tasks = [asyncio.ensure_future(one(self.drawn(each))) for each in asked]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def draws(self, count: int, asked: Ask) -> list[Reply]:
        """Ask the same several times."""
        return await self.many([asked] * count)

    def drawn(self, asked: Ask) -> Ask:
        """Give the request for one more draw: see `seeds`."""
        if self.seeds is None or "seed" in asked.fields:
            return asked
        return replace(asked, fields={**asked.fields, "seed": self.seeds.randrange(1, 2**31)})

    def body(self, asked: Ask) -> dict[str, Any]:
        """Build the body of a request."""
        chat = self.route == "chat"
        prompt = (
            {"messages": [{"role": "user", "content": asked.prompt}]}
            if chat
            else {"prompt": asked.prompt}
        )
        fields = {**self.neutral, self._limit: asked.tokens, **self._logprobs(asked.top)}
        fields.update(asked.fields)
        kept = {name: value for name, value in fields.items() if value is not None}
        return {"model": self.model, **prompt, **kept}

    def _logprobs(self, top: int | None) -> dict[str, Any]:
        if top is None:
            return {}
        return (
            {"logprobs": True, "top_logprobs": top} if self.route == "chat" else {"logprobs": top}
        )

    async def _plain(self) -> None:
        await self.ask(Ask(PLAIN_PROMPT, 1, {}))

    async def _neutralise(self) -> None:
        """Take up each neutral field that the endpoint takes: all at once, else one by one."""
        names = {name: self.repetition if name.startswith("rep") else name for name in NEUTRAL}
        everything = {names[name]: values[0] for name, values in NEUTRAL.items()}
        if await self._takes(everything):
            self.neutral = everything
            return
        for name, values in NEUTRAL.items():
            for value in values:
                if await self._takes({**self.neutral, names[name]: value}):
                    self.neutral[names[name]] = value
                    break

    async def _takes(self, fields: Mapping[str, Any]) -> bool:
        try:
            await self.ask(Ask(PLAIN_PROMPT, 1, fields))
        except Refused:
            return False
        return True

    async def _answer(self, body: Mapping[str, Any]) -> Answer:
        for attempt in range(self._backoff.attempts):
            if self.requests >= self._budget:
                raise BudgetSpent
            self.requests += 1
            answer = await self._client.request("POST", PATHS[self.route], body)
            patient = (answer.retry_after or 0.0) <= self._backoff.patience
            last = attempt + 1 == self._backoff.attempts
            if not answer.transient or answer.status == 501 or last or not patient:
                break
            await asyncio.sleep(self._backoff.pause(attempt, answer.retry_after))
        return answer
