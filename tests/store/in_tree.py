"""Run by its path with the bench of any source tree, so that the same is asked of an older one.

in_tree.py flips FOLDER ROWS COUNT SEED   bits flipped in every kind of file of a session, one at a time
in_tree.py writing FOLDER ROWS RUNS       what recording a run costs, early and late in a session

ROWS is a pickle of a session's header, rows of `machines`, and rows of `runs` with their epochs. Prints JSON.
"""

import contextlib
import json
import math
import pickle
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc

from bench.errors import StoreError
from bench.records import recorder as recorder_module
from bench.records.recorder import Recorder
from bench.records.store import read_sessions

RUNS_OF_A_SEGMENT = 16
AT_ONCE = 8


def main():
    job, folder, rows, *numbers = sys.argv[1:]
    with Path(rows).open("rb") as file:
        content = pickle.load(file)
    found = {"flips": flips, "writing": writing}[job](Path(folder), content, *map(int, numbers))
    sys.stdout.write(json.dumps(found))


def flips(folder, content, count, seed):
    """Counts of what came of flips, by the kind of file, in a session that goes on and in one that ended."""
    small_segments()
    found = {}
    for ended in (False, True):
        place = folder / ("ended" if ended else "unfinished")
        record(place, content, ended)
        truth = Truth(place)
        for path in sorted(place.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                name = kind_of(path, place)
                kind = f"{name}, ended" if ended else name
                counts = found.setdefault(kind, Counter())
                share = share_of(path, place, count)
                counts.update(flipped(path, place, truth, share, f"{seed} {kind} {path.name}"))
    return found


def flipped(path, folder, truth, count, seed):
    """Outcomes of `count` bits of `path`, each flipped alone."""
    whole, chance = path.read_bytes(), random.Random(seed)
    for _ in range(count):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        yield outcome(folder, path, truth)
    path.write_bytes(whole)


class Truth:
    """What a session holds, before anything is done to its files."""

    def __init__(self, folder):
        self.tables = read_sessions([str(folder)])
        assert not self.tables.notes
        self.rows = rows_of(self.tables)

    def is_all_of(self, tables):
        return self._has(tables) == self.tables.runs.num_rows or rows_of(tables) == self.rows

    def is_falsified_by(self, tables):
        """Whether they have anything that was not there."""
        if self._has(tables) is not None:
            return False
        each = rows_of(tables).items()
        return any(row != self.rows[name].get(key) for name, rows in each for key, row in rows.items())

    def _has(self, tables):
        """How many of its runs they hold, with all else there is of these; None where it is not so plain."""
        names = tables.runs.column("run_id").combine_chunks()
        for name in ("runs", "epochs"):
            table = getattr(self.tables, name)
            if not table.filter(pc.is_in(table.column("run_id"), value_set=names)).equals(
                getattr(tables, name)
            ):
                return None
        return len(names) if tables.machines.equals(self.tables.machines) else None


def outcome(folder, path, truth):
    """What is read of the session in `folder`, to what there was before something was done to `path`.

    "whole": all is read as it was; "whole, named": it is said, too, what is damaged; "rest, named": the
    others are read; "refused": nothing is. "falsified": something else is shown; "silent": something is
    missing, and nobody says so; "misled": what is named is another file.
    """
    try:
        tables = read_sessions([str(folder)])
    except StoreError:
        return "refused"
    named = any(path.name in note for note in tables.notes)
    if tables.notes and not named:
        return "misled"
    if truth.is_falsified_by(tables):
        return "falsified"
    rest = "whole" if truth.is_all_of(tables) else "rest"
    return f"{rest}, named" if named else {"whole": "whole", "rest": "silent"}[rest]


def rows_of(tables):
    """The rows of each table by what tells them apart."""
    runs = {row["run_id"]: row for row in plain(tables.runs)}
    epochs = {(row["run_id"], row["epoch"]): row for row in plain(tables.epochs)}
    machines = dict(Counter(json.dumps(row, sort_keys=True) for row in plain(tables.machines)))
    return {"runs": runs, "epochs": epochs, "machines": machines}


def plain(table):
    for name in table.schema.names:
        if name == "started_at":
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table.column(name).cast("int64"))
    return table.to_pylist()


def kind_of(path, folder):
    parts = path.relative_to(folder).parts
    return f"segment {parts[-1].split('.')[1]}" if len(parts) > 1 else path.name


def share_of(path, folder, count):
    """Of the flips of a kind of file, those in `path`; the journal has three times as many."""
    if path.name == "journal.jsonl":
        return 3 * count
    alike = [it for it in folder.rglob("*") if it.is_file() and kind_of(it, folder) == kind_of(path, folder)]
    return -(-count // len(alike))


def record(folder, content, ended=True):
    """All runs, and then as a kill would leave it, unless it `ended`."""
    header, machines, runs = content
    recorder = Recorder.begin(folder, header["session_id"], header)
    recorder.add_machines(machines)
    for begin in range(0, len(runs), AT_ONCE):
        recorder.add_runs(runs[begin : begin + AT_ONCE])
    if ended:
        recorder.__exit__()
    else:
        recorder._journal.__exit__()
        with contextlib.suppress(AttributeError):
            recorder._held.close()


def small_segments(put=setattr):
    """Where this bench has segments, some runs each."""
    with contextlib.suppress(ImportError):
        import bench.records.segments as segments

        put(segments, "RUNS_OF_A_SEGMENT", RUNS_OF_A_SEGMENT)


def writing(folder, content, count):
    """What a run costs in tenths of a session, and the longest call: all in seconds on cores."""
    header, machines, runs = content
    recorder = Recorder.begin(folder, header["session_id"], header)
    recorder.add_machines(machines)
    recorder._write_after = math.inf  # tables are written when it is told below, and only then
    tenth, parts, session = count // 10, [], 0
    for _ in range(10):
        used, longest = 0.0, 0.0
        for begin in range(0, tenth, AT_ONCE):
            some = [renamed(run, session + begin + place) for place, run in enumerate(runs[:AT_ONCE])]
            began = time.process_time()
            recorder.add_runs(some)
            took = time.process_time() - began
            used, longest = used + took, max(longest, took)
        session += tenth
        tables = tables_in_between(recorder)
        parts.append({"ms_a_run": 1e3 * used / tenth, "longest_seconds": longest, "tables_seconds": tables})
    began = time.process_time()
    recorder.__exit__()
    return {"tenths": parts, "end_seconds": time.process_time() - began, "runs": session}


def tables_in_between(recorder):
    """Seconds that tables take which a session writes while it goes on; None where it writes none."""
    if not hasattr(recorder_module, "TABLES_EVERY_SECONDS"):
        return None
    began = time.process_time()
    recorder._write()
    recorder._write_after = math.inf
    return time.process_time() - began


def renamed(run, number):
    row, epochs = run
    name = f"{row['session_id']}-{number}"
    return row | {"run_id": name}, [epoch | {"run_id": name} for epoch in epochs]


if __name__ == "__main__":
    main()
