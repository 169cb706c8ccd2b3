"""A run that does not fit is `oom_device`, and the next run is fine: in this process, and in a fresh one."""

import pytest

from tests.gpu.fitting import widths_beyond

BEYOND_ANY_ADDRESS = 2**48


@pytest.fixture(scope="module")
def doomed(begin):
    """A process that is to run out of memory."""
    process = begin()
    process.answer(90)

    def call(function, **arguments):
        return process.call(f"tests.gpu.training.{function}", 120, **arguments)

    yield call
    process.close()


def test_xlas_own_error_is_known(doomed, kind):
    size = 2 * doomed("memory_of_device") if kind == "gpu" else BEYOND_ANY_ADDRESS
    told = doomed("fill", size=size)
    assert told["status"] == ("oom_device" if kind == "gpu" else "oom_host"), told["error"]


def test_a_run_beyond_the_memory_is_out_of_memory_and_the_next_is_fine(doomed, worker, small, only_gpu):
    only_gpu("the memory of a CPU is others', too")
    hidden = widths_beyond(doomed("memory_of_device"))
    told = doomed("train", settings={"hidden": hidden, "batch_size": 100, "epochs": 1})
    assert told["status"] == "oom_device", told["error"]
    assert doomed("train", settings=small())["status"] == "ok"
    assert worker("train", settings=small())["status"] == "ok"
