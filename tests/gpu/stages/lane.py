"""The lane: `pytest -m gpu`, what it said of every test, and why it skipped one.

In two processes, each with its own on the device: most of its time is spent starting and compiling.
"""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from tests.gpu.process import ROOT, child_environment

SHORTENED = "placement or arithmetic"


def run(check):
    kept = check.report.folder / "lane.xml"
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu", "-n2", "-vv", "-rs", "--tb=short"]
    command += ["-p", "no:cacheprovider", "-W", "default", "--durations=15", f"--junitxml={kept}"]
    command += ["-k", SHORTENED] if check.short else []
    rehearsal = {"BENCH_GPU_REHEARSAL": "1"} if check.kind == "cpu" else {}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=child_environment(**rehearsal),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # Line by line, so that what passed until a hang is in the report.
    check.report.write("```")
    for line in process.stdout:
        check.report.write(line.rstrip())
    check.report.write("```\n")
    process.wait()
    count(check, kept)


def count(check, kept):
    if not kept.exists():
        check.report.write("**pytest left no result.**\n")
        return
    (suite,) = ElementTree.parse(kept).getroot().iter("testsuite")
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    check.report.write(f"**{passed} passed, {counts['failures']} failed, {counts['errors']} errors, ")
    check.report.write(f"{counts['skipped']} skipped.**\n")
    check.report.figure("lane", passed=passed, **counts)
