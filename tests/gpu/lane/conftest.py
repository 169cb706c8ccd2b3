"""Processes with TensorFlow on the GPU, on a CPU beside it, and on the CPU alone where this is a rehearsal.

BENCH_GPU_REHEARSAL=1 runs every test on a CPU, but for what only a GPU has. Since TensorFlow keeps what it
took of a GPU until its process ends, and sees or does not see GPUs from its start on, it runs in processes of
its own and not in pytest's; there are few of them, for each takes seconds to start.
"""

import os

import pytest

from bench.machine.nvml import open_nvml
from tests.gpu.process import Process, ProcessError

START_SECONDS = 90
REHEARSAL = os.environ.get("BENCH_GPU_REHEARSAL") == "1"
CALL_SECONDS = 300 if REHEARSAL else 90  # a machine of two cores may have others on it

# Ten steps of an epoch. tanh, since relu has a kink: within rounding of zero a unit's gradient is there in
# one program and not in the other.
SMALL = {"hidden": [32], "activation": "tanh", "batch_size": 5_000, "epochs": 1}


def pytest_collection_modifyitems(items):
    for item in items:
        if "lane" in item.path.parts:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def kind():
    """What the lane runs on: gpu, or cpu in a rehearsal. Skips, without TensorFlow, where there is no GPU."""
    if REHEARSAL:
        return "cpu"
    nvml = open_nvml()
    if nvml is None:
        pytest.skip("TensorFlow sees no GPU here: no driver of NVIDIA answers")
    nvml.close()
    return "gpu"


@pytest.fixture(scope="session")
def begin(kind, tmp_path_factory):
    """Call with how TensorFlow is to start; gives its process, and what it said, once it has started.

    The GPU is hidden from it where `on` says cpu.
    """
    folder, processes = tmp_path_factory.mktemp("processes"), []

    def begin(on=kind, environment=None, **arguments):
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if on == "cpu" else {}
        process = Process(folder / f"{len(processes)}.txt", **hidden, **(environment or {}))
        processes.append(process)
        process.ask("tests.gpu.training.start", kind=on, **arguments)
        return process

    yield begin
    for process in processes:
        process.close()


@pytest.fixture(scope="session")
def reference(kind, begin):
    """Call with settings; gives the losses of the same run on a CPU, which trains while the GPU does."""
    process = begin("cpu")
    process.answer(START_SECONDS)
    known = {}

    def reference(settings):
        key = str(sorted(settings.items()))
        if key not in known:
            known[key] = ask(process, "train", settings=settings)["losses"]
        return known[key]

    assert kind
    return reference


@pytest.fixture(scope="session")
def worker(begin):
    """Call with a function of `tests.gpu.training` and its arguments: in the process that most tests share.

    Where it has died, in a fresh one, so that a crash costs the test that it happened in.
    """
    processes = [started(begin)]

    def call(function, **arguments):
        if not processes[-1].alive:
            processes.append(started(begin))
        return ask(processes[-1], function, **arguments)

    return call


def started(begin):
    """A process that sees the device; skips where TensorFlow sees none."""
    process = begin()
    try:
        process.answer(START_SECONDS)
    except ProcessError as problem:
        if "TensorFlow sees no GPU" not in str(problem):
            raise
        pytest.skip(f"TensorFlow sees no GPU here: the driver answers, but {problem}")
    return process


def ask(process, function, **arguments):
    return process.call(f"tests.gpu.training.{function}", CALL_SECONDS, **arguments)


@pytest.fixture
def only_gpu(kind):
    """Call with a reason; skips in a rehearsal."""

    def only_gpu(reason):
        if kind == "cpu":
            pytest.skip(f"rehearsal: {reason}")

    return only_gpu


@pytest.fixture(scope="session")
def device(kind):
    """The device as TensorFlow calls it."""
    return f"{kind.upper()}:0"


@pytest.fixture(scope="session")
def small():
    """Call with settings; gives those of a run of ten steps where they say nothing else."""
    return lambda **settings: {**SMALL, **settings}


@pytest.fixture(scope="session")
def ok(worker):
    """Call with settings; gives the measurement of a run in the shared process, which ended ok.

    A run that was made already is not made again.
    """
    made = {}

    def ok(settings, **arguments):
        key = str(sorted({**settings, **arguments}.items()))
        if key not in made:
            made[key] = worker("train", settings=settings, **arguments)
        assert (made[key]["status"], made[key]["error"]) == ("ok", None)
        return made[key]

    return ok
