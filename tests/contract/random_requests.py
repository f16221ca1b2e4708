"""Random requests that set every decoding parameter which the engines report, from fixed seeds."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evenhand_proxy.decoding import PARAMETERS, PROFILES

Route = Literal["chat", "completions"]
Draw = Callable[[random.Random], Any]

WRONG = 0.04
"""How often a field gets a value that some engine does not take."""
NULL = 0.03
ALIAS = 0.3
PROFILE = 0.2
UNBOUNDED = 0.03
"""How often a request leaves the length of its answer to the engine."""


@dataclass(frozen=True)
class Asked:
    """One request: where it goes, what is in it, and its headers."""

    route: Route
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The path below the base URL."""
        return "/chat/completions" if self.route == "chat" else "/completions"


@dataclass(frozen=True)
class Field:
    """How a parameter is drawn, the values that are wrong somewhere, and where it is a field."""

    draw: Draw
    wrong: tuple[Any, ...] = ()
    routes: tuple[Route, ...] = ("chat", "completions")


def _one(*values: Any) -> Draw:
    return lambda chance: chance.choice(values)


def _between(low: float, high: float, *special: Any) -> Draw:
    """Draw one of the special values half of the time, else a number with many digits."""

    def draw(chance: random.Random) -> Any:
        if special and chance.random() < 0.5:
            return chance.choice(special)
        return round(chance.uniform(low, high), chance.choice((1, 2, 6)))

    return draw


def _biases(chance: random.Random) -> dict[str, float]:
    drawn = {str(chance.randrange(300)): round(chance.uniform(-9, 9), 2) for _ in range(3)}
    return dict(list(drawn.items())[: chance.randint(1, 3)])


def _biases_in_pairs(chance: random.Random) -> Any:
    pairs = [[int(token), bias] for token, bias in _biases(chance).items()]
    return chance.choice((_biases(chance), pairs, [[11, False], *pairs]))


SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
_EBNF = 'root ::= "yes" | "no"'
_CHAT: tuple[Route, ...] = ("chat",)
_COMPLETIONS: tuple[Route, ...] = ("completions",)

BYTES_AND_END = [*range(256), 4087]
"""Tokens of tiny-glm4 that any constraint can be met with; vLLM fails where none fits (a 500)."""

COMMON: Mapping[str, Field] = {
    "temperature": Field(
        _between(0, 2, 0, 0.0, 1e-7, 1e-6, 0.005, 0.01, 0.3, 1, 2.0), (-1, -0.25, 2.5, 100)
    ),
    "top_p": Field(_between(0.05, 1, 1, 1.0, 0.5, 0.8, 0.001), (0, 0.0, -0.5, 1.5)),
    "top_k": Field(_one(0, -1, 1, 2, 20, 1000), (-7, 2**31)),
    "min_p": Field(_between(0, 1, 0, 0.0, 0.05, 1), (-1, 2, 1.01)),
    "repetition_penalty": Field(_between(0.5, 2, 1, 1.0, 1.1), (0, -1, 2.5)),
    "presence_penalty": Field(_between(-2, 2, 0, 0.0, 1), (-2.5, 5)),
    "frequency_penalty": Field(_between(-2, 2, 0, 0.0, 1), (-5, 2.01)),
    "seed": Field(lambda chance: chance.choice((0, 1, 42, -1, chance.randrange(2**31)))),
    "stop": Field(_one("\n\n", ["\n\n"], ["zq", "###"], []), ("", [""], ["a", "b", "c", "d", "e"])),
    "ignore_eos": Field(_one(True, False)),
    "logit_bias": Field(_biases, ({"5": 101.0, "7": -150.0},)),
    "do_sample": Field(_one(True, False)),
    "n": Field(_one(1, 1, 2), (0,)),
    "response_format": Field(_one({"type": "text"}, {"type": "json_object"}, _FORMAT)),
    "logprobs": Field(_one(True, False), routes=_CHAT),
    "top_logprobs": Field(_one(0, 2, 5), (-1, 21), routes=_CHAT),
    "thinking": Field(_one(True, False), routes=_CHAT),
    "reasoning_effort": Field(_one("none", "low", "high"), ("enormous",), routes=_CHAT),
}

_COUNTED = {"logprobs": Field(_one(0, 2, 5), (-1, 21), routes=_COMPLETIONS)}
_TOKENS = {
    "min_tokens": Field(_one(0, 1), (-1, 9)),
    "stop_token_ids": Field(_one([5], [7, 9], [])),
    "skip_special_tokens": Field(_one(True, False)),
}

