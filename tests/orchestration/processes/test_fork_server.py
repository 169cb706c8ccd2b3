"""How processes are to start, and servers that may not be copied; no TensorFlow but a made-up one."""

import contextlib
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.orchestration.processes import fork_server, preload
from bench.orchestration.processes.fork_server import ForkServer, start_method
from bench.orchestration.processes.launch import ProcessDied, launch
from bench.orchestration.processes.preload import why_not_forked
from tests.orchestration.processes.works import Do, running, work

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


def test_how_processes_start():
    assert start_method({"BENCH_START_METHOD": "spawn"}) == "spawn"
    assert start_method({"BENCH_START_METHOD": "forkserver"}) == "forkserver"
    assert start_method({}) == start_method({"BENCH_START_METHOD": ""})
    assert start_method({}) == ("forkserver" if sys.platform == "linux" else "spawn")


def test_no_other_way_is_known():
    with pytest.raises(
        BenchError, match="BENCH_START_METHOD: 'fork' is no way to start a process; set it to "
    ):
        start_method({"BENCH_START_METHOD": "fork"})


def test_a_server_is_not_started_for_another_way(monkeypatch):
    monkeypatch.setenv("BENCH_START_METHOD", "fork")
    with pytest.raises(BenchError, match="is no way to start a process"):
        ForkServer({})


def test_a_process_with_threads_is_not_copied(monkeypatch):
    monkeypatch.setattr(preload, "_threads", lambda: 3)
    assert why_not_forked() == "the imports start 2 threads"


def test_nor_is_one_that_has_a_gpu_open(monkeypatch):
    monkeypatch.setattr(preload, "_threads", lambda: 1)
    monkeypatch.setattr(preload, "_open_files", lambda: ["/dev/null", "/dev/nvidia0"])
    assert why_not_forked() == "the imports open a GPU"


def test_what_is_open_here_is_found(tmp_path):
    with (tmp_path / "opened").open("w"):
        assert str(tmp_path / "opened") in preload._open_files()


@pytest.mark.parametrize(
    ("begun", "why_not"), [(True, "the imports start TensorFlow's runtime"), (False, None)]
)
def test_nor_is_one_in_which_tensorflow_has_begun(monkeypatch, begun, why_not):
    from bench.training import runtime

    monkeypatch.setattr(preload, "_threads", lambda: 1)
    monkeypatch.setattr(runtime, "has_begun", lambda: begun)
    assert why_not_forked() == why_not


@linux
@pytest.mark.parametrize(
    ("tensorflow", "said"),
    [
        ("raise ImportError('torn')", "tensorflow cannot be imported: ImportError: torn"),
        ("raise SystemExit(3)", "tensorflow cannot be imported: SystemExit: 3"),
    ],
)
def test_where_tensorflow_cannot_be_imported_each_run_says_so(tmp_path, monkeypatch, capfd, tensorflow, said):
    (tmp_path / "tensorflow.py").write_text(tensorflow)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with contextlib.closing(ForkServer({})) as server:
        with pytest.raises(ProcessDied) as how:
            list(launch(server.address, work(running())).reports())
        assert how.value.status == "failed"
    assert f"bench starts a fresh interpreter for each run, since {said}\n" in capfd.readouterr().err
    assert not Path(server.address).exists()


