"""What to call an error that ended a run, and what to keep of it."""

import errno
import re
import traceback

from bench.errors import BenchError
from bench.records.kinds import DeviceKind
from bench.records.measurement import Status

# Beside ResourceExhaustedError, TensorFlow reports memory that ran out as InternalError and others: of CUDA
# (CUDA_ERROR_OUT_OF_MEMORY, tensorflow#60607), cuBLAS and cuDNN (..._STATUS_ALLOC_FAILED), of a copy that
# found no room on the GPU (Dst tensor is not initialized, tensorflow#7025), and XLA's own.
_OUT_OF_MEMORY = re.compile(
    r"out.of.memory|bad_alloc|resource.exhausted|failed.to.allocate|OOM when allocating|STATUS_ALLOC_FAILED"
    r"|Dst tensor is not initialized",
    re.IGNORECASE,
)
# The host's allocators are cpu, mklcpu, gpu_host_bfc and the like.
_ON_HOST = re.compile(r"device:CPU:\d+ by allocator|by allocator \w*host|bad_alloc", re.IGNORECASE)
# TensorFlow's collectives (base_collective_executor.cc, and the health check in Python), its coordination
# service (stopped sending heartbeats), gRPC below them, and NCCL.
_PEER_GONE = re.compile(
    r"collective ops is aborted|cluster check alive failed|stopped sending heartbeats|CoordinationService"
    r"|connection reset|connection refused|socket closed|failed to connect|remote process exited"
    r"|nccl.*(remote|system) error",
    re.IGNORECASE,
)


def status_of(problem: Exception, kind: DeviceKind, peers: bool = False) -> Status:
    """The status of a run on `kind` that `problem` ended: failed, or out of the device's or host's memory.

    With `peers` the run has other processes, and is lost where the error says that one of them is gone.
    """
    if isinstance(problem, MemoryError) or getattr(problem, "errno", None) == errno.ENOMEM:
        return "oom_host"
    if not _ran_out_of_memory(problem):
        return "lost" if peers and _lost_a_peer(problem) else "failed"
    return "oom_host" if kind == "cpu" or _ON_HOST.search(str(problem)) else "oom_device"


def status_of_words(words: str, kind: DeviceKind) -> Status | None:
    """The status of a run whose process ended with `words`; None where they name neither memory nor peers.

    TensorFlow ends a process whose peers it has lost, so of a run of several that is as good as an error.
    """
    if _OUT_OF_MEMORY.search(words):
        return "oom_host" if kind == "cpu" or _ON_HOST.search(words) else "oom_device"
    return "lost" if _PEER_GONE.search(words) else None


def describe(problem: Exception) -> str:
    """The error, and the last calls that led to it: enough to mend it from the table alone.

    Either is cut to its own length, since a message of XLA alone can fill pages. What bench raises on purpose
    says by itself, in one line, what there is to mend.
    """
    if isinstance(problem, BenchError):
        return str(problem)
    message = f"{type(problem).__name__}: {problem}"
    where = "".join(traceback.format_tb(problem.__traceback__)[-5:])
    return f"{message[:2000]}\n{where[-2000:]}"


def _ran_out_of_memory(problem: Exception) -> bool:
    """Whether TensorFlow or XLA (whose errors are RuntimeError) found no memory."""
    import tensorflow as tf

    if isinstance(problem, tf.errors.ResourceExhaustedError):
        return True
    return isinstance(problem, tf.errors.OpError | RuntimeError) and bool(_OUT_OF_MEMORY.search(str(problem)))


def _lost_a_peer(problem: Exception) -> bool:
    """Whether TensorFlow, gRPC or a ClusterCoordinator say that a process cannot be reached."""
    import tensorflow as tf

    if isinstance(problem, tf.errors.UnavailableError | tf.errors.AbortedError):
        return True
    if type(problem).__name__ in ("ClosureAbortedError", "PSUnavailableError"):
        return True
    return isinstance(problem, tf.errors.OpError | RuntimeError) and bool(_PEER_GONE.search(str(problem)))
