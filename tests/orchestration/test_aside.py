"""Functions in processes of their own: what they give, and how it is told that they died."""

import os
import subprocess
import sys

import pytest

from bench.cli.options import parse_overrides
from bench.errors import BenchError
from bench.orchestration.aside import aside

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
    waiting = f"from bench.orchestration.aside import aside; aside(exec, {program!r})"
    line = [sys.executable, "-c", waiting]
    with subprocess.Popen(line) as process, (tmp_path / "pipe").open("rb", 0) as pipe:
        assert pipe.read(4) == b"here"
        process.kill()
        assert pipe.read() == b""


def test_the_current_folder_has_no_say_in_it(tmp_path, monkeypatch):
    for name in ("pickle", "selectors", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert aside(os.getcwd) == str(tmp_path)
