"""What stands above summaries: which sessions they are of, and which others there are."""

import datetime
from collections.abc import Iterator, Mapping, Sequence

from bench.analysis.decision import FEWEST_SESSIONS
from bench.analysis.origin import Origin
from bench.analysis.sessions import SessionFacts
from bench.analysis.summary import ScenarioSummary
from bench.views.format import count, several
from bench.views.repetition import rounds

MOST_MACHINES = 2
"""So many are named in a session's line."""


def head_lines(
    summaries: Sequence[ScenarioSummary],
    sessions: Sequence[SessionFacts],
    others: int,
    numbers: Mapping[Origin, str],
) -> Iterator[str]:
    """A line for each session, with its number where it has one to itself, or one for those that are pooled.

    `others` is how many sessions were left out.
    """
    if any(summary.session_id is None for summary in summaries):
        yield pooled_line(sessions)
        return
    alone = numbers if is_by_session(numbers) else {}
    of_session = {origin.session_id: number for origin, number in alone.items()}
    shared = _all_machines(sessions) if len(sessions) > 1 else set()
    if len(shared) == 1:
        yield f"{several(len(sessions), 'session')} on {_machines(sessions[0])}"
    for facts in sessions:
        own = [summary for summary in summaries if summary.session_id == facts.session_id]
        first = f"on {of_session[facts.session_id]}  " if facts.session_id in of_session else "Session "
        yield f"{first}{session_words(facts, own, with_machines=len(shared) != 1)}"
    if others:
        yield others_line(len(sessions), others)


def is_by_session(numbers: Mapping[Origin, str]) -> bool:
    """Whether each of those that have numbers is a session of its own."""
    return len({origin.session_id for origin in numbers}) == len(numbers)


def others_line(shown: int, others: int) -> str:
    """How many sessions there are beside those that are shown, and the options that show them."""
    which = "The newest" if shown == 1 else count(shown)
    return f"{which} of {count(shown + others)} sessions: --all shows each, --pool times over all of them."


def pooled_line(sessions: Sequence[SessionFacts]) -> str:
    """How many sessions are pooled, from when, and how."""
    began = [facts.began for facts in sessions if facts.began is not None]
    days = dict.fromkeys([_day(began[0]), _day(began[-1])] if began else [])
    when = f", {' to '.join(days)}" if days else ""
    where = f" on {_machines(sessions[0])}" if len(_all_machines(sessions)) == 1 else ""
    which = f"{several(len(sessions), 'session')}{where}{when}, pooled"
    return (
        f"{which}: times are geometric means of the sessions' medians, with intervals over sessions from "
        f"{FEWEST_SESSIONS} on; all else is of all runs."
    )


def session_words(facts: SessionFacts, own: Sequence[ScenarioSummary], with_machines: bool = True) -> str:
    """Its name, when it began, its machines, and how much of it there is."""
    began = None if facts.began is None else f"{_day(facts.began)} {facts.began.astimezone():%H:%M}"
    machines = _machines(facts) if with_machines else None
    often = [summary.rounds for summary in own] or [facts.rounds]
    runs = f"{several(facts.scenarios, 'scenario')} × {rounds(min(often), max(often))}"
    return " · ".join(filter(None, (facts.session_id, began, machines, runs)))


def _all_machines(sessions: Sequence[SessionFacts]) -> set[tuple[tuple[str, ...], ...]]:
    """Those of each, told by their ids, too: two may have one name."""
    return {(facts.machines, facts.machine_ids) for facts in sessions}


def _machines(facts: SessionFacts) -> str:
    few = len(facts.machines) <= MOST_MACHINES
    return " and ".join(facts.machines) if few else several(len(facts.machines), "machine")


def _day(moment: datetime.datetime) -> str:
    """In the time of whoever looks."""
    return f"{moment.astimezone():%-d %b %Y}"
