import itertools
from collections import Counter
from dataclasses import replace

import pytest

from bench.analysis.repetition import until
from bench.orchestration.supervision import START_SECONDS
from bench.records.measurement import Measurement
from bench.records.store import read_sessions

ONE_CORE = {"cpus": 1}


def by_label(rows):
    return {row["label"]: row for row in rows}


def statuses(rows):
    return {row["label"]: row["status"] for row in rows}


class TestRounds:
    def test_every_scenario_runs_once_in_every_round(self, bench):
        rows = bench("a b c", rounds=3).run()
        assert sorted((row["round"], row["label"]) for row in rows) == [
            (number, label) for number in (1, 2, 3) for label in "abc"
        ]
        assert {row["status"] for row in rows} == {"ok"}

    def test_a_round_is_an_order_and_no_wait(self, bench, node, outcome):
        """The long run of the first round does not keep the second from being done beside it."""
        tried = bench(dict.fromkeys("abc", ONE_CORE), [node("n1"), node("n2", cores=1)], rounds=2)
        first = tried.shuffled(1)[0]
        tried.pool.runs[first].append(outcome(seconds=9.0))
        rows = tried.run()
        assert [row["round"] for row in rows] == [1, 1, 2, 2, 2, 1]
        assert rows[-1]["label"] == first

    def test_runs_start_round_by_round(self, bench, node):
        tried = bench(dict.fromkeys("abcdefghij", ONE_CORE), [node(cores=2)], rounds=5)
        tried.run()
        rounds = [number for number, _, _ in tried.log.begun]
        assert all(later >= number for number, later in itertools.pairwise(rounds[:-8]))

    def test_no_scenario_gets_two_rounds_ahead_of_another_that_could_run(self, bench, node, outcome):
        tried = bench(
            dict.fromkeys("abcdefgh", ONE_CORE), [node(f"n{i}", cores=1) for i in range(3)], rounds=9
        )
        for number, label in enumerate("abcdefgh"):
            tried.pool.runs[label].extend([outcome(seconds=1.0 + number)] * 9)
        tried.run()
        begun = Counter()
        for number, label, _ in tried.log.begun[: 8 * 9 - 12]:  # then the longest go first
            assert begun[label] == number - 1
            begun[label] += 1
            assert begun[label] - min(begun[other] for other in "abcdefgh") <= 1 or number <= 2

    def test_the_order_is_shuffled_anew_in_every_round(self, bench):
        tried = bench("a b c d e f g h", rounds=4)
        tried.run()
        orders = [tried.order(number) for number in (1, 2, 3, 4)]
        assert len({tuple(order) for order in orders}) == 4
        assert list("abcdefgh") not in orders

    def test_the_order_is_the_same_again_for_a_session_s_name(self, bench):
        orders = []
        for session_id in ("s1", "s1", "s2"):
            tried = bench("a b c d e f g h", session_id=session_id)
            tried.run()
            orders.append(tried.order(1))
        assert orders[0] == orders[1] != orders[2]

    def test_the_row_names_its_place_in_the_order(self, bench):
        tried = bench("a b c")
        rows = tried.run()
        assert [row["label"] for row in sorted(rows, key=lambda row: row["order"])] == tried.order(1)
        assert sorted(row["order"] for row in rows) == [1, 2, 3]

    def test_a_run_s_seed_is_its_scenario_s_plus_the_round(self, bench):
        tried = bench({"a": {"seed": 40}}, rounds=2)
        assert [row["seed"] for row in tried.run()] == [41, 42]
        assert [task.seed for _, _, task in tried.pool.submitted] == [41, 42]

    def test_the_plan_is_told_before_the_first_run(self, bench):
        tried = bench("a b", rounds=3)
        tried.run()
        assert tried.log.plan == (6, 3)


# x_(1) to x_(n) hold the median of up to eight runs, x_(2) to x_(n-1) of nine: the 2.0 is out from there on.
STEADY, ONE_OUTLIER, SCATTERED = [1.0] * 20, [2.0, *[1.0] * 19], [1.0, 2.0] * 10


