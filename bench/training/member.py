"""One process of a run: what it does there, and how it finds the others. No TensorFlow here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.records.scenario import Strategy

Role = Literal["chief", "worker", "ps"]


@dataclass(frozen=True)
class Member:
    """A process of a run under `strategy`, which trains `devices` replicas in each of its workers.

    `addresses` are the HOST:PORT of all of the run's processes, by role and in order; empty where there is
    but this one. With parameter_server the chief coordinates and does not train, and each "ps" is a server.
    """

    strategy: Strategy = "one_device"
    devices: int = 1
    role: Role = "worker"
    index: int = 0
    addresses: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether it is this process that tells of the run: the coordinator, else the first worker."""
        return self.index == 0 and self.role == ("chief" if self.strategy == "parameter_server" else "worker")


ALONE = Member()


def tf_config(member: Member) -> str:
    """The TF_CONFIG variable of `member`, as tf.distribute's TFConfigClusterResolver reads it."""
    cluster = {role: list(addresses) for role, addresses in member.addresses.items()}
    task = {"type": member.role, "index": member.index}
    return json.dumps({"cluster": cluster, "task": task}, separators=(",", ":"))
