"""Perplexity: windows that score every word once, the normalisations, and the texts themselves."""

import math
import os
import random
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_evals.endpoint.asking import Voice, interview
from evenhand_evals.endpoint.likelihood import METHODS as METHODS_BY_ENGINE
from evenhand_evals.errors import DataError, UsageError
from evenhand_evals.stats.perplexity import METRICS, Totals, of_items, perplexities
from evenhand_evals.tasks.perplexity import TASK, WIKITEXT2, detokenised, pages, wikitext_units
from evenhand_evals.tasks.perplexity_windows import question, windows
from evenhand_evals.token_counts import EstimatedTokens
from evenhand_evals.types import (
    DataSource,
    Likelihood,
    Likelihoods,
    Reply,
    Score,
    ScoredItem,
)
from tests.evals import oracles
from tests.evals.oracles import Parity

WORDS = "one two three four five six seven eight nine ten"


def told(logprob: float, tokens: int) -> Likelihoods:
    """A likelihood of one continuation."""
    return Likelihoods((logprob,), (tokens,), (False,))


def test_every_word_is_scored_once_after_the_others() -> None:
    """The first window is scored whole, later ones for their last words only."""
    cut = windows(WORDS, 4, 2)
    scored = [WORDS[start:end] for _, start, end in cut]
    assert scored == ["one two three four", " five six", " seven eight", " nine ten"]
    contexts = [WORDS[context:start] for context, start, _ in cut]
    assert contexts == ["", " three four", " five six", " seven eight"]


def test_the_last_window_keeps_the_whole_context() -> None:
    """What is left over at the end has more context, not less."""
    text = "a b c d e"
    assert [text[c:e] for c, _, e in windows(text, 4, 2)] == ["a b c d", " b c d e"]


def test_a_chinese_sign_is_a_word() -> None:
    """Chinese has no blanks to cut at."""
    text = "今天下雨, rain"
    assert [text[s:e] for _, s, e in windows(text, 3, 1)] == ["今天下", "雨", ",", " rain"]


@given(
    st.text(alphabet=st.sampled_from("ab 今\n。,"), max_size=60),
    st.integers(2, 9),
    st.integers(1, 8),
)
def test_windows_cover_a_text_without_gap_or_overlap(text: str, window: int, stride: int) -> None:
    """What is scored, put together, is the text; a context ends where the scored part begins."""
    cut = windows(text, window, min(stride, window - 1))
    assert "".join(text[start:end] for _, start, end in cut) == (text if text.strip() else "")
    assert [context for context, *_ in cut][:1] in ([0], [])
    assert all(context < start for context, start, _ in cut[1:])
    for _, _, end in cut[:-1]:
        assert text[end - 1].strip()


def test_windows_are_asked_one_after_the_other_and_summed(tmp_path: Path) -> None:
    """A text's logarithm is the sum over its windows; its value is the mean chance of a byte."""
    file = tmp_path / "ten.txt"
    file.write_text(WORDS, encoding="utf-8")
    (sample,) = TASK.load(DataSource(path=file, options={"window": "4"})).samples
    assert sample.ask == Likelihood("", ("one two three four",))
    replies: list[Reply] = [told(-3.0, 4)]
    assert TASK.follow is not None
    assert TASK.score_all is not None
    assert TASK.follow(sample, replies) == Likelihood(" three four", (" five six",))
    replies += [told(-1.0, 2), told(-2.0, 3), told(-4.0, 2)]
    assert TASK.follow(sample, replies) is None
    score = TASK.score_all(sample, replies)
    counts = {"tokens": 11, "words": 10, "bytes": len(WORDS), "unscored": 0}
    assert score.data == {"logprob": -10.0, **counts}
    assert score.value == pytest.approx(math.exp(-10 / len(WORDS)))


