"""Letters read out of answers: our own reader, and the published ones beside their originals."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.scorers.choices import LETTERS, stated_letter
from evenhand_evals.scorers.choices_chinese import ceval_letter, cmmlu_letter
from evenhand_evals.scorers.choices_english import (
    answer_is,
    first_line,
    simple_evals,
    simple_evals_plain,
)
from evenhand_evals.scorers.choices_opencompass import first_option
from evenhand_evals.scorers.thinking import answer_of
from tests.evals import oracles
from tests.evals.choice_answers import OPTIONS, answers
from tests.evals.oracles import Parity

RECORDED = Path(__file__).with_name("choices_chinese_letters.json")
"""What C-Eval's and CMMLU's own programs, run by hand, read in `answers()`; `-` where nothing."""


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(b)", None),
        ("**B**", "B"),
        ("B. the kidneys", "B"),
        ("A lesion of the nerve.", None),
        ("A. is wrong because\nB. fits", None),
        ("It is long.\n\nC", "C"),
        ("C\nbecause it is long", "C"),
        ("Answer: $\\boxed{\\text{D}}$", "D"),
        ("\\boxed{C}", "C"),
        ("The answer is **B**.", "B"),
        ("If the answer is A then no; so the answer is (C)", "C"),
        ("The answer is not A.", None),
        ("The answer is A or B.", None),
        ("The answer is A-like", None),
        ("Answer: B\nOption D is what fools think.", "B"),
        ("D is the correct one", "D"),
        ("Option C is not correct.", None),
        ("答案：Ｂ", "B"),
        ("答案是（C）。", "C"),
        ("答案不是A", None),
        ("不选A，选C", "C"),
        ("A选项不正确，B选项正确", "B"),
        ("根据DNA的结构，答案是 C", "C"),
        ("The correct answer is D", "D"),
        ("I'm sorry, I can't help with that.", None),
        ("", None),
        ("\n \n", None),
    ],
)
def test_own_reader(text: str, letter: str | None) -> None:
    """The last stated letter, whatever its dress; nothing where none is stated."""
    assert stated_letter(text) == letter


def test_own_reader_knows_the_options() -> None:
    """A letter beyond the item's options is none; `I` before a verb is a person."""
    assert stated_letter("The answer is J", 10) == "J"
    assert stated_letter("The answer is J", 4) is None
    assert stated_letter("The answer is I think (B)", 10) is None
    assert stated_letter("The answer is (I).", 10) == "I"


@given(st.text(alphabet="ABCDI答案是选：.:*()\\{}boxed answerisotcr\n", max_size=60))
def test_own_reader_reads_anything(text: str) -> None:
    """Every text gives one of the letters or None."""
    assert stated_letter(text) in (*LETTERS[:4], None)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Answer: B", "B"),
        ("answer: b", "b"),
        ("**Answer:** $\\boxed{C}$", "C"),
        ("Answer:\u200b\u200b\u200b\u200b\u200b\u200b D", "D"),
        ("答案：A", "A"),
        ("Svar: A", None),
        ("정답: A", "A"),
        ("الإجابة: ب", "B"),
        ("উত্তর: ড", "C"),
        ("答案：A\nAnswer: B", "B"),
        ("Answer: A ... no. Answer: B", "A"),
        ("The answer is B", None),
    ],
)
def test_simple_evals(text: str, letter: str | None) -> None:
    """The first phrase of the list that matches decides, not the first or last in the text."""
    assert simple_evals(text) == letter