MENUS: Mapping[str, tuple[Mapping[str, Field], ...]] = {
    "llamacpp": (
        COMMON,
        {
            "typical_p": Field(_between(0.1, 1, 1, 1.0), (-1, 3)),
            "top_n_sigma": Field(_between(0, 3, -1, -1.0, 0)),
            "xtc_probability": Field(_between(0, 1, 0, 0.0, 0.5), (-0.5, 1.5)),
            "mirostat": Field(_one(0, 1, 2), (-1, 3)),
            "samplers": Field(
                _one(["top_k", "temperature"], ["penalties", "min_p", "top_p"], ["typ_p"])
            ),
            "repeat_last_n": Field(_one(0, 1, 64, 256), (-1, -5)),
            "dry_multiplier": Field(_between(0, 2, 0, 0.0, 0.8), (-1,)),
            "logit_bias": Field(_biases_in_pairs),
            "seed": Field(_one(0, 1, 42, -1, 2**31, 2**32 - 2), (-2, 2**32 - 1, 2**32, 2**32 + 5)),
            "grammar": Field(_one(_EBNF, "")),
            "json_schema": Field(_one(SCHEMA)),
            "thinking_budget": Field(_one(0, 5, -1), (-3,)),
        },
        _COUNTED,
    ),
    "sglang": (
        COMMON,
        _COUNTED,
        _TOKENS,
        {
            "regex": Field(_one("(yes|no)", "[0-9]+", "")),
            "grammar": Field(_one(_EBNF, "")),
            "json_schema": Field(_one(SCHEMA)),
            "stop_regex": Field(_one("x{2}", ["x{2}", "[0-9]{9}"])),
            "custom_params": Field(_one({"a": 1})),
        },
    ),
    "vllm": (
        COMMON,
        _COUNTED,
        _TOKENS,
        {
            "regex": Field(_one("(yes|no)", "[0-9]+")),
            "grammar": Field(_one(_EBNF)),
            "json_schema": Field(_one(SCHEMA)),
            "choice": Field(_one(["yes", "no"])),
            "bad_words": Field(_one(["zq"], ["zq", "qz"], []), ([""],)),
            "allowed_token_ids": Field(_one(BYTES_AND_END), ([],)),
            "use_beam_search": Field(_one(False, False, False, True)),
            "length_penalty": Field(_one(1.0, 0.8)),
            "custom_params": Field(_one({"a": 1})),
        },
    ),
}
"""Engine to its fields; a later table adds to those before it, for the routes that it names."""

CALM = ("seed", "stop", "logprobs", "presence_penalty")
"""What a request may set whose answer ends only where the model says."""


def requests(kind: str, count: int, model: str, seed: int) -> Iterator[Asked]:
    """Give `count` random requests to an engine of a kind."""
    chance = random.Random(f"{kind} {seed}")
    menus = {route: _menu(kind, route) for route in (*_CHAT, *_COMPLETIONS)}
    for _ in range(count):
        route = chance.choice((*_CHAT, *_COMPLETIONS))
        yield _request(chance, route, menus[route], model)


def _menu(kind: str, route: Route) -> dict[str, Field]:
    return {
        name: field for menu in MENUS[kind] for name, field in menu.items() if route in field.routes
    }


def _request(chance: random.Random, route: Route, menu: Mapping[str, Field], model: str) -> Asked:
    body: dict[str, Any] = {"model": model, "stream": chance.random() < 0.4}
    if route == "chat":
        body["messages"] = [{"role": "user", "content": "What is the capital of France?"}]
    else:
        body["prompt"] = "The capital"
    if chance.random() < UNBOUNDED:
        _length_left_open(chance, body, menu, route)
        return Asked(route, body, {})
    headers: dict[str, str] = {}
    if chance.random() < PROFILE:
        profile = chance.choice(sorted(PROFILES))
        if chance.random() < 0.5:
            body["model"] = f"{model}@{profile}"
        else:
            headers["evenhand-profile"] = profile
    _length(chance, body)
    for name in chance.sample(sorted(menu), chance.randint(0, 6)):
        body[_spelling(chance, name)] = _value(chance, menu[name])
    if route == "completions" and body.get("use_beam_search"):
        body["stream"] = False  # vLLM has none of it, and it is no matter of decoding
    return Asked(route, body, headers)


def _length(chance: random.Random, body: dict[str, Any]) -> None:
    """Bound the answer, by one or two of the names that clients use."""
    spellings = list(PARAMETERS["max_tokens"].spellings)
    chance.shuffle(spellings)
    body[spellings[0]] = chance.randint(1, 3)
    if chance.random() < 0.08:
        body[spellings[1]] = chance.choice((chance.randint(1, 3), None))


def _length_left_open(
    chance: random.Random, body: dict[str, Any], menu: Mapping[str, Field], route: Route
) -> None:
    """Ask greedily, so that the model itself comes to an end."""
    body["temperature"] = 0
    if route == "chat":
        wrong = chance.choice((None, 0, -1, "left out"))
    else:
        wrong = chance.choice((None, 0, "left out"))
    if wrong != "left out":
        body["max_tokens"] = wrong
    for name in chance.sample(CALM, 1):
        if name in menu:
            body[name] = menu[name].draw(chance)


def _spelling(chance: random.Random, name: str) -> str:
    plain = [spelling for spelling in PARAMETERS[name].spellings if "." not in spelling]
    known = [spelling for spelling in plain if not spelling.startswith("guided_")]
    return chance.choice(known) if chance.random() < ALIAS else name


def _value(chance: random.Random, field: Field) -> Any:
    kind = chance.random()
    if kind < NULL:
        return None
    if kind < NULL + WRONG and field.wrong:
        return chance.choice(field.wrong)
    return field.draw(chance)
