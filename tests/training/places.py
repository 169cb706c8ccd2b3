"""Where `fit` keeps its data, told by a process with two CPU devices, of which one plays the GPU."""

import json
import sys


def main(_):
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
        sys.stdout.write(
            json.dumps(
                {
                    "weight": weight.value.device,
                    "order": loop._order.device,
                    "tensors": sorted({tensor.device for split in made for tensor in split}),
                    "splits": len(made),
                    "epochs": len(epochs),
                    "accuracies": [epoch.train.accuracy for epoch in epochs],
                }
            )
        )