class TestRepetition:
    @pytest.fixture
    def adaptive(self, bench, outcome):
        """Call with step times by label, None for a run that fails; up to ±1 %, unless said otherwise."""

        def make(times, nodes=None, **options):
            usual = {"rounds": 3, "precision": 0.01, "max_rounds": 12, "settled": until(0.01)}
            tried = bench(dict.fromkeys(times, ONE_CORE), nodes, **{**usual, **options})
            for label, steps in times.items():
                for step in steps:
                    ended = Measurement(status="ok" if step else "failed", step_seconds=step)
                    tried.pool.runs[label].append(outcome(measurement=ended))
            return tried

        return make

    def test_a_scenario_leaves_once_it_is_settled_and_the_others_go_on(self, adaptive):
        tried = adaptive({"a": STEADY, "b": ONE_OUTLIER, "c": SCATTERED})
        rows = tried.run()
        assert {label: sum(row["label"] == label for row in rows) for label in "abc"} == {
            "a": 7,
            "b": 10,
            "c": 12,
        }
        assert tried.log.rounds == list(range(1, 13))

    def test_later_rounds_have_their_own_seeds_and_order(self, adaptive):
        labels = "abcdefgh"
        tried = adaptive({label: STEADY if label in "ab" else SCATTERED for label in labels})
        rows = tried.run()
        assert [row["seed"] for row in rows if row["label"] == "c"] == list(range(1, 13))
        orders = [tried.order(number) for number in range(8, 13)]
        assert {"".join(sorted(order)) for order in orders} == {"cdefgh"}
        assert len({tuple(order) for order in orders}) == 5
        for number in (7, 12):  # the place among all scenarios, also among those that have left
            last = {row["label"]: row["order"] for row in rows if row["round"] == number}
            assert last == {label: tried.shuffled(number).index(label) + 1 for label in last}

    def test_the_least_that_there_will_be_is_told_before_the_first_run(self, adaptive):
        tried = adaptive({"a": STEADY, "b": SCATTERED})
        tried.run()
        assert tried.log.plan == (14, 7)

    def test_rounds_is_the_least_number_of_them(self, adaptive):
        assert len(adaptive({"a": STEADY}, rounds=10).run()) == 10

    def test_a_settled_round_may_be_the_last_one_there_is(self, adaptive):
        assert len(adaptive({"a": STEADY}, max_rounds=7).run()) == 7

    def test_a_scenario_that_never_gave_a_step_time_leaves_after_the_least_number_of_rounds(self, adaptive):
        tried = adaptive({"a": STEADY, "b": [None] * 20})
        assert [row["status"] for row in tried.run() if row["label"] == "b"] == ["failed"] * 3

    def test_nor_is_one_repeated_that_no_node_holds(self, bench, node):
        options = {"rounds": 2, "precision": 0.5, "max_rounds": 8, "settled": until(0.5)}
        rows = bench({"a": {}, "big": {"cpus": 64}}, [node(cores=2)], **options).run()
        assert [row["label"] for row in rows if row["status"] == "infeasible"] == ["big", "big"]
        assert [row["status"] for row in rows if row["label"] == "a"] == ["ok"] * 7

    def test_one_that_gave_some_goes_on_until_they_are_enough(self, adaptive):
        """Of nine runs two failed: the seven others settle it."""
        rows = adaptive({"a": [None, 1.0, None, *STEADY]}).run()
        assert [row["status"] for row in rows] == ["failed", "ok", "failed", *["ok"] * 6]

    def test_one_that_gave_some_and_then_none_any_more_leaves(self, adaptive):
        rows = adaptive({"a": [1.0, *[None] * 30]}, max_rounds=100).run()
        assert [row["status"] for row in rows] == ["ok", *["failed"] * 7]

    def test_a_node_that_was_lost_keeps_nobody_going(self, adaptive, node, outcome):
        """Of its times there will never be enough."""
        nodes = [node("n1", cores=1), node("n2", cores=1)]
        tried = adaptive({"a": STEADY * 3}, nodes, every_node=True, max_rounds=30, retries=0)
        tried.pool.runs["a"].clear()
        tried.pool.runs["a"].extend([outcome()] * 7)
        lost = tried.pool._finished

        def finished(slot, outcome, epochs):
            alone = tried.pool.slots[slot].allocations[0].node.name
            gone = alone == "n2" and len(tried.pool.slots[slot].labels) == 4
            return replace(lost(slot, outcome, epochs), node_id="n2" if gone else None)

        tried.pool._finished = finished
        rows = tried.run()
        assert Counter((row["node"], row["status"]) for row in rows)["n1", "ok"] == 7
        assert sum(row["node"] == "n2" for row in rows) <= 6

    def test_the_only_node_that_fits_is_lost(self, adaptive, node, outcome):
        tried = adaptive({"a": SCATTERED * 40}, [node("n1", cores=1)], max_rounds=700, retries=0)
        tried.pool.runs["a"].insert(7, outcome(died="lost", node_lost=True))
        rows = tried.run()
        assert [row["status"] for row in rows] == [*["ok"] * 7, "lost"]

    def test_places_stay_those_of_the_round_whatever_is_learnt_meanwhile(self, adaptive):
        labels = "abcdefgh"
        tried = adaptive(dict.fromkeys(labels, SCATTERED), expected=dict.fromkeys(labels, 1.0), max_rounds=12)
        rows = tried.run()
        for number in range(4, 13):
            assert sorted(row["order"] for row in rows if row["round"] == number) == list(range(1, 9))

    def test_runs_that_are_not_ok_do_not_count(self, bench, outcome):
        tried = bench("a", rounds=1, precision=0.01, max_rounds=7, settled=until(0.01))
        ended = Measurement(status="diverged", step_seconds=9.0, error="inf")
        tried.pool.runs["a"].extend([outcome(), outcome(measurement=ended)])
        assert [row["status"] for row in tried.run()] == ["ok", "diverged", *["ok"] * 5]

    def test_each_machine_s_times_are_judged_apart(self, adaptive, node):
        asked = []

        def never(times):
            asked.append(tuple(times))
            return False

        times = {label: [ord(label) + number / 100 for number in range(20)] for label in "ab"}
        rows = adaptive(times, [node("n1", cores=2), node("n2", cores=3)], settled=never).run()
        machine = {row["step_seconds"]: row["machine"] for row in rows}
        assert set(machine.values()) == {"EPYC, 2 cores", "EPYC, 3 cores"}
        assert asked
        for steps in asked:
            assert len({machine[step] for step in steps}) == 1

    def test_a_scenario_is_settled_when_it_is_on_every_machine_that_ran_it(self, bench, node):
        """Here three runs on a machine are enough: the last run is the third on the last of the machines."""
        nodes = [node("n1", cores=2), node("n2", cores=3)]
        settings = {label: {"cpus": 2} for label in "ab"}
        tried = bench(settings, nodes, rounds=4, precision=0.01, max_rounds=50, settled=lambda t: len(t) >= 3)
        rows = tried.run()
        for label in "ab":
            machines = [row["machine"] for row in rows if row["label"] == label]
            assert len(machines) < 50
            assert machines.count(machines[-1]) == 3
            assert all(machines.count(machine) >= 3 for machine in machines)

    def test_a_row_says_what_was_asked_for(self, adaptive, bench):
        row = adaptive({"a": STEADY}).run()[0]
        assert (row["wanted_precision"], row["max_rounds"]) == (0.01, 12)
        row = bench("a", session_id="s2").run()[0]
        assert (row["wanted_precision"], row["max_rounds"]) == (None, None)

    def test_an_interrupt_in_a_later_round_keeps_what_is_finished(self, adaptive):
        """A second to start, and one for each run."""
        tried = adaptive({"a": SCATTERED})
        tried.pool.interrupt_at = 1000.0 + 8.5
        with pytest.raises(KeyboardInterrupt):
            tried.run()
        assert [row["status"] for row in tried.rows()] == [*["ok"] * 7, "cancelled"]


