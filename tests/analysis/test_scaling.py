import datetime
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import scaling
from bench.analysis.speedup import over_sessions
from bench.records.measurement import Measurement
from bench.records.scenario import Scenario
from bench.records.tables import Identity, run_row
from tests.runs import run_table


def scalings(rows):
    return scaling.scalings(run_table(rows))


MIRRORED = {"strategy": "mirrored", "devices": 2}
GANG = {"strategy": "multi_worker_mirrored", "workers": 2}
SERVED = {"strategy": "parameter_server", "workers": 2}
EACH = {"batch_per_replica": 100}
TWICE = pytest.approx(2.0)
NUMBERS = itertools.count()


def runs(steps, cores=1, status="ok", places=None, measured=None, settings=None, **identity):
    """Rows of `runs`: one per time of a step, of one scenario, with global batch 100 unless said."""
    batch = {} if "batch_per_replica" in (settings or {}) else {"batch_size": 100}
    scenario = Scenario(**{"hidden": (50, 50), **batch, **(settings or {})})
    nodes = places or ("a",) * scenario.workers
    common = {
        "session_id": "session",
        "suite": "suite",
        "sweep": "sweep",
        "machine": "a machine",
        "node": nodes[0],
        "nodes": nodes,
        "dataset_sha256": "ab",
        **identity,
    }
    found = []
    for number, step in enumerate(steps, start=1):
        who = Identity(
            run_id=f"run-{next(NUMBERS)}",
            scenario_id=scenario.scenario_id,
            label="label",
            round=number,
            order=1,
            attempt=1,
            started_at=None,
            **common,
        )
        facts = {"device_name": "a CPU", "affinity": tuple(range(cores)), **(measured or {})}
        result = Measurement(status=status, step_seconds=step, **facts)
        found.append(run_row(who, scenario, scenario.seed + number, result))
    return found


def scaling_of(*rows):
    (found,) = scalings(itertools.chain(*rows))
    return found


def scaled_of(*rows):
    (found,) = scaling_of(*rows).scaled
    return found


class TestStrongScaling:
    def test_half_the_time_of_a_step_is_twice_the_throughput(self):
        found = scaled_of(runs([8.0] * 4), runs([4.0] * 4, cores=2, settings=MIRRORED))
        assert (found.strategy, found.replicas, found.speedup) == ("mirrored", 2, TWICE)
        assert (found.low, found.high) == (TWICE, TWICE)

    def test_the_interval_is_that_of_all_pairs_of_runs(self):
        """The 16 ratios are 4, 2, 2 and 1, four times each.

        Each tail of the 70 orders of four and four runs may have 2.5 %, so just one: all ratios are within.
        As one side alone scatters, the interval is as wide as Welch's at least: the logarithms are 2, 1, 1
        and 0 times log(2), and t(3) = 3.182.
        """
        found = scaled_of(runs([8.0] * 4), runs([2.0, 4.0, 8.0, 4.0], settings=MIRRORED))
        reach = math.exp(3.182446 * math.log(2) * math.sqrt(2 / 3 / 4))
        assert (found.low, found.speedup, found.high) == pytest.approx((2 / reach, 2.0, 2 * reach))
        alike = scaled_of(runs([8.0, 8.0, 8.0, 8.0]), runs([4.0] * 4, settings=MIRRORED))
        assert (alike.low, alike.high) == pytest.approx((2.0, 2.0))

    @pytest.mark.parametrize(("sides", "known"), [((4, 4), True), ((3, 4), False), ((3, 5), True)])
    def test_too_few_runs_leave_the_speedup_without_an_interval(self, sides, known):
        """2 / C(7, 3) is more than 5 %, 2 / C(8, 3) is less."""
        ours, theirs = sides
        found = scaled_of(runs([8.0] * theirs), runs([4.0] * ours, settings=MIRRORED))
        assert found.speedup == TWICE
        assert (found.low is not None, found.efficiency_high is not None) == (known, known)

    def test_what_is_fixed_is_told(self):
        found = scaling_of(runs([8.0]), runs([4.0], settings=MIRRORED))
        assert (found.suite, found.kind, found.batch) == ("suite", "strong", 100)
        assert (found.hidden, found.activation, found.label) == ((50, 50), ("relu", "relu"), "")
        assert (found.origin.machine, found.device_name, found.on_gpus) == ("a machine", "a CPU", False)

    def test_the_baseline_counts_its_own_runs(self):
        base = scaling_of(runs([8.0] * 3), runs([4.0], settings=MIRRORED)).baseline
        assert (base.strategy, base.replicas, base.runs, base.ok) == ("one_device", 1, 3, 3)
        assert (base.speedup, base.efficiency) == (1.0, 1.0)

    def test_batches_have_groups_of_their_own(self):
        larger = {"batch_size": 200}
        found = scalings(
            [
                *runs([8.0]),
                *runs([4.0], settings=MIRRORED),
                *runs([16.0], settings=larger),
                *runs([4.0], settings={**MIRRORED, **larger}),
            ]
        )
        assert {scaling.batch: scaling.scaled[0].speedup for scaling in found} == {
            100: TWICE,
            200: pytest.approx(4.0),
        }

    def test_rows_are_ordered_by_replicas(self):
        counts = (8, 2, 4)
        scaled = [runs([1.0], settings={"strategy": "mirrored", "devices": n}) for n in counts]
        assert [found.replicas for found in scaling_of(runs([8.0]), *scaled).scaled] == [2, 4, 8]


