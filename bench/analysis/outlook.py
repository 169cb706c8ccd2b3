"""How many runs a session has still to come, told anew as each of them ends."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.analysis.repetition import rounds_left, runs_missing
from bench.records.measurement import Status
from bench.records.suite import Measure


class Outlook:
    """The runs of a session by `keys`, those that each scenario has in a round: one, or one for each node.

    `done` is how many have ended, `total` how many there will be, as far as is known by then, and `going_on`
    how many scenarios are not over. A run that ends costs the same however many others there are.
    """

    def __init__(self, measure: Measure, keys: Mapping[str, Sequence[str]]) -> None:
        self._courses = {name: _Course(measure, its) for name, its in keys.items()}
        self.done = 0
        self._left = sum(course.left for course in self._courses.values())
        self.going_on = len(self._courses)

    @property
    def total(self) -> int:
        """Runs of the whole session."""
        return self.done + self._left

    def left(self, scenario_id: str) -> int:
        """How many runs of the scenario are still to come, on all nodes together."""
        return self._courses[scenario_id].left

    def ended(
        self, scenario_id: str, key: str, where: object, status: Status, step_seconds: float | None
    ) -> None:
        """A run of the scenario has ended, or had before the session was resumed.

        No node goes on without the others: a round is over when it is on all of them.
        """
        course = self._courses[scenario_id]
        before = course.left
        course.ended(key, where, step_seconds if status == "ok" else None)
        self.done += 1
        self.going_on += bool(course.left) - bool(before)
        self._left += course.left - before


class _Course:
    """One scenario: how many of its runs have ended by key, and their step times by key and where they ran.

    Of both it counts how many keys, and lists of times, have each number, of which there are no more than
    rounds: nothing here walks all nodes. `left` is how many runs are to come.
    """

    def __init__(self, measure: Measure, keys: Sequence[str]) -> None:
        self._measure = measure
        self._ended = dict.fromkeys(keys, 0)
        self._step_seconds: dict[object, list[float]] = {}
        self._missing: dict[object, int] = {}
        self._keys_by_ended, self._lists_by_missing = Counter(self._ended.values()), Counter[int]()
        self.left = self._to_come()

    def ended(self, key: str, where: object, step_seconds: float | None) -> None:
        """A run has ended, and gave a step time or None."""
        number = self._ended[key]
        self._ended[key] = number + 1
        _move(self._keys_by_ended, number, number + 1)
        if step_seconds is not None and self._measure.precision is not None:
            self._learn((where, key), step_seconds)
        self.left = self._to_come()

    def _learn(self, whose: object, step_seconds: float) -> None:
        times = self._step_seconds.setdefault(whose, [])
        times.append(step_seconds)
        missing = runs_missing(self._measure, times)
        _move(self._lists_by_missing, self._missing.get(whose), missing)
        self._missing[whose] = missing

    def _to_come(self) -> int:
        done = min(self._keys_by_ended, default=0)
        rounds = done + rounds_left(self._measure, done, max(self._lists_by_missing, default=None))
        return sum(keys * max(rounds - ended, 0) for ended, keys in self._keys_by_ended.items())


def _move(counts: Counter[int], before: int | None, after: int) -> None:
    """One that was counted under `before`, if at all, counts under `after`; numbers that nobody has go."""
    counts[after] += 1
    if before is not None:
        counts[before] -= 1
        if not counts[before]:
            del counts[before]
