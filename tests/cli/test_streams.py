"""What becomes of a command that cannot write: of its streams, and of processes as a shell starts them."""

import errno
import os
import subprocess
import sys
import threading

import pytest

from bench.cli.streams import Drain

UNWRITTEN = "bench: standard output: cannot be written: "
BENCH = f"{sys.executable} -m bench"
DESCRIPTORS = """
import os, subprocess, sys
from bench.cli.streams import streams
streams.guard()
print("nobody reads it")
print("nor this", file=sys.stderr)
with open("journal", "w") as journal:
    assert journal.fileno() > 2, journal.fileno()
    subprocess.run(["sh", "-c", "echo of a child; echo of a child >&2"])
    journal.write(str(streams.unwritten()))
"""


@pytest.fixture
def shell(tmp_path, published):
    """Call with a line for sh, `SESSION` being a session there; gives the ended process."""

    def run(line):
        return subprocess.run(
            ["sh", "-c", line.replace("bench", BENCH, 1).replace("SESSION", str(published))],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("bench --help >/dev/full", 2, "No space left on device; lead it elsewhere\n"),
        ("bench --version >&-", 2, "Bad file descriptor; lead it elsewhere\n"),
        ("bench show SESSION >/dev/full", 2, "No space left on device; lead it elsewhere\n"),
        ("bench show SESSION --format csv >&-", 2, "Bad file descriptor; lead it elsewhere\n"),
        ("bench report SESSION >/dev/full", 0, "No space left on device; all else is done\n"),
        ("bench report SESSION -o - >/dev/full", 2, "No space left on device; lead it elsewhere\n"),
    ],
)
def test_where_output_cannot_be_written_one_line_says_so(shell, tmp_path, line, status, said):
    ended = shell(line)
    assert (ended.returncode, ended.stderr) == (status, UNWRITTEN + said)
    assert (tmp_path / "report.html").exists() == line.startswith("bench report SESSION >")


@pytest.mark.parametrize(
    ("line", "status"),
    [("bench nothing 2>/dev/full", 2), ("bench nothing 2>&-", 2), ("bench --version <&- 2>&- >/dev/null", 0)],
)
def test_an_error_that_nobody_can_be_told_keeps_its_status(shell, line, status):
    ended = shell(line)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")


def test_descriptors_closed_before_the_start_never_lead_into_a_file_opened_later(tmp_path):
    line = f"exec {sys.executable} -c '{DESCRIPTORS}' <&- >&- 2>&-"
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "journal").read_text() == "Bad file descriptor"


def test_a_page_for_standard_output_is_all_that_is_written_there(shell):
    for output in ("-", "/dev/stdout"):
        ended = shell(f"bench report SESSION -o {output}")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith("<!DOCTYPE html>")
        assert ended.stdout.endswith("</html>")


def test_what_cannot_be_written_is_dropped_and_the_first_reason_kept():
    full = os.open("/dev/full", os.O_WRONLY)
    drain = Drain(full)
    assert drain.error is None
    assert drain.write(b"lost") == 4
    os.close(full)
    assert drain.write(b"lost, too") == 9
    assert drain.error.errno == errno.ENOSPC


def test_a_pipe_that_takes_nothing_now_is_waited_for():
    """As where another program has set the terminal that both have to be non-blocking."""
    ahead, behind = os.pipe()
    os.set_blocking(behind, False)
    data, got = os.urandom(1_000_000), bytearray()
    drain = Drain(behind)
    writer = threading.Thread(target=lambda: (drain.write(data), os.close(behind)))
    writer.start()
    while part := os.read(ahead, 65536):
        got += part
    writer.join()
    os.close(ahead)
    assert (bytes(got), drain.error) == (data, None)
