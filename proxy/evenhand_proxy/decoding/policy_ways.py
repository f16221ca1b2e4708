"""The ways round a rule of a policy: values that mean "no bound", and parameters that stand in.

A cap on `max_tokens` means nothing if -1 passes it, or 0 where the engine takes 0 for unset; a
floor under the temperature means nothing if `top_k: 1` makes the request greedy all the same.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evenhand_proxy.decoding.asked import Draft
from evenhand_proxy.decoding.dialect import Range, Rule
from evenhand_proxy.decoding.parameters import PARAMETERS, SPELLINGS
from evenhand_proxy.decoding.record import PolicyAction
from evenhand_proxy.decoding.values import fault, is_number
from evenhand_proxy.decoding.vocabulary import ABSENT

_BELOW_0: Final = Range(maximum=0, open="maximum")

UNBOUNDED: Final[Mapping[str, Range]] = {
    # llama.cpp tools/server README: n_predict -1 is infinity; ollama docs/modelfile.mdx: -1
    # infinite, -2 the rest of the context
    "max_tokens": _BELOW_0,
    # reference of the parameters: -1 is no budget (vLLM, Gemini's "dynamic")
    "thinking_budget": _BELOW_0,
    # llama.cpp tools/server README: -1 is the whole context
    "repeat_last_n": _BELOW_0,
    # vLLM: -1 gives the whole vocabulary
    "top_logprobs": _BELOW_0,
    # llama.cpp src/llama-sampler.cpp: a k of 0 or less keeps all tokens
    "top_k": Range(maximum=1, open="maximum"),
    # llama.cpp src/llama-sampler.cpp: the sampler is off at 0 and below
    "top_n_sigma": Range(maximum=0),
}
"""Values that mean "without bound": more than any number to a cap, and enough for any floor."""

ABSENT_MEANS_NO_BOUND: Final = frozenset(("max_tokens", "thinking_budget"))
"""Where no engine's unknown default can be taken for too small."""

BOUNDED_TOGETHER: Final[Mapping[str, tuple[str, ...]]] = {
    # OpenAI's completions: best_of answers are drawn and paid for, of which n come back
    "n": ("best_of",),
    # the completions route asks for alternatives with a number in logprobs
    "top_logprobs": ("logprobs",),
}
"""What a cap bounds besides its own parameter: other numbers by which the same is asked for."""

GREEDY: Final[Mapping[str, Any]] = {"temperature": 0, "do_sample": False, "top_k": 1}
"""The values of which each one alone makes a request greedy."""

Default = Callable[[str], Any]
"""Gives the value that a parameter has when nobody sets it, ABSENT where that is not known."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a rule does about one parameter.

    new: the value that it sets, ABSENT to refuse. said: in words. field: the field of the body
    and its value, where that is not one that we read.
    """

    parameter: str
    new: Any
    said: str
    field: tuple[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What rules look at; `dialect` is None where the engine's rules are not known."""

    drafts: Mapping[str, Draft]
    default: Default
    dialect: Mapping[str, Rule] | None
    body: Mapping[str, Any]

    def raw(self, name: str) -> Any:
        """Give the value so far, null included; ABSENT where there is none."""
        draft = self.drafts.get(name)
        return ABSENT if draft is None else draft.value

    def asked(self, name: str) -> Any:
        """Give the value so far; ABSENT for null too, which asks engines for their default."""
        value = self.raw(name)
        return ABSENT if value is None else value

    def lacks(self, name: str) -> bool:
        """Whether the engine is known to have no such parameter on this route."""
        if self.dialect is None:
            return False
        rule = self.dialect.get(name)
        if rule is None or rule.wire is not None:
            return rule is None
        return not any(isinstance(value, bool) for value in rule.equivalent)

    def acting(self, name: str) -> Any:
        """Give the number that acts; ABSENT where none bounds anything or nobody knows it.

        A value that the engine takes for unset or ignores leaves its default to act.
        """
        asked = self.asked(name)
        if asked is ABSENT:
            return self.default(name)
        rule = None if self.dialect is None else self.dialect.get(name)
        if rule is None:
            return asked
        for rewrite in rule.rewrites:
            if asked in rewrite.when:
                return ABSENT if rewrite.becomes is None else asked
        wrong = fault(asked, rule.kind or PARAMETERS[name].kind, rule.range, rule.values)
        ignored = wrong is not None and rule.out_of_range == "ignored"
        return self.default(name) if ignored else asked


def no_bound(name: str, value: float) -> bool:
    """Whether a value of a parameter means that there is no bound."""
    return name in UNBOUNDED and value in UNBOUNDED[name]


def other_ways(action: PolicyAction, name: str, value: Any, request: Request) -> Iterator[Way]:
    """Give what a rule (its action, parameter and value) does about what stands in for its own."""
    if action == "cap":
        yield from _bounded_together(name, value, request)
    if action in ("pin", "floor") and _demands_sampling(name, value):
        yield from _greedy_all_the_same(name, request)
    if action in ("pin", "cap", "floor", "forbid"):
        yield from _other_cases(name, request)


def _bounded_together(name: str, value: float, request: Request) -> Iterator[Way]:
    for other in BOUNDED_TOGETHER.get(name, ()):
        asked = request.asked(other)
        if asked is ABSENT or isinstance(asked, bool):
            continue
        said = f"caps {name} at {value}, and {other} with it"
        if not is_number(asked):
            yield Way(other, ABSENT, f"{said}; {shown(asked)} is not a number")
        elif asked > value or asked < 0:
            yield Way(other, value, said)


def _demands_sampling(name: str, value: Any) -> bool:
    return (name == "temperature" and value > 0) or (name == "do_sample" and value is True)


def _greedy_all_the_same(name: str, request: Request) -> Iterator[Way]:
    for other, greedy in GREEDY.items():
        asked = request.asked(other)
        switch = isinstance(greedy, bool)
        if other == name or asked != greedy or isinstance(asked, bool) != switch:
            continue
        said = f"demands sampling, which {other}={shown(greedy)} would switch off"
        yield Way(other, True if switch else ABSENT, said)


def _other_cases(name: str, request: Request) -> Iterator[Way]:
    """Find fields that an engine which ignores case would read as the parameter.

    Go's encoding/json, and so Ollama, prefers an exact key but accepts any case-folded one.
    """
    rule = None if request.dialect is None else request.dialect.get(name)
    own = () if rule is None or rule.wire is None else (rule.wire, *rule.accepts)
    words = {path.casefold(): path for path in (*PARAMETERS[name].spellings, *own)}
    for path, value in _paths(request.body):
        meant = words.get(path.casefold())
        if meant is None or path == meant or path in SPELLINGS:
            continue
        said = f"is about {name}, and some engines read {path!r} as {meant}"
        yield Way(name, ABSENT, said, (path, value))


def _paths(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the fields of a body, and those of its objects, by dotted path."""
    for key, value in body.items():
        yield key, value
        if isinstance(value, Mapping):
            for inner, item in value.items():
                yield f"{key}.{inner}", item


def shown(value: Any, *, whole: bool = False) -> str:
    """Give a value as JSON, cut to 40 characters unless the whole is wanted."""
    text = json.dumps(value, sort_keys=True, default=repr, ensure_ascii=False)
    return text if whole or len(text) <= 40 else f"{text[:37]}..."
