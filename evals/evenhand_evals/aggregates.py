"""Metrics of a whole run, by the names under which tasks ask for them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evenhand_evals.scorers import (
    pairs,
    ratings,
    ratings_dimensions,
    retrieval_lengths,
    subjects,
    translation,
)
from evenhand_evals.stats import agreement, labels, levels, pass_at_k, perplexity
from evenhand_evals.types import Aggregate

AGGREGATES: Final[Mapping[str, Aggregate]] = MappingProxyType(
    {
        "mmlu": subjects.average_mmlu,
        "mmlu_of_harnesses": subjects.average_mmlu_of_harnesses,
        "ceval": subjects.average_ceval,
        "cmmlu": subjects.average_cmmlu,
        "subjects": subjects.average_subjects,
        "pass_at_k": pass_at_k.estimates,
        "by_length": retrieval_lengths.by_length,
        "perplexity": perplexity.of_items,
        "translation": translation.corpus,
        "translation_by_pair": translation.by_pair,
        "math_levels": levels.by_level,
        "ratings_of_read": ratings.of_read,
        "ratings_by_dimension": ratings_dimensions.averages,
        "pairwise_win_rates": pairs.win_rates,
        "format_cost": labels.format_cost,
        "labels_sweep": labels.sweep,
        "agreement": agreement.beyond_chance,
    }
)
"""Each computes its metrics from all scored answers of a run, as the log has them."""
