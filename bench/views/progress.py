"""The state of a running session, and how it looks while it runs."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.analysis.failures import first_line
from bench.records.measurement import Phase
from bench.views.format import NONE, count, elapsed, percent, seconds, several
from bench.views.width import ByWidth

RECENT = 5
BAR = 32
"""The longest that the bar gets, in terminal columns."""


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


@dataclass
class Progress:
    """What a display needs to know of a session. `clock` is monotonic seconds.

    `rounds` is how many there are, or where that is not `fixed`, how many there are at most.
    """

    title: str
    rounds: int = 0
    fixed: bool = True
    round: int = 1
    note: str = ""
    done: int = 0
    not_ok: int = 0
    running: dict[str, Running] = field(default_factory=dict)
    recent: list[Text] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    _planned: float = field(init=False)
    _taken: dict[str, list[float]] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = self._planned = self.clock()

    @property
    def total(self) -> int:
        """Runs of the whole session, as far as is known."""
        return self.done + sum(list(self._left.values()))

    def begin(self, scenario_ids: Sequence[str], rounds: int, most_rounds: int | None = None) -> None:
        """The session is ready, and starts with these scenarios: `rounds` of each, or up to `most_rounds`."""
        self._planned, self.rounds = self.clock(), most_rounds or rounds
        self.fixed = self.rounds == rounds
        self._left = dict.fromkeys(scenario_ids, rounds)

    def next_round(self, number: int, left: Mapping[str, int], note: str = "") -> None:
        """Round `number` begins; `left` is how many rounds each scenario has to come, this one included."""
        self.round, self.note, self._left = number, note, dict(left)

    def end(self, key: str, scenario_id: str, ok: bool, line: Text) -> None:
        """A run has ended; `line` says how."""
        run = self.running.pop(key, None)
        if run is not None:
            self._taken.setdefault(scenario_id, []).append(self.clock() - run.began)
        self.keep(scenario_id, ok)
        self.recent = [*self.recent, line][-RECENT:]

    def keep(self, scenario_id: str, ok: bool) -> None:
        """A run is done; before the session was resumed, where no `end` tells more of it."""
        self._left[scenario_id] = max(self._left.get(scenario_id, 1) - 1, 0)
        self.done += 1
        self.not_ok += not ok

    def seconds_left(self) -> float | None:
        """The time that is left, at the session's pace so far; None before the first run has ended.

        The work of a run is what its scenario took before, else the mean over scenarios. The pace is the
        session's own time over the work done in it: starting processes slows it down, runs side by side
        speed it up.
        """
        # Copies: while the display's thread counts, the session goes on.
        past = list(self._taken.items())
        known = {scenario: fmean(taken) for scenario, taken in past}
        done = sum(sum(taken) for _, taken in past)
        if not done:
            return None
        usual = fmean(known.values())
        now = self.clock()
        running, to_come = list(self.running.values()), list(self._left.items())
        begun = sum(min(now - run.began, known.get(run.scenario_id, usual)) for run in running)
        ahead = sum(known.get(scenario, usual) * left for scenario, left in to_come)
        return (ahead - begun) * (now - self._planned) / (done + begun)


def progress_view(progress: Progress) -> RenderableType:
    """The suite's title, the last runs that ended, those under way, and how far the session is."""
    return ByWidth(
        lambda width: Group(
            Text(progress.title, "bold", no_wrap=True, overflow="ellipsis"),
            *progress.recent,
            *_running(progress, width),
            *([Text(progress.note, "dim")] if progress.note else []),
            _foot(progress),
        )
    )


def finished_line(name: str, round_number: int, row: Mapping[str, Any]) -> Text:
    """One line about a run that has ended; a long error is cut short where there is no room for it."""
    ok = row["status"] == "ok"
    line = Text.assemble(
        ("✓ ", "green") if ok else ("✗ ", "bold red"),
        name,
        (f"  round {round_number}  ", "dim"),
        no_wrap=not ok,
        overflow="fold" if ok else "ellipsis",
    )
    if ok:
        line.append(f"{seconds(row['step_seconds'])}/step", "cyan")
        line.append(f"  val {percent(row['val_accuracy'])}")
    else:
        error = first_line(row["error"])
        line.append(f"{row['status']}{': ' + error if error else ''}", "red")
    if row["flags"]:
        line.append("  " + " ".join(row["flags"]), "yellow")
    return line


def _running(progress: Progress, width: int) -> Iterable[RenderableType]:
    """Where each runs is left out where the terminal is too narrow for it."""
    running = list(progress.running.values())  # a copy: the session goes on while this is drawn
    if not running:
        over = progress.total and progress.done == progress.total
        yield Text("  ending …" if over else "  starting processes …", "dim")
        return
    now = progress.clock()
    rows = [_cells(run, now - run.began) for run in running]
    needed = sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0])))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for _ in range(3):
        table.add_column(no_wrap=True)
    for row in rows:
        table.add_row(*(row if needed <= width else row[:-1]))
    yield table


def _cells(run: Running, taken: float) -> list[Text]:
    ahead = run.phase is not None and run.phase not in ("train", "evaluate")
    epoch = f"epoch {run.epoch + 1}/{run.epochs}" if run.epoch < run.epochs else "testing"
    return [
        Text("▶", "bold cyan"),
        Text(run.name),
        Text(str(run.phase) if ahead else epoch),
        Text(f"val {percent(run.accuracy)}" if run.accuracy is not None else ""),
        Text(elapsed(taken), "dim", justify="right"),
        Text(run.where, "dim"),
    ]


def _foot(progress: Progress) -> RenderableType:
    gone = Text(f"{elapsed(progress.clock() - progress.began)} gone", "dim")
    if not progress.total:
        return gone
    left = progress.seconds_left()
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(max_width=BAR)
    for _ in range(5):
        grid.add_column(no_wrap=True)
    grid.add_row(
        ProgressBar(max(progress.total, 1), progress.done, complete_style="cyan", finished_style="green"),
        f"{count(progress.done)}/{'' if progress.fixed else '~'}{several(progress.total, 'run')}",
        f"round {progress.round}/{'' if progress.fixed else '≤'}{progress.rounds}",
        gone,
        f"{NONE if left is None else 'about ' + elapsed(left)} left",
        Text(f"{progress.not_ok} not ok" if progress.not_ok else "", "bold red"),
    )
    return grid
