"""How throughput grows with hardware: each way to spread a training over replicas against one device.

Strong scaling holds the global batch fixed, weak scaling the batch of each replica.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

from bench.analysis.repetition import CONFIDENCE
from bench.analysis.settings import NAMES, hashable
from bench.analysis.statistics import hodges_lehmann_ratio, median
from bench.analysis.summary import counted
from bench.records.tables import Row

Kind = Literal["strong", "weak"]
Settings = tuple[tuple[str, Any], ...]

_HOW = frozenset({"strategy", "workers", "devices", "servers", "placement", "cpus"})
_BATCH = frozenset({"batch_size", "batch_per_replica"})
_FIXED = tuple(name for name in NAMES if name not in _HOW | _BATCH)
_TITLE = frozenset({"hidden", "activation"})
RUN_COLUMNS = (
    *("run_id", "session_id", "suite", "scenario_id", "machine", "device_name", "node", "nodes"),
    *("dataset_sha256", "status", "step_seconds", "all_reduce_seconds", "affinity", "memory_growth"),
    *NAMES,
)
"""Of `runs`, all that is read here."""
_MOST_RUNS = 100  # the exact counts of two samples take time by the square of the product of their sizes


@dataclass(frozen=True)
class ScaledScenario:
    """One way to train, against the baseline.

    `nodes` has each number of nodes that one of its runs had. `hardware` is how many GPUs it had or, on a
    CPU, cores; `factor` that over the baseline's. `speedup` is the ratio of its throughput (samples per
    second) to the baseline's, with the 95 % interval from `low` to `high`, None where there are too few runs
    for one. `all_reduce_share` (of 1) is how much of a step summing up the gradients would take by itself.
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
    machine: str
    device_name: str | None
    on_gpus: bool
    baseline: ScaledScenario
    scaled: tuple[ScaledScenario, ...]


@dataclass(frozen=True)
class _Place:
    """The hardware that runs began on, and the data they saw; None where nobody knows."""

    machine: str | None
    device_name: str | None
    dataset_sha256: str | None


@dataclass(frozen=True)
class _Group:
    """The runs of a baseline and of each other scenario, and what all of them share."""

    suite: str
    settings: Settings
    place: _Place
    kind: Kind
    batch: int
    baseline: Sequence[Row]
    others: tuple[Sequence[Row], ...]

    @property
    def on_gpus(self) -> bool:
        """With one device, the process that reports has the GPU, and then reads `memory_growth` back."""
        return any(row.get("memory_growth") is not None for row in self.baseline)


def scalings(runs: Iterable[Row]) -> list[Scaling]:
    """A scaling for each group of scenarios that holds one of one device, with ok runs, and any other.

    Takes rows of the `runs` table. Groups are within a suite (not a sweep: the baseline may stand in one of
    its own), one data set, one device, and one machine, that of the run's first process. Where several
    scenarios have one device, the baseline is that with the fewest cores. A run that no machine had
    (infeasible) goes with the machines of its session. Of more than a hundred runs of a scenario the last
    hundred are compared.
    """
    families: dict[tuple[str, Settings], list[Row]] = {}
    for row in {row["run_id"]: row for row in runs}.values():
        if row.get("strategy") and (row.get("batch_size") or row.get("batch_per_replica")):
            families.setdefault((row["suite"], _fixed(row)), []).append(row)
    groups = [group for key, rows in families.items() for group in _groups(*key, rows)]
    return [_scaling(group, _label(group, groups)) for group in groups]


def _groups(suite: str, settings: Settings, rows: Sequence[Row]) -> Iterable[_Group]:
    """Those of one family, which has all settings but the varied ones in common: by place, kind and batch."""
    for place in dict.fromkeys(_place(row) for row in _ok(rows)):
        sessions = {row["session_id"] for row in _ok(rows) if _place(row) == place}
        scenarios: dict[str, list[Row]] = {}
        for row in rows:
            if _belongs(row, place, sessions):
                scenarios.setdefault(row["scenario_id"], []).append(row)
        of_batch: dict[tuple[Kind, int], list[list[Row]]] = {}
        for members in scenarios.values():
            of_batch.setdefault(_kind(members[0]), []).append(members)
        for (kind, batch), own in of_batch.items():
            # With one device, a global batch and a replica's of the same size are the same work.
            same_work = of_batch.get(("weak" if kind == "strong" else "strong", batch), [])
            baseline = _baseline(own) or _baseline(same_work)
            others = tuple(members for members in own if members is not baseline)
            if baseline and others:
                yield _Group(suite, settings, place, kind, batch, baseline, others)


def _baseline(scenarios: Iterable[Sequence[Row]]) -> Sequence[Row] | None:
    """Of those with one device that were timed: that with the fewest cores, of equals one without `cpus`."""
    return min(
        (rows for rows in scenarios if rows[0]["strategy"] == "one_device" and _times(rows)),
        key=lambda rows: (_hardware(rows, on_gpus=False) or math.inf, rows[0]["cpus"] is not None),
        default=None,
    )


def _belongs(row: Row, place: _Place, sessions: set[str]) -> bool:
    """Whether a run is of `place`; one that failed may not know all of it."""
    own = _place(row)
    if row["status"] == "ok":
        return own == place
    if own.machine is None and row["session_id"] not in sessions:
        return False
    return all(mine in (None, its) for mine, its in zip(astuple(own), astuple(place), strict=True))


