"""What is fixed when TensorFlow starts, each start in a process of its own."""

import functools
import itertools
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

import bench
from bench.errors import BenchError
from bench.machine.affinity import Pinning, allowed_cores
from bench.machine.gpu_sampler import GpuSampler
from bench.machine.nvml import GpuSample
from bench.training import runtime, telemetry
from bench.training.role import Role
from bench.training.runtime import Runtime
from bench.training.telemetry import Telemetry

ROOT = Path(bench.__file__).parents[1]

START = """
import json, os
from bench.errors import BenchError
from bench.records.scenario import Scenario
from bench.training import runtime

started = runtime.start("cpu", (CORE,))
try:
    runtime.start("gpu", (CORE,))  # where CUDA_VISIBLE_DEVICES, as set for "cpu", hides them all
except BenchError as error:
    no_gpu = str(error)
import keras
import tensorflow as tf

def tf32(precision):
    runtime.prepare(Scenario(hidden=(8,), batch_size=1, precision=precision))
    return tf.config.experimental.tensor_float_32_execution_enabled()

print(json.dumps({
    "no_gpu": no_gpu,
    "kind": started.kind,
    "threads": started.threads,
    "intra": tf.config.threading.get_intra_op_parallelism_threads(),
    "inter": tf.config.threading.get_inter_op_parallelism_threads(),
    "cores": started.pinning.cores,
    "affinity": sorted(os.sched_getaffinity(0)),
    "every_thread": sorted({core for task in os.listdir("/proc/self/task")
                            for core in os.sched_getaffinity(int(task))}),
    "niceness": started.pinning.niceness,
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "import_seconds": started.import_seconds,
    "gpu_name": started.gpu_name,
    "visible": os.environ["CUDA_VISIBLE_DEVICES"],
    "omp": os.environ["OMP_NUM_THREADS"],
    "devices": [device.device_type for device in tf.config.get_visible_devices()],
    "backend": keras.backend.backend(),
    "keras": [keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(),
              keras.config.dtype_policy().name, keras.config.max_epochs(),
              keras.config.max_steps_per_epoch()],
    "keras_home": sorted(os.listdir(os.path.expanduser("~/.keras"))),
    "legacy": tf.keras.__name__.startswith("tf_keras"),
    "modules": runtime.modes(started)["modules"],
    "tf32": [tf32("tf32"), tf32("float32"), tf32("tf32"), tf32("mixed_bfloat16")],
    "peak_device_bytes": runtime.peak_device_bytes(),
}))
"""

OTHER_KERAS = {
    "floatx": "float64",
    "epsilon": 0.1,
    "backend": "jax",
    "image_data_format": "channels_first",
    "dtype_policy": "float16",
    "nnx_enabled": True,
}

LIGHT = """
import importlib, pkgutil, sys
import bench.records
for module in pkgutil.iter_modules(bench.records.__path__):
    importlib.import_module(f"bench.records.{module.name}")
print(*sorted(name for name in sys.modules if name.split(".")[0] in {"tensorflow", "keras", "ray", "bench"}))
"""

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")


PATHS = """
import os, sys
from bench.training import runtime

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            raise ImportError(name)

sys.meta_path.insert(0, NoTensorFlow())
runtime.prefer_wheel = lambda: os.environ.update(PATH="/wheel:" + os.environ["PATH"])
os.environ["PATH"] = "/usr/bin"
try:
    runtime.start(sys.argv[1], (CORE,))
except ImportError:
    print(os.environ["PATH"])
"""


