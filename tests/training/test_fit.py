"""Where `fit` keeps its data, in a process of its own with two CPU devices, of which one plays the GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parents[1]

PLACES = """
import json
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_visible_devices([], "GPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from bench.data.datasets import load
from bench.records.scenario import Scenario
from bench.training import fit, run

made = []
tensors = fit._tensors
fit._tensors = lambda *arrays: made.append(tensors(*arrays)) or made[-1]

digits = load("digits", None)
scenario = Scenario(dataset="digits", hidden=(8,), batch_size=25_000, epochs=2, loop="fit")
with tf.device("CPU:1"):
    loop, _ = run.build(scenario, 0, digits.mean, digits.deviation)
    (weight, *_) = loop._model.trainable_variables
    loop.compile()
    loop.stage(digits)
    epochs = []
    loop.train(lambda event: None if isinstance(event, str) else epochs.append(event))
    print(json.dumps({
        "weight": weight.value.device,
        "order": loop._order.device,
        "tensors": sorted({tensor.device for split in made for tensor in split}),
        "splits": len(made),
        "epochs": len(epochs),
        "accuracies": [epoch.train.accuracy for epoch in epochs],
    }))
"""


@pytest.mark.slow
def test_what_tf_data_reads_is_in_the_host_s_memory_whatever_the_model_is_on():
    done = subprocess.run(
        [sys.executable, "-c", PLACES],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["weight"].endswith("CPU:1")
    assert told["order"].endswith("CPU:0")
    assert [device[-5:] for device in told["tensors"]] == ["CPU:0"]
    assert (told["splits"], told["epochs"]) == (5, 2)
    assert told["accuracies"][1] > told["accuracies"][0]


def test_no_pipeline_has_a_thread_that_keeps_an_epoch_waiting(tf, digits):  # noqa: ARG001
    from bench.records.scenario import Scenario
    from bench.training import run

    scenario = Scenario(dataset="digits", hidden=(8,), batch_size=25_000, epochs=1, loop="fit")
    loop, _ = run.build(scenario, 0, digits.mean, digits.deviation)
    loop.stage(digits)
    for batches in (loop._train, loop._val, loop._test):
        assert batches.options().autotune.enabled is False