class Engine:
    """Speaks three engines' protocols; its tokens are words, each with the blanks before it."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def tokens(self, text: str) -> list[str]:
        """Cut a text."""
        return re.findall(r"\s*\S+", text)

    def id(self, token: str) -> int:
        """Give a token's number."""
        return self.ids.setdefault(token, len(self.ids))

    def logprob(self, tokens: list[str], place: int) -> float | None:
        """Give a token's logarithm: longer words are rarer, and context helps."""
        return -len(tokens[place]) - 1.0 / place if place else None

    def answer(self, path: str, body: Mapping[str, Any]) -> Any:
        """Answer a request."""
        if "echo" in body:
            return self.echo(body["prompt"])
        if path == "/generate":
            return [self.native(text) for text in body["text"]]
        if path == "/tokenize":
            return {"tokens": [self.id(token) for token in self.tokens(body["content"])]}
        names = {number: token for token, number in self.ids.items()}
        (drawn,) = map(int, body["logit_bias"])
        tokens = [names[each] for each in (*body["prompt"], drawn)]
        logprob = self.logprob(tokens, len(tokens) - 1)
        entry: dict[str, Any] = {"id": drawn, "logprob": logprob, "top_logprobs": []}
        return {"choices": [{"text": names[drawn], "logprobs": {"content": [entry]}}]}

    def echo(self, prompts: list[str]) -> Any:
        """Answer as vLLM does."""
        choices = []
        for index, prompt in enumerate(prompts):
            tokens = [*self.tokens(prompt), "!"]
            logprobs = [self.logprob(tokens, place) for place in range(len(tokens))]
            choices.append(
                {"index": index, "logprobs": {"tokens": tokens, "token_logprobs": logprobs}}
            )
        asked = sum(len(self.tokens(prompt)) for prompt in prompts)
        usage = {"prompt_tokens": asked, "completion_tokens": len(prompts)}
        return {"choices": choices, "usage": usage}

    def native(self, text: str) -> Any:
        """Answer as SGLang's /generate does."""
        tokens = self.tokens(text)
        told = [
            [self.logprob(tokens, place), self.id(token), None]
            for place, token in enumerate(tokens)
        ]
        return {"meta_info": {"input_token_logprobs": told}}


@pytest.mark.parametrize("method", ["sglang", "vllm", "llamacpp"])
def test_every_engine_comes_to_the_same(tmp_path: Path, method: str) -> None:
    """Nine tokens of ten, each with its place in its window; the first has nothing before it."""
    file = tmp_path / "ten.txt"
    file.write_text(WORDS, encoding="utf-8")
    (sample,) = TASK.load(DataSource(path=file, options={"window": "4"})).samples
    assert TASK.follow is not None
    assert TASK.score_all is not None
    engine = Engine()
    voice = Voice("m", lambda route, fields: {}, likelihood=METHODS_BY_ENGINE[method])
    talk = interview(sample.first, (voice, None), partial(TASK.follow, sample))
    outgoing = next(talk)
    while True:
        try:
            outgoing = talk.send(engine.answer(outgoing.path, outgoing.body))
        except StopIteration as done:
            score = TASK.score_all(sample, done.value)
            break
    places = [1, 2, 3] + [2, 3] * 3
    letters = sum(len(f" {word}") for word in WORDS.split()[1:])
    assert score.data["tokens"] == 9
    assert score.data["logprob"] == pytest.approx(-letters - sum(1 / place for place in places))


def test_normalisations_by_hand() -> None:
    """Sums first, exp last; the mean of the texts' own perplexities is something else."""
    found = perplexities([[Totals(-8.0, 4, 2, 10)], [Totals(-2.0, 4, 3, 10)]])
    assert found["token_perplexity"].value == pytest.approx(math.exp(10 / 8))
    assert found["word_perplexity"].value == pytest.approx(math.exp(10 / 5))
    assert found["byte_perplexity"].value == pytest.approx(math.exp(0.5))
    assert found["bits_per_byte"].value == pytest.approx(0.5 / math.log(2))
    mistake = (math.exp(2) + math.exp(0.5)) / 2
    assert found["mean_of_text_perplexities"].value == pytest.approx(mistake)
    assert mistake > found["token_perplexity"].value


