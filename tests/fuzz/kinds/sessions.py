"""Sessions to damage, made of the figures that come with this repository, and what is asked of them."""

import functools
import tempfile
from pathlib import Path

from bench.analysis.repetition import until
from bench.cli.watchers import Silent
from bench.orchestration import launch
from bench.orchestration.runs import Cluster
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.session import Rules
from bench.records.recorder import Recorder
from bench.records.resume import session_to_resume
from bench.records.store import read_sessions
from bench.records.suite import read_suite
from tests.fuzz.judge import checked_json, command

ROOT = Path(__file__).parents[3]
SUITE = ROOT / "scenarios" / "quick.toml"
RUNS = 8
CONDITIONS = (
    "epochs > 1",
    "batch_size == 100 and loop == 'fused'",
    "error.isna()",
    "status == 'ok'",
    "round",
)
COLUMNS = ("train", "-train", "label", "wall", "-val", "nothing")


@functools.cache
def session_files():
    """The files of a whole session of `RUNS` runs with their epochs and a probed machine: bytes by name."""
    tables = recorded()
    epochs = tables.epochs.to_pylist()
    points = read_suite(SUITE).points
    header = {"suite": "quick", "scenarios": [point.scenario.scenario_id for point in points]}
    with tempfile.TemporaryDirectory() as place:
        with Recorder.begin(Path(place) / "s", "s", header) as recorder:
            recorder.add_machines(tables.machines.to_pylist())
            for row in tables.runs.to_pylist()[:RUNS]:
                recorder.add_run(row, [epoch for epoch in epochs if epoch["run_id"] == row["run_id"]])
        return {path.name: path.read_bytes() for path in recorder.folder.iterdir() if path.is_file()}


def write_session(folder, files):
    """Files by name into `folder`, which is made; gives it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def question(folder, random):
    """Call what it gives to ask something of the sessions in `folder`/results."""
    results = folder / "results"
    how = random.randrange(20)
    if how < 6:
        return lambda: command("show", results)
    if how < 10:
        return lambda: checked_json(command("show", results, "--format", "json"))
    if how < 12:
        form = random.choice(("csv", "md"))
        return lambda: command("show", results, "--format", form)
    if how == 12:
        asked = ("--where", random.choice(CONDITIONS)), ("--sort", random.choice(COLUMNS)), ("--overhead",)
        given = random.choice(asked)
        return lambda: command("show", results, *given)
    if how == 13:
        return lambda: command("report", results, "-o", folder / "report.html")
    if how == 14:
        return lambda: command("plan", SUITE, "--results", results)
    if how < 17:
        whole = write_session(folder / "whole", session_files())
        sides = (whole, results) if random.random() < 0.5 else (results, whole)
        if random.random() < 0.5:
            return lambda: command("compare", *sides)
        return lambda: checked_json(command("compare", *sides, "--format", "json"))
    return lambda: resumed(results)


def resumed(results):
    """What `bench run --resume` does on a cluster that is too small for every run."""
    suite = read_suite(SUITE)
    folder = session_to_resume(results, suite, every_node=False)
    if folder is None:
        return
    content = launch.read_earlier(folder)
    launch.check_data(folder, content, {})
    launch.check_machines(folder, content, machine_ids())
    nowhere = Cluster(nodes=(), fingerprints={}, dataset_sha256={})
    rules = Rules(until(suite.measure.precision), Order(), every_node=False, probe=False)
    with Recorder.resume(folder, {"suite": suite.name}) as recorder:
        launch._record(suite, nowhere, None, recorder, Silent(), rules)


@functools.cache
def machine_ids():
    return set(recorded().machines.column("machine_id").to_pylist())


@functools.cache
def recorded():
    """The tables that came with this repository and were measured."""
    return read_sessions([str(ROOT / "results" / "nvidia-h200")])
