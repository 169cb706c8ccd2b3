"""The command in processes of its own, and sessions made without running anything."""

import datetime
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.orchestration.processes.preload import FOR_IMPORTS
from bench.records.entries import JournalContent
from bench.records.measurement import Measurement
from bench.records.recorder import Recorder
from bench.records.suite import parse_suite
from bench.records.tables import Identity, run_row
from bench.records.writing import write_tables
from tests.forks import Forks

ROOT = Path(__file__).parents[2]
STARTED = datetime.datetime(2026, 1, 31, 14, 25, 30, tzinfo=datetime.UTC)
ROUNDS = 20
LIBRARIES = (
    *("jinja2", "numpy", "pandas", "plotly.graph_objects", "pyarrow.compute", "pyarrow.parquet"),
    *("pydantic", "rich.console", "rich.live", "rich.table", "scipy.stats", "typer"),
)

SWEEPS = (
    {
        "name": "batch-size",
        "hidden": [50, 50],
        "matrix": {"batch_size": [1, 10, 100, 1000, 10000], "loop": ["fit", "fused"]},
    },
    {
        "name": "learning-rate",
        "hidden": [50, 50],
        "batch_size": 100,
        "epochs": 2,
        "matrix": {"learning_rate": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 1.0]},
    },
    {
        "name": "wide-sigmoid",
        "activation": "sigmoid",
        "batch_size": 200,
        "target_accuracy": 0.985,
        "matrix": {"hidden": [[512, 512], [1024, 1024], [2048, 2048], [4096, 4096], [8192, 8192]]},
    },
)
"""25 scenarios; 20 rounds on each of two machines make 1,000 runs."""

CPU = {"machine": "AMD EPYC 7763, 64 cores", "machine_id": "aaaaaaaaaaaa", "node": "cpu-box"}
GPU = {
    "machine": "Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3",
    "machine_id": "bbbbbbbbbbbb",
    "node": "gpu-box",
}

# Step times on the CPU machine in microseconds, by round. Sorted they are 881 to 900, so the median is 890.5;
# the deviations from it are 0.5 to 9.5, each twice, so their median is 5.
BY_HAND = "batch_size=100 loop=fused"
BY_HAND_TIMES = (
    *(890, 891, 889, 892, 888, 893, 887, 894, 886, 895),
    *(885, 896, 884, 897, 883, 898, 882, 899, 881, 900),
)


@pytest.fixture(scope="session")
def thousand(tmp_path_factory) -> Path:
    """A folder of two sessions, 500 runs each, on a CPU machine and on a GPU machine."""
    folder = tmp_path_factory.mktemp("thousand")
    for machine, speed in ((CPU, 1.0), (GPU, 7.3)):
        session = f"thousand-{machine['node']}"
        (folder / session).mkdir()
        write_tables(folder / session, [session_content(session, machine, speed)])
    return folder


@pytest.fixture(scope="session")
def write_small():
    """Call with a folder; writes the session `small` there, run by run, and gives its folder.

    Two scenarios of the notebook, three rounds, on the CPU machine, or on the one that is given.
    """

    def write(folder, machine=CPU):
        settings = {"loop": "fit", "hidden": [50, 50], "matrix": {"batch_size": [10000, 1]}}
        document = {"sweep": [{"name": "batch-size", **settings}]}
        points = parse_suite(document, "small.toml", "small", "", {}, {}).points
        header = {"suite": "small", "scenarios": [point.scenario.scenario_id for point in points]}
        with Recorder.begin(folder / "small", "small", header) as recorder:
            recorder.add_machines([{"session_id": "small", **machine}])
            for number in (1, 2, 3):
                for point in points:
                    row = run_of("small", machine, point, number, ok(point.scenario, number, 1.0))
                    recorder.add_run(row, [])
        return recorder.folder

    return write


@pytest.fixture(scope="session")
def small(write_small, tmp_path_factory) -> Path:
    """See `write_small`; not to be written to."""
    return write_small(tmp_path_factory.mktemp("sessions"))


def session_content(session, machine, speed) -> JournalContent:
    document = {"sweep": list(SWEEPS)}
    points = parse_suite(document, "thousand.toml", "thousand", "", {}, {}).points
    runs = [
        run_of(session, machine, point, number, measured(point, number, machine, speed))
        for number in range(1, ROUNDS + 1)
        for point in points
    ]
    return JournalContent({"session_id": session}, runs, [], [{"session_id": session, **machine}])


