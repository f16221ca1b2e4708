"""A user's own task: its file, its rows, what it asks, how it scores, and a run of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evenhand_evals.cli.root import eval_group
from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.own.task import read_own_task
from evenhand_evals.run import run_task
from evenhand_evals.types import (
    Chat,
    Completion,
    Dataset,
    DataSource,
    Likelihood,
    Likelihoods,
    Message,
    Text,
)
from tests.evals.fake import QUICK, Fake, Reply, prompt_of, serving, settings_for

ROWS: list[dict[str, Any]] = [
    {"key": f"k{number}", "q": f"{number}+1?", "town": ["Bonn", "Ulm"][number % 2], "a": number + 1}
    for number in range(8)
]
PLAIN = """
data: rows.jsonl
prompt: "{q}"
target: a
extraction: last_number
metric: number
"""


def write(folder: Path, text: str, rows: list[dict[str, Any]] | None = None) -> Path:
    """Write a task and its rows, and give the task's file."""
    lines = (json.dumps(row, ensure_ascii=False) for row in (ROWS if rows is None else rows))
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    path = folder / "sums.yaml"
    path.write_text(text, "utf-8")
    return path


def load(folder: Path, text: str, rows: list[dict[str, Any]] | None = None) -> Dataset:
    """Load the items of a task."""
    return read_own_task(write(folder, text, rows)).load(DataSource())


def test_a_plain_task(tmp_path: Path) -> None:
    """Names come from the file, ids from the rows' places, numbers are written as JSON has them."""
    task = read_own_task(write(tmp_path, PLAIN))
    dataset = task.load(DataSource())
    assert (task.name, task.headline, task.interface) == ("sums", "number", "chat")
    first = dataset.samples[0]
    assert first.id == "row-1"
    assert first.messages == (Message("user", "0+1?"),)
    assert task.score(first, Completion("it is 1.0")).outcome == "correct"
    assert task.score(first, Completion("<think>5</think>it is 2")).outcome == "wrong"
    assert task.score(first, Completion("no idea")).outcome == "unparsed"


def test_the_version_follows_the_wording(tmp_path: Path) -> None:
    """Another prompt is another version, and so are other examples."""
    text = f"{PLAIN}examples: {{file: shots.jsonl}}\n"
    (tmp_path / "shots.jsonl").write_text('{"q": "7?", "a": 7}\n')
    one = read_own_task(write(tmp_path, text)).version
    assert read_own_task(write(tmp_path, text.replace("{q}", "Q: {q}"))).version != one
    assert read_own_task(write(tmp_path, text)).version == one
    (tmp_path / "shots.jsonl").write_text('{"q": "8?", "a": 8}\n')
    assert read_own_task(write(tmp_path, text)).version != one


def test_examples_are_turns_and_are_not_asked(tmp_path: Path) -> None:
    """The first rows become worked examples; the system text takes fields of the row asked."""
    text = (
        f"{PLAIN}system: You are in {{town}}.\nexamples: {{first: 2, answer: '= {{a}}'}}\nid: key\n"
    )
    dataset = load(tmp_path, text)
    assert [sample.id for sample in dataset.samples] == [f"k{number}" for number in range(2, 8)]
    assert dataset.samples[0].messages == (
        Message("system", "You are in Bonn."),
        Message("user", "0+1?"),
        Message("assistant", "= 1"),
        Message("user", "1+1?"),
        Message("assistant", "= 2"),
        Message("user", "2+1?"),
    )


def test_completions(tmp_path: Path) -> None:
    """A base model gets one text: each example's prompt with its answer after it."""
    text = (
        'data: rows.jsonl\nprompt: "{q}\\nA: "\ntarget: a\ninterface: completions\n'
        "examples: {first: 1}\nstop: ['\\n']\nextraction: last_number\n"
    ).replace("['\\n']", '["\\n"]')
    ask = load(tmp_path, text).samples[0].first
    assert ask == Text("0+1?\nA: 1\n\n1+1?\nA: ", {"stop": ["\n"]})


def test_stop_of_a_chat(tmp_path: Path) -> None:
    """A chat's stop texts go into its fields."""
    ask = load(tmp_path, f"{PLAIN}stop: [END]\n").samples[0].first
    assert ask == Chat((Message("user", "0+1?"),), {"stop": ["END"]})


