import pytest

from bench.records.net import model_flops_per_step
from bench.records.probe import Bandwidth, Probe
from bench.records.scenario import Scenario
from bench.training.roofline import bandwidth_at, gemms, step_limit

# 784 × 8 + 8 × 10 = 6,352 weights and 18 biases.
SMALL = {"hidden": [8], "batch_size": 100}
BANDWIDTHS = (Bandwidth(1_000, 1e9), Bandwidth(1_000_000, 1e8))


def probe(
    rate=1e9, bandwidths=BANDWIDTHS, product_seconds=0.0, precision="float32", kind="cpu", all_reduce=None
):
    return Probe(kind, 2, {precision: rate}, bandwidths, 1e-4, product_seconds, 1.0, all_reduce)


def flat(bytes_per_second):
    return (Bandwidth(1_000, bytes_per_second), Bandwidth(1_000_000, bytes_per_second))


def test_compute_is_the_exact_flops_at_the_rate_of_a_large_product():
    limit = step_limit(Scenario(**SMALL), probe(rate=1e9, bandwidths=flat(1e15)))
    # 100 × (6 × 6,352 − 2 × 6,272) = 2,556,800
    assert limit.seconds == pytest.approx(2.5568e-3)
    assert limit.bound_by == "compute"


@pytest.mark.parametrize(
    ("optimizer", "moved"),
    [("adam", 24), ("adamw", 24), ("momentum", 16), ("sgd", 8)],
)
def test_memory_is_state_in_and_out_and_the_batch_in(optimizer, moved):
    limit = step_limit(Scenario(optimizer=optimizer, **SMALL), probe(rate=1e15, bandwidths=flat(1e9)))
    assert limit.seconds == pytest.approx((6_370 * moved + 100 * 784) / 1e9)
    assert limit.bound_by == "memory"


def test_latency_is_every_layer_forward_and_backward_one_after_the_other():
    limit = step_limit(Scenario(hidden=[8, 8], batch_size=1), probe(1e15, flat(1e15), product_seconds=1e-6))
    assert limit.seconds == pytest.approx(6e-6)
    assert limit.bound_by == "latency"


LACKING = [
    ({"rate": None}, "compute"),
    ({"bandwidths": ()}, "memory"),
    ({"product_seconds": None}, "latency"),
]


@pytest.mark.parametrize(("lacking", "roof"), LACKING)
def test_a_figure_that_is_not_there_costs_its_own_roof(lacking, roof):
    # By rows: compute, memory and latency would be the longest, at 2.56 ms, 230.88 ms and 4 ms.
    lowest = {"rate": 1e15, "bandwidths": flat(1e15), "product_seconds": 0.0}
    highest = {"rate": 1e9, "bandwidths": flat(1e6), "product_seconds": 1e-3}
    name = next(iter(lacking))
    known = {**lowest, name: highest[name]}
    assert step_limit(Scenario(**SMALL), probe(**known)).bound_by == roof
    assert step_limit(Scenario(**SMALL), probe(**{**known, **lacking})).bound_by != roof


def test_a_precision_that_was_not_probed_has_the_limits_of_the_others():
    limit = step_limit(Scenario(**SMALL), probe(1e-3, product_seconds=1e-3, precision="mixed_bfloat16"))
    assert (limit.seconds, limit.bound_by) == (4e-3, "latency")


def test_without_any_figure_there_is_no_limit():
    assert step_limit(Scenario(**SMALL), probe(None, (), None)) is None


@pytest.mark.parametrize(
    ("size", "bandwidth"),
    [
        (10, 1e9),
        (1_000, 1e9),
        (31_622.7766, 5.5e8),  # half way by the logarithm, between 1e9 and 1e8
        (1_000_000, 1e8),
        (10**12, 1e8),
    ],
)
def test_bandwidth_is_that_of_the_working_set(size, bandwidth):
    assert bandwidth_at(size, BANDWIDTHS) == pytest.approx(bandwidth)
    assert bandwidth_at(size, BANDWIDTHS[::-1]) == pytest.approx(bandwidth)


def test_the_products_of_a_step_are_its_flops():
    scenario = Scenario(hidden=[50, 30], batch_size=100)
    products = gemms(scenario)
    assert products["layer 1 forward"] == (100, 784, 50)
    assert products["layer 1 weights' gradient"] == (784, 100, 50)
    assert "layer 1 inputs' gradient" not in products
    assert products["layer 3 inputs' gradient"] == (100, 10, 30)
    assert sum(2 * m * k * n for m, k, n in products.values()) == model_flops_per_step(scenario.widths, 100)


@pytest.mark.parametrize(
    ("kind", "settings", "samples"),
    [
        ("cpu", {"strategy": "mirrored", "devices": 3}, 100),  # all on the same cores
        ("gpu", {"strategy": "mirrored", "devices": 3}, 34),
        ("cpu", {"strategy": "multi_worker_mirrored", "workers": 2, "devices": 3}, 50),
        ("gpu", {"strategy": "multi_worker_mirrored", "workers": 2, "devices": 2}, 25),
        ("cpu", {"strategy": "parameter_server", "workers": 4}, 25),
        ("gpu", {"strategy": "parameter_server", "workers": 3}, 34),
    ],
)
def test_the_work_of_a_step_is_what_the_probed_device_has_of_it(kind, settings, samples):
    limit = step_limit(Scenario(**SMALL, **settings), probe(1e9, flat(1e15), kind=kind))
    # 6 × 6,352 − 2 × 6,272 = 25,568 operations a sample.
    assert limit.seconds == pytest.approx(samples * 25_568 / 1e9)
    assert limit.bound_by == "compute"


def test_all_reduce_is_the_gradients_bytes_once():
    mirrored = Scenario(**SMALL, strategy="mirrored", devices=2)
    limit = step_limit(mirrored, probe(1e15, flat(1e15), all_reduce=1e6))
    assert limit.seconds == pytest.approx(4 * 6_370 / 1e6)
    assert limit.bound_by == "all-reduce"
    assert step_limit(Scenario(**SMALL), probe(1e15, flat(1e15), all_reduce=1e6)).bound_by != "all-reduce"
    assert step_limit(mirrored, probe(1e15, flat(1e15))).bound_by != "all-reduce"