class TestWeakScaling:
    def test_throughput_counts_the_larger_global_batch(self):
        """Twice the images in 1.25 times the time: 1.6 times as many a second."""
        found = scaled_of(
            runs([1.0] * 4, settings=EACH),
            runs([1.25] * 4, cores=2, settings={**MIRRORED, **EACH}),
        )
        assert (found.speedup, found.low, found.high) == pytest.approx((1.6, 1.6, 1.6))
        assert found.efficiency == pytest.approx(0.8)

    def test_with_one_device_a_global_batch_is_the_same_work(self):
        found = scaling_of(runs([1.0]), runs([1.25], settings={**MIRRORED, **EACH}))
        assert (found.kind, found.batch, found.scaled[0].speedup) == ("weak", 100, pytest.approx(1.6))
        found = scaling_of(runs([1.0], settings=EACH), runs([0.5], settings=MIRRORED))
        assert (found.kind, found.batch, found.scaled[0].speedup) == ("strong", 100, TWICE)

    def test_a_baseline_of_its_own_kind_goes_first(self):
        kinds = [
            runs([1.0]),
            runs([2.0], settings=EACH),
            runs([2.5], settings={**MIRRORED, **EACH}),
        ]
        assert scaled_of(*kinds).speedup == pytest.approx(1.6)

    def test_one_device_either_way_is_no_scaling(self):
        assert scalings([*runs([1.0]), *runs([1.0], settings=EACH)]) == []


