"""Sessions kept elsewhere whose drivers are killed, and gone on with there, or on another machine."""

import itertools
import random
import re
import shutil
from collections import defaultdict
from dataclasses import dataclass, field

from bench.records.store import read_sessions
from tests.store.killing import answer, ended
from tests.store.kills import KILLS_OF_A_SESSION, Kills, comparable
from tests.store.remote_driver import Machine, drive_elsewhere
from tests.store.remote_look import differences, look
from tests.store.s3_process import store

ELSEWHERE, BACK = 0.35, 0.2
"""How often a driver begins on a machine that knows of nothing, and on one that was left before."""
MOST = 1.2
"""Of the time that a driver takes which is left alone, until one is killed."""
FORKED = re.compile(r"(\S+) is the same session, and each has runs that the other lacks")


def killed_elsewhere(count, folder, seed=0, progress=lambda _done: None):
    """Kills drivers at `count` moments, of sessions at a store that fails at random; see `killed`."""
    chance, found = random.Random(seed), Kills()
    with store(seed) as there:
        took, undisturbed = _undisturbed(there, folder / "undisturbed")
        while found.kills < count:
            name = f"results-{found.sessions}"
            game = Game(there, name, folder / name, chance, found)
            most = min(found.kills + KILLS_OF_A_SESSION, count)
            while found.kills < most and game.kill(chance.uniform(0, MOST * took)):
                progress(found.kills)
            game.end(undisturbed)
            found.sessions += 1
            if not found.wrong:
                shutil.rmtree(folder / name)
    return found


def _undisturbed(there, folder):
    uri = there.uri("undisturbed")
    drive = ended(lambda tell: drive_elsewhere(uri, Machine("m", folder), "undisturbed", tell))
    return drive.seconds, answer(lambda: comparable(read_sessions([uri.replace("?", "/undisturbed?")])))


@dataclass
class Drive:
    """What a driver told: of which `session` which runs are `done`, of which the first `there`; see there."""

    killed: bool
    session: str | None = None
    done: list = field(default_factory=list)
    there: int = 0
    told: list = field(default_factory=list)
    refused: str | None = None
    ended: bool = False
    left: str | None = None

    @classmethod
    def of(cls, end):
        drive = cls(end.killed)
        for kind, what in end.told:
            if kind == "done":
                drive.session = what[0]
                drive.done += what[1]
            elif kind == "told":
                drive.told.append(what)
            elif kind == "ended":
                drive.session, drive.ended = what, True
            else:
                setattr(drive, kind, what)
        return drive

    @property
    def stage(self):
        if self.refused:
            return "refused"
        if not self.killed:
            return "not killed"
        if self.ended:
            return "uploading the rest"
        return "recording" if self.done else "before its first run"


class Game:
    """A suite's sessions at one place, begun and gone on with on machines whose drivers are killed."""

    def __init__(self, there, name, folder, chance, found):
        self._there, self._uri, self._folder = there, there.uri(name), folder
        self._name, self._chance, self._found = name, chance, found
        self._machines, self._numbers = [], itertools.count(1)
        self.log = []
        self._done, self._uploaded = defaultdict(set), defaultdict(set)

    def kill(self, delay):
        """A driver somewhere, killed `delay` seconds after it began; whether it had not ended before."""
        with self._there.faults():
            drive = self._drive(self._a_machine(), delay, self._chance.choice((1, 3)))
        self._found.kills += drive.killed
        self._found.stages[drive.stage] += 1
        if drive.refused:
            self._made_way(drive.refused)
        self._look()
        return not drive.ended or drive.killed

    def end(self, undisturbed):
        """A driver on each machine, left alone: all is there then, or it was told what is not."""
        told = []
        for machine in self._chance.sample(self._machines, len(self._machines)):
            while (drive := self._drive(machine, None, 3)).refused and self._made_way(drive.refused):
                pass
            told += drive.told
            self._wrong(f"left alone: {line}" for line in (drive.refused, drive.left) if line)
            self._look()
        self._wrong(answer(lambda: list(differences(self._uri, drive.session, undisturbed))))
        for path in (path for machine in self._machines for path in machine.spool.glob("*/*")):
            if path.name != "address.txt" and not any(str(path) in line for line in told):
                self._wrong([f"{path.name} is left in a spool, and nobody told it"])

    def _a_machine(self):
        kind = self._chance.random()
        if not self._machines or kind < ELSEWHERE:
            name = f"m{len(self._machines)}"
            self._machines.append(Machine(name, self._folder / name))
        elif kind < ELSEWHERE + BACK:
            self._machines.append(self._machines.pop(self._chance.randrange(len(self._machines))))
        return self._machines[-1]

    def _drive(self, machine, delay, tries):
        session = f"s{next(self._numbers):03}"
        drive = Drive.of(ended(lambda tell: drive_elsewhere(self._uri, machine, session, tell, tries), delay))
        if drive.session == session and any(self._uploaded.values()):
            self._wrong([f"{session} was begun, though there is one to go on with"])
        self._done[drive.session] |= set(drive.done)
        self._uploaded[drive.session] |= set(drive.done[: drive.there])
        self.log.append((machine.name, delay, drive.stage, drive.session, len(drive.done), drive.there))
        return drive

    def _made_way(self, line):
        """Whether copies were told to be forked; then the one here is moved away, as that says."""
        if not (found := FORKED.search(line)):
            return False
        self._found.stages["forked"] += 1
        (self._folder / "moved").mkdir(exist_ok=True)
        shutil.move(found[1], self._folder / "moved" / f"{next(self._numbers)}")
        return True

    def _look(self):
        """What is wrong with what is there and here."""
        places = [*(machine.spool for machine in self._machines), self._folder / "moved"]
        there, here = answer(lambda: look(self._uri, places))
        for session, found in there.items():
            self._wrong(f"{session}: {line}" for line in found["wrong"])
        for session, fates in self._uploaded.items():
            known = set(there[session]["fates"]) if session in there else set()
            if missing := fates - known:
                self._wrong([f"{session}: {len(missing)} runs that were uploaded are not there"])
            self._uploaded[session] |= known
        for session, fates in self._done.items():
            if missing := fates - self._uploaded[session] - set(here.get(session, ())):
                self._wrong([f"{session}: lost {len(missing)} runs that counted as done"])

    def _wrong(self, lines):
        self._found.wrong += [f"{self._name}: {line} {self.log}" for line in lines]
