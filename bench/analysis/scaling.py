"""How throughput grows with hardware: each way to spread a training over replicas against one device.

Strong scaling holds the global batch fixed, weak scaling the batch of each replica. Only runs of one session
are held against each other: sessions of one machine differ by 2 to 10 % where it is shared. By simulation
(1,500 each; a scatter of 2 %, moods of 2 and 5 %, 4 to 20 rounds) 95 % intervals of the speed-up hold it in
94 to 98 of 100 cases within a session, in 94 to 95 with six sessions as blocks, and in 76 to 14, the fewer
the more rounds there are, where the one device was measured in another session.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.origin import UNKNOWN, Origin
from bench.analysis.scaling_columns import RUN_COLUMNS, Kind, ScalingColumns, Settings
from bench.analysis.speedup import Speedup, speedup
from bench.analysis.tally import counted
from bench.records.run_table import Rows, RunTable

__all__ = ["RUN_COLUMNS", "Kind", "ScaledScenario", "Scaling", "scalings"]

_TITLE = frozenset({"hidden", "activation"})


@dataclass(frozen=True)
class ScaledScenario:
    """One way to train, against the baseline.

    `nodes` has each number of nodes that one of its runs had. `hardware` is how many GPUs it had or, on a
    CPU, cores; `factor` that over the baseline's. `speedup` is the ratio of its throughput (samples per
    second) to the baseline's, with the 95 % interval from `low` to `high`, None where there are too few runs
    for one. `sessions` is how many hold both: from four on it is the geometric mean of the ratio in each,
    with an interval over sessions, below that it is of the last one; where none does, though both ran, they
    are `apart`. `all_reduce_share` (of 1) is what summing up the gradients would take of a step by itself.
    `failures` says how often which status other than ok came up.
    """

    strategy: str
    workers: int
    devices: int
    servers: int | None
    placement: str | None
    cpus: int | None
    nodes: tuple[int, ...]
    hardware: float | None
    factor: float | None
    speedup: float | None
    low: float | None
    high: float | None
    sessions: int
    apart: bool
    all_reduce_share: float | None
    runs: int
    ok: int
    failures: tuple[tuple[str, int], ...]

    @property
    def replicas(self) -> int:
        """How many copies of the model train together."""
        return self.workers * self.devices

    @property
    def efficiency(self) -> float | None:
        """Speed-up over `factor`: 1 where all the hardware that it has more of goes into throughput."""
        return self._over_factor(self.speedup)

    @property
    def efficiency_low(self) -> float | None:
        """The lower end of the efficiency's interval."""
        return self._over_factor(self.low)

    @property
    def efficiency_high(self) -> float | None:
        """The upper end of the efficiency's interval."""
        return self._over_factor(self.high)

    def _over_factor(self, value: float | None) -> float | None:
        return value / self.factor if value is not None and self.factor else None


@dataclass(frozen=True)
class Scaling:
    """Scenarios that differ in nothing but how many replicas there are and how, by replicas upwards.

    `batch` is the global one for strong scaling, each replica's for weak scaling. `label` names the other
    settings in which this group differs from others of its suite, such as "loop=fit".
    """

    suite: str
    kind: Kind
    batch: int
    hidden: tuple[int, ...]
    activation: tuple[str, ...]
    label: str
    origin: Origin
    device_name: str | None
    on_gpus: bool
    baseline: ScaledScenario
    scaled: tuple[ScaledScenario, ...]


@dataclass(frozen=True)
class _Place:
    """The hardware that runs began on, and the data they saw; None where nobody knows."""

    machine: str | None
    machine_id: str | None
    software_id: str | None
    device_name: str | None
    dataset_sha256: str | None

    @property
    def origin(self) -> Origin:
        return Origin(None, self.machine or UNKNOWN, self.machine_id, self.software_id)


@dataclass(frozen=True)
class _Group:
    """The runs of a baseline and of each other scenario, and what all of them share."""

    suite: str
    settings: Settings
    place: _Place
    kind: Kind
    batch: int
    on_gpus: bool
    baseline: Rows
    others: tuple[Rows, ...]


def scalings(runs: RunTable) -> list[Scaling]:
    """A scaling for each group of scenarios that holds one of one device, with ok runs, and any other.

    Groups are within a suite (not a sweep: the baseline may stand in one of its own), one data set, one
    device, and one machine and software, that of the run's first process. Where several scenarios have one
    device, the baseline is that which shares a session with the most others, of equals that with the fewest
    cores. A run that no machine had (infeasible) goes with the machines of its session. Of more than a
    hundred runs of a scenario in a session the last hundred are compared.
    """
    columns = ScalingColumns(runs)
    groups = [group for rows in columns.families() for group in _groups(columns, rows)]
    return [_scaling(columns, group, _label(group, groups)) for group in groups]


