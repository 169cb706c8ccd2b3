"""`bench run` as a real process: real Ray, real TensorFlow, the smallest suites there can be."""

import contextlib
import functools
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import uuid

import psutil
import pytest

from bench.analysis import repetition
from bench.records.store import read_sessions
from tests.orchestration.clusters import MARK, await_end, marked, names
from tests.sessions import journal_of, recorded, without_seal

pytestmark = pytest.mark.slow

TINY = """
title = "Tiny"
[measure]
rounds = 2
[[sweep]]
name = "tiny"
dataset = "digits"
hidden = [16]
batch_size = 10000
epochs = 1
matrix.activation = ["relu", "tanh"]
"""
TOO_FAST = """
[[sweep]]
name = "too-fast"
dataset = "digits"
hidden = [16]
batch_size = 10000
epochs = 1
optimizer = "sgd"
learning_rate = 1e30
"""


@pytest.fixture
def suite(tmp_path):
    """Call with TOML; gives the file."""

    def write(text):
        path = tmp_path / "tiny.toml"
        path.write_text(text)
        return path

    return write


def command(path, *options):
    results = path.parent / "results"
    return [sys.executable, "-m", "bench", "run", str(path), "--results", str(results), *options]


def unprobed(path, *options):
    """Sooner done, where it does not matter what the machine can do at most."""
    return command(path, "--no-probe", *options)


def the_session(path):
    (folder,) = (path.parent / "results").iterdir()
    return folder, read_sessions([str(folder)]).runs.to_pylist()


def test_a_tiny_suite_runs_from_end_to_end_until_the_precision_or_the_last_round(suite):
    """What a scenario did is checked against its own step times: a busy machine may need a round more."""
    path = suite(TINY.replace("rounds = 2", "rounds = 2\nprecision = 0.5\nmax_rounds = 8"))
    ended = subprocess.run(command(path), capture_output=True, text=True, timeout=280, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

    folder, rows = the_session(path)
    assert {file.name for file in folder.iterdir()} == {
        *("runs.parquet", "epochs.parquet", "machines.parquet", "journal.jsonl", "manifest.json")
    }
    assert {row["status"] for row in rows} == {"ok"}
    assert {(row["wanted_precision"], row["max_rounds"]) for row in rows} == {(0.5, 8)}
    settled = repetition.until(0.5)
    taken = []
    for label in ("activation=relu", "activation=tanh"):
        by_round = sorted((row["round"], row["step_seconds"]) for row in rows if row["label"] == label)
        assert [number for number, _ in by_round] == list(range(1, len(by_round) + 1))
        assert len(by_round) == (7 if settled([step for _, step in by_round[:7]]) else 8)
        taken.append((len(by_round), settled([step for _, step in by_round])))
    assert sum(runs for runs, _ in taken) == len(rows)
    tables = read_sessions([str(folder)])
    assert tables.epochs.num_rows == len(rows)
    assert tables.machines["probe_moment"].to_pylist() == [None, "start", "end"]
    assert all(row["limit_seconds"] > 0 and row["limit_fraction"] > 0 for row in rows)

    lines = [line.partition(" ")[2] for line in ended.stdout.splitlines()]
    assert lines[0] == (
        "Tiny: at least 14 runs in 7 rounds, up to 16 in 8, until within ±50 % of this session's median"
    )
    assert sum(line.startswith("▶ tiny · activation=") for line in lines) == len(rows)
    assert sum(line.startswith("✓ tiny · activation=") for line in lines) == len(rows)
    going_on = [line for line in lines if line.startswith("Round 8 of at most 8: ")]
    assert len(going_on) == any(runs == 8 for runs, _ in taken)
    said = " ".join(ended.stdout.split())
    assert (
        f"Within ±50 % of this session's median: {sum(reached for _, reached in taken)} of 2 scenarios"
        in said
    )
    assert "± 95 %" in said
    assert "\ntiny · tiny\nscenario " in ended.stdout
    assert ended.stdout.splitlines()[-1] == f"Session: {folder}"


def test_on_a_terminal_a_live_display_gives_way_to_the_summary_and_failures_are_listed(suite):
    path = suite(TINY + TOO_FAST)
    status, shown = run_on_a_terminal(unprobed(path, "--rounds", "1"))
    assert status == 1
    assert "Traceback" not in shown
    assert "\x1b[?25l" in shown  # the cursor hides while the display is live
    assert re.search(r"▶.*too-fast.*(build|compile|warm-up|stage|epoch 1/1)", shown)
    assert re.search(r"[012]/3 runs.*round 1/1.*gone", shown)
    summary = shown.rpartition("\x1b[?25h")[2]
    assert "activation=relu" in summary
    assert "✗ too-fast: 1 diverged of 1: the loss is not finite" in " ".join(summary.split())
    assert "Session: " in summary.splitlines()[-1]

    _, rows = the_session(path)
    statuses = {row["label"]: row["status"] for row in rows}
    assert statuses == {"activation=relu": "ok", "activation=tanh": "ok", "too-fast": "diverged"}
    (diverged,) = (row for row in rows if row["status"] == "diverged")
    assert diverged["error"].startswith("the loss is not finite")


def is_head(process):
    with contextlib.suppress(psutil.Error):
        return process.name() == "gcs_server"
    return False


def test_a_ray_that_is_killed_costs_what_runs_alone_and_is_told_at_once(suite):
    path = suite(TINY)
    line = unprobed(path, "--rounds", "9", "--set", "epochs=40")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, **pipes, text=True, bufsize=1) as process:
        until(process.stdout, "✓ ")
        until(process.stdout, "▶ ")
        below = psutil.Process(process.pid).children(recursive=True)
        (killed,) = (child for child in below if is_head(child))
        killed.kill()
        _, err = process.communicate(timeout=100)
    assert process.returncode == 2
    why = "Ray on this machine is gone: its gcs_server was ended by SIGKILL"
    assert err.splitlines()[-1] == f"bench: {why}; every finished run is kept: go on with --resume"
    folder, rows = the_session(path)
    assert (folder / "runs.parquet").is_file()
    assert {row["error"] for row in rows if row["status"] == "cancelled"} == {why}
    statuses = [row["status"] for row in rows]
    assert statuses.count("cancelled") == 1
    assert statuses.count("ok") == len(statuses) - 1 >= 1


