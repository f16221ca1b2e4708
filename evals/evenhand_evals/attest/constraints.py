"""response_format, json_schema, regex, choice, grammar: the answer must have the form.

The forms are ones that no model takes by chance. An answer that the token limit cut off keeps the
promise if it can still become one of that form.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evenhand_evals.attest.answers import Reply
from evenhand_evals.attest.asker import Ask, Refused
from evenhand_evals.attest.lab import Lab
from evenhand_evals.attest.spelling import written
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, missed
from evenhand_evals.stats.exact import fisher_greater

REQUESTS, PILOT = 8, 4
TOKENS = 32
SCHEMA = {
    "type": "object",
    "properties": {"zq7": {"type": "string", "enum": ["abba", "acdc"]}},
    "required": ["zq7"],
    "additionalProperties": False,
}
_SCHEMA_TEXTS = ('{"zq7":"abba"}', '{"zq7":"acdc"}')
_JSON_START = re.compile(r'\s*\{\s*(".*|\}\s*)?', re.DOTALL)
CHOICES = ["zq7 abba", "zq7 acdc"]
REGEX = "zq7 ab(ba|cd)"
_REGEX_TEXTS = ("zq7 abba", "zq7 abcd")
GRAMMAR = 'root ::= "zq7 ab" ("ba" | "cd")'

JSON_REQUEST = " Answer in JSON."
"""OpenAI refuses json_object where the prompt does not ask for JSON."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form to ask for: the fields that ask, and whether a text has the form.

    `fits` gets the text and whether it is whole.
    """

    fields: Mapping[str, Any]
    fits: Callable[[str, bool], bool]


def is_object(text: str, whole: bool) -> bool:
    """Tell whether a text is a JSON object, or the beginning of one."""
    if not whole:
        return bool(text.strip()) and _JSON_START.fullmatch(text) is not None
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def follows(texts: tuple[str, ...], *, spaces: bool) -> Callable[[str, bool], bool]:
    """Make a check for one of these texts; `spaces` says whether white space matters."""

    def fits(text: str, whole: bool) -> bool:
        bare = text.strip() if spaces else "".join(text.split())
        if whole:
            return bare in texts
        return bool(bare) and any(each.startswith(bare) for each in texts)

    return fits


_OBJECT = Form({"response_format": {"type": "json_object"}}, is_object)
_OF_SCHEMA = follows(_SCHEMA_TEXTS, spaces=False)
_SCHEMA_FORMAT = Form(
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
        }
    },
    _OF_SCHEMA,
)


_ASKED: Mapping[str, Mapping[str, Any]] = {
    "json_schema": {"guided_json": SCHEMA},
    "regex": {"guided_regex": REGEX},
    "choice": {"guided_choice": CHOICES},
    "grammar": {"guided_grammar": GRAMMAR},
}
_COMMON: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "json_schema": (_ASKED["json_schema"], {"structured_outputs": {"json": SCHEMA}}),
    "regex": (
        {"regex": REGEX},
        {"structured_outputs": {"regex": REGEX}},
        _ASKED["regex"],
    ),
    "choice": (_ASKED["choice"], {"structured_outputs": {"choice": CHOICES}}),
    "grammar": ({"grammar": GRAMMAR}, {"ebnf": GRAMMAR}, _ASKED["grammar"]),
}
"""The spellings to try, until one acts, where the engine's dialect has none."""

_FITS: Mapping[str, Callable[[str, bool], bool]] = {
    "json_schema": _OF_SCHEMA,
    "regex": follows(_REGEX_TEXTS, spaces=True),
    "choice": follows(tuple(CHOICES), spaces=True),
    "grammar": follows(_REGEX_TEXTS, spaces=True),
}


async def probe_response_format(lab: Lab) -> Outcome:
    """Test that `json_object` gives an object, and `json_schema` one that fits the schema."""
    some = await _ask(lab, _OBJECT, JSON_REQUEST)
    schema = await _ask(lab, _SCHEMA_FORMAT, JSON_REQUEST)
    return Outcome(
        min(1.0, 2 * min(some.p_applied, schema.p_applied)),
        min(1.0, 2 * min(some.p_ignored, schema.p_ignored)),
        schema.statistic,
        f"json_object: {some.detail}; json_schema: {schema.detail}",
        schema.beta,
        schema.reason,
    )


async def probe_json_schema(lab: Lab) -> Outcome:
    """Test that the answer fits a JSON schema, which the engine may have a field of its own for."""
    return await _spelled(lab, "json_schema")


async def probe_regex(lab: Lab) -> Outcome:
    """Test that the answer matches a regular expression."""
    return await _spelled(lab, "regex")


async def probe_choice(lab: Lab) -> Outcome:
    """Test that the answer is one of those given."""
    return await _spelled(lab, "choice")


async def probe_grammar(lab: Lab) -> Outcome:
    """Test that the answer follows a grammar in the engine's notation."""
    return await _spelled(lab, "grammar")


async def _spelled(lab: Lab, name: str) -> Outcome:
    """Ask in the engine's own spelling, else in each that it may know until one acts."""
    own = written(lab.engine, lab.asker.route, lab.asker.model, _ASKED[name])
    tried: list[Outcome] = []
    refusal: Refused | None = None
    for fields in (own,) if own else _COMMON[name]:
        try:
            found = await _ask(lab, Form(fields, _FITS[name]), "")
        except Refused as error:
            refusal = refusal or error
            continue
        tried.append(found)
        if found.p_applied >= lab.alpha:
            break
    if not tried:
        raise refusal or Refused("no spelling of it is known")
    found = tried[-1] if tried[-1].p_applied >= lab.alpha else tried[0]
    return replace(found, p_ignored=min(1.0, len(tried) * found.p_ignored))


def _spelling(fields: Mapping[str, Any]) -> str:
    name, value = next(iter(fields.items()))
    inner = next(iter(value)) if name == "structured_outputs" else ""
    return f"{name}.{inner}" if inner else name


async def _ask(lab: Lab, form: Form, more: str) -> Outcome:
    """Ask for a form; where none of the first answers has it, they are enough."""
    prompt = lab.writing + more
    asked = Ask(prompt, TOKENS, {**lab.temperature(lab.place.temperature), **form.fields})
    replies = await lab.asker.draws(PILOT, asked)
    if _having(form, replies):
        replies += await lab.asker.draws(REQUESTS - PILOT, asked)
    free = lab.texts if not more else await lab.neutral(prompt, TOKENS)
    n, hits, anyway = len(replies), _having(form, replies), _having(form, free)
    return Outcome(
        min(1.0, 2 * breaches(n, n - hits)),  # it looked twice: after the first answers, and here
        fisher_greater(hits, n, anyway, len(free)),
        Statistic("answers of the form", hits / n),
        f"{hits} of {n} answers have the form that {_spelling(form.fields)} asks for, "
        f"{anyway} of {len(free)} without it",
        missed(REQUESTS, 1 - anyway / len(free), lab.alpha / 2),
        f"{anyway} of {len(free)} answers have the form anyway",
    )


def _having(form: Form, replies: Sequence[Reply]) -> int:
    return sum(form.fits(reply.first.text, reply.first.finish != "length") for reply in replies)
