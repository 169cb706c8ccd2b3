"""The whole check on a CPU, shortened: nothing of it runs for the first time on a GPU."""

import json
import re
import subprocess
import sys
import tarfile

import pytest

from bench.records.suite import read_suite
from tests.gpu.plan import STAGES
from tests.gpu.process import ROOT, child_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The lane has its own rehearsal, wide nets are stepped and run as the notebook's are, and the last two are
# programs that others than this one run, too.
ELSEWHERE = ("lane", "wide-steps", "wide", "overhead", "peers")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    stages = ",".join(stage.name for stage in STAGES if stage.name not in ELSEWHERE)
    command = [sys.executable, "-m", "tests.gpu", folder / "out", "--device", "cpu", "--short"]
    environment = child_environment()
    environment.pop("BENCH_DATA", None)
    done = subprocess.run(
        [*command, "--minutes", "15", "--stages", stages, "--work", folder / "work"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def report(out):
    """The parts of the report by stage."""
    _, *parts = re.split(r"\n## (?=[a-z-]+: )", (out / "report.md").read_text())
    return {part.split(":", 1)[0]: part for part in parts}


def test_every_stage_is_done(report, out):
    ended = {name: re.findall(rf"^{name}: (.*) after", part, re.MULTILINE) for name, part in report.items()}
    wanted = {stage.name: ["done"] for stage in STAGES if stage.name not in ELSEWHERE}
    assert ended == wanted, (out / "log.txt").read_text()[-4000:]


def test_the_plan_comes_first(out):
    text = (out / "report.md").read_text()
    assert text.index("s of 900 are planned") < text.index("## environment")


def test_libraries_are_told(report):
    assert re.search(r"\| TensorFlow \| 2\.\d+", report["environment"])


def test_every_system_has_a_step_time(report):
    (line, *_) = re.findall(r"^\| batch 100, 50-50 relu \|.*", report["steps"], re.MULTILINE)
    cells = [cell.strip() for cell in line.split("|")][2:5]
    assert all(re.match(r"[\d.]+ [µm]s \(", cell) for cell in cells), line


def test_a_step_is_read_off_the_program(report, out):
    assert re.search(r"10 turns, known to the compiler: \d\d started per turn", report["hlo"])
    assert re.search(r"asked for at every turn: \d\d started per turn", report["hlo"])
    assert (out / "hlo.txt.gz").stat().st_size > 1_000


def test_two_probes_stand_side_by_side(report):
    assert re.search(r"\| gemm_flops_per_second.float32 \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", report["probe"])


def test_sessions_are_there_with_their_page(report, out):
    assert "Status" not in report["notebook"], report["notebook"]
    with tarfile.open(out / "results.tar.gz") as packed:
        tables = [name for name in packed.getnames() if name.endswith("runs.parquet")]
    assert len(tables) == 1
    assert (out / "report.html").exists()


def test_the_wide_suite_is_one():
    suite = read_suite(ROOT / "tests/gpu/wide.toml")
    assert {point.scenario.precision for point in suite.points} == {"float32", "tf32", "mixed_bfloat16"}


def test_few_flat_files_come_back(out):
    found = {path.name for path in out.iterdir()}
    assert found == {
        *("report.md", "log.txt", "figures.jsonl", "hlo.txt.gz", "results.tar.gz", "report.html"),
    }


def test_figures_are_kept_for_programs(out):
    lines = [json.loads(line) for line in (out / "figures.jsonl").read_text().splitlines()]
    assert {"plan", "environment", "steps", "hlo", "probe", "suites"} <= {line["stage"] for line in lines}
