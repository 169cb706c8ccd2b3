"""Student's t, for means of a few values that scatter (Student 1908), and for what differs between two."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LogMean:
    """The mean of logarithms, its squared standard error, and the degrees of freedom of that."""

    mean: float
    squared_error: float
    freedom: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The interval of what it is the logarithm of: above 0, and by as many times up as down."""
        reach = t_quantile(self.freedom, confidence) * math.sqrt(self.squared_error)
        return math.exp(self.mean - reach), math.exp(self.mean + reach)

    def over(self, other: "LogMean") -> "LogMean":
        """This less the other one: of a ratio; its degrees of freedom are Welch's (1947)."""
        together = self.squared_error + other.squared_error
        parts = sum(one.squared_error**2 / one.freedom for one in (self, other))
        freedom = together**2 / parts if parts > 0 else self.freedom + other.freedom
        return LogMean(self.mean - other.mean, together, freedom)

    def margin_p(self, delta: float) -> float:
        """Two-sided p value of the null that the ratio lies between 1/(1+delta) and 1+delta.

        Twice the one-sided test against the nearer end, at most 1.
        """
        past = abs(self.mean) - math.log1p(delta)
        if self.squared_error == 0:
            return 0.0 if past > 0 else 1.0
        return min(1.0, 2 * t_tail(past / math.sqrt(self.squared_error), self.freedom))


def log_mean(values: list[float]) -> LogMean | None:
    """That of two or more values, all above 0 and finite; None of others."""
    if len(values) < 2 or not all(0 < value < math.inf for value in values):
        return None
    logs = [math.log(value) for value in values]
    mean = math.fsum(logs) / len(logs)
    scatter = math.fsum((one - mean) ** 2 for one in logs)
    return LogMean(mean, scatter / (len(logs) - 1) / len(logs), len(logs) - 1)


def t_quantile(freedom: float, confidence: float) -> float:
    """How many standard errors an interval of that confidence reaches to either side."""
    from scipy.special import stdtrit  # a fifth of a second, for commands that ask for it

    return float(stdtrit(freedom, 0.5 + confidence / 2))


def t_tail(t: float, freedom: float) -> float:
    """P(T > t)."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))
