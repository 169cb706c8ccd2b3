"""Help, and how every wrong use and bad input ends: status 2 and one line that names the remedy."""

import errno
import shutil
import sys
from subprocess import PIPE, Popen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import __version__, cli
from bench.records.recorder import Recorder
from tests.commands import bench

COMMANDS = ("plan", "run", "show", "compare", "report", "probe")
WRONG_USE = (
    ("nothing", "No such command 'nothing'; see bench --help"),
    ("--nothing", "No such option: --nothing; see bench --help"),
    ("plan", "Missing argument 'SUITE'; see bench plan --help"),
    ("plan --nothing good.toml", "No such option: --nothing; see bench plan --help"),
    ("plan good.toml good.toml", "unexpected extra argument"),
    ("plan good.toml --rounds 0", "'--rounds': must be greater than or equal to 1; see bench plan --help"),
    ("plan good.toml --rounds many", "'--rounds': must be a valid integer"),
    ("plan good.toml --set epochs", "--set epochs: not KEY=VALUE; write it like --set epochs=1"),
    ("plan good.toml --set =1", "--set =1: not KEY=VALUE"),
    ("show small --format xml", "'--format': 'xml' is not one of 'table', 'csv', 'md', 'json'"),
    ("compare small", "compare: two sides at least, such as `bench compare results/A results/B`; or one of "),
    ("compare small small --metric epochs", "'epochs' is not one of 'step_seconds'"),
    ("compare small small --confidence 2", "confidence: 2 is not between 0 and 1; give 0.95, say"),
    ("compare small small --delta -1", "delta: -1 is not a share of at least 0; give 0.01 for 1 %, say"),
    ("run", "Missing argument 'SUITE'; see bench run --help"),
    ("run good.toml --timeout 0", "'--timeout': must be greater than or equal to 0.001"),
)
BAD_INPUT = (
    ("plan missing.toml", "missing.toml: no such file; give the path of a suite"),
    ("plan empty", "empty: cannot be read: Is a directory; give the path of a suite"),
    ("plan broken.toml", "broken.toml: not valid TOML: "),
    ("plan typo.toml", 'typo.toml: sweep "a": epohcs: unknown key; did you mean epochs?'),
    (
        "plan good.toml --set strategy=mirrored --set workers=2",
        "workers: mirrored has one worker; set it to 1, or use multi_worker_mirrored",
    ),
    ("plan good.toml --set epochs=many", 'epochs: must be a whole number, not "many"'),
    ("plan good.toml --set name=x", "--set name: the name of a sweep is no setting; leave it out"),
    ("plan good.toml --only ", "--only '' matches no scenario; its sweeps are "),
    ("plan \x1b[31m\x9b\n\u202e\udce9.toml", "\\x1b[31m\\x9b\\n\\u202e\\xe9.toml: no such file"),
    ("plan good.toml --only nothing*", "--only 'nothing*' matches no scenario; its sweeps are "),
    ("show", "results: no such folder; give a session's folder, or one that holds sessions"),
    (
        "show hf://datasets/results",
        "hf:// cannot be read; copy it here, or give one of file://, s3://, gs://",
    ),
    (
        "run good.toml --results hf://datasets/results",
        "hf:// cannot be written; give a path on this machine, or s3://, gs://",
    ),
    ("show missing", "missing: no such folder; give a session's folder"),
    ("show small missing", "missing: no such folder"),
    ("show file", "file: no such folder; give a session's folder"),
    ("show empty", "empty: holds no session; `bench run SUITE` makes one"),
    ("show foreign", "not a table of bench; give a folder that bench wrote"),
    ("show garbage", "cannot be read: "),
    (
        "show small --where loops==1",
        "--where 'loops==1': no column 'loops', did you mean loop?; write it like ",
    ),
    ("show small --where epochs>", "--where 'epochs>': invalid syntax"),
    ("show small --where epochs", "--where 'epochs': not a condition; write it like "),
    ("show small --where 1==1", "--where '1==1': not a condition; write it like "),
    ("show small --where ", "--where '': "),
    ("show small --where epochs>99", "--where 'epochs>99': holds for no run; leave it out to see them all"),
    ("show small --sort nothing", "--sort nothing: no such column; the columns are suite, sweep, label, "),
    ("report missing", "missing: no such folder; give a session's folder"),
    ("report small --where epochs>99", "--where 'epochs>99': holds for no run"),
    ("report small -o empty", "empty: cannot be written: is a folder; give another file by -o"),
    ("report small -o ", "'': cannot be written: is no name; give another file by -o"),
    ("report small -o .", ".: cannot be written: is a folder; give another file by -o"),
    ("report small -o none/there.html", "none/there.html: cannot be written: No such file or directory"),
    ("report small -o file/there.html", "file/there.html: cannot be written: Not a directory; give another"),
    ("compare small missing", "missing: no folder, and no results here that it could be a machine of"),
    ("compare foreign small", "not a table of bench"),
    ("run missing.toml", "missing.toml: no such file"),
    (
        "run good.toml --set strategy=mirrored --set workers=2",
        "workers: mirrored has one worker; set it to 1, or use multi_worker_mirrored",
    ),
    (
        "run good.toml --results out --set dataset=mnist",
        "BENCH_DATA no-data: no such file or folder; pass --data FILE ",
    ),
    ("run good.toml --results out --set dataset=mnist --data nothing", "nothing: no such file or folder; "),
    ("run good.toml --results file", "file: cannot be written: "),
    (
        "run small.toml --results . --resume --set epochs=7",
        "small: has no scenario batch-size/batch_size=10000 and 1 more; give the suite and settings that ",
    ),
    (
        "run small.toml --results . --resume --every-node",
        "small: was begun without --every-node: leave it out",
    ),
    ("run good.toml --results file/below", "file/below: cannot be written: Not a directory; pass --results "),
)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, scenarios, write_small):
    """A folder of good and bad things, to name in a command line."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copy(scenarios / "quick.toml", folder / "good.toml")
    (folder / "broken.toml").write_text("[[sweep\n")
    (folder / "typo.toml").write_text('[[sweep]]\nname = "a"\nhidden = [50]\nepohcs = 1\nbatch_size = 1\n')
    (folder / "small.toml").write_text(
        '[[sweep]]\nname = "batch-size"\nloop = "fit"\nhidden = [50, 50]\nmatrix.batch_size = [10000, 1]\n'
    )
    (folder / "file").write_text("")
    for name in ("empty", "foreign", "garbage"):
        (folder / name).mkdir()
    pq.write_table(pa.table({"a": [1]}), folder / "foreign" / "runs.parquet")
    (folder / "garbage" / "runs.parquet").write_text("not Parquet")
    write_small(folder)
    return folder


def test_help_is_shown_when_asked_for_and_without_a_command(run_bench):
    asked, bare = run_bench("--help"), run_bench()
    assert asked.returncode == bare.returncode == 0
    assert asked.stdout == bare.stdout
    assert all(f"\n  {command} " in asked.stdout for command in COMMANDS)
    assert not asked.stderr + bare.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(run_bench, command):
    shown = run_bench(command, "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"Usage: bench {command} [OPTIONS]")
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_the_version_is_the_packages_whatever_a_shell_has_left_in_the_environment(run_bench):
    assert run_bench("--version", _BENCH_COMPLETE="bash_source").stdout == f"bench {__version__}\n"


def test_a_variable_for_completions_that_bench_does_not_have_changes_nothing(run_bench):
    assert run_bench("--version", _BENCH_COMPLETE="fish").stdout == f"bench {__version__}\n"


@pytest.mark.parametrize(("line", "said"), [*WRONG_USE, *BAD_INPUT], ids=lambda value: value[:60])
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_started(monkeypatch, workplace, line, said):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("BENCH_DATA", "no-data")
    ended = bench(*line.split(" "))
    assert (ended.status, ended.output) == (2, "")
    assert ended.error.startswith("bench: ")
    assert ended.error.endswith("\n")
    assert ended.error.count("\n") == 1
    assert said in ended.error
    sessions = {path.parent.name for path in workplace.rglob("journal.jsonl")}
    assert sessions == {"small"}


def test_an_argument_of_several_lines_still_gives_one_line(run_bench, workplace):
    ended = run_bench("plan", "good.toml", "--set", 'epochs="a\nb"', cwd=workplace)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "epochs: must be a whole number, not " in ended.stderr


def test_a_session_in_which_no_run_has_ended_says_so(run_bench, tmp_path):
    with Recorder.begin(tmp_path / "begun", "begun", {}):
        ended = run_bench("show", "begun", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "bench: begun: no run has ended there yet; look again later\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error", "a\x1b\n"), r"a\x1b\n: Input/output error"),
        (PermissionError("not here"), "the system: not here"),
        (MemoryError(), "out of memory; give it more, or less to read"),
    ],
)
def test_what_the_system_refuses_is_one_line_wherever_it_comes_up(monkeypatch, capsys, error, said):
    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"bench: {said}\n")


def test_a_terminal_without_unicode_gets_question_marks_not_a_traceback(run_bench, published):
    shown = run_bench("show", published, PYTHONIOENCODING="ascii")
    assert shown.returncode == 0
    assert "notebook-published ? baseline" in shown.stdout


@pytest.mark.parametrize("style", ["table", "csv"])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(published, style):
    line = [sys.executable, "-m", "bench", "show", published, "--format", style]
    with Popen(line, stdout=PIPE, stderr=PIPE) as command:
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 0
