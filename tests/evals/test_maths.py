r"""Mathematics: what is read as the answer, math-verify's verdicts, and problems as data."""

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.maths import Verifier, final_answer, last_boxed, readable
from evenhand_evals.stats.levels import by_level
from evenhand_evals.tasks.math500 import OWN, TASK
from evenhand_evals.types import Completion, DataSource, Sample, Score, ScoredItem

GOLDS = (
    r"\frac{14}{3}",
    r"\left( 3, \frac{\pi}{2} \right)",
    "p - q",
    r"\text{Evelyn}",
    r"90^\circ",
    "11,111,111,100",
    "[-2,7]",
    "1,-2",
    r"3\sqrt{13}",
    r"10\%",
    r"\text{(C)}",
    r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
    "x^3 + 3x - 6",
    "0.5",
    r"\$32,348",
)
STYLES = (
    "Answer: {}",
    "Answer: ${}$",
    "**Answer:** ${}$",
    "So it is \\boxed{{{}}}.",
    "We get $y = 3$.\n\nAnswer: \\boxed{{{}}}",
    "Thus ${}$.",
    "The final answer is {}",
    "答案：{}",
    "Let x = {} be 7. Then 4.",
    "{}",
)
DIRECT = """
import json, sys
from math_verify import parse, verify
rows = json.load(sys.stdin)
json.dump([verify(parse(f"${gold}$"), parse(text)) for gold, text in rows], sys.stdout)
"""


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So x = 2.\nAnswer: 2", "2"),
        ("Answer: 1\nNo, wait.\nAnswer: 2.", "2"),
        ("**Answer:** $\\frac12$", "$\\frac12$"),
        ("**Answer**: 7", "7"),
        ("Final answer: 7", "7"),
        ("### Answer: 7", "7"),
        ("Answer: \\boxed{\\frac{1}{2}} units", "\\frac{1}{2}"),
        ("It is \\boxed{1}, no, \\boxed{\\sqrt{2}}", "\\sqrt{2}"),
        ("答案：5", "5"),
        ("The answer is: 5", "5"),
        ("Answer: 5 **", "5"),
        ("Answer:\n", None),
        ("no idea", None),
        ("unanswer: 3", None),
        ("", None),
    ],
)
def test_the_answer_that_a_response_states(text: str, answer: str | None) -> None:
    """The last `Answer:` line, else the last box."""
    assert final_answer(text) == answer


def test_braces_of_a_box_are_paired() -> None:
    """An open box is none."""
    assert last_boxed(r"\boxed{\frac{a}{b}} done") == r"\frac{a}{b}"
    assert last_boxed(r"\boxed{\frac{a}{b}") is None


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("2(k+1)", "$2(k+1)$"),
        ("$5$", "$5$"),
        ("18 dollars", "18"),
        ("12 square feet", "12"),
        ("3 and 4", "$3 and 4$"),
        ("3 x", "$3 x$"),
    ],
)
def test_answers_are_put_into_the_form_that_is_read(answer: str, form: str) -> None:
    """LaTeX needs delimiters, and a unit in words would be read as a product of letters."""
    assert readable(answer) == form


@pytest.mark.parametrize(
    ("gold", "text", "outcome", "compat"),
    [
        ("2k+2", "Answer: 2(k+1)", "correct", False),
        ("2k+2", "Answer: $2(k+1)$", "correct", True),
        (r"\frac{1}{2}", "Answer: 1/2", "correct", True),
        ("18", "Answer: 18 dollars", "correct", True),
        (r"\text{east}", "Answer: east", "correct", False),
        ("7", "so \\boxed{7} it is", "correct", True),
        ("7", "Answer: 8", "wrong", False),
        ("7", "It cannot be said.", "unparsed", False),
        ("7", "", "unparsed", False),
        ("7", "<think>Answer: 8</think>Answer: 7", "correct", True),
        ("7", "<think>Answer: 7", "unparsed", False),
    ],
)
def test_two_readings(gold: str, text: str, outcome: str, compat: bool) -> None:
    """The stated answer decides; math-verify on the whole response stands beside it."""
    score = TASK.score(Sample("a", (), gold, {"level": 3}), Completion(text))
    assert score.outcome == outcome
    assert score.metrics["compat"] is compat
    assert score.metrics["disagree"] is ((outcome == "correct") != compat)
    assert score.data == {"level": 3}


