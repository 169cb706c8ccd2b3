"""What runs did in their slots: how long each part of it took, and how many slots were at work at once."""

import functools
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.records.run_table import Mask, Rows, RunTable

Part = Literal[
    "train",
    "evaluate",
    "compile",
    "compile_cached",
    "import",
    "start",
    "build",
    "stage",
    "warmup",
    "inside",
    "around",
    "failed",
    "probe",
    "idle",
    "idle_or_lost",
]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a slot's time goes to. `inside` is what a run's process does between its clocks, `around` what passes
before and after that: messages, and the process's end. `failed` are whole runs that ended neither ok nor
diverged, `probe` those before runs; `idle` is a slot that nobody has, or that is being opened. It is
`idle_or_lost` where some run was tried again: an attempt that was lost has no row, and so nothing tells its
time from idling; where nobody else ran or waited meanwhile, it is no part at all."""
USEFUL: frozenset[Part] = frozenset({"train", "evaluate"})
"""What is no overhead: what the runs are for."""
WITHOUT_RUN: frozenset[Part] = frozenset({"probe", "idle", "idle_or_lost"})
"""What passes in a slot while no run that has a row has it."""
_CLOCKS: Mapping[Part, tuple[str, ...]] = {
    "build": ("build_seconds",),
    "compile": ("compile_seconds",),
    "warmup": ("warmup_seconds",),
    "stage": ("stage_seconds",),
    "train": ("train_seconds",),
    "evaluate": ("eval_seconds", "test_seconds"),
}
_SLACK_SHARE, _SLACK_SECONDS = 0.1, 0.5
_Seconds = NDArray[np.float64]
_Part = tuple[Mask, _Seconds]
"""Which runs tell of it, and how long it took."""


class Slots:
    """The times of `runs`: `had` tells which had a slot, `held` for how long, as far as that is known."""

    def __init__(self, runs: RunTable) -> None:
        self._runs = runs
        self.held, began = runs.numbers("occupied_seconds"), runs.numbers("started_at")
        self._began, self._known = began.values / 1e6, began.known
        clocks = self._of_clocks()
        self.had: Mask = np.logical_or.reduce([self.held.known, *(there for there, _ in clocks.values())])
        self.told: Mask = self.held.known & began.known
        nodes = runs.codes("nodes")
        self._workers = np.array([*(max(len(of), 1) for of in nodes.values), 1])[nodes.indices]
        attempts = runs.numbers("attempt")
        self.tried_again: Mask = attempts.known & (attempts.values > 1)
        self._parts = self._of_slots(clocks)

    def first(self, rows: Rows) -> float:
        """When the first of them began, in seconds; 0 where nobody says."""
        known = self._began[rows[self._known[rows]]]
        return float(known.min()) if known.size else 0.0

    def seconds(self, rows: Rows) -> dict[Part, float]:
        """What the slots of these went to; that of a run of several workers counts once for each."""
        workers = self._workers[rows]
        taken: list[tuple[int, Part, float]] = []
        for part, (there, seconds) in self._parts.items():
            if (having := there[rows]).any():
                taken.append((int(having.argmax()), part, _total(seconds[rows] * workers)))
        return {part: seconds for _, part, seconds in sorted(taken, key=lambda found: found[0])}

    def wall(self, rows: Rows) -> float:
        """How long any of them had a slot or waited for one: what lies between is not the session's time."""
        waited = self._column("queue_seconds")[rows]
        begins, ends = self._began[rows], self._began[rows] + self.held.values[rows]
        order = np.lexsort((ends, begins - waited))
        begins, ends = (begins - waited)[order], ends[order]
        until = np.concatenate([[-np.inf], np.maximum.accumulate(ends)[:-1]])
        return _total(np.maximum(ends - np.maximum(begins, until), 0.0))

    def most_at_once(self, rows: Rows) -> int:
        """Slots at work at once, at most.

        When a run began is the time of day, how long it took another clock's: each is taken for a little
        shorter than it was, lest one seems to begin before the one that it follows has ended.
        """
        begins, ends = self._began[rows], self._began[rows] + self.held.values[rows]
        slack = np.minimum(_SLACK_SHARE * (ends - begins), _SLACK_SECONDS)
        times = np.concatenate([begins + slack, ends - slack])
        changes = np.concatenate([self._workers[rows], -self._workers[rows]])
        return int(np.cumsum(changes[np.lexsort((changes, times))]).max())

    def _of_clocks(self) -> dict[Part, _Part]:
        """The parts that runs' own clocks tell: which runs tell each, and how long it took."""
        cached, parts = self._runs.codes("compile_cached").among([True]), dict[Part, _Part]()
        for part, names in _CLOCKS.items():
            columns = [self._runs.numbers(name) for name in names]
            there = np.logical_or.reduce([column.known for column in columns])
            seconds = _sum(np.where(column.known, column.values, 0.0) for column in columns)
            if part == "compile":
                parts["compile"] = there & ~cached, seconds * ~cached
                parts["compile_cached"] = there & cached, seconds * cached
            else:
                parts[part] = there, seconds
        return parts

    def _of_slots(self, clocks: Mapping[Part, _Part]) -> dict[Part, _Part]:
        """All parts of each run, as one of its workers spent it."""
        held = self._column("occupied_seconds")
        useful = self._runs.codes("status").among(["ok", "diverged"])
        lost, whole = self.held.known & ~useful, self.held.known & useful
        timed, imported = _sum(seconds for _, seconds in clocks.values()), self._column("import_seconds")
        metered, start = self._column("metered_seconds"), self._column("start_seconds")
        metered = np.maximum(np.where(metered, metered, timed), timed)
        start = np.maximum(np.where(start, start, imported), imported)
        parts = {part: (there & ~lost, seconds * ~lost) for part, (there, seconds) in clocks.items()}
        parts["import"] = whole, imported * whole
        parts["start"] = whole, (start - imported) * whole
        parts["inside"] = whole, (metered - timed) * whole
        parts["around"] = whole, np.maximum(held - start - metered, 0.0) * whole
        parts["failed"] = lost, held * lost
        return parts

    def _column(self, name: str) -> _Seconds:
        column = self._runs.numbers(name)
        return np.where(column.known, column.values, 0.0)


def _sum(columns: Iterable[_Seconds]) -> _Seconds:
    """Each run's, one after the other."""
    return functools.reduce(np.add, columns)


def _total(seconds: _Seconds) -> float:
    """The sum in their order, as by hand: NumPy's own sums up in pairs, which rounds otherwise."""
    return float(np.cumsum(seconds)[-1]) if seconds.size else 0.0
