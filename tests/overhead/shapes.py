"""The work at which the costs are shown: the smallest step, which feels most, and the largest."""

from bench.records.scenario import Scenario

SHAPES = {
    "batch 1, 50-50 relu": {"hidden": (50, 50), "activation": "relu", "batch_size": 1},
    "batch 200, 1024-1024 sigmoid": {"hidden": (1024, 1024), "activation": "sigmoid", "batch_size": 200},
}


def scenario(shape, dataset, **settings):
    return Scenario(dataset=dataset.name, epochs=1, **SHAPES[shape], **settings)
