"""`bench run --sessions N`: sessions in a row, each by the command begun anew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from bench.cli import series
from bench.errors import ClusterError, ClusterLostError
from bench.orchestration import launch as launching
from bench.orchestration.launch import Outcome
from bench.records.recorder import Recorder
from tests.commands import Said, bench
from tests.sessions import journal_of

SUITE = '[[sweep]]\nname = "one"\nhidden = [50, 50]\nbatch_size = 100\n'
AGAIN = 77


class Row:
    """A command whose sessions run nothing, and that begins anew as often as it asks for it.

    `ends` has what becomes of a session by its number: fields of its outcome, or an error; and `meanwhile`
    what else happens in it.
    """

    def __init__(self, folder, monkeypatch):
        self.results, self.ends, self.meanwhile, self.made = folder / "results", {}, {}, 0
        self.environments, self._next = [], {}
        (folder / "suite.toml").write_text(SUITE)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(launching, "launch", self._launch)
        monkeypatch.setattr(os, "execve", self._execve)

    def _launch(self, suite, results, _data, _address, _watcher, rules, begun, began):
        header = launching._header(suite, rules)
        self.environments.append(dict(os.environ))
        if begun is None:
            self.made += 1
        name = f"s{self.made}"
        end = self.ends.pop(rules.series.number, {})
        if isinstance(end, Exception):
            raise end
        with Recorder.resume(begun, header) if begun else Recorder.begin(results / name, name, header) as it:
            began(it.folder)
        self.meanwhile.pop(rules.series.number, lambda: None)()
        return Outcome(it.folder, **{"runs": 0, "not_ok": 0, "interrupted": False, **end})

    def _execve(self, program, line, environ):
        assert (program, line) == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
        self._next = environ
        raise SystemExit(AGAIN)

    def run(self, *options) -> Said:
        """All that the command says until it ends, and its last status."""
        output, error, self._next = "", "", dict(os.environ)
        while True:
            with mock.patch.dict(os.environ, self._next, clear=True):
                said = bench("run", "suite.toml", *options)
            output, error = output + said.output, error + said.error
            if said.status != AGAIN:
                return Said(said.status, output, error)

    def headers(self):
        """What each session tells of its row."""
        folders = sorted(self.results.iterdir())
        return {folder.name: journal_of(folder).header.get("series") for folder in folders}


@pytest.fixture
def row(tmp_path, monkeypatch):
    return Row(tmp_path, monkeypatch)


def of(sessions, *before):
    return {"sessions": sessions, "before": list(before)}


def test_each_session_has_a_folder_of_its_own_and_the_last_line_names_all(row):
    said = row.run("--sessions", 3)
    assert (said.status, said.error) == (0, "")
    assert said.output == (
        "Session 1 of 3\nSession: results/s1\n"
        "Session 2 of 3\nSession: results/s2\n"
        "Session 3 of 3\nSession: results/s3\n"
        "3 sessions, which are summed up by: bench show --pool results/s1 results/s2 results/s3\n"
    )
    assert row.headers() == {"s1": of(3), "s2": of(3, "s1"), "s3": of(3, "s1", "s2")}


def test_quietly_it_says_where_they_are(row):
    said = row.run("--sessions", 2, "--quiet")
    assert said.output == (
        "Session: results/s1\nSession: results/s2\n"
        "2 sessions, which are summed up by: bench show --pool results/s1 results/s2\n"
    )


@pytest.mark.parametrize("options", [(), ("--sessions", 1)])
def test_one_alone_is_no_row(row, options):
    assert row.run(*options).output == "Session: results/s1\n"
    assert row.headers() == {"s1": None}


def test_how_many_is_a_number_from_one(row):
    assert row.run("--sessions", 0).error == (
        "bench: Invalid value for '--sessions': must be greater than or equal to 1; see bench run --help\n"
    )


def test_each_begins_in_the_environment_of_the_first_one(row, monkeypatch):
    monkeypatch.setenv("GIVEN", "1")
    row.meanwhile[1] = lambda: os.environ.update(GIVEN="2", LEFT="behind")
    row.run("--sessions", 2)
    first, second = row.environments
    assert first == second
    assert (first["GIVEN"], first.get("LEFT"), first.get(series.VARIABLE)) == ("1", None, None)


def test_runs_that_do_not_end_ok_end_no_row_and_are_told_by_its_status(row):
    row.ends[1] = {"not_ok": 1}
    said = row.run("--sessions", 3)
    assert said.status == 1
    assert list(row.headers()) == ["s1", "s2", "s3"]


REST = "1 of 3 sessions are done; the same command with --resume makes the rest\n"


@pytest.mark.parametrize(
    ("end", "status", "why"),
    [
        ({"interrupted": True}, 130, "interrupted; every finished run is kept"),
        (
            {"lost": ClusterLostError("the node is gone")},
            2,
            "the node is gone; every finished run is kept: go on with --resume",
        ),
        (ClusterError("no Ray cluster on this machine"), 2, "no Ray cluster on this machine"),
    ],
    ids=["interrupted", "lost", "not begun"],
)
def test_what_cuts_a_session_ends_the_row_and_a_resumed_one_makes_the_rest(row, end, status, why):
    row.ends[2] = end
    said = row.run("--sessions", 3)
    assert (said.status, said.error) == (status, f"bench: {why}\n")
    assert said.output.endswith(REST)
    number = len(row.headers())
    assert number == (1 if isinstance(end, Exception) else 2)

    said = row.run("--resume")
    assert (said.status, said.error) == (0, "")
    assert said.output.startswith(f"Going on with results/s{number}\nSession {number} of 3\n")
    names = list(row.headers())
    assert len(names) == 3
    assert said.output.endswith(f"bench show --pool {' '.join(f'results/{name}' for name in names)}\n")
    assert row.headers()[names[-1]] == of(3, *names[:2])


def test_what_is_wrong_at_the_first_session_is_told_in_one_line(row):
    row.ends[1] = ClusterError("no Ray cluster on this machine")
    said = row.run("--sessions", 3)
    assert (said.status, said.output, said.error.count("\n")) == (2, "Session 1 of 3\n", 1)


@pytest.mark.parametrize(("options", "made"), [((), 1), (("--sessions", 3), 3), (("--sessions", 1), 1)])
def test_a_session_that_was_made_alone_is_the_first_of_a_row_that_goes_on_with_it(row, options, made):
    row.run()
    assert row.run("--resume", *options).status == 0
    assert (
        row.headers() == {"s1": None, "s2": of(3, "s1"), "s3": of(3, "s1", "s2")} | {}
        if made == 3
        else {"s1": None}
    )


@pytest.mark.parametrize(("sessions", "made"), [(4, 4), (1, 2)])
def test_a_row_that_goes_on_has_as_many_as_are_asked_for_now(row, sessions, made):
    row.run("--sessions", 2)
    row.run("--resume", "--sessions", sessions)
    assert len(row.headers()) == made


def test_a_suite_that_is_changed_meanwhile_ends_the_row(row):
    row.meanwhile[1] = lambda: Path("suite.toml").write_text(SUITE.replace("100", "200"))
    said = row.run("--sessions", 2)
    assert said.status == 2
    assert said.error.startswith("bench: suite.toml: was changed since the first session began, and all")
    assert list(row.headers()) == ["s1"]


def test_remarks_in_a_suite_may_change(row):
    row.meanwhile[1] = lambda: Path("suite.toml").write_text(f"# so far so good\n{SUITE}")
    assert row.run("--sessions", 2).status == 0


def test_a_bench_that_is_changed_meanwhile_ends_the_row(row, monkeypatch):
    was = series._digests
    changed = lambda *given: {**was(*given), "bench": "another"}  # noqa: E731
    row.meanwhile[1] = lambda: monkeypatch.setattr(series, "_digests", changed)
    said = row.run("--sessions", 2)
    assert said.error.startswith("bench: bench: was changed since the first session began, and all")


def test_a_suite_that_can_be_read_but_once_is_refused(row):
    reading, writing = os.pipe()
    os.write(writing, SUITE.encode())
    os.close(writing)
    said = bench("run", f"/dev/fd/{reading}", "--sessions", 2)
    os.close(reading)
    assert (said.status, row.made) == (2, 0)
    assert said.error.endswith(": is read for each session, and can be but once; save it in a file\n")


@pytest.mark.parametrize("told", ["", "no JSON", "{}", '{"process": 1}', "3"])
def test_what_another_process_left_in_the_environment_is_none_of_its_own(row, monkeypatch, told):
    monkeypatch.setenv(series.VARIABLE, told)
    assert row.run().output == "Session: results/s1\n"
    assert series.VARIABLE not in row.environments[0]


PROGRAM = """
import json, os, signal, sys, threading
from bench.orchestration import launch as launching, signals
from bench.orchestration.launch import Outcome
from bench.records.recorder import Recorder

