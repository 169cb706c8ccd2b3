import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import nodes
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
        assert (found.verdict, found.scenarios, found.sessions, found.runs) == ("slower", 1, 1, 4)

    def test_the_other_one_is_faster_by_as_much(self):
        found = by_node(*SLOW)["a"]
        assert (found.ratio, found.verdict) == (pytest.approx(2 / 3), "faster")

    def test_the_interval_is_student_s_with_the_jackknife_s_error(self):
        """Logarithms of b are 0, 1, 2 and 5 tenths: of the ten means of pairs the median is 0.175, and of
        the six without the one or the other 0.25, 0.225, 0.175 and 0.1. The sum of the squared distances of
        those from their mean is 0.013125, and three quarters of it are the square of the error, 0.0992157.
        That of a is 0, so there are 3 degrees of freedom, with which t is 3.182446.
        """
        found = by_node(runs("a", [1.0] * 4), runs("b", np.exp([0.0, 0.1, 0.2, 0.5]).tolist()))["b"]
        logs = np.log([found.ratio, found.low, found.high])
        reach = 3.182446 * 0.0992157
        assert logs == pytest.approx([0.175, 0.175 - reach, 0.175 + reach], rel=1e-5)
        assert (found.verdict, found.differs) == ("unclear", False)

    def test_of_three_nodes_or_more_each_stands_against_the_median_node(self):
        found = by_node(*(runs(node, [step] * 4) for node, step in (("a", 1.0), ("b", 1.1), ("c", 1.5))))
        assert [found[node].ratio for node in "abc"] == pytest.approx([1 / 1.1, 1.0, 1.5 / 1.1])

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

    def test_a_round_in_which_all_was_slow_is_one_look_not_several(self):
        """What slowed one scenario slowed the other: two of them tell no more than one does."""
        slow = [1.0, 1.2, 1.0, 1.1]
        one = by_node(runs("a", [1.0] * 4), runs("b", slow))["b"]
        twice = [runs(node, steps, name) for name in "st" for node, steps in (("a", [1.0] * 4), ("b", slow))]
        assert by_node(*twice)["b"].high == pytest.approx(one.high)

    def test_the_slowest_comes_first(self):
        rows = [runs(node, [step] * 4) for node, step in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
        assert [found.node for found in table_of(*rows).nodes] == ["b", "c", "a"]

    def test_one_run_that_was_disturbed_moves_nothing(self):
        found = by_node(runs("a", [1.0] * 10), runs("b", [*[1.0] * 9, 3.0]))["b"]
        assert (found.ratio, found.verdict) == (1.0, "same")


class TestVerdict:
    @pytest.mark.parametrize(
        ("step", "verdict"),
        [(1.02, "slower"), (1.009, "same"), (1.0, "same"), (0.991, "same"), (0.99, "faster")],
    )
    def test_within_one_percent_is_the_same(self, step, verdict):
        """Seen from either side: from 1 / 1.01, or 0.990099, to 1.01."""
        assert by_node(runs("a", [1.0] * 4), runs("b", [step] * 4))["b"].verdict == verdict

    def test_too_few_rounds_give_a_ratio_without_a_verdict(self):
        found = by_node(runs("a", [1.0] * 3), runs("b", [2.0] * 3))["b"]
        assert (found.ratio, found.low, found.high) == (2.0, None, None)
        assert (found.verdict, found.differs) == (None, False)

    def test_beside_a_slow_node_the_sound_ones_are_the_same(self):
        found = by_node(*(runs(node, [step] * 5) for node, step in (("a", 1.0), ("b", 1.0), ("c", 1.5))))
        assert {node: one.verdict for node, one in found.items()} == {"a": "same", "b": "same", "c": "slower"}

    def test_one_slow_node_does_not_hide_another(self):
        steps = {"a": 1.0, "b": 1.0, "c": 1.2, "d": 3.0, "e": 1.0}
        found = by_node(*(runs(node, [step] * 5) for node, step in steps.items()))
        assert {node for node, one in found.items() if one.verdict == "slower"} == {"c", "d"}
        assert {node for node, one in found.items() if one.verdict == "same"} == {"a", "b", "e"}

    def test_of_few_nodes_each_is_tested_and_the_tests_are_counted(self):
        """Scarcely certain alone, and so no longer where three ask."""
        doubtful = np.exp([0.02, 0.03, 0.03, 0.05]).tolist()
        two = by_node(runs("a", [1.0] * 4), runs("b", doubtful))["b"]
        three = by_node(runs("a", [1.0] * 4), runs("c", [1.0] * 4), runs("b", doubtful))["b"]
        assert (two.low, two.verdict) == (pytest.approx(three.low), "slower")
        assert (three.verdict, three.differs) == ("unclear", True)


class TestScatter:
    """From five nodes on a node has to stand out of the others, which all have their moods."""

    LOGS = (-0.02, -0.02, -0.01, 0.0, 0.0, 0.01, 0.01, 0.02)

    def with_one_more(self, log):
        """The median stays 0, and the MAD 0.01: of 9 nodes the margin is 8.3 times 0.014826, or 0.12306."""
        steps = np.exp([*self.LOGS, log]).tolist()
        table = table_of(*(runs(str(node), [step] * 4) for node, step in enumerate(steps)))
        assert math.log1p(table.margin) == pytest.approx(0.12306, abs=1e-5)
        return {node.node: node for node in table.nodes}["8"]

    def test_within_what_the_others_scatter_nothing_is_said(self):
        found = self.with_one_more(0.123)
        assert (found.verdict, found.differs) == ("unclear", True)

    def test_beyond_it_is_slower(self):
        assert self.with_one_more(0.124).verdict == "slower"

    def test_four_nodes_have_no_scatter_that_tells_anything(self):
        assert table_of(*(runs(node, [1.0] * 4) for node in "abcd")).margin is None
        assert table_of(*(runs(node, [1.0] * 4) for node in "abcde")).margin == 0.01


def sessions(*logs, rounds=4):
    """Runs of two nodes, b as much slower in each session as these logarithms say."""
    return [
        row
        for number, log in enumerate(logs)
        for node, step in (("a", 1.0), ("b", math.exp(log)))
        for row in runs(node, [step * (1 + number)] * rounds, session_id=f"session {number}")
    ]


class TestSessions:
    def test_fewer_than_four_tell_of_themselves(self):
        table = table_of(sessions(0.1, 0.2, 0.3))
        assert (table.sessions, table.over_sessions) == (3, False)
        found = table.nodes[0]
        assert (found.node, found.ratio, found.low) == ("b", *[pytest.approx(math.exp(0.2))] * 2)
        assert (found.verdict, found.sessions, found.scenarios, found.runs) == ("slower", 3, 1, 12)

    def test_four_or_more_are_what_the_node_is_known_by(self):
        """Their mean is 0.12, their deviation 0.0158114, and t with 4 degrees of freedom 2.776445."""
        table = table_of(sessions(0.1, 0.11, 0.12, 0.13, 0.14))
        assert (table.sessions, table.over_sessions) == (5, True)
        found = table.nodes[0]
        reach = 2.776445 * 0.0158114 / math.sqrt(5)
        logs = np.log([found.ratio, found.low, found.high])
        assert logs == pytest.approx([0.12, 0.12 - reach, 0.12 + reach], rel=1e-5)
        assert found.verdict == "slower"

    def test_two_rounds_in_each_are_enough_for_that(self):
        assert table_of(sessions(0.1, 0.11, 0.12, 0.13, rounds=2)).nodes[0].verdict == "slower"

    def test_one_bad_day_is_none_of_the_node_s_doing(self):
        found = table_of(sessions(0.0, 0.0, 0.5, 0.0, 0.0)).nodes[0]
        assert (found.ratio, found.verdict) == (pytest.approx(math.exp(0.1)), "unclear")

    def test_p_values_are_adjusted_for_the_nodes(self):
        """Of two nodes there is one question; of four there are four, and 4 times 1.2 % is more than 2 %."""
        logs = (0.05, 0.07, 0.09, 0.11)
        assert table_of(sessions(*logs)).nodes[0].verdict == "slower"
        more = [
            runs(node, [1.0 + number] * 4, session_id=f"session {number}")
            for node in "cd"
            for number in range(4)
        ]
        found = table_of(sessions(*logs), *more).nodes[0]
        assert (found.node, found.verdict, found.differs) == ("b", "unclear", True)

    def test_a_node_that_was_in_few_of_them_has_no_verdict(self):
        late = [{**row, "run_id": f"c-{row['run_id']}", "node": "c", "nodes": ["c"]} for row in sessions(0.0)]
        found = by_node(sessions(0.0, 0.0, 0.0, 0.0), late[:4])
        assert (found["c"].sessions, found["c"].low, found["c"].verdict) == (1, None, None)
        assert found["a"].verdict == "same"

    def test_a_node_that_stands_out_of_many_needs_no_test_of_its_own(self):
        """Of forty nodes a test asks for a p value of 0.05 %: t with 4 degrees of freedom would be 10."""
        rng = np.random.default_rng(0)
        moods = rng.normal(0, 0.02, (5, 40))
        moods[:, 7] += 0.1
        rows = [
            runs(str(node), [math.exp(log)] * 4, session_id=f"session {session}")
            for (session, node), log in np.ndenumerate(moods)
        ]
        verdicts = {node.node: node.verdict for node in table_of(*rows).nodes}
        assert verdicts["7"] == "slower"
        assert set(verdicts.values()) <= {"slower", "same", "unclear"}
        assert list(verdicts.values()).count("slower") == 1


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

    def test_machines_of_one_name_are_told_apart_by_their_id(self):
        rows = [runs(node, [1.0] * 4, machine_id="x") for node in "ab"]
        rows.append(runs("c", [1.5] * 4, machine_id="y"))
        table = table_of(*rows)
        assert [node.node for node in table.nodes] == ["a", "b"]
        assert table.alone == ("c",)

    def test_who_ran_in_another_session_or_on_another_device_is_not_alone_beside_them(self):
        rows = [runs(node, [1.0] * 4, machine_id="x") for node in "ab"]
        rows.append(runs("c", [1.5] * 4, machine_id="y", session_id="another"))
        rows.append(runs("d", [1.5] * 4, machine_id="z", device_name="a GPU"))
        assert table_of(*rows).alone == ()

    def test_the_same_run_in_two_folders_counts_once(self):
        assert by_node(*SLOW, *SLOW)["b"].runs == 4

    def test_of_very_many_rounds_neighbours_are_taken_together(self):
        """None is left out: a node that was slow in the first half is in between."""
        found = by_node(runs("a", [1.0] * 400), runs("b", [2.0] * 200 + [1.0] * 200))["b"]
        assert (found.runs, found.ratio) == (400, pytest.approx(math.sqrt(2)))


TIMES = st.lists(st.floats(0.9, 1.2), min_size=2, max_size=8)


@given(TIMES, TIMES)
def test_of_two_nodes_one_is_as_much_slower_as_the_other_is_faster(steps_a, steps_b):
    found = by_node(runs("a", steps_a), runs("b", steps_b))
    assert found["a"].ratio * found["b"].ratio == pytest.approx(1.0)
    mirrored = {"slower": "faster", "faster": "slower"}
    assert found["a"].verdict == mirrored.get(found["b"].verdict, found["b"].verdict)
