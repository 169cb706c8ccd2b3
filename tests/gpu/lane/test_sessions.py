"""`bench run` with Ray, as users run it: out of memory, fresh processes, and repeatable runs."""

import subprocess
import sys

import pandas as pd
import pytest

from bench.machine.nvml import open_nvml
from tests.gpu.fitting import widths_beyond
from tests.gpu.process import ROOT, child_environment, tail

SUITE = """
[measure]
rounds = 1

[[sweep]]
name = "repeatable"
dataset = "digits"
hidden = [64]
batch_size = 1000
epochs = 1
deterministic = true
matrix.target_accuracy = [0.5, 0.6]
"""
BEYOND = """
[[sweep]]
name = "beyond"
dataset = "digits"
hidden = {hidden}
batch_size = 100
epochs = 1
"""


@pytest.fixture(scope="module")
def rows(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    (folder / "lane.toml").write_text(SUITE + (beyond() if kind == "gpu" else ""))
    command = [sys.executable, "-m", "bench", "run", str(folder / "lane.toml"), "--no-probe"]
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if kind == "cpu" else {}
    with (folder / "log.txt").open("w") as log:
        subprocess.run(
            [*command, "--results", str(folder / "results")],
            cwd=ROOT,
            env=child_environment(**hidden),
            stdout=log,
            stderr=log,
            timeout=200,
            check=False,
        )
    found = list((folder / "results").glob("*/runs.parquet"))
    assert len(found) == 1, tail(folder / "log.txt")
    return pd.read_parquet(found[0])


def beyond():
    nvml = open_nvml()
    try:
        return BEYOND.format(hidden=widths_beyond(nvml.gpu(0).memory_bytes))
    finally:
        nvml.close()


def test_what_does_not_fit_is_out_of_memory_and_all_else_is_ok(rows, only_gpu):
    assert set(rows[rows.sweep == "repeatable"].status) == {"ok"}, list(rows.error)
    only_gpu("the memory of a CPU is others', too")
    assert set(rows[rows.sweep == "beyond"].status) == {"oom_device"}, list(rows.error)


def test_after_a_failure_comes_a_fresh_process(rows, only_gpu):
    only_gpu("nothing fails here")
    (failed,) = rows[rows.sweep == "beyond"].to_dict("records")
    later = rows[(rows.process_id == failed["process_id"]) & (rows.started_at > failed["started_at"])]
    assert later.empty


def test_deterministic_runs_repeat_each_other_to_the_last_bit(rows):
    one, other = rows[rows.sweep == "repeatable"].to_dict("records")
    # Not the training loss: it is summed up over windows, whose lengths each process sees to.
    for name in ("val_loss", "test_loss", "val_accuracy", "test_accuracy"):
        assert one[name] == other[name], name


def test_runs_are_on_the_device(rows, kind):
    trained = rows[rows.status == "ok"]
    assert set(trained.memory_growth.notna()) == {kind == "gpu"}