def test_intervals_hold_the_value_and_are_the_same_every_time() -> None:
    """Bootstrapped by text with a seed of its own; a single text has no interval."""
    draw = random.Random(1)
    texts = [[Totals(-draw.uniform(50, 300), 100, 80, 400)] for _ in range(30)]
    first, second = perplexities(texts), perplexities(texts)
    assert first == second
    for name in METRICS:
        assert first[name].low < first[name].value < first[name].high, name
        assert (first[name].n, first[name].method) == (30, "bootstrap")
    alone = perplexities(texts[:1])["bits_per_byte"]
    assert (alone.low, alone.high, alone.method) == (alone.value, alone.value, "none")


def test_repeats_of_a_text_do_not_narrow_the_interval() -> None:
    """The text is what is drawn, however often it was asked."""
    totals = [Totals(-100.0 - 10 * number, 100, 80, 400) for number in range(6)]

    def items(repeats: int) -> list[ScoredItem]:
        return [
            ScoredItem(f"t{number}", repeat, None, Score("correct", 1.0, data=asdict(each)))
            for repeat in range(repeats)
            for number, each in enumerate(totals)
        ]

    once, thrice = of_items(items(1))["bits_per_byte"], of_items(items(3))["bits_per_byte"]
    assert (once.value, once.low, once.high, once.n) == pytest.approx(
        (thrice.value, thrice.low, thrice.high, thrice.n)
    )


def test_a_perplexity_too_large_for_a_float_is_infinite() -> None:
    """A model that gives a token no chance at all is no reason to fail."""
    assert perplexities([[Totals(-1e6, 2, 2, 2)]])["token_perplexity"].value == math.inf


def test_what_was_not_scored_is_said_where_it_counts() -> None:
    """Beside the figures whose units hold it; a log of before has no such count."""
    texts = [[Totals(-8.0, 4, 2, 10, unscored=1)], [Totals(-2.0, 4, 3, 10)]]
    details = {name: each.detail for name, each in perplexities(texts).items()}
    said = {name for name, detail in details.items() if detail.startswith("1 of 9 tokens begin")}
    assert said == {"word_perplexity", "byte_perplexity", "bits_per_byte"}
    assert perplexities([texts[1]])["bits_per_byte"].detail == ""


def test_pages_begin_at_headings_of_the_first_level() -> None:
    """Sections belong to their page, and so does what stands before the first one's text."""
    text = " \n = A b = \n \n text \n = = Section = = \n more \n \n = C = \n \n end \n"
    assert pages(text) == [
        " = A b = \n \n text \n = = Section = = \n more \n ",
        " = C = \n \n end \n",
    ]


def test_own_texts(tmp_path: Path) -> None:
    """Files of a folder are texts; rows of JSON lines are texts with ids and groups."""
    (tmp_path / "b.txt").write_text("two words", encoding="utf-8")
    (tmp_path / "a.txt").write_text("今天", encoding="utf-8")
    samples = TASK.load(DataSource(path=tmp_path)).samples
    assert [(each.id, each.metadata["words"], each.metadata["bytes"]) for each in samples] == [
        ("a.txt", 1, 6),
        ("b.txt", 2, 9),
    ]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"text": "hello there", "id": "x", "group": "g"}\n{"text": "more"}\n', encoding="utf-8"
    )
    first, second = TASK.load(DataSource(path=rows)).samples
    assert (first.id, first.metadata["group"], second.id) == ("x", "g", "text-00002")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"txt": "a"}', "line 1: the field 'text' is missing"),
        ('{"text": 3}', "the field 'text' is 3, not a text"),
        ('{"text": " "}', "without a word"),
        ("{", "line 1: not JSON"),
        ("", "holds no items"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, content: str, message: str) -> None:
    """Each before anything is asked."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        TASK.load(DataSource(path=rows))


def test_settings_are_part_of_the_data() -> None:
    """Another window is another measurement: the digest differs, and nonsense is refused."""

    def digest(options: dict[str, str]) -> str:
        return TASK.load(DataSource(path=Path(__file__), options=options)).sha256

    assert len({digest({}), digest({"window": "512"}), digest({"stride": "100"})}) == 3
    assert digest({}) == digest({"window": "1024", "stride": "512"})
    with pytest.raises(UsageError, match="stride=512: a window of 512 words has then no context"):
        digest({"window": "512", "stride": "512"})


def test_a_window_that_the_server_has_no_room_for(tmp_path: Path) -> None:
    """It is said before anything is asked, with a window that fits."""
    file = tmp_path / "long.txt"
    file.write_text("word " * 300, encoding="utf-8")

    def served() -> EstimatedTokens:
        return EstimatedTokens(limit=100)

    with pytest.raises(UsageError, match=r"302 tokens.*context of 100; give window=89 or less"):
        TASK.load(DataSource(path=file, tokens=served))
    options = {"window": "90"}
    assert TASK.load(DataSource(path=file, tokens=served, options=options)).samples


def data_root() -> Path:
    """The folder of published data, or a skip that says why."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: WikiText-2 is not at hand")
    return Path(root)


