"""How fast a step could be at most on a probed machine, and what bounds it: the roofline.

Source: Williams, Waterman and Patterson, Roofline (2009, doi:10.1145/1498765.1498785), with a third roof
for steps so small that neither arithmetic nor memory counts, and a fourth for replicas. No TensorFlow here.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from bench.data.shapes import PIXELS
from bench.records.net import model_flops_per_step, parameter_count
from bench.records.probe import Bandwidth, Probe
from bench.records.scenario import Optimizer, Scenario
from bench.training.shares import share_size

Bound = Literal["compute", "memory", "latency", "all-reduce"]
Gemm = tuple[int, int, int]

# Parameters and the optimizer's moments in float32, each read once and written once.
STATE_BYTES: dict[Optimizer, int] = {"adam": 12, "adamw": 12, "momentum": 8, "sgd": 4}


@dataclass(frozen=True)
class Limit:
    """The least seconds that a step can take, and which roof says so."""

    seconds: float
    bound_by: Bound


def step_limit(scenario: Scenario, probe: Probe) -> Limit | None:
    """The largest of four least times, or of those whose figures the probe has; None where it has none.

    Each is of what was probed: the cores that all replicas of a process share, or the GPU of one replica.
    Compute: the exact FLOPs of the matrix products at the probe's rate for a large square one. Memory: what
    even perfect fusion must move, the batch's bytes once in, parameters and optimizer state once in and
    once out, at the bandwidth of a working set of that size. Latency: the matrix products that wait for one
    another (forward and backward through every layer, 2 × layers), each at the seconds of the smallest one
    in a chain of its kind, in float32 whatever the scenario's precision. All-reduce: the gradients' bytes at
    the rate at which the replicas sum up a large tensor.
    """
    roofs = _roofs(scenario, probe)
    if not roofs:
        return None
    bound_by = max(roofs, key=lambda roof: roofs[roof])
    return Limit(roofs[bound_by], bound_by)


def _roofs(scenario: Scenario, probe: Probe) -> dict[Bound, float]:
    """Least seconds of a step, by what they are of."""
    rate = probe.gemm_flops_per_second.get(scenario.precision)
    batch = _batch_probed(scenario, probe)
    state = STATE_BYTES[scenario.optimizer] * parameter_count(scenario.widths)
    images = batch * PIXELS
    layers = len(scenario.widths) - 1
    roofs: dict[Bound, float] = {}
    if rate is not None:
        roofs["compute"] = model_flops_per_step(scenario.widths, batch) / rate
    if probe.bandwidths:
        roofs["memory"] = (2 * state + images) / bandwidth_at(state + images, probe.bandwidths)
    if probe.product_seconds is not None:
        roofs["latency"] = 2 * layers * probe.product_seconds
    if scenario.replicas > 1 and probe.all_reduce_bytes_per_second:
        gradients = 4 * parameter_count(scenario.widths)
        roofs["all-reduce"] = gradients / probe.all_reduce_bytes_per_second
    return roofs


def _batch_probed(scenario: Scenario, probe: Probe) -> int:
    """Samples of a step that the probed device sees, the busiest one's.

    Workers of parameter_server update at their own pace, each with its share of the batch: a step is a
    share in each worker, and all of them at the same time.
    """
    sharing = scenario.workers if probe.device_kind == "cpu" else scenario.replicas
    return share_size(scenario.global_batch, sharing)


def bandwidth_at(working_set_bytes: int, measured: tuple[Bandwidth, ...]) -> float:
    """Bytes per second for a working set, by the logarithm of sizes between the measured, one or more."""
    ordered = sorted(measured, key=lambda b: b.working_set_bytes)
    if working_set_bytes <= ordered[0].working_set_bytes:
        return ordered[0].bytes_per_second
    for low, high in itertools.pairwise(ordered):
        if working_set_bytes <= high.working_set_bytes:
            whole = math.log(high.working_set_bytes / low.working_set_bytes)
            share = math.log(working_set_bytes / low.working_set_bytes) / whole
            return low.bytes_per_second + share * (high.bytes_per_second - low.bytes_per_second)
    return ordered[-1].bytes_per_second


def gemms(scenario: Scenario) -> dict[str, Gemm]:
    """A step's matrix products by name, as (m, k, n): (m × k) times (k × n).

    Per layer the forward product, the gradient of the weights, and, but for the first, the gradient of the
    inputs: their FLOPs, 2 m k n each, are `model_flops_per_step` in sum.
    """
    batch, found = scenario.global_batch, dict[str, Gemm]()
    for number, (inputs, outputs) in enumerate(itertools.pairwise(scenario.widths), start=1):
        found[f"layer {number} forward"] = (batch, inputs, outputs)
        found[f"layer {number} weights' gradient"] = (inputs, batch, outputs)
        if number > 1:
            found[f"layer {number} inputs' gradient"] = (batch, outputs, inputs)
    return found
