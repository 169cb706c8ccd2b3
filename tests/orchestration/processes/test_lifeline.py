"""Processes that die with what they hang on, whatever they do: real ones, that hold Python's lock in C."""

import os
import signal
import subprocess
import sys

import pytest

from bench.orchestration.processes.lifeline import outlive

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux sends these signals")
HANG = "import ctypes, os; os.write(1, b'here'); ctypes.PyDLL(None).sleep(250)"


def hanging(*lines, **options):
    """A process that has said that it is there, and holds Python's lock."""
    program = "\n".join((*lines, HANG))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, **options)
    assert process.stdout.read(4) == b"here"
    return process


def arming(pipe):
    return f"from bench.orchestration.processes.lifeline import die_with; die_with({pipe})"


@linux
def test_a_process_dies_once_the_pipe_that_it_hangs_on_has_no_writer_left():
    lease, ours = os.pipe()
    with hanging(arming(lease), pass_fds=[lease]) as process:
        os.close(lease)
        again = os.dup(ours)
        os.close(ours)
        assert process.poll() is None
        os.close(again)
        assert process.wait() == -signal.SIGKILL


@linux
def test_it_dies_at_once_where_there_is_none():
    lease, ours = os.pipe()
    os.close(ours)
    program = f"{arming(lease)}; print('alive')"
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, pass_fds=[lease])
    os.close(lease)
    assert (ended.stdout, ended.returncode) == (b"", -signal.SIGKILL)


@linux
def test_who_has_taken_that_back_sees_the_end_of_the_pipe_itself():
    lease, ours = os.pipe()
    taking_back = f"from bench.orchestration.processes.lifeline import outlive; outlive({lease})"
    program = f"{arming(lease)}; {taking_back}; import os; os.write(1, b'back'); print(os.read({lease}, 1))"
    line = [sys.executable, "-c", program]
    with subprocess.Popen(line, stdout=subprocess.PIPE, pass_fds=[lease]) as process:
        os.close(lease)
        assert process.stdout.read(4) == b"back"
        os.close(ours)
        assert process.stdout.read() == b"b''\n"
    assert process.returncode == 0


@linux
def test_a_process_dies_with_its_parent_even_if_that_is_killed(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    inner = (
        "import os, sys; from bench.orchestration.processes.lifeline import die_with_parent\n"
        f"die_with_parent(int(sys.argv[1])); pipe = os.open({path!r}, os.O_WRONLY); os.write(pipe, b'here')\n"
        "import ctypes; ctypes.PyDLL(None).sleep(250)"
    )
    outer = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, str(os.getpid())])"
    with subprocess.Popen([sys.executable, "-c", outer]) as parent, (tmp_path / "pipe").open("rb", 0) as pipe:
        assert pipe.read(4) == b"here"
        parent.kill()
        assert pipe.read() == b""


@linux
def test_it_dies_at_once_where_its_parent_is_gone_already():
    program = "from bench.orchestration.processes.lifeline import die_with_parent; die_with_parent(1 << 30)"
    ended = subprocess.run([sys.executable, "-c", f"{program}; print('alive')"], stdout=subprocess.PIPE)
    assert (ended.stdout, ended.returncode) == (b"", -signal.SIGKILL)


def test_where_there_is_no_such_signal_a_thread_waits():
    lease, ours = os.pipe()
    nowhere = "import fcntl; del fcntl.F_SETSIG; fcntl.F_SETSIG = -1"
    program = f"{nowhere}; {arming(lease)}; import os, time; os.write(1, b'here'); time.sleep(250)"
    line = [sys.executable, "-c", program]
    with subprocess.Popen(line, stdout=subprocess.PIPE, pass_fds=[lease]) as process:
        assert process.stdout.read(4) == b"here"
        os.close(ours)
        assert process.wait() == -signal.SIGKILL
    os.close(lease)


def test_taking_back_what_was_not_asked_for_changes_nothing():
    lease, ours = os.pipe()
    outlive(lease)
    os.close(ours)
    assert os.read(lease, 1) == b""
    os.close(lease)