class TestResume:
    """The same suite once more, in the folder of a session that was cut short."""

    @pytest.fixture
    def cut_short(self, bench):
        """Call with labels, options, and the second of the interrupt; gives the rows that it left."""

        def run(labels, at, **options):
            tried = bench(labels, **options)
            tried.pool.interrupt_at = 1000.0 + at
            with pytest.raises(KeyboardInterrupt):
                tried.run()
            return list(tried.rows())

        return run

    def test_what_had_ended_is_not_run_again(self, bench, cut_short):
        """A second to start and one for each run: the interrupt falls into the third."""
        left = cut_short("a b c", at=3.5, rounds=2)
        assert [row["status"] for row in left] == ["ok", "ok", "cancelled"]
        again = bench("a b c", rounds=2, resume=True)
        rows = again.run()
        assert [row["status"] for row in rows] == ["ok"] * 6
        assert len({row["run_id"] for row in rows}) == 6
        assert len(again.pool.submitted) == 4
        ids = {row["run_id"]: row for row in rows}
        assert [ids[row["run_id"]] for row in left[:2]] == left[:2]
        assert again.log.kept_runs == [(row["label"], 1, "ok") for row in left[:2]]
        assert again.log.rounds == [1, 2]

    def test_the_rest_of_a_round_keeps_its_order_and_seeds(self, bench, cut_short):
        whole = bench("a b c d e f", session_id="whole")
        whole.run()
        left = cut_short("a b c d e f", at=3.5, session_id="s1")
        rows = bench("a b c d e f", session_id="s1", resume=True).run()
        assert sorted(row["order"] for row in rows) == [1, 2, 3, 4, 5, 6]
        assert [row["order"] for row in rows][2:] == [3, 4, 5, 6]
        assert {row["seed"] for row in rows} == {row["seed"] for row in whole.rows()}
        assert left[2]["run_id"] == rows[2]["run_id"]

    def test_rounds_that_are_whole_are_not_begun(self, bench, cut_short):
        cut_short("a b", at=4.5, rounds=3)
        again = bench("a b", rounds=3, resume=True)
        again.run()
        assert [number for number in again.log.rounds] == [2, 3]

    def test_a_whole_session_starts_nothing(self, bench):
        bench("a b", rounds=2).run()
        again = bench("a b", rounds=2, resume=True)
        assert len(again.run()) == len(again.log.kept_runs) == 4
        assert not again.pool.slots
        assert again.log.rounds == []

    def test_more_rounds_are_added_to_it(self, bench):
        bench("a b", rounds=1).run()
        again = bench("a b", rounds=3, resume=True)
        assert len(again.run()) == 6
        assert [number for number in again.log.rounds] == [2, 3]

    def test_hundreds_of_rounds_are_gone_on_with(self, bench):
        options = {"rounds": 1, "precision": 0.01, "settled": lambda _times: False, "retries": 0}
        bench("a", max_rounds=1100, **options).run()
        again = bench("a", max_rounds=1101, resume=True, **options)
        assert len(again.run()) == 1101
        assert len(again.pool.submitted) == 1

    def test_what_runs_took_before_decides_who_comes_first_near_the_end(self, bench, node, outcome):
        nodes = [node("n1", cores=1), node("n2", cores=1)]
        tried = bench(dict.fromkeys("abcd", ONE_CORE), nodes, rounds=1)
        tried.pool.runs["c"].append(outcome(seconds=50.0))
        tried.run()
        again = bench(dict.fromkeys("abcd", ONE_CORE), nodes, rounds=2, resume=True)
        again.run()
        assert again.session._rules.order.spread > 3

    @pytest.mark.parametrize("status", ["failed", "timeout", "oom_device", "oom_host", "diverged"])
    def test_what_failed_is_an_answer_and_stays(self, bench, outcome, status):
        tried = bench("a")
        tried.pool.runs["a"].append(outcome(measurement=Measurement(status=status, error="why")))
        tried.run()
        again = bench("a", resume=True)
        assert statuses(again.run()) == {"a": status}
        assert not again.pool.submitted

    def test_what_was_lost_is_tried_again_and_every_attempt_counts(self, bench, outcome):
        tried = bench("a", retries=1)
        tried.pool.runs["a"].extend([outcome(died="lost")] * 2)
        (lost,) = tried.run()
        assert (lost["status"], lost["attempt"]) == ("lost", 2)
        again = bench("a", retries=1, resume=True)
        again.pool.runs["a"].append(outcome(died="lost"))
        (row,) = again.run()
        assert (row["status"], row["attempt"], row["flags"]) == ("ok", 4, ("retried",))

    def test_what_was_cancelled_is_no_attempt(self, bench, cut_short):
        cut_short("a", at=1.5)
        (row,) = bench("a", resume=True).run()
        assert (row["status"], row["attempt"], row["flags"]) == ("ok", 1, ())

    def test_a_larger_cluster_holds_what_the_first_could_not(self, bench, node):
        rows = bench({"a": {"cpus": 8}}, [node(cores=2)]).run()
        assert [row["status"] for row in rows] == ["infeasible"]
        rows = bench({"a": {"cpus": 8}}, [node(cores=8)], resume=True).run()
        assert [(row["status"], row["attempt"]) for row in rows] == [("ok", 1)]

    def test_each_node_s_runs_are_its_own(self, bench, node):
        nodes = [node("n1"), node("n2")]
        bench("a", nodes[:1], every_node=True).run()
        again = bench("a", nodes, every_node=True, resume=True)
        assert [row["node"] for row in again.run()] == ["n1", "n2"]
        assert len(again.pool.submitted) == 1

    def test_earlier_times_decide_who_goes_on(self, bench):
        """Four more times, and the seven are enough, as they would have been without the interrupt."""
        options = {"rounds": 3, "precision": 0.01, "max_rounds": 12, "settled": until(0.01)}
        tried = bench("a", **options)
        tried.pool.interrupt_at = 1000.0 + 4.5
        with pytest.raises(KeyboardInterrupt):
            tried.run()
        again = bench("a", resume=True, **options)
        assert [row["status"] for row in again.run()] == ["ok"] * 7
        assert len(again.pool.submitted) == 4


