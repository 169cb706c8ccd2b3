"""The state of a running session, and how it looks while it runs."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import mean

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.views.format import NONE, count, percent, rate, seconds

RECENT = 5


@dataclass
class Running:
    """A run under way."""

    name: str
    scenario_id: str
    where: str
    epochs: int
    began: float
    epoch: int = 0
    accuracy: float | None = None


@dataclass
class Progress:
    """What a display needs to know of a session. `clock` is monotonic seconds."""

    title: str
    total: int = 0
    rounds: int = 0
    round: int = 1
    done: int = 0
    not_ok: int = 0
    running: dict[str, Running] = field(default_factory=dict)
    recent: list[Text] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    began: float = 0.0
    _taken: dict[str, list[float]] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)

    def begin(self, scenario_ids: Sequence[str], rounds: int) -> None:
        """The session starts with these scenarios."""
        self.began, self.rounds, self.total = self.clock(), rounds, rounds * len(scenario_ids)
        self._left = dict.fromkeys(scenario_ids, rounds)

    def end(self, key: str, scenario_id: str, ok: bool, line: Text) -> None:
        """A run has ended; `line` says how."""
        run = self.running.pop(key, None)
        if run is not None:
            self._taken.setdefault(scenario_id, []).append(self.clock() - run.began)
        self._left[scenario_id] = max(self._left.get(scenario_id, 1) - 1, 0)
        self.done += 1
        self.not_ok += not ok
        self.recent = [*self.recent, line][-RECENT:]

    def seconds_left(self) -> float | None:
        """Runs to come at the time their scenario took before, else the mean; None before the first end."""
        if not self._taken:
            return None
        known = {scenario: mean(taken) for scenario, taken in self._taken.items()}
        usual = mean(known.values())
        ahead = sum(known.get(scenario, usual) * left for scenario, left in self._left.items())
        spent = sum(self.clock() - run.began for run in self.running.values())
        return max(ahead - spent, 0.0) / max(len(self.running), 1)


def progress_view(progress: Progress) -> RenderableType:
    """The last runs that ended, those under way, and how far the session is."""
    return Group(*progress.recent, *_running(progress), _foot(progress))


def finished_line(name: str, round_number: int, row: dict[str, object]) -> Text:
    """One line about a run that has ended."""
    line = Text("✓ " if row["status"] == "ok" else "✗ ", "green" if row["status"] == "ok" else "bold red")
    line.append(f"{name} ", "default")
    line.append(f"round {round_number} ", "dim")
    if row["status"] == "ok":
        line.append(f"{seconds(row['step_seconds'])}/step  {rate(row['samples_per_second'])}  ", "cyan")  # type: ignore[arg-type]
        line.append(f"val {percent(row['val_accuracy'])}  ", "default")  # type: ignore[arg-type]
    else:
        error = str(row["error"] or "").splitlines()
        line.append(f"{row['status']}{': ' + error[0] if error else ''}  ", "red")
    line.append(" ".join(str(flag) for flag in row["flags"] or ()), "yellow")  # type: ignore[attr-defined]
    return line


def _running(progress: Progress) -> Iterable[RenderableType]:
    if not progress.running:
        yield Text("  starting processes …", "dim")
        return
    table = Table.grid(padding=(0, 2))
    for run in progress.running.values():
        epoch = f"epoch {run.epoch + 1}/{run.epochs}" if run.epoch < run.epochs else "testing"
        accuracy = f"val {percent(run.accuracy)}" if run.accuracy is not None else ""
        elapsed = seconds(round(progress.clock() - run.began))
        table.add_row(
            Text("▶", "bold cyan"), run.name, Text(run.where, "dim"), epoch, accuracy, Text(elapsed, "dim")
        )
    yield table


def _foot(progress: Progress) -> RenderableType:
    left = progress.seconds_left()
    failed = f"  {progress.not_ok} not ok" if progress.not_ok else ""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        ProgressBar(total=max(progress.total, 1), completed=progress.done, width=24),
        f"{count(progress.done)}/{count(progress.total)} runs",
        f"round {progress.round}/{progress.rounds}",
        Text(f"{seconds(round(progress.clock() - progress.began))} gone", "dim"),
        f"{NONE if left is None else 'about ' + seconds(round(left))} left",
        Text(failed.strip(), "bold red"),
    )
    return grid
