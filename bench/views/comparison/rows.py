"""Which scenarios a comparison's table shows, and in which order: the surprising ones first."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.analysis.comparison import Comparison, ScenarioComparison, Verdict
from bench.views.comparison import words
from bench.views.format import ratio, several

IN_ORDER = 20
"""So many scenarios stand in the suite's own order; more are grouped by verdict."""
MOST_ROWS = 40
MOST_LOUD, MOST_QUIET = 10, 3
"""Of a group so many are shown, where not all are; of one that says little, such as unclear, fewer."""
_QUIET = ("unclear", "same")
_ORDER: tuple[Verdict, ...] = (
    *("slower", "faster", "above", "below", "failed", "refused", "unclear", "no verdict", "same"),
)
_OPPOSITE: dict[str, Verdict] = {"slower": "faster", "faster": "slower"}


@dataclass(frozen=True)
class Group:
    """Scenarios of one verdict, the ones that are `shown` and those that there is no room for.

    `verdict` is None where all stand together in the suite's own order.
    """

    verdict: Verdict | None
    shown: tuple[ScenarioComparison, ...]
    hidden: tuple[ScenarioComparison, ...] = ()


def groups(comparison: Comparison, everything: bool = False) -> list[Group]:
    """All scenarios, those that go against the whole first, in each group those farthest from 1 first."""
    scenarios = comparison.scenarios
    if len(scenarios) <= IN_ORDER:
        return [Group(None, scenarios)] if scenarios else []
    found = [(verdict, farthest_first(scenarios, verdict)) for verdict in _order(comparison)]
    there = [(verdict, members) for verdict, members in found if members]
    quiet = MOST_QUIET if len(there) > 1 else MOST_LOUD
    most = [quiet if verdict in _QUIET else MOST_LOUD for verdict, _ in there]
    sizes = [len(members) for _, members in there]
    rooms = sizes if everything else shares(list(map(min, sizes, most)), MOST_ROWS)
    return [
        Group(verdict, tuple(members[:room]), tuple(members[room:]))
        for (verdict, members), room in zip(there, rooms, strict=True)
    ]


def _order(comparison: Comparison) -> list[Verdict]:
    overall = words.overall_by(comparison, words.usual_metric(comparison))
    against = _OPPOSITE.get(overall.verdict) if overall else None
    return sorted(_ORDER, key=lambda verdict: verdict != against)


def farthest_first(scenarios: Iterable[ScenarioComparison], verdict: Verdict) -> list[ScenarioComparison]:
    """The scenarios of that verdict; those of equal distance in their own order."""
    return sorted((one for one in scenarios if one.verdict == verdict), key=lambda one: -distance(one))


def distance(scenario: ScenarioComparison) -> float:
    """How far the ratio is from 1, on the log scale; 0 where there is none."""
    value = scenario.ratio
    if value is None:
        return 0.0
    return abs(math.log(value)) if 0 < value < math.inf else math.inf


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """How much of the room each gets: all alike, and what one does not need goes to the others."""
    given = [0] * len(wanted)
    while room > 0 and (open_ := [place for place, most in enumerate(wanted) if given[place] < most]):
        each = max(1, room // len(open_))
        for place in open_:
            more = min(each, wanted[place] - given[place], room)
            given[place] += more
            room -= more
    return given


def group_line(group: Group) -> str:
    """What stands above a group: "slower in 300: 1.050× to 1.920×"."""
    members = [*group.shown, *group.hidden]
    line = f"{words.said(members[0].verdict, members[0].metric)} in {len(members):,}"
    return f"{line}: {_range(members)}" if _range(members) else line


def hidden_line(group: Group) -> str:
    """What stands below a group that is cut: "… 260 more: 1.050× to 1.310×"."""
    if not group.hidden:
        return ""
    told = _range(group.hidden)
    return f"… {len(group.hidden):,} more" + (f": {told}" if told else "")


def _range(members: Iterable[ScenarioComparison]) -> str:
    ratios = [one.ratio for one in members if one.ratio is not None]
    if not ratios:
        return ""
    return " to ".join(dict.fromkeys(ratio(end) for end in (min(ratios), max(ratios))))


def more_line(groups_: Iterable[Group]) -> str:
    """How to see those that are not shown; empty where all are."""
    hidden = sum(len(group.hidden) for group in groups_)
    return f"… {several(hidden, 'more scenario')}: --format csv, or --full" if hidden else ""
