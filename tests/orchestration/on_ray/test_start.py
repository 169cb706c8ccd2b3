"""A Ray of one's own, in a world that means no good: how its start fails, and what is left when it ends."""

import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import uuid
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench.errors import ClusterError
from bench.orchestration.on_ray import start as ray_start
from bench.records.store import read_sessions
from tests.caches import cache_with_digits
from tests.orchestration.clusters import MARK, alive, marked, names, until

ANSWER = "import sys, time; wanted = sys.stdin.readline(); "
SUITE = """
title = "Tiny"
[measure]
rounds = 1
[[sweep]]
name = "tiny"
dataset = "digits"
hidden = [16]
batch_size = 10000
epochs = 1
matrix.activation = ["relu", "tanh"]
"""
SLEEPER = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
UNWRITTEN = "bench: standard output: cannot be written: Input/output error; all else is done\n"
INTERRUPTED = "bench: interrupted; every finished run is kept\n"


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Puts another program in the place of the one that starts Ray; gives where it tells what it was told."""

    def replace(script):
        path, told = tmp_path / "program.py", tmp_path / "told"
        path.write_text(f"told = {str(told)!r}\n{ANSWER}{script}\n")
        monkeypatch.setattr(ray_start, "_PROGRAM", path)
        return told

    return replace


def test_ray_is_told_what_to_start_and_in_which_environment(program, monkeypatch):
    told = program(
        "import json, os, shutil; open(told, 'w').write(json.dumps([wanted, dict(os.environ)]));"
        'print(\'{"address": "there:1"}\', flush=True); sys.stdin.read();'
        "shutil.rmtree(json.loads(wanted)['temp_dir'])"
    )
    before = {**os.environ}
    for name in ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "RAY_REDIS_ADDRESS", "RAY_RUNTIME_ENV_HOOK"):
        monkeypatch.setenv(name, "error")
    with ray_start.own_ray() as own:
        assert own.address() == "there:1"
        wanted, environ = json.loads(told.read_text())
        assert os.environ["RAY_AUTH_TOKEN"] == environ["RAY_AUTH_TOKEN"]
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert str(own.folder) == json.loads(wanted)["temp_dir"]
    assert set(json.loads(wanted)) == {
        *("temp_dir", "num_cpus", "object_store_memory", "plasma_directory", "lease")
    }
    assert len(environ["RAY_AUTH_TOKEN"]) == 64
    assert (environ["RAY_AUTH_MODE"], environ["RAY_worker_niceness"]) == ("token", "0")
    assert environ["RAY_memory_monitor_refresh_ms"] == environ["RAY_num_workers_soft_limit"] == "0"
    assert not {"PYTHONOPTIMIZE", "PYTHONWARNINGS", "RAY_REDIS_ADDRESS", "RAY_RUNTIME_ENV_HOOK"} & set(
        environ
    )
    assert {name: environ.get(name) for name in ("HOME", "PATH")} == {
        name: before.get(name) for name in ("HOME", "PATH")
    }


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ('print(\'{"error": "RuntimeError:\\\\n  no."}\', flush=True)', "RuntimeError: no"),
        ("sys.exit(3)", "its process ended"),
        ("import no_such_module", "its process ended: ModuleNotFoundError: No module named 'no_such_module'"),
        ("time.sleep(600)", "not up after 0.5 s"),
    ],
)
def test_a_start_that_fails_is_told_in_one_line(program, monkeypatch, script, why):
    program(script)
    monkeypatch.setattr(ray_start, "START_SECONDS", 0.5 if "sleep" in script else 60.0)
    monkeypatch.setattr(ray_start, "END_SECONDS", 0.0 if "sleep" in script else 60.0)
    with pytest.raises(ClusterError) as raised, ray_start.own_ray() as own:
        own.address()
    message, _, file = str(raised.value).partition("; see ")
    assert message == f"no Ray cluster on this machine: {why}"
    assert Path(file).name == "head.err"
    assert Path(file).is_file()
    shutil.rmtree(Path(file).parent)


@pytest.fixture
def stands_in(monkeypatch, tmp_path):
    """Puts a Ray that does as it is told in the place of the real one, for the real program that holds it."""

    def stand_in(node):
        package = tmp_path / "modules" / "ray" / "_private"
        package.mkdir(parents=True)
        for name in ("ray", "ray/_private"):
            (tmp_path / "modules" / name / "__init__.py").touch()
        (package / "parameter.py").write_text("RayParams = dict\n")
        (package / "resource_isolation_config.py").write_text("ResourceIsolationConfig = dict\n")
        (package / "services.py").write_text("def wait_for_node(*_):\n    raise TimeoutError\n")
        (package / "node.py").write_text(
            "import os, pathlib, subprocess, sys, time, types\n"
            "class Node:\n"
            "  gcs_address, plasma_store_socket_name = 'there:1', 'store'\n"
            "  def start_ray_processes(self):\n"
            "    pass\n"
            "  def dead_processes(self):\n"
            "    return [('raylet', None)]\n"
            "  def start_api_server(self, **_):\n"
            "    raise RuntimeError('a dashboard')\n"
            "  def __init__(self, wanted, **_):\n"
            "    folder = pathlib.Path(wanted['temp_dir'])\n"
            "    (folder / 'session_latest' / 'logs').mkdir(parents=True)\n"
            f"    {node}\n"
            f"    head = types.SimpleNamespace(process={SLEEPER})\n"
            "    self.all_processes = {'gcs_server': [head]}\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
        monkeypatch.setenv("RAY_TMPDIR", tempfile.mkdtemp(prefix="b", dir="/tmp"))
        return Path(os.environ["RAY_TMPDIR"])

    yield stand_in
    shutil.rmtree(os.environ["RAY_TMPDIR"])


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ("raise RuntimeError('no port')", "RuntimeError: no port"),
        ("self.start_ray_processes()", "RuntimeError: raylet ended"),
        ("time.sleep(600)", "not up after 180 s"),
        ("os._exit(1)", "its process ended"),
    ],
)
def test_logs_that_are_named_are_there(stands_in, monkeypatch, node, why):
    base = stands_in(node)

    def in_vain(*_):
        until(lambda: list(base.glob("*/session_latest/logs")))
        return [], [], []

    if "sleep" in node:
        monkeypatch.setattr(ray_start, "select", SimpleNamespace(select=in_vain))
    with pytest.raises(ClusterError) as raised, ray_start.own_ray() as own:
        own.address()
    (folder,) = base.iterdir()
    logs = folder / "session_latest" / "logs"
    assert str(raised.value) == f"no Ray cluster on this machine: {why}; Ray's logs are in {logs}"
    assert logs.is_dir()


@pytest.mark.parametrize("node", ["raise RuntimeError('no port')", "os._exit(1)"])
def test_a_limit_that_is_named_leaves_no_folder(stands_in, monkeypatch, node):
    base = stands_in(node)
    monkeypatch.setattr(ray_start, "exhausted", lambda _said: "3 more; raise it")
    with pytest.raises(ClusterError) as raised, ray_start.own_ray() as own:
        own.address()
    assert str(raised.value) == "no Ray cluster on this machine: 3 more; raise it"
    assert list(base.iterdir()) == []


def test_a_start_that_is_interrupted_leaves_no_folder(stands_in, monkeypatch):
    def interrupt(_head):
        raise KeyboardInterrupt

    base = stands_in("time.sleep(600)")
    monkeypatch.setattr(ray_start.Own, "address", interrupt)
    with pytest.raises(KeyboardInterrupt), ray_start.own_ray() as own:
        own.address()
    assert list(base.iterdir()) == []


@pytest.fixture
def beside():
    """A process and its child, neither of them Ray's."""
    program = f"import subprocess, sys; child = {SLEEPER}; print(child.pid, flush=True); child.wait()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        yield process, psutil.Process(int(process.stdout.readline()))
        process.kill()


