"""BFCL's items: the categories, their files, and the functions as models are shown them.

Both ways of asking (`bfcl.py`: native tool calling, `bfcl_prompt.py`: prompting) share this.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.calls import Call, Expected, Language, Unreadable, mistake
from evenhand_evals.tasks.sources import Found, Origin, download, field, find, object_of
from evenhand_evals.types import (
    Ask,
    Completion,
    Dataset,
    DataSource,
    Message,
    Outcome,
    Sample,
    Score,
    Task,
)

REVISION = "6ea57973c7a6097fd7c5915698c54c17c5b1b6c8"
LICENCE = "Apache-2.0"
NAME = "ShishirPatil/gorilla"
FOLDER, ANSWERS = "bfcl", "possible_answer"

MAX_TOKENS = 4096
"""What BFCL gives to models that it serves itself."""

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Category:
    """One file of BFCL: `wanted` says whether calls are compared, or only counted.

    "these": the calls must be the accepted ones; "none": nothing may be called; "some": anything
    must be.
    """

    name: str
    title: str
    language: Language = "python"
    wanted: Literal["these", "none", "some"] = "these"

    @property
    def file(self) -> str:
        """The name of its file in BFCL v4."""
        return f"BFCL_v4_{self.name}.json"

    @property
    def single(self) -> bool:
        """Whether an item has one function and wants one call of it."""
        return "multiple" not in self.name and "parallel" not in self.name


CATEGORIES: Final[tuple[Category, ...]] = (
    Category("simple_python", "one Python function, one call"),
    Category("simple_java", "one Java function, one call", language="java"),
    Category("simple_javascript", "one JavaScript function, one call", language="javascript"),
    Category("multiple", "several functions, one call"),
    Category("parallel", "one function, several calls"),
    Category("parallel_multiple", "several functions, several calls"),
    Category("irrelevance", "no function fits", wanted="none"),
    Category("live_simple", "users' functions: one, one call"),
    Category("live_multiple", "users' functions: several, one call"),
    Category("live_parallel", "users' functions: one, several calls"),
    Category("live_parallel_multiple", "users' functions: several, several calls"),
    Category("live_irrelevance", "users' functions: none fits", wanted="none"),
    Category("live_relevance", "users' functions: at least one fits", wanted="some"),
)

_HINTS: Final[Mapping[Language, str]] = MappingProxyType(
    {
        "python": " Note that the provided function is in Python 3 syntax.",
        "java": " Note that the provided function is in Java 8 SDK syntax.",
        "javascript": " Note that the provided function is in JavaScript syntax.",
    }
)
_LANGUAGES: Final[Mapping[Language, str]] = MappingProxyType(
    {"java": "Java", "javascript": "JavaScript"}
)
_LISTS: Final[Mapping[Language, tuple[str, ...]]] = MappingProxyType(
    {"java": ("Array", "ArrayList"), "javascript": ("array",)}
)


def _origin(file: str) -> Origin:
    return Origin(
        file=f"{FOLDER}/{file}",
        name=NAME,
        url="https://raw.githubusercontent.com/ShishirPatil/gorilla/{revision}"
        f"/berkeley-function-call-leaderboard/bfcl_eval/data/{file}",
        revision=REVISION,
        licence=LICENCE,
    )


def where(category: Category) -> str:
    """Say where a category's data comes from, for the list of tasks."""
    answers = f" and {ANSWERS}/{category.file} beside it" if category.wanted == "these" else ""
    return f"{FOLDER}/{category.file}{answers} under EVENHAND_DATA, or --data {NAME}"


Asks = Callable[[Category, Sequence[Message], Sequence[Mapping[str, Any]]], Ask]
"""From an item's messages and functions, as the file has them, to what is asked."""


def load(category: Category, asks: Asks, source: DataSource) -> Dataset:
    """Load a category from a file, from EVENHAND_DATA, or from BFCL's own repository.

    Raises:
        DataError: a file is missing, or an item is not of BFCL's form.

    """
    found = find(source, _origin(category.file))
    rows = found.lines()
    data, answers = found.data, [None] * len(rows)
    if category.wanted == "these":
        other = _answers(category, found)
        data, answers = data + other.data, _aligned(rows, other)
    samples = tuple(
        _sample(category, asks, place, row, truth)
        for (place, row), truth in zip(rows, answers, strict=True)
    )
    if len({sample.id for sample in samples}) < len(samples):
        raise DataError(f"{found.source}: an id occurs twice; every item needs its own")
    return Dataset(samples, found.source, found.revision, sha256(data).hexdigest(), LICENCE)


