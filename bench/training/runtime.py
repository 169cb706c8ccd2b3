"""TensorFlow in this process: started once, with the devices and threads that the process may use.

What is fixed at the start of TensorFlow stays so until the process ends: visible devices and thread pools.
What a scenario may set anew is in `prepare`.
"""

import contextlib
import gc
import os
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from bench.machine.affinity import Pinning, pin
from bench.machine.cuda import prefer_wheel
from bench.machine.environment import neutralise, without_cache
from bench.machine.modules import imported
from bench.records.kinds import DeviceKind
from bench.records.scenario import Scenario
from bench.training.compile_cache import CompileCache
from bench.training.determinism import ask_for_determinism
from bench.training.role import ALONE, Role, tf_config

READ_BACK = ("bench", "tensorflow", "keras", "numpy")
"""The modules whose version and place each run tells: those that decide what it computes and measures."""


@dataclass(frozen=True)
class Runtime:
    """What this process trains on, as read back after the start.

    `strategy` is the tf.distribute.Strategy that all of its runs train under, None for one_device.
    """

    kind: DeviceKind
    threads: int
    pinning: Pinning
    import_seconds: float
    gpu_name: str | None
    role: Role = ALONE
    strategy: Any = None
    compile_cache: CompileCache | None = None


def before_import(environ: MutableMapping[str, str]) -> None:
    """Set what TensorFlow and Keras read while they are imported, and take away what they must not read.

    All else that they read, XLA_FLAGS and TF_XLA_FLAGS among it, they read when it is first needed: a process
    that was forked after the import may set it. Seen with TensorFlow 2.21.
    """
    neutralise(environ)
    environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def has_begun() -> bool:
    """Whether TensorFlow's eager runtime has started in this process, with devices and threads."""
    from tensorflow.python.eager import context

    return context._context is not None and bool(context._context._initialized)


def start(
    kind: DeviceKind,
    cores: tuple[int, ...],
    role: Role = ALONE,
    deterministic: bool = False,
    compile_cache: CompileCache | None = None,
) -> Runtime:
    """Pin this process to `cores`, import TensorFlow, set threads and devices to match, and join the others.

    The affinity is set before the import, since thread pools take their size from it, and variables that
    would change what a suite says are neutralised (`bench.machine.environment`). With `kind` "gpu" the
    process sees the GPUs that CUDA_VISIBLE_DEVICES leaves it, no more of them than it has replicas, memory
    grows as it is needed, and the `ptxas` that TensorFlow's packages bring assembles its programs; raises
    BenchError where TensorFlow sees too few. Whoever calls this for a role with addresses may hold the
    port bound with SO_REUSEPORT. A `deterministic` process stays so. Without a `compile_cache` XLA compiles
    all that it is asked for.
    """
    pinning = pin(cores)
    before_import(os.environ)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    # NVML's order, so that the GPU trained on is the one metered.
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    else:
        prefer_wheel()
    if role.addresses:
        os.environ["TF_CONFIG"] = tf_config(role)
        os.environ["TF_GRPC_REUSE_PORT"] = "1"
    if deterministic:
        ask_for_determinism(os.environ)
    if compile_cache is not None:
        compile_cache.enable(os.environ)
    began = time.perf_counter_ns()
    import tensorflow as tf

    import_seconds = (time.perf_counter_ns() - began) / 1e9
    from bench.training import strategies

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(len(cores))
    tf.config.threading.set_inter_op_parallelism_threads(_inter_op(cores, role))
    gpus = strategies.set_devices(role, kind)
    threads = int(tf.config.threading.get_intra_op_parallelism_threads())
    strategy = strategies.join(role, kind)
    _keep()
    return Runtime(kind, threads, pinning, import_seconds, _name(tf, gpus), role, strategy, compile_cache)


def prepare(scenario: Scenario) -> None:
    """Clear what an earlier run left, and set how the GPU rounds matrix products."""
    import keras
    import tensorflow as tf

    keras.backend.clear_session()  # collects garbage, too
    _keep()
    tf.config.experimental.enable_tensor_float_32_execution(scenario.precision == "tf32")
    for gpu in _gpus():
        with contextlib.suppress(ValueError):  # an allocator without statistics: no peak then either
            tf.config.experimental.reset_memory_stats(gpu)


def modes(runtime: Runtime) -> dict[str, Any]:
    """How TensorFlow and Keras compute now, read back, by the names that `Measurement` has for it.

    `compute_dtype` is that of the model built last.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.config import is_op_determinism_enabled

    from bench.training.strategies import all_reduce_implementation

    gpus = tf.config.get_visible_devices("GPU") if runtime.kind == "gpu" else []
    growth = [bool(tf.config.experimental.get_memory_growth(gpu)) for gpu in gpus]
    return {
        "tf32_enabled": _tf32(bool(tf.config.experimental.tensor_float_32_execution_enabled())),
        "compute_dtype": str(keras.config.dtype_policy().compute_dtype),
        "op_determinism": bool(is_op_determinism_enabled()),
        "all_reduce_implementation": all_reduce_implementation(runtime.strategy),
        "xla_flags": os.environ.get("XLA_FLAGS"),
        "tf_xla_flags": without_cache(os.environ.get("TF_XLA_FLAGS", "")) or None,
        "memory_growth": all(growth) if growth else None,
        "modules": imported(READ_BACK),
    }


def peak_device_bytes() -> int | None:
    """Peak of GPU memory that TensorFlow held since `prepare`, in bytes: that of the GPU with the largest.

    None without a GPU, and where TensorFlow does not tell: a figure that is missing must not lose the run.
    """
    import tensorflow as tf

    with contextlib.suppress(Exception):
        return max(
            (int(tf.config.experimental.get_memory_info(gpu)["peak"]) for gpu in _gpus()), default=None
        )
    return None


def _tf32(asked: bool) -> bool:
    """NVIDIA's libraries go by their own variable before they do what they are asked.

    Source: cuBLAS' manual, on NVIDIA_TF32_OVERRIDE.
    """
    return asked and os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"


def _inter_op(cores: tuple[int, ...], role: Role) -> int:
    """A thread per core; where there are other processes, more, of which one is free to answer them.

    Each replica can hold one for as long as XLA compiles, and who does not answer is taken for lost.
    """
    return len(cores) + (role.devices + 1 if role.addresses else 0)


def _gpus() -> list[str]:
    """This process's own: logical devices are also those of the processes that it coordinates."""
    import tensorflow as tf

    return [f"GPU:{number}" for number, _ in enumerate(tf.config.get_visible_devices("GPU"))]


def _keep() -> None:
    """Take what is there for good out of every later collection of garbage.

    The imports alone make half a million objects, and each traced optimizer leaves some thousand: walking
    through them between two runs would take longer than all else that a run adds to its training.
    """
    gc.freeze()


def _name(tf: Any, gpus: list[Any]) -> str | None:  # noqa: ANN401 -- the tensorflow module, untyped
    if not gpus:
        return None
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
