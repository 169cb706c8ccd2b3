"""What a scenario costs on each side, in money and energy, and who is on the front of time against cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bench.analysis import energy, node_shares
from bench.analysis import spending as spent
from bench.analysis.cost_groups import Group, groups_of
from bench.analysis.front import Contender, Standing, standings
from bench.analysis.natural import natural
from bench.analysis.ratio_of_sums import interval_per_success
from bench.analysis.tariff import tariff
from bench.analysis.typical import FEWEST_RUNS, Estimate, typical, unit_of
from bench.records.prices import Prices
from bench.records.run_table import Mask, RunTable
from bench.records.tables import Row

RUN_COLUMNS = tuple(
    dict.fromkeys(
        [
            *("run_id", "session_id", "suite", "sweep", "scenario_id", "label", "status", "software_id"),
            *("target_accuracy", "target_seconds", "compile_cached"),
            *node_shares.RUN_COLUMNS,
            *spent.RUN_COLUMNS,
            *energy.RUN_COLUMNS,
        ]
    )
)
"""Of `runs`, all that is read here."""
MACHINE_COLUMNS = node_shares.MACHINE_COLUMNS
"""Of `machines`, all that is read here."""


@dataclass(frozen=True)
class ScenarioCost:
    """One scenario on one side: of its `runs` that had a slot, failed and lost ones among them.

    `seconds` is how long an ok run had its slot, start and end of its processes included, `target_seconds`
    how long one took to its target, misses and failures infinite: medians. `cost` is all that was paid for
    the runs over those that ended ok, `target_cost` the same over those that got to the target, what they
    trained past it included: None where some run's node has no price, or none got there. `per_hour` is what
    an hour of each of the runs cost, None where they differ. `energy_joules`, and those for a million
    training images, are medians over the ok runs that tell, of their training alone.

    Intervals hold 95 %: over the runs of one session, over sessions from four on, else there are none.
    `session_id` is the session where there is but one. `at_least` runs do not tell how long they had their
    slots, and `lost` attempts came before those that have rows: they cost more than is said here. `standing`
    is by the time to the target and its cost where there is a target, else by those of a run.
    """

    suite: str
    sweep: str
    label: str
    scenario_id: str
    side: str
    sessions: int
    session_id: str | None
    runs: int
    ok: int
    target_accuracy: float | None
    target_reached: int
    at_least: int
    lost: int
    per_hour: float | None
    paid: float | None
    seconds: Estimate | None
    cost: Estimate | None
    target_seconds: Estimate | None
    target_cost: Estimate | None
    energy_joules: Estimate | None
    energy_joules_per_million_samples: Estimate | None
    standing: Standing | None = None


@dataclass(frozen=True)
class Costs:
    """All of them, those of a scenario together, the sides by name.

    `currency` is None where no prices were asked for; `unpriced` are the machines that have none then.
    """

    scenarios: tuple[ScenarioCost, ...]
    currency: str | None = None
    unpriced: tuple[str, ...] = ()


def costs(sides: Mapping[str, RunTable], machines: Iterable[Row], prices: Prices | None = None) -> Costs:
    """Of the runs of each side, by its name, and rows of the `machines` table of their sessions.

    Raises BenchError as `tariff` does, for names of prices.
    """
    machines = list(machines)
    paying = {name: spent.with_slot(runs) for name, runs in sides.items()}
    shares = {name: list(node_shares.node_shares(runs, machines)) for name, runs in paying.items()}
    nodes = list(dict.fromkeys(node for of in shares.values() for _, had in of for node, _ in had))
    rates = None if prices is None else tariff(prices, nodes)
    groups = [
        group
        for name, runs in paying.items()
        for group in groups_of(name, runs, shares[name], spent.spending(runs, shares[name], rates))
    ]
    if rates is None:
        return Costs(_placed(groups))
    return Costs(_placed(groups), rates.currency, tuple(rates.without(nodes)))


def _placed(groups: Iterable[Group]) -> tuple[ScenarioCost, ...]:
    """One for each group, those of a scenario after each other, and where it stands among them."""
    scenarios: dict[tuple[str, str, str], list[Group]] = {}
    for group in sorted(groups, key=lambda one: (one.suite, one.sweep, natural(one.label), one.side)):
        scenarios.setdefault((group.suite, group.sweep, group.scenario_id), []).append(group)
    priced = [[group for group in of if group.is_priced] for of in scenarios.values()]
    places = standings([[_contender(group) for group in of] for of in priced])
    standing = {
        id(group): place
        for of, found in zip(priced, places, strict=True)
        for group, place in zip(of, found, strict=True)
    }
    return tuple(
        replace(_cost(group), standing=standing.get(id(group))) for of in scenarios.values() for group in of
    )


def _contender(group: Group) -> Contender:
    if group.target_accuracy is None:
        cached = group.ok & group.cached
        alike = (
            cached if cached.any() else group.ok
        )  # the first run of a scenario compiles, and the others not
        times, won = group.by_session(group.seconds, alike), group.ok
    else:
        times, won = group.by_session(group.target_seconds), group.reached
    return Contender(
        group.side,
        times,
        group.by_session(group.paid),
        group.by_session(won.astype(int)),
        group.by_session(group.cached),
    )


def _cost(group: Group) -> ScenarioCost:
    prices = set(group.per_hour.tolist())
    return ScenarioCost(
        suite=group.suite,
        sweep=group.sweep,
        label=group.label,
        scenario_id=group.scenario_id,
        side=group.side,
        sessions=len(group.session_ids),
        session_id=group.session_ids[0] if len(group.session_ids) == 1 else None,
        runs=len(group.ok),
        ok=int(group.ok.sum()),
        target_accuracy=group.target_accuracy,
        target_reached=int(group.reached.sum()) if group.target_accuracy is not None else 0,
        at_least=group.at_least,
        lost=group.lost,
        per_hour=prices.pop() if group.is_priced and len(prices) == 1 else None,
        paid=float(group.paid.sum()) if group.is_priced else None,
        seconds=_typical(group, group.seconds, group.ok),
        cost=_per_success(group, group.ok),
        target_seconds=_typical(group, group.target_seconds),
        target_cost=_per_success(group, group.reached) if group.target_accuracy is not None else None,
        energy_joules=_typical(group, group.joules),
        energy_joules_per_million_samples=_typical(group, group.joules_per_million),
    )


def _typical(group: Group, values: spent.Floats, which: Mask | None = None) -> Estimate | None:
    return typical(list(group.by_session(values, which).values()))


def _per_success(group: Group, won: Mask) -> Estimate | None:
    """What was paid for all runs over those that `won`, by run or by session."""
    if not group.is_priced or not won.any():
        return None
    interval, unit, wins = None, unit_of(len(group.session_ids)), won.astype(int)
    if unit == "run" and len(won) >= FEWEST_RUNS:
        tries = [1] * len(won)
        interval = interval_per_success(group.paid.tolist(), wins.tolist(), tries, group.cached.tolist())
    elif unit == "session":
        paid, of_sessions = group.by_session(group.paid), group.by_session(wins)
        sums, successes = ([sum(of) for of in by.values()] for by in (paid, of_sessions))
        interval = interval_per_success(sums, successes, [len(of) for of in of_sessions.values()])
    value = float(group.paid.sum()) / int(won.sum())
    return Estimate(value, *interval) if interval else Estimate(value)
