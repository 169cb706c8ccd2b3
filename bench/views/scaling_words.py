"""Speed-up and efficiency of replicas in words: rows, titles, and what stands beside them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.analysis.decision import CONFIDENCE, FEWEST_SESSIONS
from bench.analysis.scaling import ScaledScenario, Scaling
from bench.analysis.statistics import rounds_needed
from bench.views.format import NONE, count, percent, ratio, span
from bench.views.origins import origin_names

INTERVAL = f"{CONFIDENCE * 100:g} %"
UNITS = {True: "GPUs", False: "cores"}
SESSIONS = "sessions"
"""The title of the column that is there where a figure is of several."""
DETAILS = ("servers", "placement", "cpus")
"""Settings that are named where nothing else tells two scenarios apart."""


@dataclass(frozen=True)
class Line:
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
    sessions: str
    all_reduce: str
    ok: str
    all_ok: bool
    gone: bool


def scaling_name(scaling: Scaling, scalings: Iterable[Scaling]) -> str:
    """The kind of scaling; the suite only where there are several."""
    kind = f"{scaling.kind.capitalize()} scaling"
    return f"{scaling.suite} · {kind}" if len({other.suite for other in scalings}) > 1 else kind


def what_scales(scaling: Scaling, scalings: Iterable[Scaling]) -> str:
    """What is fixed, and against what; the machine and the software only where there are several."""
    batch = f"batch {count(scaling.batch)}" + (" per replica" if scaling.kind == "weak" else "")
    names = set(scaling.activation)
    net = "-".join(map(str, scaling.hidden)), "-".join(names if len(names) == 1 else scaling.activation)
    fixed = ", ".join(filter(None, (batch, " ".join(net), scaling.label)))
    name = origin_names(other.origin for other in scalings)[scaling.origin]
    where = f" on {name}" if name else ""
    return f"{fixed}, against one device ({_device(scaling)}){where}"


def apart_lines(scaling: Scaling) -> Iterator[str]:
    """What has no speed-up since it never ran in one session with the baseline, why, and what to run."""
    every = (scaling.baseline, *scaling.scaled)
    apart = [found for found in scaling.scaled if found.apart]
    names = [" ".join(filter(None, (_shape_words(it), _details(it, every)))) for it in apart]
    if names:
        yield (
            f"No speed-up of {', '.join(names)}: no session holds both it and one device, and what sessions "
            "differ by would pass for speed. Put both into one suite, and run that."
        )


def _shape_words(found: ScaledScenario) -> str:
    return f"{found.strategy} {found.workers} × {found.devices}"


def over_sessions(scaling: Scaling) -> bool:
    """Whether any figure is of more than one session."""
    return any(found.sessions > 1 for found in scaling.scaled)


def _device(scaling: Scaling) -> str:
    cores = scaling.baseline.hardware
    if not scaling.on_gpus and cores:
        return "1 core" if cores == 1 else f"{cores:g} cores"
    return scaling.device_name or "unknown"


def scaling_lines(scaling: Scaling) -> list[Line]:
    """The baseline, and what is held against it."""
    every = (scaling.baseline, *scaling.scaled)
    return [_line(found, every, found is scaling.baseline) for found in every]


def _line(found: ScaledScenario, every: Iterable[ScaledScenario], is_baseline: bool) -> Line:
    gone = not found.ok
    interval = "baseline" if is_baseline else span(found.low, found.high)
    bounds = (found.efficiency_low, found.efficiency_high)
    return Line(
        strategy=found.strategy,
        replicas=f"{found.workers} × {found.devices}",
        details=_details(found, every),
        nodes="–".join(str(end) for end in dict.fromkeys(found.nodes[:1] + found.nodes[-1:])) or NONE,
        hardware=NONE if found.hardware is None else f"{found.hardware:g}",
        speedup=_statuses(found) if gone else ratio(found.speedup),
        speedup_interval="" if gone else interval,
        efficiency="" if gone else percent(found.efficiency, 1),
        efficiency_interval="" if gone or is_baseline else _percents(*bounds),
        sessions="" if gone or is_baseline else count(found.sessions),
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


def titles(scaling: Scaling) -> tuple[str, ...]:
    """What stands above the columns of `cells`."""
    interval = f"{INTERVAL} interval"
    figures = ("speed-up", interval, "efficiency", interval)
    sessions = [SESSIONS] if over_sessions(scaling) else []
    return ("strategy", "replicas", "nodes", UNITS[scaling.on_gpus], *figures, *sessions, "all-reduce", "ok")


def cells(scaling: Scaling) -> tuple[tuple[str, ...], ...]:
    """The rows of a table where every figure has a column of its own."""
    several = over_sessions(scaling)
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
            *([line.sessions] if several else []),
            line.all_reduce,
            line.ok,
        )
        for line in scaling_lines(scaling)
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
    if any(found.sessions > 1 for found in scaled):
        parts.append(
            f"sessions: how many hold both; from {FEWEST_SESSIONS} on the figure is their mean, its interval "
            "over sessions, below that the newest one's"
        )
    if any(found.speedup is not None and found.low is None for found in scaled):
        parts.append(f"{NONE} too few rounds for an interval: {rounds_needed(CONFIDENCE)} a side suffice")
    return "; ".join(parts) + "."
