"""Where sessions' time went: tables for the terminal, Markdown, CSV and JSON, and a few lines."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.overhead import USEFUL, Overhead, Part
from bench.orchestration.spent import Doing
from bench.views.export import csv_text, json_text, markdown_words
from bench.views.format import count, percent, seconds, several
from bench.views.sheet import Sheet, as_markdown

WORDS: dict[Part, str] = {
    "train": "training",
    "evaluate": "evaluation",
    "compile": "compilation",
    "compile_cached": "compilation from the cache",
    "import": "import of TensorFlow",
    "start": "process starts",
    "build": "building models",
    "stage": "data to the device",
    "warmup": "warm-up",
    "inside": "else in runs' processes",
    "around": "process ends and messages",
    "failed": "runs that did not end ok",
    "probe": "probes before runs",
    "idle": "slots idle or opening",
    "idle_or_lost": "idle, opening or lost attempts",
}
DRIVER: dict[Doing, str] = {
    "data": "loading data",
    "ray-start": "Ray's start",
    "inspection": "looking at the nodes",
    "tables": "writing tables",
    "ray-end": "Ray's end",
}
"""What `bench run` does itself, in the order in which it does so."""
TITLES = ("part", "time", "share", "a run")
COLUMNS = (
    *("session_id", "suite", "runs", "runs_untold", "wall_seconds", "slots"),
    *("part", "seconds", "share", "seconds_per_run"),
)
SMALL = 0.02
"""A part of a smaller share is not told by itself in a line."""
LEGEND = (
    "Share: of the time of all slots, where one of several workers counts once for each. Else in runs' "
    "processes: calls around windows of steps, meters, the measuring of all-reduce."
)


def overhead_grids(overheads: Sequence[Overhead]) -> RenderableType:
    """A table per session, what follows from it, and a legend below all."""
    return Group(*_grids(overheads))


def overhead_markdown(overheads: Sequence[Overhead]) -> str:
    """A line in bold, a table and the sentences for each session, and a legend."""
    return "\n".join((*map(_markdown, overheads), LEGEND + "\n"))


def overhead_csv(overheads: Iterable[Overhead]) -> str:
    """One line per session and part that is known, numbers plain."""
    return csv_text(COLUMNS, [{**_facts(one), **part} for one in overheads for part in _records(one)])


def overhead_json(overheads: Iterable[Overhead]) -> str:
    """A list of sessions, each with its parts."""
    return json_text(
        [
            {
                **_facts(one),
                "overhead_seconds_per_run": one.overhead_seconds_per_run,
                "end_probe_seconds": one.end_probe_seconds,
                "parts": list(_records(one)),
            }
            for one in overheads
        ]
    )


def overhead_lines(overhead: Overhead, spent: Mapping[Doing, float]) -> list[str]:
    """The same of a session that has just ended: what its slots' time went to, and the overhead of a run.

    `spent` are the seconds of what the driver did itself, by the names of `DRIVER`; further ones count for
    the whole.
    """
    if not overhead.seconds:
        return []
    shares = [
        f"{words} {seconds(taken)} ({percent(taken / overhead.total_seconds, 0)})"
        for words, taken in _large(overhead)
    ]
    besides = [f"{words} {seconds(spent[name])}" for name, words in DRIVER.items() if name in spent]
    if overhead.end_probe_seconds:
        besides.append(f"probes at the end at least {seconds(overhead.end_probe_seconds)}")
    lines = [f"Where {_whole(overhead)} went: {', '.join(shares)}.", *_per_run(overhead)]
    if besides:
        lines.append(f"Besides: {', '.join(besides)}; {seconds(sum(spent.values()))} in all.")
    return lines


def _large(overhead: Overhead) -> Iterator[tuple[str, float]]:
    """The parts that matter, and what the others come to together."""
    least = SMALL * overhead.total_seconds
    for part, taken in overhead.seconds.items():
        if taken >= least:
            yield WORDS[part], taken
    rest = sum(taken for taken in overhead.seconds.values() if taken < least)
    if rest:
        yield "all else", rest


def _grids(overheads: Sequence[Overhead]) -> Iterator[RenderableType]:
    for one in overheads:
        yield Text.assemble((one.session_id, "bold cyan"), f": {_what(one)}")
        if one.seconds:
            yield _grid(one)
            yield Text()
        yield from map(Text, _sentences(one))
        yield Text()
    yield Text(LEGEND, "dim")


def _markdown(overhead: Overhead) -> str:
    sentences = tuple(_sentences(overhead))
    if overhead.seconds:
        cells = tuple(_cells(overhead))
        return as_markdown(Sheet(overhead.session_id, _what(overhead), TITLES, cells, sentences))
    title = f"**{overhead.session_id}**: {_what(overhead)}"
    return "\n\n".join(map(markdown_words, (title, *sentences))) + "\n"


def _grid(overhead: Overhead) -> Table:
    grid = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for title in TITLES:
        grid.add_column(title, justify="left" if title == "part" else "right", no_wrap=True)
    for part, cells in zip(overhead.seconds, _cells(overhead), strict=False):
        grid.add_row(*cells, style="green" if part in USEFUL else "")
    grid.add_section()
    for cells in list(_cells(overhead))[len(overhead.seconds) :]:
        grid.add_row(*cells, style="bold")
    return grid


def _cells(overhead: Overhead) -> Iterator[tuple[str, ...]]:
    """The parts, and all of them together, in seconds throughout: figures to be held against each other."""
    digits = _digits(overhead.total_seconds), _digits(overhead.total_seconds / max(overhead.runs, 1))
    for record in _records(overhead):
        yield _line(WORDS[record["part"]], record["seconds"], record["share"], overhead.runs, digits)
    if overhead.seconds:
        yield _line("all", overhead.total_seconds, 1.0, overhead.runs, digits)


def _line(name: str, taken: float, share: float, runs: int, digits: tuple[int, int]) -> tuple[str, ...]:
    whole, each = digits
    return name, f"{taken:,.{whole}f} s", percent(share, 1), f"{taken / runs:,.{each}f} s"


def _digits(largest: float) -> int:
    """Decimals that tell a thousandth of `largest` seconds, or of a minute where that is more."""
    return max(0, 3 - math.floor(math.log10(largest))) if 0 < largest < 60 else 1


def _records(overhead: Overhead) -> Iterator[dict[str, Any]]:
    for part, taken in overhead.seconds.items():
        yield {
            "part": part,
            "seconds": taken,
            "share": taken / overhead.total_seconds,
            "seconds_per_run": taken / overhead.runs,
        }


def _facts(overhead: Overhead) -> dict[str, Any]:
    return {
        "session_id": overhead.session_id,
        "suite": overhead.suite,
        "runs": overhead.runs,
        "runs_untold": overhead.untold,
        "wall_seconds": overhead.wall_seconds,
        "slots": overhead.slots,
    }


def _what(overhead: Overhead) -> str:
    runs = f"{overhead.suite}, {several(overhead.runs, 'run')}"
    if overhead.wall_seconds is None or overhead.slots is None:
        return runs
    slots = "one at a time" if overhead.slots == 1 else f"up to {count(overhead.slots)} at once"
    return f"{runs} in {seconds(overhead.wall_seconds)}, {slots}"


def _whole(overhead: Overhead) -> str:
    """What the parts are of."""
    if overhead.wall_seconds is None or overhead.slots is None:
        return f"the time of {several(overhead.runs, 'run')}"
    if overhead.slots == 1:
        return seconds(overhead.wall_seconds)
    return f"{count(overhead.slots)} slots' {seconds(overhead.wall_seconds)} each"


def _sentences(overhead: Overhead) -> Iterator[str]:
    yield from _per_run(overhead)
    if overhead.untold:
        which = "They" if overhead.untold == overhead.runs else f"{count(overhead.untold)} of them"
        yield (
            f"{which} were recorded by an older bench, which did not say how long runs had their slots: "
            "process starts, waiting and what passed between their own clocks are not known."
        )
    elif overhead.wall_seconds is None and overhead.seconds:
        yield "How long the slots were idle or probed is not known from these runs alone."
    if overhead.end_probe_seconds:
        yield f"Probes after the last run took at least {seconds(overhead.end_probe_seconds)} more."
    if not overhead.seconds:
        yield "Its runs say nothing of where their time went."


def _per_run(overhead: Overhead) -> Iterator[str]:
    each, own = overhead.overhead_seconds_per_run, overhead.own_overhead_seconds_per_run
    if each is None or own is None:
        return
    useful = seconds(overhead.useful_seconds / overhead.runs)
    of_it = "" if overhead.wall_seconds is None else f", {seconds(own)} of it while the run had its slot"
    yield f"Overhead: {seconds(each)} of slots' time a run{of_it}; {useful} was training and evaluation."
