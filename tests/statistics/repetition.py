"""What looking after every round costs: how often the interval that ends a repetition holds the median."""

from dataclasses import dataclass

import numpy as np

from bench.analysis.repetition import interval, until
from bench.records.suite import INTERVAL_RUNS
from bench.views.sheet import Sheet

SCATTERS = (0.002, 0.005, 0.01, 0.02, 0.03)
WANTED = (0.005, 0.01, 0.02)
CAPS = (20, 100)
HEADER = (
    "most rounds",
    "wanted",
    "scatter",
    "reached",
    "rounds",
    "holds the median",
    "of those that reached",
)


@dataclass(frozen=True)
class Ended:
    """Of scenarios that ended: the share that reached the precision, the rounds each took in the mean, and
    how often the final interval holds the true median, of all and of those that reached it (None: none did).
    """

    reached: float
    rounds: float
    covered: float
    covered_of_reached: float | None


def repeated(scatter, wanted, cap, scenarios, seed=0):
    """Scenarios of lognormal step times with the median 1, each repeated by the product's own rule."""
    rng, settled = np.random.default_rng(seed), until(wanted)
    found = [
        _one(times, settled, wanted) for times in np.exp(rng.normal(0, scatter, (scenarios, cap))).tolist()
    ]
    reached, rounds, held = (np.array(values) for values in zip(*found, strict=True))
    of_reached = float(held[reached].mean()) if reached.any() else None
    return Ended(float(reached.mean()), float(rounds.mean()), float(held.mean()), of_reached)


def _one(times, settled, wanted):
    cap = len(times)
    rounds = next((number for number in range(INTERVAL_RUNS, cap) if settled(times[:number])), cap)
    final = interval(times[:rounds], wanted)
    return settled(times[:rounds]), rounds, final.low <= 1 <= final.high


def tables(short=False):
    """All of them in one table; `short` takes a hundredth of the time."""
    scenarios = 40 if short else 4_000
    rows = [
        _row(cap, wanted, scatter, repeated(scatter, wanted, cap, scenarios))
        for cap in (CAPS[:1] if short else CAPS)
        for wanted in WANTED
        for scatter in SCATTERS
    ]
    what = f"{scenarios:,} scenarios each, lognormal step times, {INTERVAL_RUNS} rounds at least"
    return [Sheet("Repetition up to a precision", what, HEADER, tuple(rows))]


def _row(cap, wanted, scatter, ended):
    of_reached = ended.covered_of_reached
    return (
        str(cap),
        f"±{wanted * 100:g} %",
        f"{scatter * 100:g} %",
        f"{ended.reached * 100:.1f} %",
        f"{ended.rounds:.1f}",
        f"{ended.covered * 100:.1f} %",
        "–" if of_reached is None else f"{of_reached * 100:.1f} %",
    )