def launch(suite, results, data, address, watcher, rules, begun, began):
    seen = {
        "process": os.getpid(), "descriptors": sorted(os.listdir("/dev/fd")), "left": os.environ.get("LEFT"),
        "threads": threading.active_count(), "imported": "wave" in sys.modules,
    }
    print(json.dumps(seen), flush=True)
    with Recorder.begin(results / f"s{rules.series.number}", f"s{rules.series.number}", {}) as recorder:
        began(recorder.folder)
    import wave
    os.environ["LEFT"] = "behind"
    os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    if rules.series.number == 3:
        os.kill(os.getpid(), signal.SIGTERM)
        while not signals._state.pending:
            pass
    return Outcome(recorder.folder, 0, 0, False)

launching.launch = launch
from bench.cli import main
main()
"""


@pytest.mark.slow
def test_a_process_keeps_its_number_and_what_it_was_given_alone(tmp_path):
    """Of what a session leaves in it, as Ray does, the next one has nothing."""
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "command.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    given, other = os.pipe()
    line = [sys.executable, "command.py", "run", "suite.toml", "--sessions", "4"]
    with subprocess.Popen(
        line,
        cwd=tmp_path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[given],
    ) as process:
        output, error = process.communicate(timeout=100)
    os.close(given)
    os.close(other)
    seen = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert len(seen) == 3
    assert seen[1:] == seen[:-1]
    assert seen[0]["process"] == process.pid
    assert str(given) in seen[0]["descriptors"]
    assert (seen[0]["left"], seen[0]["imported"]) == (None, False)
    assert (process.returncode, error) == (130, "bench: interrupted; every finished run is kept\n")
    assert output.endswith("2 of 4 sessions are done; the same command with --resume makes the rest\n")
