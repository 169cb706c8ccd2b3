"""How much a store of many runs costs, and what damage and kills do to it: one table.

python -m tests.store [--cases TEXT]... [--runs N] [--flips N] [--kills N] [--against TREE] [--data FOLDER]

Generates sessions of a thousand runs each (or takes those in FOLDER, where an earlier call left them), and
asks questions of them, each a process of its own; records a long session; flips bits in every kind of file;
kills drivers, imports and repairs. With --against the same is asked of an older bench, in turns, in its own
format.
"""

import argparse
import json
import pickle
import tempfile
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.store.content import Shape
from tests.store.generate import generate
from tests.store.processes import measured
from tests.store.reading import QUESTIONS, asked, goal_of
from tests.store.rows import rows_of

ROOT = Path(__file__).parents[2]
IN_TREE = Path(__file__).with_name("in_tree.py")
RUNS_OF_A_SESSION = 1000
SIZES = (1_000_000, 100_000)
RUNS_FLIPPED, RUNS_WRITTEN = 40, 40_960


class Report:
    """The table, a line at a time."""

    def __init__(self, against):
        self.table = Table(box=SIMPLE_HEAD, title="A store of many runs", title_justify="left")
        self.table.add_column("what", overflow="fold")
        for name in ("before",) * bool(against) + ("now", "goal"):
            self.table.add_column(name, justify="right", overflow="fold")
        self.errors = Console(stderr=True)

    def add(self, what, *cells):
        self.table.add_row(what, *cells)
        self.errors.print(f"{what}: {' | '.join(cells)}", highlight=False)


def main():
    options = arguments()
    report = Report(options.against)
    trees = [tree for tree in (options.against, ROOT) if tree]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for part in (read, write, flip, repair, kill):
            part(options, trees, report, scratch)
    Console(width=options.width).print(report.table)


