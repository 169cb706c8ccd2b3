"""In which order the runs of a session wait for their slots."""

import random
from collections.abc import Mapping, Sequence

from bench.orchestration.runs import Run
from bench.records.scenario import Scenario


class Order:
    """Shuffled, by a key of the round's own, so that no scenario always meets the same hour of a round."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}
        self._sum = self._longest = 0.0

    def __call__(self, runs: Sequence[Run], key: str) -> list[Run]:
        """`runs` in the order of the round; the same again for the same `key`."""
        shuffled = list(runs)
        random.Random(key).shuffle(shuffled)
        return shuffled

    @property
    def knows(self) -> bool:
        """Whether it goes by what runs are expected to take."""
        return False

    def expected(self, run: Run) -> float | None:  # noqa: ARG002 -- for those that know
        """Seconds that `run` is expected to take; None where nobody knows."""
        return None

    def taken(self, scenario: Scenario, seconds: float) -> None:
        """A run of `scenario` took so long: the last time counts."""
        self._sum += seconds - self._taken.get(scenario.scenario_id, 0.0)
        self._longest = max(self._longest, seconds)
        self._taken[scenario.scenario_id] = seconds

    @property
    def spread(self) -> float:
        """How many times as long as the mean scenario's the longest run takes, as far as is known."""
        return self._longest * len(self._taken) / self._sum if self._sum else 1.0

    def earlier(self, run: Run) -> float | None:
        """Seconds that the last run of its scenario took in this session; None before there was one."""
        return self._taken.get(run.point.scenario.scenario_id)


class LongestFirst(Order):
    """What takes longest first, so that no long run is left for the end when all else is done.

    Graham (1969, doi:10.1137/0117039): on m equal slots a list so sorted ends within 4/3 - 1/(3 m) of the
    shortest time there is, and in a long list far closer. `seconds` has what a run of each scenario id is
    expected to take; what a session's own runs took goes before that.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        super().__init__()
        self._expected = dict(seconds)
        mean = sum(seconds.values()) / max(len(seconds), 1)
        self._spread = max(seconds.values(), default=0.0) / mean if mean else 1.0

    def __call__(self, runs: Sequence[Run], key: str) -> list[Run]:
        """Longest first; equal ones shuffled."""
        shuffled = super().__call__(runs, key)
        return sorted(shuffled, key=self.expected, reverse=True)

    @property
    def knows(self) -> bool:
        """It does."""
        return True

    @property
    def spread(self) -> float:
        """From the start by what is expected."""
        return max(self._spread, super().spread)

    def expected(self, run: Run) -> float:
        """Of its scenario, wherever it runs."""
        earlier = self.earlier(run)
        return self._expected[run.point.scenario.scenario_id] if earlier is None else earlier
