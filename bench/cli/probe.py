"""`bench probe`: this machine, what it is and what its limits are."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import OnlyOption
from bench.cli.output import terminal, write
from bench.errors import BenchError
from bench.uri import local_path

if TYPE_CHECKING:
    from bench.machine.fingerprint import Fingerprint
    from bench.records.kinds import DeviceKind
    from bench.records.probe import Probe
    from bench.records.scenario import Precision
    from bench.records.suite import Suite
    from bench.views.probe import GemmRate


class Device(StrEnum):
    """Which device to probe: a GPU where there is one, or what is named."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class ProbeFormat(StrEnum):
    """How a probe is printed."""

    table = "table"
    json = "json"


def probe(
    suite: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SUITE]",
            parser=local_path,
            help="Also time the matrix products of this suite's scenarios.",
        ),
    ] = None,
    only: OnlyOption = None,
    device: Annotated[Device, typer.Option("--device", help="auto, cpu or gpu.")] = Device.auto,
    output: Annotated[
        ProbeFormat, typer.Option("--format", help="How to print: table or json.")
    ] = ProbeFormat.table,
) -> None:
    """Show this machine and what it can do at most: matrix products, memory, launches, all-reduce."""
    from bench.machine.affinity import usable_cores
    from bench.machine.fingerprint import fingerprint
    from bench.orchestration.processes.aside import aside, environment
    from bench.records.suite import read_suite
    from bench.views.probe import probe_json, probe_view

    chosen = read_suite(suite) if suite else None
    if only is not None:
        if chosen is None:
            raise BenchError("--only needs a suite to choose from; name one, such as scenarios/quick.toml")
        chosen = chosen.only(only)
    seen = fingerprint(environ=environment())
    kind: DeviceKind = (
        "gpu" if device is Device.gpu or (device is Device.auto and seen.hardware.gpus) else "cpu"
    )
    measured, gemms = aside(_measure, kind, usable_cores(), chosen, seen)
    if output is ProbeFormat.json:
        write(probe_json(seen, measured, gemms))
    else:
        terminal().print(probe_view(seen, measured, gemms))


def _measure(
    kind: "DeviceKind", cores: tuple[int, ...], suite: "Suite | None", seen: "Fingerprint"
) -> "tuple[Probe, list[GemmRate]]":
    """Start TensorFlow in this process, a fresh one, and measure."""
    from bench.training import runtime

    started = runtime.start(kind, cores)
    from bench.training.probe import probe as limits_of

    precisions: dict[Precision, None] = {"float32": None}
    if kind == "gpu" and seen.hardware.gpus:
        precisions |= {"tf32": None, "mixed_bfloat16": None, "mixed_float16": None}
    for point in suite.points if suite else ():
        if kind == "gpu" or point.scenario.precision != "tf32":
            precisions[point.scenario.precision] = None
    measured = limits_of(started, precisions)
    return measured, _gemm_rates(suite, measured) if suite else []


def _gemm_rates(suite: "Suite", measured: "Probe") -> "list[GemmRate]":
    """Every different matrix product of the suite once, under the first scenario that has it."""
    from bench.training.probe import figure, gemm_rate
    from bench.training.roofline import gemms
    from bench.views.format import full_name
    from bench.views.probe import GemmRate

    found: dict[tuple[object, ...], GemmRate] = {}
    for point in suite.points:
        precision = point.scenario.precision
        rates, kind = measured.gemm_flops_per_second, measured.device_kind
        for product, shape in gemms(point.scenario).items():
            if precision in rates and (*shape, precision) not in found:
                name = full_name(point.sweep, point.label)
                rate = figure(gemm_rate, kind, shape, precision)
                found[*shape, precision] = GemmRate(f"{name}, {product}", *shape, rate, rates[precision])
    return list(found.values())