@linux
def test_a_server_with_a_thread_goes_on_as_one_that_starts_fresh_interpreters(tmp_path, monkeypatch, capfd):
    (tmp_path / "sitecustomize.py").write_text(
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with contextlib.closing(ForkServer({})) as server:
        with pytest.raises(ProcessDied, match="ended with exit status 9"):
            list(launch(server.address, work(Do("import os; os._exit(9)"))).reports())
        assert server.is_alive()
    told = "bench starts a fresh interpreter for each run, since the interpreter starts 1 threads\n"
    assert told in capfd.readouterr().err


def test_a_place_with_too_long_a_path_for_a_socket_is_not_taken(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    for inside in (None, str(long), str(tmp_path / "nowhere")):
        made = Path(fork_server._folder(inside))
        assert made.parent == Path("/tmp")
        assert made.stat().st_mode & 0o777 == 0o700
        made.rmdir()
    assert list(long.iterdir()) == []


def test_it_keeps_all_that_it_puts_down_where_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_START_METHOD", "spawn")
    with contextlib.closing(ForkServer({}, inside=str(tmp_path))) as server:
        assert Path(server.address).parents[1] == tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def left(tmp_path):
    """Call with a name, and whether somebody listens there; the folder of a server, old unless said."""
    listeners = []

    def make(name, listens=False, age=3600.0):
        folder = tmp_path / name
        folder.mkdir()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "socket"))
        if listens:
            listener.listen()
            listeners.append(listener)
        else:
            listener.close()
        os.utime(folder / "socket", (time.time() - age,) * 2)
        return folder

    yield make
    for listener in listeners:
        listener.close()


def test_what_servers_left_that_were_killed_goes_with_the_next_one(tmp_path, monkeypatch, left):
    monkeypatch.setenv("BENCH_START_METHOD", "spawn")
    gone, alive, young, other = (
        left("bench-gone"),
        left("bench-alive", listens=True),
        left("bench-young", age=1.0),
        left("other"),
    )
    (gone / "12").mkdir()
    ForkServer({}, inside=str(tmp_path)).close()
    assert sorted(tmp_path.iterdir()) == sorted([alive, young, other])


def test_that_none_can_be_started_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(BenchError, match="no fork server can be started: No such file"):
        ForkServer({})
    assert list(tmp_path.iterdir()) == []


def test_nor_without_a_place_for_temporary_files(monkeypatch):
    def nowhere(**_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "mkdtemp", nowhere)
    with pytest.raises(BenchError, match="no fork server can be started: No usable temporary directory"):
        ForkServer({})


@pytest.fixture
def lease():
    """Both ends of a pipe."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", 0) as ours, os.fdopen(write, "wb", 0) as theirs:
        yield ours, theirs


@linux
@pytest.mark.parametrize("tensorflow", ["import time; time.sleep(600)", "import sys; sys.exit(3)"])
def test_it_ends_with_its_lease_whatever_it_does(tmp_path, monkeypatch, capfd, lease, tensorflow):
    """During the imports, and as one that has gone on without them."""
    ours, theirs = lease
    (tmp_path / "tensorflow.py").write_text(f"import os; os.write(1, b'imported\\n'); {tensorflow}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    log = tmp_path / "log"
    with contextlib.closing(ForkServer({}, str(tmp_path), log, ours.fileno())) as server:
        last = b"imported\n" if "sleep" in tensorflow else b"for each run"
        while last not in log.read_bytes():
            assert server.is_alive()
        if "sleep" not in tensorflow:
            with pytest.raises(ProcessDied):
                list(launch(server.address, work(Do("import os; os._exit(9)"))).reports())
        assert os.getsid(server.process_id) == server.process_id != os.getsid(0)
        theirs.close()
        server.wait()
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {log.name, "tensorflow.py"}
    assert capfd.readouterr() == ("", "")


@linux
def test_variables_for_the_imports_are_not_the_run_s(tmp_path, monkeypatch):
    seen = "import os; print(*(os.environ.get(n) for n in ('CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS')), "
    (tmp_path / "tensorflow.py").write_text(f"{seen}sep='|', flush=True); raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    log, told = tmp_path / "log", tmp_path / "told"
    program = f"file = open({str(told)!r}, 'w'); {seen}sep='|', file=file, flush=True); os._exit(9)"
    with contextlib.closing(ForkServer({}, log=log)) as server, pytest.raises(ProcessDied):
        list(launch(server.address, work(Do(program))).reports())
    assert log.read_text().splitlines()[0] == "7|1"
    assert told.read_text() == "7|None\n"


def test_closing_twice_does_nothing(monkeypatch):
    monkeypatch.setenv("BENCH_START_METHOD", "spawn")
    server = ForkServer({})
    assert server.is_alive()
    server.close()
    server.close()
    assert not server.is_alive()
