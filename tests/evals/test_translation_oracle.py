"""sacrebleu's command line and ours give the same scores and signatures."""

import subprocess
from pathlib import Path

import pytest

from evenhand_evals.scorers.translation import corpus
from evenhand_evals.tasks.wmt22 import PAIRS, TASKS
from evenhand_evals.types import DataSource
from tests.evals import oracles
from tests.evals.oracles import Parity
from tests.evals.test_translation import ALL, hypotheses, items, sacrebleu

pytestmark = pytest.mark.oracle

NAMES = (("bleu", "BLEU"), ("chrf2", "chrF2"), ("ter", "TER"))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_segments_of_wmt22(tmp_path: Path, pair: tuple[str, str], parity: Parity) -> None:
    """Each segment's chrF2, and of the corpus BLEU, chrF2 and their signatures."""
    python = oracles.python("sacrebleu")
    root = oracles.data_root("the WMT22 segments are")
    dataset = TASKS[f"wmt22_{''.join(pair)}"].load(DataSource(root=root))
    references = [sample.target for sample in dataset.samples]
    given = list(zip(hypotheses(references, 8, pair[1]), references, strict=True))
    scored = items(pair, given, ALL[:2])
    theirs = sacrebleu(tmp_path, pair[1], given, ("bleu", "chrf"), python)
    ours = corpus(scored)
    signatures = scored[0].score.data["signatures"]
    differing: list[object] = [
        (name, ours[name].value, theirs[official])
        for name, official in NAMES[:2]
        if 100 * ours[name].value != pytest.approx(theirs[official]["score"], abs=1e-8)
        or signatures[name] != theirs[official]["signature"]
    ]
    parity.held("WMT22: corpus scores and signatures", "sacrebleu", 2, differing)
    command = [python, "-m", "sacrebleu", "references", "-i", "hypotheses", "-w", "9"]
    command += ["-m", "chrf", "--sentence-level", "--score-only"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = zip(scored, map(float, done.stdout.split()), strict=True)
    wrong = [
        (each.item, each.score.value, value)
        for each, value in lines
        if 100 * each.score.value != pytest.approx(value, abs=1e-8)
    ]
    parity.held("WMT22: chrF2 of segments", "sacrebleu", len(scored), wrong)


@pytest.mark.parametrize("language", ["de", "zh"])
def test_ter(tmp_path: Path, language: str, parity: Parity) -> None:
    """TER of two hundred segments, with its signature."""
    python = oracles.python("sacrebleu")
    root = oracles.data_root("the WMT22 segments are")
    dataset = TASKS[f"wmt22_en{language}"].load(DataSource(root=root))
    references = [sample.target for sample in dataset.samples if len(sample.target) < 150][:200]
    given = list(zip(hypotheses(references, 9, language), references, strict=True))
    scored = items(("en", language), given, ALL)
    ours, signature = corpus(scored), scored[0].score.data["signatures"]["ter"]
    theirs = sacrebleu(tmp_path, language, given, ("ter",), python)["TER"]
    same = 100 * ours["ter"].value == pytest.approx(theirs["score"], abs=1e-8)
    differing = [] if same and signature == theirs["signature"] else [(ours["ter"], theirs)]
    parity.held("WMT22: corpus scores and signatures", "sacrebleu", 1, differing)
