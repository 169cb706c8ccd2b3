"""`bench probe` as a real process."""

import json

import pytest


@pytest.mark.slow
def test_it_tells_of_the_machine_and_shows_no_log_of_tensorflow(run_bench):
    ended = run_bench("probe", "--device", "cpu", "--format", "json", PYTHONOPTIMIZE="1")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "PYTHONOPTIMIZE" not in ended.stdout  # its process, as those of runs, has none
    assert json.loads(ended.stdout)["probe"]["gemm_flops_per_second"]["float32"] > 0
