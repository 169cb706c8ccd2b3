"""Where `fit` keeps its data, in a process of its own with two CPU devices, of which one plays the GPU."""

import json

import pytest


@pytest.mark.slow
def test_what_tf_data_reads_is_in_the_host_s_memory_whatever_the_model_is_on(forks):
    done = forks.run("tests.training.places:main", None)
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
