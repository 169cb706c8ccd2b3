import pytest

from bench.machine.environment import RULES, fate_of, forwarded, neutralise, recorded, without_cache

NEUTRALISED = """
    KERAS_BACKEND KERAS_HOME KERAS_MAX_EPOCHS KERAS_MAX_STEPS_PER_EPOCH KERAS_NNX_ENABLED
    KERAS_FLASH_ATTENTION KERAS_DISTRIBUTION_NUM_PROCESSES TF_USE_LEGACY_KERAS TF2_BEHAVIOR
    TF_FUNCTION_JIT_COMPILE_DEFAULT
    TF_JIT_COMPILE_REWRITE TF_CONFIG TF_GRPC_REUSE_PORT CUDA_DEVICE_ORDER OMP_NUM_THREADS OMP_THREAD_LIMIT
    TF_NUM_INTEROP_THREADS TF_NUM_INTRAOP_THREADS TF_OVERRIDE_GLOBAL_THREADPOOL TF_FORCE_GPU_ALLOW_GROWTH
"""
FORWARDED = """
    XLA_FLAGS TF_XLA_FLAGS NVIDIA_TF32_OVERRIDE NCCL_ALGO TF_ENABLE_ONEDNN_OPTS TF_GPU_ALLOCATOR
    TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS TF_FORCE_UNIFIED_MEMORY
    TF_XLA_SHARDING_FOR_RESOURCE_VARIABLES
    TF_CUDNN_USE_AUTOTUNE TF_PS_DISABLE_ASYNC_EXECUTOR_GLOBALLY TF_OPTIONALS_IN_GRADIENTS ONEDNN_MAX_CPU_ISA
    DNNL_PRIMITIVE_CACHE_CAPACITY CUBLAS_WORKSPACE_CONFIG TF_DISABLE_MKL TF_PER_DEVICE_MEMORY_LIMIT_MB
    TF_SET_ONEDNN_FPMATH_MODE TF_FP16_MATMUL_USE_FP32_COMPUTE TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_LEVEL
    TF_DATA_EXPERIMENT_OPT_IN TF_DATA_EXPERIMENT_OPT_OUT TF_MIN_GPU_MULTIPROCESSOR_COUNT
    TF_ENABLED_DEVICE_TYPES TF_DEVICE_MIN_SYS_MEMORY_IN_MB TF_RUN_HANDLER_USE_SUB_THREAD_POOL
    TF_GRPC_WORKER_CACHE_THREADS TF_CONV2D_USE_FP16_ACCUMULATE TF_GRAPH_CACHING TF_JITRT_FLAGS
    TF_PFLR_PARALLEL_INSTANTIATE_THRESHOLD
    CUBLAS_EMULATE_SINGLE_PRECISION CUBLAS_EMULATION_STRATEGY CUBLASLT_WORKSPACE_SIZE PJRT_NPROC
    CUDNN_FRONTEND_ATTN_DP_WORKSPACE_LIMIT
"""
RECORDED = """
    CUDA_VISIBLE_DEVICES CUDA_LAUNCH_BLOCKING TF_CPP_MIN_LOG_LEVEL TF_CPP_MAX_VLOG_LEVEL KMP_AFFINITY
    KMP_BLOCKTIME OMP_PROC_BIND OMP_WAIT_POLICY GOMP_SPINCOUNT MKL_CBWR OPENBLAS_CORETYPE LD_PRELOAD
    LD_LIBRARY_PATH GLIBC_TUNABLES MALLOC_ARENA_MAX MALLOC_TRIM_THRESHOLD_ TCMALLOC_RELEASE_RATE PYTHONMALLOC
    PYTHONOPTIMIZE PYTHONDEVMODE MKL_NUM_THREADS OPENBLAS_NUM_THREADS GRPC_POLL_STRATEGY
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE CUDA_CACHE_DISABLE CUDA_CACHE_PATH CUDA_CACHE_MAXSIZE
"""
NOTHING = """
    HOME PATH TF_VAR_password TF_TOKEN_app_terraform_io TF_HTTP_PASSWORD TF_ENCRYPTION TF_DATA_DIR TF_CLI_ARGS
    A_TOKEN PYTHONPATH RAY_ADDRESS LANG CUDA_MPS_PIPE_DIRECTORY CUDA_HOME
"""


@pytest.mark.parametrize(
    ("fate", "names"),
    [("neutralised", NEUTRALISED), ("forwarded", FORWARDED), ("recorded", RECORDED), (None, NOTHING)],
)
def test_every_variable_has_its_fate(fate, names):
    assert {name: fate_of(name) for name in names.split()} == dict.fromkeys(names.split(), fate)


def test_what_a_suite_says_is_not_for_the_environment():
    environ = dict.fromkeys([*NEUTRALISED.split(), *FORWARDED.split(), *RECORDED.split(), "HOME"], "set")
    neutralise(environ)
    left = {name: value for name, value in environ.items() if fate_of(name) == "neutralised"}
    assert left == {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": "/dev/null"}
    assert set(environ) - set(left) == {*FORWARDED.split(), *RECORDED.split(), "HOME"}


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        ("", ""),
        ("--tf_xla_clustering_debug  --a='b  c'", "--tf_xla_clustering_debug  --a='b  c'"),
        ("--tf_xla_persistent_cache_directory=/tmp/x", ""),
        ("--a --tf_xla_persistent_cache_prefix=x --tf_xla_disable_strict_signature_checks --b", "--a --b"),
        ("/etc/flags", "/etc/flags"),
    ],
)
def test_what_was_compiled_before_is_not_for_a_variable_to_say(flags, left):
    assert without_cache(flags) == left
    environ = {"TF_XLA_FLAGS": flags}
    neutralise(environ)
    assert environ["TF_XLA_FLAGS"] == left


def test_what_is_forwarded_is_recorded_and_what_is_neutralised_is_not():
    environ = {"XLA_FLAGS": "--a", "LD_PRELOAD": "/lib/x.so", "KERAS_MAX_EPOCHS": "1", "HOME": "/root"}
    assert recorded(environ) == {"LD_PRELOAD": "/lib/x.so", "XLA_FLAGS": "--a"}
    assert forwarded(environ) == {"XLA_FLAGS": "--a"}


def test_no_rule_is_hidden_by_those_before_it():
    for number, rule in enumerate(RULES):
        for pattern in rule.names:
            name = pattern.replace("*", "")
            assert not any(before.covers(name) for before in RULES[:number]), pattern


def test_how_processes_start_is_recorded_and_goes_with_the_runs():
    assert fate_of("BENCH_START_METHOD") == "forwarded"