class TestEfficiency:
    def test_on_a_cpu_hardware_is_the_cores_of_all_workers(self):
        found = scaled_of(runs([6.0], cores=2), runs([4.0], cores=3, settings=GANG))
        assert (found.hardware, found.factor) == (6, 3.0)
        assert (found.speedup, found.efficiency) == pytest.approx((1.5, 0.5))

    def test_replicas_that_share_the_same_cores_are_no_more_hardware(self):
        found = scaled_of(runs([4.0] * 4, cores=2), runs([5.0] * 4, cores=2, settings=MIRRORED))
        assert (found.factor, found.efficiency) == pytest.approx((1.0, 0.8))
        assert (found.efficiency_low, found.efficiency_high) == pytest.approx((0.8, 0.8))

    @pytest.mark.parametrize(("places", "cores"), [(("a", "a"), 4), (("a", "b"), 2)])
    def test_the_coordinator_of_parameter_servers_has_the_cores_of_all_workers_beside_it(self, places, cores):
        found = scaled_of(runs([4.0], cores=2), runs([2.5], cores=cores, places=places, settings=SERVED))
        assert (found.hardware, found.efficiency) == (4, pytest.approx(0.8))

    @pytest.mark.parametrize("settings", [MIRRORED, GANG, SERVED])
    def test_on_gpus_hardware_is_the_replicas(self, settings):
        gpu = {"device_name": "a GPU", "memory_growth": True}
        other = {**gpu, "memory_growth": None if settings is SERVED else True}
        rows = (runs([4.0], 8, measured=gpu), runs([2.5], 16, measured=other, settings=settings))
        (found,) = scaling_of(*rows).scaled
        assert scaling_of(*rows).on_gpus
        assert (found.hardware, found.factor, found.efficiency) == (2, 2.0, pytest.approx(0.8))

    def test_without_known_cores_there_is_a_speedup_alone(self):
        found = scaled_of(runs([8.0], cores=0), runs([4.0], cores=0, settings=MIRRORED))
        assert (found.speedup, found.factor, found.efficiency) == (TWICE, None, None)

    def test_of_several_scenarios_of_one_device_the_one_with_the_fewest_cores_is_the_baseline(self):
        two, one = runs([5.0], 2, settings={"cpus": 2}), runs([8.0], 1, settings={"cpus": 1})
        found = scaling_of(two, one)
        assert (found.baseline.cpus, found.baseline.hardware) == (1, 1)
        assert [(s.strategy, s.cpus, s.speedup, s.efficiency) for s in found.scaled] == [
            ("one_device", 2, pytest.approx(1.6), pytest.approx(0.8))
        ]

    def test_of_two_with_as_many_cores_it_is_the_one_that_did_not_ask_for_them(self):
        found = scaling_of(runs([5.0], 2, settings={"cpus": 2}), runs([5.0], 2))
        assert (found.baseline.cpus, found.scaled[0].cpus) == (None, 2)


class TestAllReduce:
    def test_its_share_is_that_of_the_median_run(self):
        each = zip((1.0, 2.0, 4.0), (0.5, 0.2, 1.0), strict=True)
        rows = [runs([step], measured={"all_reduce_seconds": sum_}, settings=GANG) for step, sum_ in each]
        assert scaled_of(runs([8.0]), *rows).all_reduce_share == 0.25

    def test_it_is_never_more_than_the_step(self):
        slow = {"all_reduce_seconds": 9.0}
        assert scaled_of(runs([8.0]), runs([3.0], measured=slow, settings=GANG)).all_reduce_share == 1.0

    def test_one_replica_has_none(self):
        found = scaling_of(runs([8.0]), runs([4.0], settings=MIRRORED))
        assert found.baseline.all_reduce_share is None


class TestFailures:
    def test_a_failed_run_counts_beside_those_that_ended_ok(self):
        lost = runs([None], status="lost", settings=GANG)
        found = scaled_of(runs([8.0]), runs([4.0] * 2, settings=GANG), lost)
        assert (found.speedup, found.ok, found.runs, found.failures) == (TWICE, 2, 3, (("lost", 1),))

    def test_a_scenario_that_never_ended_ok_is_listed_with_what_became_of_it(self):
        many = {"strategy": "mirrored", "devices": 64}
        none = {"affinity": None, "device_name": None}
        failed = runs([None] * 2, status="infeasible", machine=None, measured=none, settings=many)
        found = scaled_of(runs([8.0]), failed)
        assert (found.replicas, found.speedup, found.hardware, found.nodes) == (64, None, None, ())
        assert (found.ok, found.runs, found.failures) == (0, 2, (("infeasible", 2),))

    @pytest.mark.parametrize("where", [{"machine": "another"}, {"machine": None, "session_id": "another"}])
    def test_what_failed_elsewhere_did_not_fail_here(self, where):
        failed = runs([None], status="lost", settings=GANG, **where)
        assert scalings([*runs([8.0]), *failed]) == []

    @pytest.mark.parametrize("status", ["lost", "diverged"])
    def test_without_a_timed_baseline_there_is_no_scaling(self, status):
        assert scalings([*runs([None], status=status), *runs([4.0], settings=MIRRORED)]) == []


