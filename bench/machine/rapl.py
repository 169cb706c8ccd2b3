"""Energy of the CPU packages, by Intel's and AMD's running average power limit counters (RAPL).

Source: Documentation/power/powercap/powercap.rst. Kernels let only root read them (CVE-2020-8694).
"""

from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from bench.machine.files import ROOT, read_int, read_text
from bench.machine.ticker import Ticker
from bench.paths import matching

# Half of the shortest time in which a counter of 65 kJ wraps around, at the 500 W of the largest packages.
_UPDATE_EVERY_SECONDS = 60.0


class RaplMeter:
    """Sums the packages' energy from `start()` to `stop()`.

    A counter wraps around after some 65 or 262 kJ, minutes under load, and one wrap between two readings
    is all that can be told apart: call `update()` every minute or so in a long run.
    """

    def __init__(self, root: Path = ROOT) -> None:
        zones = matching(root / "sys/class/powercap", "intel-rapl:*")
        # "package-0" or "package-0-die-1"; the sub-zones (core, dram) are parts of it, psys contains it.
        self._zones = [zone for zone in zones if (read_text(zone / "name") or "").startswith("package-")]
        self._last: list[int | None] | None = None
        self._joules: float | None = None

    def start(self) -> None:
        """Begin to sum."""
        self._last = self._read()
        self._joules = 0.0 if self._zones and None not in self._last else None

    @property
    def joules(self) -> float | None:
        """The sum at the last reading; None where some package's counter could not be read, or before any."""
        return self._joules

    def update(self) -> None:
        """Add what was used since the last reading. Raises BenchError before `start()`."""
        if self._last is None:
            raise BenchError("RaplMeter was read before RaplMeter.start(): start the meter first")
        now = self._read()
        for zone, before, after in zip(self._zones, self._last, now, strict=True):
            used = _used(zone, before, after)
            # One package that cannot be read leaves no sum: a part must not pass for the whole.
            self._joules = None if used is None or self._joules is None else self._joules + used * 1e-6
        self._last = now

    def stop(self) -> float | None:
        """Joules since `start()`, all packages together; None where they cannot be read.

        Raises BenchError before `start()`.
        """
        self.update()
        return self._joules

    def _read(self) -> list[int | None]:
        return [read_int(zone / "energy_uj") for zone in self._zones]


class RaplSampler:
    """A `RaplMeter` for a run of any length: a `Ticker`, which `wait` is for, updates it once a minute.

    Without counters to read there is no thread either.
    """

    def __init__(self, root: Path = ROOT, *, wait: Callable[[float], bool] | None = None) -> None:
        self._meter = RaplMeter(root)
        self._wait = wait
        self._ticker: Ticker | None = None

    def start(self) -> None:
        """Begin to sum."""
        self._meter.start()
        if self._meter.joules is not None:
            self._ticker = Ticker("rapl-sampler", self._meter.update, _UPDATE_EVERY_SECONDS, self._wait)
            self._ticker.start()

    def stop(self) -> float | None:
        """Joules since `start()`, all packages together; None where they cannot be read.

        Raises BenchError where `start()` has not been called.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()
        return self._meter.stop()


def _used(zone: Path, before: int | None, after: int | None) -> int | None:
    """Microjoules between two readings of a counter that starts again at 0 past its range."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    full = read_int(zone / "max_energy_range_uj")
    return None if full is None else after - before + full
