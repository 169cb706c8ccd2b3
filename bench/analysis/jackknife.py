"""How far a mean of ratios over scenarios can be trusted: by leaving out one round, or session, at a time.

What slowed one scenario of a round slowed them all, so rounds and not runs are what is independent, and of
different sessions only the sessions are. The jackknife (Quenouille 1956; Tukey 1958) leaves out one block
after the other and looks how far the mean moves; the two sides' variances go together as in Welch's t.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.pairwise import LogRatios
from bench.analysis.welch import Shift, shift_of

Floats = NDArray[np.float64]
Blocks = NDArray[np.intp]

MOST_BLOCKS = 30
"""More rounds than that are left out several at a time."""
MOST_PAIRS = 225
"""Of more pairs of runs, what a round moves is told by the linear part of the estimate."""


@dataclass(frozen=True)
class Sample:
    """The logarithms of one scenario's times on one side in one session, and the block that each is of."""

    logs: Floats
    blocks: Blocks


Strata = Sequence[tuple[Sample, Sample]]
"""One scenario's samples of a and b, of each session that has both."""


def numbered(blocks: Iterable[Hashable]) -> dict[Hashable, int]:
    """A number for each distinct block, in order; more than `MOST_BLOCKS` of them share numbers in turns."""
    return {block: place % MOST_BLOCKS for place, block in enumerate(dict.fromkeys(blocks))}


def mean_of_rounds(scenarios: Sequence[Strata], confidence: float, delta: float) -> Shift | None:
    """The mean over scenarios of their log ratios, rounds being the blocks; None with one round on a side.

    All times are finite. Blocks are numbered alike in all scenarios of a side.
    """
    centres: list[float] = []
    moved: tuple[dict[int, list[float]], dict[int, list[float]]] = ({}, {})
    for strata in scenarios:
        centre, *by_side = _left_out(strata)
        centres.append(centre)
        for side, without in zip(moved, by_side, strict=True):
            for block, value in without.items():
                side.setdefault(block, []).append(value - centre)
    if not centres or min(map(len, moved)) < 2:
        return None
    variances = [_variance([math.fsum(of) / len(centres) for of in side.values()]) for side in moved]
    return shift_of(math.fsum(centres) / len(centres), variances, confidence, delta)


def mean_of_sessions(
    scenarios: Sequence[tuple[Mapping[Hashable, float], Mapping[Hashable, float]]],
    confidence: float,
    delta: float,
) -> Shift | None:
    """The same of log medians by session, sessions being the blocks; sessions of a differ from those of b."""
    centre = math.fsum(_mean(b.values()) - _mean(a.values()) for a, b in scenarios) / len(scenarios)
    variances = []
    for side in (0, 1):
        moved: dict[Hashable, list[float]] = {}
        for scenario in scenarios:
            for session, without in _means_left_out(scenario[side]).items():
                moved.setdefault(session, []).append(without)
        if len(moved) < 2:
            return None
        variances.append(_variance([math.fsum(of) / len(scenarios) for of in moved.values()]))
    return shift_of(centre, variances, confidence, delta)


def mean_of_paired_sessions(
    scenarios: Sequence[Mapping[Hashable, float]], confidence: float, delta: float
) -> Shift | None:
    """The same of log ratios by session, in sessions that hold both sides."""
    centre = math.fsum(_mean(differences.values()) for differences in scenarios) / len(scenarios)
    moved: dict[Hashable, list[float]] = {}
    for differences in scenarios:
        for session, without in _means_left_out(differences).items():
            moved.setdefault(session, []).append(without)
    if len(moved) < 2:
        return None
    variance = _variance([math.fsum(of) / len(scenarios) for of in moved.values()])
    return shift_of(centre, [variance], confidence, delta)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.fsum(values) / len(values)


def _means_left_out(values: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """By how much the mean moves where one of the values is left out; none of a single one."""
    if len(values) < 2:
        return {}
    mean = _mean(values.values())
    return {block: (mean - value) / (len(values) - 1) for block, value in values.items()}


def _variance(moved: Sequence[float]) -> tuple[float, float]:
    """The jackknife's, of the means with one block left out each, and its degrees of freedom."""
    number = len(moved)
    middle = math.fsum(moved) / number
    return (number - 1) / number * math.fsum((value - middle) ** 2 for value in moved), number - 1


def _left_out(strata: Strata) -> tuple[float, dict[int, float], dict[int, float]]:
    """The log ratio, and what it is without each block of a, and without each of b."""
    if sum(len(a.logs) * len(b.logs) for a, b in strata) > MOST_PAIRS:
        return _linear(strata)
    cubes = [b.logs[None, :] - a.logs[:, None] for a, b in strata]
    every = np.concatenate([cube.ravel() for cube in cubes])
    found = []
    for side in (0, 1):
        of_pairs = np.concatenate([_blocks_of_pairs(samples, side) for samples in strata])
        blocks = np.unique(of_pairs).tolist()
        left = {block: every[of_pairs != block] for block in blocks}
        found.append({block: float(np.median(rest)) for block, rest in left.items() if rest.size})
    return float(np.median(every)), found[0], found[1]


def _blocks_of_pairs(samples: tuple[Sample, Sample], side: int) -> Blocks:
    a, b = samples
    return np.repeat(a.blocks, len(b.logs)) if side == 0 else np.tile(b.blocks, len(a.logs))


def _linear(strata: Strata) -> tuple[float, dict[int, float], dict[int, float]]:
    """The same to first order: the pairs that a block has above the median, over the density there."""
    pairs = [LogRatios(np.exp(a.logs), np.exp(b.logs)) for a, b in strata]
    sizes = np.array([one.size for one in pairs], dtype=np.float64)
    centre, density = _centre_and_density(pairs, sizes)
    found: list[dict[int, float]] = []
    for side in (0, 1):
        above, number = np.zeros(MOST_BLOCKS), np.zeros(MOST_BLOCKS)
        for samples in strata:
            blocks, others = samples[side].blocks, len(samples[1 - side].logs)
            above += others * np.bincount(blocks, _shares_above(samples, side, centre), MOST_BLOCKS)
            number += others * np.bincount(blocks, minlength=MOST_BLOCKS)
        left = sizes.sum() - number
        there = np.flatnonzero((number > 0) & (left > 0))
        moved = centre + (above.sum() - above[there]) / (left[there] * density)
        found.append(dict(zip(there.tolist(), moved.tolist(), strict=True)))
    return centre, found[0], found[1]


def _centre_and_density(pairs: Sequence[LogRatios], sizes: Floats) -> tuple[float, float]:
    """The middle of all differences, weighted by size, and how dense they lie around it."""
    ranks = (0.45, 0.5, 0.55)
    lows, middles, highs = (
        np.array([one.ranked(max(1, round(rank * one.size)), lowest=True) for one in pairs]) for rank in ranks
    )
    weights = sizes / sizes.sum()
    low, centre, high = (float(weights @ values) for values in (lows, middles, highs))
    return centre, (ranks[2] - ranks[0]) / max(high - low, 1e-12)


def _shares_above(samples: tuple[Sample, Sample], side: int, centre: float) -> Floats:
    """Of each value of one side, in which share of its pairs b - a is above the centre, less one half."""
    a, b = samples[0].logs, samples[1].logs
    if side == 0:
        return 1 - np.searchsorted(np.sort(b), a + centre, side="right") / len(b) - 0.5
    shares: Floats = np.searchsorted(np.sort(a), b - centre, side="left") / len(a) - 0.5
    return shares
