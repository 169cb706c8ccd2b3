import datetime
import shutil

import pytest

from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu
from bench.machine.software import Software
from bench.records import segments
from bench.records.entries import JournalContent
from bench.records.find import find_sessions
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, Journal
from bench.records.measurement import Epoch, Measurement
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.tables import Identity, epoch_row, machine_row, run_row

STARTED = datetime.datetime(2026, 1, 31, 14, 25, 30, 123456, tzinfo=datetime.UTC)

EPOCH = Epoch(
    epoch=1,
    steps=500,
    train_seconds=0.5,
    eval_seconds=0.125,
    elapsed_seconds=0.75,
    learning_rate=0.001,
    train_loss=0.5,
    train_accuracy=0.875,
    val_loss=0.25,
    val_accuracy=0.9375,
    window_seconds=(0.25, 0.25),
    window_steps=(250, 250),
)

MEASUREMENT = Measurement(
    status="ok",
    flags=("unstable", "retried"),
    device_name="A CPU",
    import_seconds=2.5,
    train_seconds=0.5,
    steps=500,
    samples=50_000,
    step_seconds=0.001,
    samples_per_second=100_000.0,
    affinity=(0, 1),
    niceness=0,
)


@pytest.fixture
def scenario():
    """A scenario with the baseline's settings but for those given."""

    def make(**settings):
        return Scenario(**{"hidden": [50, 50], "batch_size": 100, **settings})

    return make


@pytest.fixture
def fingerprint():
    """A machine with two GPUs."""
    gpu = Gpu(0, name="NVIDIA H100", uuid="GPU-0", memory_bytes=80 * 2**30, power_limit_watts=700.0)
    hardware = Hardware(
        cpu_name="A CPU",
        cpu_architecture="x86_64",
        cpu_cores_physical=8,
        cpu_cores_logical=16,
        cpu_hertz_max=3.5e9,
        cpu_cache_l2_bytes=2**20,
        cpu_cache_l3_bytes=2**25,
        cpu_flags=("avx2", "fma"),
        memory_bytes=2**36,
        numa_nodes=1,
        virtualised=False,
        hypervisor=None,
        cgroup_cpu_limit=None,
        cgroup_cores=None,
        cgroup_memory_limit_bytes=None,
        gpus=(gpu, Gpu(1, name="NVIDIA H100", uuid="GPU-1", memory_bytes=80 * 2**30)),
    )
    fields = dict.fromkeys(Software.__dataclass_fields__)
    fields |= {"python_version": "3.11.9", "environment": {"OMP_NUM_THREADS": "2"}}
    return Fingerprint("node-1", hardware, Software(**fields))


@pytest.fixture
def run(scenario):
    """The row of a run and of its one epoch, in a session; keywords are columns that differ."""

    def make(session_id="s1", number=1, **columns):
        settings = scenario()
        identity = Identity(
            run_id=f"{session_id}-{settings.scenario_id}-{number}",
            session_id=session_id,
            suite="a suite",
            sweep="baseline",
            scenario_id=settings.scenario_id,
            label="baseline",
            round=number,
            order=1,
            attempt=1,
            started_at=STARTED,
        )
        row = run_row(identity, settings, settings.seed + number, MEASUREMENT)
        return {**row, **columns}, [epoch_row(identity.run_id, EPOCH)]

    return make


@pytest.fixture
def content(run, fingerprint):
    """The content of a session of so many runs on one machine."""

    def make(runs=2, session_id="s1"):
        made = [run(session_id, number) for number in range(1, runs + 1)]
        return JournalContent(
            header={"session_id": session_id},
            runs=[row for row, _ in made],
            epochs=[epoch for _, epochs in made for epoch in epochs],
            machines=[machine_row(session_id, fingerprint)],
        )

    return make


@pytest.fixture
def written(tmp_path, content):
    """The bytes of a journal of two runs and a machine."""
    session = content(runs=2)
    with Journal(tmp_path) as journal:
        journal.append("session", **session.header)
        journal.append("machine", row=session.machines[0])
        for row, epoch in zip(session.runs, session.epochs, strict=True):
            journal.append("run", row=row, epochs=[epoch])
    return (tmp_path / FILE_NAME).read_bytes()


@pytest.fixture(scope="session")
def kept_sessions(tmp_path_factory):
    """Where `recorded_session` keeps those that it made."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def recorded_session(run, fingerprint, monkeypatch, kept_sessions):
    """Call with a folder; puts a session of so many runs there, some of them in segments.

    It has not ended where it is `interrupted`: no tables are written, and nobody has its journal.
    """
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 4)

    def record(folder, runs, interrupted):
        recorder = Recorder.begin(folder, "s1", {"suite": "a suite"})
        recorder.add_machines([machine_row("s1", fingerprint)])
        for number in range(1, runs + 1):
            recorder.add_run(*run("s1", number, machine="A machine"))
        if interrupted:
            recorder._held.close()
            recorder._journal.__exit__()
        else:
            recorder.__exit__()

    def make(folder, runs=10, interrupted=False):
        kept = kept_sessions / f"{runs}-{interrupted}"
        if not kept.exists():
            record(kept, runs, interrupted)
        shutil.copytree(kept, folder)
        return folder

    return make


@pytest.fixture
def session_at():
    """Call with a folder; gives it as `find_sessions` does."""

    def find(folder):
        (found,) = find_sessions(Local(str(folder))).sessions
        return found

    return find
