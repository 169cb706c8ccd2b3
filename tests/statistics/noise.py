"""Made-up sessions whose truth is known: logarithms of times, by scenario and round."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """How runs scatter: `spread` is the standard deviation of their logarithms, of the undisturbed part.

    With `outliers` so many of 100 runs take longer by an exponential factor of 30 % in the mean. `heavy`
    tails are Student's t of 3. `offset` is what all scenarios of a round share, `drift` how far the session
    goes from its first round to its last, `mood` what all runs of a session share; standard deviations.
    """

    name: str
    spread: float = 0.02
    outliers: float = 0.0
    heavy: bool = False
    skewed: bool = False
    offset: float = 0.0
    drift: float = 0.0
    mood: float = 0.0

    def session(self, rng: np.random.Generator, scenarios: int, rounds: int) -> Floats:
        """The logarithms of one session's times over their true ones, of shape (scenarios, rounds)."""
        shape = (scenarios, rounds)
        if self.heavy:
            found = self.spread * rng.standard_t(3, shape)
        elif self.skewed:
            found = self.spread * (rng.exponential(1, shape) - np.log(2))  # of median 0
        else:
            found = rng.normal(0, self.spread, shape)
        found += (rng.random(shape) < self.outliers / 100) * rng.exponential(0.3, shape)
        found += rng.normal(0, self.offset, (1, rounds)) + np.linspace(-0.5, 0.5, rounds) * self.drift
        return found + rng.normal(0, self.mood)
