"""The end of Ray's head: noticed, told, and never waited for. One real cluster, whose head is killed."""

import errno
import os
import socket
import sys
import threading

import pytest

from bench.errors import ClusterLostError
from bench.orchestration.on_ray import vigil as ray_vigil
from bench.orchestration.on_ray.vigil import Head, OwnHead, Vigil
from bench.records.store import read_sessions
from tests.orchestration.clusters import start_head, this_machine

AGAIN = "try again once it is there"
REMEDY = "every finished run is kept: go on with --resume"
SUITE = """
title = "Tiny"
[measure]
rounds = 2000
[[sweep]]
name = "tiny"
dataset = "digits"
hidden = [16]
batch_size = 10000
epochs = 1
"""


@pytest.fixture
def lease():
    """A pipe: the end that whoever watches has, and the number of the other one, which `os.close` ends."""
    ours, its = os.pipe()
    with os.fdopen(ours, "rb", 0) as ours:
        yield ours, its


def own(lease, why="it was killed"):
    """A head of one's own, that may be asked only once why it is gone."""
    answers = iter([why])
    return OwnHead("127.0.0.1:1", lease, lambda: next(answers))


@pytest.fixture
def left(monkeypatch):
    """The line and status that this process was left with; set once it was."""
    calls, called = [], threading.Event()
    monkeypatch.setattr(ray_vigil, "leave", lambda *how: (calls.append(how), called.set()))
    monkeypatch.setattr(ray_vigil, "NOTICE_SECONDS", 0.01)
    return calls, called


def watching():
    return [thread for thread in threading.enumerate() if thread.name == "vigil"]


def test_without_a_head_none_is_lost():
    with Vigil().kept() as vigil:
        vigil.check()
        assert not vigil.lost


def test_who_asks_is_told_from_the_moment_of_its_end_on_and_again(lease):
    ours, its = lease
    with Vigil(own(ours)).kept() as vigil:
        vigil.check()
        assert not vigil.lost
        os.close(its)
        for _ in range(2):
            with pytest.raises(ClusterLostError, match="it was killed"):
                vigil.check()
        assert vigil.lost


def test_who_waits_is_woken(lease):
    ours, its = lease
    rung = threading.Event()
    vigil = Vigil(own(ours))
    vigil.ring(rung.set)
    with vigil.kept():
        os.close(its)
        rung.wait()
        with pytest.raises(ClusterLostError):
            vigil.check()


def test_a_process_that_takes_no_notice_is_left(lease, left):
    ours, its = lease
    calls, called = left
    with Vigil(own(ours)).kept():
        os.close(its)
        called.wait()
    assert calls == [(f"it was killed; {AGAIN}", 2)]


def test_a_process_that_needs_ray_no_more_is_not(lease, left):
    ours, its = lease
    calls, _ = left
    with Vigil(own(ours)).kept() as vigil:
        (thread,) = watching()
        vigil.close()
        os.close(its)
        thread.join()
        assert calls == []


def test_one_that_is_over_ends_at_once(lease):
    ours, its = lease
    with Vigil(own(ours)).kept():
        assert len(watching()) == 1
    assert watching() == []
    os.close(its)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("of_ray", "patience"), [(None, 30), ("20", 10), ("", 30), ("long", 30)])
def test_the_head_of_a_joined_cluster_is_gone_when_it_was_silent_for_half_of_ray_s_patience(
    lease, monkeypatch, of_ray, patience
):
    monkeypatch.setattr(ray_vigil, "LOOK_SECONDS", 0.01)
    name = "RAY_gcs_rpc_server_reconnect_timeout_s"
    monkeypatch.delenv(name, raising=False) if of_ray is None else monkeypatch.setenv(name, of_ray)
    stop, its = lease
    clock = Clock()

    def look_after(seconds):
        clock.now += seconds
        head.wait(stop)
        return head.gone()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        head = Head(f"127.0.0.1:{port}", clock)
        assert look_after(100) is None
    assert look_after(1000) is None  # nobody has looked meanwhile
    assert look_after(patience - 1) is None
    with socket.create_server(("127.0.0.1", port)):
        assert look_after(100) is None  # it was started again
    assert look_after(100) is None
    assert look_after(patience) == (
        f"the head of the Ray cluster at 127.0.0.1:{port} has not answered for {patience} s"
    )
    os.close(its)
    assert look_after(100) is not None


def test_a_head_that_answers_is_never_gone(lease, monkeypatch):
    monkeypatch.setattr(ray_vigil, "LOOK_SECONDS", 0.01)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "0")
    stop, its = lease
    with socket.create_server(("127.0.0.1", 0)) as listener:
        head = Head(f"127.0.0.1:{listener.getsockname()[1]}")
        head.wait(stop)
        assert (head.answers(), head.gone()) == (True, None)
    head.wait(stop)
    assert not head.answers()
    assert head.gone()
    os.close(its)


def test_one_of_one_s_own_may_be_silent_too(lease, monkeypatch):
    monkeypatch.setattr(ray_vigil, "LOOK_SECONDS", 0.01)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "0")
    ours, its = lease
    stop, running = os.pipe()
    head = own(ours)
    with os.fdopen(stop, "rb", 0) as stopping:
        head.wait(stopping)
    assert head.gone() == "the head of the Ray cluster at 127.0.0.1:1 has not answered for 0 s"
    os.close(its)
    assert head.gone() == "it was killed"
    os.close(running)


def test_what_this_process_lacks_is_not_the_head_s_silence(lease, monkeypatch):
    def lacking(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(ray_vigil.socket, "create_connection", lacking)
    assert Head("127.0.0.1:1").answers()
    os.close(lease[1])


def test_one_of_ipv6_is_found(lease):
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener:
        assert ray_vigil._answers(f"[::1]:{listener.getsockname()[1]}")
    os.close(lease[1])


@pytest.mark.slow
def test_a_cluster_whose_head_is_killed_costs_a_session_what_is_under_way_alone(tmp_path):
    """Its head alone: the runs go on until the session gives up."""
    suite, results = tmp_path / "tiny.toml", tmp_path / "results"
    suite.write_text(SUITE)
    command = (sys.executable, "-m", "bench", "run", suite, "--no-probe", "--results", results)
    with this_machine() as host:
        host.environ["RAY_gcs_rpc_server_reconnect_timeout_s"] = "16"
        address = start_head(host, "--num-cpus", 1, "--include-dashboard=false")
        process = host.start(*command, "--address", address, COLUMNS="200")
        for line in process.stdout:
            if "✓" in line:
                break
        (head,) = (one for one in host.processes() if one.name() == "gcs_server")
        head.kill()
        lines = process.stdout.readlines()
        assert process.wait() == 2
    assert lines[-1].startswith("bench: the head of the Ray cluster at ")
    assert lines[-1].endswith(f" s; {REMEDY}\n")
    (folder,) = results.iterdir()
    rows = read_sessions([str(folder)]).runs.to_pylist()
    assert {row["status"] for row in rows} <= {"ok", "cancelled"}
    assert sum(row["status"] == "ok" for row in rows) > 1
    assert (folder / "runs.parquet").is_file()
    why = lines[-1].removeprefix("bench: ").removesuffix(f"; {REMEDY}\n")
    assert {row["error"] for row in rows if row["status"] == "cancelled"} <= {why}
