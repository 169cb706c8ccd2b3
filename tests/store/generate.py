"""Folders of sessions by the number: as bench wrote them before there were manifests, and as it does now.

python -m tests.store.generate FOLDER [--form old|new] [--sessions N] [--runs N] [--epochs N] [--seed N]

The sessions lie in two folders, `first` and `second`, half of them in each.
"""

import argparse
import json
from pathlib import Path

import pyarrow.parquet as pq

from bench.records.columns import Part
from bench.records.manifest import MANIFEST_FILE, Manifest
from bench.records.seal import sealed
from bench.records.segments import write_segments
from bench.records.writing import write_parts
from tests.store.content import Shape, header, session_id, session_tables

FORMS = ("old", "new")
ROWS_OF_A_GROUP = 16_384


def generate(folder, shape, form="new"):
    """Writes all sessions of `shape` below `folder`; journals of old ones tell only that they ended."""
    for number in range(shape.sessions):
        half = "first" if number < shape.sessions / 2 else "second"
        place = folder / half / session_id(number)
        place.mkdir(parents=True)
        tables = session_tables(shape, number, ordered=form == "new")
        (_write_old if form == "old" else _write_new)(place, tables, header(shape, number))


def _write_old(folder, tables, named):
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=ROWS_OF_A_GROUP)
    entries = ({"kind": "session", "schema_version": 1, **named}, _closed(tables))
    (folder / "journal.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def _write_new(folder, tables, named):
    """All runs are in one segment; its entries are numbered as if each had been a line of the journal."""
    files = write_parts(folder, [tables])
    named = {"schema_version": 2, **named}
    runs, machines = len(tables["runs"]), len(tables["machines"])
    last = 1 + machines + runs
    part = Part(tables, range(2 + machines, last + 1), 1, last, {})
    segments = tuple(write_segments(folder, 0, 1, [part]))
    (folder / MANIFEST_FILE).write_bytes(Manifest(named, segments, files).as_bytes())
    entries = (
        {"entry": last + 1, "kind": "session", **named},
        {"entry": last + 2, **_closed(tables)},
    )
    (folder / "journal.jsonl").write_bytes(b"".join(sealed(json.dumps(entry)) for entry in entries))


def _closed(tables):
    return {"kind": "closed", "runs": len(tables["runs"])}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.store.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--form", choices=FORMS, default="new")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=50, help="of each session")
    parser.add_argument("--epochs", type=int, default=3, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shape = Shape(options.sessions, options.runs, options.epochs, options.seed)
    generate(options.folder, shape, options.form)


if __name__ == "__main__":
    main()
