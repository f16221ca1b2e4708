"""Translation: sacrebleu's numbers from sums of counts, pairs and their means, the segments."""

import asyncio
import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.report.page import to_html
from evenhand_evals.results import load_run
from evenhand_evals.run import run_task
from evenhand_evals.scorers.translation import by_pair, corpus
from evenhand_evals.tasks.translation import TASK, score, segment, translated
from evenhand_evals.tasks.wmt22 import PAIRS, TASKS
from evenhand_evals.types import Completion, DataSource, ScoredItem
from tests.evals.fake import QUICK, Fake, Reply, always, serving, settings_for
from tests.evals.test_cli import invoke

ALL = ["bleu", "chrf2", "ter"]
OTHERS = ("Das ist gut.", "The cat sat on the mat .", "今天天气很好。", "12,5 % (ca.)", "", "A")
ARGUMENTS = {
    "en": ("13a", ()),
    "de": ("13a", ()),
    "fr": ("13a", ()),
    "zh": ("zh", ("--ter-normalized", "--ter-asian-support")),
}


def hypotheses(references: list[str], seed: int, language: str) -> list[str]:
    """Make translations of every quality: right, cut, shuffled, of another text, empty."""
    draw, found = random.Random(seed), []
    blank = "" if language == "zh" else " "
    for reference in references:
        words = list(reference) if language == "zh" else reference.split(" ")
        fate = draw.random()
        if fate < 0.2:
            words = words[: draw.randint(0, len(words))]
        elif fate < 0.4:
            place = draw.randrange(len(words))
            words = words[place:] + words[:place]
        elif fate < 0.6:
            words = [word for word in words if draw.random() < 0.8]
        elif fate < 0.7:
            words = [draw.choice(OTHERS)]
        found.append(translated(blank.join(words)))
    return found


def items(pair: tuple[str, str], given: list[tuple[str, str]], wanted: list[str]) -> Any:
    """Score translations of one pair."""
    found = []
    for number, (hypothesis, reference) in enumerate(given):
        name = f"{'-'.join(pair)}-{number}"
        sample = segment(name, pair, ("source", reference), wanted, group=True)
        group = sample.metadata["group"]
        found.append(ScoredItem(name, 0, group, score(sample, Completion(hypothesis))))
    return found


