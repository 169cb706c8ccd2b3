"""Who tells the person at the terminal what a session does: a live display, plain lines, or nobody."""

import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from bench.orchestration.placement import Place
from bench.orchestration.session import Run
from bench.records.measurement import Epoch
from bench.records.suite import Suite
from bench.records.tables import Row
from bench.views.format import several
from bench.views.progress import Progress, Running, finished_line, progress_view

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

    def started(self, run: Run, place: Place) -> None:
        """Nothing."""

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """Nothing."""

    def finished(self, run: Run, row: Row) -> None:
        """Nothing."""


class Lines(Silent):
    """A plain line per run that starts or ends, for logs and pipes."""

    def __init__(self, console: Console, suite: Suite) -> None:
        self._console, self._suite = console, suite
        self._done = self._total = 0

    def planned(self, runs: int, rounds: int) -> None:
        """What is ahead."""
        self._total = runs
        self._say(f"{self._suite.title}: {several(runs, 'run')} in {several(rounds, 'round')}")

    def started(self, run: Run, place: Place) -> None:
        """Which run, and where."""
        self._say(f"▶ {_name(run)} round {run.round} on {_where(place)}")

    def finished(self, run: Run, row: Row) -> None:
        """What came of it, and how many are done."""
        self._done += 1
        line = finished_line(_name(run), run.round, row)
        self._say(f"{line.plain.rstrip()}  [{self._done}/{self._total}]")

    def _say(self, text: str) -> None:
        stamp = datetime.datetime.now().strftime("%H:%M:%S")
        self._console.print(f"{stamp} {text}", markup=False, highlight=False, soft_wrap=True)


class Display(Silent):
    """A live display of what runs where, how far it is, and what is left."""

    def __init__(self, console: Console, suite: Suite) -> None:
        self._progress = Progress(suite.title)
        self._scenario_ids = [point.scenario.scenario_id for point in suite.points]
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
        self._progress.begin(self._scenario_ids, rounds)

    def started(self, run: Run, place: Place) -> None:
        """A line of its own."""
        scenario = run.point.scenario
        running = Running(
            _name(run), scenario.scenario_id, _where(place), scenario.epochs, self._progress.clock()
        )
        self._progress.round = run.round
        self._progress.running[_key(run)] = running

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """How far, how accurate."""
        running = self._progress.running.get(_key(run))
        if running is not None:
            running.epoch, running.accuracy = epoch.epoch, epoch.val_accuracy

    def finished(self, run: Run, row: Row) -> None:
        """Its line moves up to those that have ended."""
        line = finished_line(_name(run), run.round, row)
        self._progress.end(_key(run), run.point.scenario.scenario_id, row["status"] == "ok", line)


def _key(run: Run) -> str:
    return f"{run.point.scenario.scenario_id}/{run.round}"


def _name(run: Run) -> str:
    return run.point.sweep if run.point.label == run.point.sweep else f"{run.point.sweep} · {run.point.label}"


def _where(place: Place) -> str:
    gpus = f"{several(place.gpus, 'GPU')}, " if place.gpus else ""
    return f"{place.node.name} ({gpus}{several(len(place.cores), 'core')})"
