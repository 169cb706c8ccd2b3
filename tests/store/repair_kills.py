"""Repairs that are killed, and repeated until one is not: nothing that could be read is lost."""

import random
import shutil

from bench.errors import StoreError
from bench.records.checking import check_session
from bench.records.find import find_sessions
from bench.records.folders import Local
from bench.records.repairing import repaired
from bench.records.store import read_sessions
from tests.store.import_kills import files
from tests.store.in_tree import Truth, kind_of, record, rows_of, small_segments
from tests.store.killing import answer, ended, steps_of
from tests.store.kills import Kills
from tests.store.rows import rows_of as content_of

RUNS = 40
MOST = 4
"""Kills of one repair, which is repeated after each."""
OF_STEPS = 0.8
"""The share of kills just before files are changed; the others are at any moment."""
HOW = ("flip", "empty", "unlink")


def repairs_killed(count, folder, seed=0, progress=lambda _done: None, most=2):
    """Kills repairs at `count` moments, of sessions below `folder`, and looks at what is left each time.

    Of each at `most` so many files are damaged.
    """
    chance, found = random.Random(seed), Kills()
    sessions = [folder / name for name in ("unfinished", "ended")]
    for session in sessions:
        answer(lambda session=session: _record(session))
    while found.kills < count:
        session = chance.choice(sessions)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        shutil.copytree(session, folder / "damaged")
        what = ", ".join(
            _damage(folder / "damaged", chance) for _ in range(min(chance.choice((1, 1, 2)), most))
        )
        case = Case(folder, f"{session.name}, {what}", Truth(session))
        for _ in range(chance.randint(1, min(MOST, count - found.kills))):
            if not case.kill(chance).killed:
                break
            found.kills += 1
            found.stages[session.name] += 1
            found.wrong += [f"{case.name}: {line}" for line in case.wrong_between()]
            progress(found.kills)
        found.wrong += [f"{case.name}: {line}" for line in case.wrong_at_last()]
        found.sessions += 1
    return found


def _record(session):
    small_segments()
    record(session, content_of(RUNS), ended=session.name == "ended")


def _damage(folder, chance):
    """Something happens to a file of a kind; says what."""
    kinds = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kinds.setdefault(kind_of(path, folder), []).append(path)
    kind, how = chance.choice(sorted(kinds)), chance.choice(HOW)
    path = chance.choice(kinds[kind])
    data = bytearray(path.read_bytes())
    if how == "unlink":
        path.unlink()
    elif how == "empty" or not data:
        path.write_bytes(b"")
    else:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
    return f"{how} {path.relative_to(folder)}"


class Case:
    """A session that is damaged, repaired in one copy without a kill, and in another one with some."""

    def __init__(self, folder, name, truth):
        self.name, self._truth = name, truth
        self._folder, alone = folder / "killed", folder / "alone"
        for copy in (self._folder, alone):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder / "damaged", copy)
        self._known = _run_ids(self._folder)
        self._steps = steps_of(lambda tell: _repair(self._folder, tell)) or 1
        shutil.rmtree(self._folder)
        shutil.copytree(folder / "damaged", self._folder)
        end = ended(lambda tell: _repair(alone, tell))
        self._took, self._end = end.seconds, end.told[-1]
        self._alone = alone

    def kill(self, chance):
        def job(tell):
            _repair(self._folder, tell)

        if chance.random() < OF_STEPS:
            return ended(job, step=chance.randrange(self._steps))
        return ended(job, delay=chance.uniform(0, self._took))

    def wrong_between(self):
        now = _run_ids(self._folder)
        if missing := self._known - now:
            yield f"{len(missing)} runs that could be read cannot be now"
        if now and self._truth.is_falsified_by(read_sessions([str(self._folder)])):
            yield "falsified"

    def wrong_at_last(self):
        yield from self.wrong_between()
        end = ended(lambda tell: _repair(self._folder, tell)).told[-1]
        for what, one, other in zip(("verdict", "state"), end, self._end, strict=False):
            if one != other:
                yield f"{what}: {one}, of one that was left alone {other}: {end}"
        if _tables(self._folder) != _tables(self._alone):
            yield "not as one that was left alone"
        # Without a manifest nobody knows of a file that is missing, too.
        known = "manifest.json" not in self.name
        if known and not self._end[2] and not self._truth.is_all_of(read_sessions([str(self._alone)])):
            yield "of one that was left alone something is lost, and nobody told it"
        yield from self._wrong_files()

    def _wrong_files(self):
        here, there = _kept(self._folder), _kept(self._alone)
        if sorted(here.values()) != sorted(there.values()):
            yield f"keeps {sorted(here)}, one that was left alone {sorted(there)}"
        if left := sorted(path.name for path in self._folder.rglob("*.part")):
            yield f"left {left}"


def _repair(folder, tell):
    small_segments()
    (session,) = find_sessions(Local(str(folder))).sessions
    checked = check_session(session)
    done = repaired(session, checked)
    tell((done.verdict, done.state, done.lost, done.remedy, done.strays))


def _run_ids(folder):
    """Those that can be read."""
    try:
        return set(read_sessions([str(folder)]).runs.column("run_id").to_pylist())
    except StoreError:
        return set()


def _tables(folder):
    tables = read_sessions([str(folder)])
    return rows_of(tables), sorted(note.replace(str(folder), "") for note in tables.notes)


def _kept(folder):
    return {name: content for name, content in files(folder).items() if ".damaged" in name}
