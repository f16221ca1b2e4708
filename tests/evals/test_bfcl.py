"""BFCL: loading, what models are shown, what answers are worth, and the published answers."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import bfcl, bfcl_prompt
from evenhand_evals.tasks.bfcl_items import CATEGORIES, Category
from evenhand_evals.types import Chat, Completion, Dataset, DataSource, Sample, Task, ToolCall
from tests.evals.bfcl_replies import native, prompted, right

NATIVE, PROMPTED = bfcl.TASKS, bfcl_prompt.TASKS

FUNCTION: dict[str, Any] = {
    "name": "weather.ask",
    "description": "Asks for the weather.",
    "parameters": {
        "type": "dict",
        "properties": {
            "place": {"type": "string", "description": "Where."},
            "days": {"type": "float", "description": "How long."},
            "what": {"type": "array", "items": {"type": "any"}},
        },
        "required": ["place"],
    },
}
ROW: dict[str, Any] = {
    "id": "own_0",
    "question": [[{"role": "user", "content": "Will it rain in Paris?"}]],
    "function": [FUNCTION],
}
TRUTH = [{"weather.ask": {"place": ["Paris"], "days": ["", 1.0], "what": [""]}}]

UNSOLVABLE = {"simple_java_36", "simple_java_65"}
"""Lists of numbers and truth values, whose items BFCL reads as texts."""


def load(
    folder: Path, task: Task, rows: list[Any], truths: list[Any] | None = None, name: str = "x.json"
) -> Dataset:
    """Write rows and accepted calls to files as BFCL has them, and load them as a user would."""
    file = folder / name
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if truths is not None:
        (folder / "possible_answer").mkdir()
        lines = "\n".join(map(json.dumps, truths))
        (folder / "possible_answer" / name).write_text(lines, encoding="utf-8")
    return task.load(DataSource(path=file))


def asked(sample: Sample) -> Chat:
    """What a sample asks."""
    assert isinstance(sample.ask, Chat)
    return sample.ask


def called(*calls: tuple[str, str]) -> Completion:
    """An answer with tool calls."""
    return Completion("", tool_calls=tuple(ToolCall(*call) for call in calls))


def test_every_category_has_two_tasks() -> None:
    """Thirteen categories, each asked in two ways, each a task of its own."""
    assert len(CATEGORIES) == 13
    assert [*NATIVE] == [f"bfcl_{category.name}" for category in CATEGORIES]
    assert [*PROMPTED] == [f"{name}_prompt" for name in NATIVE]


def test_native_tools(tmp_path: Path) -> None:
    """Functions go into `tools`, with underscores for dots and JSON Schema's types."""
    truth = {"id": "own_0", "ground_truth": TRUTH}
    (sample,) = load(tmp_path, NATIVE["bfcl_simple_python"], [ROW], [truth]).samples
    ask = asked(sample)
    assert [(each.role, each.content) for each in ask.messages] == [
        ("user", "Will it rain in Paris?")
    ]
    assert ask.fields == {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather_ask",
                    "description": "Asks for the weather. "
                    "Note that the provided function is in Python 3 syntax.",
                    "parameters": {
                        "type": "object",
                        "properties": {
                            "place": {"type": "string", "description": "Where."},
                            "days": {
                                "type": "number",
                                "description": "How long. This is a float type value.",
                                "format": "float",
                            },
                            "what": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["place"],
                    },
                },
            }
        ]
    }


def test_java_arguments_are_texts(tmp_path: Path) -> None:
    """A Java function's arguments are asked for as texts, and their types said in words."""
    truth = {"id": "own_0", "ground_truth": TRUTH}
    function = json.loads(json.dumps(FUNCTION))
    function["parameters"]["properties"]["what"] = {
        "type": "ArrayList",
        "description": "What.",
        "items": {"type": "String"},
    }
    row = {**ROW, "function": [function]}
    (sample,) = load(tmp_path, NATIVE["bfcl_simple_java"], [row], [truth]).samples
    shown = asked(sample).fields["tools"][0]["function"]["parameters"]["properties"]["what"]
    assert shown == {
        "type": "string",
        "description": "What. This is Java ArrayList type parameter in string representation. "
        "The list elements are of type String; they are not in string representation.",
    }


