"""Whether a machine itself changed while a session ran: its probe at the end against that at the start."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.records.tables import Row

DRIFT = 0.03
RATES = (
    "probe_float32_flops_per_second",
    "probe_tf32_flops_per_second",
    "probe_mixed_bfloat16_flops_per_second",
    "probe_mixed_float16_flops_per_second",
    "probe_all_reduce_bytes_per_second",
)
"""A drift of the bandwidth is that of the largest working set, the machine's memory."""


@dataclass(frozen=True)
class Process:
    """The kind of process that was probed: all of a session's on one node with these cores and device."""

    session_id: str
    node: str
    device_kind: str | None
    cores: int | None


@dataclass(frozen=True)
class Drift:
    """A figure of a probe that changed by more than `DRIFT` over a session; rates per second."""

    process: Process
    figure: str
    start: float
    end: float

    @property
    def change(self) -> float:
        """The end over the start, less 1."""
        return self.end / self.start - 1


def drifts(machines: Iterable[Row]) -> list[Drift]:
    """Every figure that drifted, of each process that was probed both times; rows of the `machines` table."""
    starts: dict[Process, Row] = {}
    found = []
    for row in machines:
        key = Process(row["session_id"], row["node"], row.get("probe_device_kind"), row.get("probe_cores"))
        if row.get("probe_moment") == "start":
            starts.setdefault(key, row)
        elif row.get("probe_moment") == "end" and key in starts:
            before, after = _figures(starts[key]), _figures(row)
            pairs = [Drift(key, name, before[name], after[name]) for name in before if name in after]
            found += [drift for drift in pairs if abs(drift.change) > DRIFT]
    return found


def _figures(row: Row) -> dict[str, float]:
    """The figures that a drift shows in, by the names that people know them by."""
    rates = {name: row.get(name) for name in RATES}
    named = {name.removeprefix("probe_").split("_per_")[0]: rate for name, rate in rates.items() if rate}
    sets, bandwidths = row.get("probe_working_set_bytes"), row.get("probe_bytes_per_second")
    if sets and bandwidths:
        named["memory_bytes"] = max(zip(sets, bandwidths, strict=True))[1]
    return named