def test_likelihood(tmp_path: Path) -> None:
    """Choices are asked after the prompt; the target is one of them or its place."""
    rows: list[dict[str, Any]] = [
        {"q": "Sky?", "o": ["blue", "reddish"], "a": "reddish"},
        {"q": "Sea?", "o": ["wet", "dry"], "a": 0},
    ]
    text = 'data: rows.jsonl\nprompt: "{q}"\ntarget: a\ninterface: likelihood\nchoices_field: o\n'
    task = read_own_task(write(tmp_path, text, rows))
    one, two = task.load(DataSource()).samples
    assert one.first == Likelihood("Sky?", (" blue", " reddish"))
    assert task.score_all is not None
    told = Likelihoods((-4.0, -5.0), (1, 1), (None, None))
    scored = task.score_all(one, [told])
    assert (scored.outcome, scored.extracted) == ("wrong", "blue")
    assert scored.metrics == {"accuracy": False, "accuracy_per_character": True}
    assert task.score_all(two, [told]).outcome == "correct"


def test_several_targets_and_letters(tmp_path: Path) -> None:
    """Any of several targets is right; a list is lettered where the template says so."""
    rows = [{"q": "Which?", "o": ["one", "two"], "a": ["two", "Two."]}]
    text = 'data: rows.jsonl\nprompt: "{q}\\n{o:letters}\\n{o}\\n{{}}"\ntarget: a\n'
    task = read_own_task(write(tmp_path, text, rows))
    (sample,) = task.load(DataSource()).samples
    assert sample.messages[0].text == "Which?\nA. one\nB. two\none\ntwo\n{}"
    assert task.score(sample, Completion("Two.")).outcome == "correct"
    assert task.score(sample, Completion("one")).outcome == "wrong"


