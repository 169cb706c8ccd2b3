"""The `tf.distribute` strategies as TensorFlow makes them, once per process."""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from tensorflow.python.distribute import cross_device_ops  # noqa: TID253

from bench.errors import BenchError
from bench.records.kinds import DeviceKind
from bench.training.role import Role

HEARTBEAT_SECONDS = 30  # TensorFlow's 10 are too few for a busy machine on which XLA compiles


def join(role: Role, kind: DeviceKind) -> Any:  # noqa: ANN401 -- a tf.distribute.Strategy, untyped
    """The strategy that `role` trains under; None where it does not train replicas by one.

    With several processes this waits until all of them are there. A worker or server of parameter_server
    answers the chief from here on for as long as its process lives: a TensorFlow server cannot be stopped.
    """
    if role.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(_devices(kind))
    if role.strategy == "central_storage":
        return tf.distribute.experimental.CentralStorageStrategy(_devices(kind), "CPU:0")
    if role.strategy == "multi_worker_mirrored":
        return _multi_worker(role, kind)
    if role.strategy == "parameter_server":
        return _coordinator() if role.task_type == "chief" else _serve(role)
    return None


def set_devices(role: Role, kind: DeviceKind) -> list[Any]:
    """Show TensorFlow what `role` trains on, before it starts; gives the GPUs.

    On a CPU that is as many logical devices as replicas. Memory of GPUs grows as it is needed. Raises
    BenchError where TensorFlow sees no GPU, since it would train on the CPU without a word, or too few.
    """
    gpus = tf.config.list_physical_devices("GPU") if kind == "gpu" else []
    if kind == "gpu" and not gpus:
        raise BenchError(
            "TensorFlow sees no GPU in this process: install bench[cuda] and check CUDA_VISIBLE_DEVICES, "
            'or set device = "cpu"'
        )
    if kind == "gpu" and len(gpus) < role.devices:
        raise BenchError(
            f"TensorFlow sees {len(gpus)} GPUs in this process, fewer than the {role.devices} replicas: "
            f"check CUDA_VISIBLE_DEVICES, or set devices = {len(gpus)}"
        )
    if role.strategy != "one_device":
        gpus = gpus[: role.devices]
    tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if kind == "cpu" and role.devices > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * role.devices
        tf.config.set_logical_device_configuration(cpu, logical)
    return list(gpus)


def local_devices(strategy: Any) -> list[str]:  # noqa: ANN401
    """The names of this process's devices that have a replica each, in the order of the replicas."""
    return list(strategy.extended.worker_devices)


def here(local: int) -> tuple[int, Any]:
    """The number of the replica that is being traced: among this process's `local` ones, and among all."""
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(tf.get_static_value(number)) % local, number


def workers(strategy: Any) -> int:  # noqa: ANN401
    """How many processes train the replicas together."""
    return int(strategy.num_replicas_in_sync) // len(local_devices(strategy))


def all_reduce_implementation(strategy: Any) -> str | None:  # noqa: ANN401
    """How `strategy` sums up over its replicas, read back from it, in TensorFlow's words.

    "NCCL" and "RING" are its collectives, "ReductionToOneDevice" is copies to one device, which adds them up
    there. None where no replica waits for another.
    """
    if strategy is None or strategy.num_replicas_in_sync < 2:
        return None
    extended = strategy.extended
    ops = extended._cross_device_ops
    if isinstance(ops, cross_device_ops.CollectiveAllReduce):
        return str(extended._communication_options.implementation.value)
    return type(ops).__name__


def agreed(strategy: Any, seconds: float) -> float:  # noqa: ANN401
    """The mean of what the processes measured, the same number in each of them.

    Whoever decides by a clock alone how often to call on the others will one day call once too often.
    """
    if workers(strategy) == 1:
        return seconds
    return float(strategy.reduce("MEAN", tf.constant(seconds), axis=None))


def agreed_since(strategy: Any, start_ns: int) -> float:  # noqa: ANN401
    """`agreed` seconds since `start_ns`, a reading of `time.perf_counter_ns`."""
    return agreed(strategy, (time.perf_counter_ns() - start_ns) / 1e9)


def _devices(kind: DeviceKind) -> list[str]:
    return [device.name for device in tf.config.list_logical_devices(kind.upper())]


def _multi_worker(role: Role, kind: DeviceKind) -> Any:  # noqa: ANN401
    """Sums by NCCL on GPUs, and by a ring over gRPC on CPUs.

    What is left to TensorFlow (AUTO) is that ring on GPUs, too, through the host's memory: it takes NCCL only
    where it is told to (`AssignCollectiveType` in collective_param_resolver_local.cc; of the session option
    that would have it do so by itself, `collective_nccl`, TensorFlow 2 makes no use).

    A lost process ends the others' collectives with an error: at once where its connections break, else
    when none of its heartbeats has come for `HEARTBEAT_SECONDS` (TensorFlow's coordination service).
    """
    from tensorflow.python.distribute import collective_all_reduce_strategy as multi_worker
    from tensorflow.python.eager import context

    ways = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=ways.NCCL if kind == "gpu" else ways.RING
    )
    here = context.context()
    configure = partial(here.configure_coordination_service, heartbeat_timeout_in_ms=1000 * HEARTBEAT_SECONDS)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_replaced(here, "configure_coordination_service", configure))
        if kind == "cpu":
            extended = multi_worker.CollectiveAllReduceExtended
            devices = partial(_logical_cpus, role.devices)
            stack.enter_context(_replaced(extended, "_initialize_local_devices", devices))
        return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def _logical_cpus(count: int, _: Any, worker_device: str) -> tuple[tuple[str, ...], str]:  # noqa: ANN401
    """What the strategy trains on in a process without GPUs: by itself it would take the first CPU alone."""
    return tuple(f"{worker_device}/device:CPU:{number}" for number in range(count)), "CPU"


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:  # noqa: ANN401
    """`owner.name` as `value` while the block runs, for what TensorFlow has no option for."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _coordinator() -> Any:  # noqa: ANN401
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    tf.distribute.coordinator.ClusterCoordinator(strategy)  # one per strategy, which keeps it
    return strategy


_servers: list[Any] = []
"""A server that nothing refers to is torn down under the chief's hands."""


def _serve(role: Role) -> None:
    """The server has devices of its own beside those of this process's eager calls, but as many threads."""
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=tf.config.threading.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=tf.config.threading.get_inter_op_parallelism_threads(),
    )
    config.gpu_options.allow_growth = True
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec()
    _servers.append(
        tf.distribute.Server(
            cluster, job_name=role.task_type, task_index=role.index, protocol="grpc", config=config
        )
    )
