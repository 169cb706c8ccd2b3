"""Energy of runs, as far as a meter told what they used and nobody else did."""

from collections.abc import Sequence

import numpy as np

from bench.analysis.node_shares import Share
from bench.analysis.spending import Floats
from bench.records.run_table import Mask, Rows, RunTable

RUN_COLUMNS = ("energy_joules", "samples")
"""Of `runs`, what is read here besides the shares' columns."""
SAMPLES = 1_000_000
"""So many training images energy is told for."""


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
