"""bench's own fused loop, driven as a run drives it."""

import itertools
import os

from bench.machine.affinity import allowed_cores
from bench.records.scenario import Scenario
from bench.training.runtime import start
from tests.peers.shapes import LEARNING_RATE


class Fused:
    def __init__(self, shape, dataset):
        start("gpu" if os.environ.get("PEERS_DEVICE") == "gpu" else "cpu", allowed_cores())
        from bench.training.run import build

        scenario = Scenario(
            hidden=shape.hidden,
            activation=shape.activation,
            batch_size=shape.batch,
            learning_rate=LEARNING_RATE,
            epochs=10**6,
        )
        self.loop, variables = build(scenario, 0, dataset.mean, dataset.deviation)
        self.loop.compile()
        self.loop.warm_up()
        variables.restore()
        self.loop.stage(dataset)
        self.windows = itertools.chain.from_iterable(map(self.loop.windows, itertools.count(1)))

    def train(self, steps):
        seconds, done = 0.0, 0
        while done < steps:
            window = next(self.windows)
            seconds, done = seconds + window.seconds, done + window.steps
        return seconds * steps / done

    def accuracy(self):
        return self.loop.validate().accuracy


prepare = Fused