def test_published_articles() -> None:
    """WikiText-2's test split: 62 pages, 241,211 words, and two empty ones for each page."""
    dataset = WIKITEXT2.load(DataSource(root=data_root()))
    assert len(dataset.samples) == 62
    assert sum(each.metadata["words"] for each in dataset.samples) == 241_211 + 2 * 62
    for sample in dataset.samples:
        cut = sample.metadata["windows"]
        assert "".join(question(sample.target, each).continuations[0] for each in cut) == (
            sample.target
        )


@pytest.mark.oracle
def test_formulas_are_those_of_the_harness(parity: Parity) -> None:
    """Word and byte perplexity and bits per byte of 40 made-up sets of texts."""
    draw, compared, differing = random.Random(4), 0, []
    sets = [
        [
            Totals(-draw.uniform(1, 9000), draw.randint(1, 3000), draw.randint(1, 2500), 15000)
            for _ in range(size)
        ]
        for size in range(1, 41)
    ]
    rows = [[[each.logprob, each.words, each.bytes] for each in texts] for texts in sets]
    found = oracles.told("oracle_language.py", {"kind": "perplexity", "sets": rows}, "lm_eval")
    for texts, theirs in zip(sets, found, strict=True):
        ours = perplexities([[each] for each in texts])
        for name, value in theirs.items():
            compared += 1
            if ours[name].value != pytest.approx(value, rel=1e-12):
                differing.append((len(texts), name, ours[name].value, value))
    parity.held("perplexity: aggregates", "lm-eval", compared, differing)


@pytest.mark.oracle
def test_pages_are_read_as_the_harness_reads_them(parity: Parity) -> None:
    """The detokenised text, the words and the bytes of every page, and of made-up ones."""
    text = (data_root() / "wikitext-2" / "test.txt").read_text(encoding="utf-8")
    valid = (data_root() / "wikitext-2" / "valid.txt").read_text(encoding="utf-8")
    draw = random.Random(5)
    signs = [" ", " ", "'", '"', "s", "(", ")", "[", "]", "{", "}", "= ", " @-@ ", " N ", "/' 5/"]
    signs += ["\n", " . ", " , ", " \N{DEGREE SIGN} ", "a", "今", " 's"]
    made = ["".join(draw.choices(signs, k=draw.randint(0, 80))) for _ in range(2000)]
    every = [*pages(text), *pages(valid), *made]
    theirs = oracles.told("oracle_language.py", {"kind": "wikitext", "pages": every}, "lm_eval")
    ours = [[detokenised(page), *wikitext_units(page)] for page in every]
    differing = [each for each in zip(ours, theirs, strict=True) if each[0] != each[1]]
    parity.held("WikiText-2: pages read", "lm-eval", len(every), differing)
