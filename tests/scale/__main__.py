"""What the driver needs for a session on a thousand slots, and how well it fills them: two tables.

python -m tests.scale [--cases TEXT]... [--largest N] [--slots N] [--seed N]

Slots and time are simulated; all else is the driver's own, journal and waits for the disk included.
"""

import argparse
import multiprocessing
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.scale.cases import cases
from tests.scale.simulate import simulate

MEGABYTE = 1e6


def main():
    options, console, errors = arguments(), Console(), Console(stderr=True)
    chosen = [
        replace(case, seed=options.seed)
        for case in cases(options.slots)
        if case.runs <= options.largest and all(text in case.name for text in options.cases)
    ]
    if not chosen:
        raise SystemExit("no case has such a name and size; leave out --cases to see all names")
    figures = {}
    for case in chosen:
        errors.print(case.name)
        figures[case] = in_a_process(case)
    console.print(cases_table(figures))
    console.print(growth_table(figures))


def arguments():
    parser = argparse.ArgumentParser(
        prog="python -m tests.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", action="append", default=[], help="only those whose name holds this text")
    parser.add_argument("--largest", type=int, default=10_000, help="runs that a case has at most")
    parser.add_argument("--slots", type=int, default=1000, help="that there are; sizes grow with them")
    parser.add_argument("--seed", type=int, default=0, help="of the runs' lengths, workers and shuffles")
    return parser.parse_args()


def in_a_process(case):
    """Its figures, from a process of its own, whose memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(simulate, (case,))


def cases_table(figures):
    table = Table(
        box=SIMPLE_HEAD,
        title="The driver and its schedule, by case",
        title_justify="left",
    )
    table.add_column("runs", no_wrap=True)
    for name in ("requests", "order", "lengths", "nodes", "besides"):
        table.add_column(name, no_wrap=True)
    for name in ("ms/run", "runs/s", "events/s", "over bound", "peak MB", "its own", "tables s", "wall s"):
        table.add_column(name, justify="right", no_wrap=True)
    for case, of in figures.items():
        table.add_row(
            f"{case.scenarios:,} x {case.rounds}" + f" x {case.nodes}" * case.every_node,
            "mixed" if case.mixed else "alike",
            case.order,
            case.lengths,
            f"{case.nodes:,} x {case.cores}",
            ", ".join(case.options),
            f"{1e3 * of.cpu_seconds / of.runs:.2f}",
            f"{of.runs / of.cpu_seconds:,.0f}",
            f"{of.events / of.cpu_seconds:,.0f}",
            f"{of.over_bound:+.1%}",
            f"{of.peak_bytes / MEGABYTE:,.0f}",
            f"{(of.peak_bytes - of.suite_bytes) / MEGABYTE:,.0f}",
            f"{of.tables_cpu_seconds:.1f}",
            f"{of.wall_seconds:,.0f}",
        )
    return table


def growth_table(figures):
    """How CPU time and memory grow with the runs of one round: each size to the smallest of its kind."""
    table = Table(
        box=SIMPLE_HEAD, title="Growth with the scenarios of one round, to the smallest", title_justify="left"
    )
    for name in ("requests", "order", "nodes"):
        table.add_column(name, no_wrap=True)
    for name in ("runs", "CPU a run", "events a run", "peak", "bytes a run more"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in dict.fromkeys(map(kind_of, figures)):
        alike = [(case, of) for case, of in figures.items() if kind_of(case) == kind and case.rounds == 1]
        for case, of in alike[1:]:
            least = alike[0][1]
            table.add_row(
                *kind,
                f"{case.runs:,}",
                f"x {of.cpu_seconds / of.runs / (least.cpu_seconds / least.runs):.2f}",
                f"x {of.events / of.runs / (least.events / least.runs):.2f}",
                f"x {of.peak_bytes / least.peak_bytes:.2f}",
                f"{(of.peak_bytes - least.peak_bytes) / (of.runs - least.runs):,.0f}",
            )
    return table


def kind_of(case):
    return ("mixed" if case.mixed else "alike", case.order, f"{case.nodes:,} x {case.cores}")


if __name__ == "__main__":
    main()
