"""Tables of verdicts on made-up sides: how often they are false, and how often a true difference is found."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bench.analysis.decision import benjamini_hochberg, decide, level_of_runs, level_of_sessions
from bench.analysis.estimates import estimates
from bench.analysis.overall import shift_over_all
from bench.analysis.timed import Timed
from bench.analysis.welch import Shift
from tests.statistics.noise import Floats, Noise

CONFIDENCE, DELTA = 0.95, 0.01
SLOWER = math.log(1.05)


@dataclass(frozen=True)
class Sides:
    """What is held against what: sessions of each side (none: both in one session), and rounds in each."""

    a: Noise
    b: Noise
    scenarios: int
    rounds_a: int
    rounds_b: int
    sessions: int = 0


@dataclass(frozen=True)
class Rates:
    """Of simulated tables the share with a false verdict, and that whose overall interval excludes the truth.

    Of equal scenarios the share whose interval holds 1. Of those that are 5 % apart, all of a table, the
    share found, and the share of tables whose overall interval lies past the margin.
    """

    false_tables: float
    overall_wrong: float
    covered: float
    found: float
    found_overall: float


def rates(sides: Sides, tables: int, seed: int = 1) -> Rates:
    """Of so many tables, each with equal sides, and again with B 5 % slower on all scenarios."""
    rng = np.random.default_rng(seed)
    counts = np.zeros(5)
    for _ in range(tables):
        a, b = (
            drawn(sides.a, sides, sides.rounds_a, "a", rng),
            drawn(sides.b, sides, sides.rounds_b, "b", rng),
        )
        verdicts, covered, overall = judged(a, b, sides.sessions, 0.0)
        false = any(verdict in ("faster", "slower") for verdict in verdicts)
        slower, _, overall_slower = judged(a, b, sides.sessions, SLOWER)
        counts += (
            false,
            not overall.low <= 0 <= overall.high,
            covered,
            slower.count("slower") / len(slower),
            overall_slower.low > math.log1p(DELTA),
        )
    return Rates(*(counts / tables).tolist())


def drawn(noise: Noise, sides: Sides, rounds: int, side: str, rng: np.random.Generator) -> list[Timed]:
    """The times of each scenario on one side."""
    of = [noise.session(rng, sides.scenarios, rounds) for _ in range(max(sides.sessions, 1))]
    names = [f"{side}{number}" if sides.sessions else "both" for number in range(len(of))]
    sessions, numbers = zip(*((name, number) for name in names for number in range(rounds)), strict=True)
    seconds: Floats = np.exp(np.concatenate(of, axis=1))
    return [Timed(own, sessions, numbers) for own in seconds]


def judged(a: list[Timed], b: list[Timed], sessions: int, truth: float) -> tuple[list[str], float, Shift]:
    """The verdicts, the share of intervals that hold the truth, and the overall mean."""
    slower = [Timed(times.seconds * math.exp(truth), times.sessions, times.rounds) for times in b]
    pairs = list(zip(a, slower, strict=True))
    unit = "session" if sessions else "run"
    level = (level_of_sessions if sessions else level_of_runs)(CONFIDENCE)
    found = estimates(pairs, unit, CONFIDENCE, DELTA)
    q = benjamini_hochberg([one.p for one in found])
    verdicts = [decide(one.low, one.high, DELTA, own, level) for one, own in zip(found, q, strict=True)]
    covered = sum(one.low is None or one.low <= math.exp(truth) <= one.high for one in found) / len(found)
    return verdicts, covered, shift_over_all(pairs, unit, CONFIDENCE, DELTA)


def within(short: bool) -> Iterable[tuple[str, Sides, int]]:
    """Both sides in one session."""
    plain, tables = Noise("2 %"), 60 if short else 600
    for rounds in (4, 10, 20):
        yield f"2 % noise, {rounds} rounds", Sides(plain, plain, 40, rounds, rounds), tables
    if short:
        return
    for scenarios in (7, 500):
        yield f"2 % noise, 10 rounds, {scenarios} scenarios", Sides(plain, plain, scenarios, 10, 10), 100
    for noise in MODELS:
        yield f"{noise.name}, 10 rounds", Sides(noise, noise, 40, 10, 10), tables
    for quiet, noisy in ((0.002, 0.05), (0.01, 0.05), (0.02, 0.04)):
        sides = Sides(Noise("quiet", quiet), Noise("noisy", noisy), 40, 20, 6)
        yield f"20 rounds of {quiet * 100:g} % against 6 of {noisy * 100:g} %", sides, tables


MODELS = (
    Noise("0.5 % noise", 0.005),
    Noise("5 % noise", 0.05),
    Noise("10 % noise", 0.10),
    Noise("2 %, 10 % of runs disturbed", outliers=10),
    Noise("2 %, heavy tails", heavy=True),
    Noise("5 %, skewed", 0.05, skewed=True),
    Noise("2 %, rounds 2 % apart", offset=0.02),
    Noise("2 %, drift of 5 %", drift=0.05),
)


def between(short: bool) -> Iterable[tuple[str, Sides, int]]:
    """Each side in sessions of its own, of five rounds."""
    tables = 60 if short else 600
    for mood in (0.02,) if short else (0.005, 0.02, 0.05, 0.10):
        noise = Noise(f"moods of {mood * 100:g} %", mood=mood)
        for sessions in (4,) if short else (4, 6, 10):
            yield f"{noise.name}, {sessions} sessions", Sides(noise, noise, 40, 5, 5, sessions), tables
    if not short:
        quiet, noisy = Noise("", mood=0.01), Noise("", spread=0.05, mood=0.04)
        yield "moods of 1 % in 10, 4 % in 4 rounds", Sides(quiet, noisy, 40, 10, 4, 5), tables


Cases = Callable[[bool], Iterable[tuple[str, Sides, int]]]
