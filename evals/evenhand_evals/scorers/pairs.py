"""Which of two answers is better: a judge asked in both orders, and how far it is of one mind.

A judge that is shown two answers tends to prefer a place, not an answer. So each pair is shown
twice, with the places exchanged, and wins only what wins both times; anything else is a tie
(Zheng et al. 2023, arXiv:2306.05685, section 3.4). `order_agreement` is the share of pairs for
which both orders say the same, `prefers_first` and `prefers_second` the shares for which the judge
stays with a place whatever stands in it.

A win is worth 1, a tie 0.5, a loss 0. A pair of which a verdict cannot be read is worth nothing in
the headline and makes its item `unparsed`; `win_rate_of_read` leaves it out, as FastChat does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evenhand_evals.scorers.ratings import outcome_of
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.stats.intervals import ratio
from evenhand_evals.types import Completion, Estimate, Score, ScoredItem

Place = Literal["A", "B", "tie"]
Winner = Literal["model", "baseline", "tie"]
WORTH: Mapping[str, float] = {"model": 1.0, "tie": 0.5, "baseline": 0.0}


def better_place(verdict: str) -> Place | None:
    """Read `[[A]]`, `[[B]]` or, for a tie, `[[C]]`; None if there is none.

    As in FastChat's llm_judge/common.py, A counts before B and B before C where several stand.
    """
    text = answer_of(verdict).text
    marks: tuple[tuple[str, Place], ...] = (("[[A]]", "A"), ("[[B]]", "B"), ("[[C]]", "tie"))
    return next((place for mark, place in marks if mark in text), None)


@dataclass(frozen=True, slots=True)
class Game:
    """The verdicts about one pair: with the model as A, and with the model as B."""

    model_first: Place | None
    model_second: Place | None

    @property
    def winners(self) -> tuple[Winner | None, Winner | None]:
        """Who won in each order, None where the verdict could not be read."""
        first: Mapping[Place | None, Winner] = {"A": "model", "B": "baseline", "tie": "tie"}
        second: Mapping[Place | None, Winner] = {"A": "baseline", "B": "model", "tie": "tie"}
        return first.get(self.model_first), second.get(self.model_second)

    @property
    def winner(self) -> Winner | None:
        """Who won in both orders; a tie if the orders disagree, None if one could not be read."""
        first, second = self.winners
        if first is None or second is None:
            return None
        return first if first == second else "tie"

    def holds(self, place: Place) -> bool:
        """Whether the judge preferred this place in both orders."""
        return self.model_first == self.model_second == place


def compared(answers: Sequence[Completion], games: Mapping[str, Game]) -> Score:
    """Score an item by its games, each weighing the same and being a metric by its name."""
    winners = {name: game.winner for name, game in games.items()}
    shares = {name: WORTH[winner] if winner else 0.0 for name, winner in winners.items()}
    value = sum(shares.values()) / len(shares)
    return Score(
        outcome=outcome_of(answers, None in winners.values(), value),
        value=value,
        metrics={"win_rate": value, **shares},
        counts=_counts(list(games.values())),
        extracted=", ".join(winner or "none" for winner in winners.values()),
        explanation="; ".join(f"{name}: {_told(game)}" for name, game in games.items()),
        data={"winners": dict(winners)},
    )


def _counts(games: Sequence[Game]) -> dict[str, tuple[int, int]]:
    verdicts = [winner for game in games for winner in game.winners]
    whole = [game for game in games if game.winner is not None]
    agreeing = sum(game.winners[0] == game.winners[1] for game in whole)
    return {
        "unparsed_verdicts": (verdicts.count(None), len(verdicts)),
        "order_agreement": (agreeing, len(whole)),
        "prefers_first": (sum(game.holds("A") for game in whole), len(whole)),
        "prefers_second": (sum(game.holds("B") for game in whole), len(whole)),
    }


def _told(game: Game) -> str:
    first, second = (winner or "no verdict" for winner in game.winners)
    return f"{first} when first, {second} when second"


def win_rates(items: Sequence[ScoredItem]) -> Mapping[str, Estimate]:
    """Give the shares of games won, tied and lost, of those with two readable verdicts.

    `win_rate_of_read` counts a tie as half a win (FastChat's `win_rate_adjusted`), `won` none.
    """
    games: dict[str, list[str]] = defaultdict(list)
    for each in items:
        games[each.item] += [won for won in each.score.data["winners"].values() if won]
    found = [winners for winners in games.values() if winners]
    if not found:
        return {}
    sizes = [len(winners) for winners in found]
    return {
        "win_rate_of_read": _pooled([sum(map(WORTH.__getitem__, each)) for each in found], sizes),
        "won": _pooled([each.count("model") for each in found], sizes),
        "tied": _pooled([each.count("tie") for each in found], sizes),
        "lost": _pooled([each.count("baseline") for each in found], sizes),
    }


def _pooled(numerators: Sequence[float], sizes: Sequence[int]) -> Estimate:
    return Estimate.of(ratio(numerators, sizes), len(sizes))
