"""The lane: skipped with its reason where there is no GPU, and rehearsed on a CPU.

By hand it is rehearsed whole: BENCH_GPU_REHEARSAL=1 pytest -m gpu tests/gpu
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from bench.machine.nvml import open_nvml
from tests.gpu.process import ROOT, child_environment


def lane(folder, *arguments, **environment):
    """The test cases of a run of the lane: the reason why it was skipped, or None, by the test's name."""
    kept = folder / "lane.xml"
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu", "-q", f"--junitxml={kept}", *arguments],
        cwd=ROOT,
        env={**given, **child_environment(**environment)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    found = {}
    for case in ElementTree.parse(kept).getroot().iter("testcase"):
        skipped = case.find("skipped")
        found[case.get("name")] = None if skipped is None else skipped.get("message")
    return found


@pytest.mark.skipif(open_nvml() is not None, reason="there is a GPU here")
def test_without_a_gpu_every_test_says_why_it_is_skipped(tmp_path):
    reasons = set(lane(tmp_path, "-n0").values())
    assert reasons == {"TensorFlow sees no GPU here: no driver of NVIDIA answers"}


# What tests/training has on a CPU anyway, or what waits: TensorFlow asks for ten seconds for memory.
ELSEWHERE = "not repeatable and not own_error and not next_run and not sessions and not losses"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_a_cpu_everything_runs_but_what_only_a_gpu_has(tmp_path):
    found = lane(tmp_path, "-n0", "-W", "default", "-k", ELSEWHERE, BENCH_GPU_REHEARSAL="1")
    reasons = [reason for reason in found.values() if reason]
    assert [reason for reason in reasons if not reason.startswith("rehearsal: ")] == []
    assert len(found) - len(reasons) > 25
