"""One stage of the check in this process: `python -m tests.gpu.stage NAME OUT WORK KIND SECONDS [short]`."""

import importlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.gpu.process import Process
from tests.gpu.report import Report

MODULES = {
    "environment": ("environment", {}),
    "steps": ("steps", {"which": "notebook"}),
    "wide-steps": ("steps", {"which": "wide"}),
    "lane": ("lane", {}),
    "hlo": ("programs", {}),
    "probe": ("probes", {}),
    "notebook": ("suites", {"which": "notebook"}),
    "wide": ("suites", {"which": "wide"}),
    "overhead": ("programs_of_tests", {"which": "overhead"}),
    "peers": ("programs_of_tests", {"which": "peers"}),
}


@dataclass(frozen=True)
class Check:
    """What a stage is given: where it writes, a folder that is thrown away, the device, its time."""

    report: Report
    work: Path
    kind: str
    short: bool
    ends: float

    @property
    def dataset(self):
        """MNIST where the environment names its file, else the digits that come with bench."""
        return "mnist" if os.environ.get("BENCH_DATA") else "digits"

    @property
    def left(self):
        """Seconds until this stage is ended."""
        return self.ends - time.monotonic()

    def process(self, path=None, **environment):
        """A process of its own, which ends with this one; JAX takes no more of the device than it needs."""
        return Process(self.report.log, path, XLA_PYTHON_CLIENT_PREALLOCATE="false", **environment)

    def tensorflow(self, **environment):
        """Environment of a process with TensorFlow on this check's device, so that a CPU's sees no GPU."""
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if self.kind == "cpu" else {}
        return {**hidden, **environment}


def main(name, out, work, kind, seconds, size="whole"):
    module, arguments = MODULES[name]
    check = Check(Report(out), Path(work), kind, size == "short", time.monotonic() + float(seconds))
    importlib.import_module(f"tests.gpu.stages.{module}").run(check, **arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
