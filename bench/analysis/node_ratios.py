"""How much slower each node was than its like in one session, and how far its runs tell that."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.pseudomedian import jackknife_variance, pseudomedians
from bench.analysis.statistics import rounds_needed
from bench.records.run_table import Codes, Rows, RunTable, grouped

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEWEST_ROUNDS = 2
"""In which a node has run a scenario, or its time there does not count."""
FEWEST_FOR_ERROR = rounds_needed()
"""Of fewer rounds no standard error is told, as nowhere else."""
MOST_BLOCKS = 16
"""Of more rounds, so many stretches of neighbouring ones are the blocks: time grows with their cube."""


@dataclass(frozen=True)
class SessionRatios:
    """The nodes of one hardware in one session, each against its like; one entry per node in each array.

    `ratio` is the logarithm of the ratio to the median node, or of two nodes to the other one. `error` and
    `degrees` are its standard error and how many degrees of freedom that has, NaN under four rounds.
    `scenarios` are the numbers of those that count, `runs` how many runs each node had.
    """

    nodes: Ints
    ratio: Floats
    error: Floats
    degrees: Floats
    runs: Ints
    scenarios: tuple[frozenset[int], ...]


@dataclass(frozen=True)
class _Cells:
    """Runs by cell, which is one scenario on one node, and by block of rounds: parallel arrays.

    The cells stand in order, and so do the blocks of each; `seconds` are logarithms.
    """

    scenario: Ints
    node: Ints
    block: Ints
    seconds: Floats
    runs: Ints


def session_ratios(runs: RunTable, nodes: Codes, rows: Rows) -> Iterator[SessionRatios]:
    """Of each session in which some scenario ran in at least two rounds on each of two nodes.

    Per scenario and node the pseudomedian of the logarithms of the step times, less the median over the nodes
    of the scenario, which a few slow ones do not move; over a node's scenarios their mean. Its error is a
    jackknife's over the rounds: what slows one run of a round on a node may have slowed them all. Simulated
    (lognormal, heavy-tailed and skewed steps, 5 % of them half as slow again; 4 to 16 rounds, 1 to 40
    scenarios): 94 to 99 of 100 intervals of two nodes' ratio by Student's t with this error hold the truth.
    """
    steps, rounds, scenarios = runs.numbers("step_seconds"), runs.numbers("round"), runs.codes("scenario_id")
    for own in grouped([runs.codes("session_id")], rows):
        cells = _cells(
            scenarios.indices[own].astype(np.intp),
            nodes.indices[own].astype(np.intp),
            _blocks(rounds.values[own]),
            np.log(steps.values[own].astype(np.float64)),
        )
        if len(cells.node):
            yield _ratios(cells)


def _blocks(rounds: NDArray[Any]) -> Ints:
    """The block of each run, from 0: its round, or the stretch of neighbouring rounds that it is in."""
    distinct, places = np.unique(rounds, return_inverse=True)
    return places if len(distinct) <= MOST_BLOCKS else places * MOST_BLOCKS // len(distinct)


def _cells(scenario: Ints, node: Ints, block: Ints, seconds: Floats) -> _Cells:
    """The median of each cell and block; without cells of too few, and scenarios that one node alone ran."""
    order = np.lexsort((seconds, block, node, scenario))
    scenario, node, block = scenario[order], node[order], block[order]
    starts = _starts(scenario, node, block)
    medians, runs = _sorted_medians(seconds[order], starts), np.diff(np.append(starts, len(order)))
    cells = _Cells(scenario[starts], node[starts], block[starts], medians, runs)
    cells = _kept(cells, _repeated(_starts(cells.scenario, cells.node), len(cells.node), FEWEST_ROUNDS))
    first = _starts(cells.scenario, cells.node)
    several = _repeated(_starts(cells.scenario[first]), len(first), 2)
    return _kept(cells, np.repeat(several, np.diff(np.append(first, len(cells.node)))))


def _kept(cells: _Cells, which: NDArray[np.bool_]) -> _Cells:
    return _Cells(
        scenario=cells.scenario[which],
        node=cells.node[which],
        block=cells.block[which],
        seconds=cells.seconds[which],
        runs=cells.runs[which],
    )


def _starts(*columns: Ints) -> Ints:
    """Where a stretch of entries begins that are alike in all columns."""
    differs = np.zeros(len(columns[0]), bool)
    differs[:1] = True
    for column in columns:
        differs[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(differs)


def _repeated(starts: Ints, number: int, fewest: int) -> NDArray[np.bool_]:
    """Which of `number` entries are in a stretch of at least so many."""
    lengths = np.diff(np.append(starts, number))
    return np.repeat(lengths >= fewest, lengths)


def _sorted_medians(values: Floats, starts: Ints) -> Floats:
    """The median of each stretch of ascending values."""
    lengths = np.diff(np.append(starts, len(values)))
    found: Floats = (values[starts + (lengths - 1) // 2] + values[starts + lengths // 2]) / 2
    return found


def _ratios(cells: _Cells) -> SessionRatios:
    starts = _starts(cells.scenario, cells.node)
    scenario = cells.scenario[starts]
    nodes, node = np.unique(cells.node[starts], return_inverse=True)
    centres, shifts = _centres(cells.seconds, starts)
    centred = centres - _of_scenarios(centres, scenario)
    weights = 1 / np.bincount(node)
    of_nodes = np.bincount(node, centred) * weights
    sizes = np.diff(np.append(starts, len(cells.node)))
    of_entry = np.repeat(node, sizes)
    reduced = np.tile(of_nodes, (cells.block.max() + 1, 1))
    np.add.at(reduced, (cells.block, of_entry), shifts * weights[of_entry])
    there = np.zeros(reduced.shape, bool)
    there[cells.block, of_entry] = True
    return SessionRatios(
        nodes,
        *_against_their_like(of_nodes, reduced, there),
        np.bincount(of_entry, cells.runs).astype(np.intp),
        tuple(frozenset(scenario[node == place].tolist()) for place in range(len(nodes))),
    )


def _centres(seconds: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """The pseudomedian of each cell, and how far it moves where each of its blocks is not there."""
    sizes = np.diff(np.append(starts, len(seconds)))
    centres, shifts = np.empty(len(starts)), np.empty(len(seconds))
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        places = starts[alike][:, None] + np.arange(size)
        centres[alike], reduced = pseudomedians(seconds[places])
        shifts[places] = reduced - centres[alike][:, None]
    return centres, shifts


def _of_scenarios(centres: Floats, scenario: Ints) -> Floats:
    """For each cell the median over the nodes of its scenario."""
    order = np.lexsort((centres, scenario))
    starts = _starts(scenario[order])
    found = _sorted_medians(centres[order], starts)
    return np.repeat(found, np.diff(np.append(starts, len(order))))


def _against_their_like(
    of_nodes: Floats, reduced: Floats, there: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Ratios, errors and degrees of freedom (Welch 1947), the node and its like as if they were independent.

    A node that stands in the middle itself would else be known without any error.
    """
    rounds = there.sum(axis=0)
    variance = np.where(rounds >= FEWEST_FOR_ERROR, jackknife_variance(reduced, there), np.nan)
    if len(of_nodes) == 2:
        like, of_like, degrees_of_like = of_nodes[::-1], variance[::-1], rounds[::-1] - 1
    else:
        middle: Floats = np.median(reduced, axis=1, keepdims=True)
        any_there = there.sum(axis=1, keepdims=True) > 0
        of_middle = jackknife_variance(middle, any_there)
        like, of_like = np.full(1, np.median(of_nodes)), of_middle
        degrees_of_like = any_there.sum(axis=0) - 1
    total = variance + of_like
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = variance**2 / (rounds - 1) + of_like**2 / degrees_of_like
        degrees = np.where(total > 0, total**2 / shares, rounds - 1)
    return of_nodes - like, np.sqrt(total), np.where(np.isnan(total), np.nan, degrees)
