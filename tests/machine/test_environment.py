import pytest

from bench.machine.environment import RULES, fate_of, forwarded, neutralise, recorded

NEUTRALISED = """
    KERAS_BACKEND KERAS_HOME KERAS_MAX_EPOCHS KERAS_MAX_STEPS_PER_EPOCH KERAS_NNX_ENABLED
    KERAS_FLASH_ATTENTION KERAS_DISTRIBUTION_NUM_PROCESSES TF_USE_LEGACY_KERAS TF2_BEHAVIOR
    TF_FUNCTION_JIT_COMPILE_DEFAULT
    TF_JIT_COMPILE_REWRITE TF_CONFIG TF_GRPC_REUSE_PORT CUDA_DEVICE_ORDER OMP_NUM_THREADS OMP_THREAD_LIMIT
    TF_NUM_INTEROP_THREADS TF_NUM_INTRAOP_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS
"""
FORWARDED = """
    XLA_FLAGS TF_XLA_FLAGS NVIDIA_TF32_OVERRIDE NCCL_ALGO TF_ENABLE_ONEDNN_OPTS TF_GPU_ALLOCATOR
    TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS TF_FORCE_GPU_ALLOW_GROWTH
    TF_XLA_SHARDING_FOR_RESOURCE_VARIABLES
    TF_CUDNN_USE_AUTOTUNE TF_PS_DISABLE_ASYNC_EXECUTOR_GLOBALLY TF_OPTIONALS_IN_GRADIENTS ONEDNN_MAX_CPU_ISA
    DNNL_PRIMITIVE_CACHE_CAPACITY CUBLAS_WORKSPACE_CONFIG TF_DISABLE_MKL TF_PER_DEVICE_MEMORY_LIMIT_MB
"""
RECORDED = """
    CUDA_VISIBLE_DEVICES CUDA_LAUNCH_BLOCKING TF_CPP_MIN_LOG_LEVEL TF_CPP_MAX_VLOG_LEVEL KMP_AFFINITY
    KMP_BLOCKTIME OMP_PROC_BIND OMP_WAIT_POLICY GOMP_SPINCOUNT MKL_CBWR OPENBLAS_CORETYPE LD_PRELOAD
    LD_LIBRARY_PATH GLIBC_TUNABLES MALLOC_ARENA_MAX MALLOC_TRIM_THRESHOLD_ TCMALLOC_RELEASE_RATE PYTHONMALLOC
    PYTHONOPTIMIZE PYTHONDEVMODE
"""
NOTHING = "HOME PATH TF_VAR_password TF_TOKEN_app_terraform_io A_TOKEN PYTHONPATH RAY_ADDRESS LANG"


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


def test_what_is_forwarded_is_recorded_and_what_is_neutralised_is_not():
    environ = {"XLA_FLAGS": "--a", "LD_PRELOAD": "/lib/x.so", "KERAS_MAX_EPOCHS": "1", "HOME": "/root"}
    assert recorded(environ) == {"LD_PRELOAD": "/lib/x.so", "XLA_FLAGS": "--a"}
    assert forwarded(environ) == {"XLA_FLAGS": "--a"}


def test_no_rule_is_hidden_by_those_before_it():
    for number, rule in enumerate(RULES):
        for pattern in rule.names:
            name = pattern.replace("*", "")
            assert not any(before.covers(name) for before in RULES[:number]), pattern