class TestSlots:
    def test_runs_of_equal_requests_follow_each_other_in_a_slot(self, bench):
        tried = bench("a b c", rounds=2)
        tried.run()
        (slot,) = tried.pool.slots.values()
        assert sorted(slot.labels) == list("aabbcc")

    @pytest.mark.parametrize("twins", [False, True])
    def test_twins_are_on_no_node_at_once_unless_asked(self, bench, node, twins):
        nodes = [node("n1", cores=4), node("n2", cores=4)]
        tried = bench(dict.fromkeys("abc", ONE_CORE), nodes, rounds=8, twins=twins)
        rows = tried.run()
        assert len(rows) == 24
        together = 0
        spans = [(row["label"], row["node"], row["run_id"]) for row in rows]
        assert len(set(spans)) == 24
        together = max(Counter((at, label, *nodes) for at, label, nodes in tried.pool.begun).values())
        assert (together > 1) is twins
        assert tried.pool.together == (8 if twins else 6)

    def test_a_scenario_is_on_two_nodes_at_once(self, bench, node):
        tried = bench("a", [node("n1"), node("n2")], rounds=4)
        tried.run()
        assert tried.pool.together == 2

    def test_runs_go_side_by_side_where_cores_are_free(self, bench, node):
        tried = bench(dict.fromkeys("abcd", ONE_CORE), [node(cores=3)])
        tried.run()
        assert tried.pool.together == 3

    def test_runs_that_take_a_whole_node_follow_each_other(self, bench, node):
        tried = bench("a b c d", [node(cores=8)])
        tried.run()
        assert tried.pool.together == 1

    def test_each_node_trains_at_the_same_time(self, bench, node):
        tried = bench("a b c d", [node("n1"), node("n2")])
        rows = tried.run()
        assert tried.pool.together == 2
        assert {row["node"] for row in rows} == {"n1", "n2"}

    def test_each_gpu_trains_at_the_same_time(self, bench, node):
        tried = bench("a b c d e", [node(cores=8, gpus=4)])
        tried.run()
        assert tried.pool.together == 4
        assert {slot.request.kind for slot in tried.pool.slots.values()} == {"gpu"}

    def test_two_needs_that_cannot_coexist_take_turns(self, bench, node):
        tried = bench({"a": {}, "b": {}, "c": ONE_CORE, "d": ONE_CORE}, [node(cores=2)], rounds=3)
        rows = tried.run()
        assert len(rows) == 12
        assert {row["status"] for row in rows} == {"ok"}
        for slot in tried.pool.slots.values():
            if slot.labels:  # else it was opened to be probed at the end
                assert {"a": 2, "b": 2, "c": 1, "d": 1}[slot.labels[0]] == len(slot.allocations[0].cores)
            assert set(slot.labels) <= set("ab") or set(slot.labels) <= set("cd")

    def test_a_run_that_waits_for_a_whole_node_is_not_overtaken(self, bench, node, outcome):
        """Else narrow runs would keep it waiting for ever."""
        narrow = {f"n{i}": ONE_CORE for i in range(6)}
        tried = bench({"wide": {}, **narrow}, [node(cores=2)])
        for label in narrow:
            tried.pool.runs[label].append(outcome(seconds=1.0 + int(label[1:]) / 7))
        tried.run()
        assert tried.order(1).index("wide") == tried.shuffled(1).index("wide")

    def test_a_slot_stays_open_while_others_wait_for_other_nodes_alone(self, bench, node, outcome):
        """To be probed once more at the end; "n2", where it took long to open, has runs that wait."""
        tried = bench("a b c", [node("n1"), node("n2")], every_node=True)
        tried.pool.opens.extend([outcome(1.0), outcome(90.0)])
        rows = tried.run()
        assert Counter(row["node"] for row in rows) == {"n1": 3, "n2": 3}
        assert [len(slot.labels) for slot in tried.pool.slots.values()] == [3, 3]
        assert len(tried.pool.probed) == 4

    def test_a_process_is_told_its_cores_and_kind(self, bench, node):
        tried = bench({"a": {"cpus": 2, "device": "cpu"}}, [node(cores=4, gpus=1)])
        tried.run()
        (slot,) = tried.pool.slots.values()
        (allocation,) = slot.allocations
        assert (slot.request.kind, allocation.cores, allocation.gpus) == ("cpu", (0, 1), ())


