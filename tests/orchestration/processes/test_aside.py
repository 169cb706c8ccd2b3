"""Functions in processes of their own: what they give, and how it is told that they died."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import bench
from bench.cli.options import parse_overrides
from bench.errors import BenchError
from bench.orchestration.processes import aside as module
from bench.orchestration.processes.aside import aside
from tests.orchestration.memory import memory_group

FATAL = "F0000 00:00:1795804596.657185    7834 parse_flags.cc:234] Unknown flag in XLA_FLAGS: --nothing"
NOISE = "I0000 00:00:1795804592.139434    7834 port.cc:153] oneDNN custom operations are on."


def say_and(end, *lines):
    """A program that writes lines to both of its outputs, and ends as told."""
    return f"import os; os.write(2, {os.linesep.join(lines).encode()!r}); os.write(1, b'aloud'); {end}"


def test_it_gives_what_the_function_gives_and_says_nothing(capfd):
    assert aside(parse_overrides, ["epochs=1"]) == {"epochs": 1}
    assert aside(os.getpid) != os.getpid()
    assert aside(exec, say_and("pass", FATAL)) is None
    assert capfd.readouterr() == ("", "")


def test_an_error_of_ours_is_raised_as_it_is():
    with pytest.raises(BenchError, match="--set epochs: not KEY=VALUE"):
        aside(parse_overrides, ["epochs"])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            say_and("os._exit(1)", NOISE, FATAL, "  @ 0x7f a line of a stack trace"),
            "ended with 1: Unknown flag in XLA_FLAGS: --nothing; mend or unset what it names",
        ),
        (say_and("os.abort()", NOISE), "was ended by SIGABRT without a word; see whether memory was short"),
        ("raise ValueError('why')", "ended with 1: ValueError: why; mend or unset what it names"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL without a word; see whether memory was"),
    ],
)
def test_how_it_died_is_told_in_one_line(program, said):
    with pytest.raises(BenchError) as died:
        aside(exec, program)
    assert said in str(died.value)
    assert "\n" not in str(died.value)


def test_it_ends_with_whoever_waits_for_it(tmp_path):
    """Even if that is killed: what it listens at is closed once it is gone."""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    program = f"import time; pipe = open({path!r}, 'wb', 0); pipe.write(b'here'); time.sleep(250)"
    waiting = f"from bench.orchestration.processes.aside import aside; aside(exec, {program!r})"
    line = [sys.executable, "-c", waiting]
    with subprocess.Popen(line) as process, (tmp_path / "pipe").open("rb", 0) as pipe:
        assert pipe.read(4) == b"here"
        process.kill()
        assert pipe.read() == b""


def test_a_signal_that_is_listened_for_is_heard_while_it_waits(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    program = f"import time; pipe = open({path!r}, 'wb', 0); pipe.write(b'here'); time.sleep(250)"
    waiting = (
        "from bench.orchestration import signals\nfrom bench.orchestration.processes.aside import aside\n"
        f"signals.listen()\ntry: aside(exec, {program!r})\nexcept KeyboardInterrupt: print('heard')"
    )
    line = [sys.executable, "-c", waiting]
    with (
        subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process,
        (tmp_path / "pipe").open("rb", 0) as pipe,
    ):
        assert pipe.read(4) == b"here"
        process.send_signal(signal.SIGTERM)
        assert pipe.read() == b""
        assert process.communicate()[0] == "heard\n"
    assert process.returncode == 0


def test_that_the_kernel_killed_it_for_want_of_memory_is_told():
    """Of this process's group the child is the largest by far."""
    waiting = (
        "from bench.errors import BenchError\nfrom bench.orchestration.processes.aside import aside\n"
        "input()\ntry: aside(exec, 'filled = bytes([1]) * 2**30')\nexcept BenchError as told: print(told)"
    )
    line = [sys.executable, "-c", waiting]
    with (
        memory_group(200 * 2**20) as group,
        subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        group.enter(psutil.Process(process.pid))
        told = process.communicate("\n")[0]
    assert told.startswith("the kernel killed its process ")
    assert told.endswith(" for want of memory, of which its control group has 200 MiB; give it more\n")


def test_the_current_folder_has_no_say_in_it(tmp_path, monkeypatch):
    for name in ("pickle", "selectors", "multiprocessing", "psutil"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert aside(os.getcwd) == str(tmp_path)


WHICH = "import bench, keras, sys; raise bench.errors.BenchError(f'{bench.__file__} {keras.__file__}')"
CLONE = f"""
import sys
sys.path.insert(0, "FOLDER")
from bench.orchestration.processes.aside import aside
del sys.path[0]
try: aside(exec, {WHICH!r})
except Exception as told: print(told)
"""


def test_a_clone_runs_itself_whatever_is_installed_and_nothing_that_lies_beside_it(tmp_path):
    installed, clone = tmp_path / "installed", tmp_path / "clone"
    for folder, package in ((installed, "bench"), (installed, "keras"), (clone, "keras")):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    shutil.copytree(Path(bench.__file__).parent, clone / "bench", ignore=shutil.ignore_patterns("*.pyc"))
    told = subprocess.check_output(
        [sys.executable, "-P", "-c", CLONE.replace("FOLDER", str(clone))],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=tmp_path,
        text=True,
    )
    assert told == f"{clone}/bench/__init__.py {installed}/keras/__init__.py\n"


def test_another_bench_than_the_commands_is_refused(monkeypatch):
    monkeypatch.setattr(module, "sources", lambda: {"errors.py": "another"})
    with pytest.raises(BenchError, match="its process imported another bench than the command has: "):
        aside(os.getpid)


def test_what_is_for_pythons_own_ears_is_left_out(monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    assert aside(eval, "__debug__") is True
    assert "PYTHONOPTIMIZE" not in module.environment()


def test_that_no_process_can_be_started_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(BenchError, match="no process can be started to measure in: No such file"):
        aside(os.getpid)
