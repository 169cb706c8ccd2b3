import numpy as np

from bench.analysis.energy import own_energy, per_million_samples
from bench.analysis.node_shares import node_shares
from tests.runs import run_table

GPU = {"device_name": "a GPU"}
MACHINE = {
    **{"session_id": "s", "node": "n", "machine_id": "aaaa", "machine": "a box", "cpu_cores_logical": 8},
    **{"gpu_count": 2, "gpu_name": ["a GPU"] * 2},
}


def told(joules, **columns):
    """What runs that used so much are told to have used, and for a million images; None where nothing is."""
    rows = [
        {
            **{"run_id": f"{place}", "session_id": "s", "status": "ok", "node": "n", "nodes": ["n"]},
            **{"workers": 1, "devices": 1, "device_name": "a CPU", "energy_joules": used, "samples": 250_000},
            **columns,
        }
        for place, used in enumerate(joules)
    ]
    runs = run_table(rows)
    own = own_energy(runs, list(node_shares(runs, [MACHINE])))
    both = (own, per_million_samples(runs, own))
    return [[None if np.isnan(value) else value for value in of.tolist()] for of in both]


def test_energy_of_a_run_and_of_a_million_images():
    """250,000 images a run: a million take four times as much."""
    assert told([100.0, None, 110.0], **GPU) == [[100.0, None, 110.0], [400.0, None, 440.0]]


def test_a_run_on_a_part_of_a_cpu_is_not_told_by_its_meter():
    assert told([100.0], cpus=4) == [[None], [None]]
    assert told([100.0], cpus=8) == told([100.0]) == [[100.0], [400.0]]


def test_a_gpu_is_metered_by_itself():
    assert told([100.0], cpus=1, **GPU)[0] == [100.0]


def test_failed_runs_tell_nothing():
    assert told([100.0], status="failed") == [[None], [None]]


def test_without_images_there_is_energy_of_a_run_alone():
    assert told([100.0], samples=None) == [[100.0], [None]]
    assert told([100.0], samples=0) == [[100.0], [None]]
