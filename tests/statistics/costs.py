"""What is said of costs: how many intervals hold the truth, and how often equal sides are told apart."""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from bench.analysis.front import Contender, standings
from bench.analysis.ratio_of_sums import interval_per_success
from bench.views.sheet import Sheet

INTERVALS = ("runs", "noise", "fail", "first takes", "hold", "of those that saw a failure", "intervals")
PLACES = (
    "sessions",
    "rounds",
    "noise",
    "mood",
    "fail",
    "first takes",
    "false tables",
    "5 % slower",
    "tables",
)
SCENARIOS = 40


@dataclass(frozen=True)
class Case:
    """Lognormal times with `noise` within a session and a `mood` of each; no sessions: one for both sides.

    A run fails with the probability `fail`, after a random part of its time; the first one of each session
    takes `first` times as long, as one that compiles does. B takes `slower` times as long as A.
    """

    sessions: int
    rounds: int
    noise: float
    mood: float = 0.0
    fail: float = 0.0
    first: float = 1.0
    slower: float = 1.0


def tables(short=False):
    """Both tables; `short` is a few cases of each, in less than a second."""
    return [_intervals(short), _places(short)]


def _intervals(short):
    number, rounds = (50, (4,)) if short else (4000, (4, 6, 10, 20))
    cases = [Case(0, n, noise, 0.0, *kind) for n in rounds for noise in (0.02, 0.1, 0.3) for kind in _KINDS]
    rows = []
    for case in cases:
        held, saw, held_of_those = holds(case, number)
        shares = (f"{case.noise * 100:g} %", f"{case.fail * 100:g} %", f"{case.first:g}×")
        rows.append(
            (str(case.rounds), *shares, _share(held, number), _share(held_of_those, saw), str(number))
        )
    return Sheet("Cost of a run", "95 % intervals over the runs of one session", INTERVALS, tuple(rows))


_KINDS = ((0.0, 1.0), (0.0, 3.0), (0.1, 1.0), (0.3, 1.0))


def holds(case, number, seed=0):
    """How many intervals hold the truth, how many saw a failure, and how many of these hold it.

    The truth is the mean of all that is paid for a run over the probability that it ends ok.
    """
    rng, held, saw, both = np.random.default_rng(seed), 0, 0, 0
    mean = math.exp(case.noise**2 / 2) * (1 - case.fail / 2) * (case.rounds - 1 + case.first) / case.rounds
    for _ in range(number):
        _, paid, ok = _session(case, 1.0, rng)
        kinds = [place == 0 and case.first != 1 for place in range(case.rounds)]
        interval = interval_per_success(paid, ok, [1] * case.rounds, kinds)
        holds_it = interval is not None and interval[0] <= mean / (1 - case.fail) <= interval[1]
        held, saw, both = held + holds_it, saw + (0 in ok), both + (holds_it and 0 in ok)
    return held, saw, both


def _places(short):
    number = 5 if short else 1000
    within = [Case(0, n, s, 0.0, *kind) for n in (4, 10) for s in (0.02, 0.05) for kind in _KINDS[:3]]
    between = [Case(k, 4, 0.02, mood) for k, mood in product((4, 5, 8), (0.005, 0.02, 0.05))]
    cases = (*within[:2], *between[:1]) if short else (*within, *between)
    return Sheet(
        "Front of time against cost",
        f"two sides, {SCENARIOS} scenarios; false tables call one of two equal sides behind",
        PLACES,
        tuple(_row(case, number) for case in cases),
    )


def _row(case, number):
    false, _ = behind(case, number)
    _, found = behind(replace(case, slower=1.05), max(number // 10, 1))
    shares = (f"{share * 100:g} %" for share in (case.noise, case.mood, case.fail))
    sessions = str(case.sessions or "one for both")
    return (
        sessions,
        str(case.rounds),
        *shares,
        f"{case.first:g}×",
        _share(false, number),
        found,
        str(number),
    )


def behind(case, number, seed=0):
    """How many tables call a side behind, and in what share of the scenarios B is called so."""
    rng, wrong, found = np.random.default_rng(seed), 0, 0
    for _ in range(number):
        moods = [_moods(case, side, rng) for side in "AB"]
        contests = [[_side(case, moods, side, rng) for side in (0, 1)] for _ in range(SCENARIOS)]
        places = [[standing.place for standing in of if standing] for of in standings(contests)]
        wrong += any("behind" in of for of in places)
        found += sum(of[-1:] == ["behind"] for of in places)
    return wrong, f"{found / number / SCENARIOS * 100:.1f} %"


def _moods(case, side, rng):
    if not case.sessions:
        return {"both": 1.0}
    return {f"{side}{number}": math.exp(rng.normal(0, case.mood)) for number in range(case.sessions)}


def _side(case, moods, side, rng):
    level = case.slower if side else 1.0
    found = {session: _session(case, level * mood, rng) for session, mood in moods[side].items()}
    first = [place == 0 and case.first != 1 for place in range(case.rounds)]
    times, paid, ok = ({session: of[place] for session, of in found.items()} for place in range(3))
    return Contender("AB"[side], times, paid, ok, dict.fromkeys(found, first))


def _session(case, level, rng):
    """The times of ok runs but a first one that compiled, what all were paid, and which ended ok."""
    times = level * np.exp(rng.normal(0, case.noise, case.rounds))
    times[0] *= case.first
    ok = rng.random(case.rounds) >= case.fail
    paid = np.where(ok, times, times * rng.random(case.rounds))
    alike = ok & (np.arange(case.rounds) > 0) if case.first != 1 else ok
    return times[alike].tolist(), paid.tolist(), ok.astype(int).tolist()


def _share(part, whole):
    return f"{part / whole * 100:.1f} %" if whole else "–"