def test_what_uses_the_folder_beside_ray_ends_before_that_goes(stands_in, beside):
    base, (process, child) = stands_in("pass"), beside
    with ray_start.own_ray() as own:
        own.beside(process.pid)
        own.beside(2**22 + 1)  # one that has ended already
        own.address()
    assert process.wait() == -signal.SIGKILL
    psutil.wait_procs([child])
    assert list(base.iterdir()) == []


def test_the_lease_ends_with_the_process_that_holds_ray_and_no_other_has_it(stands_in):
    base = stands_in("pass")
    with ray_start.own_ray() as own:
        own.address()
        holder = psutil.Process(own._process.pid)
        (of_ray,) = holder.children()
        holder.kill()
        assert own.lease.read() == b""
        assert of_ray.is_running()
        of_ray.kill()
        assert own.why_ended() == "Ray on this machine is gone: its process was ended by SIGKILL"
    assert list(base.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "how", "has_logs"),
    [(signal.SIGKILL, "was ended by SIGKILL", False), (signal.SIGABRT, "was ended by SIGABRT", True)],
)
def test_with_ray_s_head_the_lease_ends_and_then_all_else_of_ray(stands_in, number, how, has_logs):
    base = stands_in(SLEEPER)
    with ray_start.own_ray() as own:
        own.address()
        other, head = sorted(psutil.Process(own._process.pid).children(), key=lambda one: one.pid)
        head.send_signal(number)
        assert own.lease.read() == b""
        logs = f"; Ray's logs are in {own.folder / 'session_latest' / 'logs'}" if has_logs else ""
        assert own.why_ended() == f"Ray on this machine is gone: its gcs_server {how}{logs}"
        psutil.wait_procs([other], timeout=30)
        assert not alive(other)
    assert list(base.iterdir()) == ([own.folder] if has_logs else [])