def test_other_english_readers() -> None:
    """GPQA's one pattern, the harness' first line, and MMLU-Pro's first `answer is`."""
    assert simple_evals_plain("Answer: $C$") == "C"
    assert simple_evals_plain("**Answer:** C") is None
    assert first_line(" (b).\nbecause") == "B"
    assert first_line("\nB") == ""
    assert first_line("B</s>C") == "B"
    assert answer_is("If the answer is A then the answer is (C)") == "A"
    assert answer_is("The answer is **B**.") is None
    assert answer_is("Question: the answer is B") is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("答案：C", "C"),
        ("The answer is **D**.", "D"),
        ("A careful reader declines.", "A"),
        ("I choose B, not A", "A"),
        ("抱歉", None),
        ("The answer is: \\boxed{C}", "C"),
    ],
)
def test_opencompass(text: str, letter: str | None) -> None:
    """The first pattern that is found, and any capital A to D as the last resort."""
    assert first_option(text) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("让我们一步一步思考，\n1. ...\n所以答案是B。", "B"),
        ("所以答案是A。不对，所以答案是D。", "D"),
        ("A是正确的，答案是B", "A"),
        ("答案：C", "C"),
        ("答案: C", "C"),
        ("答案: C, not D", None),
        ("应该是肝脏", "B"),
        ("肝脏或the kidneys", None),
        ("", None),
    ],
)
def test_ceval(text: str, letter: str | None) -> None:
    """The conclusion, then eight patterns in order, one letter, one option's text, or nothing."""
    assert ceval_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A. 因为", "A"),
        ("答案是：C", "C"),
        ("答案\n是C", "C"),
        ("B选项正确", "B"),
        ("A不正确", "A"),
        ("A错，C当选", "A"),
        ("我看A错，C当选", "C"),
        ("我看不是A", "A"),
        ("我看不是A或B", None),
        ("应该是：D或A", "D"),
        ("抱歉", None),
        ("", None),
    ],
)
def test_cmmlu(text: str, letter: str | None) -> None:
    """Four stages in order; where the original guesses, nothing."""
    assert cmmlu_letter(text) == letter


def _letter_of_first_line(text: str, target: str) -> bool:
    return first_line(text) == target


ORACLES: dict[str, tuple[str, str, str, Callable[[str, str], object]]] = {
    "simple_evals": (
        "MMLU: letters, simple-evals",
        "nvidia-simple-evals",
        "A",
        lambda text, _: simple_evals(text),
    ),
    "opencompass": (
        "MMLU: letters, OpenCompass",
        "opencompass",
        "A",
        lambda text, _: first_option(text),
    ),
    "mmlu_generative": ("MMLU: generative", "lm-eval", "ABCD", _letter_of_first_line),
    "mmlu_pro": ("MMLU-Pro", "lm-eval", LETTERS, lambda text, target: answer_is(text) == target),
}
"""By kind: name, package, the targets that each answer is held against, and our own reading."""
MODULES = {
    "nvidia-simple-evals": "simple_evals",
    "opencompass": "opencompass",
    "lm-eval": "lm_eval",
}


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ORACLES)
def test_parity_with_the_originals(kind: str, parity: Parity) -> None:
    """On thousands of answers our reading equals the reference's, item by item."""
    name, package, targets, read = ORACLES[kind]
    made = answers(letters=LETTERS if kind == "mmlu_pro" else "ABCD")
    rows = [(answer_of(each).text, target) for each in made for target in targets]
    asked = {"kind": kind, "rows": rows}
    reference = oracles.told("oracle_choices.py", asked, MODULES[package])
    own = [read(text, target) for text, target in rows]
    differing = [each for each in zip(rows, reference, own, strict=True) if each[1] != each[2]]
    parity.held(name, package, len(rows), differing)
    assert 50 < sum(bool(each) for each in reference) < len(rows)


def chinese_differences(benchmark: str) -> tuple[str, int, list[tuple[str, str | None, str]]]:
    """Our letters beside the recorded ones: the reference, how many, and those that differ."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    texts = [answer_of(each).text for each in answers()]
    made = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    assert made == recorded["answers_sha256"], "the answers are others than those recorded"
    reads = {"ceval": lambda text: ceval_letter(text, OPTIONS), "cmmlu": cmmlu_letter}
    rows = zip(texts, map(reads[benchmark], texts), recorded[benchmark]["letters"], strict=True)
    differing = [each for each in rows if (each[1] or "-") != each[2]]
    return f"{recorded[benchmark]['reference']} (recorded)", len(texts), differing


@pytest.mark.parametrize("benchmark", ["ceval", "cmmlu"])
def test_chinese_letters_as_recorded(benchmark: str) -> None:
    """No package carries the two Chinese readers: what the originals read is on record."""
    assert chinese_differences(benchmark)[2] == []


@pytest.mark.oracle
@pytest.mark.parametrize(("benchmark", "name"), [("ceval", "C-Eval"), ("cmmlu", "CMMLU")])
def test_parity_with_the_chinese_originals(benchmark: str, name: str, parity: Parity) -> None:
    """The same for the table; where CMMLU draws a letter at random, ours is none."""
    reference, compared, differing = chinese_differences(benchmark)
    parity.held(f"{name}: letters", reference, compared, differing)
