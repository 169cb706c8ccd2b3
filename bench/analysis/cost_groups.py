"""The runs of one scenario on one side, with what each of them took and cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.energy import own_energy, per_million_samples
from bench.analysis.node_shares import Share
from bench.analysis.spending import Floats, Spending
from bench.records.run_table import Mask, Rows, RunTable


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that had a slot, of one scenario on one side; what one of them does not tell is NaN.

    `target_seconds` is infinite for a run that missed its target or failed, and NaN in all where there is no
    target; `cached` are those that read what an earlier one had compiled; see `Spending` and
    `energy` for the others.
    """

    side: str
    suite: str
    sweep: str
    label: str
    scenario_id: str
    target_accuracy: float | None
    sessions: tuple[str, ...]
    ok: Mask
    reached: Mask
    cached: Mask
    seconds: Floats
    target_seconds: Floats
    per_hour: Floats
    paid: Floats
    joules: Floats
    joules_per_million: Floats
    at_least: int
    lost: int

    @property
    def is_priced(self) -> bool:
        """Whether it is known of each run what it cost."""
        return not bool(np.isnan(self.paid).any())

    @cached_property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions that the runs are of, each once."""
        return tuple(dict.fromkeys(self.sessions))

    def by_session(self, values: NDArray[Any], which: Mask | None = None) -> dict[str, list[Any]]:
        """The values of each session's runs, or of `which` of them, NaN left out."""
        chosen = ~np.isnan(values) if which is None else which & ~np.isnan(values)
        found: dict[str, list[Any]] = {name: [] for name in self.session_ids}
        for name, value, there in zip(self.sessions, values.tolist(), chosen.tolist(), strict=True):
            if there:
                found[name].append(value)
        return found


def groups_of(
    side: str, runs: RunTable, shares: Sequence[tuple[Rows, Sequence[Share]]], spent: Spending
) -> Iterator[Group]:
    """One for each scenario of `runs`, of which all had a slot, in the order in which they come up."""
    keys = ("suite", "sweep", "label", "scenario_id")
    names = {name: runs.codes(name) for name in (*keys, "session_id")}
    targets, times = runs.numbers("target_accuracy"), runs.numbers("target_seconds")
    ok, paid = runs.is_ok(), spent.paid
    reached = ok & times.known
    cached = runs.codes("compile_cached").among([True])
    joules = own_energy(runs, shares)
    per_million = per_million_samples(runs, joules)
    for rows in runs.groups("suite", "sweep", "scenario_id"):
        first, target = int(rows[0]), targets.of(rows)
        target_seconds = np.where(reached[rows], times.values[rows], np.inf if target.size else np.nan)
        yield Group(
            side=side,
            **{name: names[name][first] for name in keys},
            target_accuracy=target[0].item() if target.size else None,
            sessions=tuple(names["session_id"].of(rows)),
            ok=ok[rows],
            reached=reached[rows],
            cached=cached[rows],
            seconds=spent.seconds[rows],
            target_seconds=target_seconds,
            per_hour=spent.per_hour[rows],
            paid=paid[rows],
            joules=joules[rows],
            joules_per_million=per_million[rows],
            at_least=int(spent.at_least[rows].sum()),
            lost=int(spent.lost[rows].sum()),
        )
