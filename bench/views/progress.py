"""The state of a running session, as a display shows it: changed by one thread, looked at by another."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from rich.text import Text

from bench.analysis.pace import Pace
from bench.records.measurement import Epoch, Phase

RECENT = 5


@dataclass
class Running:
    """A run under way."""

    name: str
    scenario_id: str
    where: str
    epochs: int
    began: float
    phase: Phase | None = None
    epoch: int = 0
    accuracy: float | None = None


@dataclass(frozen=True)
class Ahead:
    """What is to come once a run has ended, as far as is known by then.

    `left` are the runs of its scenario that are still to come, `total` all runs of the session, those that
    have ended included, and `note` is a line on what is left.
    """

    left: int
    total: int
    note: str = ""


@dataclass(frozen=True)
class Seen:
    """A session at one moment. `running` are the runs under way that were asked for, the longest first."""

    title: str
    note: str
    recent: tuple[Text, ...]
    running: tuple[Running, ...]
    under_way: int
    done: int
    total: int
    not_ok: int
    round: int
    rounds: int
    fixed: bool
    now: float
    gone: float
    left: float | None


@dataclass
class Progress:
    """What a display needs to know of a session. `clock` is monotonic seconds.

    `rounds` is how many there are, or where that is not `fixed`, how many there are at most.
    """

    title: str
    clock: Callable[[], float] = time.monotonic
    rounds: int = 0
    fixed: bool = True
    _note: str = ""
    _total: int = 0
    _round: int = 1
    _done: int = 0
    _not_ok: int = 0
    _running: dict[str, Running] = field(default_factory=dict)
    _recent: tuple[Text, ...] = ()
    _pace: Pace = field(default_factory=lambda: Pace({}))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = field(init=False)
    _planned: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._planned = self.clock()

    def begin(self, left: Mapping[str, int], rounds: int, most_rounds: int | None = None) -> None:
        """The session is ready: `left` are the runs of each scenario in the least number of rounds.

        There are `rounds` of each, or up to `most_rounds`.
        """
        with self._lock:
            self._planned, self.rounds = self.clock(), most_rounds or rounds
            self.fixed = self.rounds == rounds
            self._pace, self._total = Pace(left), sum(left.values())

    def round_began(self, number: int, note: str = "") -> None:
        """The first run of round `number` is under way; others may be of rounds before it."""
        with self._lock:
            self._round, self._note = max(self._round, number), note

    def start(self, key: str, running: Running) -> None:
        """A run is under way, maybe once more."""
        with self._lock:
            self._running.pop(key, None)  # the last of those under way, then
            self._running[key] = running

    def phase(self, key: str, phase: Phase) -> None:
        """What the run does now."""
        with self._lock:
            if running := self._running.get(key):
                running.phase = phase

    def epoch(self, key: str, epoch: Epoch) -> None:
        """How far the run is, and how accurate."""
        with self._lock:
            if running := self._running.get(key):
                running.epoch, running.accuracy = epoch.epoch, epoch.val_accuracy

    def end(self, key: str, scenario_id: str, ok: bool, line: Text, ahead: Ahead) -> None:
        """A run has ended; `line` says how."""
        with self._lock:
            run = self._running.pop(key, None)
            self._recent = (*self._recent, line)[-RECENT:]
            self._count(scenario_id, ok, ahead, None if run is None else self.clock() - run.began)

    def keep(self, scenario_id: str, ok: bool, ahead: Ahead) -> None:
        """A run had ended before the session was resumed."""
        with self._lock:
            self._count(scenario_id, ok, ahead, None)

    def seen(self, most: int) -> Seen:
        """The session now, with `most` of the runs under way at most."""
        with self._lock:
            now = self.clock()
            # Whoever began first stands first.
            shown = tuple(replace(run) for run in itertools.islice(self._running.values(), most))
            taken = ((run.scenario_id, now - run.began) for run in self._running.values())
            return Seen(
                title=self.title,
                note=self._note,
                recent=self._recent,
                running=shown,
                under_way=len(self._running),
                done=self._done,
                total=self._total,
                not_ok=self._not_ok,
                round=self._round,
                rounds=self.rounds,
                fixed=self.fixed,
                now=now,
                gone=now - self._began,
                left=self._pace.seconds_left(taken, now - self._planned),
            )

    def _count(self, scenario_id: str, ok: bool, ahead: Ahead, taken: float | None) -> None:
        self._done += 1
        self._not_ok += not ok
        self._total, self._note = ahead.total, ahead.note
        self._pace.ended(scenario_id, taken, ahead.left)
