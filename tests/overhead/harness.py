"""What surrounds the training of a run in a process that is warm, part by part."""

import contextlib
import time
from unittest import mock

from bench.training import run
from tests.overhead.shapes import scenario

ADDED = ("prepare", "build", "restore", "stage", "telemetry", "release", "rest")
WORK = ("test", "compile", "warm-up", "training and validation")


def measure(shape, dataset, runtime, runs, loop):
    """Seconds by part, of each run of this process but the first."""
    point = scenario(shape, dataset, loop=loop)
    return [parts(point, seed, dataset, runtime) for seed in range(runs + 1)][1:]


def parts(point, seed, dataset, runtime):
    taken = dict.fromkeys((*ADDED, *WORK), 0.0)
    with clocked(taken):
        began = time.perf_counter_ns()
        measured, epochs = run.train_run(point, seed, dataset, runtime, lambda _: None)
        total = (time.perf_counter_ns() - began) / 1e9
    if measured.status != "ok":
        raise SystemExit(f"the run ended {measured.status}: {measured.error}")
    taken |= {
        "build": measured.build_seconds,
        "stage": measured.stage_seconds,
        "compile": measured.compile_seconds,
        "warm-up": measured.warmup_seconds - taken["restore"],
        "training and validation": sum(sum(e.window_seconds) for e in epochs) + measured.eval_seconds,
    }
    return {**taken, "rest": total - sum(taken.values())}


@contextlib.contextmanager
def clocked(taken):
    """Clocks around the parts for which a row has no column."""

    def timed(name, function):
        def call(*arguments):
            began = time.perf_counter_ns()
            try:
                return function(*arguments)
            finally:
                taken[name] += (time.perf_counter_ns() - began) / 1e9

        return call

    def build(*arguments):
        loop, variables = original_build(*arguments)
        loop.test = timed("test", loop.test)
        variables.restore = timed("restore", variables.restore)
        variables.release = timed("release", variables.release)
        return loop, variables

    def telemetry(runtime):
        meters = timed("telemetry", original_telemetry)(runtime)
        meters.start, meters.stop = timed("telemetry", meters.start), timed("telemetry", meters.stop)
        original_training = meters.training

        @contextlib.contextmanager
        def training():
            block = original_training()
            timed("telemetry", block.__enter__)()
            try:
                yield
            finally:
                timed("telemetry", block.__exit__)(None, None, None)

        meters.training = training
        return meters

    original_build, original_telemetry = run.build, run.Telemetry
    replaced = {"prepare": timed("prepare", run.prepare), "build": build, "Telemetry": telemetry}
    with mock.patch.multiple(run, **replaced):
        yield