def test_stratified_sampling(tmp_path: Path) -> None:
    """So many rows of each town, the same for the same seed, and groups of their own."""
    text = f"{PLAIN}id: key\ngroup: town\nsampling: {{by: town, size: 2}}\n"
    task = read_own_task(write(tmp_path, text))
    drawn = task.load(DataSource(seed=5)).samples
    assert sorted(sample.metadata["group"] for sample in drawn) == ["Bonn", "Bonn", "Ulm", "Ulm"]
    assert drawn == task.load(DataSource(seed=5)).samples
    ids = {tuple(each.id for each in task.load(DataSource(seed=seed)).samples) for seed in range(9)}
    assert len(ids) > 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("{q}", "{qq}"), "3: prompt: {qq} is a field of no row; did you mean 'q'?"),
        (("{q}", "{q"), "3: prompt: '{' is no {field}; write {{ and }}"),
        (("{q}", '{\\"a\\": 1}'), "3: prompt:"),
        (("metric: number", "metric: numbr"), "6: metric: 'numbr' is not one of its values"),
        (("metric: number", "metric: label"), "6: metric: label needs the extraction label_set"),
        (("metric: number", "stop: x"), "6: stop: must be a list"),
        (("metric: number", "max_tokens: 0"), "6: max_tokens: 0 is below 1; write 1 or more"),
        (("metric: number", "choices: [a]"), "6: choices: the interface chat does not read it"),
        (("metric: number", "metric: {kind: number, ignore_case: true}"), "6: metric.ignore_case"),
        (("metric: number", "metric: {kind: number, tolerance: -1}"), "6: metric.tolerance: -1 is"),
        (("metric: number", "metric: {kind: f1, threshold: 0}"), "6: metric.threshold: 0 is not"),
        (("last_number", "{kind: whole, take: last}"), "5: extraction.take: whole does not read"),
        (("metric: number", "interface: likelihood"), "5: extraction: the interface likelihood"),
        (("target: a\n", ""), "1: target: missing in the task file, and the data has no field 'ta"),
        (
            ("extraction: last_number\nmetric: number", "interface: likelihood"),
            "5: interface: likelihood needs choices",
        ),
        (("metric: number", "sampling: {by: a}"), "6: sampling: needs size or share"),
        (("metric: number", "examples: {}"), "6: examples: needs file or first"),
        (("last_number", "regex"), "5: extraction.pattern: regex needs it"),
        (("metric: number", "metrics: number"), "6: metrics: is no key of a task; did you mean"),
    ],
)
def test_a_wrong_file(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    """Errors name file, line, key and fix."""
    with pytest.raises(UsageError) as raised:
        load(tmp_path, PLAIN.replace(*change))
    place, _, message = str(raised.value).partition(".yaml:")
    assert place == str(tmp_path / "sums")
    assert message.startswith(says)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"q": "?"}, "the field 'a' is missing"),
        ({"q": "?", "a": "many"}, "the field 'a' is 'many', not a number"),
        ({"q": None, "a": 1}, "the field 'q' is null, not a text or number"),
        ({"q": {"x": 1}, "a": 1}, "the field 'q' is dict, not a text or number"),
        ({"q": [{}], "a": 1}, "the field 'q' is '[{}]', not a list of texts"),
        ({"q": "?", "a": []}, "the field 'a' is '[]', not a list of texts"),
    ],
)
def test_a_wrong_row(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    """Errors name file, line and field."""
    with pytest.raises(DataError) as raised:
        load(tmp_path, PLAIN, [*ROWS, row])
    assert str(raised.value).startswith(f"{tmp_path / 'rows.jsonl'}, line 9: {says}")


LETTERED = """
data: rows.jsonl
prompt: "{q}\\n{o:letters}"
target: a
extraction: {kind: choice_letter, options: 2}
"""


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"o": ["x", "y"], "a": "C"}, "the field 'a' is 'C', none of the letters .*, A, B$"),
        ({"o": ["x", "y"], "a": ["A", "b"]}, "the field 'a' is 'b', none of the letters"),
        ({"o": ["x"], "a": "B"}, "the field 'a' is 'B', none of the letters .*, A$"),
        ({"o": ["x", "y", "z"], "a": "A"}, "the field 'o' has 3 options, .* is 2; set it to 3$"),
        ({"o": list("abcdefghijk"), "a": "A"}, ".* has 11 options, .*; show 10 at most$"),
    ],
)
def test_letters_that_can_never_be_right(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    """Are an error of the row, as an answer could not be read as them."""
    good = {"q": "?", "o": ["x", "y"], "a": "B"}
    with pytest.raises(DataError, match=f"rows.jsonl, line 2: {says}"):
        load(tmp_path, LETTERED, [good, {**good, **row}])
    any_case = f"{LETTERED}metric: {{kind: exact, ignore_case: true}}\n"
    assert len(load(tmp_path, any_case, [good, {**good, "a": "b"}]).samples) == 2


@pytest.mark.parametrize(
    ("answer", "metric"),
    [("", "contains"), (" ", "contains"), ("...", "{kind: contains, ignore_punctuation: true}")],
)
def test_nothing_to_look_for(tmp_path: Path, answer: str, metric: str) -> None:
    """An empty text is in every answer, so that each would be right."""
    task = PLAIN.replace("metric: number", f"metric: {metric}")
    says = "line 2: the field 'a' is '.*', of which nothing is left to look for in an answer"
    with pytest.raises(DataError, match=says):
        load(tmp_path, task, [{"q": "?", "a": "x"}, {"q": "?", "a": answer}])


def test_ids_that_are_alike(tmp_path: Path) -> None:
    """Are named with both lines; a worked example is no item."""
    rows = [*ROWS, ROWS[2]]
    says = "line 9: the field 'key' is 'k2', as in line 3; make ids unique"
    with pytest.raises(DataError, match=says):
        load(tmp_path, f"{PLAIN}id: key\n", rows)
    assert len(load(tmp_path, f"{PLAIN}id: key\nexamples: {{first: 3}}\n", rows).samples) == 6


@pytest.mark.parametrize("line", ['{"q": "?", "a": 1, "q": "!"}', '{"a": [{"q": 1, "q": 1}]}'])
def test_a_key_that_stands_twice(tmp_path: Path, line: str) -> None:
    """Is refused: one of the values would be lost."""
    path = write(tmp_path, PLAIN)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(line)
    with pytest.raises(DataError, match=r"rows\.jsonl, line 9: the field 'q' stands there twice"):
        read_own_task(path).load(DataSource())


def test_data_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named with the key that names it; --data wins over the key."""
    path = write(tmp_path, PLAIN.replace("rows.jsonl", "none.jsonl"))
    with pytest.raises(DataError, match=r"sums\.yaml: data: cannot read .*none\.jsonl"):
        read_own_task(path).load(DataSource())
    found = read_own_task(path).load(DataSource(tmp_path / "rows.jsonl"))
    assert len(found.samples) == len(ROWS)
    with pytest.raises(DataError, match="names no data"):
        read_own_task(write(tmp_path, PLAIN.replace("data: rows.jsonl\n", ""))).load(DataSource())


async def test_a_run(tmp_path: Path) -> None:
    """An own task runs as any other: asked, scored and summed up."""
    task = read_own_task(write(tmp_path, f"{PLAIN}group: town\n"))

    def adds(body: dict[str, Any], _times: int) -> Reply:
        number = int(prompt_of(body).partition("+")[0])
        return Reply(f"The sum is {number + (number != 3)}.")

    async with serving(Fake(adds)) as fake:
        run = await run_task(task, settings_for(fake, tmp_path / "out"), backoff=QUICK)
    assert run.result.score is not None
    assert run.result.score.value == 7 / 8
    assert run.result.groups["Bonn"].value == 1.0
    path = str(tmp_path / "sums.yaml")
    again = CliRunner().invoke(eval_group, ["rescore", str(run.path), "--task", path])
    assert again.exit_code == 0, again.output
    assert "0 of 8 verdicts changed" in again.output
