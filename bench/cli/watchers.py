"""Who tells the person at the terminal what a session does: a live display, plain lines, or nobody."""

import datetime
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from bench.analysis.repetition import rounds_to_come
from bench.orchestration.placement import Place
from bench.orchestration.runs import Run
from bench.records.measurement import Epoch
from bench.records.probe import Moment, Probe
from bench.records.suite import Point, Suite
from bench.records.tables import Row
from bench.views.format import full_name, several
from bench.views.probe import limits_line
from bench.views.progress import Progress, Running, finished_line, progress_view
from bench.views.repetition import runs_ahead, still_going

REFRESHES_PER_SECOND = 1  # each costs the cores that are being measured a few milliseconds


class Silent:
    """Tells nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def planned(self, runs: int, rounds: int) -> None:
        """Nothing."""

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """Nothing."""

    def probed(self, place: Place, probe: Probe, moment: Moment) -> None:
        """Nothing."""

    def started(self, run: Run, place: Place) -> None:
        """Nothing."""

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """Nothing."""

    def finished(self, run: Run, row: Row) -> None:
        """Nothing."""


class Estimating(Silent):
    """Keeps the step times, for what they tell of the rounds to come."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._step_seconds: dict[str, list[float]] = {}

    def finished(self, run: Run, row: Row) -> None:
        """A step time more, where it ended ok."""
        if row["status"] == "ok" and row["step_seconds"] is not None:
            self._step_seconds.setdefault(run.point.scenario.scenario_id, []).append(row["step_seconds"])

    def _rounds_to_come(self, number: int, points: Sequence[Point]) -> dict[str, int]:
        """By scenario id, at the beginning of round `number`."""
        ids = [point.scenario.scenario_id for point in points]
        known = self._step_seconds
        return {i: rounds_to_come(self._suite.measure, number - 1, known.get(i, [])) for i in ids}

    def _what_is_left(self, points: Sequence[Point]) -> str:
        precision = self._suite.measure.precision
        return "" if precision is None else still_going(len(points), len(self._suite.points), precision)


class Lines(Estimating):
    """A plain line per run that starts or ends, for logs and pipes."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._console = console
        self._done = self._total = 0

    def planned(self, runs: int, rounds: int) -> None:  # noqa: ARG002 -- the suite says more
        """What is ahead."""
        self._say(f"{self._suite.title}: {runs_ahead(len(self._suite.points), self._suite.measure)}")

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """Which scenarios need more than the least number of rounds."""
        self._total = self._done + sum(self._rounds_to_come(number, points).values())
        measure = self._suite.measure
        if number > measure.least_rounds:
            self._say(f"Round {number} of at most {measure.most_rounds}: {self._what_is_left(points)}")

    def probed(self, place: Place, probe: Probe, moment: Moment) -> None:
        """What the machine can do at most."""
        self._say(f"{_where(place)} can do {limits_line(probe)} at the session's {moment}")

    def started(self, run: Run, place: Place) -> None:
        """Which run, and where."""
        self._say(f"▶ {_name(run)} round {run.round} on {_where(place)}")

    def finished(self, run: Run, row: Row) -> None:
        """What came of it, and how many are done."""
        super().finished(run, row)
        self._done += 1
        line = finished_line(_name(run), run.round, row)
        about = "" if self._suite.measure.precision is None else "~"
        self._say(f"{line.plain.rstrip()}  [{self._done}/{about}{self._total}]")

    def _say(self, text: str) -> None:
        stamp = datetime.datetime.now().strftime("%H:%M:%S")
        self._console.print(f"{stamp} {text}", markup=False, highlight=False, soft_wrap=True)


class Display(Estimating):
    """A live display of what runs where, how far it is, and what is left."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._progress = Progress(suite.title)
        self._live = Live(
            get_renderable=lambda: progress_view(self._progress),
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def planned(self, runs: int, rounds: int) -> None:  # noqa: ARG002 -- counted from the scenarios
        """The bar gets its length."""
        ids = [point.scenario.scenario_id for point in self._suite.points]
        self._progress.begin(ids, rounds, self._suite.measure.most_rounds)

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """The bar gets the length that the step times so far speak for."""
        to_come = self._rounds_to_come(number, points)
        self._progress.next_round(number, to_come, self._what_is_left(points))

    def started(self, run: Run, place: Place) -> None:
        """A line of its own."""
        scenario = run.point.scenario
        running = Running(
            _name(run), scenario.scenario_id, _where(place), scenario.epochs, self._progress.clock()
        )
        self._progress.running[_key(run)] = running

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """How far, how accurate."""
        running = self._progress.running.get(_key(run))
        if running is not None:
            running.epoch, running.accuracy = epoch.epoch, epoch.val_accuracy

    def finished(self, run: Run, row: Row) -> None:
        """Its line moves up to those that have ended."""
        super().finished(run, row)
        line = finished_line(_name(run), run.round, row)
        self._progress.end(_key(run), run.point.scenario.scenario_id, row["status"] == "ok", line)


def _key(run: Run) -> str:
    return f"{run.point.scenario.scenario_id}/{run.round}"


def _name(run: Run) -> str:
    return full_name(run.point.sweep, run.point.label)


def _where(place: Place) -> str:
    gpus = f"{several(len(place.gpus), 'GPU')}, " if place.gpus else ""
    return f"{place.node.name} ({gpus}{several(len(place.cores), 'core')})"