class TestFailures:
    @pytest.mark.parametrize("status", ["failed", "oom_device", "oom_host"])
    def test_a_failed_run_is_a_row_and_the_next_one_runs(self, bench, outcome, status):
        tried = bench("a b c")
        first, second, third = tried.shuffled(1)
        tried.pool.runs[first].append(outcome(measurement=Measurement(status=status, error="why")))
        rows = by_label(tried.run())
        assert (rows[first]["status"], rows[first]["error"], rows[first]["attempt"]) == (status, "why", 1)
        assert rows[second]["status"] == rows[third]["status"] == "ok"
        assert [slot.labels for slot in tried.pool.slots.values()] == [[first, second, third]]

    def test_a_slot_that_is_broken_takes_no_other_run(self, bench, outcome):
        tried = bench("a b c")
        first, second, third = tried.shuffled(1)
        tried.pool.runs[first].append(outcome(broken=True))
        assert set(statuses(tried.run()).values()) == {"ok"}
        assert [slot.labels for slot in tried.pool.slots.values()] == [[first], [second, third]]

    def test_a_diverged_run_keeps_its_slot(self, bench, outcome):
        tried = bench("a b c")
        first = tried.shuffled(1)[0]
        tried.pool.runs[first].append(outcome(measurement=Measurement(status="diverged", error="inf")))
        assert statuses(tried.run())[first] == "diverged"
        assert len(tried.pool.slots) == 1

    def test_a_run_past_its_time_is_ended_and_the_next_one_runs(self, bench, outcome):
        """A second to start, thirty to the end, a second to start again, a second for each other run."""
        tried = bench("a b c", timeout_seconds=30.0)
        first, second, third = tried.shuffled(1)
        tried.pool.runs[first].append(outcome(seconds=None))
        rows = by_label(tried.run())
        assert rows[first]["status"] == "timeout"
        assert rows[first]["error"] == "still running after 30 s; raise --timeout or timeout_seconds"
        assert rows[first]["attempt"] == 1
        assert rows[second]["status"] == rows[third]["status"] == "ok"
        assert [slot.labels for slot in tried.pool.slots.values()] == [[first], [second, third]]
        assert tried.pool.closed == [1, 2]
        assert tried.clock.now == 1000.0 + 1 + 30 + 1 + 2

    def test_a_run_just_in_time_is_not(self, bench, outcome):
        tried = bench("a", timeout_seconds=30.0)
        tried.pool.runs["a"].append(outcome(seconds=29.9))
        assert statuses(tried.run()) == {"a": "ok"}

    def test_the_clock_of_a_run_starts_when_its_processes_are_up(self, bench, outcome):
        tried = bench("a", timeout_seconds=30.0)
        tried.pool.opens.append(outcome(seconds=100.0))
        tried.pool.runs["a"].append(outcome(seconds=29.0, starts=200.0))
        (row,) = tried.run()
        assert (row["status"], row["occupied_seconds"]) == ("ok", 229.0)

    def test_processes_that_never_start_are_given_up(self, bench, outcome):
        tried = bench("a", retries=0, timeout_seconds=30.0)
        tried.pool.runs["a"].append(outcome(starts=None))
        (row,) = tried.run()
        assert (row["status"], row["queue_seconds"]) == ("lost", 1.0)
        assert row["error"] == f"not started within {START_SECONDS:g} s: waits for process 1"

    def test_a_process_that_never_starts_is_given_up(self, bench, outcome):
        tried = bench("a", retries=0)
        tried.pool.opens.append(outcome(seconds=None))
        (row,) = tried.run()
        assert (row["status"], row["queue_seconds"]) == ("lost", None)
        assert row["error"] == f"not started within {START_SECONDS:g} s: waits for process 1"
        assert tried.clock.now == 1000.0 + START_SECONDS

    def test_a_process_that_never_starts_is_tried_again(self, bench, outcome):
        tried = bench("a", retries=1)
        tried.pool.opens.append(outcome(seconds=None))
        (row,) = tried.run()
        assert (row["status"], row["attempt"], row["flags"]) == ("ok", 2, ("retried",))

    def test_a_process_that_cannot_start_is_a_row(self, bench, outcome):
        tried = bench("a b")
        tried.pool.opens.append(outcome(died="failed"))
        rows = tried.run()
        assert sorted(row["status"] for row in rows) == ["failed", "ok"]
        assert [row["attempt"] for row in rows] == [1, 1]

    @pytest.mark.parametrize("retries", [0, 1, 2])
    def test_a_lost_run_is_tried_again_as_often_as_said(self, bench, outcome, retries):
        tried = bench("a b", retries=retries)
        tried.pool.runs["a"].extend([outcome(died="lost")] * 9)
        rows = by_label(tried.run())
        assert (rows["a"]["status"], rows["a"]["attempt"]) == ("lost", retries + 1)
        assert rows["a"]["error"] == "the process is gone"
        assert ("retried" in rows["a"]["flags"]) == (retries > 0)
        assert (rows["b"]["status"], rows["b"]["attempt"], rows["b"]["flags"]) == ("ok", 1, ())

    def test_a_run_that_succeeds_when_tried_again_says_so(self, bench, outcome):
        tried = bench("a", retries=2)
        tried.pool.runs["a"].append(outcome(died="lost"))
        (row,) = tried.run()
        assert (row["status"], row["attempt"], row["flags"]) == ("ok", 2, ("retried",))
        first, second = tried.pool.submitted
        assert first[0] != second[0]
        assert first[2].seed == second[2].seed

    def test_only_what_was_lost_is_tried_again(self, bench, outcome):
        tried = bench("a", retries=3)
        tried.pool.runs["a"].append(outcome(died="oom_host"))
        (row,) = tried.run()
        assert (row["status"], row["attempt"]) == ("oom_host", 1)

    def test_a_scenario_that_no_node_holds_is_a_row_in_every_round(self, bench, node):
        tried = bench({"a": {}, "big": {"cpus": 64}}, [node(cores=2)], rounds=2)
        rows = tried.run()
        big = [row for row in rows if row["label"] == "big"]
        assert [(row["round"], row["status"]) for row in big] == [(1, "infeasible"), (2, "infeasible")]
        assert big[0]["error"] == "needs 64 CPU cores on one node, and no node has more than 2"
        assert (big[0]["node"], big[0]["machine_id"], big[0]["queue_seconds"]) == (None, None, None)
        assert [row["status"] for row in rows if row["label"] == "a"] == ["ok", "ok"]

    def test_a_suite_that_no_node_holds_starts_no_process(self, bench):
        tried = bench({"a": {"device": "gpu"}})
        assert statuses(tried.run()) == {"a": "infeasible"}
        assert not tried.pool.slots


