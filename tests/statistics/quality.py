"""How often a loss of accuracy is found, and how often one is seen where there is none: a table each.

Between seeds of one training on MNIST, validation accuracy deviates by 0.15 to 0.25 points. The two loops
differ by 0.03 points from seed to seed, float32 and mixed_bfloat16 by 0.10, two learning rates by 0.20: so
much do the differences deviate here. Accuracies are rounded to whole images of 10,000.
"""

import numpy as np

from bench.analysis.accuracy import MARGIN, accuracy_differences
from bench.analysis.decision import benjamini_hochberg, decide
from bench.analysis.seeds import BySeed
from bench.analysis.signed_rank import signed_rank_shifts
from bench.analysis.targets import target_ratios
from bench.views.sheet import Sheet

POINT = 0.01
SEEDS = (3, 5, 10, 20)
DEVIATIONS = (0.03, 0.1, 0.2, 0.4)
"""Of the differences of pairs of seeds, in points."""
BETWEEN_SEEDS = 0.2
COLLAPSE = 0.02
"""The share of runs that learn nothing, in the table of collapses."""
LOSS = 0.3
SCENARIOS = 40


def simulated(rng, shape, deviation, loss=0.0, noise="normal", other_seeds=False):
    """Accuracies of both sides, shape (scenarios, seeds) each, B's lower by `loss`; all in points."""
    luck = rng.normal(0, BETWEEN_SEEDS, shape)
    own = rng.normal(0, BETWEEN_SEEDS, shape) if other_seeds else luck
    spread = rng.standard_t(3, shape) / np.sqrt(3) if noise == "heavy" else rng.normal(0, 1, shape)
    a, b = 97 + luck, 97 + own - np.reshape(loss, (-1, 1)) + deviation * spread
    if noise == "collapse":
        a, b = (np.where(rng.random(shape) < COLLAPSE, 10, side) for side in (a, b))
    return [np.round(side * POINT, 4) for side in (a, b)]


def compared(a, b, other_seeds=False):
    """The product's differences of each row: one table."""
    seeds = np.arange(a.shape[1])
    others = seeds + len(seeds) if other_seeds else seeds
    sides = [(BySeed(seeds, of_a), BySeed(others, of_b)) for of_a, of_b in zip(a, b, strict=True)]
    return accuracy_differences(sides, 0.95, MARGIN)


def by_ranks(a, b):
    """Verdicts as they would be by Wilcoxon's signed ranks."""
    shifts = signed_rank_shifts(b - a, 0.95, MARGIN)
    adjusted = benjamini_hochberg([shift.p for shift in shifts])
    ends = [(np.exp(one.low), np.exp(one.high)) if one.low is not None else (None, None) for one in shifts]
    decided = [decide(*end, np.expm1(MARGIN), q, 0.05) for end, q in zip(ends, adjusted, strict=True)]
    return [{"faster": "worse", "slower": "better"}.get(verdict, verdict) for verdict in decided]


def false_tables(rng, seeds, deviation, trials, **how):
    """Shares: of tables of 40 equal scenarios with a false verdict, and of scenarios called the same."""
    wrong = same = 0
    for _ in range(trials):
        found = compared(*simulated(rng, (SCENARIOS, seeds), deviation, **how), how.get("other_seeds", False))
        verdicts = [one.verdict for one in found]
        wrong += "worse" in verdicts or "better" in verdicts
        same += verdicts.count("same") / SCENARIOS
    return wrong / trials, same / trials


def found_losses(rng, seeds, deviation, trials, scenarios, losers, ranks=False):
    """The share of losses of 0.3 points that are found where `losers` of so many scenarios have one."""
    loss = np.where(np.arange(scenarios) < losers, LOSS, 0.0)
    hits = 0
    for _ in range(trials):
        sides = simulated(rng, (scenarios, seeds), deviation, loss)
        verdicts = by_ranks(*sides) if ranks else [one.verdict for one in compared(*sides)]
        hits += verdicts[:losers].count("worse")
    return hits / trials / losers


def intervals(rng, seeds, deviation, trials, noise):
    """Shares: of intervals that hold the true difference, of losses of 0.11 points called the same, and of
    those found that are as large as what is said to be found in 95 of 100 cases.
    """
    sides = simulated(rng, (trials, seeds), deviation, 0.11, noise)
    found = compared(*sides)
    truth = -0.11 * POINT
    held = np.mean([one.low <= truth <= one.high for one in found])
    same = np.mean([one.verdict == "same" for one in found])
    promised = np.mean([one.smallest_difference for one in found]) / POINT
    alone = [
        compared(*simulated(rng, (1, seeds), deviation, promised, noise))[0].verdict == "worse"
        for _ in range(trials)
    ]
    return held, same, promised, np.mean(alone)


