"""Runs that repeat bit by bit: what is set before TensorFlow starts, and what comes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.machine.affinity import allowed_cores
from bench.training.determinism import XLA_FLAGS, ask_for_determinism

ROOT = Path(bench.__file__).parents[1]

RUN = """
import dataclasses, hashlib, json, os, sys

class Watch:
    # Asked for every module that is imported: what was set when TensorFlow's turn came?
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            found["at import"] = [os.environ.get(key) for key in ("XLA_FLAGS", "TF_CUDNN_USE_AUTOTUNE")]

found = {}
sys.meta_path.insert(0, Watch())
from bench.training import runtime

started = runtime.start("cpu", CORES, deterministic=True)
from bench.data.datasets import load
from bench.records.scenario import Scenario
from bench.training import run

digits, weights = load("digits", None), []

def kept(scenario, loop, variables, *arguments, drive=run._drive):
    drive(scenario, loop, variables, *arguments)
    weights.append([copy.numpy().tobytes() for copies in variables._copies for copy in copies])

run._drive = kept
for loop in LOOPS:
    scenario = Scenario(dataset="digits", hidden=(32,), batch_size=500, epochs=1, dropout=0.2, shift=1,
                        deterministic=True, loop=loop)
    measured, _ = run.train_run(scenario, 3, digits, started, lambda event: None)
    found[loop] = {"status": measured.status, "error": measured.error,
                   "op_determinism": measured.op_determinism, "xla_flags": measured.xla_flags,
                   "losses": [measured.val_loss.hex(), measured.test_loss.hex()],
                   "weights": hashlib.sha256(b"".join(weights[-1])).hexdigest()}
print(json.dumps(found))
"""


def run(loops, **environment):
    """What a fresh process tells of a run of each of `loops` from the same seed."""
    code = RUN.replace("CORES", str(allowed_cores()[:2])).replace("LOOPS", repr(loops))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, XLA_FLAGS),
        ({"XLA_FLAGS": ""}, XLA_FLAGS),
        ({"XLA_FLAGS": "--xla_dump_to=/tmp"}, f"--xla_dump_to=/tmp {XLA_FLAGS}"),
    ],
)
def test_flags_that_are_set_stay_and_those_of_determinism_come_last_which_xla_heeds(given, flags):
    environ = dict(given)
    ask_for_determinism(environ)
    assert environ == {"XLA_FLAGS": flags, "TF_CUDNN_USE_AUTOTUNE": "0"}


def test_flags_in_a_file_are_read_from_it(tmp_path):
    file = tmp_path / "flags"
    file.write_text("--xla_dump_to=/tmp\n")
    environ = {"XLA_FLAGS": str(file)}
    ask_for_determinism(environ)
    assert environ["XLA_FLAGS"] == f"--xla_dump_to=/tmp {XLA_FLAGS}"


@pytest.mark.slow
def test_two_processes_train_the_same_weights_bit_by_bit_and_their_rows_tell_why():
    first, second = (run(["fused", "fit"], XLA_FLAGS="--xla_cpu_use_acl=false") for _ in range(2))
    flags = f"--xla_cpu_use_acl=false {XLA_FLAGS}"
    assert first == second
    assert first["at import"] == [flags, "0"]
    for loop in ("fused", "fit"):
        assert (first[loop]["status"], first[loop]["error"]) == ("ok", None)
        assert (first[loop]["op_determinism"], first[loop]["xla_flags"]) == (True, flags)
