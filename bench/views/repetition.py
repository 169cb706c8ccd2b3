"""Repetition in words: how many rounds and runs are ahead."""

from bench.records.suite import Measure
from bench.views.format import count, several


def plus_minus(precision: float) -> str:
    """A precision, a share of 1, as "±1 %"."""
    return f"±{precision * 100:g} %"


def within(precision: float) -> str:
    """What a repetition goes on for: "within ±1 % of this session's median", which is all that it tells."""
    return f"within {plus_minus(precision)} of this session's median"


def rounds(least: int, most: int) -> str:
    """How many rounds: "3 rounds", or "7 to 20 rounds"."""
    return several(most, "round") if least == most else f"{count(least)} to {several(most, 'round')}"


def rounds_ahead(measure: Measure) -> str:
    """How many rounds there will be: "3 rounds", or "7 to 20 rounds until within ±1 % of …"."""
    number = rounds(measure.least_rounds, measure.most_rounds)
    return number if measure.precision is None else f"{number} until {within(measure.precision)}"


def runs_ahead(scenarios: int, measure: Measure) -> str:
    """How many runs: "6 runs in 3 rounds", or "at least 14 runs in 7 rounds, up to 40 in 20, until …"."""
    least, most = measure.least_rounds, measure.most_rounds
    known = f"{several(scenarios * least, 'run')} in {several(least, 'round')}"
    if measure.precision is None:
        return known
    return (
        f"at least {known}, up to {count(scenarios * most)} in {count(most)}, "
        f"until {within(measure.precision)}"
    )


def still_going(left: int, scenarios: int, precision: float) -> str:
    """How many scenarios are in a round: "3 of 7 scenarios left to bring within ±1 %"."""
    return f"{count(left)} of {several(scenarios, 'scenario')} left to bring within {plus_minus(precision)}"