class TestGroups:
    @pytest.mark.parametrize(
        "settings",
        [
            {"loop": "fit", "jit": False},
            {"precision": "mixed_bfloat16"},
            {"hidden": (60, 50)},
            {"epochs": 7},
            {"device": "cpu"},
            {"accelerator": "H100"},
        ],
    )
    def test_any_other_setting_sets_scenarios_apart(self, settings):
        assert scalings([*runs([8.0]), *runs([4.0], settings={**MIRRORED, **settings})]) == []

    @pytest.mark.parametrize(
        "where",
        [
            {"machine": "another"},
            {"dataset_sha256": "cd"},
            {"suite": "another"},
            {"measured": {"device_name": "another"}},
        ],
    )
    def test_machines_devices_data_and_suites_are_not_mixed(self, where):
        assert scalings([*runs([8.0]), *runs([4.0], settings=MIRRORED, **where)]) == []

    def test_sweeps_and_seeds_are(self):
        other = runs([4.0], sweep="another", settings={**MIRRORED, "seed": 7})
        assert scaled_of(runs([8.0]), other).speedup == TWICE

    def test_what_is_the_only_one_of_its_group_says_nothing(self):
        assert scalings(runs([8.0])) == []
        assert scalings(runs([8.0], settings=MIRRORED)) == []
        assert scalings([]) == []

    def test_a_label_names_what_sets_groups_apart_but_not_the_net(self):
        changes = [{}, {"precision": "mixed_bfloat16", "hidden": (60, 50)}]
        rows = [runs([8.0], settings={**how, **change}) for how in ({}, MIRRORED) for change in changes]
        found = scalings(itertools.chain(*rows))
        assert [s.label for s in found] == ["precision=float32", "precision=mixed_bfloat16"]

    def test_the_same_run_in_two_folders_counts_once(self):
        rows = [*runs([8.0]), *runs([4.0], settings=MIRRORED)]
        assert scaled_of(rows, rows).runs == 1

    def test_servers_placement_and_cores_are_ways_to_scale(self):
        ways = ({**SERVED, "servers": 2}, {**GANG, "placement": "spread"}, {**GANG, "cpus": 2})
        found = scaling_of(runs([8.0]), *(runs([4.0], settings=way) for way in ways))
        assert {(s.strategy, s.servers, s.placement, s.cpus) for s in found.scaled} == {
            ("parameter_server", 2, "pack", None),
            ("multi_worker_mirrored", 1, "spread", None),
            ("multi_worker_mirrored", 1, "pack", 2),
        }

    def test_nodes_are_counted_once_each_and_may_differ_between_runs(self):
        spread, packed = (runs([4.0], places=places, settings=GANG) for places in (("a", "b"), ("a", "a")))
        assert scaled_of(runs([8.0]), spread, packed).nodes == (1, 2)

    def test_a_table_that_lacks_the_younger_columns_scales_as_well(self):
        rows = [*runs([8.0], cores=1), *runs([4.0], cores=2, settings=MIRRORED)]
        for row in rows:
            row.update(dict.fromkeys(("servers", "placement", "nodes", "machines", "all_reduce_seconds")))
        found = scaled_of(rows)
        assert (found.speedup, found.efficiency, found.nodes, found.all_reduce_share) == (
            TWICE,
            pytest.approx(1.0),
            (1,),
            None,
        )

    def test_only_the_last_hundred_runs_are_compared(self):
        found = scaled_of(runs([8.0] * 101), runs([16.0] * 200 + [4.0] * 100, settings=MIRRORED))
        assert (found.speedup, found.low, found.high) == (TWICE, TWICE, TWICE)
        assert found.runs == 300


TIMES = st.lists(st.floats(1e-5, 10.0), min_size=1, max_size=6)


@given(TIMES, TIMES, st.sampled_from([0.25, 2.0, 8.0]))
def test_the_interval_holds_the_speedup_and_both_go_with_the_speed(base, times, faster):
    slow = scaled_of(runs(base), runs(times, settings=MIRRORED))
    fast = scaled_of(runs(base), runs([time / faster for time in times], settings=MIRRORED))
    assert fast.speedup == pytest.approx(slow.speedup * faster)
    if slow.low is not None:
        assert slow.low <= slow.speedup <= slow.high
        assert (fast.low, fast.high) == pytest.approx((slow.low * faster, slow.high * faster))


@given(TIMES, TIMES, st.randoms())
def test_the_order_of_the_rows_does_not_matter(base, times, random):
    rows = [*runs(base), *runs(times, settings=MIRRORED), *runs([1.0], settings=GANG)]
    found = scaling_of(rows)
    random.shuffle(rows)
    assert scaling_of(rows) == found


