import pytest

from bench.records.scenario import Scenario
from tests.gpu.fitting import widths_beyond
from tests.gpu.stages.suites import fitting

GIB = 2**30


@pytest.mark.parametrize("memory", [16 * GIB, 80 * GIB, 141 * GIB])
def test_weights_beyond_a_memory_are_a_scenario_all_the_same(memory):
    one, other = widths_beyond(memory)
    assert memory < 4 * one * other < 2 * memory
    Scenario(hidden=(one, other), batch_size=100)


@pytest.mark.parametrize(("seconds", "rounds"), [(500, 4), (213, 4), (212, 3), (90, 1), (5, 1)])
def test_as_many_rounds_are_run_as_fit(seconds, rounds):
    assert fitting(seconds, "notebook") == rounds
