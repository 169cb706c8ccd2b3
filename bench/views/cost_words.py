"""What has to be said of costs beside their table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.analysis.cost import Costs, ScenarioCost
from bench.analysis.decision import FEWEST_SESSIONS
from bench.analysis.typical import FEWEST_RUNS
from bench.views.format import money, several, spelled

MOST_NAMED = 6
"""Machines without a price that are named; of more it is said how many."""
_ENERGY = (
    "energy: of the training alone, validations between epochs included, of the GPUs or, on a CPU, of all of "
    "its processors; of 10⁶ images: the same for a million training images"
)


def side_lines(found: Costs, numbers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each side by its number, where it has one, and what an hour of its runs costs."""
    there = _sides(found.scenarios)
    ordered = [side for side in numbers if side in there] or there
    return [(numbers.get(side, ""), f"{side}: {_price(found, side)}") for side in ordered]


def cost_sentences(found: Costs) -> Iterator[str]:
    """What is left out, and what the places do not say."""
    scenarios = found.scenarios
    if found.unpriced:
        yield (
            f"Without a price, and so left out of the cost: {_listed(found.unpriced)}. "
            f"Give --price '{found.unpriced[0]}=…', or name it in the file of prices."
        )
    untold = sum(cost.at_least for cost in scenarios)
    if untold:
        yield (
            f"{several(untold, 'run')} of older tables: how long the slot was held is not in them, and the "
            "run's own clocks stand for it. The cost is that much at least."
        )
    lost = sum(cost.lost for cost in scenarios)
    if lost:
        yield (
            f"{several(lost, 'attempt')} before these runs were lost and have no row: what they cost "
            "comes on top."
        )
    yield from _open_places(scenarios)


def _open_places(scenarios: Sequence[ScenarioCost]) -> Iterator[str]:
    placed = [cost for cost in scenarios if cost.standing]
    if any(cost.standing and cost.standing.unit is None for cost in placed):
        yield (
            "In parentheses: of these sessions alone. How far sessions of one machine differ is unknown from "
            f"fewer than {spelled(FEWEST_SESSIONS)} of each: run each side as often, in turns "
            f"(bench run SUITE --sessions {FEWEST_SESSIONS}), and pool them."
        )
    few = [cost for cost in placed if cost.sessions == 1 and cost.runs < FEWEST_RUNS]
    if any(cost.standing and cost.standing.unit == "run" for cost in few):
        yield f"Fewer than {spelled(FEWEST_RUNS)} rounds tell no places: use --rounds {FEWEST_RUNS} or more."


def cost_legend(found: Costs) -> str:
    """How to read the table."""
    targets = any(cost.target_accuracy is not None for cost in found.scenarios)
    parts = [
        f"Sums are in {found.currency}",
        "a run: how long an ok one had its slot, its start and end included, the median",
        "cost of a run: what was paid for all of them, failed ones too, over those that ended ok, each by "
        "the share of its nodes that it had",
    ]
    if targets:
        parts.append(
            "to target: the median time to the target accuracy, misses infinite; cost to target: what was "
            "paid for all over those that got there"
        )
    if any(cost.energy_joules for cost in found.scenarios):
        parts.append(_ENERGY)
    if any(cost.standing for cost in found.scenarios):
        of = "to the target, where there is one, else of a run" if targets else "of a run"
        parts.append(
            f"front: time against cost {of}; on it where nobody is both faster and cheaper, behind another "
            "where that one is better in one and no worse in the other, maybe where the runs do not tell"
        )
    return "; ".join(parts) + "."


def _listed(machines: Sequence[str]) -> str:
    more = f" and {len(machines) - MOST_NAMED} more" if len(machines) > MOST_NAMED else ""
    return "; ".join(machines[:MOST_NAMED]) + more


def _sides(scenarios: Iterable[ScenarioCost]) -> list[str]:
    return sorted({cost.side for cost in scenarios})


def _price(found: Costs, side: str) -> str:
    """What an hour costs: one price, or from the lowest to the highest of shares of a node."""
    known = [c.per_hour for c in found.scenarios if c.side == side and c.per_hour is not None]
    if not known:
        return "no price"
    low, high = money(min(known)), money(max(known))
    return f"{low if low == high else f'{low} to {high}'} {found.currency} an hour"
