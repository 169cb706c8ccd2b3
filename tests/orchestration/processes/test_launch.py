"""Processes of runs, forked and fresh: what they give, and that they end with those that they are for."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from bench.data.datasets import load
from bench.machine.affinity import allowed_cores
from bench.orchestration.processes.fork_server import ForkServer
from bench.orchestration.processes.launch import ProcessDied, launch
from bench.orchestration.processes.work import Limits, Probing, Results, Started
from bench.records.measurement import Epoch
from bench.training.role import Role
from tests.orchestration.clusters import until
from tests.orchestration.memory import memory_group
from tests.orchestration.processes.works import HANG, SMALL, Do, running, work

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone"),
]


EXIT = "import os; os._exit(9)"


@pytest.fixture(scope="module")
def digits():
    return load("digits", None)


@pytest.fixture(scope="module")
def server(digits):
    """One with TensorFlow imported. Whoever kills it comes last."""
    server = ForkServer({"digits": digits})
    yield server
    server.close()


@pytest.fixture
def light(digits, monkeypatch):
    """A server that starts fresh interpreters, which do not get so far as to import TensorFlow."""
    monkeypatch.setenv("BENCH_START_METHOD", "spawn")
    with contextlib.closing(ForkServer({"digits": digits})) as server:
        yield server


def told(server, what, *more):
    return list(launch(server and server.address, what, *more).reports())


def died(server, program):
    """Status and reason of a process that does `program`."""
    with pytest.raises(ProcessDied) as how:
        told(server, work(Do(program)))
    assert "\n" not in how.value.error
    return how.value.status, how.value.error


@pytest.fixture(scope="module")
def forked(server):
    """What a run of `SMALL` reports."""
    return told(server, work(running()))


def measured(reports):
    (result,) = reports[-1].results
    return result.measurement


class TestARun:
    def test_it_tells_phases_and_epochs_and_its_result_last(self, forked):
        assert isinstance(forked[0], Started)
        assert forked[1:6] == ["build", "compile", "warm-up", "stage", "train"]
        epochs = [event for event in forked if isinstance(event, Epoch)]
        assert [epoch.epoch for epoch in epochs] == [1, 2]
        assert isinstance(forked[-1], Results)
        assert forked[-1].results[0].epochs == tuple(epochs)

    def test_its_row_says_how_it_came_to_be(self, forked, server):
        row = measured(forked)
        assert (row.status, row.error, row.start_method) == ("ok", None, "forkserver")
        assert 0 < row.import_seconds < row.start_seconds
        assert row.process_id != server.process_id
        assert (row.affinity, row.pinned, row.threads) == (allowed_cores()[:1], True, 1)
        assert row.peak_host_of_run

    def test_a_fresh_interpreter_comes_to_the_same(self, forked, digits):
        reports = told(None, work(running()), None, {"digits": digits}.get)
        row, other = measured(reports), measured(forked)
        assert (row.status, row.start_method) == ("ok", "spawn")
        assert 0 < row.import_seconds < row.start_seconds
        # The loss of training is summed up by window, of which the clock decides how many there are.
        for score in ("val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy"):
            assert getattr(row, score) == getattr(other, score)

    def test_flags_are_heeded_as_if_they_had_been_there_before_the_import(self, server):
        with pytest.raises(ProcessDied, match="Unknown flag in XLA_FLAGS: --no_such_flag") as how:
            told(server, work(running(), environ={"XLA_FLAGS": "--no_such_flag=1"}))
        assert how.value.status == "failed"

    def test_another_bench_than_the_commands_is_refused(self, server):
        with pytest.raises(ProcessDied, match="imported another bench than the command has") as how:
            told(server, work(running(), sources={"errors.py": "another"}))
        assert how.value.status == "failed"


def test_processes_of_a_group_that_are_copies_of_one_find_each_other(server):
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(reserved()) for _ in range(2)]
        addresses = {"worker": tuple(f"127.0.0.1:{port.getsockname()[1]}" for port in ports)}
        roles = [Role("multi_worker_mirrored", 1, "worker", index, addresses) for index in range(2)]
        scenario = SMALL.model_copy(update={"strategy": "multi_worker_mirrored", "workers": 2, "epochs": 1})
        started = [
            launch(server.address, work(running(scenario), role=role), port)
            for role, port in zip(roles, ports, strict=True)
        ]
        other = []
        beside = threading.Thread(target=lambda: other.extend(started[1].reports()))
        beside.start()
        first = list(started[0].reports())
        beside.join()
    assert [measured(reports).status for reports in (first, other)] == ["ok", "ok"]
    assert measured(first).test_loss == measured(other).test_loss
    assert [type(event) for event in other] == [Started, Results]  # it does not lead


@contextlib.contextmanager
def reserved():
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port.bind(("", 0))
        yield port


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("import os; os.abort()", "failed", "ended itself (SIGABRT): Aborted"),
        ("import ctypes; ctypes.string_at(0)", "failed", "ended itself (SIGSEGV): Segmentation fault"),
        ("import os; os._exit(3)", "failed", "ended with exit status 3 before its run was over"),
        ("raise ValueError('why')", "failed", "ended with exit status 1 before its run was over; its last "),
        ("raise ValueError('why')", "failed", "words: ValueError: why"),
        ("import os; os.kill(os.getpid(), 9)", "lost", "is gone without a reason, as if killed from outside"),
        ("import os; os.kill(os.getpid(), 15)", "lost", "is gone without a reason, as if killed from outs"),
        ("print('a word'); import os; os.kill(os.getpid(), 9)", "lost", "its last words: a word"),
    ],
)
def test_why_it_died_is_told_in_one_line(server, program, status, said):
    found, why = died(server, program)
    assert found == status
    assert said in why


def test_what_it_died_of_is_told_of_a_fresh_interpreter_too(light):
    for server in (light, None):
        assert died(server, "import os; os.abort()")[0] == "failed"
        assert died(server, "import os; os.kill(os.getpid(), 9)")[0] == "lost"


def test_whom_the_kernel_killed_for_memory_is_told_from_whom_somebody_killed(light):
    with memory_group(300 * 2**20) as group:
        group.enter(psutil.Process(light.process_id))
        # Born before the kernel kills another one, and killed by somebody afterwards.
        waiting = launch(light.address, work(Do(HANG)))
        process = next_process(light)
        status, why = died(light, "filled = bytes([1]) * 2**30")
        assert status == "oom_host"
        assert "for want of memory, of which its control group has 300 MiB" in why
        process.kill()
        with pytest.raises(ProcessDied) as how:
            list(waiting.reports())
        assert how.value.status == "lost"
        light.close()


def next_process(server):
    """The process that a server with none starts next, once it is there."""
    until(lambda: psutil.Process(server.process_id).children())
    return psutil.Process(server.process_id).children()[-1]


def test_the_data_are_mapped_and_not_copied(server, light, tmp_path):
    for one in (server, light):
        maps = said_by(one, tmp_path, 'said = open("/proc/self/maps").read()')
        (data,) = [line for line in maps.splitlines() if "memfd:bench-data" in line]
        assert data.split()[1] == "r--s"


def said_by(server, folder, program):
    """What `program` leaves in its variable `said`."""
    path = folder / "said"
    program = f"{program}\nimport json\nwith open({str(path)!r}, 'w') as file: json.dump(said, file)"
    assert died(server, f"{program}\nimport os; os._exit(9)")[1].endswith(" 9 before its run was over")
    return json.loads(path.read_text())


SURROUNDINGS = """
import os, re, resource, signal, tempfile, time
def opened(number):
    import os, re
    path = f"/proc/self/fd/{number}"
    return re.sub(r"[#:].*", "", os.path.basename(os.readlink(path))) if os.path.lexists(path) else ""
