"""Other programs of the tests, where minutes are left: tests.overhead, and PyTorch as a peer."""

import importlib.util
import os
import subprocess
import sys

from tests.gpu.process import ROOT, child_environment, tail
from tests.peers.shapes import SHAPES


def run(check, which):
    {"overhead": overhead, "peers": peers}[which](check)


def overhead(check):
    pairs = (
        ["--pairs", "1", "--seconds", "0.2", "--runs", "1"]
        if check.short
        else ["--pairs", "6", "--runs", "2"]
    )
    data = ["--data", os.environ["BENCH_DATA"]] if check.dataset == "mnist" else []
    said(check, "tests.overhead", "--device", check.kind, *pairs, *data)


def peers(check):
    """One round, what is quick to start first: a deadline costs the rest."""
    if importlib.util.find_spec("torch") is None:
        check.report.write("PyTorch: not installed; pip install '.[peers]' brings it\n")
        return
    shapes = SHAPES[2:3] if check.short else SHAPES
    for system in ("torch-eager",) if check.short else ("torch-eager", "torch-compiled"):
        for shape in shapes:
            data = [check.dataset, os.environ.get("BENCH_DATA", "")]
            said(check, "tests.peers.measure", system, shape.name, *data)


def said(check, module, *arguments):
    check.report.write(f"`python -m {module} {' '.join(arguments)}`\n")
    with check.report.log.open("a") as log:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=child_environment(PEERS_DEVICE=check.kind, COLUMNS="150", **check.tensorflow()),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    check.report.quote(done.stdout or tail(check.report.log, 800))
    check.report.figure(module, arguments=arguments, status=done.returncode, said=done.stdout[-2000:])
