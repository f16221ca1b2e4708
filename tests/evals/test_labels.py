"""Two labels: reading them, scoring them, and the items that ship with us."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.labels import mentioned_label, stated_label
from evenhand_evals.tasks.labels import DRY, LABELS, RAIN, TASK
from evenhand_evals.types import Completion, DataSource, Sample

SAMPLE = Sample("zh-01", (), RAIN)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("会下雨", RAIN),
        ("不会下雨", DRY),
        ("“会下雨”。", RAIN),
        ("**不会下雨**", DRY),
        ("`会下雨`\n", RAIN),
        ("答案：不会下雨", DRY),
        ("最终答案是会下雨！", RAIN),
        ("The answer is 会下雨 (it will rain).", RAIN),
        ("会下雨。因为乌云很低，湿度很高。", RAIN),
        ("不会下雨 / 不会下雨", DRY),
        ("会下雨或不会下雨", None),
        ("会下雨，不会下雨", None),
        ("会下雨吗？", None),
        ("会不会下雨不知道", None),
        ("根据预报今天会下雨", None),
        ("It will rain.", None),
        ("不 会下雨", None),
        ("不**会下雨**", None),
        ("不_会下雨_", None),
        ("答案不是：会下雨", None),
        ("并非会下雨", None),
        ("It is not 会下雨.", None),
        ("It isn't “会下雨”", None),
        ("It is not true that 会下雨", None),
        ("会下雨？不。", None),
        ("会下雨? No.", None),
        ("会下雨：错", None),
        ("会下雨 is not the answer", None),
        ("It will not rain: 不会下雨", DRY),
        ("No. 会下雨", RAIN),
        ("会下雨. No doubt about it.", RAIN),
        ("", None),
    ],
)
def test_stated_label(text: str, stated: str | None) -> None:
    """A label counts where it stands by itself, in any dress; a sentence or both labels do not."""
    assert stated_label(text, LABELS) == stated


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("根据预报今天会下雨", RAIN),
        ("我认为今天不会下雨的", DRY),
        ("会下雨还是不会下雨", None),
        ("今天晴", None),
    ],
)
def test_mentioned_label(text: str, mentioned: str | None) -> None:
    """The longer label is looked for first, so that a "no" is never read as the "yes" inside it."""
    assert mentioned_label(text, LABELS) == mentioned


@given(
    st.sampled_from(LABELS),
    st.text(alphabet=" \n\"'“”。，.!*_`#()（）：:", max_size=6),
    st.text(alphabet=" \n\"'“”。，.!*_`#()（）：:", max_size=6),
)
def test_any_dress_is_seen_through(label: str, before: str, after: str) -> None:
    """Punctuation, quotes, blanks and Markdown around a label change nothing but exactness."""
    score = TASK.score(Sample("a", (), label), Completion(before + label + after))
    assert score.outcome == "correct"
    assert score.metrics["exact"] == (not before + after)


@pytest.mark.parametrize(
    ("text", "outcome", "exact", "exact_label", "mentioned", "said"),
    [
        ("会下雨", "correct", True, True, True, "rain"),
        ("会下雨。", "correct", False, False, True, "rain"),
        ("不会下雨", "wrong", False, True, False, "dry"),
        ("乌云很低，所以今天会下雨的。", "unparsed", False, False, True, "other"),
        ("It depends.", "unparsed", False, False, False, "other"),
        ("<think>云很多</think>\n\n会下雨", "correct", True, True, True, "rain"),
    ],
)
def test_score(
    text: str, outcome: str, exact: bool, exact_label: bool, mentioned: bool, said: str
) -> None:
    """One answer, three readings, and its place in the row of its truth."""
    score = TASK.score(SAMPLE, Completion(text))
    assert (score.outcome, score.value) == (outcome, float(outcome == "correct"))
    assert score.metrics == {
        "lenient": outcome == "correct",
        "exact": exact,
        "exact_label": exact_label,
        "mentioned": mentioned,
    }
    assert score.counts == {
        f"rain_said_{name}": (int(name == said), 1) for name in ("rain", "dry", "other")
    }


def test_what_else_came_out_is_kept() -> None:
    """An answer that is no label is shown by its beginning, on one line."""
    essay = TASK.score(SAMPLE, Completion("It\n depends " + "on much " * 20))
    assert essay.explanation is not None
    assert essay.explanation.startswith("answered: It depends on much")
    assert len(essay.explanation) == len("answered: ") + 60
    silent = TASK.score(SAMPLE, Completion("<think>hm"))
    assert silent.explanation == "thinking text removed; answered: (nothing)"


def test_shipped_items_are_balanced() -> None:
    """At least 60 different items; in each language and kind as many wet as dry."""
    samples = TASK.load(DataSource()).samples
    assert len({sample.messages[0].text for sample in samples}) == len(samples) >= 60
    by_group = Counter((sample.metadata["group"], sample.target) for sample in samples)
    groups = {group for group, _ in by_group}
    assert groups == {f"{lang} {kind}" for lang in ("zh", "en") for kind in KINDS}
    assert all(by_group[group, RAIN] == by_group[group, DRY] for group in groups)


KINDS = ("forecast", "observation", "proverb")


def test_prompts_ask_for_both_labels_and_nothing_else() -> None:
    """Every prompt names both labels and says that nothing else is wanted."""
    for sample in TASK.load(DataSource()).samples:
        (message,) = sample.messages
        assert mentioned_label(message.text, LABELS) is None
        assert RAIN in message.text
        assert DRY in message.text
        assert "nothing else" in message.text or "不要写任何别的内容" in message.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": "rain"}, "line 1: the field 'label' is 'rain', not one of"),
        ({"language": "fr"}, "the field 'language' is 'fr'"),
        ({"kind": "guess"}, "the field 'kind' is 'guess'"),
        ({"situation": None}, "the field 'situation' is None, not a text"),
    ],
)
def test_bad_items_are_named(tmp_path: Path, change: dict[str, str | None], reason: str) -> None:
    """A faulty item in a user's file is an error that names line, field and value."""
    row = {"id": "a", "language": "zh", "kind": "forecast", "situation": "晴", "label": DRY}
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({**row, **change}), encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        TASK.load(DataSource(path=file))
    file.write_text(f"{json.dumps(row)}\n{json.dumps(row)}\n", encoding="utf-8")
    with pytest.raises(DataError, match="an id occurs twice"):
        TASK.load(DataSource(path=file))
