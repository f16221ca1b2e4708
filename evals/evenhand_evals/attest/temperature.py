"""Temperature: estimated from what is drawn, with its interval, and compared with what was asked.

Reported log probabilities alone prove nothing: vLLM and llama.cpp report them before temperature,
SGLang after. At temperature 1 both are the same, so those are taken as the base, and the
temperature is estimated from which tokens come out at another one.
"""

from collections import Counter

from evenhand_evals.attest.asker import Refused
from evenhand_evals.attest.lab import Lab, symbols
from evenhand_evals.attest.verdicts import Outcome, Statistic, breaches, missed
from evenhand_evals.stats.exact import concentration
from evenhand_evals.stats.intervals import Interval
from evenhand_evals.stats.tilting import Draw, Tilt

LOW, HIGH = 0.3, (2.0, 1.5, 1.0)
COLD, COLD_DRAWS = 0.01, 22
ROUNDS = (48, 32, 32)
HOPELESS = 0.95
GRID = tuple(0.05 * 1.13**step for step in range(50))  # 1/T from 0.05 to 20


async def probe_temperature(lab: Lab) -> Outcome:
    """Test that the temperature acts, and as the number that it is where that can be estimated."""
    if lab.place.base and lab.place.tokens == 1:
        return await _estimated(lab)
    return await _cold(lab)


async def _estimated(lab: Lab) -> Outcome:
    high = await _highest(lab)
    asked = (LOW, high)
    tilts = [await _arm(lab, temperature) for temperature in asked]
    # Something that truncates unasked makes draws colder; that is no fault of the temperature.
    fair = [
        (tilt, value)
        for tilt, value in zip(tilts, asked, strict=True)
        if not (lab.place.truncated and tilt.interval(0.5).value > 1 / value)
    ]
    p_applied = min((min(1.0, 2 * tilt.p(1 / value)) for tilt, value in fair), default=1.0)
    # If the value does not matter, some one temperature explains both arms.
    p_ignored = min(1.0, 2 * max(min(t.p(theta) for t in tilts) for theta in _finer(GRID)))
    estimates = [_as_temperature(tilt.interval(lab.alpha)) for tilt in tilts]
    shown = "; ".join(
        f"asked {a:g}, estimated {e.value:.2f} ({e.low:.2f} to {e.high:.2f})"
        for a, e in zip(asked, estimates, strict=True)
    )
    last = estimates[1]
    return Outcome(
        p_applied,
        p_ignored,
        Statistic(f"temperature where {high:g} was asked", last.value, last.low, last.high),
        shown,
        None,
        "unlikely tokens are left out though no truncation was asked for"
        if lab.place.truncated
        else "the draws at the two temperatures do not tell them apart",
    )


async def _highest(lab: Lab) -> float:
    """Give the highest of the temperatures to test that the endpoint takes."""
    for high in HIGH[:-1]:
        try:
            await lab.asker.ask(lab.short({"temperature": high}))
        except Refused:
            continue
        return high
    return HIGH[-1]


async def _arm(lab: Lab, temperature: float) -> Tilt:
    """Draw at one temperature until it is told apart from 1, or shown not to be as asked."""
    options = list(lab.place.base)
    none, scores = (0.0,) * len(options), tuple(lab.place.base.values())
    asked = lab.short({"temperature": temperature})
    draws: list[Draw] = []
    tilt = Tilt(draws, GRID)
    for count in ROUNDS:
        texts = [symbol[0] for symbol in symbols(await lab.asker.draws(count, asked))]
        draws += [Draw(none, scores, options.index(text)) for text in texts if text in options]
        tilt = Tilt(draws, GRID)
        settled = min(tilt.p(1.0), 2 * tilt.p(1 / temperature)) < lab.alpha
        if settled or lab.place.peak > HOPELESS:
            break
    return tilt


def _finer(grid: tuple[float, ...]) -> list[float]:
    ratio = grid[1] / grid[0]
    return [value * ratio ** (part / 8) for value in grid for part in range(8)]


def _as_temperature(inverse: Interval) -> Interval:
    return Interval(1 / inverse.value, 1 / inverse.high, 1 / inverse.low, inverse.method)


async def _cold(lab: Lab) -> Outcome:
    """Without log probabilities: nearly no temperature must nearly always give the same."""
    place = lab.place
    drawn = symbols(await lab.asker.draws(COLD_DRAWS, lab.short({"temperature": COLD})))
    agreeing = Counter(drawn).most_common(1)[0][1]
    return Outcome(
        breaches(COLD_DRAWS, place.strays(drawn)),
        concentration(drawn, place.control),
        Statistic(f"answers that agree at temperature {COLD:g}", agreeing / COLD_DRAWS),
        f"{agreeing} of {COLD_DRAWS} answers at temperature {COLD:g} are the same, "
        f"{place.peak:.0%} at {place.temperature:g}; without log probabilities the value "
        "cannot be estimated more closely",
        missed(COLD_DRAWS, place.strays(place.control) / len(place.control), lab.alpha),
        place.note(),
    )
