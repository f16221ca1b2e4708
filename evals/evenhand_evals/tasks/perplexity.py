r"""Perplexity: how well a model foretells texts, by rolling windows over log-likelihoods.

- `perplexity_wikitext2`: the test split of WikiText-2 (Merity et al. 2016, arXiv:1609.07843), 62
  articles, read as lm-evaluation-harness's task `wikitext` (version 2) does: a page begins at each
  heading of the first level, the text is detokenised with that task's rules, and words and bytes
  are counted on the page before that (its words include the empty ones before the first and after
  the last blank). The headline is `word_perplexity`. The file is the tokenised one with `<unk>`;
  the harness reads `wikitext-2-raw-v1`, which has the rare words too: give that file with --data
  to compare.
- `perplexity`: your own texts with --data: a text file or a folder of `.txt` files (one text each),
  or JSON lines with `text` and, if you like, `id` and `group`. Words are those between blanks. The
  headline is `bits_per_byte`, which compares models with different tokenizers; in Chinese there
  are few blanks, so read nothing into `word_perplexity` there.

Metrics (`stats/perplexity.py`): `token_perplexity`, `word_perplexity`, `byte_perplexity`,
`bits_per_byte`, and the common mistake `mean_of_text_perplexities`; lower is better. They have no
outcome that could be wrong: every scored text is `correct`, and its value is the mean probability
of a byte, `exp(logprob / bytes)`, higher being better, so that runs can be compared text by text.

Traps:
- The window matters: `--task-set window=N,stride=M` in words (`perplexity_windows`). Each word is
  scored once, with at least window - stride words before it, apart from the first window. The
  harness's rolling windows have one token of context, at its API default 2,048 tokens a window:
  `stride` = `window` - 1 comes nearest. Compare only runs of the same window and stride; the digest
  of the data set covers both.
- The first token of a text has nothing before it. It is scored where the engine puts tokens before
  a text (BOS), and left out where it does not; its word and bytes are counted all the same, which
  matters where texts are short: the result then says how many tokens that were.
- llama.cpp is asked token by token: take a small --limit.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from evenhand_evals.errors import DataError, Unaskable
from evenhand_evals.stats.perplexity import Totals
from evenhand_evals.tasks.perplexity_windows import OPTIONS, question, setting, windows, words
from evenhand_evals.tasks.sources import Found, Origin, field, find, not_utf8, read_file
from evenhand_evals.types import Ask, Dataset, DataSource, Likelihoods, Reply, Sample, Score, Task

ORIGIN = Origin(
    file="wikitext-2/test.txt",
    name="wikitext-2",
    url="https://raw.githubusercontent.com/pytorch/examples/{revision}"
    "/word_language_model/data/wikitext-2/test.txt",
    revision="77f55b912142e11fcfdf5b530231fb9c52f181e8",
    licence="CC-BY-SA-3.0",
    sha256="d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
)

Replacement = tuple[str | re.Pattern[str], str]

# The rules of lm-evaluation-harness 0.4.13, tasks/wikitext/preprocess_wikitext.py, in its order;
# the second is as it stands there, though its slashes keep it from ever doing much.
DETOKENISER: tuple[Replacement, ...] = (
    ("s '", "s'"),
    (re.compile(r"/' [0-9]/"), "/'[0-9]/"),
    (" @-@ ", "-"),
    (" @,@ ", ","),
    (" @.@ ", "."),
    (" : ", ": "),
    (" ; ", "; "),
    (" . ", ". "),
    (" ! ", "! "),
    (" ? ", "? "),
    (" , ", ", "),
    (re.compile(r"\(\s*([^\)]*?)\s*\)"), r"(\1)"),
    (re.compile(r"\[\s*([^\]]*?)\s*\]"), r"[\1]"),
    (re.compile(r"{\s*([^}]*?)\s*}"), r"{\1}"),
    (re.compile(r"\"\s*([^\"]*?)\s*\""), r'"\1"'),
    (re.compile(r"'\s*([^']*?)\s*'"), r"'\1'"),
    ("= = = =", "===="),
    ("= = =", "==="),
    ("= =", "=="),
    (" \N{DEGREE SIGN} ", "\N{DEGREE SIGN}"),
    (" \n", "\n"),
    ("\n ", "\n"),
    (" N ", " 1 "),
    (" 's", "'s"),
)


def detokenised(page: str) -> str:
    """Undo WikiText's tokenisation as far as lm-evaluation-harness does."""
    for old, new in DETOKENISER:
        page = page.replace(old, new) if isinstance(old, str) else old.sub(new, page)
    return page


def wikitext_units(page: str) -> tuple[int, int]:
    """Count words and bytes as lm-evaluation-harness does."""
    return len(re.split(r"\s+", page)), len(page.encode())


def units(text: str) -> tuple[int, int]:
    """Count the words between blanks, and the bytes of UTF-8."""
    return max(1, len(text.split())), len(text.encode())


def _is_title(line: str) -> bool:
    bare = line.replace("= = =", "===").replace("= =", "==").strip()
    return bare.startswith("= ") and bare.endswith(" =")


