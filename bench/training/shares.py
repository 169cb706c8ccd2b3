"""How replicas share a global batch, a split, and the updates of a step. No TensorFlow here."""

from bench.data.shapes import TRAIN_SIZE
from bench.records.scenario import Scenario


def share_size(samples: int, replicas: int) -> int:
    """The largest share when `replicas` take `samples` one after the other: later ones may get fewer."""
    return -(-samples // replicas)


def steps_of(share: int, scenario: Scenario) -> int:
    """In how many of an epoch's steps there is something for `share` (from 0) of the replicas.

    Where the batch is small, or the last of the epoch, earlier shares may have it all.
    """
    batch = scenario.global_batch
    before = share * share_size(batch, scenario.replicas)
    if before >= batch:
        return 0
    return -(-(TRAIN_SIZE - before) // batch)


def updates_per_epoch(scenario: Scenario) -> int:
    """How often an epoch updates the weights: once a step, or for each share where workers do so alone."""
    if scenario.strategy != "parameter_server":
        return scenario.steps_per_epoch
    return sum(steps_of(share, scenario) for share in range(scenario.replicas))
