"""One process of a run: what it does there, and how it finds the others. No TensorFlow here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.records.scenario import Strategy

TaskType = Literal["chief", "worker", "ps"]
"""TensorFlow's word for what a process of a cluster does; "ps" is a parameter server."""


@dataclass(frozen=True)
class Role:
    """A process of a run under `strategy`, which trains `devices` replicas in each of its workers.

    `addresses` are the HOST:PORT of all of the run's processes, by role and in order; empty where there is
    but this one. With parameter_server the chief coordinates and does not train, and each "ps" is a server.
    """

    strategy: Strategy = "one_device"
    devices: int = 1
    task_type: TaskType = "worker"
    index: int = 0
    addresses: Mapping[TaskType, tuple[str, ...]] = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether it is this process that tells of the run: the coordinator, else the first worker."""
        return self.index == 0 and self.task_type == (
            "chief" if self.strategy == "parameter_server" else "worker"
        )


ALONE = Role()


def tf_config(role: Role) -> str:
    """The TF_CONFIG variable of `role`, as tf.distribute's TFConfigClusterResolver reads it."""
    cluster = {role: list(addresses) for role, addresses in role.addresses.items()}
    task = {"type": role.task_type, "index": role.index}
    return json.dumps({"cluster": cluster, "task": task}, separators=(",", ":"))
