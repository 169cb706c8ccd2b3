"""What a question about many runs costs, whole processes one after the other."""

from dataclasses import dataclass

from tests.store.content import points, session_id
from tests.store.processes import Figures, measured

GOALS = {
    ("show of the newest", 1_000_000): "5 s, 250 MB",
    ("show of all", 1_000_000): "15 s, 1,000 MB",
    ("show of one sweep", 1_000_000): "3 s, 1,000 MB",
    ("show of one session", 1_000_000): "1.5 s",
    ("show of all", 100_000): "2 s, 400 MB",
    ("compare of two halves", 100_000): "5 s",
    ("report", 100_000): "20 s",
}
"""At most, by a question's name and the number of runs."""


@dataclass(frozen=True)
class Question:
    """A command's arguments, of which FOLDER and SESSION are still to come."""

    name: str
    arguments: tuple[str, ...]

    def asked_of(self, folder, shape):
        middle = session_id(shape.sessions // 2)
        scenario = points(shape.epochs)[7].scenario.scenario_id
        known = {"FOLDER": str(folder), "SESSION": middle, "SCENARIO": scenario}
        return [_filled(argument, known) for argument in self.arguments]


QUESTIONS = (
    Question("show of the newest", ("show", "FOLDER")),
    Question("show of all", ("show", "FOLDER", "--pool")),
    Question("show of all, as JSON", ("show", "FOLDER", "--pool", "--format", "json")),
    Question("show of one sweep", ("show", "FOLDER", "--pool", "--where", "sweep == 'wide-sigmoid'")),
    Question("show of one scenario", ("show", "FOLDER", "--pool", "--where", "scenario_id == 'SCENARIO'")),
    Question("show of one session", ("show", "FOLDER", "--where", "session_id == 'SESSION'")),
    Question("show --overhead", ("show", "FOLDER", "--all", "--overhead", "--format", "json")),
    Question("compare of two halves", ("compare", "FOLDER/first", "FOLDER/second")),
    Question("report", ("report", "FOLDER", "-o", "-")),
)


def asked(question, folder, shape, tree, seconds) -> Figures:
    """What `question` costs the bench of `tree`, given so many `seconds`."""
    return measured(tree, "-m", "bench", *question.asked_of(folder, shape), seconds=seconds)


def goal_of(question, runs):
    goal = GOALS.get((question.name, runs))
    return f"< {goal}" if goal else ""


def _filled(text, known):
    for name, value in known.items():
        text = text.replace(name, value)
    return text
