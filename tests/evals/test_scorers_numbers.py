"""The number reader and the two filters of lm-evaluation-harness."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_evals.scorers import gsm8k_filters as filters
from evenhand_evals.scorers.numbers import Reading, chinese_number, numbers, read_number

READINGS = [
    (r"\boxed{18}", 18, "boxed"),
    (r"so \boxed{\frac{3}{4}}.", Fraction(3, 4), "boxed"),
    (r"\boxed{x_{1} = 18 \text{ dollars}}", 18, "boxed"),
    ("Answer: 18 dollars. (Step 3)", 18, "marker"),
    ("**Answer:** $-5$", -5, "marker"),
    ("The answer is 3 + 4 = 7 apples.", 7, "marker"),
    ("The answer is 5. No, the answer is 6.", 6, "marker"),
    ("### Final Answer\n18", 18, "marker"),
    ("The answer is - 5", -5, "marker"),
    ("**Answer:** - $5 per day.", -5, "marker"),
    ("The answer is **18** dollars (9 * 2).", 18, "marker"),
    ("The final answer is:\n\n\\[ 18 \\]", 18, "marker"),
    ("The answer is 10 cm^2.", 10, "marker"),
    ("The answer is about $18.", 18, "marker"),
    ("Answer:\n- 18", 18, "marker"),
    ("Answer: 5 apples. No: the answer is that Tom has 8 apples.", 8, "last"),
    (
        "Answer: Natalia sold 48/2 = 24 clips in May. Altogether she sold 48+24 = 72 clips.",
        72,
        "result",
    ),
    ("Answer: 48/2 = 24 clips in May. Altogether 72 clips.", 72, "last"),
    ("Answer: 48/2 = 24 clips\n48+24 = 72 clips", 72, "result"),
    ("Answer: Tom has 3 apples and buys 5 more, so he has 8 apples.", 8, "last"),
    ("Answer: 16 eggs are laid every day. So 13 * 2 = 26", 26, "result"),
    ("The answer is not 20 but 18.", 18, "last"),
    ("Answer: 2/3 of 27 is 18", 18, "last"),
    ("答案：一共有18个。", 18, "last"),
    ("答案：三个人共有18元", 18, "last"),
    ("答案是十八。", 18, "marker"),
    ("答案：１８，５００元。", 18500, "marker"),
    ("#### 18\n", 18, "hashes"),
    ("#### $1,234.50", Fraction("1234.5"), "hashes"),
    ("#### Step 3: add\nso 7", 7, "last"),
    ("So she makes **$18** every day for 3 days.", 18, "bold"),
    ("**3. Total**: 5", 5, "last"),
    ("She earns 9 * 2 = $18 in 3 days.", 18, "result"),
    ("9 * 2 = 18\nThat is 18 for 3 days.", 3, "last"),
    ("She pays $70,000", 70000, "last"),
    (r"\$70{,}000", 70000, "last"),
    ("1,00,000 rupees", 100000, "last"),
    ("Rs.18", 18, "last"),
    ("18.00", 18, "last"),
    ("about .5 litres", Fraction(1, 2), "last"),
    ("3½ cups", Fraction(7, 2), "last"),
    ("2 1/4 miles", Fraction(9, 4), "last"),
    ("it grew by 20%", 20, "last"),
    ("3.5 million people", 3500000, "last"),
    ("一共3万元", 30000, "last"),
    ("一共2千克", 2, "last"),
    ("1.5 × 10^3", 1500, "last"),
    (r"1.2 \times 10^{-3}", Fraction(12, 10**4), "last"),
    ("6.02e2", 602, "last"),
    ("- 18 apples", 18, "last"),
    ("10-3", 3, "last"),
    ("it is \u22124 degrees", -4, "last"),
    ("the 13th, 18 in all, is H2O", 18, "last"),
]


@pytest.mark.parametrize(("text", "value", "found_by"), READINGS)
def test_read_number(text: str, value: int | Fraction, found_by: str) -> None:
    """The reader finds the stated number and says by what sign it found it."""
    reading = read_number(text)
    assert reading is not None
    assert (reading.value, reading.found_by) == (value, found_by)


@pytest.mark.parametrize(
    "text", ["", "none", "the 13th", "H2O", "12 / 0", "5e999999999", "1" * 5000, "三"]
)
def test_no_number(text: str) -> None:
    """A text without a number, or with one that nobody means, gives none."""
    assert read_number(text) is None


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_survive_their_dress(value: int) -> None:
    """A whole number is read back from every way in which answers write it."""
    for dressed in (
        f"{value}",
        f"The answer is {value:,}.",
        f"#### {value}",
        f"\\boxed{{{value:,}}}",
        f"**Answer:** ${value:,} dollars",
        f"答案：{value}。",
        f"{value}.00",
    ):
        reading = read_number(dressed)
        assert reading is not None, dressed
        assert reading.value == value, dressed


@given(st.decimals(-(10**9), 10**9, places=4))
def test_decimals_survive(value: Decimal) -> None:
    """A decimal fraction is read back exactly, however many noughts end it."""
    reading = read_number(f"It costs {value:,f}0 dollars in all")
    assert reading is not None
    assert reading.value == Fraction(value)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_fractions_survive(above: int, below: int) -> None:
    """A fraction is read back exactly, plain and in LaTeX."""
    for dressed in (f"{above}/{below}", f"\\boxed{{\\dfrac{{{above}}}{{{below}}}}}"):
        reading = read_number(dressed)
        assert reading is not None
        assert reading.value == Fraction(above, below)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789.,-+$%/eE^*x{}\\#= \n答案是万千三answerboxed:")))
def test_any_text_can_be_read(text: str) -> None:
    """Number soup of any kind gives a reading or none, and never an error."""
    reading = read_number(text)
    assert reading is None or isinstance(reading, Reading)


def test_numbers_in_order() -> None:
    """All numbers of a text come in order, with the characters they were read from."""
    assert list(numbers("1 and $2,000 and 3/4")) == [
        (1, "1"),
        (2000, "$2,000"),
        (Fraction(3, 4), "3/4"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("十八", 18),
        ("二十", 20),
        ("一百零五", 105),
        ("三万二千", 32000),
        ("一亿零三万", 100030000),
        ("二〇二四", 2024),
        ("两百", 200),
        ("十八个", None),
    ],
)
def test_chinese_number(text: str, value: int | None) -> None:
    """Chinese numerals are read, and only whole ones."""
    assert chinese_number(text) == value


@pytest.mark.parametrize(
    ("text", "strict", "flexible"),
    [
        ("so #### 18", "18", "18"),
        ("#### 1,234.", "1,234.", "1,234."),
        ("#### $18", "[invalid]", "$18"),
        (r"\boxed{18}", "[invalid]", "18"),
        ("Answer: 18 dollars. (Step 3)", "[invalid]", "3"),
        ("It is 18...", "[invalid]", "18..."),
        ("#### 5 and #### 6", "5", "6"),
        ("nothing", "[invalid]", "[invalid]"),
    ],
)
def test_filters(text: str, strict: str, flexible: str) -> None:
    """Both filters give what lm-evaluation-harness gives, also where that is not wise."""
    assert filters.strict_match(text) == strict
    assert filters.flexible_extract(text) == flexible


def test_exact_match_compares_texts() -> None:
    """The harness's comparison forgives commas, dollars and a full stop, but not 18.00."""
    solution = "9 * 2 = 18\n#### 18"
    assert filters.exact_match("$18.", solution)
    assert filters.exact_match("1,8", solution)
    assert not filters.exact_match("18.00", solution)
    assert not filters.exact_match("[invalid]", solution)


def test_stopped_at_the_first_stop() -> None:
    """A response is cut where the task's stop sequences would have ended it."""
    assert filters.stopped("a Question: b</s>") == "a "
    assert filters.stopped("a</s>b Question:") == "a"
    assert filters.stopped("all of it") == "all of it"
