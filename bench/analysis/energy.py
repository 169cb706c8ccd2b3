"""Energy of runs, as far as a meter told what they used and nobody else did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.estimates import Estimate, typical
from bench.analysis.natural import natural
from bench.analysis.node_shares import RUN_COLUMNS as SHARE_COLUMNS
from bench.analysis.node_shares import Share, node_shares
from bench.analysis.spending import Floats
from bench.records.run_table import Mask, Rows, RunTable
from bench.records.tables import Row

RUN_COLUMNS = ("energy_joules", "samples")
"""Of `runs`, what is read here besides the shares' columns and those that name a scenario."""
ENERGY_COLUMNS = (
    *("session_id", "suite", "sweep", "scenario_id", "label", "status", "software_id"),
    *SHARE_COLUMNS,
    *RUN_COLUMNS,
)
"""Of `runs`, all that `energies` reads."""
SAMPLES = 1_000_000
"""So many training images energy is told for."""


@dataclass(frozen=True)
class ScenarioEnergy:
    """One scenario on one side: medians over those of its `ok` runs that tell their joules, `told` of them.

    `joules` are of the training alone (see `own_energy`), and with their 95 % intervals over the runs of one
    session, over sessions from four on, else without.
    """

    sweep: str
    label: str
    side: str
    ok: int
    told: int
    joules: Estimate
    joules_per_million_samples: Estimate | None


def energies(sides: Mapping[str, RunTable], machines: Iterable[Row]) -> list[ScenarioEnergy]:
    """Of the scenarios some of whose runs tell their energy, and rows of the `machines` table."""
    machines = list(machines)
    telling = {name: runs for name, runs in sides.items() if runs.numbers("energy_joules").known.any()}
    found = [one for name, runs in telling.items() for one in _energies(name, runs, machines)]
    return sorted(found, key=lambda one: (one.sweep, natural(one.label), one.side))


def _energies(side: str, runs: RunTable, machines: Sequence[Row]) -> Iterable[ScenarioEnergy]:
    joules = own_energy(runs, list(node_shares(runs, machines)))
    per_million, ok = per_million_samples(runs, joules), runs.is_ok()
    names = [runs.codes(name) for name in ("sweep", "label")]
    for rows in runs.groups("suite", "sweep", "scenario_id"):
        found, of_samples = (_typical(runs, rows, values) for values in (joules, per_million))
        if found is not None:
            told = int((~np.isnan(joules[rows])).sum())
            sweep, label = (codes[rows[0]] for codes in names)
            yield ScenarioEnergy(sweep, label, side, int(ok[rows].sum()), told, found, of_samples)


def _typical(runs: RunTable, rows: Rows, values: Floats) -> Estimate | None:
    known = rows[~np.isnan(values[rows])]
    return typical([values[of].tolist() for of in runs.groups("session_id", rows=known)])


def own_energy(runs: RunTable, shares: Sequence[tuple[Rows, Sequence[Share]]]) -> Floats:
    """Each ok run's joules, NaN where they are not known to be its own.

    Those of the training alone, from before its first step to after its last validation, compilation and test
    left out: of the boards trained on or, on a CPU, of the processors of its nodes, workers summed up (see
    `Measurement`). A processor's meter tells of all of its cores, so a run on a CPU that had only a part of a
    node is not told by it.
    """
    joules = runs.numbers("energy_joules")
    known = joules.known & runs.is_ok() & ~_beside_others(runs, shares)
    return np.where(known, joules.values, np.nan).astype(np.float64)


def per_million_samples(runs: RunTable, joules: Floats) -> Floats:
    """The same for `SAMPLES` training images; those of validations between them are paid for, not counted."""
    samples = runs.numbers("samples")
    told = samples.known & (samples.values > 0)
    return np.where(told, joules / np.where(told, samples.values, 1) * SAMPLES, np.nan)


def _beside_others(runs: RunTable, shares: Sequence[tuple[Rows, Sequence[Share]]]) -> Mask:
    """Which trained on a part of a CPU."""
    names, found = runs.codes("device_name"), np.zeros(len(runs), np.bool_)
    for rows, of in shares:
        device = names[int(rows[0])]
        on_cpu = all(device not in node.gpu_names for node, _ in of)
        found[rows] = on_cpu and any(share < 1 for _, share in of)
    return found
