import itertools
import math

import pytest

from bench.analysis.cost import costs
from bench.analysis.machine_sides import machine_sides
from bench.analysis.typical import Estimate
from bench.errors import BenchError
from bench.records.prices import Prices
from tests.runs import run_table

NUMBERS = itertools.count()
CHEAP = {"machine": "cheap", "machine_id": "aaaa00000000", "node": "c", "nodes": ["c"]}
DEAR = {"machine": "dear", "machine_id": "bbbb00000000", "node": "d", "nodes": ["d"]}
PRICES = Prices({"cheap": 1.0, "dear": 36.0})


def runs(seconds, machine=CHEAP, session="s", **columns):
    """Rows of one scenario: one for each time that a slot was held."""
    lists = {name: of for name, of in columns.items() if isinstance(of, list)}
    fixed = {name: of for name, of in columns.items() if name not in lists}
    return [
        {
            **{"run_id": f"run-{next(NUMBERS)}", "session_id": session, "suite": "suite", "sweep": "sweep"},
            **{"scenario_id": "s1", "label": "s1", "status": "ok", "attempt": 1, "software_id": "cccc"},
            **{"device_name": "a CPU", "workers": 1, "devices": 1, "occupied_seconds": time},
            **machine,
            **fixed,
            **{name: of[place] for name, of in lists.items()},
        }
        for place, time in enumerate(seconds)
    ]


def found(rows, prices=PRICES, machines=()):
    return costs(machine_sides(run_table(rows)), machines, prices)


def one(rows, prices=PRICES):
    (cost,) = found(rows, prices).scenarios
    return cost


def test_a_run_costs_its_seconds_at_the_price_of_an_hour():
    """Half an hour and an hour and a half, at 36 an hour."""
    cost = one(runs([1800.0, 5400.0], DEAR))
    assert (cost.paid, cost.cost, cost.per_hour) == (72.0, Estimate(36.0), 36.0)
    assert cost.seconds == Estimate(3600.0)


def test_what_failed_is_paid_for_by_what_did_not():
    """Four hours were paid, three runs ended ok; the lost one before counts as an attempt without a price."""
    rows = runs([3600.0] * 4, status=["ok", "lost", "ok", "ok"], attempt=[1, 1, 2, 1])
    cost = one(rows)
    assert (cost.paid, cost.cost.value, cost.ok, cost.runs, cost.lost) == (4.0, 4 / 3, 3, 4, 1)
    assert cost.cost.low < 4 / 3 < cost.cost.high
    nothing = one(runs([3600.0, 1800.0], status="failed"))
    assert (nothing.paid, nothing.cost, nothing.seconds) == (1.5, None, None)


def test_what_never_had_a_slot_costs_nothing_and_is_not_counted():
    rows = [*runs([3600.0]), *runs([None], status="infeasible", machine={"machine": None, "nodes": None})]
    assert [(cost.runs, cost.paid) for cost in found(rows).scenarios] == [(1, 1.0)]


def test_the_target_is_paid_for_by_those_who_got_there():
    """Six hours, two of six there: three hours each, and a median that never got there."""
    rows = runs([3600.0] * 6, target_accuracy=0.98, target_seconds=[10.0, None, None, 20.0, None, None])
    cost = one(rows)
    assert (cost.target_cost.value, cost.cost.value) == (3.0, 1.0)
    assert (cost.target_reached, cost.target_seconds.value) == (2, math.inf)
    assert one(runs([3600.0], target_accuracy=0.98)).target_cost is None


def test_a_failed_run_misses_its_target_whatever_it_says():
    rows = runs([3600.0] * 2, target_accuracy=0.98, target_seconds=10.0, status=["ok", "diverged"])
    assert one(rows).target_cost.value == 2.0


def test_older_tables_are_told_by_their_own_clocks_and_counted():
    rows = runs([None, None, 7200.0], metered_seconds=[3600.0, None, 1.0], wall_seconds=[1.0, 1800.0, 1.0])
    cost = one(rows)
    assert (cost.paid, cost.at_least) == (3.5, 2)


