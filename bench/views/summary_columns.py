"""The columns of a summary: what each shows, what it means, and which give way where there is no room."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from bench.analysis.summary import ScenarioSummary
from bench.views.format import NONE, bytes_, count, flops, joules, percent, rate, seconds


@dataclass(frozen=True)
class Column:
    """A column: it is shown where a summary has `fact`; the highest `rank` gives way first, 0 never.

    `words` may wrap at spaces, figures never.
    """

    title: str
    fact: str
    cell: Callable[[ScenarioSummary], str | Text]
    rank: int
    meaning: str = ""
    words: bool = False


def columns_of(summaries: Sequence[ScenarioSummary]) -> list[Column]:
    """The columns that have something to tell of `summaries`; where none has steps, wall is the time."""
    pooled = any(summary.session_id is None for summary in summaries)
    found = [c for c in COLUMNS if any(getattr(s, c.fact) not in (None, ()) for s in summaries)]
    found = found if pooled else [c for c in found if c.title != SESSIONS]
    ranks = {"wall": 1} if not any(c.title == "step" for c in found) else {}
    ranks |= {"± 95 %": 2} if pooled else {}
    return [replace(c, rank=ranks.get(c.title, c.rank)) for c in found]


def legend(titles: Collection[str], pooled: bool = False) -> str:
    """What the columns of these titles mean, on one line."""
    of = {c.title: POOLED.get(c.title, c.meaning) if pooled else c.meaning for c in COLUMNS}
    meanings = "; ".join(f"{title}: {of[title]}" for title in of if of[title] and title in titles)
    figures = "" if pooled else "Figures are medians over the runs that ended ok, unless said. "
    return f"{figures}{meanings}."


def runs_ok(summary: ScenarioSummary) -> Text:
    """How many runs ended ok: "2/3", red where not all did."""
    style = "green" if summary.ok == summary.runs else "bold red"
    return Text(f"{summary.ok}/{summary.runs}", style)


def flags(summary: ScenarioSummary) -> Text:
    """The flags and how many runs have each."""
    return Text(flag_words(summary.flags), "yellow")


def flag_words(flags: Iterable[tuple[str, int]]) -> str:
    """Each flag, with how many runs have it where several do."""
    return " ".join(f"{name}×{n}" if n > 1 else name for name, n in flags)


def _precision(summary: ScenarioSummary) -> Text:
    """How far the interval reaches, with a mark where a narrower one was asked for."""
    reach = _share(summary.step_precision)
    return Text(f"! {reach}", "yellow") if summary.precision_reached is False else Text(reach)


def _target(summary: ScenarioSummary) -> str:
    return f"{summary.target_reached}/{summary.target_runs}" if summary.target_runs else NONE


def _share(share: float | None, digits: int = 2) -> str:
    """Without the space: these columns are narrow."""
    return percent(share, digits).replace(" %", "%")


def _joules_per_million(summary: ScenarioSummary) -> str:
    """All runs of a scenario train on as many images: what they have in a second, by the seconds."""
    images = (summary.samples_per_second or 0.0) * (summary.train_seconds or 0.0)
    energy = summary.energy_joules
    return joules(energy / images * 1e6 if energy is not None and images else None)


SESSIONS = "sessions"
"""The title of the column that only pooled summaries have."""
POOLED = {
    "ok": "how many runs ended so, of all",
    "± 95 %": "how far the interval over sessions reaches",
    "± MAD": "a session's usual distance from it",
}
"""What columns mean where sessions are pooled, if something else."""
COLUMNS = (
    Column(SESSIONS, "sessions", lambda s: count(s.sessions), 0),
    Column("ok", "runs", runs_ok, 0, "how many did, of all"),
    Column("step", "step_seconds", lambda s: seconds(s.step_seconds), 1, "one training step"),
    Column(
        "± 95 %",
        "step_precision",
        _precision,
        6,
        "how far its 95 % interval reaches (where a precision was asked for 97 % nominal, 95 % after "
        "looking), ! farther than asked for",
    ),
    Column("± MAD", "spread", lambda s: _share(s.spread, 1), 7, "a run's usual distance from it"),
    Column(
        "samples", "samples_per_second", lambda s: rate(s.samples_per_second), 4, "training images per second"
    ),
    Column("wall", "wall_seconds", lambda s: seconds(s.wall_seconds), 9, "compile, train and validate"),
    Column("compile", "compile_seconds", lambda s: seconds(s.compile_seconds), 11),
    Column("speed", "flops_per_second", lambda s: flops(s.flops_per_second), 13),
    Column("of limit", "limit_fraction", lambda s: _share(s.limit_fraction, 0), 10, "of this machine's best"),
    Column("bound by", "bound_by", lambda s: s.bound_by or NONE, 12, words=True),
    Column("train", "train_accuracy", lambda s: _share(s.train_accuracy), 14),
    Column("val", "val_accuracy", lambda s: _share(s.val_accuracy), 2, "validation accuracy"),
    Column("best", "best_val_accuracy", lambda s: _share(s.best_val_accuracy), 15, "val of the best epoch"),
    Column("test", "test_accuracy", lambda s: _share(s.test_accuracy), 8),
    Column(
        "target in",
        "target_seconds",
        lambda s: seconds(s.target_seconds),
        2,
        "to the target, over all runs, ∞ where half or more miss it",
    ),
    Column("reached", "target_seconds", _target, 3),
    Column("memory", "peak_device_bytes", lambda s: bytes_(s.peak_device_bytes), 16, "peak on the device"),
    Column("energy", "energy_joules", lambda s: joules(s.energy_joules), 17, "of the training alone"),
    Column("of 10⁶", "energy_joules", _joules_per_million, 18, "the same for a million training images"),
    Column("flags", "flags", flags, 0, words=True),
)