def sacrebleu(
    folder: Path,
    language: str,
    given: list[tuple[str, str]],
    names: tuple[str, ...],
    python: str = sys.executable,
) -> dict[str, Any]:
    """Ask sacrebleu's command line, ours or that of another interpreter."""
    for column, name in ((0, "hypotheses"), (1, "references")):
        text = "".join(f"{each[column]}\n" for each in given)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    tokeniser, extra = ARGUMENTS[language]
    command = [python, "-m", "sacrebleu", "references", "-i", "hypotheses", "-w", "9"]
    command += ["--tokenize", tokeniser, *extra, "-m", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {each["name"]: each for each in (found if isinstance(found, list) else [found])}


def compare(folder: Path, pair: tuple[str, str], references: list[str], *, ter: bool) -> int:
    """Compare our scores and signatures with the command line's; give how many segments."""
    wanted = ALL if ter else ALL[:2]
    made = hypotheses(references, 7, pair[1])
    given = list(zip(made, references, strict=True))
    scored = items(pair, given, wanted)
    ours, signatures = corpus(scored), scored[0].score.data["signatures"]
    theirs = sacrebleu(folder, pair[1], given, ("bleu", "chrf", *(["ter"] if ter else [])))
    for name, official in (("bleu", "BLEU"), ("chrf2", "chrF2"), ("ter", "TER"))[: len(wanted)]:
        assert 100 * ours[name].value == pytest.approx(theirs[official]["score"], abs=1e-8), name
        assert signatures[name] == theirs[official]["signature"]
    return len(given)


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the WMT22 segments are not at hand")
    return Path(root)


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_scores_are_those_of_the_command_line(tmp_path: Path, language: str) -> None:
    """BLEU, chrF2 and TER, and their signatures, on segments of our own."""
    references = [
        "The cat sat on the mat.",
        "It's 3.5 % more, isn't it?",
        "No!",
        "你好，世界。",
    ] * 3
    assert compare(tmp_path, ("fr", language), references, ter=True) == 12


def test_scores_are_those_of_the_command_line_on_all_of_wmt22(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """BLEU and chrF2 of every segment of the six directions; TER of every tenth."""
    compared = 0
    for pair in PAIRS:
        dataset = TASKS[f"wmt22_{''.join(pair)}"].load(DataSource(root=data_root()))
        references = [sample.target for sample in dataset.samples]
        compared += compare(tmp_path, pair, references, ter=False)
        tenth = [each for each in references[::10] if len(each) < 150]
        compare(tmp_path, pair, tenth, ter=True)
    assert compared == 11_923
    with capsys.disabled():
        sys.stdout.write(f"\ntranslation: BLEU and chrF2 of {compared} segments as sacrebleu's\n")


def test_means_over_pairs_say_what_they_weigh() -> None:
    """Three segments of one pair and one of another: the two means differ, each as it says."""
    given = [("The cat sat on the mat today.", "The cat sat on the mat.")] * 3
    scored = items(("de", "en"), given, ALL) + items(("en", "fr"), [("oui", "Bien sûr")], ALL)
    found = by_pair(scored)
    one, other = found["bleu_de-en"].value, found["bleu_en-fr"].value
    assert one > 0.5 > other
    assert found["bleu_macro_mean"].value == pytest.approx((one + other) / 2)
    assert found["bleu_mean_weighted_by_segments"].value == pytest.approx((3 * one + other) / 4)
    assert found["bleu_macro_mean"].n == 4
    assert {name.partition("_")[0] for name in found} == set(ALL)


def test_each_metric_says_how_it_was_made() -> None:
    """By sacrebleu's signature; a mean over pairs by all that went into it."""
    into_english = items(("zh", "en"), [("a b c d e", "a b c d f")], ALL)
    into_chinese = items(("en", "zh"), [("你好", "您好")], ALL)
    assert "tok:13a|" in corpus(into_english)["bleu"].detail
    found = by_pair([*into_english, *into_chinese])
    assert "tok:zh|" in found["bleu_en-zh"].detail
    assert found["chrf2_zh-en"].detail.startswith("nrefs:1|case:mixed|eff:yes|nc:6")
    both = found["bleu_macro_mean"].detail
    assert both == f"{found['bleu_en-zh'].detail}; {found['bleu_zh-en'].detail}"


async def test_a_run_with_options_is_scored_again_with_them(tmp_path: Path) -> None:
    """They come from its manifest, the signature stands in the table, and asking goes on."""
    assert TASK.slow_to_score
    path = tmp_path / "own.jsonl"
    path.write_text(row())
    async with serving(Fake(always(Reply("Hello")))) as fake:
        settings = settings_for(fake, tmp_path / "run", data=path, options={"ter": "no"})
        await run_task(TASK, settings, backoff=QUICK)
    words = ("rescore", str(tmp_path / "run"), "--data", str(path))
    again = await asyncio.to_thread(invoke, *words)
    assert again.exit_code == 0, again.stderr
    assert "0 of 1 verdicts changed" in again.stdout
    assert "bleu_macro_mean: nrefs:1|" in again.stdout
    assert "ter_" not in again.stdout
    page = to_html([load_run(tmp_path / "run")])
    assert "how bleu_de-en is made" in page


def test_intervals_are_bootstrapped_and_the_same_every_time() -> None:
    """The interval holds the corpus' score; a single segment has none."""
    references = [f"The {word} sat on the mat and slept." for word in ("cat", "dog", "cow")] * 8
    given = list(zip(hypotheses(references, 3, "en"), references, strict=True))
    scored = items(("de", "en"), given, ALL)
    for name, each in corpus(scored).items():
        assert each.low < each.value < each.high, name
        assert (each.n, each.method) == (24, "bootstrap")
    assert corpus(scored) == corpus(scored)
    alone = corpus(scored[:1])["bleu"]
    assert (alone.low, alone.method) == (alone.value, "none")


@pytest.mark.parametrize("translation", ["", "The cat sat on the mat."])
def test_segments_that_are_all_alike_have_no_interval(translation: str) -> None:
    """Neither of nothing nor of perfection may a corpus be certain."""
    scored = items(("de", "en"), [(translation, "The cat sat on the mat.")] * 5, ALL)
    for name, each in {**corpus(scored), **by_pair(scored)}.items():
        assert (each.method, each.interval) == ("none", ""), name


def test_repeats_of_a_segment_are_one_segment() -> None:
    """They are pooled, and the segment is what is drawn."""
    references = ["The cat sat on the mat.", "The dog slept in the sun.", "No."]
    given = list(zip(["The cat sat.", "The dog slept in sun.", "No."], references, strict=True))
    once = items(("de", "en"), given, ALL)
    twice = once + [ScoredItem(each.item, 1, each.group, each.score) for each in once]
    assert corpus(once) == corpus(twice)


def test_the_whole_answer_is_the_translation() -> None:
    """On one line; thinking text is taken away, an empty answer is an empty translation."""
    sample = segment("a", ("de", "en"), ("Guten Tag", "Good day"), ALL, group=False)
    right = score(sample, Completion("<think>hm</think>\nGood\nday\n"))
    assert (right.outcome, right.value, right.extracted) == ("correct", 1.0, "Good day")
    assert right.explanation == "thinking text removed"
    wordy = score(sample, Completion("Here it is: Good day"))
    assert wordy.outcome == "wrong"
    assert 0 < wordy.value < 1
    empty = score(sample, Completion(""))
    assert (empty.outcome, empty.value) == ("unparsed", 0.0)
    assert empty.data["counts"]["bleu"][1] == 2


def test_prompt() -> None:
    """Names of languages, no shots, nothing but the translation asked for."""
    sample = segment("a", ("zh", "en"), (" 你好 ", "Hello"), ALL, group=False)
    assert sample.messages[0].text == (
        "Translate the following text from Chinese into English. Reply with the translation "
        "only.\n\n你好"
    )
    assert "group" not in sample.metadata


def row(**changes: str) -> str:
    """A row of the user's own segments."""
    return json.dumps({"source": "Hallo", "reference": "Hello", "from": "de", "to": "en"} | changes)


def test_own_segments(tmp_path: Path) -> None:
    """Each pair is a group; `ter=no` leaves TER out."""
    file = tmp_path / "own.jsonl"
    file.write_text(row() + "\n" + row(to="fr", id="x"), encoding="utf-8")
    first, second = TASK.load(DataSource(path=file, options={"ter": "no"})).samples
    assert (first.id, first.metadata["group"]) == ("translation-00001", "de-en")
    assert (second.id, second.metadata["group"]) == ("x", "de-fr")
    assert set(score(first, Completion("Hi")).data["counts"]) == {"bleu", "chrf2"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (row(to="xx"), "line 1: the field 'to' is 'xx'; the languages are ar, "),
        (row(reference=" "), "line 1: the field 'reference' is empty"),
        ('{"source": "a"}', "the field 'from' is missing"),
        ("", "holds no items"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, content: str, message: str) -> None:
    """Each before anything is asked."""
    file = tmp_path / "own.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        TASK.load(DataSource(path=file))


@pytest.mark.parametrize(("language", "module"), [("ja", "MeCab"), ("ko", "mecab_ko")])
def test_a_missing_tokeniser_is_said_with_the_way_to_get_it(
    tmp_path: Path, language: str, module: str
) -> None:
    """Before anything is asked: no other tokeniser takes its place."""
    if find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    file = tmp_path / "own.jsonl"
    file.write_text(row(to=language), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"pip install 'sacrebleu\[{language}\]'"):
        TASK.load(DataSource(path=file))


def test_published_segments() -> None:
    """The six directions with the numbers of segments that the repository states."""
    root = DataSource(root=data_root())
    sizes = {name: len(task.load(root).samples) for name, task in TASKS.items()}
    assert sizes == {
        "wmt22_deen": 1984,
        "wmt22_defr": 1984,
        "wmt22_ende": 2037,
        "wmt22_enzh": 2037,
        "wmt22_frde": 2006,
        "wmt22_zhen": 1875,
        "wmt22": 11_923,
    }


def test_files_that_do_not_fit_each_other(tmp_path: Path) -> None:
    """A line more on one side would shift every reference after it."""
    (tmp_path / "test.de-en.de").write_text("eins\nzwei\n", encoding="utf-8")
    task = TASKS["wmt22_deen"]
    with pytest.raises(DataError, match=r"there is no .*deen.test\.de-en\.en"):
        task.load(DataSource(path=tmp_path))
    (tmp_path / "test.de-en.en").write_text("one\n", encoding="utf-8")
    with pytest.raises(DataError, match="de-en has 2 segments and 1 references"):
        task.load(DataSource(path=tmp_path))
    (tmp_path / "test.de-en.en").write_text("one\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: the segment is empty"):
        task.load(DataSource(path=tmp_path))
