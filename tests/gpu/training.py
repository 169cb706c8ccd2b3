"""What a process with TensorFlow does for the check: trains, places, multiplies, fills memory, times steps.

Called by name through `tests.gpu.serve`; `start` comes first, and the answers are plain values.
"""

import contextlib
import dataclasses
import functools
import gc
import hashlib
import itertools
import math
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from bench.data.datasets import load
from bench.machine.affinity import allowed_cores
from bench.records.scenario import Scenario
from bench.training import runtime
from bench.training.failure import describe, status_of
from bench.training.role import Role
from bench.training.windows import without_call

CORES = 8  # more than a run on a GPU has use for
FOREVER = 10**6
HERE = SimpleNamespace()
"""What is kept between calls: the runtime, and what is timed."""


def start(kind, strategy="one_device", alone=True, deterministic=False):
    """TensorFlow on `kind`; not `alone`: in a cluster of one, as multi_worker_mirrored has it."""
    HERE.kind, role = kind, Role(strategy) if alone else cluster(strategy)
    HERE.runtime = runtime.start(kind, allowed_cores()[:CORES], role, deterministic)
    import tensorflow as tf

    return {"version": tf.__version__, "gpu": HERE.runtime.gpu_name, "gpus": len(physical_gpus())}


def summed_up_by():
    """What the strategy was told to sum up by, which a row tells of several replicas alone."""
    return HERE.runtime.strategy.extended._communication_options.implementation.value


def physical_gpus():
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def cluster(strategy):
    """This process as the only worker, at a port that it holds from here on."""
    HERE.held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    HERE.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    HERE.held.bind(("127.0.0.1", 0))
    return Role(strategy, addresses={"worker": (f"127.0.0.1:{HERE.held.getsockname()[1]}",)})


@functools.cache
def dataset(name="digits"):
    return load(name, None)


@functools.cache
def strategy_named(name):
    """A strategy of one device in this process, which need not have started with it."""
    from bench.training import strategies

    return strategies.join(Role(name), HERE.kind)


def scenario_of(settings):
    return Scenario(**{"dataset": "digits", "device": HERE.kind, **settings})


def train(settings, seed=0, metered=True):
    """A run as bench runs it: its measurement as a dictionary, with the epochs' losses and the own PID."""
    from bench.training.run import train_run

    scenario = scenario_of(settings)
    given = HERE.runtime
    if scenario.strategy != given.role.strategy:
        role = Role(scenario.strategy)
        given = dataclasses.replace(given, role=role, strategy=strategy_named(scenario.strategy))
    with contextlib.ExitStack() as stack:
        if not metered:
            stack.enter_context(mock.patch("bench.training.telemetry.open_nvml", return_value=None))
        measured, epochs = train_run(scenario, seed, dataset(), given, lambda _: None)
    losses = [[epoch.train_loss, epoch.val_loss] for epoch in epochs]
    return {**dataclasses.asdict(measured), "losses": losses}


def staged(settings):
    """Where everything is that the hot path touches, by name: its type, and what device holds its memory."""
    loop, variables, model, optimizer = driven(scenario_of(settings))
    held = {**tensors(vars(loop)), **tensors({"model": model.variables, "optimizer": optimizer.variables})}
    held.update(tensors({"start": variables._copies}))
    for _ in loop.windows(1):
        pass
    variables.release()
    return {name: [value.dtype.name, device_of(value)] for name, value in held.items()}


def compiled_in_windows(settings, dump):
    """Names of the programs that XLA compiled in two epochs' windows, where it dumps what it compiles."""
    loop, variables, _, _ = driven(scenario_of(settings))
    before = set(Path(dump).glob("*after_optimizations.txt"))
    for epoch in (1, 2):
        for _ in loop.windows(epoch):
            pass
    variables.release()
    new = set(Path(dump).glob("*after_optimizations.txt")) - before
    return {"before": len(before), "new": sorted(path.name[:80] for path in new)}


