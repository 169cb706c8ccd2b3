"""Doctored sessions: every command gives a result, or one line that names what is wrong and the remedy."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.orchestration import launch as launching
from bench.orchestration.launch import Outcome
from bench.records.earlier import read_earlier
from bench.records.journal import FILE_NAME
from bench.records.recorder import Recorder
from bench.records.resume import check_data, check_machines
from tests import doctored
from tests.commands import bench
from tests.sessions import without_seal


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a session that nobody doctored."""
    return doctored.write(doctored.whole(), tmp_path_factory.mktemp("whole") / "s")


def said_of(folder):
    """What each command says of a session, by the command."""
    said = {" ".join(c): bench(*(part.format(folder) for part in c)) for c in doctored.COMMANDS}
    assert not any(what.refusal() for what in said.values())
    return said


def finite(value):
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("name", doctored.READABLE)
def test_what_can_be_read_is_shown_and_nothing_absurd_with_it(name, tmp_path):
    folder = doctored.write(doctored.READABLE[name](), tmp_path / "s")
    said = said_of(folder)
    for command, what in said.items():
        words = what.output.replace(str(tmp_path), "").lower()
        assert "nan" not in words.replace("1e999 nan", ""), command
    (as_json,) = (json.loads(what.output) for command, what in said.items() if "json" in command)
    assert finite(as_json)
    assert sum(entry["runs"] for entry in as_json) in (54, 1)
    assert all(entry["step_seconds"] is None or entry["step_seconds"] > 0 for entry in as_json)


