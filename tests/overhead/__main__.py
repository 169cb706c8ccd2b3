"""What the meters cost the steps, and what a run adds around its training: two tables.

python -m tests.overhead [--pairs N] [--seconds S] [--runs N] [--loop fit] [--data PATH] [--device gpu]
"""

import argparse
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.analysis.statistics import hodges_lehmann_ratio, median_interval
from bench.data.datasets import load
from bench.machine.affinity import allowed_cores
from bench.training import runtime
from bench.views.format import seconds
from tests.overhead import harness, meters
from tests.overhead.shapes import SHAPES


def main():
    options, console, errors = arguments(), Console(), Console(stderr=True)
    started = runtime.start(options.device, allowed_cores())
    dataset = load("mnist" if options.data else "digits", Path(options.data) if options.data else None)
    if options.pairs:
        blocks = {}
        for shape in SHAPES:
            errors.print(f"{shape}: {options.pairs} pairs of blocks of {options.seconds:g} s")
            blocks[shape] = meters.measure(shape, dataset, started, options.pairs, options.seconds)
        console.print(meters_table(blocks))
    if options.runs:
        runs = {}
        for shape in SHAPES:
            errors.print(f"{shape}: {options.runs} runs after the first")
            runs[shape] = harness.measure(shape, dataset, started, options.runs, options.loop)
        console.print(harness_table(runs))


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.overhead", description=__doc__)
    parser.add_argument("--pairs", type=int, default=30, help="of blocks with and without meters")
    parser.add_argument("--seconds", type=float, default=1.2, help="that a block takes")
    parser.add_argument("--runs", type=int, default=5, help="whose parts are timed")
    parser.add_argument("--loop", choices=("fused", "fit"), default="fused", help="of the runs")
    parser.add_argument("--data", default="", help="MNIST, as for bench run; without it the digits of bench")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    return parser.parse_args()


def meters_table(blocks):
    """Step times, and the ratio with meters to without: over all blocks, and within the pairs."""
    table = table_of("Steps with all meters running, and without", blocks)
    rows = {
        "step without": lambda taken: seconds(median(taken.without)),
        "step with": lambda taken: seconds(median(taken.metered)),
        "ratio, 95 % interval": all_against_all,
        "ratio within pairs": within_pairs,
        "start and stop": lambda taken: seconds(median(taken.around)),
        "their CPU time": lambda taken: seconds(median(taken.around_cpu)),
    }
    for name, cell in rows.items():
        table.add_row(name, *map(cell, blocks.values()))
    return table


def all_against_all(blocks):
    estimate = hodges_lehmann_ratio(blocks.without, blocks.metered)
    return ratio(estimate.ratio, estimate)


def within_pairs(blocks):
    pairs = [with_ / without for without, with_ in zip(blocks.without, blocks.metered, strict=True)]
    return ratio(median(pairs), median_interval(pairs))


def harness_table(runs):
    """Medians over the runs, and in brackets the fastest: on a machine that others use, it says more."""
    table = table_of("Milliseconds of a run in a warm process: median, and in brackets the fastest", runs)
    for part in harness.ADDED:
        table.add_row(part, *(milliseconds(taken[part] for taken in shape) for shape in runs.values()))
    added = (
        milliseconds(sum(taken[part] for part in harness.ADDED) for taken in shape) for shape in runs.values()
    )
    table.add_row("all of these", *added, style="bold", end_section=True)
    for part in harness.WORK:
        table.add_row(part, *(milliseconds(taken[part] for taken in shape) for shape in runs.values()))
    return table


def table_of(title, shapes):
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("")
    for shape in shapes:
        table.add_column(shape, justify="right", no_wrap=True)
    return table


def ratio(value, interval):
    if interval is None or interval.low is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def milliseconds(taken):
    ordered = sorted(1e3 * part for part in taken)
    return f"{median(ordered):.1f} ({ordered[0]:.1f})"


if __name__ == "__main__":
    main()
