"""A machine and its limits, as `bench probe` prints them and a session tells them."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.drift import DRIFT, Change, Drift
from bench.machine.fingerprint import Fingerprint
from bench.machine.nvml import Gpu
from bench.records.probe import Moment, Probe
from bench.views.export import json_text
from bench.views.format import NONE, bytes_, count, flops, percent, seconds, several


@dataclasses.dataclass(frozen=True)
class GemmRate:
    """What a matrix product of a suite's own shape ran at: (m × k) times (k × n), in FLOP/s, or None."""

    where: str
    m: int
    k: int
    n: int
    flops_per_second: float | None
    square_flops_per_second: float | None


def probe_view(seen: Fingerprint, probe: Probe, gemms: Sequence[GemmRate] = ()) -> RenderableType:
    """The machine, its limits, and what the matrix products of a suite reach of them."""
    parts: list[RenderableType] = [_facts(_machine_facts(seen)), Text()]
    parts += [Text(_who(probe), "bold cyan"), _facts(_limit_facts(probe))]
    if gemms:
        parts += [Text(), Text("Matrix products of the suite", "bold cyan"), _gemm_table(gemms)]
    return Group(*parts)


def probe_json(seen: Fingerprint, probe: Probe, gemms: Sequence[GemmRate] = ()) -> str:
    """The same as an object: `fingerprint`, `probe` and `gemms`."""
    return json_text(
        {
            "fingerprint": seen.facts(),
            "probe": dataclasses.asdict(probe),
            "gemms": [dataclasses.asdict(gemm) for gemm in gemms],
        }
    )


def limits_line(probe: Probe) -> str:
    """The limits in a few words: "231 GFLOP/s float32, 10.2 GB/s"."""
    rates = [f"{flops(rate)} {name}" for name, rate in probe.gemm_flops_per_second.items()]
    largest = max(probe.bandwidths, key=lambda b: b.working_set_bytes, default=None)
    return ", ".join([*rates, _bandwidth(largest.bytes_per_second if largest else None)])


def unprobed_line(where: str, moment: Moment, why: str) -> str:
    """What a probe that came to nothing at the session's start or end costs."""
    lost = "its runs have no limits" if moment == "start" else "its drift is not known"
    return f"No limits of {where} at the session's {moment}: {why}; {lost}"


def drift_lines(drifts: Iterable[Drift]) -> list[Text]:
    """One line per figure of a machine that changed while a session ran."""
    return [Text(_drift(drift), "yellow") for drift in drifts]


def change_lines(changes: Iterable[Change]) -> list[Text]:
    """One line per figure that tells the two sides of a comparison apart on one and the same machine."""
    return [
        Text(
            f"! The same machine, {change.node}, was not the same: {change.figure.replace('_', ' ')} "
            f"{_drifted(change.before)} per second in A's probes, {_drifted(change.after)} in B's "
            f"({percent(change.change, 0)}). Times may differ for that alone.",
            "yellow",
        )
        for change in changes
    ]


def _drift(drift: Drift) -> str:
    figure = drift.figure.replace("_", " ")
    return (
        f"! {drift.node} itself changed by {percent(drift.change, 0)} while {drift.session_id} ran "
        f"(more than {percent(DRIFT, 0)}): {figure} from {_drifted(drift.before)} to {_drifted(drift.after)} "
        "per second"
    )


def _drifted(value: float) -> str:
    return f"{value / 1e9:,.3g} G"


def _who(probe: Probe) -> str:
    device = "GPU" if probe.device_kind == "gpu" else "CPU"
    return f"What its {device} can do at most, with {several(probe.cores, 'core')}"


def _machine_facts(seen: Fingerprint) -> Iterable[tuple[str, str]]:
    built, running = seen.hardware, seen.software
    yield "machine", seen.machine
    yield "node", f"{seen.node} ({built.hypervisor or 'virtual'})" if built.virtualised else seen.node
    if built.cpu_cache_l3_bytes:
        yield "caches", f"L2 {bytes_(built.cpu_cache_l2_bytes)}, L3 {bytes_(built.cpu_cache_l3_bytes)}"
    yield "memory", bytes_(built.memory_bytes)
    if built.cpu_flags:
        yield "vector units", " ".join(built.cpu_flags)
    for gpu in built.gpus:
        yield f"GPU {gpu.index}", _gpu(gpu)
    yield "system", ", ".join(filter(None, (running.operating_system, running.kernel)))
    versions = ("python", "tensorflow", "keras", "ray", "nvidia_driver", "cuda", "cudnn")
    told = [(name, getattr(running, f"{name}_version")) for name in versions]
    yield "software", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told if value)
    yield "ids", f"machine {seen.machine_id}, software {seen.software_id}"


def _gpu(gpu: Gpu) -> str:
    facts = [gpu.name, bytes_(gpu.memory_bytes) if gpu.memory_bytes else None]
    facts.append(f"{gpu.power_limit_watts:.0f} W" if gpu.power_limit_watts else None)
    return ", ".join(fact for fact in facts if fact)


def _limit_facts(probe: Probe) -> Iterable[tuple[str, str]]:
    for precision, rate in probe.gemm_flops_per_second.items():
        yield f"matrix product, {precision}", flops(rate)
    for measured in probe.bandwidths:
        yield f"memory, {bytes_(measured.working_set_bytes)} in use", _bandwidth(measured.bytes_per_second)
    if not probe.bandwidths:
        yield "memory", NONE
    yield "launch from Python and back", seconds(probe.launch_seconds)
    yield "smallest product in a chain", seconds(probe.product_seconds)
    if probe.iteration_seconds is not None:
        yield "turn of a loop of unknown length", seconds(probe.iteration_seconds)
    if probe.all_reduce_bytes_per_second is not None:
        yield "all-reduce over its devices", _bandwidth(probe.all_reduce_bytes_per_second)


def _bandwidth(bytes_per_second: float | None) -> str:
    return NONE if bytes_per_second is None else f"{bytes_per_second / 1e9:,.3g} GB/s"


def _facts(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    return table


def _gemm_table(gemms: Iterable[GemmRate]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("where", overflow="fold")
    for title in ("m", "k", "n", "rate", "of square"):
        table.add_column(title, justify="right", no_wrap=True)
    for gemm in gemms:
        rate, square = gemm.flops_per_second, gemm.square_flops_per_second
        share = None if rate is None or square is None else rate / square
        sizes: list[Any] = [count(size) for size in (gemm.m, gemm.k, gemm.n)]
        table.add_row(gemm.where, *sizes, flops(gemm.flops_per_second), percent(share, 0))
    return table
