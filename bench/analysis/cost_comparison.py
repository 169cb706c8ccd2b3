"""How the cost of a run on one side stands to that on another: their times, each at its side's price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.decision import Decision, decide
from bench.analysis.statistics import hodges_lehmann_ratio, margin_p

CostVerdict = Literal["cheaper", "dearer", "same", "unclear"]
VERDICTS: Mapping[Decision, CostVerdict] = {
    "faster": "cheaper",
    "slower": "dearer",
    "same": "same",
    "unclear": "unclear",
}
"""What a decision on times says of sums."""


@dataclass(frozen=True)
class CostComparison:
    """What a run costs on B over what it costs on A, and its interval.

    `p` is that of its lying within the margin; adjust those of a table (`benjamini_hochberg`) for `verdict`.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float

    def verdict(self, delta: float, q: float, level: float) -> CostVerdict:
        """By the rule of `decide`."""
        return VERDICTS[decide(self.low, self.high, delta, q, level)]


def cost_comparison(
    a: Sequence[float],
    b: Sequence[float],
    price_a: float,
    price_b: float,
    confidence: float = 0.95,
    delta: float = 0.01,
) -> CostComparison | None:
    """Of times of runs of one session, and of the hourly price of what a run had on either side.

    The ratio of the costs is that of the times by that of the prices, and so are the ends of its interval: a
    price has no scatter. So times of sessions, which are compared otherwise, are compared likewise when each
    is multiplied by its price. Runs that failed are not in it (see `costs`). None where a side costs nothing.
    """
    if not (price_a > 0 and price_b > 0):
        return None
    of_a, of_b = [time * price_a for time in a], [time * price_b for time in b]
    ratio = hodges_lehmann_ratio(of_a, of_b, confidence)
    return CostComparison(ratio.ratio, ratio.low, ratio.high, margin_p(of_a, of_b, delta))
