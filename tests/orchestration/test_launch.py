"""What a launch refuses before it starts Ray, and what it does before the first run."""

import contextlib
import gc
import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench.cli.watchers import Silent
from bench.errors import ClusterError, StoreError
from bench.orchestration import launch
from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.processes import fork_server
from bench.orchestration.session import Rules
from bench.records.journal import Journal
from bench.records.recorder import Recorder
from bench.records.suite import Measure, Suite
from tests.sessions import journal_of


def test_a_session_that_another_process_writes_is_refused_at_once(tmp_path, monkeypatch):
    with Recorder.begin(tmp_path / "s1", "s1", {}):
        pass
    monkeypatch.setattr(launch, "load_all", lambda _names, _data: {})
    monkeypatch.setitem(
        sys.modules, "bench.orchestration.on_ray.cluster", None
    )  # an error where it is imported
    suite = Suite("suite", "A suite", Measure(rounds=1), (), "")
    rules = Rules(lambda _times: True)
    with Journal(tmp_path / "s1"), pytest.raises(StoreError, match="this session is still going on"):
        launch.launch(suite, tmp_path, None, None, Silent(), rules, begun=tmp_path / "s1")


class FakeFingerprint:
    """As much of a node's as a launch looks at."""

    def __init__(self, number):
        self.machine_id = f"machine{number}"
        self._row = {"node": f"n{number}", "machine_id": self.machine_id, "software_id": "a"}

    def row(self, session_id, *_):
        return {"session_id": session_id, "machine": "A CPU", **self._row}


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Launches a session that runs nothing on so many nodes, or goes on with it; gives what came of it."""
    suite, rules = Suite("suite", "A suite", Measure(rounds=1), (), ""), Rules(lambda _times: True)

    def launched(nodes, begun=None, session=lambda *_: SimpleNamespace(run=lambda: None)):
        fingerprints = {str(number): FakeFingerprint(number) for number in range(nodes)}
        cluster = SimpleNamespace(
            inspect_nodes=lambda: ((), fingerprints),
            ray_cluster=lambda *_: contextlib.nullcontext(Vigil()),
            share=lambda _datasets: None,
        )
        monkeypatch.setitem(sys.modules, "bench.orchestration.on_ray.cluster", cluster)
        monkeypatch.setitem(
            sys.modules, "bench.orchestration.on_ray.pool", SimpleNamespace(RayPool=lambda _data, **_: None)
        )
        monkeypatch.setattr(launch, "load_all", lambda _names, _data: {})
        monkeypatch.setattr(launch, "machine_row", lambda name, fingerprint: fingerprint.row(name))
        monkeypatch.setattr(launch, "Session", session)
        return launch.launch(suite, tmp_path, None, "there:1", Silent(), rules, begun=begun)

    return launched


def test_a_session_knows_each_of_its_machines_once(launched, monkeypatch):
    folder, synced, flush = launched(3).folder, [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(flush(number)))
    before_any_run = []
    launched(
        5, begun=folder, session=lambda *_: SimpleNamespace(run=lambda: before_any_run.append(len(synced)))
    )
    assert [row["node"] for row in journal_of(folder).machines] == ["n0", "n1", "n2", "n3", "n4"]
    # The manifest and its name, that the session was resumed, and all the machines that are new.
    assert before_any_run == [4]


def test_what_of_it_is_damaged_is_told(launched):
    folder = launched(2).folder
    for file in folder.glob("*.parquet"):
        file.unlink()  # else they would make up for it
    journal = folder / "journal.jsonl"
    damaged = journal.read_bytes().replace(b'"node": "n0"', b'"node": "n9"')
    journal.write_bytes(damaged)
    (note,) = launched(2, begun=folder).notes
    assert note.startswith(f"{journal}:2: damaged, left out; `bench run --resume` runs again")
    assert launched(2, begun=folder).notes == ()  # by then the tables make up for it, and it is put aside
    assert (folder / "journal.jsonl.damaged").read_bytes().startswith(damaged)


def test_what_it_did_before_is_in_memory_once_while_it_goes_on(launched, monkeypatch):
    read, left = launch.read_earlier, []

    def read_once(folder):
        session = read(folder)
        left.append(weakref.ref(session))
        return session

    monkeypatch.setattr(launch, "read_earlier", read_once)
    launched(1, begun=launched(1).folder, session=lambda *_: SimpleNamespace(run=lambda: alive(left)))


def alive(left):
    gc.collect()
    assert [of() for of in left] == [None]


@pytest.fixture
def no_ray(tmp_path, monkeypatch):
    """A Ray of one's own that fails to start; gives the folder that it was to be in, and processes begun."""
    base, begun = Path(tempfile.mkdtemp(prefix="b", dir="/tmp")), []
    (tmp_path / "ray.py").write_text("raise ImportError('torn')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("RAY_TMPDIR", str(base))
    monkeypatch.setenv("BENCH_START_METHOD", "spawn")
    monkeypatch.setattr(launch, "load_all", lambda _names, _data: {})

    class Kept(launch.ForkServer):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            begun.append(self)

    monkeypatch.setattr(launch, "ForkServer", Kept)
    yield SimpleNamespace(base=base, begun=begun)
    shutil.rmtree(base)


def begin(results):
    suite, rules = Suite("suite", "A suite", Measure(rounds=1), (), ""), Rules(lambda _times: True)
    launch.launch(suite, results, None, None, Silent(), rules)


def test_where_ray_cannot_start_the_fork_server_that_came_first_ends(tmp_path, no_ray):
    with pytest.raises(ClusterError, match="no Ray cluster on this machine: ImportError: torn; see "):
        begin(tmp_path)
    (server,), (folder,) = no_ray.begun, no_ray.base.iterdir()
    assert not server.is_alive()
    assert {file.name for file in folder.iterdir()} == {"head.err", "forks.log"}


def test_that_no_fork_server_can_be_started_beside_ray_is_not_the_end(tmp_path, no_ray, monkeypatch):
    def full(_datasets):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fork_server, "share", full)
    before = psutil.Process().children()
    with pytest.raises(ClusterError, match="no Ray cluster on this machine: ImportError: torn; see "):
        begin(tmp_path)  # which agents would have tried again
    assert no_ray.begun == []
    assert psutil.Process().children() == before