@pytest.mark.parametrize("name", doctored.REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line_and_the_rest_is_shown(name, tmp_path, whole):
    folder = doctored.write(doctored.REFUSED[name](), tmp_path / "doctored" / "s")
    alone = bench("show", str(folder))
    assert (alone.status, alone.output, alone.error.count("\n")) == (2, "", 1)
    assert alone.error.startswith(f"bench: {folder}/runs.parquet: ")
    rest = bench("show", str(folder.parent), str(whole), "--format", "csv")
    assert (rest.status, rest.output) == (0, bench("show", str(whole), "--format", "csv").output)
    assert rest.error == alone.error.replace("bench: ", "bench: left out: ")


NO_RUN = "bench: {}/journal.jsonl:6: damaged, left out; `bench run --resume` runs again what was in it"
NO_NAME = "bench: {}/journal.jsonl: a row without session_id; give a table that bench wrote"
NO_LABEL = "bench: {}/journal.jsonl: a row without label; give a table that bench wrote"
ANOTHER = "bench: {}/journal.jsonl: rows of another bench: "
TABLE = "Session doctored · "
NEW = "Session: "
JOURNALS = [
    ("a machine that is a number", lambda ls: [*ls, {"kind": "machine", "row": 1}], TABLE, TABLE),
    ("a machine of no columns", lambda ls: [*ls, {"kind": "machine", "row": {}}], NO_NAME, NO_NAME),
    ("a machine that is null", lambda ls: [*ls, {"kind": "machine", "row": None}], TABLE, TABLE),
    (
        "a version that is null",
        lambda lines: [{**lines[0], "schema_version": None}, *lines[1:]],
        "bench: {}/journal.jsonl: names no schema version; give a session that bench wrote",
        "bench: {}: names no schema version; give a session that bench wrote",
    ),
    (
        "a version that is a word",
        lambda lines: [{**lines[0], "schema_version": "one"}, *lines[1:]],
        "bench: {}/journal.jsonl: names no schema version; give a session that bench wrote",
        "bench: {}: names no schema version; give a session that bench wrote",
    ),
    (
        "a version to come",
        lambda lines: [{**lines[0], "schema_version": 99}, *lines[1:]],
        "bench: {}/journal.jsonl: schema version 99, this bench reads up to 2; upgrade bench",
        "bench: {}: schema version 99, this bench reads up to 2; upgrade bench",
    ),
    (
        "scenarios that are none",
        lambda lines: [{**lines[0], "scenarios": 5}, *lines[1:]],
        TABLE,
        "bench: {}: has no scenario one/one; give the suite and settings that it was begun with",
    ),
    ("a session that is a list", lambda ls: [{**ls[0], "session_id": [1]}, *ls[1:]], TABLE, NEW),
    ("no session", lambda lines: lines[1:], TABLE, NEW),
    ("a run of no columns", lambda ls: [*ls, {"kind": "run", "row": {}, "epochs": []}], TABLE, TABLE),
    ("a run without a name", lambda lines: _changed(lines, label=None), NO_LABEL, NO_LABEL),
    ("a run of words", lambda lines: _changed(lines, step_seconds="fast"), ANOTHER, ANOTHER),
    (
        "a run without a number",
        lambda lines: _changed(lines, step_seconds=math.nan),
        TABLE,
        "bench: {}/journal.jsonl: values that cannot be count as missing: step_seconds in 54 rows; ",
    ),
    ("a run of columns to come", lambda lines: _changed(lines, column_to_come=1), ANOTHER, ANOTHER),
    ("a run at no time", lambda lines: _changed(lines, started_at="soon"), NO_RUN, NEW),
    (
        "a run of few columns",
        lambda lines: [
            {**line, "row": {k: line["row"][k] for k in ("run_id", "status", "started_at")}}
            if line["kind"] == "run"
            else line
            for line in lines
        ],
        NO_NAME,
        NO_NAME,
    ),
    ("epochs that are none", lambda lines: [{**line, "epochs": 3} for line in lines], NO_RUN, NEW),
    ("lines that are none", lambda lines: [*lines, 1, None, "x"], TABLE, TABLE),
    ("nothing", lambda _lines: [], "bench: {results}: no run has ended there yet; look again later", NEW),
]
"""What becomes of the lines of a journal, and how `show` and then `run --resume` begin what they say.

`{}` is the session's folder. A beginning with `bench: ` is a refusal.
"""


def _changed(lines, **columns):
    return [{**line, "row": line["row"] | columns} if line["kind"] == "run" else line for line in lines]


@pytest.fixture
def suite(tmp_path):
    """The suite of the doctored session."""
    text = '[[sweep]]\nname = "one"\nhidden = [50, 50]\nbatch_size = 100\ndataset = "mnist"\n'
    (tmp_path / "doctored.toml").write_text(text)
    return tmp_path / "doctored.toml"


@pytest.fixture
def without_ray(monkeypatch):
    """A launch that looks at the session that it is to go on with, and runs nothing."""

    def launch(_suite, results, _data, _address, _watcher, _rules, begun, _began):
        if begun is None:
            return Outcome(results, 0, 0, False)
        earlier = read_earlier(begun)
        check_data(begun, earlier, {"mnist": "0123456789abcdef"})
        check_machines(begun, earlier, {"aaaaaaaaaaaa"})
        with Recorder.resume(begun, {}) as recorder:
            return Outcome(begun, recorder.runs, recorder.not_ok, False)

    monkeypatch.setattr(launching, "launch", launch)


@pytest.mark.usefixtures("without_ray")
@pytest.mark.parametrize(
    ("doctored_lines", "shown", "resumed"),
    [case[1:] for case in JOURNALS],
    ids=[name for name, *_ in JOURNALS],
)
def test_journals_are_read_or_refused_and_gone_on_with_or_not(
    doctored_lines, shown, resumed, tmp_path, suite
):
    results = tmp_path / "results"
    path = doctored.write_journal(results / "s")
    lines = [without_seal(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in doctored_lines(lines)))
    line = ("run", suite, "--resume", "--quiet", "--results", results)
    for said, beginning in ((bench("show", results), shown), (bench(*line), resumed)):
        refused = said.refusal() is not None
        assert refused == beginning.startswith("bench: ")
        text = said.error if refused else said.output
        assert text.startswith(beginning.format(results / "s", results=results))


@pytest.mark.usefixtures("without_ray")
def test_a_whole_journal_is_gone_on_with(tmp_path, suite):
    doctored.write_journal(tmp_path / "results" / "s")
    resumed = bench("run", str(suite), "--resume", "--results", str(tmp_path / "results"))
    assert (resumed.status, resumed.error) == (0, "")
    assert "Going on with" in resumed.output


@pytest.fixture
def unprivileged():
    """What goes before a command so that permissions hold for it, as they do not for root."""
    if not sys.platform.startswith("linux"):
        pytest.skip("capabilities are Linux'")
    status = Path("/proc/self/status").read_text().splitlines()
    held = int(next(line for line in status if line.startswith("CapEff")).split()[1], 16)
    if not held & 0b110:  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        return []
    if not shutil.which("setpriv"):
        pytest.skip("permissions do not hold for root, and there is no setpriv to drop its capabilities")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_what_a_user_may_not_read_is_named_and_the_rest_is_shown(tmp_path, whole, unprivileged):
    results = tmp_path / "results"
    shutil.copytree(whole, results / "deep" / "below" / "mine")
    for name in ("unreadable", "closed"):
        shutil.copytree(whole, results / name)
    (results / "lost+found").mkdir()
    (results / "unreadable" / "runs.parquet").chmod(0)
    (results / "closed").chmod(0)
    (results / "lost+found").chmod(0)
    try:
        said = _in_a_process(unprivileged, "show", results, "--format", "csv")
        alone = _in_a_process(unprivileged, "show", results / "closed")
        below = _in_a_process(unprivileged, "show", results / "closed" / "s")
    finally:
        (results / "closed").chmod(0o700)
        (results / "lost+found").chmod(0o700)
    assert (said.returncode, said.stdout) == (0, bench("show", str(whole), "--format", "csv").output)
    remedy = "may not be read; ask its owner to allow it, or read as another user"
    names = ("closed", "lost+found", "unreadable/runs.parquet")
    assert said.stderr.splitlines() == [f"bench: left out: {results}/{name}: {remedy}" for name in names]
    for path, what in ((results / "closed", alone), (results / "closed" / "s", below)):
        assert (what.returncode, what.stdout, what.stderr) == (2, "", f"bench: {path}: {remedy}\n")


def _in_a_process(before, *arguments):
    command = [*before, sys.executable, "-m", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_many_notes_are_summed_up(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "whole")
    for number in range(30):
        (tmp_path / f"s{number:02}").mkdir()
        (tmp_path / f"s{number:02}" / FILE_NAME).write_text("nonsense\n")
    said = bench("show", str(tmp_path))
    assert said.status == 0
    lines = said.error.splitlines()
    assert len(lines) == 9
    assert lines[-1] == "bench: and 22 more of the kind"


def test_names_of_folders_do_not_reach_the_terminal_as_they_are(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "whole")
    (tmp_path / "\x1b[2J\n").mkdir()
    (tmp_path / "\x1b[2J\n" / FILE_NAME).write_text("nonsense\n")
    said = bench("show", str(tmp_path))
    assert said.status == 0
    assert said.error.count("\n") == 1
    assert "/\\x1b[2J\\n/journal.jsonl:1: not an entry" in said.error