def test_prompted_system_message(tmp_path: Path) -> None:
    """The functions stand as JSON in a system message, before the item's own if it has one."""
    truths = [{"id": name, "ground_truth": TRUTH} for name in ("own_0", "own_1")]
    system = {"role": "system", "content": "Be kind."}
    other = {**ROW, "id": "own_1", "question": [[system, *ROW["question"][0]]]}
    task = PROMPTED["bfcl_live_simple_prompt"]
    first, second = (asked(each) for each in load(tmp_path, task, [ROW, other], truths).samples)
    text = first.messages[0].text
    assert text.startswith("You are an expert in composing functions.You are given a question")
    assert '"name": "weather.ask"' in text
    assert [each.role for each in first.messages] == ["system", "user"]
    assert second.messages[0].text == f"{text}\n\nBe kind."
    assert [each.role for each in second.messages] == ["system", "user"]
    assert first.fields == {}


RIGHT = called(("weather_ask", '{"place": "paris", "days": 1}'))


@pytest.mark.parametrize(
    ("completion", "outcome", "called_any", "explanation"),
    [
        (RIGHT, "correct", True, None),
        (called(("weather.ask", '{"place": "Paris"}')), "wrong", True,
         "'weather.ask' is called, not 'weather_ask'"),
        (called(("weather_ask", '{"place": "Rome"}')), "wrong", True,
         "'place': 'Rome' is none of ['Paris']"),
        (called(("weather_ask", '{"place": "Paris"'),), "unparsed", False, None),
        (called(("weather_ask", "null")), "unparsed", False,
         "no calls can be read: the arguments of weather_ask are no object"),
        (Completion("[weather_ask(place='Paris')]"), "unparsed", False,
         "no calls can be read: the answer has no tool call"),
        (called(*[("weather_ask", '{"place": "Paris"}')] * 2), "wrong", True,
         "2 calls instead of 1"),
    ],
)  # fmt: skip
def test_native_score(
    tmp_path: Path,
    completion: Completion,
    outcome: str,
    called_any: bool,
    explanation: str | None,
) -> None:
    """Tool calls are compared; text is none, and arguments must be an object of JSON."""
    task = NATIVE["bfcl_live_simple"]
    truth = {"id": "own_0", "ground_truth": TRUTH}
    (sample,) = load(tmp_path, task, [ROW], [truth]).samples
    score = task.score(sample, completion)
    assert (score.outcome, score.value) == (outcome, float(outcome == "correct"))
    assert score.metrics == {"accuracy": outcome == "correct", "called": called_any}
    if explanation is not None:
        assert score.explanation == explanation


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("[weather.ask(place='Paris')]", "correct"),
        ("<think>[f()]</think>```\nweather.ask(place='Paris', days=1)\n```", "correct"),
        ("[weather_ask(place='Paris')]", "wrong"),
        ("Here: [weather.ask(place='Paris')]", "unparsed"),
        ("", "wrong"),
    ],
)
def test_prompted_score(tmp_path: Path, text: str, outcome: str) -> None:
    """Calls are read out of the text, dots and all; an empty text is an empty list of calls."""
    task = PROMPTED["bfcl_multiple_prompt"]
    truth = {"id": "own_0", "ground_truth": TRUTH}
    (sample,) = load(tmp_path, task, [ROW], [truth]).samples
    assert task.score(sample, Completion(text)).outcome == outcome


def test_what_was_read_is_kept(tmp_path: Path) -> None:
    """The calls that were read stand beside the verdict."""
    task = NATIVE["bfcl_simple_python"]
    (sample,) = load(tmp_path, task, [ROW], [{"id": "own_0", "ground_truth": TRUTH}]).samples
    assert task.score(sample, RIGHT).extracted == "weather_ask(place='paris', days=1)"


@pytest.mark.parametrize(
    ("completion", "relevant"),
    [
        (RIGHT, True),
        (called(("anything", "{}")), True),
        (called(("anything", "{")), False),
        (Completion("I cannot."), False),
        (Completion(""), False),
    ],
)
def test_relevance(tmp_path: Path, completion: Completion, relevant: bool) -> None:
    """Where no function fits, any call that can be read is wrong; elsewhere any is right."""
    for name in ("bfcl_irrelevance", "bfcl_live_irrelevance", "bfcl_live_relevance"):
        (sample,) = load(tmp_path, NATIVE[name], [ROW]).samples
        score = NATIVE[name].score(sample, completion)
        right = relevant if name.endswith("live_relevance") else not relevant
        assert (score.outcome, score.value) == ("correct" if right else "wrong", float(right))


