"""The current folder decides nothing of what `bench` imports, but for `bench` itself under `python -m`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench

ROOT = Path(bench.__file__).parents[1]
SAID = f"bench {bench.__version__}"
# Of what the command imports before it does anything, and of what Python itself has.
MODULES = ("typer", "click", "rich", "typing_extensions", "enum", "shutil", "numpy", "ray", "keras")
PATH = """
import os, sys
from bench.import_path import leave_out_current_folder
leave_out_current_folder()
print(os.getcwd() in sys.path, os.environ.get("PYTHONPATH"))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder whose modules end whoever imports them."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported {name} from the current folder')\n")
    return tmp_path


def run(folder, *arguments, path=str(ROOT)):
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout.strip() or ended.stderr.strip()


def test_python_m_takes_nothing_but_bench_from_the_current_folder(folder):
    assert run(folder, "-m", "bench", "--version") == SAID


def test_a_clone_runs_as_a_module_without_being_installed(tmp_path):
    """Its own folder leaves the import path, in which it was found, and it finds its modules all the same."""
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "typer.py").write_text("raise SystemExit('imported')\n")
    assert run(tmp_path, "-m", "bench", "--version", path="/nowhere") == SAID


# The standard library's own modules are imported by Python itself before any program is.
@pytest.mark.parametrize("path", [f":{ROOT}", f"{ROOT}:", f"{ROOT}::/nowhere"])
def test_an_empty_part_of_pythonpath_is_not_the_current_folder(tmp_path, path):
    left = path.strip(":").replace("::", ":")
    assert run(tmp_path, "-P", "-c", PATH, path=path) == f"False {left}"


@pytest.mark.parametrize("name", [".", "FOLDER"])
def test_a_folder_that_pythonpath_names_is_meant(tmp_path, name):
    path = f"{name.replace('FOLDER', str(tmp_path))}::{ROOT}"
    assert run(tmp_path, "-P", "-c", PATH, path=path) == f"True {path.replace('::', ':')}"


def test_a_folder_that_has_been_deleted_is_no_error(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"import os; os.rmdir({str(gone)!r}){PATH.replace('(os.getcwd() in sys.path, ', '(')}"
    assert run(gone, "-P", "-c", program, path=f":{ROOT}") == str(ROOT)