said = {
    "title": open("/proc/self/comm").read().strip(),
    "threads": len(os.listdir("/proc/self/task")),
    "oom": open("/proc/self/oom_score_adj").read().strip(),
    "input": os.readlink("/proc/self/fd/0"),
    "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_DFL,
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "wakeup": signal.set_wakeup_fd(-1),
    "blas": os.environ.get("OPENBLAS_NUM_THREADS"),
    "of_children": sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]),
    "processor": time.process_time(),
    "temporary": tempfile.mkstemp()[1],
    "open": list(filter(None, map(opened, os.listdir("/proc/self/fd")))),
}
"""


def test_its_surroundings_are_its_own(server, tmp_path):
    said = said_by(server, tmp_path, SURROUNDINGS)
    temporary = Path(said.pop("temporary"))
    # Beside its output, which has no name: the data, its input, its lease, its channel; nobody else's.
    assert sorted(said.pop("open")) == ["memfd", "null", "pipe", "socket", temporary.name]
    # What the server took for its imports is not the run's.
    assert said.pop("processor") < sum(psutil.Process(server.process_id).cpu_times()[:2])
    assert said == {
        "of_children": 0.0,
        "title": "bench-run",
        "threads": 1,
        "oom": "1000",
        "input": "/dev/null",
        "interrupt": True,
        "blocked": 0,
        "wakeup": -1,
        "blas": os.environ.get("OPENBLAS_NUM_THREADS"),
    }
    assert temporary.parents[1] == Path(server.address).parent
    until(lambda: not temporary.parent.exists())


def test_nothing_is_left_open(server):
    before = opened(server)
    for _ in range(50):
        died(server, "import os; os._exit(0)")
    # Fewer where the last process of the test before was yet to be reaped.
    until(lambda: all(now <= then for now, then in zip(opened(server), before, strict=True)))
    assert set(os.listdir(Path(server.address).parent)) <= {"socket", "xla"}  # noqa: PTH208 -- names alone


def opened(server):
    """How many files this process and the server have open."""
    return [len(list(Path(f"/proc/{process}/fd").iterdir())) for process in (os.getpid(), server.process_id)]


def test_it_can_be_killed_whatever_it_does(server, light):
    for process in (launch(server.address, work(Do(HANG))), launch(light.address, work(Do(HANG)))):
        process.kill()
        process.kill()
        with pytest.raises(ProcessDied):
            list(process.reports())
    alone = launch(None, work(Do(HANG)))
    alone.kill()
    until(
        lambda: not [child for one in (server, light) for child in psutil.Process(one.process_id).children()]
    )
    assert [child.name() for child in psutil.Process().children() if child.name() == "bench-run"] == []


@pytest.fixture
def narrow(light):
    """Call with how many more files than it has open now the server of fresh interpreters may open."""
    assert "ended with exit status 9" in died(light, EXIT)[1]  # it serves
    server = psutil.Process(light.process_id)
    until(lambda: server.status() == psutil.STATUS_SLEEPING)  # it closes files after it has told
    _, most = server.rlimit(resource.RLIMIT_NOFILE)
    return lambda more: server.rlimit(resource.RLIMIT_NOFILE, (server.num_fds() + more, most))


def test_a_server_that_has_no_file_left_to_open_says_so_and_serves_on(light, narrow):
    narrow(1)  # for the one who asks, and not for what it brings
    assert died(light, EXIT) == ("failed", "no process can be started: Too many open files")
    narrow(100)
    assert "ended with exit status 9" in died(light, EXIT)[1]


def test_who_cannot_even_ask_waits_until_a_process_has_ended(light, narrow):
    server = psutil.Process(light.process_id)
    idle = server.num_fds()
    process = launch(light.address, work(Do(HANG)))
    until(lambda: server.children() and server.num_fds() == idle + 1)
    narrow(0)
    waiting = launch(light.address, work(Do(EXIT)))
    process.kill()
    with pytest.raises(ProcessDied, match="no process can be started: Too many open files"):
        list(waiting.reports())


def test_one_that_its_server_has_yet_to_start_can_be_killed_without_waiting_for_that(light):
    os.kill(light.process_id, signal.SIGSTOP)
    process = launch(light.address, work(Do(HANG)))
    process.kill()
    os.kill(light.process_id, signal.SIGCONT)
    assert died(light, "import os; os.abort()")[0] == "failed"
    until(lambda: not psutil.Process(light.process_id).children())


@pytest.mark.parametrize("kind", ["server", "light"])
def test_one_can_be_killed_while_another_thread_listens_to_it(request, kind):
    server = request.getfixturevalue(kind)
    process = launch(server.address, work(Do(HANG)))
    ends = []

    def listen():
        try:
            list(process.reports())
        except ProcessDied as end:
            ends.append(end.status)

    listening = threading.Thread(target=listen)
    listening.start()
    next_process(server)  # which can hardly have come so far as to be killed by the kernel
    process.kill()
    listening.join()
    assert ends == ["lost"]


@contextlib.contextmanager
def script(program, **options):
    """A process that does not outlive the block."""
    with subprocess.Popen([sys.executable, "-c", program], **options) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_dies_with_whoever_asked_for_it(server, light, tmp_path):
    for address in (server.address, light.address, None):
        path = tmp_path / f"{hash(address)}"
        os.mkfifo(path)
        program = f"import os; pipe = os.open({str(path)!r}, os.O_WRONLY); os.write(pipe, b'here'); {HANG}"
        asking = (
            "from tests.orchestration.processes.works import *\n"
            f"list(launch({address!r}, work(Do({program!r}))).reports())"
        )
        with script(asking) as holder, path.open("rb", 0) as pipe:
            assert pipe.read(4) == b"here"
            holder.kill()
            assert pipe.read() == b""  # its only other end is the process's


def test_it_dies_with_whoever_started_the_server(tmp_path):
    for method in ("forkserver", "spawn"):
        path = tmp_path / method
        os.mkfifo(path)
        program = f"import os; pipe = os.open({str(path)!r}, os.O_WRONLY); os.write(pipe, b'here'); {HANG}"
        asking = (
            "from tests.orchestration.processes.works import *\n"
            "server = ForkServer({}); print(server.process_id, flush=True)\n"
            f"list(launch(server.address, work(Do({program!r}))).reports())"
        )
        environ = {**os.environ, "BENCH_START_METHOD": method, "TMPDIR": str(tmp_path)}
        with script(asking, stdout=subprocess.PIPE, env=environ) as starter, path.open("rb", 0) as pipe:
            server = psutil.Process(int(starter.stdout.readline()))
            assert pipe.read(4) == b"here"
            starter.kill()
            assert pipe.read() == b""
            psutil.wait_procs([server])
        assert [left for left in tmp_path.iterdir() if left.is_dir()] == []


def test_it_measures_limits_and_none_where_it_cannot(server, monkeypatch):
    small = "import bench.training.probe as p; p.WORKING_SETS['cpu'] = (2**20,); p.SQUARE_ON_CPU = 64"
    monkeypatch.setattr(Probing, "__reduce__", lambda probing: (_after, (small, probing.precisions)))
    started, limits = told(server, work(Probing(("float32",))))
    assert isinstance(started, Started)
    assert isinstance(limits, Limits)
    assert limits.probe.gemm_flops_per_second["float32"] > 0


def _after(program, precisions):
    exec(program)
    return Probing(precisions)


def test_it_dies_with_the_server_and_the_next_one_is_a_fresh_interpreter(server):
    process = launch(server.address, work(Do(HANG)))
    child = next_process(server)
    os.kill(server.process_id, signal.SIGKILL)
    with pytest.raises(ProcessDied) as how:
        list(process.reports())
    assert how.value.status == "lost"
    psutil.wait_procs([child])
    assert died(server, "import os; os.abort()")[0] == "failed"
