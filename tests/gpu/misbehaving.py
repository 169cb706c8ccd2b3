"""Stages that hang, die and work, in the place of `tests.gpu.stage`: what the check is tested with."""

import os
import subprocess
import sys
import time

from tests.gpu.report import Report


def main(name, out, *_):
    report = Report(out)
    report.write(f"{name} began")
    if name == "hangs":
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
        )
        report.figure("hangs", pid=child.pid)
        time.sleep(600)
    if name == "dies":
        os.abort()
    report.write(f"{name} ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
