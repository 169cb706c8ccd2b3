"""What a Ray of one's own needs of a machine, and how it is named where it lacks."""

import resource
import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from bench.errors import ClusterError
from bench.orchestration.on_ray import needs as ray_needs
from bench.orchestration.on_ray.needs import (
    exhausted,
    files_lacking,
    plasma_folder,
    socket_folder,
    tasks_lacking,
)

LOOK_AHEAD = """
from bench.errors import ClusterError
from bench.orchestration.on_ray.needs import look_ahead
try:
    look_ahead()
except ClusterError as error:
    print(error)
"""
NO_LOOPBACK = (
    "no Ray cluster on this machine: 127.0.0.1 cannot be reached (Network is unreachable); "
    "`ip link set lo up` brings it\n"
)


@pytest.fixture
def machine(tmp_path):
    """A made-up tree for `/`: a group of tasks with that limit, and a user who is exempt from none."""

    def make(limit, taken=10, capabilities="0"):
        group = tmp_path / "sys/fs/cgroup/pids/job"
        group.mkdir(parents=True)
        (group / "pids.max").write_text(f"{limit}\n")
        (group / "pids.current").write_text(f"{taken}\n")
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text("8:pids:/job\n")
        (tmp_path / "proc/self/status").write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
        return tmp_path

    return make


@pytest.fixture(autouse=True)
def limit_of_user(monkeypatch):
    """The user's limit on tasks; none unless the test sets one."""

    def limit(number):
        monkeypatch.setattr(resource, "getrlimit", lambda _which: (number, number))

    limit(resource.RLIM_INFINITY)
    return limit


def test_no_limit_on_tasks_lacks_nothing(machine):
    assert list(tasks_lacking(machine("max"))) == []


def test_a_group_that_allows_too_few_tasks_is_named(machine, monkeypatch):
    monkeypatch.setattr(ray_needs, "usable_cores", lambda _root: (0, 1))
    root = machine(100)
    assert list(tasks_lacking(root)) == [
        f"90 more processes and threads may start in {root}/sys/fs/cgroup/pids/job, Ray and a run take about "
        "236; raise its pids.max"
    ]


def test_a_user_s_limit_counts_what_runs_already(machine, limit_of_user, monkeypatch):
    monkeypatch.setattr(ray_needs, "usable_cores", lambda _root: (0, 1))
    limit_of_user(1)
    assert list(tasks_lacking(machine("max"))) == [
        "0 more processes and threads may start here, Ray and a run take about 236; raise `ulimit -u`"
    ]


def test_who_is_exempt_from_the_user_s_limit_has_none(machine, limit_of_user):
    limit_of_user(1)
    assert list(tasks_lacking(machine("max", capabilities="000001ffffffffff"))) == []


def test_a_limit_on_processes_alone_is_none_on_threads(machine, limit_of_user, monkeypatch):
    """As macOS has it."""
    limit_of_user(1)
    monkeypatch.setattr(ray_needs.sys, "platform", "darwin")
    assert list(tasks_lacking(machine("max"))) == []


def test_root_is_exempt_but_not_that_of_a_user_namespace(machine, limit_of_user, monkeypatch):
    monkeypatch.setattr(ray_needs.os, "getuid", lambda: 0)
    limit_of_user(1)
    root = machine("max")
    (root / "proc/self/uid_map").write_text("         0          0 4294967295\n")
    assert list(tasks_lacking(root)) == []
    (root / "proc/self/uid_map").write_text("         0       1000          1\n")
    assert len(list(tasks_lacking(root))) == 1


