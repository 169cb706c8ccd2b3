"""What a machine can do at most, as a probe of it measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.records.kinds import DeviceKind
from bench.records.scenario import Precision, Strategy

Moment = Literal["start", "end"]


@dataclass(frozen=True)
class Bandwidth:
    """Bytes per second that a working set of `working_set_bytes` is read and written at."""

    working_set_bytes: int
    bytes_per_second: float


@dataclass(frozen=True)
class Probe:
    """The limits of one process's device and cores; None, or no `Bandwidth`, for what failed or was left out.

    `gemm_flops_per_second` is the rate of a large square matrix product by precision. `launch_seconds` is one
    call of the smallest compiled program from Python and back. `product_seconds` is one of many smallest
    matrix products in a row, in float32, each of which waits for the one before: no product that waits for
    another is quicker. `iteration_seconds` is one turn of a compiled loop around such a product whose number
    of turns the compiler does not know: on a GPU the host waits for the end condition in each; None on a CPU,
    where the two are much the same. `all_reduce_bytes_per_second` is the size of a tensor over the time in
    which all devices of the process sum it up; None with one device, too.
    """

    device_kind: DeviceKind
    cores: int
    gemm_flops_per_second: dict[Precision, float | None]
    bandwidths: tuple[Bandwidth, ...]
    launch_seconds: float | None
    product_seconds: float | None
    iteration_seconds: float | None = None
    all_reduce_bytes_per_second: float | None = None


@dataclass(frozen=True)
class ProbeColumns:
    """A probe as columns of the `machines` table; None in the row of a machine that was not probed.

    Tables of earlier probes have no `probe_product_seconds`, no `probe_deterministic` and no `probe_seconds`.

    `probe_moment` says whether the session was about to start or had just ended, `probe_strategy` and
    `probe_workers` whose process it was: workers of a group measure side by side. `probe_deterministic` says
    that it may not choose the fastest algorithms. `probe_seconds` is how long the driver waited for it, the
    start of its process included.
    """

    probe_moment: str | None = None
    probe_device_kind: str | None = None
    probe_cores: int | None = None
    probe_strategy: str | None = None
    probe_workers: int | None = None
    probe_deterministic: bool | None = None
    probe_seconds: float | None = None
    probe_float32_flops_per_second: float | None = None
    probe_tf32_flops_per_second: float | None = None
    probe_mixed_bfloat16_flops_per_second: float | None = None
    probe_mixed_float16_flops_per_second: float | None = None
    probe_working_set_bytes: tuple[int, ...] | None = None
    probe_bytes_per_second: tuple[float, ...] | None = None
    probe_launch_seconds: float | None = None
    probe_product_seconds: float | None = None
    probe_iteration_seconds: float | None = None
    probe_all_reduce_bytes_per_second: float | None = None


def bandwidths_of(machine: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Bytes of each working set and bytes per second, of a row of `machines`; none without a probe."""
    columns = (machine.get(name) or () for name in ("probe_working_set_bytes", "probe_bytes_per_second"))
    return list(zip(*columns, strict=False))


def probe_columns(
    probe: Probe,
    moment: Moment,
    strategy: Strategy,
    workers: int,
    deterministic: bool = False,
    seconds: float | None = None,
) -> ProbeColumns:
    """The columns of `probe`, taken at `moment` in one of the `workers` of a run under `strategy`.

    `deterministic` is that process's TensorFlow; the driver waited for so many `seconds`.
    """
    rates: dict[str, Any] = {
        f"probe_{precision}_flops_per_second": rate for precision, rate in probe.gemm_flops_per_second.items()
    }
    return ProbeColumns(
        probe_moment=moment,
        probe_device_kind=probe.device_kind,
        probe_cores=probe.cores,
        probe_strategy=strategy,
        probe_workers=workers,
        probe_deterministic=deterministic,
        probe_seconds=seconds,
        probe_working_set_bytes=tuple(b.working_set_bytes for b in probe.bandwidths),
        probe_bytes_per_second=tuple(b.bytes_per_second for b in probe.bandwidths),
        probe_launch_seconds=probe.launch_seconds,
        probe_product_seconds=probe.product_seconds,
        probe_iteration_seconds=probe.iteration_seconds,
        probe_all_reduce_bytes_per_second=probe.all_reduce_bytes_per_second,
        **rates,
    )