def run_of(session, machine, point, number, measurement):
    scenario = point.scenario
    identity = Identity(
        run_id=f"{session}-{scenario.scenario_id}-{number}",
        session_id=session,
        suite=session.partition("-")[0],
        sweep=point.sweep,
        scenario_id=scenario.scenario_id,
        label=point.label,
        round=number,
        order=1,
        attempt=1,
        started_at=STARTED,
        **machine,
    )
    return run_row(identity, scenario, number, measurement)


def measured(point, number, machine, speed) -> Measurement:
    """What the run came to: ok but for some, the same in every process."""
    if point.label == "learning_rate=1.0":
        return Measurement(status="diverged", error="the loss is not finite after 41 steps")
    if point.label == "hidden=8192-8192" and machine is GPU and number % 2:
        return Measurement(
            status="oom_device", error="ResourceExhaustedError: 256.00MiB\nmore of what TensorFlow said"
        )
    if point.label == "hidden=1024-1024" and number == 7:
        return Measurement(status="lost", error="ActorDiedError: the node died", flags=("retried",))
    if point.label == BY_HAND and machine is CPU:
        return ok(point.scenario, number, speed, BY_HAND_TIMES[number - 1] * 1e-6)
    return ok(point.scenario, number, speed)


def ok(scenario, number, speed, step_seconds=None) -> Measurement:
    """Times from the work in a step; every eleventh run unstable, every thirteenth contended."""
    work = sum(a * b for a, b in itertools.pairwise(scenario.widths)) * scenario.global_batch
    usual = (60e-6 if scenario.loop == "fused" else 450e-6) + work * 6 / 150e9 / speed
    step = step_seconds or usual * (1 + 0.002 * (number * 7 % ROUNDS - 10))
    flops = 6.0 * work / step
    accuracy = 0.97 + 0.001 * (number % 5) + (0.012 if len(set(scenario.hidden) & {1024, 2048, 4096}) else 0)
    train = step * scenario.steps
    flags = [name for name, every in (("unstable", 11), ("contended", 13)) if number % every == 0]
    return Measurement(
        status="ok",
        flags=tuple(flags),
        compile_seconds=0.8 + 0.01 * number,
        train_seconds=train,
        wall_seconds=train * 1.1 + 1.5,
        steps=scenario.steps,
        samples=scenario.samples,
        step_seconds=step,
        samples_per_second=scenario.global_batch / step,
        train_accuracy=0.99,
        val_accuracy=accuracy,
        best_val_accuracy=accuracy,
        test_accuracy=accuracy - 0.002,
        target_seconds=train if scenario.target_accuracy and accuracy >= scenario.target_accuracy else None,
        flops_per_second=flops,
        limit_fraction=flops / (150e9 * speed),
        bound_by="compute" if work > 1e8 else "launch",
        peak_host_bytes=2**30,
        peak_device_bytes=2**31 if speed > 1 else None,
        energy_joules=train * 300 if speed > 1 else None,
    )


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory) -> Path:
    """An empty folder to run commands in."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="session")
def forks():
    """What commands are copies of: with the libraries imported that they use, and nothing of bench."""
    with Forks(*LIBRARIES, **FOR_IMPORTS) as forks:
        yield forks


@pytest.fixture(scope="session")
def run_bench(elsewhere, forks):
    """Call with arguments; runs `python -m bench` for a terminal that is `columns` wide.

    In an interpreter of its own where it gets variables that are for Python itself.
    """

    def run(*arguments, columns=80, cwd=elsewhere, **environment):
        given = {**os.environ, "COLUMNS": str(columns), **environment}
        if not any(name.startswith("PYTHON") for name in environment):
            return forks.run("tests.forks:run_bench", [str(each) for each in arguments], cwd, given)
        return subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=cwd,
            env=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def scenarios() -> Path:
    """The suites that come with bench."""
    return ROOT / "scenarios"


@pytest.fixture(scope="session")
def published() -> Path:
    """The session of the notebook's published figures."""
    return ROOT / "results" / "notebook-published"