class TestLostNodes:
    def test_the_runs_go_to_another_node(self, bench, node, outcome):
        tried = bench("a b c d", [node("n1"), node("n2")], rounds=2)
        for label in "abcd":
            tried.pool.runs[label].append(outcome(died="lost", node_lost=True) if label == "a" else outcome())
        rows = tried.run()
        assert {row["status"] for row in rows} == {"ok"}
        lost = (
            tried.pool.slots[next(w for w, label, _ in tried.pool.submitted if label == "a")]
            .allocations[0]
            .node
        )
        assert {row["node"] for row in rows if row["round"] == 2} == {"n1", "n2"} - {lost.name}
        (again,) = (row for row in rows if row["attempt"] == 2)
        assert (again["label"], again["round"], again["flags"]) == ("a", 1, ("retried",))

    def test_where_no_other_node_holds_them_they_are_rows(self, bench, node, outcome):
        tried = bench("a b c", [node("n1")], rounds=2)
        for label in "abc":
            tried.pool.runs[label].append(outcome(died="lost", node_lost=True))
        rows = tried.run()
        assert {row["status"] for row in rows} == {"lost"}
        assert sorted((row["round"], row["label"]) for row in rows) == [
            (number, label) for number in (1, 2) for label in "abc"
        ]
        begun, *rest = sorted(rows, key=lambda row: row["node"] is None)
        assert (begun["error"], begun["node"], begun["attempt"]) == ("the process is gone", "n1", 1)
        assert {row["error"] for row in rest} == {"every node that could hold it was lost"}

    def test_no_run_goes_to_an_idle_process_of_a_lost_node(self, bench, node, outcome):
        """It is dead too, though nobody has heard of it: it would cost the run its other attempt."""
        tried = bench(dict.fromkeys("abc", ONE_CORE), [node("n1", cores=2), node("n2", cores=1)])
        _, second, _ = tried.shuffled(1)
        tried.pool.runs[second].append(outcome(seconds=4.0, died="lost", node_lost=True))
        rows = by_label(tried.run())
        assert [rows[label]["node"] for label in tried.shuffled(1)] == ["n1", "n2", "n2"]
        assert (rows[second]["status"], rows[second]["attempt"]) == ("ok", 2)

    def test_all_runs_on_the_node_are_lost_with_it(self, bench, node, outcome):
        tried = bench(dict.fromkeys("ab", ONE_CORE), [node(cores=2)], retries=0)
        tried.pool.runs["a"].append(outcome(died="lost", node_lost=True))
        tried.pool.runs["b"].append(outcome(seconds=None))
        assert statuses(tried.run()) == {"a": "lost", "b": "lost"}
        assert tried.clock.now < 1000.0 + 10