def driven(scenario, seed=0):
    """A loop as a run drives it up to its first step, with what it drives."""
    from bench.training import model, run

    made = {}
    runtime.prepare(scenario)
    strategy = None if scenario.strategy == "one_device" else strategy_named(scenario.strategy)
    with contextlib.ExitStack() as stack:
        for name in ("build_model", "build_optimizer"):
            stack.enter_context(mock.patch.object(model, name, kept(made, name, getattr(model, name))))
        loop, variables = run.build(scenario, seed, dataset().mean, dataset().deviation, strategy)
    loop.compile()
    loop.warm_up()
    variables.restore()
    loop.stage(dataset())
    return loop, variables, made["build_model"], made["build_optimizer"]


def kept(made, name, function):
    def call(*arguments):
        made[name] = function(*arguments)
        return made[name]

    return call


def tensors(found, path=""):
    """Every tensor and variable in dictionaries, lists and tuples, by where it is."""
    import keras
    import tensorflow as tf

    if isinstance(found, keras.Variable):
        found = found.value
    if isinstance(found, tf.distribute.DistributedValues):
        found = found.values
    if isinstance(found, tf.Variable) or tf.is_tensor(found):
        return {path: found}
    if isinstance(found, dict):
        parts = found.items()
    elif isinstance(found, list | tuple):
        parts = enumerate(found)
    else:
        return {}
    named = (tensors(value, f"{path}/{name}") for name, value in parts)
    return functools.reduce(lambda one, other: {**one, **other}, named, {})


def device_of(value):
    """Such as "GPU:0": where the memory is, which for 32-bit integers is not where TensorFlow says it is."""
    import tensorflow as tf

    if isinstance(value, tf.Variable):
        value = value.read_value()
    return value.backing_device.rpartition("device:")[2]


def whole_numbers():
    """Where eager tensors of whole numbers are kept, by type."""
    import tensorflow as tf

    with tf.device(f"{HERE.kind.upper()}:0"):
        made = {name: tf.identity(tf.zeros(8, name)) for name in ("int32", "int64", "uint8")}
    return {name: device_of(value) for name, value in made.items()}


def product_error(precision, jit, size=1024):
    """Relative error of a Keras layer's product under `precision`, against the same in float64."""
    import keras
    import tensorflow as tf

    runtime.prepare(scenario_of({"hidden": [size], "batch_size": size, "precision": precision}))
    keras.config.set_dtype_policy("float32" if precision == "tf32" else precision)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal((size, size)).astype(np.float32) for _ in range(2))
    layer = keras.layers.Dense(size, use_bias=False)
    layer.build((size, size))
    layer.kernel.assign(w)
    product = tf.function(lambda given: tf.cast(layer(given), tf.float32), jit_compile=jit)(tf.constant(x))
    exact = x.astype(np.float64) @ w.astype(np.float64)
    return float(np.linalg.norm(product.numpy() - exact) / np.linalg.norm(exact))


def memory():
    """Bytes that TensorFlow holds on the GPU now; None on a CPU."""
    import tensorflow as tf

    gc.collect()  # a loop that is over goes with the cycles that it is part of, as when the next run begins
    return tf.config.experimental.get_memory_info("GPU:0")["current"] if physical_gpus() else None


def memory_of_device():
    """Bytes that the GPU has, as NVML tells."""
    from bench.machine.nvml import open_nvml

    return open_nvml().gpu(0).memory_bytes


