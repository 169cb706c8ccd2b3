"""When a session probes its nodes, and what comes of it."""

from dataclasses import replace

import pytest

ONE_CORE = {"cpus": 1}


def moments(tried):
    return [(name, moment) for name, _, moment in tried.log.probes]


def probed_machines(tried):
    return [row for row in tried.machines() if row["probe_moment"]]


def test_each_node_is_probed_before_its_first_run_and_after_the_last(bench, node):
    tried = bench("a b c d", [node("n1"), node("n2")], rounds=2)
    tried.run()
    assert sorted(moments(tried)) == [("n1", "end"), ("n1", "start"), ("n2", "end"), ("n2", "start")]
    first = {slot: labels for slot, labels in tried.pool.probed[:2]}
    assert len(first) == 2
    assert [row["probe_float32_flops_per_second"] for row in probed_machines(tried)] == [1e11] * 4
    assert tried.pool.moments == ["start", "start", "end", "end"]


def test_the_last_probe_asks_a_process_that_is_there(bench, node):
    tried = bench("a b", [node()], rounds=2)
    tried.run()
    assert len(tried.pool.slots) == 1


def test_a_probe_knows_the_precisions_of_its_need(bench, node):
    half = {"precision": "mixed_bfloat16"}
    tried = bench({"a": {}, "b": half, "c": {**half, **ONE_CORE}}, [node(cores=2)])
    tried.run()
    asked = {len(tried.pool.slots[slot].allocations[0].cores): set(p) for slot, p in tried.pool.probed}
    assert asked == {2: {"float32", "mixed_bfloat16"}, 1: {"mixed_bfloat16"}}


def test_a_slot_that_is_gone_is_opened_anew_for_the_last_probe(bench, node, outcome):
    tried = bench("a", [node()])
    tried.pool.runs["a"].append(outcome(died="failed"))
    tried.run()
    assert moments(tried) == [("n1", "start"), ("n1", "end")]
    assert len(tried.pool.slots) == 2


def test_one_process_is_enough_to_see_a_node_again(bench, node):
    tried = bench({"a": {}, "b": ONE_CORE}, [node(cores=2)])
    tried.run()
    assert sorted(moments(tried)) == [("n1", "end")] + [("n1", "start")] * 2
    assert {(row["probe_cores"], row["probe_moment"]) for row in probed_machines(tried)} == {
        (4, "start"),
        (4, "end"),
    }


def test_rows_have_their_share_of_the_limit(bench, node):
    tried = bench("a", [node()])
    (row,) = tried.run()
    # 784 × 8 + 8 × 10 weights; 100 × (6 × 6,352 − 2 × 6,272) operations at 1e11 a second take 25.568 µs
    assert row["limit_seconds"] == pytest.approx(25.568e-6)
    assert row["limit_fraction"] == pytest.approx(25.568e-6 / row["step_seconds"])
    assert row["bound_by"] == "compute"


def test_without_a_step_time_there_is_no_share(bench, node, outcome):
    tried = bench("a", [node()])
    failed = replace(outcome().measurement, status="failed", step_seconds=None)
    tried.pool.runs["a"].append(outcome(measurement=failed))
    (row,) = tried.run()
    assert row["limit_seconds"] is row["limit_fraction"] is row["bound_by"] is None


def test_a_probe_that_fails_costs_the_limits_and_nothing_else(bench, node):
    tried = bench("a b", [node()])
    tried.pool.limits = None
    rows = tried.run()
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert {row["limit_seconds"] for row in rows} == {None}
    assert probed_machines(tried) == []
    assert len(tried.pool.probed) == 1
    assert tried.log.unprobed_places == [(["n1"], "start", "the probe failed")]


@pytest.mark.parametrize("status", ["lost", "oom_host"])
def test_a_process_that_dies_of_its_probe_costs_the_run_nothing(bench, node, outcome, status):
    tried = bench("a", [node()])
    tried.pool.probes.append(outcome(died=status))
    (row,) = tried.run()
    assert (row["status"], row["attempt"]) == ("ok", 1)
    assert len(tried.pool.probed) == 1
    assert [told[:2] for told in tried.log.unprobed_places] == [(["n1"], "start")]


def test_a_probe_that_hangs_is_given_up_and_the_run_goes_on(bench, node, outcome):
    tried = bench("a", [node()])
    tried.pool.probes.append(outcome(seconds=None))
    (row,) = tried.run()
    assert (row["status"], row["attempt"]) == ("ok", 1)
    assert len(tried.pool.slots) == 2
    assert tried.log.unprobed_places == [(["n1"], "start", "the probe was not done after 120 s")]


@pytest.mark.parametrize(("taken", "probed"), [(290.0, True), (310.0, False)])
def test_a_gpu_has_time_to_tune_its_products(bench, node, outcome, taken, probed):
    tried = bench({"a": {"device": "gpu"}}, [node(gpus=1)])
    tried.pool.probes.append(outcome(seconds=taken))
    (row,) = tried.run()
    assert row["status"] == "ok"
    assert (("n1", "start") in moments(tried)) is probed
    why = "the probe was not done after 300 s, the tuning of a GPU's large products included"
    assert tried.log.unprobed_places == ([] if probed else [(["n1"], "start", why)])


def test_a_last_probe_that_hangs_ends_with_its_deadline(bench, node, outcome):
    tried = bench("a", [node()])
    tried.pool.probes += [outcome(seconds=0.0), outcome(seconds=None)]
    assert [row["status"] for row in tried.run()] == ["ok"]
    assert moments(tried) == [("n1", "start")]
    assert [told[:2] for told in tried.log.unprobed_places] == [(["n1"], "end")]


def test_an_interrupt_of_the_last_probe_loses_no_run(bench, node, outcome):
    tried = bench("a", [node()])
    tried.pool.probes += [outcome(seconds=0.0), outcome(seconds=100.0)]
    tried.pool.interrupt_at = tried.clock.now + 50
    with pytest.raises(KeyboardInterrupt):
        tried.run()
    assert [row["status"] for row in tried.rows()] == ["ok"]


def test_without_probing_rows_have_no_limits(bench, node):
    tried = bench("a b", [node()], probe=False)
    rows = tried.run()
    assert tried.pool.probed == []
    assert {(row["status"], row["limit_seconds"]) for row in rows} == {("ok", None)}


def test_the_last_probes_are_side_by_side_on_different_nodes(bench, node, outcome):
    nodes = [node(f"n{i}") for i in range(5)]
    tried = bench("a b c d e", nodes)
    tried.pool.probes += [outcome(seconds=10.0)] * 10
    tried.run()
    assert sorted(moments(tried)) == sorted((n.name, moment) for n in nodes for moment in ("start", "end"))
    assert tried.clock.now == 1000.0 + 1 + 10 + 1 + 10


def test_a_last_probe_whose_slot_never_opens_is_told(bench, node, outcome):
    tried = bench("a", [node()])
    tried.pool.runs["a"].append(outcome(died="failed"))
    tried.pool.opens += [outcome(), outcome(seconds=None)]
    tried.run()
    assert moments(tried) == [("n1", "start")]
    assert [told[:2] for told in tried.log.unprobed_places] == [(["n1"], "end")]