class TestInterrupt:
    def interrupted(self, tried, at):
        tried.pool.interrupt_at = 1000.0 + at
        with pytest.raises(KeyboardInterrupt):
            tried.run()
        return tried.rows()

    def test_what_is_finished_is_kept_and_what_runs_is_cancelled(self, bench):
        tried = bench("a b c d", rounds=5)
        rows = self.interrupted(tried, at=3.5)
        assert [row["status"] for row in rows] == ["ok", "ok", "cancelled"]
        assert rows[-1]["error"] == "interrupted"
        assert rows[-1]["node"] == "n1"

    def test_all_that_runs_is_cancelled(self, bench, node):
        tried = bench(dict.fromkeys("abcd", ONE_CORE), [node(cores=3)])
        rows = self.interrupted(tried, at=1.6)
        assert [row["status"] for row in rows] == ["cancelled"] * 3

    def test_a_run_whose_process_is_not_up_has_not_begun(self, bench):
        assert self.interrupted(bench("a"), at=0.5) == []

    def test_the_tables_hold_it_all(self, bench):
        tried = bench("a b c d")
        self.interrupted(tried, at=3.5)
        tables = read_sessions([str(tried.recorder.folder)])
        assert tables.runs.column("status").to_pylist() == ["ok", "ok", "cancelled"]

    def test_a_failure_of_the_program_leaves_no_process(self, bench, monkeypatch):
        tried = bench(dict.fromkeys("ab", ONE_CORE))

        def fail(*_arguments):
            raise OSError("a defect")

        monkeypatch.setattr(tried.log, "finished", fail)
        with pytest.raises(OSError, match="a defect"):
            tried.run()
        assert len(tried.rows()) == 2  # both had ended at that moment
        assert len(tried.pool.closed) == 2