@given(TIMES, TIMES, st.integers(2, 8))
def test_strong_and_weak_scaling_are_one_ratio_of_samples_per_second(base, times, devices):
    """With N replicas of the same step time, weak scaling does N times the work of strong scaling."""
    how = {"strategy": "mirrored", "devices": devices}
    strong = scaled_of(runs(base), runs(times, settings=how))
    weak = scaled_of(runs(base), runs(times, settings={**how, "batch_per_replica": 100}))
    assert weak.speedup == pytest.approx(strong.speedup * devices)


def session(name, one, two, minute=0, **where):
    """Four runs of one device and four of two in a session; what steps take, none of that which is None."""
    at = {"session_id": name, **where}
    rows = [*runs([one] * 4, **at), *runs([two] * 4, settings=MIRRORED, **at)]
    began = datetime.datetime(2026, 1, 31, 14, minute, tzinfo=datetime.UTC)
    return [{**row, "started_at": began} for row in rows if row["step_seconds"] is not None]


class TestSessions:
    def test_the_newest_that_holds_both_tells_where_they_are_few(self):
        """The first session is half as fast, on both sides, and the last has one side alone."""
        found = scaled_of(session("b", 8.0, 5.0, 2), session("c", 4.0, 2.0, 1), session("a", None, 0.1, 3))
        assert (found.speedup, found.low, found.high) == pytest.approx((1.6, 1.6, 1.6))
        assert (found.sessions, found.apart, found.runs) == (2, False, 12)

    def test_from_four_on_each_counts_once(self):
        """Ratios of 1, 2, 4 and 8: in powers of two 1.5 ± 2.0542603; see `test_pooled`."""
        moods = (1.0, 0.3, 7.0, 2.0)
        parts = [session(str(n), 2.0**n * mood, mood) for n, mood in enumerate(moods)]
        found = scaled_of(*parts)
        ends = [math.log2(value) for value in (found.low, found.speedup, found.high)]
        assert ends == pytest.approx([-0.5542603, 1.5, 3.5542603], abs=1e-6)
        assert found.sessions == 4

    def test_where_none_holds_both_there_is_no_speedup(self):
        found = scaled_of(session("a", 8.0, None), session("b", None, 4.0))
        assert (found.speedup, found.low, found.efficiency) == (None, None, None)
        assert (found.sessions, found.apart, found.ok) == (0, True, 4)

    def test_what_never_ended_ok_is_not_apart(self):
        rows = runs([None] * 2, status="lost", settings=MIRRORED, session_id="b")
        assert not scaled_of(session("a", 8.0, None), rows).apart

    def test_the_baseline_is_that_which_shares_sessions(self):
        """One with fewer cores ran in a session of its own."""
        alone = runs([1.0] * 4, settings={"cpus": 1}, session_id="a")
        found = scaling_of(alone, [{**row, "affinity": [0, 1]} for row in session("b", 8.0, 4.0)])
        assert found.baseline.cpus is None
        assert [(it.strategy, it.apart) for it in found.scaled] == [("one_device", True), ("mirrored", False)]

    @pytest.mark.parametrize("name", ["machine_id", "software_id"])
    def test_machines_of_one_name_and_softwares_are_not_mixed(self, name):
        parts = [session(value, one, 4.0, **{name: value}) for value, one in (("a", 8.0), ("b", 4.0))]
        found = {getattr(it.origin, name): it.scaled[0].speedup for it in scalings(itertools.chain(*parts))}
        assert found == {"a": TWICE, "b": pytest.approx(1.0)}

    def test_intervals_hold_the_efficiency(self):
        """Moods of 5 %, a scatter of 2 %, four rounds: within one session, and over six of them."""
        random, held = np.random.default_rng(7), {1: 0, 6: 0}
        for sessions in [1] * 100 + [6] * 100:
            moods = random.lognormal(0, 0.05, sessions)
            pairs = [
                (mood * random.lognormal(0, 0.02, 4), 2 * mood * random.lognormal(0, 0.02, 4))
                for mood in moods
            ]
            found = over_sessions(pairs)
            held[sessions] += found.low <= 2 <= found.high
        assert min(held.values()) >= 90
