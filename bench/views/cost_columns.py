"""The columns of a table of costs, and which of them give way where there is no room."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.cost import ScenarioCost
from bench.analysis.typical import Estimate
from bench.views.format import NONE, full_name, joules, money, seconds

FRONT = "on the front"
Words = Callable[[float | None], str]


@dataclass(frozen=True)
class CostColumn:
    """A column; the highest `rank` gives way first, 0 never. `words` may wrap, figures never."""

    title: str
    cell: Callable[[ScenarioCost], str]
    rank: int = 0
    words: bool = False


SCENARIO = CostColumn("scenario", lambda c: full_name(c.sweep, c.label), words=True)


def columns_of(costs: Sequence[ScenarioCost], numbers: Mapping[str, str]) -> list[CostColumn]:
    """Those that have something to tell; `numbers` are the sides', where there are several."""
    columns = []
    if numbers:
        columns.append(CostColumn("on", lambda c: numbers[c.side]))
    if any(cost.standing for cost in costs):
        columns.append(CostColumn("front", lambda c: place(c, numbers)))
    columns.append(CostColumn("ok", lambda c: f"{c.ok}/{c.runs}", 4))
    if any(cost.sessions > 1 for cost in costs):
        columns.append(CostColumn("sessions", lambda c: str(c.sessions), 5))
    columns += _figures(costs, "a run", seconds, lambda c: c.seconds, 3, 8)
    columns += _figures(costs, "cost of a run", money, lambda c: c.cost, 0, 6)
    columns += _figures(costs, "to target", seconds, lambda c: c.target_seconds, 2, 9)
    columns += _figures(costs, "cost to target", money, lambda c: c.target_cost, 1, 7)
    columns += _figures(costs, "energy", joules, lambda c: c.energy_joules, 10, 12)
    columns += _figures(costs, "of 10⁶ images", joules, lambda c: c.energy_joules_per_million_samples, 11, 13)
    return columns


def place(cost: ScenarioCost, numbers: Mapping[str, str]) -> str:
    """Where it stands, in parentheses where these runs allow no verdict."""
    standing = cost.standing
    if standing is None:
        return NONE
    words = {
        "front": FRONT,
        "maybe": "maybe",
        "behind": f"behind {numbers.get(standing.behind or '', standing.behind)}",
    }[standing.place]
    return words if standing.unit or standing.place == "maybe" else f"({words})"


def reach(estimate: Estimate | None, words: Words) -> str:
    """The interval of a figure."""
    if estimate is None or estimate.low is None:
        return NONE
    return f"{words(estimate.low)} to {words(estimate.high)}"


def _figures(
    costs: Sequence[ScenarioCost],
    title: str,
    words: Words,
    of: Callable[[ScenarioCost], Estimate | None],
    rank: int,
    reach_rank: int,
) -> list[CostColumn]:
    """A column of a figure where somebody has it, and one of its intervals where somebody has one."""
    known = [estimate for estimate in map(of, costs) if estimate is not None]
    if not known:
        return []

    def value(cost: ScenarioCost) -> str:
        estimate = of(cost)
        return words(estimate.value) if estimate else NONE

    columns = [CostColumn(title, value, rank)]
    if any(estimate.low is not None for estimate in known):
        columns.append(CostColumn("95 % interval", lambda cost: reach(of(cost), words), reach_rank))
    return columns
