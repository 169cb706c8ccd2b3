"""What this process's device can do at most: GEMM rate, memory bandwidth, latencies, all-reduce.

Measured instead of read off a data sheet, by the same compiler that trains. Every figure is the best of
several, since a limit is what nothing disturbed. A figure that fails, be it for memory or in the tuning of a
product, is missing, and the others are there.
"""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file

from bench.machine.nvml import open_nvml
from bench.records.kinds import DeviceKind
from bench.records.probe import Bandwidth, Moment, Probe
from bench.records.scenario import Precision
from bench.training.all_reduce import all_reduce_seconds
from bench.training.roofline import Gemm
from bench.training.runtime import Runtime
from bench.training.turns import ONE, Chunk, State, chunk_for, seconds_per_turn, shortest_seconds

SQUARE_ON_CPU = 2048
SQUARE_OF_HALVES_ON_CPU = 1024  # where they may be emulated, a hundred times slower
SQUARE_ON_GPU: dict[Precision, int] = {
    "float32": 8192,
    "tf32": 16384,
    "mixed_bfloat16": 16384,
    "mixed_float16": 16384,
}
WORKING_SETS: dict[DeviceKind, tuple[int, ...]] = {
    "cpu": (2**20, 2**23, 2**26, 2**29),
    "gpu": (2**23, 2**26, 2**30, 2**32),
}
# Of what is free, for a figure's tensors: XLA copies them, to tune and into its loops.
SHARE_OF_MEMORY = 1 / 4
SMALL = 8  # rows and columns of the smallest product
SMALL_CHAIN = Chunk(trips=64, bodies=32)
REDUCED_BYTES = 2**26
REDUCTIONS = 3
LARGE_FLOPS = 2**30  # from here on one call outweighs its launch, so TensorFlow's own product is tried too
LAUNCHES = 500

# What no device exceeds by much, to know how many turns at least are worth an end condition of a loop.
FASTEST_FLOPS_PER_SECOND: dict[Precision, float] = {"float32": 1e14}
FASTEST_FLOPS_PER_SECOND_OF_TENSOR_CORES = 1e15
FASTEST_BYTES_PER_SECOND = 5e12
FASTEST_KERNEL_SECONDS = 2e-6


def probe(
    runtime: Runtime, precisions: Iterable[Precision] = ("float32",), moment: Moment = "start"
) -> Probe:
    """The limits of this process's first device on its cores; at the "end" those that show a drift.

    It takes some three seconds on a CPU, one and a half at the end; on a GPU ten to twenty. Of a
    multi_worker_mirrored run all processes have to call this at the same time.
    """
    kind = runtime.kind
    first = moment == "start"
    sizes = [size for size in WORKING_SETS[kind] if _fits(kind, size)]
    bandwidths = [(size, figure(bandwidth, kind, size)) for size in (sizes if first else sizes[-1:])]
    return Probe(
        device_kind=kind,
        cores=len(runtime.pinning.cores),
        gemm_flops_per_second={p: figure(square_rate, kind, p) for p in dict.fromkeys(precisions)},
        bandwidths=tuple(Bandwidth(size, rate) for size, rate in bandwidths if rate is not None),
        launch_seconds=figure(launch_seconds) if first else None,
        product_seconds=figure(product_seconds) if first else None,
        iteration_seconds=figure(iteration_seconds) if first and kind == "gpu" else None,
        all_reduce_bytes_per_second=figure(lambda: all_reduce_rate(_strategy(runtime))),
    )


def figure(measure: Callable[..., float | None], *arguments: Any) -> float | None:  # noqa: ANN401
    """What `measure` gives; None where it fails, whatever it is that fails: another figure may do."""
    with contextlib.suppress(Exception):
        return measure(*arguments)
    return None


def square_rate(kind: DeviceKind, precision: Precision) -> float:
    """FLOP/s of a square matrix product that is large enough for the device to do its best."""
    size = square_size(kind, precision)
    return gemm_rate(kind, (size, size, size), precision)


def square_size(kind: DeviceKind, precision: Precision) -> int:
    """Rows and columns of that product: on a GPU halved until its three matrices fit into the free memory."""
    if kind == "cpu":
        return SQUARE_ON_CPU if precision == "float32" else SQUARE_OF_HALVES_ON_CPU
    size = SQUARE_ON_GPU[precision]
    while not _fits(kind, 3 * size**2 * _dtype(precision).size):
        size //= 2
    return size


