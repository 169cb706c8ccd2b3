"""Who tells the person at the terminal what a session does: a live display, plain lines, or nobody."""

import datetime
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.analysis.repetition import rounds_to_come
from bench.cli.output import say
from bench.orchestration.runs import Run, run_keys
from bench.orchestration.scheduling.request import Allocation, Allocations
from bench.records.earlier import Earlier
from bench.records.measurement import Epoch, Phase, Status
from bench.records.probe import Moment, Probe
from bench.records.suite import Point, Suite
from bench.records.tables import Row
from bench.views.format import full_name, several
from bench.views.probe import limits_line, unprobed_line
from bench.views.progress import Progress, Running, finished_line, progress_view
from bench.views.repetition import runs_ahead, still_going
from bench.views.visible import visible, visible_row

REFRESHES_PER_SECOND = 1  # each costs the cores that are being measured a few milliseconds


class Silent:
    """Tells nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:
        """Nothing."""

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """Nothing."""

    def probed(self, allocation: Allocation, probe: Probe, moment: Moment) -> None:
        """Nothing."""

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """Nothing."""

    def kept(self, run: Run, earlier: Earlier) -> None:
        """Nothing."""

    def started(self, run: Run, allocations: Allocations) -> None:
        """Nothing."""

    def phase(self, run: Run, phase: Phase) -> None:
        """Nothing."""

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """Nothing."""

    def finished(self, run: Run, row: Row) -> None:
        """Nothing."""


class Estimating(Silent):
    """Keeps the step times, for what they tell of the rounds to come."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._nodes: Sequence[str] = ()
        self._step_seconds: dict[str, list[float]] = {}

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:  # noqa: ARG002 -- the suite says more
        """Which nodes each scenario runs on."""
        self._nodes = nodes

    def kept(self, run: Run, earlier: Earlier) -> None:
        """A step time more, as of any run that ended ok."""
        self._learn(run, earlier.status, earlier.step_seconds)

    def finished(self, run: Run, row: Row) -> None:
        """A step time more, where it ended ok."""
        self._learn(run, row["status"], row["step_seconds"])

    def _learn(self, run: Run, status: Status, step_seconds: float | None) -> None:
        if status == "ok" and step_seconds is not None:
            self._step_seconds.setdefault(run.key, []).append(step_seconds)

    def _keys(self, point: Point) -> list[str]:
        """Those of the runs of `point` in a round."""
        return run_keys(point.scenario, self._nodes)

    def _rounds_to_come(self, number: int, points: Sequence[Point]) -> dict[str, int]:
        """By the keys of runs, at the beginning of round `number`. No node goes on without the others."""
        measure, known = self._suite.measure, self._step_seconds
        to_come: dict[str, int] = {}
        for keys in map(self._keys, points):
            most = max(rounds_to_come(measure, number - 1, known.get(key, [])) for key in keys)
            to_come |= dict.fromkeys(keys, most)
        return to_come

    def _what_is_left(self, points: Sequence[Point]) -> str:
        precision = self._suite.measure.precision
        return "" if precision is None else still_going(len(points), len(self._suite.points), precision)


class Lines(Estimating):
    """A plain line per run that starts or ends, for logs and pipes."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._console = console
        self._done = self._total = 0

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:
        """What is ahead."""
        super().planned(runs, rounds, nodes)
        ahead = runs_ahead(len(self._suite.points) * max(len(nodes), 1), self._suite.measure)
        where = f", each scenario on {', '.join(nodes)}" if nodes else ""
        self._say(f"{self._suite.title}: {ahead}{where}")

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """Which scenarios need more than the least number of rounds."""
        self._total = self._done + sum(self._rounds_to_come(number, points).values())
        measure = self._suite.measure
        if number > measure.least_rounds:
            self._say(f"Round {number} of at most {measure.most_rounds}: {self._what_is_left(points)}")

    def probed(self, allocation: Allocation, probe: Probe, moment: Moment) -> None:
        """What the machine can do at most."""
        self._say(f"{_where(allocation)} can do {limits_line(probe)} at the session's {moment}")

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """What is missing for that."""
        self._say(f"! {unprobed_line(_where_all(allocations), moment, why)}")

    def started(self, run: Run, allocations: Allocations) -> None:
        """Which run, and where."""
        self._say(f"▶ {_name(run)} round {run.round} on {_where_all(allocations)}")

    def kept(self, run: Run, earlier: Earlier) -> None:
        """One more that is done."""
        super().kept(run, earlier)
        self._done += 1

    def finished(self, run: Run, row: Row) -> None:
        """What came of it, and how many are done."""
        super().finished(run, row)
        self._done += 1
        line = finished_line(_name(run), run.round, visible_row(row))
        about = "" if self._suite.measure.precision is None else "~"
        self._say(f"{line.plain.rstrip()}  [{self._done}/{about}{self._total}]")

    def _say(self, text: str) -> None:
        stamp = datetime.datetime.now().strftime("%H:%M:%S")
        say(self._console, f"{stamp} {text}")


class Display(Estimating):
    """A live display of what runs where, how far it is, and what is left."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._progress = Progress(visible(suite.title))
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

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:
        """The bar gets its length."""
        super().planned(runs, rounds, nodes)
        keys = [key for point in self._suite.points for key in self._keys(point)]
        self._progress.begin(keys, rounds, self._suite.measure.most_rounds)

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """The bar gets the length that the step times so far speak for."""
        to_come = self._rounds_to_come(number, points)
        self._progress.next_round(number, to_come, self._what_is_left(points))

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """A line above the display, which stays."""
        line = unprobed_line(_where_all(allocations), moment, why)
        self._live.console.print(Text(f"! {visible(line)}", "yellow"))

    def kept(self, run: Run, earlier: Earlier) -> None:
        """The bar begins where the session was left."""
        super().kept(run, earlier)
        self._progress.keep(run.key, earlier.status == "ok")

    def started(self, run: Run, allocations: Allocations) -> None:
        """A line of its own."""
        scenario = run.point.scenario
        running = Running(
            _name(run), run.key, _where_all(allocations), scenario.epochs, self._progress.clock()
        )
        self._progress.running[_key(run)] = running

    def phase(self, run: Run, phase: Phase) -> None:
        """What it does now."""
        running = self._progress.running.get(_key(run))
        if running is not None:
            running.phase = phase

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """How far, how accurate."""
        running = self._progress.running.get(_key(run))
        if running is not None:
            running.epoch, running.accuracy = epoch.epoch, epoch.val_accuracy

    def finished(self, run: Run, row: Row) -> None:
        """Its line moves up to those that have ended."""
        super().finished(run, row)
        line = finished_line(_name(run), run.round, visible_row(row))
        self._progress.end(_key(run), run.key, row["status"] == "ok", line)


def _key(run: Run) -> str:
    return f"{run.key}/{run.round}"


def _name(run: Run) -> str:
    return visible(full_name(run.point.sweep, run.point.label))


def _where_all(allocations: Allocations) -> str:
    """Once for each kind of place: "a (2 cores), b (2 cores)", "2 workers on a (1 core)"."""
    counted = Counter(map(_where, allocations))
    return ", ".join(
        f"{number} workers on {name}" if number > 1 else name for name, number in counted.items()
    )


def _where(allocation: Allocation) -> str:
    gpus = f"{several(len(allocation.gpus), 'GPU')}, " if allocation.gpus else ""
    return f"{visible(allocation.node.name)} ({gpus}{several(len(allocation.cores), 'core')})"
