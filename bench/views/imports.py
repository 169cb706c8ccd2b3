"""What became of a session that was to be imported, in a line."""

from bench.records.importing import Imported
from bench.views.format import bytes_, count, several


def line(imported: Imported, dry_run: bool = False) -> str:
    """A line such as "✓ imported results/a: 120 runs, 1.20 MiB, from /mnt/a"."""
    runs = several(imported.runs or 0, "run")
    would = "to be " if dry_run else ""
    if imported.outcome == "refused":
        return f"✗ not imported: {imported.source}: {imported.why}"
    if imported.outcome == "already there":
        longer = imported.had != imported.runs
        more = f", the longer copy: {count(imported.had)} runs" if longer else f": {runs}"
        return f"– already there: {imported.target}{more}; left as it is, and so is {imported.source}"
    if imported.outcome == "replaced":
        had = f"the copy there had {count(imported.had)} of them, all are kept"
        return f"✓ {would}replaced {imported.target}: {runs}, from {imported.source}; {had}"
    return f"✓ {would}imported {imported.target}: {runs}, {bytes_(imported.bytes)}, from {imported.source}"
