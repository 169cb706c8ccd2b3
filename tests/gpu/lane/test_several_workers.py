"""multi_worker_mirrored in a cluster of one: what sums up, and whether it trains as one device does."""

import pytest


@pytest.fixture(scope="module")
def process(begin):
    process = begin(strategy="multi_worker_mirrored", alone=False)
    process.answer(90)
    yield process
    process.close()


def test_it_trains_as_one_device(process, reference, small):
    settings = small(strategy="multi_worker_mirrored", workers=1)
    trained = process.call("tests.gpu.training.train", 120, settings=settings)
    assert (trained["status"], trained["error"]) == ("ok", None)
    assert trained["losses"] == [pytest.approx(pair, rel=2e-3) for pair in reference(small())]


def test_gpus_sum_up_by_nccl_and_cpus_by_a_ring(process, kind):
    told = process.call("tests.gpu.training.summed_up_by", 30)
    assert told == ("NCCL" if kind == "gpu" else "RING")