def test_what_ray_wrote_tells_whether_a_limit_was_reached(stands_in, monkeypatch):
    base = stands_in(
        "(folder / 'session_latest/logs/raylet.err').write_text('in a log'); raise OSError('no')"
    )
    said = []
    monkeypatch.setattr(ray_start, "exhausted", lambda texts: said.extend(texts))
    with pytest.raises(ClusterError), ray_start.own_ray() as own:
        own.address()
    assert said == ["", "in a log"]
    assert len(list(base.iterdir())) == 1


def test_the_server_of_the_dashboard_is_for_those_who_want_ray_to_tell_of_itself(stands_in, monkeypatch):
    stands_in("self.start_api_server()")
    with ray_start.own_ray() as own:
        assert own.address() == "there:1"
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    with pytest.raises(ClusterError, match="RuntimeError: a dashboard"), ray_start.own_ray() as own:
        own.address()


def test_what_starts_well_leaves_no_folder(stands_in):
    base = stands_in("pass")
    with ray_start.own_ray() as own:
        assert (own.address(), [own.folder]) == ("there:1", list(base.iterdir()))
    assert list(base.iterdir()) == []


def test_a_process_that_cannot_be_started_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(ray_start.sys, "executable", str(tmp_path / "none"))
    with pytest.raises(ClusterError) as raised, ray_start.own_ray() as own:
        own.address()
    assert str(raised.value) == (
        "no Ray cluster on this machine: its process cannot be started: No such file or directory; "
        "see `ulimit -a`"
    )


@pytest.fixture
def start(tmp_path):
    """Starts `bench run` on a tiny suite, with further variables; `marked` names all that descend from it."""
    suite, mark = tmp_path / "tiny.toml", uuid.uuid4().hex
    suite.write_text(SUITE)

    def listens():
        # Where these tests run in the background of a shell, they and their children ignore SIGINT.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    def start(how=None, **environ):
        line = [sys.executable, "-m", "bench", "run", suite, "--no-probe", "--results", tmp_path / "r"]
        usual = {"stdout": subprocess.PIPE, "bufsize": 1, "preexec_fn": listens}
        return subprocess.Popen(
            list(map(str, line)),
            env={**os.environ, **environ, MARK: mark},
            stderr=subprocess.PIPE,
            text=True,
            **usual | (how or {}),
        )

    start.marked = lambda: names(marked(mark))
    return start


