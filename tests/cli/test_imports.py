"""What the light commands never import, so that they start in well under a second."""

import subprocess
import sys

import pytest

FRAMEWORKS = {"tensorflow", "keras", "ray"}
PROGRAM = """
import sys
from bench.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.fixture
def imported(tmp_path):
    """Call with a command line; gives the top-level modules that are loaded once it has run."""

    def run(*arguments):
        line = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
        ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        return set(ended.stderr.split())

    return run


def test_help_imports_no_framework_and_no_table_library(imported):
    loaded = imported("--help")
    assert "typer" in loaded
    assert not loaded & {*FRAMEWORKS, "pandas", "numpy", "pyarrow", "pydantic", "rich", "plotly", "jinja2"}


def test_plan_imports_no_framework_and_no_pandas(imported, scenarios):
    loaded = imported("plan", scenarios / "notebook.toml")
    assert "pydantic" in loaded
    assert not loaded & {*FRAMEWORKS, "pandas"}


def test_plan_with_earlier_times_imports_no_framework(imported, scenarios, published):
    loaded = imported("plan", scenarios / "notebook.toml", "--results", published)
    assert "pyarrow" in loaded
    assert not loaded & FRAMEWORKS


@pytest.mark.parametrize("options", [(), ("--sort", "-wall_seconds"), ("--format", "csv")])
def test_show_imports_no_pandas(imported, published, options):
    assert "pandas" not in imported("show", published, *options)


@pytest.mark.parametrize("options", [(), ("--where", "batch_size > 1"), ("--format", "csv")])
def test_show_imports_no_framework(imported, published, options):
    loaded = imported("show", published, *options)
    assert "pyarrow" in loaded
    assert not loaded & FRAMEWORKS


@pytest.mark.parametrize("command", ["list", "check"])
def test_a_look_at_sessions_imports_no_framework_and_no_pandas(imported, published, command):
    loaded = imported(command, published)
    assert "pyarrow" in loaded
    assert not loaded & {*FRAMEWORKS, "pandas"}


def test_import_imports_no_framework_and_no_pandas(imported, published):
    loaded = imported("import", published, "--results", "here")
    assert "pyarrow" in loaded
    assert not loaded & {*FRAMEWORKS, "pandas"}


def test_report_imports_no_framework(imported, published):
    loaded = imported("report", published)
    assert {"plotly", "jinja2"} <= loaded
    assert not loaded & FRAMEWORKS


def test_compare_imports_no_framework(imported, published):
    loaded = imported("compare", published, published.parent / "nvidia-h200")
    assert "pyarrow" in loaded
    assert not loaded & {*FRAMEWORKS, "pandas"}
