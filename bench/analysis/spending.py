"""What was paid for each run: the seconds that it had its nodes, at the price of what it had of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.node_shares import Share
from bench.analysis.tariff import Tariff
from bench.records.run_table import Mask, Rows, RunTable

RUN_COLUMNS = ("attempt", "occupied_seconds", "metered_seconds", "wall_seconds")
"""Of `runs`, what is read here besides the shares' columns."""
_CLOCKS = ("occupied_seconds", "metered_seconds", "wall_seconds")
_HOUR = 3600.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spending:
    """Of each run the `seconds` that it had its slot, and the price of its share of its nodes, `per_hour`.

    The seconds are `occupied_seconds`, start and end of its processes included, whatever became of it; of a
    run that does not tell them (`at_least`: of an older table, or from a publication) those that its own
    clocks do. `per_hour` is NaN where some of its nodes has no price. `lost` is how many attempts came before
    it that were lost: they have no row, and what they took is nowhere. Probes, idle slots and what a session
    takes to begin and to end are nobody's.
    """

    seconds: Floats
    per_hour: Floats
    at_least: Mask
    lost: NDArray[np.int64]

    @property
    def paid(self) -> Floats:
        """What each run cost, NaN where that is not known."""
        return self.seconds / _HOUR * self.per_hour


def with_slot(runs: RunTable) -> RunTable:
    """Those of `runs` that had a slot, as far as any clock tells."""
    return runs.take(np.logical_or.reduce([runs.numbers(name).known for name in _CLOCKS]))


def spending(
    runs: RunTable, shares: Sequence[tuple[Rows, Sequence[Share]]], prices: Tariff | None
) -> Spending:
    """Of `runs` that had a slot, and whose nodes `shares` tells; without prices nothing has one."""
    clocks = [runs.numbers(name) for name in _CLOCKS]
    attempts = runs.numbers("attempt")
    per_hour = np.full(len(runs), np.nan)
    for rows, of in shares:
        per_hour[rows] = _together(of, prices)
    return Spending(
        seconds=np.select([clock.known for clock in clocks], [clock.values for clock in clocks], np.nan),
        per_hour=per_hour,
        at_least=~clocks[0].known,
        lost=np.where(attempts.known, np.maximum(attempts.values - 1, 0), 0),
    )


def _together(shares: Sequence[Share], prices: Tariff | None) -> float:
    """NaN where one of the nodes has no price."""
    if prices is None or any(node not in prices.per_hour for node, _ in shares):
        return float("nan")
    return sum(share * prices.per_hour[node] for node, share in shares)
