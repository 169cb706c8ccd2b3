"""A forecast as a table: the scenarios, what each needs, and what the whole will take."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.forecast import Forecast, PlannedScenario, Span
from bench.records.scenario import Scenario
from bench.views.format import count, operations, seconds, several
from bench.views.plan_summary import sweep_tables
from bench.views.repetition import plus_minus, rounds_ahead
from bench.views.visible import visible

NOTHING: Mapping[str, str] = {}
MOST_LISTED = 500
"""Of so many scenarios each has a row; of more each sweep."""


def plan_table(
    forecast: Forecast,
    title: str,
    hopeless: Mapping[str, str] = NOTHING,
    where: str = "this machine",
    slices: Sequence[str] = (),
) -> RenderableType:
    """One row per scenario, under its sweep's name, or one per sweep, then the totals in words.

    `hopeless` says by scenario id why `where` can never hold it; `slices` are the names of the MIG slices
    that its GPUs are cut into.
    """
    asked = {needs(planned.scenario) for planned in forecast.scenarios}
    many = len(forecast.scenarios) > MOST_LISTED
    table = sweep_tables(forecast) if many else _scenarios(forecast, asked, hopeless)
    totals = (Text(visible(line)) for line in (*_totals(forecast, asked), *_slices(slices, where)))
    return Group(
        Text(visible(title), "bold"),
        Text(),
        table,
        Text(),
        *totals,
        *_hopeless(Counter(hopeless.values()), where),
    )


def _scenarios(forecast: Forecast, asked: set[str], hopeless: Mapping[str, str]) -> Table:
    table = _empty_table(len(asked) > 1, forecast.timed > 0)
    for sweep, members in groupby(forecast.scenarios, key=lambda planned: planned.sweep):
        table.add_section()
        for indent, planned in _under(sweep, list(members), table):
            mark = ("✗ ", "bold red") if planned.scenario.scenario_id in hopeless else ""
            table.add_row(
                Text.assemble(indent, mark, visible(planned.label)),
                *_cells(planned, len(asked) > 1, forecast.timed > 0),
            )
    return table


def needs(scenario: Scenario) -> str:
    """What a run asks of a node, in words."""
    if scenario.multi_process:
        servers = (
            f" and {several(scenario.servers, 'server')}" if scenario.strategy == "parameter_server" else ""
        )
        return f"{several(scenario.workers, 'worker')}{servers}, each worker {_needs_of_worker(scenario)}"
    cores = "all cores" if scenario.cpus is None else several(scenario.cpus, "core")
    if _wants_gpu(scenario):
        return f"{_gpus(scenario)} and {'its share of cores' if scenario.cpus is None else cores}"
    if scenario.device == "cpu":
        return f"{cores} of a node"
    some = (
        "a GPU where there is one"
        if scenario.devices == 1
        else f"{scenario.devices} GPUs where there are any"
    )
    return f"{some}, else {cores} of a node"


def _needs_of_worker(scenario: Scenario) -> str:
    """The same for one of several, in fewer words."""
    node = " of its own node" if scenario.placement == "spread" else ""
    share = f"all cores{node}" if node else "its share of cores"
    cores = share if scenario.cpus is None else f"{several(scenario.cpus, 'core')}{node}"
    if _wants_gpu(scenario):
        return f"{_gpus(scenario)} and {cores}"
    return cores if scenario.device == "cpu" else f"{scenario.devices} × GPU or {cores}"


def _wants_gpu(scenario: Scenario) -> bool:
    return scenario.device == "gpu" or scenario.accelerator is not None


def _gpus(scenario: Scenario) -> str:
    return f"{scenario.devices} × {scenario.accelerator or 'GPU'}"


def _slices(names: Sequence[str], where: str) -> Iterable[str]:
    if names:
        counted = ", ".join(f"{number} × {name}" for name, number in Counter(names).items())
        yield (
            f"GPUs of {where} are MIG slices ({counted}): a process has one of them, and a run there has no "
            "figures of energy, power, clocks and temperature, which are measured for whole boards."
        )


def _hopeless(reasons: Counter[str], where: str) -> Iterable[Text]:
    for reason, number in reasons.items():
        cannot = f"✗ {several(number, 'scenario')} cannot run on {where}: "
        yield Text.assemble((visible(cannot), "bold red"), visible(reason))


def _empty_table(various: bool, timed: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("scenario", overflow="fold")
    if various:
        table.add_column("needs", overflow="fold")
    for name in ("weights", "steps", "work per step", *(["one run"] if timed else [])):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _under(sweep: str, members: list[PlannedScenario], table: Table) -> Iterable[tuple[str, PlannedScenario]]:
    """The members and how far each is indented, below a row with the sweep's name where they need one."""
    if [planned.label for planned in members] == [sweep]:
        yield "", members[0]
        return
    table.add_row(Text(visible(sweep), "bold cyan"))
    for planned in members:
        yield "  ", planned


def _cells(planned: PlannedScenario, various: bool, timed: bool) -> Iterable[Text | str]:
    if various:
        yield Text(visible(needs(planned.scenario)))
    yield count(planned.parameters)
    yield count(planned.steps)
    yield operations(planned.flops / planned.steps)
    if timed:
        yield seconds(planned.seconds)


def _totals(forecast: Forecast, asked: set[str]) -> Iterable[str]:
    scenarios = len(forecast.scenarios)
    if scenarios > MOST_LISTED:
        yield f"Each scenario has a row where they are up to {MOST_LISTED}: choose some by --only or --set."
    if len(asked) == 1:
        yield f"Every run needs {next(iter(asked))}."
    sessions = f" × {several(forecast.sessions, 'session')}" if forecast.sessions > 1 else ""
    yield (
        f"{several(scenarios, 'scenario')} × {rounds_ahead(forecast.measure)}{sessions} = "
        f"{_span(forecast.runs, count)} run{'' if forecast.runs.most == 1 else 's'}, "
        f"{_span(forecast.flops, operations)} of training steps."
    )
    if forecast.measure.precision is not None:
        wanted = plus_minus(forecast.measure.precision)
        yield (
            f"A scenario is within {wanted} when the 97 % interval of its median step time is: "
            "looked at after every round, 95 % of those hold."
        )
    if not forecast.timed:
        yield "None was timed on this machine before; `bench run` tells the time left after its first runs."
        return
    some = f" for the {forecast.timed} of {count(scenarios)} scenarios timed"
    known = some if forecast.timed < scenarios else ", as timed"
    yield (
        f"About {_span(forecast.seconds, seconds)} of runs{known} here before, "
        "one after the other, beside starting processes."
    )


def _span(span: Span, form: Callable[[float], str]) -> str:
    least, most = form(span.least), form(span.most)
    return least if least == most else f"{least} to {most}"
