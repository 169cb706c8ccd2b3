"""A command whose results are kept elsewhere."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.store import read_sessions
from tests.records.remote.s3 import Stuck, busy, denied, failing, serving

ROOT = Path(__file__).parents[2]
SUITE = '[[sweep]]\nname = "one"\nhidden = [50, 50]\nbatch_size = 100\n'
PROGRAM = """
import os
from bench.orchestration import signals
signals.listen()  # before other imports begin threads, which signals would come to
signals.listen = lambda: None
from bench.cli import main
from bench.orchestration import launch as launching
from bench.orchestration.launch import Outcome, _header
from bench.records.recorder import Recorder
from bench.records.remote import upload

def launch(suite, results, data, address, watcher, rules, begun, began):
    header = _header(suite, rules)
    name = f"s{rules.series.number}"
    recorder = Recorder.resume(begun, header) if begun else Recorder.begin(results / name, name, header)
    with recorder:
        began(recorder.folder)
    return Outcome(recorder.folder, 0, 0, False)

launching.launch = launch
upload.LOOK_SECONDS, upload.AT_ONCE_SECONDS = 0.01, float(os.environ["AT_ONCE_SECONDS"])
main()
"""


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


@pytest.fixture
def bench(server, tmp_path, request):
    """Call with arguments; begins that command, whose session has no run and needs no Ray."""
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "command.py").write_text(PROGRAM)
    bucket = f"cli{request.node.name.__hash__() % 10**9}"
    server.make(bucket)

    def begin(*arguments, at_once=60):
        line = [sys.executable, str(tmp_path / "command.py"), *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        environment |= {"BENCH_SPOOL": str(tmp_path / "spool"), "AT_ONCE_SECONDS": str(at_once)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(line, cwd=tmp_path, env=environment, text=True, **pipes)

    begin.uri, begin.path = server.uri(bucket), f"s3://{bucket}/results"
    return begin


def told(process):
    output, error = process.communicate(timeout=40)
    return process.returncode, output, error


@pytest.mark.slow
def test_sessions_elsewhere_from_their_begin_to_their_end_and_on(bench, server):
    run = ("run", "suite.toml", "--results", bench.uri)
    row = f"2 sessions, which are summed up by: bench show --pool {bench.path}/s1 {bench.path}/s2\n"
    told_of_them = f"Session: {bench.path}/s1\nSession: {bench.path}/s2\n{row}"
    assert told(bench(*run, "--sessions", "2", "--quiet")) == (0, told_of_them, "")
    assert told(bench(*run, "--resume", "--quiet")) == (0, f"Session: {bench.path}/s2\n{row}", "")
    with failing(
        server, Stuck("manifest.json")
    ) as fault:  # interrupted while it waits for the end of its upload
        process = bench(*run, "--resume", at_once=0)
        assert process.stdout.readline() == f"Going on with {bench.path}/s2\n"
        assert process.stdout.readline() == "Session 2 of 2\n"
        assert (
            process.stdout.readline() == f"Uploading the rest to {bench.path}: Ctrl-C leaves it for later\n"
        )
        process.send_signal(signal.SIGTERM)
        status, output, error = told(process)
        fault.go.set()
    assert status == 2
    assert error.startswith(
        f"bench: {bench.path}/s2: not all of it is there yet: no answer; all of it is in /"
    )
    assert output.splitlines()[-2].startswith("Session: /")
    assert output.splitlines()[-1].startswith("1 of 2 sessions are done; ")


@pytest.mark.slow
def test_where_nothing_can_be_kept_nothing_is_begun(bench, server):
    with failing(server, denied("POST", "PUT")):
        status, output, error = told(bench("run", "suite.toml", "--results", bench.uri))
    assert (status, output) == (2, "")
    assert error == (
        f"bench: {bench.path}: may not be done; ask its owner to let you read, write, list and delete there, "
        "or check your credentials\n"
    )
    with failing(server, busy):
        status, _, error = told(bench("plan", "suite.toml", "--results", bench.uri))
    assert (status, error) == (0, "")


TINY = """
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


@pytest.mark.slow
def test_a_driver_is_killed_and_another_machine_goes_on_with_what_is_there(server, tmp_path):
    """Real Ray, real TensorFlow; another machine is one whose spool is empty."""
    server.make("killed")
    uri, place = server.uri("killed"), "s3://killed/results"
    (tmp_path / "tiny.toml").write_text(TINY)
    line = [sys.executable, "-m", "bench", "run", "tiny.toml", "--results", uri, "--no-probe", "--resume"]

    def spool(name):
        return {"cwd": tmp_path, "text": True, "env": {**os.environ, "BENCH_SPOOL": str(tmp_path / name)}}

    with subprocess.Popen(line, stdout=subprocess.PIPE, **spool("a")) as killed:
        assert killed.stdout.readline() == f"No session of tiny in {place} yet: a new one\n"
        assert any("✓" in told for told in killed.stdout)
        killed.kill()
    (left,) = (tmp_path / "a").glob("*/*/journal.jsonl")
    session = left.parent.name
    ended = subprocess.run(line, capture_output=True, timeout=200, check=False, **spool("b"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Going on with {place}/{session}\n")
    assert ended.stdout.endswith(f"Session: {place}/{session}\n")
    runs = read_sessions([uri]).runs.select(["label", "round", "status"]).to_pylist()
    each = [(f"activation={name}", number) for name in ("relu", "tanh") for number in (1, 2)]
    assert sorted((row["label"], row["round"]) for row in runs) == each
    assert {row["status"] for row in runs} == {"ok"}
    assert list((tmp_path / "b").glob("*/*/*")) == []
    assert b'"kind": "run"' in left.read_bytes()
