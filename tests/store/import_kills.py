"""Imports that are killed, and repeated until one is not: there is the old copy, or the new one."""

import hashlib
import itertools
import random
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow.fs

from bench.errors import BenchError
from bench.records import part_folders, put_in_place
from bench.records.claims import is_claim
from bench.records.importing import Importer
from bench.records.put_in_place import LocalDestination
from bench.records.recorder import Recorder
from bench.records.remote.importing import RemoteDestination
from bench.records.remote.spool import VARIABLE
from tests.store.in_tree import record, small_segments
from tests.store.killing import answer, ended, steps_of
from tests.store.kills import Kills
from tests.store.remote_driver import hurry, place_at
from tests.store.remote_look import look
from tests.store.rows import rows_of
from tests.store.s3_process import store

RUNS, RUNS_BEFORE = 26, 18
MOST = 4
"""Kills of one import, which is repeated after each."""
OF_STEPS = 0.8
"""The share of kills just before files are changed; the others are at any moment."""
KEPT = "segments/000001.runs.parquet.damaged"


def imports_killed(count, folder, seed=0, progress=lambda _done: None):
    """Kills imports at `count` moments, below `folder`, and looks at what is left each time."""
    chance, found = random.Random(seed), Kills()
    copies = answer(lambda: _recorded(folder))
    with store(seed) as there:
        cases = (
            lambda: There(there, copies, shorter=True),
            lambda: Here(folder / "here", copies, shorter=True),
            lambda: Here(folder / "two steps", copies, shorter=True, exchange=False),
            lambda: There(there, copies, shorter=False),
            lambda: Here(folder / "here", copies, shorter=False),
        )
        known = {}
        while found.kills < count:
            number = found.sessions % len(cases)
            case = known[number] if number in known else known.setdefault(number, cases[number]())
            case.prepare()
            for _ in range(chance.randint(1, min(MOST, count - found.kills))):
                if not case.kill(chance).killed:
                    break
                found.kills += 1
                found.stages[case.name] += 1
                found.wrong += [f"{case.name}: {line}" for line in case.wrong_between()]
                progress(found.kills)
            found.wrong += [f"{case.name}: {line}" for line in case.wrong_at_last()]
            found.sessions += 1
    return found


def _recorded(folder):
    """One session as it was cut short, and as it ended, and another one."""
    small_segments()
    shorter, longer, other = (folder / name for name in ("shorter", "longer", "other"))
    header, machines, runs = rows_of(RUNS)
    record(shorter, (header, machines, runs[:RUNS_BEFORE]), ended=False)
    shutil.copytree(shorter, longer)
    with Recorder.resume(longer, {}) as recorder:
        recorder.add_runs(runs[RUNS_BEFORE:])
    record(other, ({**header, "session_id": "other"}, machines, []))
    return {path.name: str(path) for path in (shorter, longer, other)} | {"session": header["session_id"]}


class Here:
    """Into a folder of this machine, in which another session lies, and perhaps a `shorter` copy.

    A file system may know no `exchange` of two folders in one step.
    """

    def __init__(self, folder, copies, shorter, exchange=True):
        self.name = f"here, {'in place of a shorter copy' if shorter else 'anew'}"
        self.name += "" if exchange else ", by two steps"
        self._folder, self._copies, self._shorter = folder / str(shorter), copies, shorter
        self._exchange = exchange
        self.prepare()
        self._before = sessions(self._folder)
        self._steps = steps_of(self._job)
        self.prepare()
        self._took = ended(self._job).seconds
        self._after = sessions(self._folder)

    def prepare(self):
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._copies["other"], self._folder / "other")
        if self._shorter:
            place = self._folder / self._copies["session"]
            shutil.copytree(self._copies["shorter"], place)
            (place / KEPT).write_text("kept")

    def kill(self, chance):
        if chance.random() < OF_STEPS:
            return ended(self._job, step=chance.randrange(self._steps))
        return ended(self._job, delay=chance.uniform(0, self._took))

    def wrong_between(self):
        now = sessions(self._folder)
        for name in self._before.keys() - {re.sub(r"\.replaced-.*", "", name) for name in now}:
            yield f"{name} is gone"
        for name, content in now.items():
            old, new = (it.get(re.sub(r"\.replaced-.*", "", name)) for it in (self._before, self._after))
            if content not in (old, new):
                yield f"{name} is neither what was there nor what comes: {differing(content, new)}"

    def wrong_at_last(self):
        yield from _refused(ended(self._job))
        if (now := sessions(self._folder)) != self._after:
            yield f"not as one that was left alone: {differing(now, self._after)}"
        yield from (f"{path.name} is left" for path in self._folder.rglob("*.part"))

    def _job(self, tell):
        if not self._exchange:
            put_in_place.ctypes = SimpleNamespace(CDLL=lambda *_, **__: SimpleNamespace())
        _import(self._copies["longer"], LocalDestination(self._folder), tell)