class TestRows:
    def test_a_row_says_where_and_on_what_it_ran(self, bench, node):
        tried = bench("a", [node("n1", cores=4)])
        (row,) = tried.run()
        (fingerprint,) = tried.session._cluster.fingerprints.values()
        assert row["node"] == "n1"
        assert row["machine"] == "EPYC, 4 cores"
        assert (row["machine_id"], row["software_id"]) == (fingerprint.machine_id, fingerprint.software_id)
        assert (row["suite"], row["sweep"], row["session_id"]) == ("suite", "sweep", "s1")
        assert row["dataset_sha256"] == "a-hash"
        assert row["run_id"] == f"s1-{row['scenario_id']}-1"

    def test_a_run_that_could_not_tell_its_device_has_its_place_s(self, bench, node, outcome):
        tried = bench({"cpu": {"device": "cpu"}, "gpu": {}}, [node(gpus=1, accelerator="H100")], retries=0)
        for label in ("cpu", "gpu"):
            tried.pool.runs[label].append(outcome(died="lost"))
        rows = by_label(tried.run())
        assert (rows["cpu"]["device_name"], rows["gpu"]["device_name"]) == ("EPYC", "H100")

    def test_queue_seconds_run_from_when_it_could_start_to_when_it_does(self, bench):
        """A process starts in one second, and each run takes one."""
        rows = bench("a b", rounds=2).run()
        assert [row["queue_seconds"] for row in rows] == [1.0, 2.0, 1.0, 2.0]

    def test_epochs_are_told_as_they_end_and_recorded_with_their_run(self, bench, outcome):
        tried = bench("a")
        tried.pool.runs["a"].append(outcome(epochs=3))
        (row,) = tried.run()
        assert tried.log.epochs == [("a", 1), ("a", 2), ("a", 3)]
        epochs = read_sessions([str(tried.recorder.folder)]).epochs
        assert epochs.column("epoch").to_pylist() == [1, 2, 3]
        assert set(epochs.column("run_id").to_pylist()) == {row["run_id"]}

    def test_whoever_watches_is_told_after_the_row_is_on_the_disk(self, bench, monkeypatch):
        tried = bench("a b")
        on_disk = []

        def finished(_run, row):
            tables = read_sessions([str(tried.recorder.folder)])
            on_disk.append(row["run_id"] in tables.runs.column("run_id").to_pylist())

        monkeypatch.setattr(tried.log, "finished", finished)
        tried.run()
        assert on_disk == [True, True]
