import random
from collections import deque

import pytest

from bench.orchestration.scheduling.request import Node

EIGHT_CORES = [Node(f"n{i}", f"n{i}", tuple(range(8))) for i in range(4)]
UNEVEN = [Node(f"n{i}", f"n{i}", tuple(range(cores))) for i, cores in enumerate((4, 8, 16))]


def equal_needs(_rng):
    """As the sweeps of a suite are."""
    return {"cpus": 2}


def mixed_needs(rng):
    """Narrow and wide runs, one in five of them a gang."""
    gang = {"strategy": "multi_worker_mirrored", "workers": 2, "placement": rng.choice(["pack", "spread"])}
    return {"cpus": rng.choice([1, 2, 4]), **(gang if rng.random() < 0.2 else {})}


def makespan_over_bound(bench, nodes, needs, longest_first, runs=120):
    """Seconds of a round of `runs` whose times differ by orders of magnitude, over the least there could be.

    That is the longest run, or all the work on all the cores, whichever is more.
    """
    rng = random.Random(1969)
    settings = {f"r{i}": needs(rng) for i in range(runs)}
    seconds = {label: rng.lognormvariate(4, 0.8) for label in settings}
    tried = bench(settings, nodes, expected=seconds if longest_first else None)
    for label, taken in seconds.items():
        tried.pool.runs[label].append(tried.outcome(seconds=taken, epochs=0))
    tried.pool.opens = deque([tried.outcome(seconds=0.0)] * 10 * runs)
    began = tried.clock.now
    rows = tried.run()
    assert {row["status"] for row in rows} == {"ok"}
    cores = {label: s["cpus"] * s.get("workers", 1) for label, s in settings.items()}
    work = sum(cores[label] * taken for label, taken in seconds.items())
    bound = max(*seconds.values(), work / sum(len(node.cores) for node in nodes))
    return (tried.clock.now - began) / bound


class TestMakespan:
    @pytest.mark.parametrize("nodes", [EIGHT_CORES, UNEVEN], ids=["equal nodes", "unequal nodes"])
    @pytest.mark.parametrize("needs", [equal_needs, mixed_needs])
    def test_longest_first_is_within_5_percent_of_the_least_there_could_be(self, bench, nodes, needs):
        assert 1.0 <= makespan_over_bound(bench, nodes, needs, longest_first=True) <= 1.05

    def test_shuffled_is_not(self, bench):
        assert makespan_over_bound(bench, EIGHT_CORES, mixed_needs, longest_first=False) > 1.05


class TestLongestFirst:
    def test_goes_by_what_runs_are_expected_to_take(self, bench):
        tried = bench("a b c", expected={"a": 1, "b": 3, "c": 2})
        tried.run()
        assert tried.order(1) == ["b", "c", "a"]

    def test_then_by_what_they_took(self, bench, outcome):
        tried = bench("a b c", expected=dict.fromkeys("abc", 1.0), rounds=2)
        for label, seconds in {"a": 2.0, "b": 1.5, "c": 3.0}.items():
            tried.pool.runs[label].append(outcome(seconds=seconds))
        tried.run()
        assert tried.order(2) == ["c", "a", "b"]

    def test_equals_are_shuffled_anew_in_every_round(self, bench):
        labels = "abcdefgh"
        tried = bench(" ".join(labels), expected=dict.fromkeys(labels, 1.0), rounds=3)
        tried.run()
        assert len({tuple(tried.order(number)) for number in (1, 2, 3)}) == 3

    def test_a_short_run_is_done_before_a_wide_one_has_its_cores(self, bench, node, outcome):
        """Backfilling: "wide" waits for the core of "long", and "short" ends before that."""
        settings = {"long": {"cpus": 1}, "wide": {"cpus": 2}, "short": {"cpus": 1}, "late": {"cpus": 1}}
        seconds = {"long": 100.0, "wide": 50.0, "short": 10.0, "late": 49.0}
        tried = bench(settings, [node(cores=2)], expected=seconds)
        tried.pool.opens = deque([outcome(seconds=0.0)] * 10)
        for label, taken in seconds.items():
            tried.pool.runs[label].append(outcome(seconds=taken))
        tried.run()
        assert set(tried.order(1)[:2]) == {"long", "late"}
        assert tried.order(1)[2:] == ["short", "wide"]