def test_an_interrupt_keeps_what_is_finished_and_cancels_what_runs(suite):
    path = suite(TINY)
    line = unprobed(path, "--rounds", "9", "--set", "epochs=40")
    # Where these tests run in the background of a shell, they and their children ignore SIGINT.
    listens = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, **pipes, text=True, bufsize=1, preexec_fn=listens) as process:
        until(process.stdout, "✓ ")
        until(process.stdout, "▶ ")
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert err == "bench: interrupted; every finished run is kept\n"
    folder, rows = the_session(path)
    statuses = [row["status"] for row in rows]
    assert statuses.count("cancelled") == 1
    assert statuses.count("ok") == len(statuses) - 1 >= 1
    assert "\ntiny · tiny\nscenario " in out
    assert "1 cancelled of " in out
    assert out.splitlines()[-1] == f"Session: {folder}"


def test_a_killed_session_leaves_no_process_loses_no_finished_run_and_is_resumed(suite):
    path, mark = suite(TINY), uuid.uuid4().hex
    pipes = {"stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(unprobed(path), env={**os.environ, MARK: mark}, **pipes) as process:
        finished = until(process.stdout, "✓ ")
        until(process.stdout, "▶ ")
        of_ray = set(names(marked(mark)))
        process.kill()
    assert {"raylet", "gcs_server"} <= of_ray
    folder, left = the_session(path)
    assert [row["status"] for row in left] == ["ok"] * len(left)
    assert any(row["label"] in finished for row in left)
    await_end(marked(mark))
    assert marked(mark) == []

    ended = subprocess.run(
        unprobed(path, "--resume"), capture_output=True, text=True, timeout=200, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line.partition(" ")[2] for line in ended.stdout.splitlines()]
    assert ended.stdout.splitlines()[0] == f"Going on with {folder}"
    assert lines[1] == "Tiny: 4 runs in 2 rounds"
    done = [line.rpartition(" ")[2] for line in lines if line.startswith("✓ tiny · activation=")]
    assert done == [f"[{number}/4]" for number in range(len(left) + 1, 5)]

    folder, rows = the_session(path)
    assert [row["status"] for row in rows] == ["ok"] * 4
    assert {(row["label"], row["round"]) for row in rows} == {
        (f"activation={name}", number) for name in ("relu", "tanh") for number in (1, 2)
    }
    assert [row for row in rows if row in left] == left

    # All is there: no process trains, and the tables say what they said. Then comes a session of its own.
    again = subprocess.run(
        unprobed(path, "--resume", "--sessions", "2", "--rounds", "1", "--only", "*relu"),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (again.returncode, again.stderr) == (0, "")
    first, _, second = again.stdout.partition(f"Session: {folder}\nSession 2 of 2\n")
    assert "▶" not in first
    assert "\ntiny · tiny\nscenario " in first
    assert recorded(folder) == rows
    (other,) = set(folder.parent.iterdir()) - {folder}
    assert second.count("▶") == 1
    assert second.endswith(
        f"Session: {other}\n2 sessions, which are summed up by: bench show --pool {folder} {other}\n"
    )
    (new,) = recorded(other)
    assert (new["session_id"], new["round"], new["status"]) == (other.name, 1, "ok")
    assert journal_of(other).header["series"] == {"sessions": 2, "before": [folder.name]}
    shutil.rmtree(other)

    journal = folder / "journal.jsonl"
    entries = [line.replace(rows[0]["machine_id"], "elsewhere") for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps(without_seal(json.loads(line))) + "\n" for line in entries))
    other = subprocess.run(
        unprobed(path, "--resume"), capture_output=True, text=True, timeout=200, check=False
    )
    assert other.returncode == 2
    assert other.stderr.startswith(f"bench: {folder}: ran on other machines (")


def until(stream, mark):
    """The first line that begins with `mark`."""
    for line in stream:
        if line.partition(" ")[2].startswith(mark):
            return line
    pytest.fail(f"ended without a line with {mark}")


def run_on_a_terminal(line):
    """Exit status, and everything that a terminal 100 columns wide is sent."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm-256color"}
    with subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux's way to say that the other end is closed
            pass
        finally:
            os.close(ours)
    return process.returncode, shown.decode()
