"""What training took in energy, as a table for the terminal, and as Markdown."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analysis.energy import ScenarioEnergy
from bench.views.cost_columns import reach
from bench.views.format import NONE, full_name, joules
from bench.views.plain_grid import plain_grid
from bench.views.sheet import Sheet, as_markdown

LEGEND = (
    "Energy is of the training alone, validations between epochs included: of the GPUs or, on a CPU, of all "
    "of its processors. A run that had a part of a CPU only is not told by their meters"
)


def energy_grids(found: Sequence[ScenarioEnergy]) -> RenderableType:
    """What training took in energy, for the terminal; nothing where nobody tells."""
    return Group(*_energy_parts(found))


def energy_markdown(found: Sequence[ScenarioEnergy]) -> str:
    """The same as Markdown; empty where nobody tells."""
    return f"{as_markdown(energy_sheet(found))}\n{LEGEND}.\n" if found else ""


def energy_sheet(found: Sequence[ScenarioEnergy]) -> Sheet:
    """A row for each scenario and side that tells its energy."""
    several_sides = len({one.side for one in found}) > 1
    machine = ("machine",) if several_sides else ()
    header = ("scenario", *machine, "told", "energy", "95 % interval", "of 10⁶ images")
    rows = tuple(
        (
            full_name(one.sweep, one.label),
            *((one.side,) if several_sides else ()),
            f"{one.told}/{one.ok}",
            joules(one.joules.value),
            reach(one.joules, joules),
            joules(one.joules_per_million_samples.value) if one.joules_per_million_samples else NONE,
        )
        for one in found
    )
    return Sheet("Energy", "medians over the ok runs that tell", header, rows)


def _energy_parts(found: Sequence[ScenarioEnergy]) -> Iterator[RenderableType]:
    if not found:
        return
    sheet = energy_sheet(found)
    yield Text()
    yield Text.assemble((sheet.name, "bold cyan"), f": {sheet.what}")
    words = {"scenario", "machine"}
    yield plain_grid([(title, title in words) for title in sheet.header], sheet.rows)
    yield Text()
    yield Text(f"{LEGEND}.", "dim")