def fill(size):
    """What becomes of a compiled program whose result takes `size` bytes."""
    import tensorflow as tf

    rows = [size // 2**32 + 1, 2**30]  # 4 GiB each

    @tf.function(jit_compile=True, autograph=False)
    def filled(one):
        return tf.broadcast_to(one, tf.constant(rows, tf.int64))

    try:
        filled(tf.constant(1.0))[0, 0].numpy()
    except Exception as problem:
        return {"status": status_of(problem, HERE.kind), "error": describe(problem)}
    return {"status": "ok", "error": None}


def weights(settings, seed=0):
    """A hash over all variables after the scenario's epochs."""
    loop, variables, model, optimizer = driven(scenario_of(settings), seed)
    loop.train(lambda _: None)
    digest = hashlib.sha256()
    for variable in (*model.variables, *optimizer.variables):
        digest.update(variable.numpy().tobytes())
    variables.release()
    return digest.hexdigest()


def prepare_steps(point, system):
    """Compile and warm up what `measure_steps` times: `system` is "dynamic", or one with chunks."""
    from bench.training.fused import FusedLoop

    release_steps()
    scenario = Scenario(
        hidden=point["hidden"],
        activation=point["activation"],
        batch_size=point["batch"],
        precision=point["precision"],
        epochs=FOREVER,
    )
    data = dataset(point.get("dataset", "digits"))
    chunk = 1 if system == "dynamic" else None if HERE.kind == "gpu" else 10
    runtime.prepare(scenario)
    HERE.loop, HERE.variables = build_steps(FusedLoop, scenario, data, chunk)
    began = time.perf_counter()
    HERE.loop.compile()
    compiled = time.perf_counter() - began
    HERE.loop.warm_up()
    HERE.variables.restore()
    HERE.loop.stage(data)
    HERE.windows = itertools.chain.from_iterable(map(HERE.loop.windows, itertools.count(1)))
    return {
        "compile_seconds": compiled,
        "chunk": getattr(HERE.loop, "_chunk", None),
        "empty_seconds": HERE.loop.empty_seconds,
    }


def build_steps(loop_type, scenario, data, chunk):
    """A fused loop that never validates, since nobody asks here and it costs a compilation."""
    from bench.training import run
    from bench.training.epoch import Score

    class Steps(loop_type):
        def _split(self, _name):
            return Score(math.nan, math.nan)

    made = functools.partial(Steps, chunk=chunk)
    with mock.patch.object(run, "_loop", return_value=made):
        return run.build(scenario, 0, data.mean, data.deviation)


def measure_steps(seconds):
    """Windows for so long: seconds per step without the call around a window, and with it; the mean loss.

    What the call takes is measured anew, since others may have compiled beside the warm-up.
    """
    taken, steps, loss = [], 0, 0.0
    empty = HERE.loop._empty_window()
    while sum(taken) < seconds:
        window = next(HERE.windows)
        taken.append(window.seconds)
        steps, loss = steps + window.steps, window.loss
    return {
        "step_seconds": sum(without_call(taken, empty)) / steps,
        "raw_seconds": sum(taken) / steps,
        "empty_seconds": empty,
        "loss": loss,
    }


def release_steps():
    if hasattr(HERE, "variables"):
        HERE.variables.release()
        del HERE.loop, HERE.variables, HERE.windows


def probe(precisions):
    """The probe of this process's device, as nested plain values."""
    from bench.training.probe import probe as measure

    return dataclasses.asdict(measure(HERE.runtime, precisions))


def mapped_libraries():
    """The CUDA libraries in this process's memory after a matrix product, compiled and not."""
    import tensorflow as tf

    with tf.device(f"{HERE.kind.upper()}:0"):
        a = tf.random.stateless_normal((512, 512), (0, 1))
        (a @ a)[0, 0].numpy()
        tf.function(lambda b: b @ b, jit_compile=True)(a)[0, 0].numpy()
    with open("/proc/self/maps") as maps:  # noqa: PTH123
        paths = {line.split()[-1] for line in maps if "/" in line}
    wanted = ("libcu", "libnv", "libnccl")
    return sorted(path for path in paths if path.rpartition("/")[2].startswith(wanted))


def about():
    """How this TensorFlow was built, and what it sees."""
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in physical_gpus()]
    return {
        "TensorFlow": tf.__version__,
        "Keras": tf.keras.__version__,
        **{name: str(value) for name, value in tf.sysconfig.get_build_info().items()},
        "devices": str(details),
        "runtime": str(dataclasses.replace(HERE.runtime, strategy=None)),
    }
