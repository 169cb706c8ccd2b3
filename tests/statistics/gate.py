"""How often a gate is wrong, and how often it can tell: tables of made-up scenarios whose truth is known."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from bench.analysis.comparison import Comparison
from bench.analysis.estimates import estimates
from bench.analysis.gate import Judgement, judged
from bench.analysis.gate_rule import parse_rule
from bench.analysis.verdict import ScenarioComparison, SideOfScenario
from tests.judgements import basis
from tests.statistics import tables as made_up
from tests.statistics.noise import Noise

THRESHOLD = 0.05
ROUNDS = 5
RULE = parse_rule("slower > 5%")


@dataclass(frozen=True)
class Sides:
    """Two sides that are held together: in one session, or (`mood`) each in sessions of its own.

    The logarithms of runs have the standard deviation `noise`. With `mood`, that of the sessions, `looks` is
    how many sessions a side there are, of `ROUNDS` runs each; else how many rounds.
    """

    looks: int
    noise: float
    mood: float | None = None

    @property
    def unit(self):
        return "run" if self.mood is None else "session"

    def drawn(self, rng, factors, name):
        """One side's times of each scenario, which take `factors` of a second."""
        noise = Noise("", self.noise, mood=self.mood or 0.0)
        sessions, rounds = (0, self.looks) if self.mood is None else (self.looks, ROUNDS)
        held = made_up.Sides(noise, noise, len(factors), rounds, rounds, sessions)
        times = made_up.drawn(noise, held, rounds, name, rng)
        return [replace(of, seconds=of.seconds * factor) for of, factor in zip(times, factors, strict=True)]


def judgements(rng, sides: Sides, slower, tables: int) -> list[Judgement]:
    """Of so many tables, whose scenarios are truly slower by these factors."""
    pairs = []
    for _ in range(tables):
        a, b = (
            sides.drawn(rng, factors, name) for name, factors in (("a", np.ones(len(slower))), ("b", slower))
        )
        pairs += zip(a, b, strict=True)
    found = estimates(pairs, sides.unit, 0.95, THRESHOLD)
    starts = range(0, len(found), len(slower))
    return [
        judgement
        for start in starts
        for judgement in judged(RULE, [_comparison(found[start : start + len(slower)], sides)])
    ]


def _comparison(found, sides):
    looks = sides.looks
    side = SideOfScenario(looks, looks, looks, looks if sides.mood is not None else 1, 1.0, None, (), ())
    scenarios = tuple(
        ScenarioComparison(
            str(place),
            {},
            (),
            "step_seconds",
            side,
            side,
            "unclear",
            "",
            one.ratio,
            one.low,
            one.high,
            p=one.p,
        )
        for place, one in enumerate(found)
    )
    on = basis(sides.unit, looks if sides.mood is not None else 1)
    return Comparison("A", "B", on, 0.95, THRESHOLD, scenarios, (), (), (), None, (), (), len(found))


WITHIN = [Sides(looks, noise) for noise in (0.02, 0.05) for looks in (5, 10, 20, 40)]
BETWEEN = [Sides(looks, 0.01, mood) for mood in (0.005, 0.02) for looks in (4, 6, 10)]


def tables(short: bool):
    """Of 40 equal scenarios; of one that is 10 % slower among them; of 40 right at the threshold of 5 %."""
    number = 50 if short else 500
    table = Table(title=f"--fail-if '{RULE}' on 40 scenarios, {number} tables", title_justify="left")
    for column in ("", "equal: fails", "passes", "one 10 % slower: fails", "at 5 %: fails", "passes"):
        table.add_column(column, justify="right" if column else "left")
    rng = np.random.default_rng(1)
    for sides in (*WITHIN, *BETWEEN):
        equal, one, edge = (
            judgements(rng, sides, np.array(slower), number)
            for slower in ([1.0] * 40, [1.1] + [1.0] * 39, [1 + THRESHOLD] * 40)
        )
        counts = [Counter(of.outcome for of in judged_) for judged_ in (equal, edge)]
        caught = sum(of.cases[0].outcome == "fails" for of in one)
        shares = (
            *(counts[0][outcome] for outcome in ("fails", "passes")),
            caught,
            *(counts[1][outcome] for outcome in ("fails", "passes")),
        )
        table.add_row(_name(sides), *(f"{share / number * 100:.1f} %" for share in shares))
    yield table


def _name(sides: Sides) -> str:
    if sides.mood is None:
        return f"{sides.looks} rounds, noise {sides.noise * 100:g} %"
    return f"{sides.looks} sessions a side, moods {sides.mood * 100:g} %"
