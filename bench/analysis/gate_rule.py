"""What a gate fails for: "slower > 5%", read and checked."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bench.analysis.comparison import Options
from bench.analysis.timed import Metric
from bench.errors import BenchError

Quantity = Literal["slower", "faster", "target", "accuracy", "energy", "cost", "failed"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
OVERALL: tuple[Quantity, ...] = ("slower", "faster", "target", "energy", "cost")
"""What a rule may ask of the mean over all scenarios."""

EXAMPLE = "slower > 5%"
_EXAMPLES: Mapping[Quantity, str] = {"accuracy": "accuracy > 0.3pt", "failed": "failed"}
_RULE = re.compile(
    r"\s*(?P<overall>overall\s+)?(?P<quantity>[a-z]+)"
    r"(?:\s*>\s*(?P<number>\d+\.?\d*|\.\d+)\s*(?P<unit>%|pt)?)?\s*",
    re.ASCII | re.IGNORECASE,
)
_METRICS: Mapping[Quantity, Metric] = {
    "target": "target_seconds",
    "energy": "energy_joules",
    "cost": "cost",
}
_LONGEST = 60  # characters of a text that is shown again


@dataclass(frozen=True)
class Rule:
    """That B is worse than A in `quantity` by more than `threshold`, a share of 1 (of accuracy as well).

    slower, faster: by its times. target: slower to the target accuracy. accuracy: points lost. energy, cost:
    more of it. failed: a run that did not end ok where all of A's did; it has no threshold. `overall` asks of
    the mean over all scenarios, else it is asked of each.
    """

    quantity: Quantity
    threshold: float = 0.0
    overall: bool = False

    @property
    def metric(self) -> Metric | None:
        """What to compare by, None where the rule leaves that open."""
        return _METRICS.get(self.quantity)

    @property
    def bound(self) -> float:
        """The threshold in the unit of what is measured: a ratio, or the accuracy lost as a share of 1."""
        return self.threshold if self.quantity == "accuracy" else 1 + self.threshold

    def options(self, asked: Options) -> Options:
        """What to compare with, for an answer: what was `asked` for, but with the threshold for a margin.

        So p values are against the null that B is within the threshold, not within the usual margin.
        """
        options: Options = {**asked}
        if self.quantity in OVERALL:
            options["delta"] = self.threshold
        if self.quantity == "accuracy":
            options["margin"] = self.threshold
        if self.metric is not None:
            options["metric"] = self.metric
        return options

    def __str__(self) -> str:
        if self.quantity == "failed":
            return "failed"
        unit = "pt" if self.quantity == "accuracy" else "%"
        where = "overall " if self.overall else ""
        return f"{where}{self.quantity} > {round(self.threshold * 100, 9):g}{unit}"


def parse_rule(text: str) -> Rule:
    """The rule that `text` is; BenchError, which says how to write it, if it is none."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise _refused(text, f"is no rule; write it like '{EXAMPLE}'")
    quantity = _quantity(text, found["quantity"].lower())
    overall, number, unit = bool(found["overall"]), found["number"], (found["unit"] or "").lower()
    example = _EXAMPLES.get(quantity, f"{quantity} > 5%")
    if overall and quantity not in OVERALL:
        raise _refused(text, f"{quantity} is asked scenario by scenario; write '{example}'")
    if quantity == "failed":
        if number is not None:
            raise _refused(text, f"one run is enough; write '{example}'")
        return Rule(quantity)
    if number is None:
        raise _refused(text, f"by how much is missing; write it like '{example}'")
    return Rule(quantity, _threshold(text, quantity, float(number), unit, example), overall)


def _quantity(text: str, word: str) -> Quantity:
    for quantity in QUANTITIES:
        if quantity == word:
            return quantity
    known = ", ".join(QUANTITIES)
    raise _refused(text, f"{word[:_LONGEST]} is not among {known}; write it like '{EXAMPLE}'")


def _threshold(text: str, quantity: Quantity, number: float, unit: str, example: str) -> float:
    if (quantity == "accuracy") != (unit == "pt"):
        what = "is lost in points" if quantity == "accuracy" else "is told in percent"
        raise _refused(text, f"{quantity} {what}; write it like '{example}'")
    if not unit and number >= 1:
        raise _refused(text, f"{number:g} without % is {number * 100:g} %; write it like '{example}'")
    share = number / 100 if unit else number
    if not math.isfinite(share) or (quantity == "accuracy" and share >= 1):
        raise _refused(text, f"nothing is worse by so much; write it like '{example}'")
    return share


def _refused(text: str, why: str) -> BenchError:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return BenchError(f"--fail-if '{shown}': {why}")
