"""Hands damaged inputs to bench, and takes nothing but a result or an error of one line: all else is told.

python -m tests.fuzz [--minutes M | --cases N | --short] [--seed S] [--only KINDS] [--case N] [--keep FOLDER]
"""

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.fuzz.batch import outcomes
from tests.fuzz.judge import FINDING
from tests.fuzz.kinds import KINDS

LINES = 12
"""Of each finding that are printed; all of them are beside its input."""


@dataclass
class Tally:
    """What came of the cases of one kind; of the findings alike, the first case and how many there were."""

    counts: Counter = field(default_factory=Counter)
    first: dict = field(default_factory=dict)
    alike: Counter = field(default_factory=Counter)

    def add(self, number, outcome):
        """True where it is a finding of a new sort."""
        self.counts[outcome.kind] += 1
        if outcome.kind != FINDING:
            return False
        self.alike[outcome.what] += 1
        return self.first.setdefault(outcome.what, (number, outcome)) == (number, outcome)


def main():
    options, console = arguments(), Console(soft_wrap=True, highlight=False)
    keep = Path(options.keep or tempfile.mkdtemp(prefix="fuzz-"))
    names = options.only.split(",") if options.only else list(KINDS)
    tallies = {}
    for name in names:
        console.print(f"{name}: seed {options.seed}")
        tallies[name] = tally(KINDS[name], options, keep / name, options.minutes * 60 / len(names))
    console.print(summary(tallies))
    for name, found in tallies.items():
        for what, (number, outcome) in found.first.items():
            console.print(Text(f"{name}, {found.alike[what]} times: {what}", style="bold"))
            console.print(f"  python -m tests.fuzz --only {name} --seed {options.seed} --case {number}")
            console.print(f"  {keep / name / str(number)}")
            lines = ascii_lines(outcome.text).splitlines()[-LINES:]
            console.print(Text("\n".join(f"    {line}" for line in lines)))
    if not any(found.first for found in tallies.values()):
        shutil.rmtree(keep, ignore_errors=True)
        return 0
    return 1


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="in all, shared by the kinds alike")
    parser.add_argument("--cases", type=int, help="of each kind, in place of a time")
    parser.add_argument("--short", action="store_true", help="few cases, half a minute in all")
    parser.add_argument("--seed", default="1", help="of all that is random")
    parser.add_argument("--only", help=f"some of the kinds {', '.join(KINDS)}")
    parser.add_argument("--case", type=int, help="this one alone, as a finding names it")
    parser.add_argument("--keep", help="where inputs of findings are kept; a folder in TMPDIR unless said")
    parser.add_argument("--seconds", type=float, default=120.0, help="after which a case hangs")
    options = parser.parse_args()
    if unknown := set((options.only or "npz").split(",")) - set(KINDS):
        parser.error(f"--only: no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return options


def tally(kind, options, scratch, seconds):
    """The cases of one kind; the inputs of findings stay in `scratch`, but for those like earlier ones."""
    found = Tally()
    end = time.monotonic() + seconds
    for numbers in batches(kind, options, end):
        for number, outcome in outcomes(kind, numbers, options.seed, scratch, options.seconds):
            if found.add(number, outcome):
                (scratch / str(number) / "finding.txt").write_text(ascii_lines(outcome.text))
            else:
                shutil.rmtree(scratch / str(number), ignore_errors=True)
    return found


def batches(kind, options, end):
    """Numbers of cases, as many as one process goes through: the one asked for, so many, or till `end`."""
    if options.case is not None:
        yield [options.case]
        return
    most = kind.short if options.short else options.cases
    for start in itertools.count(0, kind.batch):
        stop = start + kind.batch if most is None else min(start + kind.batch, most)
        if start >= stop or (most is None and time.monotonic() > end):
            return
        yield list(range(start, stop))


def summary(tallies):
    table = Table(box=SIMPLE_HEAD)
    for name in ("kind", "cases", "results", "errors of one line", "findings", "of them different"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for name, found in tallies.items():
        kinds = [found.counts[kind] for kind in ("result", "error", FINDING)]
        table.add_row(name, *map(str, (sum(kinds), *kinds, len(found.first))))
    return table


def ascii_lines(text):
    """Printable, line by line."""
    return "\n".join(line if line.isprintable() else ascii(line) for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
