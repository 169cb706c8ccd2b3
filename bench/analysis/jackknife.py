"""How far a mean of ratios over scenarios can be trusted: by leaving out one round, or session, at a time.

What slowed one scenario of a round slowed them all, so rounds and not runs are what is independent, and of
different sessions only the sessions are. The jackknife (Quenouille 1956; Tukey 1958) leaves out one block
after the other and looks how far the mean moves; the two sides' variances go together as in Welch's t.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
Without = dict[int, float | None]
"""The log ratio without each block, None where none is left."""


def numbered(blocks: Iterable[Hashable]) -> dict[Hashable, int]:
    """A number for each distinct block, in order; more than `MOST_BLOCKS` of them share numbers in turns."""
    return {block: place % MOST_BLOCKS for place, block in enumerate(dict.fromkeys(blocks))}


def mean_of_rounds(scenarios: Sequence[Strata], confidence: float, delta: float) -> Shift | None:
    """The mean over scenarios of their log ratios, rounds being the blocks; None with one round on a side.

    All times are finite. Blocks are numbered alike in all scenarios of a side.
    """
    found = [_left_out(strata) for strata in scenarios]
    left_out = [[of_a for _, of_a, _ in found], [of_b for _, _, of_b in found]]
    return _shift([centre for centre, *_ in found], left_out, confidence, delta)


def mean_of_sessions(
    scenarios: Sequence[tuple[Mapping[Hashable, float], Mapping[Hashable, float]]],
    confidence: float,
    delta: float,
) -> Shift | None:
    """The same of log medians by session, sessions being the blocks; sessions of a differ from those of b."""
    centres = [_mean(b.values()) - _mean(a.values()) for a, b in scenarios]
    left_out = [
        [_means_left_out(of[side], centre, sign) for of, centre in zip(scenarios, centres, strict=True)]
        for side, sign in ((0, -1), (1, 1))
    ]
    return _shift(centres, left_out, confidence, delta)


def mean_of_paired_sessions(
    scenarios: Sequence[Mapping[Hashable, float]], confidence: float, delta: float
) -> Shift | None:
    """The same of log ratios by session, in sessions that hold both sides."""
    centres = [_mean(differences.values()) for differences in scenarios]
    left_out = [_means_left_out(of, centre, 1) for of, centre in zip(scenarios, centres, strict=True)]
    return _shift(centres, [left_out], confidence, delta)


def _shift(
    centres: Sequence[float],
    left_out: Sequence[Sequence[Mapping[Any, float | None]]],
    confidence: float,
    delta: float,
) -> Shift | None:
    """Of the scenarios' log ratios, and what they are without each block, for each set of blocks.

    Degrees of freedom are by the number of blocks that nine in ten scenarios have: many rounds of one of them
    tell nothing of the others. None where those are fewer than two.
    """
    if not centres:
        return None
    variances = []
    for of_scenarios in left_out:
        fewest = sorted(map(len, of_scenarios))[len(of_scenarios) // 10]
        if fewest < 2:
            return None
        variances.append((_variance(_means_without(centres, of_scenarios)), fewest - 1))
    return shift_of(math.fsum(centres) / len(centres), variances, confidence, delta)


def _means_without(
    centres: Sequence[float], of_scenarios: Sequence[Mapping[Any, float | None]]
) -> list[float]:
    """The mean over scenarios without each block: a scenario that only that one has is not in it then."""
    moved: dict[Any, list[float]] = {}
    gone: dict[Any, list[float]] = {}
    for centre, without in zip(centres, of_scenarios, strict=True):
        for block, value in without.items():
            moved.setdefault(block, []).append(-centre if value is None else value - centre)
            gone.setdefault(block, []).extend([] if value is not None else [centre])
    whole = math.fsum(centres)
    return [
        (whole + math.fsum(by)) / (len(centres) - len(gone[block]))
        for block, by in moved.items()
        if len(gone[block]) < len(centres)
    ]


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.fsum(values) / len(values)


def _means_left_out(
    values: Mapping[Hashable, float], centre: float, sign: int
) -> dict[Hashable, float | None]:
    """What the log ratio is where one of a side's values is left out; None where it is the only one."""
    mean, left = _mean(values.values()), len(values) - 1
    return {block: centre + sign * (mean - value) / left if left else None for block, value in values.items()}


def _variance(means: Sequence[float]) -> float:
    """The jackknife's, of the means with one block left out each."""
    number = len(means)
    middle = math.fsum(means) / number
    return (number - 1) / number * math.fsum((value - middle) ** 2 for value in means)


def _left_out(strata: Strata) -> tuple[float, Without, Without]:
    """The log ratio, and what it is without each block of a, and without each of b; None without any pair."""
    if sum(len(a.logs) * len(b.logs) for a, b in strata) > MOST_PAIRS:
        return _linear(strata)
    cubes = [b.logs[None, :] - a.logs[:, None] for a, b in strata]
    every = np.concatenate([cube.ravel() for cube in cubes])
    found: list[Without] = []
    for side in (0, 1):
        of_pairs = np.concatenate([_blocks_of_pairs(samples, side) for samples in strata])
        blocks = np.unique(of_pairs).tolist()
        left = {block: every[of_pairs != block] for block in blocks}
        found.append({block: float(np.median(rest)) if rest.size else None for block, rest in left.items()})
    return float(np.median(every)), found[0], found[1]


def _blocks_of_pairs(samples: tuple[Sample, Sample], side: int) -> Blocks:
    a, b = samples
    return np.repeat(a.blocks, len(b.logs)) if side == 0 else np.tile(b.blocks, len(a.logs))


def _linear(strata: Strata) -> tuple[float, Without, Without]:
    """The same to first order: the pairs that a block has above the median, over the density there."""
    pairs = [LogRatios(np.exp(a.logs), np.exp(b.logs)) for a, b in strata]
    sizes = np.array([one.size for one in pairs], dtype=np.float64)
    centre, density = _centre_and_density(pairs, sizes)
    found: list[Without] = []
    for side in (0, 1):
        above, number = np.zeros(MOST_BLOCKS), np.zeros(MOST_BLOCKS)
        for samples in strata:
            blocks, others = samples[side].blocks, len(samples[1 - side].logs)
            above += others * np.bincount(blocks, _shares_above(samples, side, centre), MOST_BLOCKS)
            number += others * np.bincount(blocks, minlength=MOST_BLOCKS)
        left = sizes.sum() - number
        there = np.flatnonzero((number > 0) & (left > 0))
        moved = centre + (above.sum() - above[there]) / (left[there] * density)
        alone: Without = dict.fromkeys(np.flatnonzero((number > 0) & (left <= 0)).tolist())
        found.append(alone | dict(zip(there.tolist(), moved.tolist(), strict=True)))
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
