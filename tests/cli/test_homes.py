"""The command of a user who has no home here: another user's HOME, or none and no entry in any database."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = 2**31 - 7  # nobody has it

DATA = """
import os, sys
import numpy as np
from bench.data import cache
from bench.data.keras_cache import keras_homes
from bench.data.layout import SHAPES, Arrays, sha256

arrays = Arrays(**{name: np.zeros(shape, np.uint8) for name, shape in SHAPES.items()})
cache.generate = lambda: arrays  # which takes seconds
cache.DIGITS_SHA256 = sha256(arrays)
for environ in ({}, {"BENCH_CACHE": sys.argv[1]}, {"BENCH_CACHE": "~nosuchuser"}):
    assert cache.cached_digits(environ)[1] == cache.DIGITS_SHA256
keras_homes(os.environ)
"""


@pytest.fixture(scope="module")
def places():
    """Two folders in /tmp, whose way is open to everyone: one to write in, and one of root's own."""
    folder = Path(tempfile.mkdtemp(prefix="homes-", dir="/tmp"))
    folder.chmod(0o755)
    for name, mode in (("open", 0o777), ("closed", 0o700)):
        (folder / name).mkdir()
        (folder / name).chmod(mode)
    yield folder
    shutil.rmtree(folder)


def way_for_strangers(hold):
    """The start of a command that opens, for itself alone, the way to this Python and this source.

    A Python in /root, say, is put into a made-up /root that anybody may enter.
    """
    places = dict.fromkeys(Path(place).resolve() for place in (sys.base_prefix, sys.prefix, ROOT))
    ways = {place: next((p for p in place.parents if not p.stat().st_mode & 1), None) for place in places}
    lines = ["set -e", "mount --make-rprivate /"]
    blocked = [(place, hold / str(i)) for i, place in enumerate(places) if ways[place]]
    for place, kept in blocked:
        kept.mkdir(exist_ok=True)
        lines.append(f"mount --bind '{place}' '{kept}'")
    lines += [f"mount -t tmpfs -o mode=755 none '{way}'" for way in {ways[place] for place, _ in blocked}]
    lines += [f"mkdir -p '{place}'; mount --bind '{kept}' '{place}'" for place, kept in blocked]
    return ["unshare", "-m", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"]


@pytest.fixture(scope="module")
def as_stranger(places):
    """Call with a HOME (None for none at all) and arguments; runs Python as a user whom nobody knows."""
    if os.getuid() or not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("only root, with setpriv and unshare, can be somebody else")
    become = [*way_for_strangers(places / "closed"), "setpriv", f"--reuid={USER}", f"--regid={USER}"]

    def run(home, *arguments):
        environment = {k: v for k, v in os.environ.items() if k != "HOME" and not k.startswith("XDG_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
        return subprocess.run(
            [*become, "--clear-groups", sys.executable, *map(str, arguments)],
            cwd=places / "open",
            env=environment | ({"HOME": str(home)} if home else {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    tried = run(None, "-c", "import bench")
    if tried.returncode:
        pytest.skip(f"another user cannot run this Python: {tried.stderr.strip()[-200:]}")
    return run


@pytest.fixture(scope="module", params=["none", "of root"])
def home(request, places):
    return None if request.param == "none" else places / "closed" / "home"


@pytest.mark.slow
def test_data_are_loaded_without_a_cache(as_stranger, places, home):
    ended = as_stranger(home, "-c", DATA, places / "closed" / "cache")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not any((places / "open").iterdir())


@pytest.mark.slow
def test_a_suite_is_planned_though_earlier_times_may_not_be_read(as_stranger, places, scenarios, home):
    hidden = places / "closed" / "results"
    ended = as_stranger(home, "-m", "bench", "plan", scenarios / "quick.toml", "--results", hidden)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "None was timed on this machine before" in ended.stdout
    assert not any((places / "open").iterdir())


@pytest.mark.slow
def test_recorded_runs_are_shown(as_stranger, published):
    ended = as_stranger(None, "-m", "bench", "show", published)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "plan {closed}/suite.toml",
            "{closed}/suite.toml: cannot be read: Permission denied; give ",
        ),
        ("show {closed}/results", "{closed}/results: "),
        (
            "run {suite} --results {closed}/results",
            "{closed}/results: cannot be written: Permission ",
        ),
        (
            "run {suite} --results {closed}/results --resume",
            "{closed}/results: cannot be written: Permission ",
        ),
        (
            "run {suite} --set dataset=mnist --data {closed}/mnist.npz",
            "--data {closed}/mnist.npz: cannot be read: Permission denied; pass --data FILE",
        ),
        (
            "run {suite} --results ~/results",
            "~/results: no home folder is known for ~; set HOME, ",
        ),
        ("plan ~nosuchuser/suite.toml", "~nosuchuser/suite.toml: no home folder is known for ~nosuchuser; "),
    ],
    ids=lambda value: value[:40],
)
def test_what_may_not_be_read_or_written_is_told_in_one_line(as_stranger, places, scenarios, line, said):
    names = {"closed": places / "closed", "suite": scenarios / "quick.toml"}
    ended = as_stranger(None, "-m", "bench", *line.format(**names).split())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"bench: {said.format(**names)}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("plan {suite} --results {long}", 0, ""),
        ("plan {suite} --results loop", 0, ""),
        ("plan ~nosuchuser", 2, "~nosuchuser: no home folder is known for ~nosuchuser; give the whole path"),
        ("show {long}", 2, "{long}: "),
        ("show loop", 2, "loop: "),
        ("run {suite} --results {long} --resume", 2, "{long}: cannot be written: File name too long; "),
        ("run {suite} --results x --data {long}", 2, "--data {long}: cannot be read: File name too long; "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_names_that_no_file_system_finds(run_bench, tmp_path, scenarios, line, status, said):
    (tmp_path / "loop").symlink_to("loop")
    names = {"suite": scenarios / "quick.toml", "long": "n" * 300}
    ended = run_bench(*line.format(**names).split(), cwd=tmp_path)
    assert ended.returncode == status
    assert ended.stderr.startswith(f"bench: {said.format(**names)}" if said else "")
    assert ended.stderr.count("\n") == bool(said)
