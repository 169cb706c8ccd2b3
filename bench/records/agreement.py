"""Which settings of a scenario do not go together, and what to do about it."""

from typing import TYPE_CHECKING

from bench.data.shapes import TRAIN_SIZE
from bench.records.net import model_flops_per_step, parameter_count

if TYPE_CHECKING:
    from bench.records.scenario import Scenario, Strategy


def disagreements(s: "Scenario") -> list[str]:
    """What no single setting shows: each line begins with the key to mend."""
    found: list[str] = []
    if len(s.activation) != len(s.hidden):
        found.append(
            f"activation: {len(s.activation)} names for {len(s.hidden)} hidden layers; "
            "give one, or one per layer"
        )
    if (s.batch_size is None) == (s.batch_per_replica is None):
        found.append("batch_size: give exactly one of batch_size and batch_per_replica")
    elif s.global_batch > TRAIN_SIZE:
        key = "batch_size" if s.batch_size else "batch_per_replica"
        found.append(
            f"{key}: a global batch of {s.global_batch:,} is larger than the {TRAIN_SIZE:,} training images"
        )
    elif s.global_batch < s.replicas:
        found.append(
            f"batch_size: {s.global_batch} cannot be shared by {s.replicas} replicas; "
            "give at least one image each"
        )
    if model_flops_per_step(s.widths, TRAIN_SIZE) >= 2**63:
        number = f"{parameter_count(s.widths):.1e}"
        found.append(f"hidden: {number} parameters are more than any machine holds; give smaller widths")
    found += _disagreements_of_replicas(s)
    if s.device == "cpu" and s.precision == "tf32":
        found.append('precision: tf32 is a mode of GPUs; use float32 with device = "cpu"')
    if s.device == "cpu" and s.accelerator is not None:
        found.append('accelerator: names a GPU type, but device is "cpu"; drop one of them')
    return found


def _disagreements_of_replicas(s: "Scenario") -> list[str]:
    """What the strategy does not go with."""
    found: list[str] = []
    if s.strategy == "one_device" and s.replicas > 1:
        found.append(f"{'workers' if s.workers > 1 else 'devices'}: one_device has one replica; set it to 1")
    elif not s.multi_process and s.workers > 1:
        found.append(f"workers: {s.strategy} has one worker; set it to 1, or use multi_worker_mirrored")
    if s.strategy == "parameter_server" and s.devices > 1:
        found.append(
            "devices: with parameter_server each worker trains on one device; set it to 1, give more workers"
        )
    if s.strategy != "parameter_server" and s.servers > 1:
        found.append(f"servers: {s.strategy} has none; use parameter_server, or drop it")
    if not s.multi_process and s.placement != "pack":
        found.append(f"placement: {s.strategy} has one process; drop it, or use multi_worker_mirrored")
    if s.strategy == "parameter_server" and s.precision == "mixed_float16":
        found.append(
            "precision: mixed_float16 needs one loss scale for all updates, which workers that do not wait "
            "for one another do not have; use mixed_bfloat16"
        )
    if s.strategy == "parameter_server" and s.deterministic:
        found.append(
            "deterministic: the workers of parameter_server do not wait for one another, and so no run is "
            "like another; set it to false, or use multi_worker_mirrored"
        )
    return found + (_disagreements_of_fit(s) if s.loop == "fit" else [])


def _disagreements_of_fit(s: "Scenario") -> list[str]:
    """What Keras' own loop cannot do, or does wrongly without a word."""
    if s.multi_process or (s.strategy == "central_storage" and s.devices > 1):
        return [f"loop: {_NO_FIT[s.strategy]}; use fused"]
    if s.strategy != "mirrored" or s.devices == 1:
        return []
    found: list[str] = []
    if s.jit:
        found.append(
            "jit: model.fit of Keras 3 cannot be compiled by XLA under mirrored; "
            "set jit = false, or use fused"
        )
    if s.global_batch % s.devices:
        found.append(
            "batch_size: model.fit of Keras 3 fails under mirrored where the replicas cannot share a batch "
            "evenly; use a multiple of devices, or fused"
        )
    return found


_NO_FIT: dict["Strategy", str] = {
    "multi_worker_mirrored": "model.fit of Keras 3 fails under multi_worker_mirrored (tensorflow#72388)",
    "central_storage": "model.fit of Keras 3 trains wrongly under central_storage",
    "parameter_server": "model.fit of Keras 3 has no part for the coordinator that parameter_server needs",
}