class There:
    """The same to a store elsewhere."""

    def __init__(self, there, copies, shorter):
        self.name = f"elsewhere, {'in place of a shorter copy' if shorter else 'anew'}"
        self._there, self._copies, self._shorter = there, copies, shorter
        self._prefixes = itertools.count()
        self.prepare()
        self._took = ended(self._job).seconds
        self._after = answer(self._files)

    def prepare(self):
        self._uri = self._there.uri(f"{self.name[-4:]}-{next(self._prefixes)}")
        self._spool = Path(self._copies["other"]).with_name(f"spool-{self._shorter}")
        shutil.rmtree(self._spool, ignore_errors=True)
        for name in ("other", *(["shorter"] * self._shorter)):
            ended(lambda tell, name=name: self._import(name, tell))
        found, _ = answer(lambda: look(self._uri, []))
        self._runs = {name: set(session["fates"]) for name, session in found.items()}

    def kill(self, chance):
        with self._there.faults():
            return ended(self._job, delay=chance.uniform(0, self._took))

    def wrong_between(self):
        found, _ = answer(lambda: look(self._uri, []))
        for name, session in found.items():
            yield from (f"{name}: {line}" for line in session["wrong"])
        for name, runs in self._runs.items():
            now = set(found[name]["fates"]) if name in found else set()
            if missing := runs - now:
                yield f"{name}: {len(missing)} runs that were there are not there now"
            self._runs[name] = runs | now

    def wrong_at_last(self):
        yield from _refused(ended(self._job))
        if (now := answer(self._files)) != self._after:
            yield f"not as one that was left alone: {differing(now, self._after)}"
        yield from (f"{path.name} is left" for path in self._spool.glob("*/*") if path.name != "address.txt")

    def _job(self, tell):
        self._import("longer", tell)

    def _import(self, name, tell):
        hurry()
        destination = RemoteDestination(place_at(self._uri, 3), {VARIABLE: str(self._spool)})
        _import(self._copies[name], destination, tell)

    def _files(self):
        """What is there, by its name: its hash."""
        place = place_at(self._uri, 3)
        selector = pyarrow.fs.FileSelector(place.root, recursive=True)
        found = [it.path for it in place.filesystem.get_file_info(selector) if it.is_file]
        names = [path.removeprefix(f"{place.root}/") for path in found]
        return {name: hashlib.sha256(place.read(name)).hexdigest() for name in names}


def _import(path, destination, tell):
    part_folders.LEFT_SECONDS = -1.0
    try:
        (done,) = Importer([path], destination)
    except BenchError as error:
        tell(("refused", str(error)))
    else:
        tell((done.outcome, done.why))


def _refused(end):
    outcome, why = end.told[-1]
    if outcome == "refused":
        yield f"refused: {why}"


def sessions(folder):
    """The files of each, less what tells who writes it."""
    return {path.name: files(path) for path in folder.iterdir() if not path.name.startswith(".")}


def files(folder):
    found = (p for p in folder.rglob("*") if p.is_file() and not is_claim(p.name))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def differing(now, then):
    """The names of files that are not the same."""
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