def pages(text: str) -> list[str]:
    """Part WikiText into its articles, which begin at ` = Title = `."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if _is_title(line):
            found.append([])
        found[-1].append(line)
    return [page for lines in found if (page := "\n".join(lines)).strip()]


def _sample(
    name: str, text: str, counted: tuple[int, int], size: tuple[int, int], group: str | None
) -> Sample:
    cut = windows(text, *size)
    if not cut:
        raise DataError(f"{name}: the text is empty; take it out")
    return Sample(
        id=name,
        messages=(),
        target=text,
        metadata={
            "words": counted[0],
            "bytes": counted[1],
            "windows": [list(each) for each in cut],
            **({} if group is None else {"group": group}),
        },
        ask=question(text, cut[0]),
    )


def _check_fits(source: DataSource, samples: Sequence[Sample], window: int) -> None:
    """Check the longest window against the served context, before anything is asked.

    Raises:
        Unaskable: it is too long.

    """
    limit = source.tokens().limit
    if limit is None or not samples:
        return
    texts = [each.target[a:b] for each in samples for a, _, b in each.metadata["windows"]]
    longest = max(texts, key=lambda text: len(text.encode()))
    needed = source.tokens().count(longest) + 1
    if needed > limit:
        fitting = max(2, 9 * words(longest) * limit // (10 * needed))
        raise Unaskable(
            f"--task-set window={window}: a window has {needed} tokens, and the endpoint serves a "
            f"context of {limit}; give window={fitting} or less, or serve the model with more"
        )


def _dataset(source: DataSource, found: Found, samples: Sequence[Sample], licence: str) -> Dataset:
    window, stride = setting(source)
    _check_fits(source, samples, window)
    digest = sha256(found.data + f"window {window} stride {stride}".encode()).hexdigest()
    where = f"{found.source} (windows of {window} words, stride {stride})"
    return Dataset(tuple(samples), where, found.revision, digest, licence)


def load_wikitext2(source: DataSource) -> Dataset:
    """Load WikiText-2's test split from a file, from EVENHAND_DATA, or by name."""
    found = find(source, ORIGIN)
    size = setting(source)
    text = _decoded(found.data, found.source)
    if not any(_is_title(line) for line in text.split("\n")):
        raise DataError(
            f"{found.source}: not WikiText: no line is a title such as ' = Robert Boulter = '; "
            "for texts of your own choose the task perplexity"
        )
    samples = [
        _sample(f"wikitext2-{number:02d}", detokenised(page), wikitext_units(page), size, None)
        for number, page in enumerate(pages(text), start=1)
    ]
    return _dataset(source, found, samples, ORIGIN.licence)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: {not_utf8(error)}") from error


def _of_files(files: Sequence[Path], size: tuple[int, int]) -> tuple[bytes, list[Sample]]:
    data, samples = b"", []
    for path in files:
        data += (content := read_file(path).data)
        text = _decoded(content, str(path))
        if not text.strip():
            raise DataError(f"--data {path}: the text is empty; take the file out")
        samples.append(_sample(path.name, text, units(text), size, None))
    return data, samples


def _of_row(number: int, where: str, row: Mapping[str, Any], size: tuple[int, int]) -> Sample:
    text = field(row, "text", str, where)
    if not text.strip():
        raise DataError(f"{where}: the field 'text' is {text!r}, without a word; take it out")
    group = field(row, "group", str, where) if "group" in row else None
    name = str(row.get("id", f"text-{number:05d}"))
    return _sample(name, text, units(text), size, group)


def load(source: DataSource) -> Dataset:
    """Load the user's own texts."""
    path, size = source.path, setting(source)
    if path is None:
        raise DataError(
            "no data: give --data with a text file, a folder of .txt files, or JSON lines with a "
            "field 'text'"
        )
    if path.is_dir():
        files = sorted(path.glob("*.txt"))
        if not files:
            raise DataError(f"--data {path}: the folder holds no .txt file; put one there")
        data, samples = _of_files(files, size)
    elif path.suffix in (".jsonl", ".json", ".ndjson"):
        data = (found := read_file(path)).data
        rows = found.lines()
        samples = [_of_row(number, *row, size) for number, row in enumerate(rows, start=1)]
    else:
        data, samples = _of_files([path], size)
    return _dataset(source, Found(data, str(path)), samples, "unknown")


def follow(sample: Sample, replies: Sequence[Reply]) -> Ask | None:
    """Ask for the window after those that are scored."""
    cut = sample.metadata["windows"]
    return question(sample.target, cut[len(replies)]) if len(replies) < len(cut) else None


def score_all(sample: Sample, replies: Sequence[Reply]) -> Score:
    """Sum up the windows of a text."""
    told = [each for each in replies if isinstance(each, Likelihoods)]
    totals = Totals(
        logprob=math.fsum(each.logprobs[0] for each in told),
        tokens=sum(each.tokens[0] for each in told),
        words=sample.metadata["words"],
        bytes=sample.metadata["bytes"],
        unscored=sum(sum(each.unscored) for each in told),
    )
    return Score(
        outcome="correct",
        value=min(1.0, math.exp(totals.logprob / totals.bytes)),
        explanation=f"{len(told)} windows, {totals.tokens} tokens, logprob {totals.logprob:.3f}",
        data=asdict(totals),
    )


_task: Callable[..., Task] = partial(
    Task,
    version="1",
    max_tokens=1,
    interface="likelihood",
    follow=follow,
    score_all=score_all,
    aggregate="perplexity",
    options=OPTIONS,
)
WIKITEXT2 = _task(
    name="perplexity_wikitext2",
    title="Perplexity on WikiText-2 (test), rolling windows",
    headline="word_perplexity",
    load=load_wikitext2,
    data=f"{ORIGIN.file} under EVENHAND_DATA, or --data {ORIGIN.name}",
)
TASK = _task(
    name="perplexity",
    title="Perplexity on your own texts, rolling windows",
    headline="bits_per_byte",
    load=load,
    data="--data FILE or FOLDER: text, or JSON lines with 'text'",
)