def _answers(category: Category, questions: Found) -> Found:
    if questions.revision is not None:
        return download(_origin(f"{ANSWERS}/{category.file}"))
    beside = Path(questions.source)
    path = beside.parent / ANSWERS / beside.name
    try:
        return Found(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(
            f"{beside}: its accepted answers, {path}, cannot be read: {error.strerror}; "
            f"put BFCL's folder {ANSWERS} beside the file"
        ) from error


def _aligned(rows: Sequence[tuple[str, Mapping[str, Any]]], answers: Found) -> list[Any]:
    """Give the accepted calls of each item: by id, or by place where the ids are others.

    In BFCL's live files some ids of answers are written in another way than those of the items;
    the order is the same.
    """
    lines = answers.lines()
    truths = [field(row, "ground_truth", list, place) for place, row in lines]
    by_id = {str(row.get("id")): truth for (_, row), truth in zip(lines, truths, strict=True)}
    if all(str(row.get("id")) in by_id for _, row in rows):
        return [by_id[str(row.get("id"))] for _, row in rows]
    if len(truths) != len(rows):
        raise DataError(
            f"{answers.source} has {len(truths)} answers to {len(rows)} items, and not all by id; "
            "the two files must be of the same version"
        )
    return truths


def _sample(
    category: Category, asks: Asks, place: str, row: Mapping[str, Any], truth: Any
) -> Sample:
    turns = field(row, "question", list, place)
    if len(turns) != 1 or not isinstance(turns[0], list) or not turns[0]:
        raise DataError(f"{place}: the field 'question' holds {len(turns)} turns, not one")
    messages = tuple(
        Message(field(each, "role", str, place), field(each, "content", str, place))
        for each in turns[0]
    )
    functions = field(row, "function", list, place)
    for function in functions:
        object_of(function, f"{place}, the field 'function'")
        field(function, "name", str, place)
        field(field(function, "parameters", dict, place), "properties", dict, place)
    if truth is not None:
        _check_truth(category, functions, truth, place)
    return Sample(
        id=field(row, "id", str, place),
        messages=messages,
        target=truth,
        metadata={"functions": functions},
        ask=asks(category, messages, functions),
    )


def _check_truth(category: Category, functions: Sequence[Any], truth: Any, place: str) -> None:
    names = {function["name"] for function in functions}
    for each in truth:
        pairs = list(each.items()) if isinstance(each, dict) else []
        if len(pairs) != 1 or not isinstance(pairs[0][1], dict):
            raise DataError(f"{place}: the accepted call {each!r} is not {{function: {{...}}}}")
        name = pairs[0][0]
        if name not in names and not category.single:
            raise DataError(f"{place}: the accepted call {name!r} is of no function of the item")
    if not truth or not functions:
        raise DataError(f"{place}: an item needs a function, and at least one accepted call")


def documented(category: Category, function: Mapping[str, Any]) -> dict[str, Any]:
    """Give a function as BFCL shows it: a note on the language; Java's arguments as texts."""
    described = function.get("description", "") + _HINTS[category.language]
    parameters = dict(function["parameters"])
    if category.language != "python":
        parameters["properties"] = {
            name: _as_text(category.language, schema)
            for name, schema in parameters["properties"].items()
        }
    return {**function, "description": described, "parameters": parameters}


def _as_text(language: Language, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema of an argument that is asked for as a text in the syntax of a language."""
    name, kind, shown = _LANGUAGES[language], schema["type"], dict(schema)
    notes = (
        f" This parameter can be of any type of {name} object in string representation."
        if kind == "any"
        else f" This is {name} {kind} type parameter in string representation."
    )
    if kind in _LISTS[language]:
        items = shown.pop("items")["type"]
        notes += f" The list elements are of type {items}; they are not in string representation."
    if language == "javascript" and kind == "dict" and "properties" in shown:
        notes += (
            " The dictionary entries have the following schema; "
            f"they are not in string representation. {json.dumps(shown.pop('properties'))}"
        )
    return {**shown, "type": "string", "description": schema.get("description", "") + notes}


Reads = Callable[[Category, Completion], tuple[Call, ...]]
"""From an answer to its calls; raises `Unreadable` where there is none that can be read."""


def score(
    category: Category,
    reads: Reads,
    called: Callable[[str], str],
    sample: Sample,
    reply: Completion,
) -> Score:
    """Judge an answer; `called` gives a function's name as the model was told it."""
    calls: tuple[Call, ...] = ()
    unreadable = None
    try:
        calls = reads(category, reply)
    except Unreadable as error:
        unreadable = f"no calls can be read: {error}"
    shown = ", ".join(f"{call.name}({_named(call.arguments)})" for call in calls)[:_SHOWN]
    failure: Outcome = "wrong"
    if category.wanted == "these":
        expected = _expected(category, sample, called)
        reason = unreadable or mistake(calls, expected, category.language)
        failure = "unparsed" if unreadable else "wrong"
    elif category.wanted == "none":
        reason = "a function is called where none fits" if calls else None
    else:
        reason = None if calls else unreadable or "nothing is called"
    return Score(
        outcome=failure if reason else "correct",
        value=float(not reason),
        metrics={"accuracy": not reason, "called": bool(calls)},
        extracted=shown or None,
        explanation=(reason or unreadable or "")[:_SHOWN] or None,
    )


def variants(
    suffix: str, way: str, asks: Asks, reads: Reads, called: Callable[[str], str]
) -> Mapping[str, Task]:
    """Give a task for each category, asked and read in one way."""
    tasks = (
        Task(
            name=f"bfcl_{category.name}{suffix}",
            title=f"BFCL, {way}: {category.title}",
            headline="accuracy",
            version="1",
            load=partial(load, category, asks),
            score=partial(score, category, reads, called),
            max_tokens=MAX_TOKENS,
            data=where(category),
        )
        for category in CATEGORIES
    )
    return MappingProxyType({task.name: task for task in tasks})


def _named(arguments: Mapping[str | None, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _expected(
    category: Category, sample: Sample, called: Callable[[str], str]
) -> tuple[Expected, ...]:
    """Put each accepted call together with its function; of one function, the name is not asked."""
    functions = sample.metadata["functions"]
    by_name = {function["name"]: function for function in reversed(functions)}
    expected = []
    for accepted in sample.target:
        ((name, answers),) = accepted.items()
        function = functions[0] if category.single else by_name[name]
        parameters = function["parameters"]
        expected.append(
            Expected(
                name=called(function["name"]),
                parameters=parameters["properties"],
                required=parameters.get("required", ()),
                answers=answers,
            )
        )
    return tuple(expected)
