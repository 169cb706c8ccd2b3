"""Times every system on every shape, one process after another, interleaved, and prints the ratios.

python -m tests.peers [--rounds N] [--shapes TEXT] [--data PATH] [--device gpu]
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.views.format import seconds
from tests.peers.shapes import EXTRA, SHAPES, SYSTEMS


def main():
    options = arguments()
    shapes = [s for s in SHAPES if options.shapes in s.name]
    systems = [s for s in SYSTEMS if s not in EXTRA or importlib.util.find_spec(EXTRA[s])]
    for system in set(SYSTEMS) - set(systems):
        print(f"{system}: not installed; pip install '.[peers]' brings it", file=sys.stderr)
    taken = {(shape.name, system): [] for shape in shapes for system in systems}
    for number in range(1, options.rounds + 1):
        for shape in shapes:
            for system in systems:
                result = measure(system, shape, options)
                taken[shape.name, system].append(result)
                line = f"round {number}: {shape.name}: {system}: {describe(result)}"
                print(line, file=sys.stderr, flush=True)
    Console().print(table(shapes, systems, taken))


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", default="", help="only shapes whose name holds this text")
    parser.add_argument("--data", default="", help="MNIST, as for bench run; without it the digits of bench")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    return parser.parse_args()


def measure(system, shape, options):
    """The step time of one process, or None where it failed or did not learn."""
    name = "mnist" if options.data else "digits"
    command = [sys.executable, "-m", "tests.peers.measure", system, shape.name, name, options.data]
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if options.device == "cpu" else {}
    environment = {**os.environ, "PEERS_DEVICE": options.device, **hidden}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    result = json.loads(done.stdout.splitlines()[-1])
    if result["accuracy"] < shape.learned:
        print(f"{system} did not learn: accuracy {result['accuracy']:.3f}", file=sys.stderr)
        return None
    return result["step_seconds"]


def describe(result):
    return "failed" if result is None else f"{seconds(result)}/step"


def table(shapes, systems, taken):
    """Median step time of each system, and how many times fused's it is, by the ratio of each round."""
    title = "Step time, and in brackets its ratio to fused"
    result = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    result.add_column("work")
    for system in systems:
        result.add_column(system.replace("-", "\n"), justify="right", no_wrap=True)
    for shape in shapes:
        ours = taken[shape.name, "fused"]
        result.add_row(shape.name, *(cell(taken[shape.name, system], ours) for system in systems))
    return result


def cell(theirs, ours):
    pairs = [(a, b) for a, b in zip(theirs, ours, strict=True) if a and b]
    if not pairs:
        return "failed"
    return f"{seconds(median(a for a, _ in pairs))}\n({median(a / b for a, b in pairs):.2f}×)"


if __name__ == "__main__":
    main()
