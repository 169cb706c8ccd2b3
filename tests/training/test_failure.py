import errno

import pytest

from bench.training.failure import describe, status_of

# As TensorFlow 2.21 words it on a CPU: its own kernels, and XLA.
ON_CPU = [
    "OOM when allocating tensor with shape[100000000000] and type float on "
    "/job:localhost/replica:0/task:0/device:CPU:0 by allocator mklcpu [Op:Fill] name:",
    "Out of memory while trying to allocate 149.01GiB. [Op:__inference_f_9]",
]
# As seen with GPUs, under whatever error class: tensorflow#7025, #60607, #60401 and others.
ON_GPU = [
    "Dst tensor is not initialized.",
    "Failed copying input tensor from CPU:0 to GPU:0 to run _EagerConst: Dst tensor is not initialized.",
    "Failed to load in-memory CUBIN: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
    "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12884901888 bytes.",
    "Resource exhausted: Out of memory while trying to allocate 16777716 bytes.",
    "Failed to allocate request for 1.00GiB (1073741824B) on device ordinal 0",
    "cudaMallocAsync failed to allocate 4096 bytes",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "OOM when allocating tensor with shape[8] on /job:localhost/task:0/device:GPU:0 by allocator GPU_0_bfc",
]
ON_HOST_BESIDE_GPU = [
    "OOM when allocating tensor with shape[8] on /job:localhost/task:0/device:CPU:0 by allocator cpu",
    "OOM when allocating tensor with shape[8] on /task:0/device:GPU:0 by allocator gpu_host_bfc",
]


@pytest.fixture(params=["ResourceExhaustedError", "InternalError", "UnknownError", "RuntimeError"])
def error(request, tf):
    """Call with a message; gives an error of one of the classes that tell of memory."""
    if request.param == "RuntimeError":
        return RuntimeError
    return lambda message: getattr(tf.errors, request.param)(None, None, message)


@pytest.mark.parametrize("message", ON_CPU + ON_GPU)
def test_memory_that_ran_out_in_a_run_on_the_cpu_is_the_hosts(error, message):
    assert status_of(error(message), "cpu") == "oom_host"


@pytest.mark.parametrize("message", ON_GPU)
def test_memory_that_ran_out_in_a_run_on_the_gpu_is_the_gpus(error, message):
    assert status_of(error(message), "gpu") == "oom_device"


@pytest.mark.parametrize("message", ON_HOST_BESIDE_GPU)
def test_beside_a_gpu_the_allocator_says_that_it_was_the_host(error, message):
    assert status_of(error(message), "gpu") == "oom_host"


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_an_array_without_room_is_the_hosts(tf, kind):  # noqa: ARG001
    assert status_of(MemoryError("Unable to allocate 745. GiB for an array"), kind) == "oom_host"
    assert status_of(OSError(errno.ENOMEM, "Cannot allocate memory"), kind) == "oom_host"


@pytest.mark.parametrize(
    "problem",
    [
        RuntimeError("no XLA"),
        ValueError("out of memory is a name like any other"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_other_errors_are_failures(tf, problem):
    assert status_of(problem, "gpu") == "failed"
    assert status_of(tf.errors.InternalError(None, None, "Blas GEMM launch failed"), "gpu") == "failed"


# Seen of TensorFlow 2.21 when a process of the run was killed, or stopped.
GONE = [
    ("UnavailableError", "Collective ops is aborted by: recvmsg:Connection reset by peer"),
    ("DeadlineExceededError", "Collective ops is aborted by: Deadline Exceeded\n\nRPC: /tensorflow.Coordina"),
    (
        "InternalError",
        "Aborting: /job:worker/task:1: The following tasks are unhealthy (stopped sending heartbeats)",
    ),
    ("UnavailableError", "cluster check alive failed, /job:worker/replica:0/task:1 is down"),
    ("UnavailableError", "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:53945"),
    ("AbortedError", "Session was aborted"),
]


@pytest.mark.parametrize(("name", "message"), GONE)
def test_an_error_that_tells_of_a_lost_process_is_a_lost_run_where_there_are_several(tf, name, message):
    problem = getattr(tf.errors, name)(None, None, message)
    assert status_of(problem, "cpu", peers=True) == "lost"
    assert status_of(problem, "cpu") == "failed"


def test_a_closure_that_was_given_up_is_a_lost_run(tf):  # noqa: ARG001
    class ClosureAbortedError(Exception):
        """Named as TensorFlow's own, which is private."""

    assert status_of(ClosureAbortedError("worker 1 has failed"), "cpu", peers=True) == "lost"


def test_with_peers_other_errors_are_what_they_are_alone(tf):
    assert status_of(ValueError("connection reset by the user"), "cpu", peers=True) == "failed"
    assert status_of(tf.errors.InvalidArgumentError(None, None, "shapes"), "cpu", peers=True) == "failed"
    full = tf.errors.ResourceExhaustedError(None, None, "Collective ops is aborted by: OOM")
    assert status_of(full, "gpu", peers=True) == "oom_device"


def test_an_error_is_described_by_its_class_its_message_and_where_it_was_raised():
    try:
        raise ValueError("x" * 10_000)
    except ValueError as problem:
        text = describe(problem)
    assert text.startswith("ValueError: xxx")
    assert "in test_an_error_is_described" in text
    assert len(text) <= 4_001