def gemm_rate(kind: DeviceKind, shape: Gemm, precision: Precision = "float32") -> float:
    """FLOP/s of (m × k) times (k × n), `shape` = (m, k, n): the faster of XLA's and TensorFlow's own.

    Raises what TensorFlow raises where the product does not fit or cannot be compiled.
    """
    m, k, n = shape
    dtype = _dtype(precision)
    flops = 2.0 * m * k * n
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    try:
        a = tf.cast(tf.random.stateless_normal((m, k), (0, 1)), dtype)
        b = tf.cast(tf.random.stateless_normal((k, n), (0, 1), stddev=k**-0.5), dtype)
        fastest = FASTEST_FLOPS_PER_SECOND.get(precision, FASTEST_FLOPS_PER_SECOND_OF_TENSOR_CORES)
        chunk = chunk_for(kind, max(flops / fastest, FASTEST_KERNEL_SECONDS))
        times = [seconds_per_turn(_product(b), (a, tf.zeros((m, n), dtype)), chunk)]
        if flops >= LARGE_FLOPS:
            times.append(shortest_seconds(tf.function(tf.matmul), a, b))
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
    return flops / min(times)


def bandwidth(kind: DeviceKind, size: int) -> float:
    """Bytes per second of y ← x + y / 2 over a working set of `size` bytes: per number two in, one out."""
    count = size // 8
    moved = 12.0 * count
    x = tf.ones(count)
    chunk = chunk_for(kind, max(moved / FASTEST_BYTES_PER_SECOND, FASTEST_KERNEL_SECONDS))
    return moved / seconds_per_turn(lambda y: (x + 0.5 * y,), (tf.zeros(count),), chunk)


def launch_seconds() -> float:
    """One call of the smallest compiled program, from Python and back."""
    add = tf.function(lambda a: a + 1.0, jit_compile=True)
    one = tf.constant(1.0)
    add(one).numpy()
    times = []
    for _ in range(LAUNCHES):
        began = time.perf_counter_ns()
        add(one).numpy()
        times.append((time.perf_counter_ns() - began) / 1e9)
    return median(times)


def product_seconds() -> float:
    """One of many smallest products of matrices in a row, each of which waits for the one before."""
    return seconds_per_turn(lambda a: (a @ a,), (tf.zeros((SMALL, SMALL)),), SMALL_CHAIN)


def iteration_seconds() -> float:
    """One turn of a compiled loop around such a product whose number of turns the compiler does not know.

    On a GPU it shows what waiting for the host takes; on a CPU there is no such thing.
    """
    return seconds_per_turn(lambda a: (tf.tanh(a @ a),), (tf.zeros((SMALL, SMALL)),), ONE)


def all_reduce_rate(strategy: Any) -> float | None:  # noqa: ANN401 -- a tf.distribute.Strategy, untyped
    """Bytes of a tensor over the seconds in which the replicas of `strategy` sum it up; None for one replica.

    In a run of several processes all have to call this at the same time.
    """
    times = [all_reduce_seconds(strategy, [(REDUCED_BYTES // 4,)]) for _ in range(REDUCTIONS)]
    known = [seconds for seconds in times if seconds is not None]
    return REDUCED_BYTES / min(known) if known else None


def _strategy(runtime: Runtime) -> Any:  # noqa: ANN401
    """The run's own, else that of all GPUs that are there: what they could do together."""
    if runtime.strategy is None and len(tf.config.get_visible_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return runtime.strategy


def _product(b: Any) -> Callable[[Any, Any], State]:  # noqa: ANN401
    """One turn c ← `a` `b`, whose product no compiler can move out of the loop.

    The first number of `a` is that of the last turn's c. The loop carries `a`, so that it is written in
    place: of a constant `a` every turn would make a copy.
    """

    def turn(a: Any, c: Any) -> State:  # noqa: ANN401
        a = tf.raw_ops.TensorStridedSliceUpdate(
            input=a, begin=[0, 0], end=[1, 1], strides=[1, 1], value=c[:1, :1]
        )
        return a, a @ b

    return turn


def _dtype(precision: Precision) -> Any:  # noqa: ANN401
    return {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}.get(precision, tf.float32)


def _fits(kind: DeviceKind, size: int) -> bool:
    """Whether a figure's tensors of `size` bytes are no more than their share of the device's memory."""
    free = free_gpu_bytes() if kind == "gpu" else None
    return free is None or size <= SHARE_OF_MEMORY * free


@functools.cache
def free_gpu_bytes() -> int | None:
    """Memory of the first GPU that this process sees which nobody holds; None where NVML does not tell.

    As it was when it was asked first: TensorFlow gives back to the GPU nothing of what it once held, and
    the same process should be asked for the same products again.
    """
    with contextlib.suppress(Exception):
        return _free_gpu_bytes()
    return None


def _free_gpu_bytes() -> int | None:
    nvml = open_nvml()
    if nvml is None:
        return None
    with contextlib.closing(nvml):
        device = nvml.device_of(os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0])
        if device is None:
            return None
        total, used = nvml.gpu(device).memory_bytes, nvml.sample(device).memory_used_bytes
        return None if total is None or used is None else total - used