@pytest.mark.slow
def test_neither_a_world_that_means_no_good_nor_a_terminal_that_goes_changes_a_session(start, tmp_path):
    """The terminal as nohup leaves it, or a connection that breaks where SIGHUP is ignored."""
    home, long = tmp_path / "home", tmp_path / ("x" * 100)
    for folder in (home, long):
        folder.mkdir()
    (home / ".ray").write_text("a file where Ray would make a folder")
    world = {
        "HOME": str(home),
        "BENCH_CACHE": str(cache_with_digits(tmp_path / "cache")),
        "TMPDIR": str(long),
        "PYTHONWARNINGS": "error",
        "RAY_RUNTIME_ENV_HOOK": "no.such.hook",
        "RAY_REDIS_ADDRESS": "127.0.0.1:1",
        "RAY_ADDRESS": "",
    }
    watching, terminal = pty.openpty()

    def own_it():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    to = {"stdin": terminal, "stdout": terminal, "start_new_session": True, "preexec_fn": own_it}
    with start(to, **world) as process:
        os.close(terminal)
        seen = b""
        while "▶".encode() not in seen:
            seen += os.read(watching, 4096)
        os.close(watching)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (0, UNWRITTEN)
    runs = read_sessions([str(tmp_path / "r")])
    assert runs.runs["status"].to_pylist() == ["ok", "ok"]
    recorded = runs.machines["fingerprint"].to_pylist() + runs.machines["environment"].to_pylist()
    assert "AUTH_TOKEN" not in str(recorded)
    assert start.marked() == []
    assert [path.name for path in home.rglob("*") if "ray" in path.name] == [".ray"]
    assert list(long.glob("ray*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_while_tensorflow_is_imported_leaves_nothing(start, tmp_path, number):
    modules, base = tmp_path / "modules", Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    modules.mkdir()
    seen = tmp_path / "seen"
    (modules / "tensorflow.py").write_text(f"open({str(seen)!r}, 'w'); import time; time.sleep(600)")
    path = os.pathsep.join(filter(None, [str(modules), os.environ.get("PYTHONPATH")]))
    with start(PYTHONPATH=path, RAY_TMPDIR=str(base)) as process:
        until(lambda: seen.exists() or process.poll() is not None)
        process.send_signal(number)
        _, errors = process.communicate()
    assert (process.returncode, errors) == ((130, INTERRUPTED) if number == signal.SIGINT else (-9, ""))
    until(lambda: not start.marked())
    base.rmdir()


@pytest.mark.slow
def test_a_signal_while_ray_starts_leaves_nothing_of_it(start, tmp_path):
    with start() as process:
        until(lambda: "gcs_server" in start.marked() or process.poll() is not None)
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (130, INTERRUPTED)
    assert start.marked() == []
    assert list((tmp_path / "r").iterdir()) == []


@pytest.mark.slow
def test_signals_while_ray_ends_leave_tables_and_nothing_else(start, tmp_path):
    """From right after the last run until the process is gone."""
    with start() as process:
        for line in process.stdout:
            if line.endswith("[2/2]\n"):
                break
        while process.poll() is None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
        errors = process.stderr.read()
    assert (process.returncode, errors) == (130, INTERRUPTED)
    assert start.marked() == []
    (folder,) = (tmp_path / "r").iterdir()
    assert {file.name for file in folder.iterdir()} == {
        *("runs.parquet", "epochs.parquet", "machines.parquet", "journal.jsonl", "manifest.json")
    }
    assert '"closed"' in (folder / "journal.jsonl").read_text().splitlines()[-1]
    assert read_sessions([str(folder)]).runs["status"].to_pylist() == ["ok", "ok"]
