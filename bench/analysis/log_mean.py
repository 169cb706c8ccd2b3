"""Means of a few logarithms that scatter, and what differs between two of them, by Student's t."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.student import margin_tail, satterthwaite, t_quantile


@dataclass(frozen=True)
class LogMean:
    """The mean of logarithms, its squared standard error, and the degrees of freedom of that."""

    mean: float
    squared_error: float
    freedom: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The interval of what it is the logarithm of: above 0, and by as many times up as down."""
        reach = float(t_quantile(confidence, self.freedom)) * math.sqrt(self.squared_error)
        return math.exp(self.mean - reach), math.exp(self.mean + reach)

    def over(self, other: "LogMean") -> "LogMean":
        """This less the other one: of a ratio; its degrees of freedom are Welch's (1947)."""
        variance, freedom = satterthwaite([(one.squared_error, one.freedom) for one in (self, other)])
        return LogMean(self.mean - other.mean, variance, freedom)

    def margin_p(self, delta: float) -> float:
        """Two-sided p value of the null that the ratio lies between 1/(1+delta) and 1+delta."""
        return float(margin_tail(self.mean, math.sqrt(self.squared_error), self.freedom, math.log1p(delta)))


def log_mean(values: Sequence[float]) -> LogMean | None:
    """That of two or more values, all above 0 and finite; None of others."""
    if len(values) < 2 or not all(0 < value < math.inf for value in values):
        return None
    logs = [math.log(value) for value in values]
    mean = math.fsum(logs) / len(logs)
    scatter = math.fsum((one - mean) ** 2 for one in logs)
    return LogMean(mean, scatter / (len(logs) - 1) / len(logs), len(logs) - 1)
