import datetime
from types import MappingProxyType

import pytest

from bench.analysis import overhead
from bench.analysis.overhead import PARTS, RUN_COLUMNS, USEFUL, Overhead
from bench.records.tables import runs_schema
from tests.runs import run_table


def overheads(rows, machines, whole=True):
    return overhead.overheads(run_table(rows), machines, whole)


STARTED = datetime.datetime(2026, 1, 31, 14, 25, 30, tzinfo=datetime.UTC)
CLOCKS = MappingProxyType(
    {
        "build_seconds": 0.5,
        "compile_seconds": 2.0,
        "warmup_seconds": 0.25,
        "stage_seconds": 0.125,
        "train_seconds": 4.0,
        "eval_seconds": 1.0,
        "test_seconds": 0.125,
    }
)
"""Eight seconds."""
HELD = MappingProxyType({"start_seconds": 1.0, "import_seconds": 0.75, "metered_seconds": 8.5})
"""Held for ten seconds, half a second of it is neither the start nor metered."""


def run(began=0.0, held=10.0, waited=0.0, **columns):
    """A row of a run that had its slot `began` seconds after the session had begun, for `held` seconds."""
    return {
        "session_id": "s1",
        "suite": "a suite",
        "status": "ok",
        "started_at": STARTED + datetime.timedelta(seconds=began),
        "nodes": ["box"],
        "queue_seconds": waited,
        "occupied_seconds": held,
        "compile_cached": False,
        **CLOCKS,
        **HELD,
        **columns,
    }


def probe(moment, seconds, workers=1, session="s1", node="box"):
    return {
        "session_id": session,
        "node": node,
        "probe_strategy": "one_device" if workers == 1 else "multi_worker_mirrored",
        "probe_moment": moment,
        "probe_seconds": seconds,
        "probe_workers": workers,
    }


def of(rows, machines=(), **options) -> Overhead:
    (found,) = overheads(rows, machines, **options)
    return found


def test_what_is_read_are_columns_of_runs():
    assert set(RUN_COLUMNS) <= set(runs_schema().names)


def test_a_run_s_time_in_its_slot_is_all_told_by_part_the_largest_first():
    found = of([run()])
    assert found.seconds == {
        "train": 4.0,
        "compile": 2.0,
        "evaluate": 1.125,
        "import": 0.75,
        "build": 0.5,
        "inside": 0.5,
        "around": 0.5,
        "start": 0.25,
        "warmup": 0.25,
        "stage": 0.125,
    }
    assert list(found.seconds.values()) == sorted(found.seconds.values(), reverse=True)
    assert (found.total_seconds, found.wall_seconds, found.slots, found.runs) == (10, 10, 1, 1)


def test_the_overhead_is_all_but_training_and_evaluation_shared_among_the_runs():
    found = of([run(), run(11)], [probe("start", 1.0)])
    assert found.useful_seconds == 2 * 5.125
    assert found.own_overhead_seconds_per_run == 10 - 5.125
    # A second between the two, which the probe took, is half a second for each.
    assert found.overhead_seconds_per_run == pytest.approx(10.5 - 5.125)
    assert set(PARTS) >= USEFUL


def test_what_was_read_from_the_cache_is_no_compilation():
    found = of([run(), run(10, compile_cached=True, compile_seconds=0.5, held=8.5, metered_seconds=7.0)])
    assert (found.seconds["compile"], found.seconds["compile_cached"]) == (2.0, 0.5)


def test_a_slot_that_nobody_has_is_idle_as_long_as_anybody_runs_or_waits():
    """Two slots; the second is free for the last four of ten seconds, and both for two before."""
    found = of([run(0, 10, waited=2), run(0, 6, waited=2, train_seconds=0.5, metered_seconds=5.0)])
    assert (found.wall_seconds, found.slots) == (12, 2)
    assert found.seconds["idle"] == 8
    assert found.total_seconds == pytest.approx(24)


def test_probes_before_runs_are_part_of_the_wait_and_those_at_the_end_come_after():
    rows = [run(7, waited=7)]
    machines = [probe("start", 5.0), probe("end", 3.0), probe("end", 4.0, workers=2)]
    found = of(rows, [*machines, machines[-1], probe("start", 9.0, session="another"), {"session_id": "s1"}])
    assert (found.seconds["probe"], found.seconds["idle"]) == (5.0, pytest.approx(2.0))
    # Both workers of a process group were probed side by side.
    assert found.end_probe_seconds == 7.0
    assert found.wall_seconds == 17


def test_probes_at_the_end_take_as_long_as_the_node_that_is_probed_longest():
    """A group's two workers on nodes of their own, and a probe of each node besides: 4 + 3 and 4 + 1."""
    each = [probe("end", 3.0, node="a"), probe("end", 1.0, node="b"), probe("end", 6.5, node="c")]
    group = [probe("end", 4.0, workers=2, node=node) for node in "ab"]
    assert of([run()], each).end_probe_seconds == 6.5
    assert of([run()], each + group).end_probe_seconds == 7.0


