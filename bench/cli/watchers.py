"""Who tells the person at the terminal what a session does: a live display, plain lines, or nobody."""

import datetime
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.analysis.outlook import Outlook
from bench.cli.output import say
from bench.orchestration.runs import Run, run_keys
from bench.orchestration.scheduling.request import Allocation, Allocations
from bench.records.earlier import Earlier
from bench.records.measurement import Epoch, Phase
from bench.records.probe import Moment, Probe
from bench.records.suite import Suite
from bench.records.tables import Row
from bench.views.format import full_name, several
from bench.views.live import TOLD, ProgressView, finished_line
from bench.views.probe import limits_line, unprobed_line
from bench.views.progress import Ahead, Progress, Running
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

    def round_began(self, number: int) -> None:
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
    """Keeps what the runs that have ended tell of those to come."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._outlook = Outlook(suite.measure, {})

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:  # noqa: ARG002 -- the suite says more
        """Which runs each scenario has in a round."""
        scenarios = (point.scenario for point in self._suite.points)
        keys = {scenario.scenario_id: run_keys(scenario, nodes) for scenario in scenarios}
        self._outlook = Outlook(self._suite.measure, keys)

    def kept(self, run: Run, earlier: Earlier) -> None:
        """A run fewer to come, and maybe a step time more."""
        scenario_id = run.point.scenario.scenario_id
        ended = earlier.machine, earlier.status, earlier.step_seconds
        self._outlook.ended(scenario_id, run.key, *ended)

    def finished(self, run: Run, row: Row) -> None:
        """A run fewer to come, and maybe a step time more."""
        ended = row["machine"], row["status"], row["step_seconds"]
        self._outlook.ended(run.point.scenario.scenario_id, run.key, *ended)

    def _what_is_left(self) -> str:
        precision = self._suite.measure.precision
        if precision is None:
            return ""
        return still_going(self._outlook.going_on, len(self._suite.points), precision)


class Lines(Estimating):
    """A plain line per run that starts or ends, for logs and pipes."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._console = console

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:
        """What is ahead."""
        super().planned(runs, rounds, nodes)
        ahead = runs_ahead(len(self._suite.points) * max(len(nodes), 1), self._suite.measure)
        where = f", each scenario on {', '.join(nodes)}" if nodes else ""
        self._say(f"{self._suite.title}: {ahead}{where}")

    def round_began(self, number: int) -> None:
        """How many scenarios are not over when the first run of a round beyond the least number begins."""
        measure = self._suite.measure
        if number > measure.least_rounds:
            self._say(f"Round {number} of at most {measure.most_rounds}: {self._what_is_left()}")

    def probed(self, allocation: Allocation, probe: Probe, moment: Moment) -> None:
        """What the machine can do at most."""
        self._say(f"{_where(allocation)} can do {limits_line(probe)} at the session's {moment}")

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """What is missing for that."""
        self._say(f"! {unprobed_line(_where_all(allocations), moment, why)}")

    def started(self, run: Run, allocations: Allocations) -> None:
        """Which run, and where."""
        self._say(f"▶ {_name(run)} round {run.round} on {_where_all(allocations)}")

    def finished(self, run: Run, row: Row) -> None:
        """What came of it, and how many are done."""
        super().finished(run, row)
        line = finished_line(_name(run), run.round, _told(row))
        about = "" if self._suite.measure.precision is None else "~"
        self._say(f"{line.plain.rstrip()}  [{self._outlook.done}/{about}{self._outlook.total}]")

    def _say(self, text: str) -> None:
        stamp = datetime.datetime.now().strftime("%H:%M:%S")
        say(self._console, f"{stamp} {text}")


class Display(Estimating):
    """A live display of what runs where, how far it is, and what is left."""

    def __init__(self, console: Console, suite: Suite) -> None:
        super().__init__(suite)
        self._progress = Progress(visible(suite.title))
        self._live = Live(
            ProgressView(self._progress),
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
        scenario_ids = (point.scenario.scenario_id for point in self._suite.points)
        left = {scenario_id: self._outlook.left(scenario_id) for scenario_id in scenario_ids}
        self._progress.begin(left, rounds, self._suite.measure.most_rounds)

    def round_began(self, number: int) -> None:
        """The round that is told beside the bar."""
        self._progress.round_began(number, self._what_is_left())

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """A line above the display, which stays."""
        line = unprobed_line(_where_all(allocations), moment, why)
        self._live.console.print(Text(f"! {visible(line)}", "yellow"))

    def kept(self, run: Run, earlier: Earlier) -> None:
        """The bar begins where the session was left."""
        super().kept(run, earlier)
        self._progress.keep(run.point.scenario.scenario_id, earlier.status == "ok", self._ahead(run))

    def started(self, run: Run, allocations: Allocations) -> None:
        """A line of its own, while there is room for it."""
        scenario = run.point.scenario
        where, began = _where_all(allocations), self._progress.clock()
        running = Running(_name(run), scenario.scenario_id, where, scenario.epochs, began)
        self._progress.start(_key(run), running)

    def phase(self, run: Run, phase: Phase) -> None:
        """What it does now."""
        self._progress.phase(_key(run), phase)

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """How far, how accurate."""
        self._progress.epoch(_key(run), epoch)

    def finished(self, run: Run, row: Row) -> None:
        """Its line moves up to those that have ended, and the bar gets the length that is expected now."""
        super().finished(run, row)
        line = finished_line(_name(run), run.round, _told(row))
        scenario_id = run.point.scenario.scenario_id
        self._progress.end(_key(run), scenario_id, row["status"] == "ok", line, self._ahead(run))

    def _ahead(self, run: Run) -> Ahead:
        left = self._outlook.left(run.point.scenario.scenario_id)
        return Ahead(left, self._outlook.total, self._what_is_left())


def _key(run: Run) -> str:
    return f"{run.key}/{run.round}"


def _told(row: Row) -> Row:
    return visible_row({name: row[name] for name in TOLD})


def _name(run: Run) -> str:
    return visible(full_name(run.point.sweep, run.point.label))


def _where_all(allocations: Allocations) -> str:
    """Once for each kind of allocation: "a (2 cores), b (2 cores)", "2 workers on a (1 core)"."""
    counted = Counter(map(_where, allocations))
    return ", ".join(
        f"{number} workers on {name}" if number > 1 else name for name, number in counted.items()
    )


def _where(allocation: Allocation) -> str:
    gpus = f"{several(len(allocation.gpus), 'GPU')}, " if allocation.gpus else ""
    return f"{visible(allocation.node.name)} ({gpus}{several(len(allocation.cores), 'core')})"
