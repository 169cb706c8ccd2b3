"""The tables of the report, in words and tones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.text import Text

from bench.analysis.failures import first_line
from bench.analysis.origin import Origin
from bench.analysis.sessions import SessionFacts
from bench.analysis.summary import ScenarioSummary
from bench.records.probe import bandwidths_of
from bench.records.run_table import RunRecord
from bench.records.tables import Row
from bench.views.format import NONE, bytes_, count, flops, full_name, seconds
from bench.views.sheet import Sheet
from bench.views.summary_columns import columns_of, flag_words

Tone = Literal["", "good", "bad", "warn"]
TONES: tuple[tuple[str, Tone], ...] = (("red", "bad"), ("yellow", "warn"), ("green", "good"))
"""What the terminal's colours say."""
VERDICT_TONES: dict[str, Tone] = {
    **{"faster": "good", "below": "good", "slower": "bad", "above": "bad", "failed": "bad"},
    **{"less energy": "good", "more energy": "bad", "unclear": "warn", "no verdict": "warn"},
}


@dataclass(frozen=True)
class Cell:
    """Words and how they are meant; `words` may wrap, figures never."""

    text: str
    tone: Tone = ""
    words: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: what stands above each column, and its rows."""

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())


def summary_grid(summaries: Sequence[ScenarioSummary], numbers: Mapping[Origin, str]) -> Grid:
    """A row for each scenario with every figure there is of it; where they are from by number, if any."""
    columns = columns_of(summaries)
    machine = [Cell("on")] if numbers else []
    header = (Cell("scenario", words=True), *machine, *(Cell(c.title, words=c.words) for c in columns))
    rows = tuple(
        (
            Cell(summary.label, words=True),
            *([Cell(numbers[summary.origin])] if numbers else []),
            *(_cell(column.cell(summary), column.words) for column in columns),
        )
        for summary in summaries
    )
    return Grid(header, rows)


def sheet_grid(sheet: Sheet) -> Grid:
    """A table that the terminal has, too: its first column are names."""
    header = tuple(Cell(title, words=number == 0) for number, title in enumerate(sheet.header))
    rows = tuple((Cell(row[0], words=True), *map(_figure, row[1:])) for row in sheet.rows)
    return Grid(header, rows, sheet.sentences)


def _figure(text: str) -> Cell:
    return Cell(text, next((tone for word, tone in VERDICT_TONES.items() if text.startswith(word)), ""))


def session_grid(sessions: Iterable[SessionFacts]) -> Grid:
    """A row for each session."""
    titles = ("session", "suite", "machine", "nodes", "scenarios", "rounds", "ok", "flags", "began (UTC)")
    rows = tuple(
        (
            Cell(facts.session_id, words=True),
            Cell(facts.suite, words=True),
            Cell("; ".join(facts.machines) or NONE, words=True),
            Cell(_nodes(facts), words=True),
            Cell(count(facts.scenarios)),
            Cell(count(facts.rounds)),
            Cell(f"{count(facts.ok)}/{count(facts.runs)}", "good" if facts.ok == facts.runs else "bad"),
            Cell(flag_words(facts.flags) or NONE, "warn" if facts.flags else "", words=True),
            Cell(f"{facts.began:%Y-%m-%d %H:%M}" if facts.began else NONE),
        )
        for facts in sessions
    )
    words = {"session", "suite", "machine", "nodes", "flags"}
    return Grid(tuple(Cell(title, words=title in words) for title in titles), rows)


def failure_grid(failures: Sequence[RunRecord], failed: int) -> Grid | None:
    """A row for each of the runs that did not end ok, of `failed` in all; None where all did."""
    if not failures:
        return None
    rows = tuple(
        (
            Cell(full_name(run.sweep, run.label), words=True),
            Cell(count(run.round)),
            Cell(run.node or NONE, words=True),
            Cell(run.status, "bad"),
            Cell(first_line(run.error) or NONE, words=True),
        )
        for run in failures
    )
    words = {"run", "node", "error"}
    header = tuple(Cell(t, words=t in words) for t in ("run", "round", "node", "status", "error"))
    more = failed - len(failures)
    return Grid(header, rows, (f"and {count(more)} more",) if more > 0 else ())


def machine_grid(machines: Iterable[Row]) -> Grid | None:
    """A row for each node and software: what it is, and what its probes found at most; None without any."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in machines:
        groups.setdefault((row["node"], row["machine_id"], row["software_id"]), []).append(row)
    if not groups:
        return None
    titles = ("node", "machine", "memory", "system", "software", "matrix product", "memory rate", "launch")
    words = {"node", "machine", "system", "software"}
    header = tuple(Cell(title, words=title in words) for title in titles)
    return Grid(header, tuple(map(_machine, groups.values())))


def _machine(rows: Sequence[Row]) -> tuple[Cell, ...]:
    first = rows[0]
    versions = [(name, first.get(f"{name}_version")) for name in ("python", "tensorflow", "ray")]
    system = filter(None, (first.get("operating_system"), first.get("kernel")))
    products, launches = (
        _known(rows, f"probe_{name}") for name in ("float32_flops_per_second", "launch_seconds")
    )
    memory = _memory_rates(rows)
    return (
        Cell(first["node"] or NONE, words=True),
        Cell(first["machine"] or NONE, words=True),
        Cell(bytes_(first.get("memory_bytes"))),
        Cell(", ".join(system) or NONE, words=True),
        Cell(", ".join(f"{name} {value}" for name, value in versions if value) or NONE, words=True),
        Cell(flops(max(products, default=None))),
        Cell(f"{bytes_(max(memory))}/s" if memory else NONE),
        Cell(seconds(min(launches, default=None))),
    )


def _memory_rates(rows: Iterable[Row]) -> list[float]:
    """Bytes per second of each probe that has the largest working set of all."""
    probed = [pair for row in rows for pair in bandwidths_of(row)]
    largest = max((size for size, _ in probed), default=None)
    return [rate for size, rate in probed if size == largest]


def _known(rows: Iterable[Row], name: str) -> list[Any]:
    return [row[name] for row in rows if row.get(name)]


def _nodes(facts: SessionFacts) -> str:
    return (", ".join(facts.nodes) or NONE) if len(facts.nodes) <= 3 else f"{count(len(facts.nodes))} nodes"


def _cell(value: str | Text, words: bool) -> Cell:
    style = str(value.style) if isinstance(value, Text) else ""
    tone: Tone = next((tone for name, tone in TONES if name in style), "")
    return Cell(str(value), tone, words)