def test_prompted_relevance(tmp_path: Path) -> None:
    """In texts, an empty list and prose are no calls."""
    task = PROMPTED["bfcl_irrelevance_prompt"]
    (sample,) = load(tmp_path, task, [ROW]).samples
    outcomes = [
        task.score(sample, Completion(text)).outcome for text in ("[]", "No function fits.", "f()")
    ]
    assert outcomes == ["correct", "correct", "wrong"]


def test_answers_by_place(tmp_path: Path) -> None:
    """Where the ids of answers are written otherwise, as in live files, their order counts."""
    truths = [{"id": f"live_{n}", "ground_truth": [{"f": {"n": [n]}}]} for n in (0, 1)]
    function = {"name": "f", "parameters": {"properties": {"n": {"type": "integer"}}}}
    rows = [{**ROW, "id": f"live_{n}-0-0", "function": [function]} for n in (0, 1)]
    samples = load(tmp_path, NATIVE["bfcl_live_multiple"], rows, truths).samples
    assert [sample.target[0]["f"]["n"] for sample in samples] == [[0], [1]]


TRUE = {"id": "own_0", "ground_truth": TRUTH}


@pytest.mark.parametrize(
    ("rows", "truths", "message"),
    [
        ([ROW], None, "its accepted answers, .*possible_answer/x.json, cannot be read"),
        ([ROW, {**ROW, "id": "b"}], [TRUE], "1 answers to 2 items, and not all by id"),
        ([ROW, ROW], [TRUE], "an id occurs twice"),
        ([{**ROW, "question": [[], []]}], [TRUE], "'question' holds 2 turns, not one"),
        ([{**ROW, "function": [{"name": "f"}]}], [TRUE], "the field 'parameters' is missing"),
        ([ROW], [{"id": "own_0"}], "the field 'ground_truth' is missing"),
        ([ROW], [{"id": "own_0", "ground_truth": ["f()"]}], r"the accepted call 'f\(\)' is not"),
        ([ROW], [{"id": "own_0", "ground_truth": []}], "at least one accepted call"),
        ([ROW], [{"id": "own_0", "ground_truth": [{"g": {}}]}], "'g' is of no function"),
        ([], [TRUE], "holds no items"),
    ],
)
def test_data_that_is_not_bfcl(
    tmp_path: Path, rows: list[Any], truths: list[Any] | None, message: str
) -> None:
    """Files that do not fit together, and rows that are not BFCL's, are refused with a place."""
    with pytest.raises(DataError, match=message):
        load(tmp_path, NATIVE["bfcl_multiple"], rows, truths)


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: BFCL's items are not at hand")
    return Path(root)


@pytest.mark.parametrize("category", CATEGORIES[:6], ids=lambda category: category.name)
def test_published_answers_are_right(category: Category) -> None:
    """The accepted calls of every item score 1, but for two that BFCL's own rules cannot accept."""
    source = DataSource(root=data_root())
    by_tools = NATIVE[f"bfcl_{category.name}"]
    by_text = PROMPTED[f"bfcl_{category.name}_prompt"]
    lines = (data_root() / "bfcl" / category.file).read_text(encoding="utf-8").splitlines()
    wrong = set()
    for line, sample in zip(lines, by_tools.load(source).samples, strict=True):
        reply = right(json.loads(line), sample.target, category.language)
        calls = called(*((name, arguments) for name, arguments in native(reply)))
        text = prompted(reply, json.loads(line), category.language)
        if by_tools.score(sample, calls).value != 1.0:
            wrong.add(sample.id)
        if by_text.score(sample, Completion(text)).value != 1.0:
            wrong.add(sample.id)
    assert wrong == (UNSOLVABLE if category.language == "java" else set())
    assert len(lines) == {"simple_python": 400, "simple_java": 100, "simple_javascript": 50}.get(
        category.name, 200
    )