def _groups(columns: ScalingColumns, rows: Rows) -> Iterable[_Group]:
    """Those of one family, which has all settings but the varied ones in common: by place, kind and batch."""
    suite, settings = columns.suite[rows[0]], columns.fixed(rows[0])
    for where, there in columns.by_place(rows):
        of_batch: dict[tuple[Kind, int], list[Rows]] = {}
        for members in columns.by_scenario(there):
            of_batch.setdefault(columns.kind(members[0]), []).append(members)
        for (kind, batch), own in of_batch.items():
            # With one device, a global batch and a replica's of the same size are the same work.
            same_work = of_batch.get(("weak" if kind == "strong" else "strong", batch), [])
            baseline = _baseline(columns, own, own)
            baseline = _baseline(columns, same_work, own) if baseline is None else baseline
            others = tuple(members for members in own if members is not baseline)
            if baseline is not None and others:
                on_gpus = columns.on_gpus(baseline)
                place = _Place(*where)
                yield _Group(suite, settings, place, kind, batch, on_gpus, baseline, others)


def _baseline(columns: ScalingColumns, scenarios: Iterable[Rows], others: Sequence[Rows]) -> Rows | None:
    """Of those with one device that were timed: see `scalings`; of equals one without `cpus`."""
    alone = [
        rows for rows in scenarios if columns.strategy[rows[0]] == "one_device" and columns.is_timed(rows)
    ]
    sessions = [set(columns.by_session(rows)) for rows in others] if len(alone) > 1 else []

    def order(rows: Rows) -> tuple[float, ...]:
        beside = sum(not own.isdisjoint(columns.by_session(rows)) for own in sessions)
        return -beside, columns.hardware(rows, False) or math.inf, columns.cpus[rows[0]] is not None

    return min(alone, key=order, default=None)


def _scaling(columns: ScalingColumns, group: _Group, label: str) -> Scaling:
    settings = dict(group.settings)
    baseline, *scaled = (_scaled(columns, rows, group) for rows in (group.baseline, *group.others))
    return Scaling(
        suite=group.suite,
        kind=group.kind,
        batch=group.batch,
        hidden=tuple(settings["hidden"] or ()),
        activation=tuple(settings["activation"] or ()),
        label=label,
        origin=group.place.origin,
        device_name=group.place.device_name,
        on_gpus=group.on_gpus,
        baseline=baseline,
        scaled=tuple(sorted(scaled, key=_by_replicas)),
    )


def _by_replicas(found: ScaledScenario) -> tuple[Any, ...]:
    details = (found.servers or 0, found.placement or "", found.cpus or 0)
    return (found.replicas, found.hardware or 0, found.strategy, found.workers, *details)


def _scaled(columns: ScalingColumns, rows: Rows, group: _Group) -> ScaledScenario:
    first, baseline = rows[0], group.baseline
    hardware, least = (columns.hardware(of, group.on_gpus) for of in (rows, baseline))
    found = Speedup(0, 1.0) if rows is baseline else speedup(columns, rows, baseline)
    statuses = columns.statuses(rows)
    return ScaledScenario(
        strategy=columns.strategy[first],
        workers=int(columns.workers[first]),
        devices=int(columns.devices[first]),
        servers=columns.servers[first],
        placement=columns.placement[first],
        cpus=columns.cpus[first],
        nodes=columns.node_counts(rows),
        hardware=hardware,
        factor=hardware / least if hardware and least else None,
        speedup=found.ratio,
        low=found.low,
        high=found.high,
        sessions=found.sessions,
        apart=found.ratio is None and columns.is_timed(rows),
        all_reduce_share=columns.all_reduce_share(rows),
        runs=len(rows),
        ok=statuses.count("ok"),
        failures=counted(status for status in statuses if status != "ok"),
    )


def _label(group: _Group, groups: Iterable[_Group]) -> str:
    """The settings that not all groups of the suite share, less those that a title names anyway."""
    alike = zip(*(other.settings for other in groups if other.suite == group.suite), strict=True)
    pairs = zip(group.settings, (len(set(values)) > 1 for values in alike), strict=True)
    return " ".join(f"{name}={value}" for (name, value), varies in pairs if varies and name not in _TITLE)
