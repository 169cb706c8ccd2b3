"""Which price each node has: names that people wrote, held against the machines that there are."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.node_shares import NodeFacts
from bench.errors import BenchError, UnknownMachineError
from bench.records.prices import Prices

FEWEST_DIGITS = 4
"""Of a `machine_id` that stands for the whole of it."""
MOST_NAMED = 6
"""Machines that an error line lists; of more it says how many."""
_DIGITS = re.compile(rf"[0-9a-f]{{{FEWEST_DIGITS},}}")
_TOLD_APART = re.compile(r" \([0-9a-f]+\)$")


@dataclass(frozen=True)
class Tariff:
    """The price of an hour of each node that has one, in `currency`."""

    currency: str
    per_hour: Mapping[NodeFacts, float]

    def without(self, nodes: Iterable[NodeFacts]) -> list[str]:
        """The machines of those of `nodes` that have no price, by name."""
        return sorted({_name(node) for node in nodes if node not in self.per_hour})


def tariff(prices: Prices, nodes: Sequence[NodeFacts]) -> Tariff:
    """The `prices` of `nodes`: by the node's name, else its `machine_id` or digits of it, else its machine's.

    Raises UnknownMachineError, one line that names the nearest machine and those there are, where a name that
    came as an option is none's, or none in a file is anybody's; BenchError where digits are those of several
    machines, or several of one's.
    """
    ids = {node.machine_id for node in nodes if node.machine_id}
    for digits in prices.per_hour:
        meant = (
            sorted(known for known in ids if known.startswith(digits)) if _DIGITS.fullmatch(digits) else []
        )
        if len(meant) > 1:
            raise BenchError(f"price of {digits}: {' and '.join(meant)} begin so; give more digits")
    found = {node: name for node in nodes if (name := _name_of(node, prices.per_hour)) is not None}
    used = {name for node in nodes for name in _names(node, prices.per_hour)}
    _check(prices, used, nodes)
    return Tariff(prices.currency, {node: prices.per_hour[name] for node, name in found.items()})


def _check(prices: Prices, used: set[str], nodes: Sequence[NodeFacts]) -> None:
    for name in sorted(prices.asked - used):
        raise UnknownMachineError(f"--price {name}: {_nobody(name, nodes)}")
    if prices.file is not None and not used:
        name = next(iter(prices.per_hour))
        raise UnknownMachineError(
            f"{prices.file}: none of its prices is of a machine here; {name}: {_nobody(name, nodes)}"
        )


def _nobody(name: str, nodes: Sequence[NodeFacts]) -> str:
    """That nobody is called so, who is nearest, and who is there."""
    machines = list(dict.fromkeys((_name(node), node.machine_id) for node in nodes))
    near = _nearest(name, [*(machine for machine, _ in machines), *(node.node or "" for node in nodes)])
    listed = [
        f'"{machine}"' + (f" ({digits})" if digits else "") for machine, digits in machines[:MOST_NAMED]
    ]
    more = f" and {len(machines) - MOST_NAMED} more" if len(machines) > MOST_NAMED else ""
    meant = f'; did you mean "{near}"? There' if near else "; there"
    return f"no machine, machine_id or node here{meant} are {', '.join(listed)}{more}"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The one that begins most like `name`, which people may cut short."""
    beginnings = {known[: len(name) + 2].lower(): known for known in names if known}
    found = difflib.get_close_matches(name.lower(), beginnings, n=1, cutoff=0.6)
    return beginnings[found[0]] if found else None


def _name_of(node: NodeFacts, named: Iterable[str]) -> str | None:
    """The name that its price stands under, the nearest to it of those that are its."""
    names = _names(node, named)
    digits = [name for name in names if name != node.node and _is_id(name, node)]
    if len(digits) > 1 and names[0] != node.node:
        raise BenchError(f"price of {digits[0]}: {digits[1]} is the same machine; leave one of the two out")
    return names[0] if names else None


def _names(node: NodeFacts, named: Iterable[str]) -> list[str]:
    """Which of the names are this node's: its own, its id's, its machine's, all machines' so called."""
    machine = node.machine or ""
    wanted = (
        lambda name: name == node.node,
        lambda name: _is_id(name, node),
        lambda name: name == machine,
        lambda name: name == _TOLD_APART.sub("", machine),
    )
    return list(dict.fromkeys(name for is_its in wanted for name in named if is_its(name)))


def _is_id(name: str, node: NodeFacts) -> bool:
    return bool(node.machine_id and _DIGITS.fullmatch(name) and node.machine_id.startswith(name))


def _name(node: NodeFacts) -> str:
    return node.machine or node.node or "unknown"
