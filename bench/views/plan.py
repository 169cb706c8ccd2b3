"""A forecast as a table: the scenarios, what each needs, and what the whole will take."""

from collections.abc import Iterable
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.forecast import Forecast, PlannedScenario
from bench.records.scenario import Scenario
from bench.views.format import NONE, count, seconds


def plan_table(forecast: Forecast, title: str) -> RenderableType:
    """One row per scenario, then the totals in words."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    asked = {needs(planned.scenario) for planned in forecast.scenarios}
    table.add_column("scenario", overflow="fold")
    if len(asked) > 1:
        table.add_column("needs", overflow="fold")
    for name in ("weights", "steps", "GFLOP/step", "one run"):
        table.add_column(name, justify="right", no_wrap=True)
    for sweep, members in groupby(forecast.scenarios, key=lambda planned: planned.sweep):
        table.add_section()
        for planned in members:
            needed = [needs(planned.scenario)] if len(asked) > 1 else []
            table.add_row(_name(sweep, planned.label), *needed, *_cells(planned))
    return Group(table, *(Text(line) for line in _totals(forecast, asked)))


def needs(scenario: Scenario) -> str:
    """What a run asks of a node, in words."""
    cores = (
        "all cores" if scenario.cpus is None else f"{scenario.cpus} cores" if scenario.cpus > 1 else "1 core"
    )
    gpus = f"{scenario.devices} × {scenario.accelerator or 'GPU'}"
    on_gpu = f"{gpus} and {'its share of cores' if scenario.cpus is None else cores}"
    if scenario.device == "gpu" or scenario.accelerator:
        return on_gpu
    return (
        f"{cores} of a node"
        if scenario.device == "cpu"
        else f"a GPU where there is one, else {cores} of a node"
    )


def _cells(planned: PlannedScenario) -> tuple[str, ...]:
    per_step = planned.flops / planned.steps / 1e9
    return (
        count(planned.parameters),
        count(planned.steps),
        f"{per_step:.3g}",
        seconds(planned.seconds) if planned.seconds is not None else NONE,
    )


def _name(sweep: str, label: str) -> str:
    return sweep if label == sweep else f"{sweep} · {label}"


def _totals(forecast: Forecast, asked: set[str]) -> Iterable[str]:
    if len(asked) == 1:
        yield f"Every run needs {next(iter(asked))}."
    scenarios, rounds = len(forecast.scenarios), forecast.rounds
    yield (
        f"{count(scenarios)} scenarios × {rounds} rounds = {count(forecast.runs)} runs, "
        f"{forecast.flops / 1e12:.3g} TFLOP of training steps."
    )
    if not forecast.timed:
        yield "None was timed on this machine before; `bench run` tells the time left after its first runs."
        return
    known = f" for the {forecast.timed} scenarios timed here before" if forecast.timed < scenarios else ""
    yield f"About {seconds(forecast.seconds)} of runs{known}, one after the other, beside starting processes."
