"""Environment variables that change what is computed, or how fast: what becomes of each, in one table.

What a suite says is not for a variable to change: such a one is neutralised in every process that trains.
What a suite leaves open is the user's to set: it is recorded by name among the facts of the machine. Of
that, what decides how TensorFlow, XLA and NVIDIA's libraries compute goes with the runs to the workers of a
cluster that is joined, since those of a Ray that is started here inherit it; what belongs to a machine (its
libraries, its allocator, its GPUs) stays there.

Sources: keras/src/backend/config.py; `getenv` in tensorflow/python and names of TF_ in its libraries; XLA's,
NVIDIA's, glibc's (ld.so(8), mallopt(3)), GNU's and Intel's OpenMP, oneDNN's and Python's own manuals.
"""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Literal

Fate = Literal["neutralised", "recorded", "forwarded"]
"""Taken away or set anew where a run trains; recorded; recorded, and handed to workers elsewhere."""


@dataclass(frozen=True)
class Rule:
    """What becomes of variables of some `names`, of which "X_*" are all that begin so."""

    fate: Fate
    names: tuple[str, ...]

    def covers(self, name: str) -> bool:
        """Whether `name` is one of them."""
        return any(
            name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
            for pattern in self.names
        )


# TensorFlow's own families of names and not all of TF_*: Terraform's variables begin alike, and TF_VAR_* and
# TF_TOKEN_* hold secrets, which must not end up in a table.
_TENSORFLOW = """
    AUTOTUNE AUTO_MIXED_PRECISION_ BFC_ CLUSTER_ CONV COORDINATOR_ CPU_ CUBLAS CUDA CUDNN CUFFT
    DATA_EXPERIMENT_ DETERMINISTIC DEVICE_ DISABLE_ EAGER_ ENABLE FORCE_ FP16_ GPU_ GRAPH_CACHING GRAPPLER
    GRPC_ JITRT_ LAYOUT_ MATMUL_ MIN_GPU_ MKL_ NUM_ ONEDNN_ OPTIONALS_ OVERRIDE_ PER_DEVICE_ PFLR_ PSS_ PS_
    REMOTE_ RUN_HANDLER_ SEND_ SET_ONEDNN_ SYNC_ USE_ XLA_
"""
# Of those in NVIDIA's manual ("CUDA Environment Variables" of the programming guide) what a speed depends on.
_CUDA = """
    AUTO_BOOST BINARY_LOADER_THREAD_COUNT CACHE_DISABLE CACHE_MAXSIZE CACHE_PATH DEVICE_MAX_CONNECTIONS
    DISABLE_JIT DISABLE_PTX_JIT FORCE_JIT FORCE_PTX_JIT GRAPHS_USE_NODE_PRIORITY LAUNCH_BLOCKING
    MANAGED_FORCE_DEVICE_ALLOC MODULE_DATA_LOADING MODULE_LOADING MPS_ACTIVE_THREAD_PERCENTAGE
    MPS_CLIENT_PRIORITY MPS_ENABLE_PER_CTX_DEVICE_MULTIPROCESSOR_PARTITIONING MPS_PINNED_DEVICE_MEM_LIMIT
    SCALE_LAUNCH_QUEUES VISIBLE_DEVICES
"""

RULES = (
    # What Keras computes, with which settings, for how many steps: its keras.json lies in KERAS_HOME.
    Rule("neutralised", ("KERAS_*", "TF_USE_LEGACY_KERAS", "TF2_BEHAVIOR")),
    # Whether functions are compiled is the setting `jit`.
    Rule("neutralised", ("TF_FUNCTION_JIT_COMPILE_DEFAULT", "TF_JIT_COMPILE_REWRITE")),
    # Who the processes of a run are, and which GPU they count first.
    Rule("neutralised", ("TF_CONFIG", "TF_GRPC_REUSE_PORT", "CUDA_DEVICE_ORDER")),
    # A process has as many threads as the run has cores.
    Rule("neutralised", ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "TF_NUM_INTEROP_THREADS")),
    Rule("neutralised", ("TF_NUM_INTRAOP_THREADS", "TF_OVERRIDE_GLOBAL_THREADPOOL")),
    # Memory of GPUs grows as it is needed; TensorFlow's allocator would believe the variable instead.
    Rule("neutralised", ("TF_FORCE_GPU_ALLOW_GROWTH",)),
    Rule("forwarded", ("XLA_FLAGS", "XLA_PJRT_*", "PJRT_*", "NVIDIA_TF32_OVERRIDE", "NCCL_*")),
    Rule("forwarded", ("CUBLAS_WORKSPACE_CONFIG", "CUBLAS_EMULAT*", "CUBLASLT_*", "CUDNN_FRONTEND_*")),
    Rule("forwarded", tuple(f"TF_{family}*" for family in _TENSORFLOW.split())),
    Rule("forwarded", ("DNNL_*", "ONEDNN_*")),
    # Whether a process is a copy of one with TensorFlow imported: bench.orchestration.processes.fork_server.
    Rule("forwarded", ("BENCH_START_METHOD",)),
    Rule("recorded", ("TF_CPP_*", *(f"CUDA_{name}" for name in _CUDA.split()))),
    # NumPy has its threads before a run begins, and computes nothing in it.
    Rule("recorded", ("GOMP_*", "KMP_*", "MKL_*", "OMP_*", "OPENBLAS_*")),
    Rule("recorded", ("GRPC_EXPERIMENTS", "GRPC_POLL_STRATEGY")),
    Rule("recorded", ("GLIBC_TUNABLES", "LD_LIBRARY_PATH", "LD_PRELOAD")),
    Rule("recorded", ("JE_MALLOC_CONF", "MALLOC_*", "MIMALLOC_*", "TCMALLOC_*")),
    Rule("recorded", ("PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONOPTIMIZE", "PYTHONTRACEMALLOC")),
)
"""The first rule that covers a name decides; a name that none covers changes nothing that is measured."""


def fate_of(name: str) -> Fate | None:
    """What becomes of the variable `name`; None where it is nothing to a run."""
    return next((rule.fate for rule in RULES if rule.covers(name)), None)


def neutralise(environ: MutableMapping[str, str]) -> None:
    """Take away what is to be neutralised, before TensorFlow is imported, and give Keras no file to read."""
    for name in [name for name in environ if fate_of(name) == "neutralised"]:
        del environ[name]
    environ["KERAS_BACKEND"] = "tensorflow"
    environ["KERAS_HOME"] = os.devnull  # is there, and can hold neither a keras.json nor a new one


def recorded(environ: Mapping[str, str]) -> dict[str, str]:
    """What is recorded of a machine's environment, by name."""
    return {name: environ[name] for name in sorted(environ) if fate_of(name) in ("recorded", "forwarded")}


def forwarded(environ: Mapping[str, str]) -> dict[str, str]:
    """What goes with the runs to workers that do not inherit it, by name."""
    return {name: environ[name] for name in sorted(environ) if fate_of(name) == "forwarded"}