def test_a_real_group_that_allows_too_few_tasks_is_named(group_of_tasks):
    (group_of_tasks / "pids.max").write_text("100\n")
    enter = f"open({str(group_of_tasks / 'cgroup.procs')!r}, 'w').write('0')\n"
    ended = subprocess.run(
        [sys.executable, "-c", enter + LOOK_AHEAD], capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert f"more processes and threads may start in {group_of_tasks}, Ray and a run take " in ended.stdout
    assert ended.stdout.endswith("; raise its pids.max\n")


def test_too_few_open_files_are_named():
    assert files_lacking(64) == "a process may open 64 files here, Ray's need about 128; raise `ulimit -Hn`"
    assert files_lacking(1024) is None
    assert files_lacking(resource.RLIM_INFINITY) is None


def test_a_network_namespace_without_loopback_is_named():
    unshare = shutil.which("unshare") or pytest.skip("`unshare` is not installed")
    line = [unshare, "-n", sys.executable, "-c", LOOK_AHEAD]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    if "unshare" in ended.stderr:
        pytest.skip(f"no network namespaces here: {ended.stderr}")
    assert (ended.stdout, ended.stderr) == (NO_LOOPBACK, "")


def test_the_object_store_is_in_shared_memory_where_there_is_enough(tmp_path):
    ours, shared = tmp_path / "ours", tmp_path / "shared"
    shared.mkdir()
    assert plasma_folder(ours, 1, shared) == shared
    assert plasma_folder(ours, 2**60, shared) == ours
    assert plasma_folder(ours, 1, tmp_path / "none") == ours


def bind(folder):
    """A socket whose path is as long as the longest of Ray's."""
    name = "session_2026-01-31_14-25-30_123456_1234567/sockets/plasma_store"
    (folder / name).parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / name))


def test_sockets_fit_into_a_folder_of_ray_s_own(short_folder):
    folder = socket_folder({"RAY_TMPDIR": str(short_folder)})
    assert folder.parent == short_folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    bind(folder)


@pytest.mark.parametrize("named", ["x" * 100, "file", "none"])
def test_a_temporary_folder_that_will_not_do_is_passed_over(short_folder, monkeypatch, named):
    """A path too long for sockets, a file, nothing at all."""
    (short_folder / ("x" * 100)).mkdir()
    (short_folder / "file").write_text("")
    monkeypatch.setattr(ray_needs.tempfile, "gettempdir", lambda: str(short_folder / named))
    folder = socket_folder({})
    try:
        assert folder.parent == Path("/tmp")
    finally:
        folder.rmdir()


def test_a_folder_that_was_asked_for_is_not_passed_over(short_folder):
    deep = short_folder / ("x" * 100)
    deep.mkdir()
    with pytest.raises(ClusterError) as raised:
        socket_folder({"RAY_TMPDIR": str(deep)})
    assert str(raised.value) == (
        f"no Ray cluster on this machine: RAY_TMPDIR {deep}: AF_UNIX path too long; set RAY_TMPDIR to a "
        "folder of your own with a short path, such as /tmp"
    )
    assert list(deep.iterdir()) == []


def test_many_cores_ask_for_no_worker_each(machine, monkeypatch):
    monkeypatch.setattr(ray_needs, "usable_cores", lambda _root: range(128))
    assert list(tasks_lacking(machine(2048))) == []


def test_a_limit_that_is_reached_is_named_after_a_start_that_failed(machine):
    assert exhausted([], machine(100, taken=95)).startswith("5 more processes and threads may start in ")


@pytest.mark.parametrize("said", ["thd.cc:157] pthread_create failed", "can't start new thread"])
def test_a_limit_that_was_reached_is_named_though_what_met_it_has_ended(machine, said):
    assert exhausted(["", said], machine(200, taken=100)).startswith("100 more processes and threads may ")
    assert exhausted([said], Path("/none")) is None


def test_a_limit_that_ray_s_own_processes_have_eaten_into_is_no_reason(machine):
    assert exhausted(["no port"], machine(200, taken=100)) is None


@pytest.fixture
def group_of_tasks():
    """A control group of its own, without processes."""
    mount = Path("/sys/fs/cgroup")
    group = (mount / "pids" if (mount / "pids").is_dir() else mount) / f"bench-{uuid.uuid4().hex[:6]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group of its own here: {error}")
    try:
        if not (group / "pids.max").exists():
            pytest.skip("control groups limit no tasks here")
        yield group
    finally:
        group.rmdir()


@pytest.fixture
def short_folder():
    """A socket's path has 107 bytes, which pytest's own folders take for themselves."""
    with ray_needs.tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        yield Path(folder)


def test_this_machine_lacks_nothing():
    assert ray_needs.look_ahead() is None