def tables(short=False):
    """What is found, what is seen falsely, what intervals hold: in four minutes, or one `short` second."""
    rng = np.random.default_rng(12)
    return [
        _false(rng, 3 if short else 2000),
        _found(rng, 1 if short else 500),
        _held(rng, 20 if short else 4000),
        _steps(rng, 1 if short else 500),
    ]


def _false(rng, trials):
    cases = [("normal", False), ("heavy", False), ("collapse", False), ("normal", True)]
    rows = []
    for noise, other in cases:
        for seeds in SEEDS:
            for deviation in DEVIATIONS:
                wrong, same = false_tables(rng, seeds, deviation, trials, noise=noise, other_seeds=other)
                name = "normal, other seeds" if other else noise
                rows.append((name, str(seeds), f"{deviation:g}", _share(wrong), _share(same)))
    header = (
        "noise",
        "seeds",
        "deviation, points",
        "tables with a false verdict",
        "scenarios called the same",
    )
    what = f"{trials:,} tables of {SCENARIOS} equal scenarios each"
    return Sheet("Accuracy: false verdicts", what, header, tuple(rows))


def _found(rng, trials):
    rows = []
    for seeds in SEEDS:
        for deviation in DEVIATIONS:
            cells = [
                _share(found_losses(rng, seeds, deviation, trials * more, scenarios, losers, ranks))
                for ranks in (False, True)
                for scenarios, losers, more in ((1, 1, 4), (40, 1, 1), (40, 10, 1))
            ]
            rows.append((str(seeds), f"{deviation:g}", *cells))
    cases = ("alone", "1 of 40", "10 of 40")
    header = ("seeds", "deviation, points", *cases, *(f"by signed ranks, {case}" for case in cases))
    what = f"losses of {LOSS} points, {trials:,} tables each"
    return Sheet("Accuracy: losses found", what, header, tuple(rows))


def _held(rng, scenarios):
    rows = []
    for noise in ("normal", "heavy"):
        for seeds in SEEDS:
            for deviation in DEVIATIONS:
                held, same, promised, hit = intervals(rng, seeds, deviation, scenarios, noise)
                cells = (_share(held), _share(same), f"{promised:.2f}", _share(hit))
                rows.append((noise, str(seeds), f"{deviation:g}", *cells))
    header = (
        "noise",
        "seeds",
        "deviation, points",
        "hold the difference",
        "0.11 points lost, called the same",
        "smallest that shows, points",
        "found of those",
    )
    return Sheet("Accuracy: intervals", f"{scenarios:,} scenarios each", header, tuple(rows))


def to_target(rng, shape, factor):
    """Steps to the target of both sides, B's longer by `factor`; those past ten epochs of 500 miss it."""
    sides = np.exp(np.log(6) + rng.normal(0, 0.25, shape) + rng.normal(0, 0.1, (2, *shape)))
    sides[1] *= factor
    return np.where(sides > 10, np.inf, np.ceil(sides) * 500)


def target_tables(rng, seeds, factor, trials, scenarios):
    """Shares: of tables with a verdict of slower or faster in any scenario, and of scenarios with one."""
    tables_with = verdicts = 0
    numbers = np.arange(seeds)
    for _ in range(trials):
        sides = [
            (BySeed(numbers, a), BySeed(numbers, b))
            for a, b in zip(*to_target(rng, (scenarios, seeds), factor), strict=True)
        ]
        found = [one.verdict in ("slower", "faster") for one in target_ratios(sides, 0.95)]
        tables_with += any(found)
        verdicts += np.mean(found)
    return tables_with / trials, verdicts / trials


def _steps(rng, trials):
    rows = []
    for factor in (1, 1.25, 1.5, 2):
        for seeds in (5, 6, 10, 20):
            wrong, _ = target_tables(rng, seeds, factor, trials, SCENARIOS)
            _, alone = target_tables(rng, seeds, factor, trials * 4, 1)
            _, some = target_tables(rng, seeds, factor, trials, 7)
            rows.append((f"{factor:g}", str(seeds), *map(_share, (alone, some, wrong))))
    header = (
        "B's steps over A's",
        "seeds",
        "verdict alone",
        "verdict among 7",
        "tables of 40 with any verdict",
    )
    what = f"{trials:,} tables each; 3 of 100 runs miss the target at a factor of 1, 75 at one of 2"
    return Sheet("Steps to the target", what, header, tuple(rows))


def _share(value):
    return f"{value * 100:.1f} %"
