"""How long a session will still take, from what its runs took so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass
class _Scenario:
    """Its runs to come, and seconds and number of those that have ended."""

    left: int
    taken: float = 0.0
    ended: int = 0


class Pace:
    """The work that is done and ahead: `left` has the runs to come by scenario.

    The work of a run is what its scenario took before, else the mean over scenarios, in seconds. Sums are
    kept, so that a run that ends costs the same however many scenarios there are.
    """

    def __init__(self, left: Mapping[str, int]) -> None:
        self._scenarios = {name: _Scenario(runs) for name, runs in left.items()}
        self._done = 0.0
        self._known = 0
        self._sum_of_means = 0.0
        self._ahead_of_known = 0.0
        self._left_of_others = sum(left.values())

    def ended(self, scenario_id: str, seconds: float | None, left: int) -> None:
        """A run of the scenario has ended after `seconds` (None: it never began), and `left` are to come."""
        scenario = self._scenarios[scenario_id]
        self._count(scenario, -1)
        scenario.left = left
        if seconds is not None:
            scenario.taken, scenario.ended = scenario.taken + seconds, scenario.ended + 1
            self._done += seconds
        self._count(scenario, 1)

    def seconds_left(self, running: Iterable[tuple[str, float]], gone: float) -> float | None:
        """After `gone` seconds, with runs of these scenarios under way since so many seconds.

        None before the first run has ended. The pace is the session's own time over the work done in it:
        starting processes slows it down, runs side by side speed it up.
        """
        if not self._done:
            return None
        usual = self._sum_of_means / self._known
        begun = sum(min(seconds, self._mean(scenario, usual)) for scenario, seconds in running)
        ahead = self._ahead_of_known + usual * self._left_of_others
        return max(ahead - begun, 0.0) * gone / (self._done + begun)

    def _mean(self, scenario_id: str, usual: float) -> float:
        scenario = self._scenarios[scenario_id]
        return scenario.taken / scenario.ended if scenario.ended else usual

    def _count(self, scenario: _Scenario, sign: int) -> None:
        """Into the sums, or out of them."""
        if not scenario.ended:
            self._left_of_others += sign * scenario.left
            return
        mean = scenario.taken / scenario.ended
        self._known += sign
        self._sum_of_means += sign * mean
        self._ahead_of_known += sign * mean * scenario.left
