"""Gangs, nodes one by one, and nodes alone, in a session."""

import pytest

from bench.records.measurement import Measurement

GANG = {"strategy": "multi_worker_mirrored", "workers": 2, "cpus": 1}
SPREAD = {**GANG, "placement": "spread"}
LOST = Measurement(status="lost", error="a peer is gone", step_seconds=0.5)


class TestGangs:
    def test_a_run_names_the_nodes_of_all_workers(self, bench, node):
        (row,) = bench({"a": SPREAD}, [node("n1"), node("n2", cores=3)]).run()
        assert (row["status"], row["node"], row["nodes"]) == ("ok", "n2", ("n2", "n1"))
        assert len(row["machines"]) == 2

    def test_one_process_is_one_node(self, bench):
        (row,) = bench("a").run()
        assert (row["nodes"], row["machines"]) == (("n1",), (row["machine"],))

    def test_runs_of_one_shape_share_a_gang(self, bench, node):
        tried = bench({"a": SPREAD, "b": SPREAD}, [node("n1", cores=1), node("n2", cores=1)])
        tried.run()
        assert len(tried.pool.slots) == 1

    def test_a_gang_waits_until_all_of_its_places_are_free(self, bench, node, outcome):
        tried = bench({"a": SPREAD, "b": {}, "c": {}}, [node("n1"), node("n2")])
        tried.pool.runs["b"].append(outcome(seconds=60.0))
        rows = tried.run()
        assert {row["status"] for row in rows} == {"ok"}
        assert tried.pool.together <= 2

    def test_each_worker_s_probe_is_a_row_of_its_machine(self, bench, node):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2")])
        tried.run()
        probed = [(row["node"], row["probe_moment"]) for row in tried.machines()]
        assert probed == [("n1", "start"), ("n2", "start"), ("n1", "end"), ("n2", "end")]

    def test_what_can_never_be_placed_is_a_row(self, bench):
        (row,) = bench({"a": SPREAD}).run()
        assert (row["status"], row["attempt"]) == ("infeasible", 1)
        assert row["error"] == "needs 2 nodes, one for each worker, and only 1 could hold one"

    @pytest.mark.parametrize("node_lost", [True, False])
    def test_a_worker_that_dies_ends_the_run_which_is_tried_again(self, bench, node, outcome, node_lost):
        tried = bench({"a": SPREAD}, [node(name) for name in ("n1", "n2", "n3")])
        tried.pool.runs["a"].append(outcome(died="lost", node_lost=node_lost))
        (row,) = tried.run()
        assert (row["status"], row["attempt"], row["flags"]) == ("ok", 2, ("retried",))
        first = tried.pool.slots[1].allocations
        assert 1 in tried.pool.closed
        assert (first[-1].node.name in row["nodes"]) is not node_lost

    def test_the_node_of_any_worker_is_lost_to_all_runs_there(self, bench, node, outcome):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2")], retries=3)
        tried.pool.runs["a"].append(outcome(died="lost", node_lost=True))
        (row,) = tried.run()
        assert (row["status"], row["error"], row["attempt"]) == ("lost", "the process is gone", 1)
        assert row["nodes"] == ("n1", "n2")

    def test_what_a_worker_itself_calls_lost_is_tried_again(self, bench, node, outcome):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2")])
        tried.pool.runs["a"].append(outcome(measurement=LOST))
        (row,) = tried.run()
        assert (row["status"], row["attempt"]) == ("ok", 2)

    def test_its_node_is_lost_to_the_next_attempt_where_that_is_gone(self, bench, node, outcome):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2"), node("n3")])
        tried.pool.runs["a"].append(outcome(measurement=LOST, node_lost=True))
        (row,) = tried.run()
        assert (row["status"], row["attempt"]) == ("ok", 2)
        assert tried.pool.slots[1].allocations[-1].node.name not in row["nodes"]

    def test_and_its_last_attempt_keeps_what_it_measured(self, bench, node, outcome):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2")], retries=1)
        tried.pool.runs["a"] += [outcome(measurement=LOST)] * 2
        (row,) = tried.run()
        assert (row["status"], row["attempt"], row["step_seconds"]) == ("lost", 2, 0.5)

    def test_a_broken_gang_takes_no_other_run(self, bench, node, outcome):
        tried = bench({"a": SPREAD, "b": SPREAD}, [node("n1"), node("n2")])
        tried.pool.runs["a"].append(outcome(broken=True))
        tried.pool.runs["b"].append(outcome(broken=True))
        rows = tried.run()
        assert [row["status"] for row in rows] == ["ok", "ok"]
        assert [row["attempt"] for row in rows] == [1, 1]
        assert len({slot for slot, _, _ in tried.pool.submitted}) == 2

    def test_phases_are_told(self, bench, node):
        tried = bench({"a": SPREAD}, [node("n1"), node("n2")])
        tried.run()
        assert tried.log.phases == [("a", "train")]


class TestEveryNode:
    def test_each_scenario_runs_once_on_each_node(self, bench, node):
        tried = bench("a b", [node(name) for name in ("n1", "n2", "n3")], rounds=2, every_node=True)
        rows = tried.run()
        expected = {(r, label, name) for r in (1, 2) for label in "ab" for name in ("n1", "n2", "n3")}
        assert {(row["round"], row["label"], row["node"]) for row in rows} == expected
        assert len(rows) == len(expected)
        assert len({row["run_id"] for row in rows}) == len(rows)
        assert (tried.log.plan, tried.log.nodes) == ((12, 2), ("n1", "n2", "n3"))

    def test_auto_is_what_the_node_has(self, bench, node):
        rows = bench("a", [node("n1", gpus=1), node("n2")], every_node=True).run()
        assert {row["status"] for row in rows} == {"ok"}

    def test_what_a_node_can_never_hold_is_a_row_that_names_it(self, bench, node):
        rows = bench({"a": {"cpus": 3}}, [node("n1", cores=3), node("n2")], every_node=True).run()
        assert {row["node"]: row["status"] for row in rows} == {"n1": "ok", "n2": "infeasible"}

    def test_a_lost_node_loses_its_own_runs_alone(self, bench, node, outcome):
        tried = bench("a", [node("n1"), node("n2")], every_node=True)
        tried.pool.runs["a"].append(outcome(died="lost", node_lost=True))
        statuses = sorted(row["status"] for row in tried.run())
        assert statuses == ["lost", "ok"]

    def test_a_scenario_goes_on_until_its_times_are_enough_on_each_node(self, bench, node):
        tried = bench(
            "a",
            [node("n1"), node("n2")],
            every_node=True,
            precision=0.01,
            settled=lambda times: len(times) >= 7,
        )
        rows = tried.run()
        assert [row["round"] for row in rows if row["node"] == "n1"] == [1, 2, 3, 4, 5, 6, 7]
        assert len(rows) == 14


def test_with_exclusive_no_two_runs_are_on_a_node(bench, node):
    settings = {label: {"cpus": 1} for label in "abcdef"}
    together = bench(settings, [node("n1", cores=4), node("n2", cores=4)])
    together.run()
    assert together.pool.together == 6
    alone = bench(settings, [node("n1", cores=4), node("n2", cores=4)], session_id="s2", exclusive=True)
    alone.run()
    assert alone.pool.together == 2
    assert {allocation.cores for slot in alone.pool.slots.values() for allocation in slot.allocations} == {
        (0,)
    }