def test_where_a_run_was_tried_again_what_looks_idle_may_be_an_attempt_that_was_lost():
    """Attempts that were lost have no rows: here ten seconds of one, of twelve between the two runs."""
    rows = [run(0, attempt=1), run(22, attempt=2, waited=1), run(32, waited=30)]
    found = of(rows)
    assert (found.seconds["idle_or_lost"], found.wall_seconds) == (12, 42)
    assert "idle" not in found.seconds
    assert found.own_overhead_seconds_per_run == pytest.approx(10 - 5.125)
    rows[1]["attempt"] = 1
    assert of(rows).seconds["idle"] == 12


def test_between_an_interruption_and_going_on_no_time_of_the_session_passes():
    found = of([run(0), run(100_000, waited=3)])
    assert found.wall_seconds == 23
    assert found.seconds["idle"] == pytest.approx(3)


def test_runs_that_follow_each_other_closely_are_not_side_by_side():
    """The clock that says when a run began is not the one that says how long it took."""
    found = of([run(0, 10.02), run(10, 10.02), run(20, 10)])
    assert (found.slots, found.wall_seconds) == (1, pytest.approx(30))
    assert "idle" not in found.seconds


def test_a_run_of_several_workers_has_as_many_slots():
    group = {"nodes": ["a", "a", "b", "b"]}
    found = of([run(0, **group), run(10), run(10)])
    assert (found.slots, found.total_seconds) == (4, pytest.approx(80))
    assert found.seconds["train"] == (4 + 1 + 1) * 4.0
    assert found.seconds["idle"] == pytest.approx(20)


@pytest.mark.parametrize("status", ["lost", "timeout", "failed", "oom_host", "cancelled"])
def test_runs_that_did_not_end_ok_are_a_part_of_their_own(status):
    found = of([run(0), run(10, 30.0, status=status)])
    assert found.seconds["failed"] == 30
    assert found.seconds["train"] == 4
    assert found.total_seconds == 40


def test_a_run_that_diverged_was_trained():
    assert of([run(status="diverged", train_seconds=2.0)]).seconds["train"] == 2


def test_runs_that_never_had_a_slot_are_none():
    nothing = dict.fromkeys((*CLOCKS, *HELD, "occupied_seconds", "nodes"))
    found = of([run(), run(500, status="infeasible", **nothing)])
    assert (found.runs, found.wall_seconds) == (1, 10)


def test_clocks_that_overlap_leave_no_negative_time():
    found = of([run(held=8.0, metered_seconds=7.0, start_seconds=0.5)])
    assert min(found.seconds.values()) > 0
    assert "around" not in found.seconds


class TestOlderTables:
    def test_runs_that_do_not_say_how_long_they_had_their_slot_tell_their_own_clocks(self):
        old = {name: value for name, value in run().items() if name != "occupied_seconds"}
        del old["test_seconds"], old["start_seconds"]
        found = of([old, old])
        assert found.seconds == {
            **{"train": 8, "compile": 4, "evaluate": 2, "build": 1, "warmup": 0.5, "stage": 0.25},
        }
        assert (found.runs, found.untold, found.wall_seconds, found.slots) == (2, 2, None, None)
        assert found.overhead_seconds_per_run is None

    def test_one_such_run_among_others_leaves_waiting_unknown(self):
        found = of([run(), run(10, None)], [probe("start", 5.0)])
        assert (found.runs, found.untold, found.wall_seconds) == (2, 1, None)
        assert not {"idle", "probe"} & found.seconds.keys()
        assert (found.seconds["train"], found.seconds["import"]) == (8, 0.75)

    def test_where_there_are_no_clocks_nothing_is_told(self):
        nothing = dict.fromkeys((*CLOCKS, *HELD, "occupied_seconds", "started_at"))
        found = of([run() | nothing])
        assert (found.runs, found.seconds, found.total_seconds) == (0, {}, 0)
        assert found.overhead_seconds_per_run is None


def test_of_some_of_the_runs_nothing_is_said_of_waiting():
    found = of([run(5)], [probe("start", 5.0), probe("end", 5.0)], whole=False)
    assert (found.wall_seconds, found.slots, found.end_probe_seconds) == (None, None, None)
    assert found.total_seconds == 10
    assert found.overhead_seconds_per_run == found.own_overhead_seconds_per_run


def test_sessions_are_told_apart_in_the_order_in_which_they_began():
    late, early = run(500, session_id="a"), run(session_id="b")
    found = overheads([late, early], [probe("start", 1.0, session="a")])
    assert [one.session_id for one in found] == ["b", "a"]
    assert [one.wall_seconds for one in found] == [10, 10]
    assert overheads([], []) == []