def run_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """What a process says of itself that was started on one core, though its surroundings said otherwise."""
    core, home = allowed_cores()[-1], tmp_path_factory.mktemp("home")
    code = START.replace("CORE", str(core))
    (home / ".keras").mkdir()
    (home / ".keras/keras.json").write_text(json.dumps(OTHER_KERAS))
    otherwise = {
        "HOME": str(home),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "no number",
        "KERAS_MAX_STEPS_PER_EPOCH": "10",
        "KERAS_NNX_ENABLED": "1",
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CONFIG": '{"cluster": {"worker": ["192.0.2.1:1"]}}',
        "TF_NUM_INTEROP_THREADS": "64",
        "OMP_NUM_THREADS": "64",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    return SimpleNamespace(core=core, **json.loads(run_python(code, **otherwise).splitlines()[-1]))


@needs_affinity
@pytest.mark.slow
def test_a_process_is_pinned_before_tensorflow_makes_its_threads(started):
    assert started.affinity == started.cores == [started.core]
    assert started.every_thread == [started.core]


@needs_affinity
@pytest.mark.slow
def test_thread_pools_match_the_cores(started):
    assert started.threads == started.intra == started.inter == 1
    assert started.omp == "1"


@needs_affinity
@pytest.mark.slow
def test_niceness_is_read_back(started):
    assert started.niceness == started.nice


@needs_affinity
@pytest.mark.slow
def test_a_cpu_process_sees_no_gpu(started):
    assert started.kind == "cpu"
    assert started.visible == "-1"
    assert started.devices == ["CPU"]
    assert started.gpu_name is None
    assert started.peak_device_bytes is None


@needs_affinity
@pytest.mark.slow
def test_keras_runs_on_tensorflow_whatever_was_set(started):
    assert started.backend == "tensorflow"
    assert started.import_seconds > 0.1


@needs_affinity
@pytest.mark.slow
def test_keras_computes_what_the_suite_says_whatever_its_own_configuration_says(started):
    assert started.keras == ["float32", 1e-7, "channels_last", "float32", None, None]
    assert started.keras_home == ["keras.json"]
    assert not started.legacy


@needs_affinity
@pytest.mark.slow
def test_what_was_imported_is_read_back(started):
    names, versions, folders = zip(*(text.split(" ", 2) for text in started.modules), strict=True)
    assert names == ("bench", "tensorflow", "keras", "numpy")
    assert versions == tuple(metadata.version(name) for name in names)
    assert folders[0] == str(ROOT / "bench")
    assert all((Path(folder) / "__init__.py").is_file() for folder in folders)


@pytest.mark.parametrize(("override", "enabled"), [("0", False), ("1", True), (None, True)])
def test_a_variable_that_forbids_tf32_is_read_back(monkeypatch, override, enabled):
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    if override is not None:
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    assert (runtime._tf32(True), runtime._tf32(False)) == (enabled, False)


@needs_affinity
@pytest.mark.slow
def test_tf32_is_set_anew_for_every_scenario(started):
    assert started.tf32 == [True, False, True, False]


@needs_affinity
@pytest.mark.slow
def test_a_gpu_that_tensorflow_does_not_see_is_an_error_and_no_run_on_the_cpu(started):
    assert "sees no GPU" in started.no_gpu
    assert 'device = "cpu"' in started.no_gpu


@needs_affinity
@pytest.mark.parametrize(("kind", "path"), [("gpu", "/wheel:/usr/bin"), ("cpu", "/usr/bin")])
def test_a_gpu_process_finds_the_wheels_assembler_first_before_tensorflow_is_there(kind, path):
    code = PATHS.replace("CORE", str(allowed_cores()[-1])).replace("sys.argv[1]", repr(kind))
    assert run_python(code).splitlines()[-1] == path


@pytest.mark.parametrize(("seen", "devices"), [(1, 2), (3, 4)])
def test_fewer_gpus_than_replicas_are_an_error(tf, monkeypatch, seen, devices):
    from bench.training.strategies import set_devices

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [object()] * seen)
    with pytest.raises(BenchError, match=f"{seen} GPUs in this process, fewer than the {devices} replicas"):
        set_devices(Role("mirrored", devices), "gpu")


@pytest.mark.parametrize(("kind", "implementation"), [("gpu", "NCCL"), ("cpu", "RING")])
def test_workers_on_gpus_are_told_to_sum_up_by_nccl(tf, monkeypatch, kind, implementation):
    from bench.training.strategies import join

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda **options: options)
    options = join(Role("multi_worker_mirrored"), kind)["communication_options"]
    assert options.implementation.value == implementation


