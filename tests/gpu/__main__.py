"""The prepared check of a GPU: what reading cannot settle, in one go, written as it goes.

python -m tests.gpu OUT [--minutes M] [--device cpu] [--short] [--stages A,B]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.gpu.plan import SPARE_SECONDS, STAGES, chosen
from tests.gpu.process import ROOT, child_environment, end_family
from tests.gpu.report import Report

PACKING_SECONDS = 10  # a session that grows is packed anew this often


def main():
    options = arguments()
    report, work = Report(options.out), Path(options.work or tempfile.mkdtemp(prefix="bench-gpu-"))
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    stages = [stage for stage in STAGES if not options.stages or stage.name in options.stages.split(",")]
    tell_plan(report, stages, options)
    for stage in stages:
        left = began + options.minutes * 60 - SPARE_SECONDS - time.monotonic()
        report.write(f"\n## {stage.name}: {stage.what}\n")
        if left < stage.least:
            tell(report, f"Dropped: {max(left, 0):.0f} s are left.")
            continue
        at = time.monotonic()
        outcome = run(stage, min(stage.deadline, left), report, work, options)
        report.pack(work / "results")
        report.figure("plan", name=stage.name, outcome=outcome, seconds=time.monotonic() - at)
        tell(report, f"{stage.name}: {outcome} after {time.monotonic() - at:.0f} s.")
    tell(report, f"\nThe check took {time.monotonic() - began:.0f} s.")


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("out", metavar="OUT", help="folder for the report and all else")
    parser.add_argument("--minutes", type=float, default=8, help="after which it ends")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu: a rehearsal")
    parser.add_argument("--short", action="store_true", help="the least of everything: a rehearsal")
    parser.add_argument("--stages", default="", help="only these, by name")
    parser.add_argument("--work", default="", help="folder for what is not kept")
    return parser.parse_args()


def tell_plan(report, stages, options):
    """Before anything is started: what is to be done, in which order, and what will not be."""
    kept, dropped = chosen(options.minutes * 60, stages)
    report.write(f"# The check of a GPU\n\n`{' '.join(sys.argv)}`, from {time.strftime('%F %T %Z')}.\n")
    rows = [(s.name, s.what, s.seconds, "" if s in kept else "likely dropped") for s in stages]
    report.table(("stage", "what", "seconds", ""), rows)
    total = sum(stage.seconds for stage in kept)
    tell(report, f"{total} s of {options.minutes * 60:.0f} are planned. The last stage is dropped first.")
    for stage in stages:
        words = "likely dropped: " if stage in dropped else ""
        sys.stdout.write(f"  {stage.seconds:4d} s  {words}{stage.name}: {stage.what}\n")
    sys.stdout.flush()


def tell(report, text):
    """The same in the report and on the terminal."""
    report.write(text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(stage, seconds, report, work, options):
    """The stage in a process group of its own, which ends after `seconds`; gives how it ended, in words."""
    size = "short" if options.short else "whole"
    given = [stage.name, str(report.folder), str(work), options.device, str(seconds - stage.gentle), size]
    with report.log.open("a") as log:
        log.write(f"\n=== {stage.name}\n")
        log.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", os.environ.get("BENCH_GPU_STAGE", "tests.gpu.stage"), *given],
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        status = waited(process, seconds - stage.gentle, report, work)
    finally:
        end_family(process, stage.gentle if process.poll() is None else 0)
    if status is None:
        return f"ended at its deadline of {seconds - stage.gentle:.0f} s"
    return "done" if status == 0 else f"FAILED with status {status}, see log.txt"


def waited(process, seconds, report, work):
    """The status of the process, or None where it is still there after `seconds`."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        try:
            return process.wait(min(left, PACKING_SECONDS))
        except subprocess.TimeoutExpired:
            report.pack(work / "results")
    return None


if __name__ == "__main__":
    main()
