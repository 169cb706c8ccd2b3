"""How many runs a session has still to come, told anew as each of them ends."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.analysis.repetition import rounds_left
from bench.records.measurement import Status
from bench.records.suite import Measure


@dataclass
class _Course:
    """One scenario: how many of its runs have ended by key, and their step times by where they ran."""

    ended: dict[str, int]
    step_seconds: dict[object, list[float]] = field(default_factory=lambda: defaultdict(list))
    left: int = 0


class Outlook:
    """The runs of a session by `keys`, those that each scenario has in a round: one, or one for each node.

    `done` is how many have ended, `total` how many there will be, as far as is known by then, and `going_on`
    how many scenarios are not over. A run that ends costs the same however many others there are.
    """

    def __init__(self, measure: Measure, keys: Mapping[str, Sequence[str]]) -> None:
        self._measure = measure
        self._courses = {name: _Course(dict.fromkeys(its, 0)) for name, its in keys.items()}
        self.done = 0
        rounds = rounds_left(measure, 0, ())
        for course in self._courses.values():
            course.left = rounds * len(course.ended)
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
        course.ended[key] += 1
        if status == "ok" and step_seconds is not None:
            course.step_seconds[where, key].append(step_seconds)
        done = min(course.ended.values())
        rounds = done + rounds_left(self._measure, done, course.step_seconds.values())
        left = sum(max(rounds - ended, 0) for ended in course.ended.values())
        self.done += 1
        self.going_on += bool(left) - bool(course.left)
        self._left += left - course.left
        course.left = left