def test_what_a_strategy_s_collectives_use_is_read_back_from_it(tf):
    from tensorflow.python.distribute.cross_device_ops import CollectiveAllReduce, ReductionToOneDevice

    from bench.training.strategies import all_reduce_implementation

    def told(ops, way, replicas):
        options = tf.distribute.experimental.CommunicationOptions(implementation=way)
        extended = SimpleNamespace(_cross_device_ops=ops, _communication_options=options)
        return all_reduce_implementation(SimpleNamespace(num_replicas_in_sync=replicas, extended=extended))

    ways = tf.distribute.experimental.CommunicationImplementation
    collective = CollectiveAllReduce.__new__(CollectiveAllReduce)
    assert [told(collective, way, 2) for way in (ways.NCCL, ways.RING, ways.AUTO)] == ["NCCL", "RING", "AUTO"]
    assert told(ReductionToOneDevice(), ways.NCCL, 2) == "ReductionToOneDevice"
    assert told(collective, ways.NCCL, 1) is None
    assert all_reduce_implementation(None) is None


def test_records_are_light():
    modules = run_python(LIGHT).split()
    assert {"bench.records.kinds", "bench.records.scenario", "bench.records.store"} <= set(modules)
    assert [name for name in modules if not name.startswith("bench")] == []


class FakeNvml:
    """Two GPUs whose energy counters stand at 100 J per look; on the second somebody else computes."""

    def __init__(self):
        self.looks, self.closed = 0, False

    def device_of(self, entry):
        return int(entry) if entry in {"0", "1"} else None

    def sample(self, index):
        self.looks += 1
        reasons = ("hw_slowdown",) if index == 1 else ()
        return GpuSample(energy_joules=100.0 * self.looks, throttle_reasons=reasons)

    def other_processes(self, index, own_pid):
        assert own_pid == os.getpid()
        return (7,) if index == 1 else ()

    def close(self):
        self.closed = True


@pytest.fixture
def gpu_use(monkeypatch):
    """Call with CUDA_VISIBLE_DEVICES; gives what a run on the GPU used, and the library it was read from."""

    def measure(visible, devices=1):
        nvml = FakeNvml()
        monkeypatch.setattr(telemetry, "open_nvml", lambda: nvml)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        clock = itertools.count(0.0, 2.0).__next__
        monkeypatch.setattr(telemetry, "GpuSampler", functools.partial(GpuSampler, clock=clock))
        role = Role("mirrored", devices)
        meter = Telemetry(Runtime("gpu", 1, Pinning((0,), 0, True), 0.0, "H100", role))
        meter.start()
        with meter.training():
            pass
        return meter.stop(), nvml

    return measure


@pytest.mark.parametrize("visible", [None, "0", "0,1"])
def test_a_gpu_run_meters_the_first_gpu_that_it_sees(gpu_use, visible):
    use, nvml = gpu_use(visible)
    assert use.gpu.energy_joules == 100.0
    assert use.gpu.others is False
    assert "throttled" not in use.flags
    assert nvml.closed


def test_a_gpu_that_is_shared_or_slowed_down_is_flagged(gpu_use):
    use, _ = gpu_use("1,0")
    assert use.gpu.others is True
    assert use.flags == ("contended", "throttled")


@pytest.mark.parametrize("visible", [None, "0,1"])
def test_a_run_on_several_gpus_meters_all_of_them(gpu_use, visible):
    use, nvml = gpu_use(visible, devices=2)
    # Looks 1 and 3 are at the first GPU, 2 and 4 at the second.
    assert use.gpu.energy_joules == 200.0 + 200.0
    assert use.gpu.samples == 4
    assert use.flags == ("contended", "throttled")
    assert nvml.closed


def test_gpus_of_which_nvml_does_not_know_one_are_not_metered(gpu_use):
    assert gpu_use("0,MIG-1", devices=2)[0].gpu is None


def test_a_gpu_that_nvml_does_not_know_is_not_metered(gpu_use):
    use, nvml = gpu_use("MIG-1")
    assert use.gpu is None
    assert nvml.closed


def test_a_cpu_run_opens_no_nvml(monkeypatch):
    monkeypatch.setattr(telemetry, "open_nvml", lambda: pytest.fail("opened"))
    meter = Telemetry(Runtime("cpu", 1, Pinning((0,), 0, True), 0.0, None))
    meter.start()
    use = meter.stop()
    assert use.gpu is None
    assert use.cpu.cores == (0,)


def test_whether_tensorflow_has_begun_is_seen(tf):
    tf.constant(1)
    assert runtime.has_begun()
