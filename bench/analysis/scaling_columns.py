"""What runs tell of how they were spread over hardware, by groups of them."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.analysis.settings import NAMES
from bench.analysis.statistics import median
from bench.records.run_table import Codes, Rows, RunTable, grouped
from bench.records.scenario import of_group

Kind = Literal["strong", "weak"]
Settings = tuple[tuple[str, Any], ...]
Place = tuple[str | None, ...]
"""What a run began on, and which data it saw: the columns of `_PLACE`."""

_FIXED = tuple(name for name in NAMES if name not in (*of_group("spread"), *of_group("batch")))
_PLACE = ("machine", "machine_id", "software_id", "device_name", "dataset_sha256")
RUN_COLUMNS = (
    *("run_id", "session_id", "started_at", "suite", "scenario_id", "node", "nodes"),
    *_PLACE,
    *("status", "step_seconds", "all_reduce_seconds", "affinity", "memory_growth"),
    *NAMES,
)
"""Of `runs`, all that is read for scaling."""
_MOST_RUNS = 100


class ScalingColumns:
    """The columns of `runs` that scaling takes, and figures of groups of rows."""

    def __init__(self, runs: RunTable) -> None:
        self._runs = runs
        self._ok = runs.is_ok()
        self.suite, self.strategy = runs.codes("suite"), runs.codes("strategy")
        self.servers, self.placement, self.cpus = map(runs.codes, ("servers", "placement", "cpus"))
        self._batch, self._batch_per_replica = map(runs.codes, ("batch_size", "batch_per_replica"))
        self._statuses, self._scenarios = runs.codes("status"), runs.codes("scenario_id")
        self._fixed = {name: runs.codes(name) for name in _FIXED}
        self._place = [runs.codes(name) for name in _PLACE]
        self.workers, self.devices = (_or_one(runs, name) for name in ("workers", "devices"))
        steps = runs.numbers("step_seconds")
        self._steps, self._timed = steps.values, self._ok & steps.known & (steps.values != 0)

    def families(self) -> list[Rows]:
        """The runs of each suite that have all settings in common but those of how they were spread.

        Without those of which nothing can come, since all are of one scenario, or none has one device alone.
        """
        batch, per_replica = (codes.among([None, 0]) for codes in (self._batch, self._batch_per_replica))
        spread = self._runs.rows[~self.strategy.among([None, ""]) & ~(batch & per_replica)]
        alone = self.strategy.among(["one_device"])
        families = grouped([self.suite, *self._fixed.values()], spread)
        several = (rows for rows in families if len(np.unique(self._scenarios.indices[rows])) > 1)
        return [rows for rows in several if alone[rows].any()]

    def fixed(self, row: int) -> Settings:
        """The settings that a family has in common."""
        return tuple((name, codes[row]) for name, codes in self._fixed.items())

    def by_place(self, rows: Rows) -> Iterator[tuple[Place, Rows]]:
        """The places where some of `rows` ended ok, each with the rows that belong there.

        One that failed may not know all of its place.
        """
        others = rows[~self._ok[rows]]
        for there in grouped(self._place, rows[self._ok[rows]]):
            where = tuple(codes[there[0]] for codes in self._place)
            more = self._belonging(others, where, there) if others.size else others
            yield where, np.sort(np.concatenate([there, more])) if more.size else there

    def _belonging(self, others: Rows, where: Sequence[str | None], there: Rows) -> Rows:
        sessions = self._runs.codes("session_id").indices
        machine = self._place[0].indices[others]
        belongs = (machine >= 0) | np.isin(sessions[others], sessions[there])
        for codes, value in zip(self._place, where, strict=True):
            belongs &= codes.take(others).among([None, value])
        return others[belongs]

    def by_scenario(self, rows: Rows) -> list[Rows]:
        """Of `rows` those of each scenario."""
        return grouped([self._scenarios], rows)

    def kind(self, row: int) -> tuple[Kind, int]:
        """Whether the global batch was set, or each replica's, and that batch."""
        whole = self._batch[row]
        return ("strong", whole) if whole else ("weak", self._batch_per_replica[row])

    def global_batch(self, row: int) -> int:
        """Training samples per step over all replicas."""
        replicas = int(self.workers[row]) * int(self.devices[row])
        whole = self._batch[row]
        return int(whole) if whole else int(self._batch_per_replica[row]) * replicas

    def statuses(self, rows: Rows) -> list[str]:
        """What became of each."""
        return self._statuses.of(rows)

    def on_gpus(self, baseline: Rows) -> bool:
        """With one device, the process that reports has the GPU, and then reads `memory_growth` back."""
        return bool((self._runs.codes("memory_growth").indices[baseline] >= 0).any())

    def is_timed(self, rows: Rows) -> bool:
        """Whether any of them ended ok and tells what a step took."""
        return bool(self._timed[rows].any())

    def by_session(self, rows: Rows) -> dict[int, NDArray[Any]]:
        """The step times of those that ended ok by session, a number that grows with when it began.

        Of very many of a session the last ones.
        """
        timed = rows[self._timed[rows]]
        parts = grouped([self._sessions], timed)
        order = {int(self._session_order[self._sessions.indices[own[0]]]): own for own in parts}
        return {at: self._steps[order[at][-_MOST_RUNS:]] for at in sorted(order)}

    def all_reduce_share(self, rows: Rows) -> float | None:
        """The median, of 1, of what all-reduce by itself takes of a step."""
        timed = rows[self._timed[rows]]
        alone = self._all_reduce
        timed = timed[alone.known[timed]]
        return median(np.minimum(alone.values[timed] / self._steps[timed], 1.0)) if timed.size else None

    def hardware(self, rows: Rows, on_gpus: bool) -> float | None:
        """GPUs, or CPU cores of all workers: in the median run."""
        ok = rows[self._ok[rows]]
        found = self.workers[ok] * self.devices[ok].astype(np.float64) if on_gpus else self._cores[ok]
        known = found[found != 0]
        return median(known) if known.size else None

    def node_counts(self, rows: Rows) -> tuple[int, ...]:
        """Each number of nodes that one of those that ended ok had; an older table tells of one node."""
        counts = {len(set(nodes)) for nodes in self._nodes.distinct(rows[self._ok[rows]])}
        return tuple(sorted(counts - {0}))

    @cached_property
    def _sessions(self) -> Codes:
        return self._runs.codes("session_id")

    @cached_property
    def _session_order(self) -> NDArray[np.intp]:
        """Of each session its place among all, as they began; first those that do not say when."""
        began, sessions = self._runs.numbers("started_at"), self._sessions
        first = np.full(len(sessions.values), np.iinfo(np.int64).max)
        np.minimum.at(first, sessions.indices[began.known], began.values[began.known])
        first[first == np.iinfo(np.int64).max] = np.iinfo(np.int64).min
        return np.argsort(np.lexsort((np.arange(len(first)), first)))

    @cached_property
    def _all_reduce(self) -> Any:  # noqa: ANN401 -- Numbers
        return self._runs.numbers("all_reduce_seconds")

    @cached_property
    def _nodes(self) -> Codes:
        nodes, first = self._runs.codes("nodes"), self._runs.codes("node")
        alone = first.mapped([(value,) if value else None for value in first.values])
        return nodes.mapped([value or None for value in nodes.values]).otherwise(alone)

    @cached_property
    def _cores(self) -> NDArray[np.float64]:
        """Those of all workers, by those of the process that reports; 0 where it does not tell.

        It is a worker, but for parameter_server: there its cores are those of all the workers on its node.
        """
        affinity, nodes = self._runs.codes("affinity"), self._runs.codes("nodes")
        cores = np.array([*map(len, affinity.values), 0])[affinity.indices]
        beside = np.array([*(of.count(of[0]) if of else 0 for of in nodes.values), 0])[nodes.indices]
        sharing = np.where(beside, beside, self.workers)  # all on one node, where nobody tells of nodes
        sharing = np.where(self.strategy.among(["parameter_server"]), sharing, 1)
        found: NDArray[np.float64] = cores * self.workers / sharing
        return found


def _or_one(runs: RunTable, name: str) -> NDArray[np.int64]:
    numbers = runs.numbers(name)
    return np.where(numbers.known & (numbers.values != 0), numbers.values, 1).astype(np.int64)
