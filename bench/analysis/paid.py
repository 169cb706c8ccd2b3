"""What each run cost, as a column of its table: so costs are compared as times are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from bench.analysis import node_shares, spending
from bench.analysis.tariff import tariff
from bench.records.asked import Tables
from bench.records.prices import Prices
from bench.records.run_table import RunTable

COLUMN = "cost"


def with_cost(sides: Sequence[Tables], prices: Prices) -> list[Tables]:
    """The same tables, whose runs have a column `cost`: null where a node has no price, or no time is told.

    A run's cost is that of its slot: see `Spending`. Raises BenchError for the price of a machine that no
    side has.
    """
    runs = [RunTable(side.runs) for side in sides]
    shares = [
        list(node_shares.node_shares(of, side.machines.to_pylist()))
        for of, side in zip(runs, sides, strict=True)
    ]
    nodes = list(dict.fromkeys(node for of in shares for _, had in of for node, _ in had))
    rates = tariff(prices, nodes)
    paid = [spending.spending(of, own, rates).paid for of, own in zip(runs, shares, strict=True)]
    return [
        replace(side, runs=side.runs.append_column(COLUMN, pa.array(cost, mask=np.isnan(cost))))
        for side, cost in zip(sides, paid, strict=True)
    ]
