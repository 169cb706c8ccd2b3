"""From a suite to a recorded session: data, cluster, recorder and session loop, put together."""

import contextlib
import datetime
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import bench
from bench.data.datasets import Dataset, load_all
from bench.errors import BenchError, ClusterLostError
from bench.orchestration.on_ray.start import LOCAL, Own, own_ray, wanted_address
from bench.orchestration.pool import Pool
from bench.orchestration.processes.fork_server import ForkServer, start_method
from bench.orchestration.runs import Cluster, Watcher
from bench.orchestration.session import Rules, Session
from bench.orchestration.signals import heeded, held, take_pending
from bench.orchestration.spent import Doing, Spent
from bench.records.earlier import EarlierMachine, read_earlier
from bench.records.journal import Journal
from bench.records.recorder import Recorder, new_session_id
from bench.records.resume import check_data, check_machines
from bench.records.suite import Suite
from bench.records.tables import Row, machine_row
from bench.uri import without_secrets


@dataclass(frozen=True)
class Outcome:
    """A session that has ended: where it lies, its runs, how many of them are not ok, and if it was cut.

    `lost` says why where its cluster was gone in the middle of it, and `spent` are the seconds of what this
    command did itself. `notes` are lines on what of a session that was gone on with could not be read.
    """

    folder: Path
    runs: int
    not_ok: int
    interrupted: bool
    lost: ClusterLostError | None = None
    spent: Mapping[Doing, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def launch(
    suite: Suite,
    results: Path,
    data: Path | None,
    address: str | None,
    watcher: Watcher,
    rules: Rules,
    begun: Path | None = None,
    began: Callable[[Path], None] = lambda _folder: None,
) -> Outcome:
    """Run `suite` and record it as a new session below `results`, or go on with that in `begun`; by `rules`.

    `results` is a folder that can be written; `began` gets the session's folder once there is one.

    Raises BenchError for what is wrong with data or cluster, before any run is started and
    without leaving a session behind. An interrupt (see `signals`) ends the runs under way and gives what was
    finished, whenever it comes; before the first run it is raised. A cluster that is gone ends them, too.
    """
    spent = Spent()
    with held():
        outcome = _launch(suite, results, data, address, watcher, rules, begun, began, spent)
        interrupted = take_pending() or outcome.interrupted
        return replace(outcome, interrupted=interrupted, spent=spent.seconds)


def _launch(
    suite: Suite,
    results: Path,
    data: Path | None,
    address: str | None,
    watcher: Watcher,
    rules: Rules,
    begun: Path | None,
    began: Callable[[Path], None],
    spent: Spent,
) -> Outcome:
    start_method()  # a wrong one is told now, not by an actor
    with heeded(), spent.on("data"):
        datasets = load_all({point.scenario.dataset for point in suite.points}, data)
        dataset_sha256 = {name: it.sha256 for name, it in datasets.items()}
        earlier = read_earlier(begun) if begun else None
        if begun and earlier:
            check_data(begun, earlier, dataset_sha256)
            with Journal(begun):  # refused now, not after Ray has started, where another process writes it
                pass
    with contextlib.ExitStack() as stack:
        own = server = None
        if wanted_address(address) == LOCAL:
            own = stack.enter_context(spent.around(own_ray(), "ray-start", "ray-end"))
            server = stack.enter_context(spent.around(_fork_server(own, datasets), "data", "ray-end"))
        with spent.on("ray-start"):  # whose processes, and the server's, import what they need meanwhile
            from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster, share
            from bench.orchestration.on_ray.pool import RayPool
        vigil = stack.enter_context(spent.around(ray_cluster(address, own), "ray-start", "ray-end"))
        with heeded(), spent.on("inspection"):
            nodes, fingerprints = inspect_nodes()
        if begun and earlier:
            check_machines(begun, earlier, {seen.machine_id for seen in fingerprints.values()})
        del earlier  # the recorder reads its own, and a session may have hundreds of thousands of runs
        with heeded(), spent.on("data"):
            held_here = {node.node_id: server for node in nodes if server}
            pool = RayPool(share(datasets), held=held_here, vigil=vigil)
        cluster = Cluster(nodes, fingerprints, dataset_sha256)
        recorder = _recorder(results, begun, _header(suite, rules))
        began(recorder.folder)
        vigil.remedy = ClusterLostError.remedy
        # Closed before the tables are written, which may take long, and need nothing of Ray.
        with spent.around(recorder, "tables", "tables"), spent.on("session"), contextlib.closing(vigil):
            return replace(_record(suite, cluster, pool, recorder, watcher, rules), notes=recorder.notes)


@contextlib.contextmanager
def _fork_server(own: Own, datasets: Mapping[str, Dataset]) -> Iterator[ForkServer | None]:
    """That of this machine, whose import of TensorFlow takes longer than all of Ray's start.

    None where none can be started, while so much else is: an agent tries again, as on other nodes.
    """
    log, lease = own.folder / "forks.log", own.lease.fileno()
    try:
        server = ForkServer(datasets, inside=str(own.folder), log=log, lease=lease)
    except BenchError:
        yield None
        return
    with contextlib.closing(server):
        own.beside(server.process_id)
        yield server


def _recorder(results: Path, begun: Path | None, header: Row) -> Recorder:
    if begun:
        return Recorder.resume(begun, header)
    session_id = new_session_id(datetime.datetime.now())
    return Recorder.begin(results / session_id, session_id, header)


def _record(
    suite: Suite, cluster: Cluster, pool: Pool, recorder: Recorder, watcher: Watcher, rules: Rules
) -> Outcome:
    rows = (machine_row(recorder.session_id, fingerprint) for fingerprint in cluster.fingerprints.values())
    recorder.add_machines(row for row in rows if EarlierMachine.of(row) not in recorder.earlier_machines)
    interrupted, lost = False, None
    try:
        Session(suite, cluster, pool, recorder, watcher, rules).run()
    except KeyboardInterrupt:
        interrupted = True
    except ClusterLostError as error:
        lost = error
    return Outcome(recorder.folder, recorder.runs, recorder.not_ok, interrupted, lost)


def _header(suite: Suite, rules: Rules) -> Row:
    return {
        "suite": suite.name,
        "title": suite.title,
        "text": suite.text,
        "measure": suite.measure.model_dump(mode="json"),
        "scenarios": [point.scenario.scenario_id for point in suite.points],
        "every_node": rules.every_node,
        "bench_version": bench.__version__,
        "command": [without_secrets(argument) for argument in sys.argv[1:]],
        **rules.series.header(),
    }
