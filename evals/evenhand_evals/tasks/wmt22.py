"""WMT22's general translation test sets: de-en, de-fr, en-de, en-zh, fr-de and zh-en.

Kocmi et al. 2022 (Findings of WMT22), in the form in which Hendy et al. 2023 (arXiv:2302.09210)
publish them in microsoft/gpt-MT, evaluation/testset/wmt-testset, one reference a segment; their
fr-de is WMT21's. One task a direction, `wmt22_deen` and so on, headline `bleu`, beside it `chrf2`
and `ter`; and `wmt22`, all six at once, each direction a group, headline `bleu_macro_mean`.

Data: `wmt22/deen/test.de-en.de` and `.en`, ..., under EVENHAND_DATA, or --data FOLDER with these;
lines end in LF alone, because some segments hold other Unicode line ends. The test sets are
published for research and never shipped.

Prompt, extraction, metrics and what slows TER down stand in `tasks/translation.py`; no shots,
segments without their document. gpt-MT's own prompts and WMT's leaderboards differ: systems there
may see documents, and WMT ranks by COMET and by people. The training data of today's models may
hold these texts.
"""

from functools import partial
from hashlib import sha256
from pathlib import Path

from evenhand_evals.errors import DataError
from evenhand_evals.scorers.translation import check
from evenhand_evals.tasks.sources import not_utf8, read_file
from evenhand_evals.tasks.translation import MAX_TOKENS, OPTIONS, metrics, score, segment
from evenhand_evals.types import Dataset, DataSource, Sample, Task

FOLDER = "wmt22"
PAIRS = (("de", "en"), ("de", "fr"), ("en", "de"), ("en", "zh"), ("fr", "de"), ("zh", "en"))
LICENCE = "LicenseRef-WMT-research"
DATA = f"{FOLDER}/ under EVENHAND_DATA, or --data FOLDER"

Pair = tuple[str, str]


def _folder(source: DataSource) -> Path:
    if source.path is not None and source.path.is_file():
        raise DataError(f"--data {source.path}: this is a file; name the folder of the set")
    if source.path is not None:
        return source.path
    if source.root is None:
        raise DataError(
            f"no data: set EVENHAND_DATA to a folder that holds {FOLDER}/, or give --data FOLDER"
        )
    return source.root / FOLDER


def _lines(folder: Path, pair: Pair, language: str) -> tuple[bytes, list[str]]:
    file = f"test.{'-'.join(pair)}.{language}"
    places = (folder / "".join(pair) / file, folder / file)
    path = next((each for each in places if each.is_file()), None)
    if path is None:
        raise DataError(f"no data: there is no {places[0]}; put it there, or give --data FOLDER")
    data = read_file(path).data
    try:
        lines = data.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {not_utf8(error)}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{path}, line {number}: the segment is empty")
    return data, lines


def load(pairs: tuple[Pair, ...], source: DataSource) -> Dataset:
    """Load the segments of some directions."""
    folder, wanted, digest = _folder(source), metrics(source), sha256()
    samples: list[Sample] = []
    for pair in pairs:
        check(pair[1])
        (first, origins), (second, targets) = (_lines(folder, pair, each) for each in pair)
        if len(origins) != len(targets):
            raise DataError(
                f"{folder}: {'-'.join(pair)} has {len(origins)} segments and {len(targets)} "
                "references; the two files must have a line for each other's"
            )
        digest.update(first + b"\0" + second + b"\0")
        name = f"{FOLDER}_{''.join(pair)}"
        samples += [
            segment(f"{name}-{number:04d}", pair, texts, wanted, group=len(pairs) > 1)
            for number, texts in enumerate(zip(origins, targets, strict=True), start=1)
        ]
    return Dataset(tuple(samples), str(folder), None, digest.hexdigest(), LICENCE)


def _task(pair: Pair) -> Task:
    return Task(
        name=f"{FOLDER}_{''.join(pair)}",
        title=f"WMT22 translation, {pair[0]} to {pair[1]} (sacrebleu)",
        headline="bleu",
        version="1",
        slow_to_score=True,
        load=partial(load, (pair,)),
        score=score,
        max_tokens=MAX_TOKENS,
        data=DATA,
        aggregate="translation",
        options=OPTIONS,
    )


TASKS: dict[str, Task] = {
    **{task.name: task for task in map(_task, PAIRS)},
    FOLDER: Task(
        name=FOLDER,
        title="WMT22 translation, six directions (sacrebleu)",
        headline="bleu_macro_mean",
        version="1",
        slow_to_score=True,
        load=partial(load, PAIRS),
        score=score,
        max_tokens=MAX_TOKENS,
        data=DATA,
        aggregate="translation_by_pair",
        options=OPTIONS,
    ),
}