def arguments():
    parser = argparse.ArgumentParser(
        prog="python -m tests.store",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", action="append", default=[], help="only those whose name holds this text")
    parser.add_argument("--runs", type=int, default=SIZES[0], help="of the largest folder; 0: none")
    parser.add_argument("--flips", type=int, default=1000, help="in each kind of file; thrice in journals")
    parser.add_argument("--kills", type=int, default=100, help="of drivers, imports and repairs, of each")
    parser.add_argument("--against", type=Path, help="the source tree of an older bench")
    parser.add_argument("--data", type=Path, help="where generated sessions lie, or are to lie")
    parser.add_argument("--seconds", type=float, default=900, help="after which a question is given up")
    parser.add_argument("--width", type=int, default=140, help="of the table")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(options, trees, report, scratch):
    sizes = [size for size in SIZES if size <= options.runs] or [options.runs] * bool(options.runs)
    for size in sizes:
        shape = Shape(-(-size // RUNS_OF_A_SESSION), min(size, RUNS_OF_A_SESSION), seed=options.seed)
        for question in QUESTIONS:
            name = f"{question.name}: {size:,} runs in {shape.sessions:,} sessions"
            if not chosen(options, name):
                continue
            cells = []
            for tree in trees:
                form = "new" if tree == ROOT else "old"
                folder = sessions(options.data or scratch, shape, form)
                cells.append(said(asked(question, folder, shape, tree, options.seconds)))
            report.add(name, *cells, goal_of(question, size))


def sessions(place, shape, form):
    folder = place / form / f"{shape.sessions}x{shape.runs}"
    if not folder.exists():
        generate(folder, shape, form)
    return folder


def said(figures):
    if figures.status is None:
        return f"not done in {figures.wall_seconds:.0f} s, {figures.peak_bytes / 1e6:,.0f} MB"
    cost = (
        f"{figures.wall_seconds:.2f} s ({figures.cpu_seconds:.2f} s CPU), {figures.peak_bytes / 1e6:,.0f} MB"
    )
    size = f", {len(figures.output) / 1e6:.1f} MB out" if len(figures.output) > 1e6 else ""
    return cost + size if figures.status == 0 else f"exit {figures.status}: {figures.error.decode()[-200:]}"


def write(options, trees, report, scratch):
    name = "recording a long session"
    if not chosen(options, name):
        return
    found = [in_tree(tree, scratch, "writing", 50, RUNS_WRITTEN) for tree in trees]
    early, late = ([f"{one['tenths'][tenth]['ms_a_run']:.3f} ms CPU" for one in found] for tenth in (0, -1))
    report.add(f"recording a run, the first tenth of {RUNS_WRITTEN:,}", *early, "")
    report.add("recording a run, the last tenth", *late, "the same")
    tables = [most_at_once(one) for one in found]
    report.add("written at once beside the journal, early; late", *tables, "the same")
    report.add("tables when it ends", *(f"{one['end_seconds']:.1f} s CPU" for one in found), "")


def most_at_once(found):
    """Seconds of what is written at once, tables or a segment, in the first tenth and in the last."""
    each = [tenth["tables_seconds"] or tenth["longest_seconds"] for tenth in found["tenths"]]
    return f"{each[0]:.2f}; {each[-1]:.2f} s CPU"


def flip(options, trees, report, scratch):
    if not options.flips or not chosen(options, "bits flipped"):
        return
    found = [in_tree(tree, scratch, "flips", RUNS_FLIPPED, options.flips, options.seed) for tree in trees]
    kinds = list(dict.fromkeys(kind for one in found for kind in one))
    for kind in kinds:
        goal = "0 falsified or silent"
        report.add(f"bits flipped: {kind}", *(outcomes(one.get(kind, {})) for one in found), goal)


def repair(options, _trees, report, scratch):
    if not options.flips or not chosen(options, "bits flipped"):
        return
    from tests.store.repairs import repairs

    (scratch / "repairs").mkdir()
    for kind, counts in repairs(scratch / "repairs", rows_of(RUNS_FLIPPED), options.flips // 10).items():
        report.add(
            f"bench check --repair: {kind}", *("",) * bool(options.against), outcomes(counts), "0 missed"
        )


def outcomes(counts):
    listed = ", ".join(f"{times} {what}" for what, times in sorted(counts.items(), key=lambda it: -it[1]))
    return f"of {sum(counts.values()):,}: {listed}" if counts else "–"


def in_tree(tree, scratch, job, runs, *numbers):
    """What `in_tree.py` finds with the bench of `tree`."""
    rows = scratch / f"{job}.pickle"
    rows.write_bytes(pickle.dumps(rows_of(runs)))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        figures = measured(tree, IN_TREE, job, folder, rows, *numbers, seconds=3600)
    if figures.status:
        raise SystemExit(f"{job} in {tree}: {figures.error.decode()[-2000:]}")
    return json.loads(figures.output)


def kill(options, _trees, report, scratch):
    """Each kind by a name of its own, of which `--cases` may hold a part."""
    from tests.store.import_kills import imports_killed
    from tests.store.kills import killed
    from tests.store.remote_kills import killed_elsewhere
    from tests.store.repair_kills import repairs_killed

    kinds = {
        "drivers killed": killed,
        "drivers of results at a remote store killed": killed_elsewhere,
        "bench import killed": imports_killed,
        "bench check --repair killed": repairs_killed,
    }
    for number, (name, kills) in enumerate(kinds.items()):
        if not options.kills or not chosen(options, name):
            continue
        folder = scratch / f"kills-{number}"
        folder.mkdir()
        found = kills(options.kills, folder, options.seed)
        stages = ", ".join(f"{times} {stage}" for stage, times in found.stages.most_common())
        now = f"{len(found.wrong)} wrong in {found.sessions} sessions ({stages})"
        for line in found.wrong:
            report.errors.print(line, highlight=False)
        report.add(f"{name}: {found.kills}", *("",) * bool(options.against), now, "0 wrong")


def chosen(options, name):
    return not options.cases or any(text in name for text in options.cases)


if __name__ == "__main__":
    main()
