"""A session whose driver is killed, again and again, and gone on with each time."""

import hashlib
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.records.folders import Local
from bench.records.pieces import read_pieces
from bench.records.store import read_sessions
from bench.records.tables import TABLE_NAMES
from tests.store.driver import CASE, drive
from tests.store.killing import ended

OF_TIME_AND_PLACE = frozenset(
    ("started_at", "queue_seconds", "occupied_seconds", "node", "nodes", "order", "process_id")
)
KILLS_OF_A_SESSION = 8


@dataclass
class Kills:
    """What came of `kills`: in which `stage` the driver was, and what was `wrong` afterwards, a line each."""

    kills: int = 0
    sessions: int = 0
    stages: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)


def killed(count, folder, seed=0, progress=lambda _done: None):
    """Kills drivers at `count` moments, of sessions below `folder`, and looks at what is left each time."""
    chance, found = random.Random(seed), Kills()
    took, undisturbed = _undisturbed(folder / "undisturbed")
    while found.kills < count:
        place = folder / f"session-{found.sessions}"
        told = set()
        for _ in range(min(KILLS_OF_A_SESSION, count - found.kills)):
            delay = chance.uniform(0, 2 * took / KILLS_OF_A_SESSION)
            before = _files(place)
            if not _drive_and_kill(place, told, delay):
                break  # it was over before
            found.kills += 1
            progress(found.kills)
            found.stages[_stage(_files(place) - before, _files(place))] += 1
            found.wrong += [f"{place.name}: {line}" for line in _lost(place, told)]
        _drive_and_kill(place, told, None)
        found.wrong += [f"{place.name}: {line}" for line in _differences(place, told, undisturbed)]
        found.sessions += 1
        if not found.wrong:
            shutil.rmtree(place)
    return found


def _undisturbed(folder):
    began = time.perf_counter()
    _drive_and_kill(folder, set(), None)
    took = time.perf_counter() - began
    return took, comparable(read_sessions([str(folder)]))


def _drive_and_kill(folder, told, delay):
    """Whether the driver was killed `delay` seconds after it began (None: never); adds what it `told`."""
    found = ended(lambda tell: drive(folder, tell), delay)
    told.update(name for names in found.told for name in names)
    return found.killed


def _files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _stage(new, files):
    """What a killed driver was at, told by what it left."""
    if parts := {name for name in new if name.endswith(".part")}:
        return "writing a segment" if any("/" in name for name in parts) else "writing journal or tables"
    if "runs.parquet" in files:
        return "tables written"
    if "manifest.json" in files:
        return "after a segment"
    return "before the first segment" if "journal.jsonl" in files else "before its journal"


def _lost(folder, told):
    """What is wrong with what can be read after a kill."""
    if not told:
        return
    tables = read_sessions([str(folder)])
    names = tables.runs.column("run_id").to_pylist()
    yield from (f"says of what is whole: {note}" for note in tables.notes)
    if len(set(names)) < len(names):
        yield f"has {len(names) - len(set(names))} runs twice"
    if missing := told - set(names):
        yield f"lost {len(missing)} runs that counted as done"


def _differences(place, told, undisturbed):
    """What is wrong with a session that has ended after all."""
    yield from _lost(place, told)
    yield from mismatches(str(place), Local(str(place)), undisturbed, CASE.runs)
    if parts := [path for path in place.rglob("*") if path.name.endswith(".part")]:
        yield f"has {len(parts)} files left that nobody will read"


def mismatches(path, folder, undisturbed, runs):
    """What of the session at `path`, which has ended, is not as of one of so many `runs` left alone."""
    tables = read_sessions([path])
    yield from (f"says of what is whole: {note}" for note in tables.notes)
    if tables.runs.num_rows != runs:
        yield f"has {tables.runs.num_rows} runs of {runs}"
    each = zip(*(tables.runs.column(name).to_pylist() for name in ("scenario_id", "round")), strict=True)
    if more := [key for key, times in Counter(each).items() if times > 1]:
        yield f"has {len(more)} scenarios and rounds twice"
    if comparable(tables) != undisturbed:
        yield "is not as one that was left alone"
    pieces = read_pieces(folder)
    yield from pieces.notes
    for name in TABLE_NAMES:
        stored = _rows(getattr(tables, name))
        if stored != sum((_rows(part) for part in pieces.tables[name]), Counter()):
            yield f"its table {name} is not what its segments and its journal hold"


def comparable(tables):
    """The rows of a session, less what is of their time and place, as one text."""
    own = tables.runs.column("session_id")[0].as_py()
    runs = [
        {name: value for name, value in row.items() if name not in OF_TIME_AND_PLACE}
        for row in tables.runs.drop_columns(["started_at"]).to_pylist()
    ]
    rows = Counter(map(repr, runs)) + _rows(tables.epochs)
    text = "\n".join(f"{times} {row}" for row, times in sorted(rows.items())).replace(own, "SESSION")
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(table):
    """The rows of a table, whatever the order, with nothing for columns that it lacks."""
    times = [
        name for name in table.schema.names if str(table.schema.field(name).type).startswith("timestamp")
    ]
    for name in times:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast("int64"))
    return Counter(map(repr, table.to_pylist()))
