import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import nodes
from bench.analysis.comparison import compare
from tests.runs import run_table


def node_tables(rows):
    return nodes.node_tables(run_table(rows))


NUMBERS = itertools.count()


def runs(node, steps, scenario_id="s1", **columns):
    """Rows of `runs`: one per time of a step, of one scenario on one node."""
    return [
        {
            "run_id": f"run-{next(NUMBERS)}",
            "session_id": "session",
            "scenario_id": scenario_id,
            "label": scenario_id,
            "round": number,
            "status": "ok",
            "machine": "a machine",
            "device_name": "a CPU",
            "node": node,
            "nodes": [node],
            "step_seconds": step,
            **columns,
        }
        for number, step in enumerate(steps, start=1)
    ]


def table_of(*rows):
    (found,) = node_tables(itertools.chain(*rows))
    return found


def by_node(*rows):
    return {found.node: found for found in table_of(*rows).nodes}


SLOW = (runs("a", [1.0] * 4), runs("b", [1.5] * 4))


class TestRatio:
    def test_a_node_that_takes_half_as_long_again_is_slower(self):
        found = by_node(*SLOW)["b"]
        assert (found.ratio, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))
        assert (found.verdict, found.others, found.scenarios, found.runs) == ("slower", ("a",), 1, 4)

    def test_the_other_one_is_faster_by_as_much(self):
        found = by_node(*SLOW)["a"]
        assert (found.ratio, found.verdict) == (pytest.approx(2 / 3), "faster")

    def test_the_interval_is_that_of_all_pairs_of_runs(self):
        """The ratios are 1, 2, 2 and 4 four times each: four runs a side leave all of them at 95 %."""
        found = by_node(runs("a", [1.0] * 4), runs("b", [1.0, 2.0, 4.0, 2.0]))["b"]
        assert (found.low, found.ratio, found.high) == pytest.approx((1.0, 2.0, 4.0))
        assert found.verdict == "unclear"

    def test_a_node_stands_against_all_others_together(self):
        found = by_node(runs("a", [1.0] * 4), runs("b", [1.0] * 4), runs("c", [1.5] * 4))
        assert (found["c"].others, found["c"].ratio) == (("a", "b"), pytest.approx(1.5))
        assert found["c"].verdict == "slower"

    def test_over_scenarios_it_is_the_geometric_mean(self):
        """Twice as long in one and eight times in another: the root of 16."""
        steps = {"s1": (1.0, 2.0), "s2": (0.5, 4.0)}
        rows = [
            runs(node, [step] * 4, name)
            for name, pair in steps.items()
            for node, step in zip("ab", pair, strict=True)
        ]
        found = by_node(*rows)["b"]
        assert (found.ratio, found.low, found.high) == pytest.approx((4.0, 4.0, 4.0))
        assert (found.scenarios, found.runs) == (2, 8)

    def test_the_ends_of_the_interval_are_those_of_the_scenarios_in_the_mean(self):
        """From 1 to 4 in one, and 1 in the other: the roots of 1 and 4."""
        rows = [runs("a", [1.0] * 4, "s1"), runs("b", [1.0, 2.0, 4.0, 2.0], "s1")]
        rows += [runs(node, [1.0] * 4, "s2") for node in "ab"]
        found = by_node(*rows)["b"]
        assert (found.low, found.ratio, found.high) == pytest.approx((1.0, math.sqrt(2), 2.0))

    def test_the_slowest_comes_first(self):
        rows = [runs(node, [step] * 4) for node, step in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
        assert [found.node for found in table_of(*rows).nodes] == ["b", "c", "a"]


class TestVerdict:
    @pytest.mark.parametrize(
        ("step", "verdict"),
        [(1.02, "slower"), (1.009, "same"), (1.0, "same"), (0.991, "same"), (0.99005, "faster")],
    )
    def test_within_one_percent_is_the_same(self, step, verdict):
        """Seen from either side: from 1 / 1.01, or 0.990099, to 1.01."""
        assert by_node(runs("a", [1.0] * 4), runs("b", [step] * 4))["b"].verdict == verdict

    def test_too_few_rounds_give_a_ratio_without_a_verdict(self):
        found = by_node(runs("a", [1.0] * 3), runs("b", [2.0] * 3))["b"]
        assert (found.ratio, found.low, found.high) == (2.0, None, None)
        assert (found.verdict, found.certain) == (None, False)

    def test_where_some_scenarios_have_an_interval_only_those_count(self):
        rows = [runs(node, [step] * 3, "s2") for node, step in (("a", 1.0), ("b", 9.0))]
        found = by_node(*SLOW, *rows)["b"]
        assert (found.ratio, found.scenarios, found.runs) == (pytest.approx(1.5), 1, 4)
        assert found.verdict == "slower"


class TestOthers:
    """Those that a node stands against: without the nodes that are slow for certain."""

    def test_beside_a_slow_node_the_sound_ones_are_the_same(self):
        found = by_node(*(runs(node, [step] * 5) for node, step in (("a", 1.0), ("b", 1.0), ("c", 1.5))))
        assert {node: (one.others, one.verdict) for node, one in found.items()} == {
            "a": (("b",), "same"),
            "b": (("a",), "same"),
            "c": (("a", "b"), "slower"),
        }

    def test_one_slow_node_does_not_hide_another(self):
        """Against the other slow one and two sound ones, the less slow one would stand in the middle."""
        steps = {"a": 1.0, "b": 1.0, "c": 1.2, "d": 3.0}
        found = by_node(*(runs(node, [step] * 5) for node, step in steps.items()))
        assert (found["c"].others, found["c"].ratio) == (("a", "b"), pytest.approx(1.2))
        assert {node: one.verdict for node, one in found.items()} == {
            "a": "same",
            "b": "same",
            "c": "slower",
            "d": "slower",
        }

    def test_who_seems_slow_without_being_so_for_certain_stays(self):
        found = by_node(*(runs(node, [step] * 3) for node, step in (("a", 1.0), ("b", 1.0), ("c", 1.5))))
        assert found["c"].verdict == "slower"
        assert not found["c"].certain
        assert found["a"].others == ("b", "c")

    def test_no_claim_is_easier_for_it(self):
        """The correction is for as many comparisons as before, though two of them now are one."""
        assert table_of(*(runs(n, [s] * 5) for n, s in (("a", 1.0), ("b", 1.0), ("c", 1.5)))).tests == 3


class TestHolm:
    def test_two_nodes_alone_are_one_question(self):
        """Four against four: p is 2 / C(8, 4), 2.9 %."""
        assert table_of(*SLOW).tests == 1
        assert all(found.certain for found in table_of(*SLOW).nodes)

    def test_with_a_second_scenario_four_rounds_are_not_enough(self):
        """Twice 2.9 % is more than 5 %; with five rounds it is twice 0.8 %."""
        for rounds, certain in ((4, False), (5, True)):
            rows = [
                runs(node, [step] * rounds, name)
                for name in ("s1", "s2")
                for node, step in (("a", 1.0), ("b", 1.5))
            ]
            found = table_of(*rows)
            assert found.tests == 2
            assert [(node.verdict, node.certain) for node in found.nodes] == [
                ("slower", certain),
                ("faster", certain),
            ]

    def test_of_three_nodes_each_asks_a_question_of_its_own(self):
        """Four against eight: p is 2 / C(12, 4), 0.4 %, three times that at most."""
        found = table_of(runs("a", [1.0] * 4), runs("b", [1.0] * 4), runs("c", [1.5] * 4))
        assert found.tests == 3
        assert found.nodes[0].certain

    def test_what_is_certain_of_the_other_direction_backs_no_verdict(self):
        """Faster for sure where five rounds stand for it: three times 0.8 %; slower twice at twice 2.9 %."""
        pairs = {"s1": (5, 0.9), "s2": (4, 4.0), "s3": (4, 4.0)}
        rows = [
            runs(node, [step] * rounds, name)
            for name, (rounds, ratio) in pairs.items()
            for node, step in (("a", 1.0), ("b", ratio))
        ]
        found = by_node(*rows)["b"]
        assert (found.verdict, found.certain) == ("slower", False)

    def test_what_is_the_same_claims_nothing(self):
        assert not any(found.certain for found in table_of(*(runs(node, [1.0] * 9) for node in "ab")).nodes)


class TestWhichRuns:
    def test_nodes_of_different_hardware_are_different_not_slow(self):
        rows = [
            *(runs(node, [1.0] * 4) for node in "ab"),
            *(runs(node, [9.0] * 4, machine="an older machine") for node in "cd"),
        ]
        found = node_tables(itertools.chain(*rows))
        assert [(table.machine, [node.node for node in table.nodes]) for table in found] == [
            ("a machine", ["a", "b"]),
            ("an older machine", ["c", "d"]),
        ]
        assert {node.verdict for table in found for node in table.nodes} == {"same"}

    def test_nor_are_two_devices_of_one_machine(self):
        rows = [runs("a", [1.0] * 4), runs("b", [9.0] * 4, device_name="a GPU")]
        assert node_tables(itertools.chain(*rows)) == []

    @pytest.mark.parametrize(
        "other",
        [
            {"session_id": "another"},
            {"scenario_id": "s2"},
            {"status": "lost"},
            {"nodes": ["b", "c"]},
            {"machine": None},
            {"step_seconds": None},
        ],
    )
    def test_only_what_ran_ok_in_one_session_on_one_node_is_compared(self, other):
        assert node_tables([{**row, **other} for row in SLOW[1]] + SLOW[0]) == []

    @pytest.mark.parametrize("counts", [(4, 1), (1, 1), (4, 0)])
    def test_two_nodes_need_two_runs_each(self, counts):
        rows = [runs(node, [1.0] * count) for node, count in zip("ab", counts, strict=True)]
        assert node_tables(itertools.chain(*rows)) == []

    def test_a_node_with_one_run_is_left_out_of_the_others(self):
        assert set(by_node(*SLOW, runs("c", [1.0]))) == {"a", "b"}

    def test_several_workers_on_one_node_tell_of_it(self):
        rows = [runs(node, [step] * 4, nodes=[node, node]) for node, step in (("a", 1.0), ("b", 1.5))]
        assert by_node(*rows)["b"].verdict == "slower"

    def test_an_older_table_names_the_node_alone(self):
        rows = [runs(node, [step] * 4, nodes=None) for node, step in (("a", 1.0), ("b", 1.5))]
        assert by_node(*rows)["b"].verdict == "slower"

    def test_sessions_are_compared_each_for_itself_and_taken_together(self):
        """All is twice as slow in the second session, which says nothing of the nodes."""
        rows = [
            runs(node, [step * (1 + late)] * 4, session_id=f"session {late}")
            for late in (0, 1)
            for node, step in (("a", 1.0), ("b", 1.5))
        ]
        found = by_node(*rows)["b"]
        assert (found.ratio, found.scenarios, found.runs) == (pytest.approx(1.5), 2, 8)

    def test_the_same_run_in_two_folders_counts_once(self):
        assert by_node(*SLOW, *SLOW)["b"].runs == 4

    def test_of_very_many_rounds_the_last_are_compared(self):
        """Two nodes: as many runs as have 40,000 pairs between them and both nodes, 141."""
        found = by_node(*(runs(node, [9.0] * 141 + [step] * 141) for node, step in (("a", 1.0), ("b", 1.5))))
        assert (found["b"].runs, found["b"].low, found["b"].high) == (141, 1.5, 1.5)


TIMES = st.lists(st.floats(0.9, 1.2), min_size=2, max_size=8)


@given(TIMES, TIMES)
def test_two_nodes_get_the_verdict_that_compare_gives_their_sessions(steps_a, steps_b):
    rows_a, rows_b = (
        [{**row, "hidden": [50, 50], "dataset": "mnist", "batch_size": 100} for row in runs(node, steps)]
        for node, steps in (("a", steps_a), ("b", steps_b))
    )
    (known,) = compare(run_table(rows_a), [], run_table(rows_b), []).scenarios
    found = by_node(rows_a, rows_b)["b"]
    assert found.ratio == pytest.approx(known.ratio)
    assert (found.low is None) == (known.low is None)
    if known.low is not None:
        assert (found.low, found.high) == pytest.approx((known.low, known.high))
        assert (found.verdict, found.certain) == (
            known.verdict,
            known.verdict in ("slower", "faster") and known.p_holm <= 0.05,
        )


@given(TIMES, TIMES)
def test_of_two_nodes_one_is_as_much_slower_as_the_other_is_faster(steps_a, steps_b):
    found = by_node(runs("a", steps_a), runs("b", steps_b))
    assert found["a"].ratio * found["b"].ratio == pytest.approx(1.0)
    mirrored = {"slower": "faster", "faster": "slower"}
    assert found["a"].verdict == mirrored.get(found["b"].verdict, found["b"].verdict)
    assert found["a"].certain == found["b"].certain
