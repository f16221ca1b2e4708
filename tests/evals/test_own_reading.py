"""What a user's own task reads out of answers, and how it compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import UsageError
from evenhand_evals.own.reading import (
    Extraction,
    Kind,
    Metric,
    check_extraction,
    measurer,
    reader,
)

JSON = Extraction("json_path", path="a.b[1].c")
LABELS = Extraction("label_set", labels=("会下雨", "不会下雨"))


@pytest.mark.parametrize(
    ("extraction", "text", "found"),
    [
        (Extraction(), "  yes \n", "yes"),
        (Extraction(), " \n", None),
        (Extraction("regex", pattern=r"is (\d+)"), "it is 3, it is 4", "3"),
        (Extraction("regex", pattern=r"is (\d+)", take="last"), "it is 3, it is 4", "4"),
        (Extraction("regex", pattern=r"is \d+"), "it is 3", "is 3"),
        (Extraction("regex", pattern=r"(a)|(b)", group=2), "a b", None),
        (Extraction("regex", pattern=r"x"), "abc", None),
        (JSON, '{"a": {"b": [0, {"c": "yes"}]}}', "yes"),
        (JSON, 'So {this}:\n```json\n{"a": {"b": [0, {"c": 1.5}]}}\n```', "1.5"),
        (JSON, '{"a": {"b": [0, {"c": true}]}}', "true"),
        (JSON, '{"a": {"b": [0, {"c": {"y": 1, "x": "é"}}]}}', '{"x": "é", "y": 1}'),
        (JSON, '{"a": {"b": [0]}}', None),
        (JSON, '{"a": {"b": [0, {"c": null}]}}', None),
        (JSON, "no JSON { here", None),
        (Extraction("json_path", path="[0]"), "x [7, 8]", "7"),
        (Extraction("last_number"), "3 apples and 1,250 pears.", "1,250"),
        (Extraction("last_number"), "none", None),
        (LABELS, "**不会下雨**。", "不会下雨"),
        (LABELS, "会下雨或不会下雨", None),
        (Extraction("choice_letter"), "So the answer is (C).", "C"),
        (Extraction("choice_letter", options=2), "The answer is C.", None),
    ],
)
def test_reading(extraction: Extraction, text: str, found: str | None) -> None:
    """Each kind finds what it should, and nothing where there is nothing."""
    check_extraction(extraction)
    assert reader(extraction)(text) == found


@pytest.mark.parametrize(
    ("metric", "answer", "target", "value"),
    [
        (Metric(), "Yes", "yes", 0.0),
        (Metric(ignore_case=True), "Yes", "yes", 1.0),
        (Metric(ignore_punctuation=True), "“是的”。", "是的", 1.0),
        (Metric(ignore_blanks=True), "a b\nc", "abc", 1.0),
        (Metric(ignore_width=True), "ＡＢ１", "AB1", 1.0),
        (Metric("contains", ignore_case=True), "It is PARIS.", "paris", 1.0),
        (Metric("contains"), "It is PARIS.", "paris", 0.0),
        (Metric("number"), "1,250.0", "1250", 1.0),
        (Metric("number"), "0.1", "1/10", 1.0),
        (Metric("number", tolerance=0.1), "3.1", "3", 1.0),
        (Metric("number", tolerance=0.1), "3.11", "3", 0.0),
        (Metric("number"), "many", "3", 0.0),
        (Metric("label"), "rain", "rain", 1.0),
        (Metric("f1"), "the cat sat", "a cat sat down", 0.8),
        (Metric("rouge_l"), "a b c", "a b c", 1.0),
    ],
)
def test_measuring(metric: Metric, answer: str, target: str, value: float) -> None:
    """Each metric with its switches."""
    assert measurer(metric)(answer, target) == pytest.approx(value)


@pytest.mark.parametrize(
    ("extraction", "says"),
    [
        (Extraction("regex"), "pattern: regex needs it"),
        (Extraction("regex", pattern="("), "pattern: '(' is no pattern"),
        (Extraction("regex", pattern="a", group=1), "group: 1, but the pattern has groups 0 to 0"),
        (Extraction("whole", pattern="a"), "pattern: whole does not read it"),
        (Extraction("whole", group=1), "group: whole does not read it"),
        (Extraction("json_path"), "path: json_path needs it"),
        (Extraction("label_set"), "labels: label_set needs it"),
        (Extraction("choice_letter", options=11), "options: 11 is not of 2 to 10"),
        *(
            (Extraction("json_path", path=path), f"path: {path!r} is no path")
            for path in (".a", "a.", "a..b", "a[x]", "a[0", "a[0]b", "a.[0]")
        ),
    ],
)
def test_what_cannot_be_read(extraction: Extraction, says: str) -> None:
    """A wrong extraction is an error that begins with its key."""
    with pytest.raises(UsageError) as raised:
        check_extraction(extraction)
    assert str(raised.value).startswith(says)


@given(st.text(max_size=200), st.sampled_from(["whole", "last_number", "choice_letter"]))
def test_no_answer_breaks_a_reader(text: str, kind: Kind) -> None:
    """Models write anything."""
    found = reader(Extraction(kind))(text)
    assert found is None or found == found.strip() != ""


@given(st.text(alphabet='{}[]",:a0 \n`', max_size=80))
def test_no_answer_breaks_the_path(text: str) -> None:
    """Half-shaped JSON is no answer, never an error."""
    assert isinstance(reader(JSON)(text), str | None)