def test_a_run_on_several_nodes_pays_for_each():
    both = {**CHEAP, "nodes": ["c", "d"], "machines": ["cheap", "dear"], "workers": 2}
    assert one(runs([3600.0], both)).paid == 37.0


def test_a_run_pays_for_the_part_of_its_node_that_it_had():
    machine = {"session_id": "s", **CHEAP, "cpu_cores_logical": 8}
    (cost,) = found(runs([3600.0], cpus=2), machines=[machine]).scenarios
    assert (cost.paid, cost.per_hour) == (0.25, 0.25)


def test_a_machine_without_a_price_is_said_and_left_out():
    result = found([*runs([3600.0] * 6), *runs([1.0] * 6, DEAR)], Prices({"cheap": 1.0}))
    assert result.unpriced == ("dear",)
    cheap, dear = result.scenarios
    assert (dear.cost, dear.paid, dear.standing, cheap.standing) == (None, None, None, None)
    assert dear.seconds.value == 1.0


def test_an_unknown_name_is_refused():
    with pytest.raises(BenchError, match='did you mean "cheap"'):
        found(runs([1.0]), Prices({"chep": 1.0}, asked=frozenset({"chep"})))


def test_sides_are_machines_and_their_software():
    rows = [*runs([1.0]), *runs([2.0], software_id="dddd"), *runs([3.0], DEAR)]
    assert [cost.side for cost in found(rows).scenarios] == [
        "cheap, software cccc",
        "cheap, software dddd",
        "dear",
    ]


def test_sides_are_sessions_where_each_is_to_be_told():
    rows = run_table([*runs([1.0]), *runs([2.0], session="t", software_id="dddd"), *runs([3.0], DEAR)])
    assert list(machine_sides(rows, by_session=True)) == [
        "cheap, software cccc, session s",
        "cheap, software dddd, session t",
        "dear",
    ]


@pytest.mark.parametrize(("sessions", "interval"), [(1, True), (3, False), (4, True)])
def test_intervals_are_over_runs_of_one_session_or_over_four_sessions(sessions, interval):
    rows = [row for n in range(sessions) for row in runs([3600.0 + n, 3610.0, 3590.0] * 2, session=f"s{n}")]
    cost = one(rows)
    assert cost.sessions == sessions
    assert cost.session_id == ("s0" if sessions == 1 else None)
    assert [one.low is not None for one in (cost.seconds, cost.cost)] == [interval] * 2


def test_who_is_slower_and_dearer_is_behind_by_these_runs_alone():
    """One session each: no verdict on the machines; of four sessions each there is one."""
    first = found([*runs([3600.0, 3601.0] * 3), *runs([7200.0, 7201.0] * 3, DEAR, "t")])
    assert [(c.standing.place, c.standing.behind, c.standing.unit) for c in first.scenarios] == [
        ("front", None, None),
        ("behind", "cheap", None),
    ]
    many = [
        row
        for n in range(4)
        for row in (*runs([3600.0 + n] * 2, session=f"s{n}"), *runs([400.0 + n] * 2, DEAR, f"t{n}"))
    ]
    assert [(c.standing.place, c.standing.unit) for c in found(many).scenarios] == [
        ("front", "session"),
        ("front", "session"),
    ]


def test_scenarios_are_in_the_order_of_their_numbers():
    rows = [row for label in ("b=10", "b=2") for row in runs([1.0], label=label, scenario_id=label)]
    assert [cost.label for cost in found(rows).scenarios] == ["b=2", "b=10"]


def test_without_prices_there_is_energy_alone():
    result = found(runs([10.0] * 6, energy_joules=50.0, samples=100_000), None)
    (cost,) = result.scenarios
    assert (result.currency, result.unpriced, cost.cost) == (None, (), None)
    assert cost.energy_joules == Estimate(50.0, 50.0, 50.0)
    assert cost.energy_joules_per_million_samples.value == 500.0
