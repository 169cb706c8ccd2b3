"""What does not fit is `oom_device`, and the next run of the process is fine."""

BEYOND_ANY_ADDRESS = 2**48


def test_xlas_own_error_is_known(worker, kind):
    size = 2 * worker("memory_of_device") if kind == "gpu" else BEYOND_ANY_ADDRESS
    told = worker("fill", size=size)
    assert told["status"] == ("oom_device" if kind == "gpu" else "oom_host"), told["error"]


def test_the_next_run_is_fine(worker, small):
    assert worker("train", settings=small())["status"] == "ok"