def test_verdicts_are_math_verifys_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Every gold answer in every style, right and exchanged: equal to calling it directly."""
    draw = random.Random(11)
    rows = [
        (gold, style.format(said))
        for gold in GOLDS
        for style in STYLES
        for said in (gold, draw.choice(GOLDS))
    ]
    program = [sys.executable, "-c", DIRECT]
    done = subprocess.run(
        program, input=json.dumps(rows), capture_output=True, text=True, check=True
    )
    direct = json.loads(done.stdout)
    ours = [
        TASK.score(Sample("a", (), gold), Completion(text)).metrics["compat"] for gold, text in rows
    ]
    assert ours == direct
    assert 0 < sum(ours) < len(ours)
    with capsys.disabled():
        sys.stdout.write(f"\nmaths: {len(rows)} verdicts as math-verify's\n")


def test_verdicts_do_not_depend_on_the_thread() -> None:
    """math-verify alone fails outside the main thread, because its time limits are signals."""

    def right(number: int) -> bool:
        answer = Completion(f"Answer: {number % 3}")
        return TASK.score(Sample("a", (), "1"), answer).outcome == "correct"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(right, range(12))) == [number % 3 == 1 for number in range(12)]


def test_what_cannot_be_computed_is_given_up() -> None:
    """The process is ended, and the next answer finds a new one."""
    verifier = Verifier(deadline=0.0)
    try:
        assert verifier.compare("1", ["$1$"]) is None
    finally:
        verifier.close()
    patient = Verifier()
    try:
        found = patient.compare("1", ["$1$", "nothing"])
        assert found is not None
        assert [(each.right, each.read) for each in found] == [(True, "1"), (False, None)]
    finally:
        patient.close()


def test_problems(tmp_path: Path) -> None:
    """The prompt of simple-evals, subjects as groups, levels kept."""
    file = tmp_path / "test.jsonl"
    row = {
        "problem": "What is {1} + 1?",
        "solution": "...",
        "answer": "2",
        "subject": "Algebra",
        "level": 2,
        "unique_id": "test/algebra/1.json",
    }
    file.write_text(json.dumps(row), encoding="utf-8")
    (sample,) = TASK.load(DataSource(path=file)).samples
    assert sample.id == "test/algebra/1.json"
    assert sample.metadata == {"group": "Algebra", "level": 2}
    lines = sample.messages[0].text.split("\n\n")
    assert lines[0].endswith(
        "of the form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the problem."
    )
    assert lines[1] == "What is {1} + 1?"
    assert lines[2].endswith('after "Answer:", and you do not need to use a \\boxed command.')
    own = OWN.load(DataSource(path=file))
    assert (own.samples[0].id, own.licence) == ("math-0001", "unknown")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"problem": "a"}, "line 1: the field 'answer' is missing"),
        ({"problem": "a", "answer": 2}, "the field 'answer' is 2, not a text"),
        ({"problem": "a", "answer": " "}, "the field 'answer' is empty"),
        ({"problem": "a", "answer": "2", "level": "Level 5"}, "the field 'level' is 'Level 5'"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, row: dict[str, object], message: str) -> None:
    """Each before anything is asked."""
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        OWN.load(DataSource(path=file))


def test_own_problems_need_a_file() -> None:
    """There is none of ours to fall back on."""
    with pytest.raises(DataError, match="give --data FILE"):
        OWN.load(DataSource())


def test_levels() -> None:
    """A mean for each level; items without one are in none."""

    def item(name: str, value: float, level: int | None) -> ScoredItem:
        return ScoredItem(name, 0, None, Score("correct", value, data={"level": level}))

    found = by_level([item("a", 1, 1), item("b", 0, 1), item("c", 1, 5), item("d", 1, None)])
    assert {name: (each.value, each.n) for name, each in found.items()} == {
        "level_1": (0.5, 2),
        "level_5": (1.0, 1),
    }