def _scaling(group: _Group, label: str) -> Scaling:
    settings = dict(group.settings)
    baseline, *scaled = (
        _scaled(rows, group.baseline, group.on_gpus) for rows in (group.baseline, *group.others)
    )
    return Scaling(
        suite=group.suite,
        kind=group.kind,
        batch=group.batch,
        hidden=tuple(settings["hidden"] or ()),
        activation=tuple(settings["activation"] or ()),
        label=label,
        machine=group.place.machine or "unknown",
        device_name=group.place.device_name,
        on_gpus=group.on_gpus,
        baseline=baseline,
        scaled=tuple(sorted(scaled, key=_by_replicas)),
    )


def _by_replicas(found: ScaledScenario) -> tuple[Any, ...]:
    details = (found.servers or 0, found.placement or "", found.cpus or 0)
    return (found.replicas, found.hardware or 0, found.strategy, found.workers, *details)


def _scaled(rows: Sequence[Row], baseline: Sequence[Row], on_gpus: bool) -> ScaledScenario:
    first, ok = rows[0], _ok(rows)
    hardware, least = _hardware(rows, on_gpus), _hardware(baseline, on_gpus)
    speedup, low, high = (1.0, None, None) if rows is baseline else _speedup(rows, baseline)
    return ScaledScenario(
        strategy=first["strategy"],
        workers=_number(first, "workers"),
        devices=_number(first, "devices"),
        servers=first.get("servers"),
        placement=first.get("placement"),
        cpus=first.get("cpus"),
        nodes=tuple(sorted({len(nodes) for row in ok if (nodes := _nodes(row))})),
        hardware=hardware,
        factor=hardware / least if hardware and least else None,
        speedup=speedup,
        low=low,
        high=high,
        all_reduce_share=_all_reduce_share(ok),
        runs=len(rows),
        ok=len(ok),
        failures=counted(row["status"] for row in rows if row["status"] != "ok"),
    )


def _speedup(rows: Sequence[Row], baseline: Sequence[Row]) -> tuple[float | None, float | None, float | None]:
    """The ratio of throughputs and its interval: that of the batches, over that of the times of a step."""
    times = _times(rows)
    if not times:
        return None, None, None
    found = hodges_lehmann_ratio(times, _times(baseline), CONFIDENCE)
    batches = _global_batch(rows[0]) / _global_batch(baseline[0])
    ratio, low, high = (
        None if value is None else value * batches for value in (found.ratio, found.low, found.high)
    )
    return ratio, low, high


def _times(rows: Sequence[Row]) -> list[float]:
    return [row["step_seconds"] for row in _ok(rows) if row.get("step_seconds")][-_MOST_RUNS:]


def _all_reduce_share(ok: Iterable[Row]) -> float | None:
    shares = [
        min(row["all_reduce_seconds"] / row["step_seconds"], 1.0)
        for row in ok
        if row.get("all_reduce_seconds") is not None and row.get("step_seconds")
    ]
    return median(shares) if shares else None


def _hardware(rows: Sequence[Row], on_gpus: bool) -> float | None:
    """GPUs, or CPU cores of all workers: in the median run."""
    found = [_replicas(row) if on_gpus else _cores(row) for row in _ok(rows)]
    known = [number for number in found if number]
    return median(known) if known else None


def _cores(row: Row) -> float | None:
    """Those of all workers, by those of the process that reports.

    It is a worker, but for parameter_server: there its cores are those of all the workers on its node.
    """
    affinity, workers = row.get("affinity"), _number(row, "workers")
    if not affinity:
        return None
    nodes = row.get("nodes") or [None] * workers
    sharing = nodes.count(nodes[0]) if row["strategy"] == "parameter_server" else 1
    return float(len(affinity) * workers / sharing)


def _ok(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "ok"]


def _nodes(row: Row) -> set[str]:
    """Those that the run had; an older table tells of one."""
    return set(row.get("nodes") or filter(None, [row.get("node")]))


def _number(row: Row, name: str) -> int:
    return int(row.get(name) or 1)


def _replicas(row: Row) -> int:
    return _number(row, "workers") * _number(row, "devices")


def _kind(row: Row) -> tuple[Kind, int]:
    return ("strong", row["batch_size"]) if row["batch_size"] else ("weak", row["batch_per_replica"])


def _global_batch(row: Row) -> int:
    return int(row["batch_size"] or row["batch_per_replica"] * _replicas(row))


def _place(row: Row) -> _Place:
    return _Place(row.get("machine"), row.get("device_name"), row.get("dataset_sha256"))


def _fixed(row: Row) -> Settings:
    return tuple((name, hashable(row.get(name))) for name in _FIXED)


def _label(group: _Group, groups: Iterable[_Group]) -> str:
    """The settings that not all groups of the suite share, less those that a title names anyway."""
    alike = zip(*(other.settings for other in groups if other.suite == group.suite), strict=True)
    pairs = zip(group.settings, (len(set(values)) > 1 for values in alike), strict=True)
    return " ".join(f"{name}={value}" for (name, value), varies in pairs if varies and name not in _TITLE)
