"""Blocks of windows of the fused loop with all meters running and without, in turn, in one process."""

import contextlib
import functools
import itertools
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from bench.machine.nvml import open_nvml
from bench.machine.rapl import RaplSampler
from bench.training import telemetry
from bench.training.telemetry import Telemetry
from tests.machine.conftest import FakeNvml, gpu_answers
from tests.overhead.shapes import scenario

CALL_SECONDS = 0.001  # of one NVML call that asks the device


@dataclass
class Blocks:
    """Seconds per step of each block, in pairs; and seconds that starting and stopping the meters took.

    `around_cpu` is CPU time: of two samples of everything, and of making and ending the threads.
    """

    without: list[float] = field(default_factory=list)
    metered: list[float] = field(default_factory=list)
    around: list[float] = field(default_factory=list)
    around_cpu: list[float] = field(default_factory=list)


def measure(shape, dataset, runtime, pairs, seconds):
    """`pairs` of blocks of `seconds` each; which of a pair comes first changes from pair to pair."""
    from bench.training.run import build

    loop, variables = build(scenario(shape, dataset), 0, dataset.mean, dataset.deviation)
    loop.compile()
    loop.warm_up()
    variables.restore()
    loop.stage(dataset)
    windows = itertools.chain.from_iterable(map(loop.windows, itertools.count(1)))
    blocks = Blocks()
    block(windows, seconds)  # to warm up
    with every_meter(runtime) as meters:
        for number in range(pairs):
            for metered in (number % 2 == 0, number % 2 == 1):
                if metered:
                    metered_block(meters(), windows, seconds, blocks)
                else:
                    blocks.without.append(block(windows, seconds))
    return blocks


def metered_block(meters, windows, seconds, blocks):
    clocks = [clock_pair()]
    meters.start()
    clocks.append(clock_pair())
    blocks.metered.append(block(windows, seconds))
    clocks.append(clock_pair())
    meters.stop()
    clocks.append(clock_pair())
    for kind, around in enumerate((blocks.around, blocks.around_cpu)):
        before, started, ended, stopped = (reading[kind] for reading in clocks)
        around.append((started - before + stopped - ended) / 1e9)


def clock_pair():
    """Nanoseconds of time, and of this process's CPU time."""
    return time.perf_counter_ns(), time.process_time_ns()


def block(windows, seconds):
    """Seconds per step over windows that together take `seconds`."""
    taken, steps = 0.0, 0
    while taken < seconds:
        window = next(windows)
        taken, steps = taken + window.seconds, steps + window.steps
    return taken / steps


@contextlib.contextmanager
def every_meter(runtime):
    """Gives what makes the meters of a run on a GPU: its own NVML there, else a stand-in as slow as one.

    Packages have a stand-in's counters, too, since most machines let no one read theirs.
    """
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as patches:
        rapl = functools.partial(RaplSampler, packages(Path(root)))
        patches.enter_context(mock.patch.object(telemetry, "RaplSampler", rapl))
        if runtime.kind == "cpu":
            patches.enter_context(mock.patch.object(telemetry, "open_nvml", slow_nvml))
            patches.enter_context(mock.patch.dict("os.environ", {"CUDA_VISIBLE_DEVICES": "0"}))
        yield lambda: Telemetry(replace(runtime, kind="gpu"))


def slow_nvml():
    return open_nvml(FakeNvml({name: slow(answer) for name, answer in gpu_answers().items()}))


def slow(answer):
    def call(*arguments):
        time.sleep(CALL_SECONDS)
        return answer(*arguments) if callable(answer) else answer

    return call


def packages(root):
    zone = root / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in {"name": "package-0", "energy_uj": "1", "max_energy_range_uj": "2"}.items():
        (zone / name).write_text(text)
    return root
