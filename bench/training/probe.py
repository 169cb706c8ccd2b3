"""What this process's device can do at most: GEMM rate, memory bandwidth, latencies, all-reduce.

Measured instead of read off a data sheet, by the same compiler that trains. Every figure is the best of
several, since a limit is what nothing disturbed.
"""

import math
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file

from bench.records.kinds import DeviceKind
from bench.records.probe import Bandwidth, Probe
from bench.records.scenario import Precision
from bench.training.all_reduce import all_reduce_seconds
from bench.training.roofline import Gemm
from bench.training.runtime import Runtime

SQUARE: dict[DeviceKind, int] = {"cpu": 2048, "gpu": 8192}
SQUARE_OF_HALVES_ON_CPU = 1024  # where they may be emulated, a hundred times slower
WORKING_SETS: dict[DeviceKind, tuple[int, ...]] = {
    "cpu": (2**20, 2**23, 2**26, 2**29),
    "gpu": (2**23, 2**26, 2**30, 2**32),
}
REDUCED_BYTES = 2**26
REDUCTIONS = 3
SECONDS = 0.15  # of repetition per figure, beside the calls that compile it
TURN_SECONDS = 0.03  # of one call of a compiled loop: its launch is lost in it
LARGE_FLOPS = 2**30  # from here on one call outweighs its launch, so TensorFlow's own product is tried too
LAUNCHES = 500
CALIBRATION_CALLS = 3
CALIBRATION_GROWTH = 1.1


def probe(runtime: Runtime, precisions: Iterable[Precision] = ("float32",)) -> Probe:
    """The limits of this process's first device on its cores, in about three seconds.

    Of a multi_worker_mirrored run all processes have to call this at the same time.
    """
    return Probe(
        device_kind=runtime.kind,
        cores=len(runtime.pinning.cores),
        gemm_flops_per_second={p: square_rate(runtime.kind, p) for p in dict.fromkeys(precisions)},
        bandwidths=tuple(Bandwidth(size, _bandwidth(size)) for size in WORKING_SETS[runtime.kind]),
        launch_seconds=_launch_seconds(),
        iteration_seconds=_iteration_seconds(),
        all_reduce_bytes_per_second=all_reduce_rate(_strategy(runtime)),
    )


def square_rate(kind: DeviceKind, precision: Precision) -> float:
    """FLOP/s of a square matrix product that is large enough for the device to do its best."""
    emulated = kind == "cpu" and precision != "float32"
    size = SQUARE_OF_HALVES_ON_CPU if emulated else SQUARE[kind]
    return gemm_rate((size, size, size), precision)


def gemm_rate(shape: Gemm, precision: Precision = "float32") -> float:
    """FLOP/s of (m × k) times (k × n), `shape` = (m, k, n): the faster of XLA's and TensorFlow's own."""
    m, k, n = shape
    dtype = {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}.get(precision, tf.float32)
    flops = 2.0 * m * k * n
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    try:
        a, b = (tf.cast(tf.random.stateless_normal(s, (0, 1)), dtype) for s in ((m, k), (k, n)))
        times = [_per_turn(_product(a, b), tf.zeros((m, n), dtype))]
        if flops >= LARGE_FLOPS:
            times.append(_seconds(tf.function(tf.matmul), a, b))
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
    return flops / min(times)


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


def _product(a: Any, b: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    """One turn c ← c / 2 + `a` `b`, whose product no compiler can move out of the loop."""
    half = tf.cast(0.5, a.dtype)
    return lambda c: c * half + _fresh(a, c) @ b


def _fresh(a: Any, c: Any) -> Any:  # noqa: ANN401
    """`a` with its first number from the last turn, so that the product cannot be moved out of the loop."""
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=a, begin=[0, 0], end=[1, 1], strides=[1, 1], value=c[:1, :1]
    )


def _bandwidth(size: int) -> float:
    """Bytes per second of y ← x + y / 2 over a working set of `size` bytes: per number two in, one out."""
    count = size // 8
    x = tf.ones(count)
    return 12.0 * count / _per_turn(lambda y: x + 0.5 * y, tf.zeros(count))


def _launch_seconds() -> float:
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


def _iteration_seconds() -> float:
    """One turn of a compiled loop around a matrix product of the smallest size."""
    return _per_turn(lambda a: tf.tanh(a @ a), tf.zeros((8, 8)))


def _per_turn(body: Callable[[Any], Any], start: Any) -> float:  # noqa: ANN401
    """Seconds per turn of a compiled loop that carries one tensor, over enough turns to drown its launch."""
    loop = _loop(body)
    turns = _turns(lambda count: loop(start, tf.constant(count)))
    return _seconds(loop, start, tf.constant(turns)) / turns


def _loop(body: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """(value, turns) → one number of the value that `body` makes of it in so many turns, compiled."""

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
    def loop(value: Any, turns: Any) -> Any:  # noqa: ANN401
        _, value = tf.while_loop(
            lambda turn, _: turn < turns, lambda turn, v: (turn + 1, body(v)), (tf.constant(0), value)
        )
        return tf.reshape(value, [-1])[0]

    return loop


def _turns(call: Callable[[int], Any]) -> int:
    """So many turns that a call of them takes TURN_SECONDS even when nothing disturbs it.

    The best of several calls counts: by a single one that something held up, a few turns would do, and the
    launch would be most of what is measured.
    """
    turns = 1
    while (best := _seconds(call, turns, limit=0.0, least=CALIBRATION_CALLS)) < TURN_SECONDS:
        turns = math.ceil(turns * max(CALIBRATION_GROWTH * TURN_SECONDS / best, CALIBRATION_GROWTH))
    return turns


def _seconds(
    function: Callable[..., Any],
    *arguments: Any,  # noqa: ANN401
    limit: float = SECONDS,
    least: int = 1,
) -> float:
    """The shortest of the calls that fit into `limit`, of `least` at least; one before them compiles."""
    _wait(function(*arguments))
    times: list[float] = []
    began = time.perf_counter_ns()
    while len(times) < least or time.perf_counter_ns() - began < limit * 1e9:
        start = time.perf_counter_ns()
        _wait(function(*arguments))
        times.append((time.perf_counter_ns() - start) / 1e9)
    return min(times)


def _wait(result: Any) -> None:  # noqa: ANN401
    """Read one number of the result: the device has finished when it is here."""
    tf.reshape(result, [-1])[0].numpy()
