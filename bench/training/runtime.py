"""TensorFlow in this process: started once, with the devices and threads that the process may use.

What is fixed at the start of TensorFlow stays so until the process ends: visible devices and thread pools.
What a scenario may set anew is in `prepare`.
"""

import contextlib
import gc
import os
import time
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from bench.machine.affinity import Pinning, pin
from bench.records.kinds import DeviceKind
from bench.records.scenario import Scenario


@dataclass(frozen=True)
class Runtime:
    """What this process trains on, as read back after the start."""

    kind: DeviceKind
    threads: int
    pinning: Pinning
    import_seconds: float
    gpu_name: str | None


def start(kind: DeviceKind, cores: tuple[int, ...]) -> Runtime:
    """Pin this process to `cores`, import TensorFlow, and set its threads and devices to match.

    The affinity is set before the import, since thread pools take their size from it. With `kind` "gpu" the
    process sees the GPUs that CUDA_VISIBLE_DEVICES leaves it, and memory grows as it is needed; raises
    BenchError where TensorFlow sees none, since it would train on the CPU without a word.
    """
    pinning = pin(cores)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    # NVML's order, so that the GPU trained on is the one metered.
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    began = time.perf_counter_ns()
    import tensorflow as tf

    import_seconds = (time.perf_counter_ns() - began) / 1e9
    tf.config.threading.set_intra_op_parallelism_threads(len(cores))
    tf.config.threading.set_inter_op_parallelism_threads(len(cores))
    gpus = tf.config.list_physical_devices("GPU") if kind == "gpu" else []
    if kind == "gpu" and not gpus:
        raise BenchError(
            "TensorFlow sees no GPU in this process: install bench[cuda] and check CUDA_VISIBLE_DEVICES, "
            'or set device = "cpu"'
        )
    tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    threads = int(tf.config.threading.get_intra_op_parallelism_threads())
    _keep()
    return Runtime(kind, threads, pinning, import_seconds, _name(tf, gpus))


def prepare(scenario: Scenario) -> None:
    """Clear what an earlier run left, and set how the GPU rounds matrix products."""
    import keras
    import tensorflow as tf

    keras.backend.clear_session()  # collects garbage, too
    _keep()
    tf.config.experimental.enable_tensor_float_32_execution(scenario.precision == "tf32")
    if tf.config.list_logical_devices("GPU"):
        with contextlib.suppress(ValueError):  # an allocator without statistics: no peak then either
            tf.config.experimental.reset_memory_stats("GPU:0")


def modes(kind: DeviceKind) -> dict[str, Any]:
    """How TensorFlow and Keras compute now, read back, by the names that `Measurement` has for it.

    `compute_dtype` is that of the model built last.
    """
    import keras
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU") if kind == "gpu" else []
    growth = [bool(tf.config.experimental.get_memory_growth(gpu)) for gpu in gpus]
    return {
        "tf32_enabled": bool(tf.config.experimental.tensor_float_32_execution_enabled()),
        "compute_dtype": str(keras.config.dtype_policy().compute_dtype),
        "memory_growth": all(growth) if growth else None,
    }


def peak_device_bytes() -> int | None:
    """Peak of GPU memory that TensorFlow held since `prepare`, in bytes.

    None without a GPU, and where TensorFlow does not tell: a figure that is missing must not lose the run.
    """
    import tensorflow as tf

    with contextlib.suppress(Exception):
        if tf.config.list_logical_devices("GPU"):
            return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    return None


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
