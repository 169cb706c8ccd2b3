"""Speed-up and efficiency of replicas as tables for the terminal, and as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.decision import CONFIDENCE
from bench.analysis.scaling import ScaledScenario, Scaling
from bench.analysis.statistics import rounds_needed
from bench.views.format import NONE, count, percent, ratio, span
from bench.views.sheet import Sheet, as_markdown
from bench.views.width import ByWidth

WIDE = 120
"""Terminal columns from which every interval gets a column of its own."""
INTERVAL = f"{CONFIDENCE * 100:g} %"
UNITS = {True: "GPUs", False: "cores"}
DETAILS = ("servers", "placement", "cpus")
"""Settings that are named where nothing else tells two scenarios apart."""


@dataclass(frozen=True)
class _Line:
    """A row in words. Where no run ended ok, `speedup` is what became of them, and `gone` is true."""

    strategy: str
    replicas: str
    details: str
    nodes: str
    hardware: str
    speedup: str
    speedup_interval: str
    efficiency: str
    efficiency_interval: str
    all_reduce: str
    ok: str
    all_ok: bool
    gone: bool


def scaling_tables(scalings: Sequence[Scaling]) -> RenderableType:
    """A table per scaling and a legend below all; nothing for no scaling.

    Begins with a blank line: it stands below the summaries.
    """
    return ByWidth(lambda width: Group(*_parts(scalings, width)))


def scaling_markdown(scalings: Sequence[Scaling]) -> str:
    """A line in bold and a table per scaling, and a legend; empty for no scaling."""
    if not scalings:
        return ""
    return "\n".join((*map(as_markdown, scaling_sheets(scalings)), scaling_legend(scalings) + "\n"))


def scaling_sheets(scalings: Sequence[Scaling]) -> list[Sheet]:
    """The tables in words."""
    return [
        Sheet(_name(scaling, scalings), _what(scaling, scalings), _titles(scaling), _cells(scaling))
        for scaling in scalings
    ]


def _parts(scalings: Sequence[Scaling], width: int) -> Iterator[RenderableType]:
    for scaling in scalings:
        yield Text()
        yield Text.assemble((_name(scaling, scalings), "bold cyan"), f": {_what(scaling, scalings)}")
        yield _wide_table(scaling) if width >= WIDE else _compact_table(scaling)
    if scalings:
        yield Text()
        yield Text(scaling_legend(scalings), "dim")


def _name(scaling: Scaling, scalings: Iterable[Scaling]) -> str:
    """The kind of scaling; the suite only where there are several."""
    kind = f"{scaling.kind.capitalize()} scaling"
    return f"{scaling.suite} · {kind}" if len({other.suite for other in scalings}) > 1 else kind


def _what(scaling: Scaling, scalings: Iterable[Scaling]) -> str:
    """What is fixed, and against what; the machine only where there are several."""
    batch = f"batch {count(scaling.batch)}" + (" per replica" if scaling.kind == "weak" else "")
    names = set(scaling.activation)
    net = "-".join(map(str, scaling.hidden)), "-".join(names if len(names) == 1 else scaling.activation)
    fixed = ", ".join(filter(None, (batch, " ".join(net), scaling.label)))
    several_machines = len({other.machine for other in scalings}) > 1
    where = f" on {scaling.machine}" if several_machines else ""
    return f"{fixed}, against one device ({_device(scaling)}){where}"


def _device(scaling: Scaling) -> str:
    cores = scaling.baseline.hardware
    if not scaling.on_gpus and cores:
        return "1 core" if cores == 1 else f"{cores:g} cores"
    return scaling.device_name or "unknown"


def _lines(scaling: Scaling) -> list[_Line]:
    every = (scaling.baseline, *scaling.scaled)
    return [_line(found, every, found is scaling.baseline) for found in every]


def _line(found: ScaledScenario, every: Iterable[ScaledScenario], is_baseline: bool) -> _Line:
    gone = not found.ok
    interval = "baseline" if is_baseline else span(found.low, found.high)
    bounds = (found.efficiency_low, found.efficiency_high)
    return _Line(
        strategy=found.strategy,
        replicas=f"{found.workers} × {found.devices}",
        details=_details(found, every),
        nodes="–".join(str(end) for end in dict.fromkeys(found.nodes[:1] + found.nodes[-1:])) or NONE,
        hardware=NONE if found.hardware is None else f"{found.hardware:g}",
        speedup=_statuses(found) if gone else ratio(found.speedup),
        speedup_interval="" if gone else interval,
        efficiency="" if gone else percent(found.efficiency, 1),
        efficiency_interval="" if gone or is_baseline else _percents(*bounds),
        all_reduce="" if gone else percent(found.all_reduce_share, 1),
        ok=f"{found.ok}/{found.runs}",
        all_ok=found.ok == found.runs,
        gone=gone,
    )


def _statuses(found: ScaledScenario) -> str:
    """What became of the runs, with how often where that was not the same for all."""
    if len(found.failures) == 1:
        return found.failures[0][0]
    return ", ".join(f"{number} {status}" for status, number in found.failures)


def _details(found: ScaledScenario, every: Iterable[ScaledScenario]) -> str:
    """What sets it apart from others of its strategy with as many workers and devices."""
    alike = [o for o in every if _shape(o) == _shape(found)]
    varied = [name for name in DETAILS if len({getattr(other, name) for other in alike}) > 1]
    return " ".join(f"{name}={getattr(found, name)}" for name in varied if getattr(found, name) is not None)


def _shape(found: ScaledScenario) -> tuple[str, int, int]:
    return (found.strategy, found.workers, found.devices)


def _percents(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"{low * 100:.1f}–{percent(high, 1)}"


def _wide_table(scaling: Scaling) -> Table:
    table = _empty_table()
    table.add_column("strategy", overflow="fold")
    for title in _titles(scaling)[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    for line in _lines(scaling):
        table.add_row(
            _over(line.strategy, line.details),
            line.replicas,
            line.nodes,
            line.hardware,
            _speedup(line),
            line.speedup_interval,
            line.efficiency,
            line.efficiency_interval,
            line.all_reduce,
            _ok(line),
        )
    return table


def _compact_table(scaling: Scaling) -> Table:
    """Two lines a scenario: each figure over its interval."""
    table = _empty_table()
    table.add_column(_over("strategy", "replicas", "dim not bold"), overflow="fold")
    for title in ("nodes", UNITS[scaling.on_gpus]):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("speed-up", "efficiency"):
        table.add_column(_over(title, INTERVAL, "dim not bold"), justify="right", no_wrap=True)
    table.add_column("all-\nreduce", justify="right", no_wrap=True)
    table.add_column("ok", justify="right", no_wrap=True)
    for line in _lines(scaling):
        table.add_row(
            _over(line.strategy, f"{line.replicas} {line.details}".strip()),
            line.nodes,
            line.hardware,
            Text.assemble(_speedup(line), _over("", line.speedup_interval)),
            _over(line.efficiency, line.efficiency_interval.replace(" %", "%")),
            line.all_reduce.replace(" %", "%"),
            _ok(line),
        )
    return table


def _empty_table() -> Table:
    return Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)


def _titles(scaling: Scaling) -> tuple[str, ...]:
    interval = f"{INTERVAL} interval"
    figures = ("speed-up", interval, "efficiency", interval, "all-reduce", "ok")
    return ("strategy", "replicas", "nodes", UNITS[scaling.on_gpus], *figures)


def _over(above: str, below: str, style: str = "dim") -> Text:
    return Text.assemble(above, (f"\n{below}", style)) if below else Text(above)


def _speedup(line: _Line) -> Text:
    """A figure; or statuses, one a line, so that they take no room from the other columns."""
    return Text(line.speedup.replace(", ", ",\n"), "bold red" if line.gone else "bold")


def _ok(line: _Line) -> Text:
    return Text(line.ok, "green" if line.all_ok else "bold red")


def _cells(scaling: Scaling) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{line.strategy} {line.details}".strip(),
            line.replicas,
            line.nodes,
            line.hardware,
            line.speedup,
            line.speedup_interval,
            line.efficiency,
            line.efficiency_interval,
            line.all_reduce,
            line.ok,
        )
        for line in _lines(scaling)
    )


def scaling_legend(scalings: Iterable[Scaling]) -> str:
    """What the columns mean, as far as they say anything."""
    scaled = [found for scaling in scalings for found in scaling.scaled]
    units = " or ".join(dict.fromkeys(UNITS[scaling.on_gpus] for scaling in scalings))
    parts = [
        "Replicas: workers × devices of each",
        "speed-up: training images per second, over one device's",
        f"efficiency: speed-up over how many times as many {units} it has",
    ]
    if any(found.all_reduce_share is not None for found in scaled):
        parts.append("all-reduce: summing up the gradients, with nothing else to do, over a step")
    if any(found.strategy == "parameter_server" for found in scaled):
        parts.append("with parameter_server a step is one global batch, whoever trains on it")
    if any(found.speedup is not None and found.low is None for found in scaled):
        parts.append(f"{NONE} too few rounds for an interval: {rounds_needed(CONFIDENCE)} a side suffice")
    return "; ".join(parts) + "."
