"""One run in this process: build, compile, warm up, stage, train, test; each on a clock of its own."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bench.data.datasets import Dataset
from bench.data.shapes import TRAIN_SIZE
from bench.errors import BenchError
from bench.records.measurement import Epoch, Measurement, Phase, Status
from bench.records.net import model_flops_per_step
from bench.records.scenario import Scenario
from bench.training.epoch import MISCOUNTED, EpochResult, Score, TrainingLoop, seconds_since
from bench.training.failure import describe, status_of
from bench.training.runtime import Runtime, modes, peak_device_bytes, prepare
from bench.training.telemetry import Telemetry, Use
from bench.training.variables import Variables
from bench.training.windows import median_and_mad, short, step_times, unstable, without_call

CHANCE = 0.15  # ten classes, the commonest of them 11.4 % of MNIST: no better than a constant answer

Tell = Callable[[Epoch | Phase], None]
_Built = tuple[TrainingLoop, Variables]


@dataclass
class Clocks:
    """Seconds of each part of a run, filled in as they pass."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block as `name`_seconds."""
        began = time.perf_counter_ns()
        yield
        self.seconds[f"{name}_seconds"] = seconds_since(began)


@dataclass
class _Progress:
    """What a run has come to; kept outside of it, so that a failure loses nothing measured."""

    meters: Telemetry
    clocks: Clocks = field(default_factory=Clocks)
    epochs: list[Epoch] = field(default_factory=list)
    samples: int = 0
    first_touch_ns: int = 0
    train_began_ns: int = 0
    ended_ns: int = 0
    finite: bool = True
    test: Score | None = None
    retraced: bool = False
    compile_cached: bool | None = None
    all_reduce_seconds: float | None = None
    empty_window_seconds: float | None = None


def train_run(
    scenario: Scenario, seed: int, dataset: Dataset, runtime: Runtime, report: Tell
) -> tuple[Measurement, list[Epoch]]:
    """Train `scenario` from `seed`; `report` takes each phase as it begins, and each epoch as it ends.

    Under multi_worker_mirrored every process of the run calls this, with the same arguments but for the
    runtime; under parameter_server the chief alone. Never raises: what goes wrong is the status and the
    error of the measurement, beside all that was measured until then.
    """
    progress = _Progress(Telemetry(runtime))
    progress.meters.start()
    status: Status = "ok"
    error = None
    try:
        _run(scenario, seed, dataset, runtime, progress, report)
    except Exception as problem:
        peers = bool(runtime.role.addresses)
        status, error = status_of(problem, runtime.kind, peers), describe(problem)
    if status == "ok" and not progress.finite:
        status, error = "diverged", f"the loss is not finite in epoch {progress.epochs[-1].epoch}"
    measured = _with_context(_measured(scenario, progress, status), runtime, progress.meters.stop())
    _close(runtime, status)
    return replace(measured, error=error), progress.epochs


def _close(runtime: Runtime, status: Status) -> None:
    """Keep what was compiled of a run that ended well: its `compile_seconds` are then known."""
    if runtime.compile_cache is not None:
        if status == "ok":
            runtime.compile_cache.keep()
        runtime.compile_cache.close()


def _run(
    scenario: Scenario, seed: int, dataset: Dataset, runtime: Runtime, progress: _Progress, report: Tell
) -> None:
    report("build")
    prepare(scenario)
    made = partial(build, scenario, seed, dataset.mean, dataset.deviation, runtime.strategy)
    loop, variables = _compiled(scenario, made, runtime, progress, report)
    try:
        _drive(scenario, loop, variables, dataset, progress, report)
    finally:
        variables.release()
    if progress.finite and runtime.strategy is not None:
        progress.all_reduce_seconds = _all_reduce(scenario, runtime)


def _compiled(
    scenario: Scenario, made: Callable[[], _Built], runtime: Runtime, progress: _Progress, report: Tell
) -> _Built:
    """What is `made`, its programs compiled; anew where XLA cannot do with what it was given to read.

    One of several processes does not try again, since the others would wait for it.
    """
    cache = runtime.compile_cache
    if scenario.jit:
        progress.compile_cached = cache is not None and cache.filled
    try:
        return _made_and_compiled(made, progress, report)
    except Exception:
        if cache is None or not cache.give_up() or runtime.role.addresses:
            raise
    progress.compile_cached = False
    return _made_and_compiled(made, progress, report)


def _made_and_compiled(made: Callable[[], _Built], progress: _Progress, report: Tell) -> _Built:
    with progress.clocks.part("build"):
        loop, variables = made()
    report("compile")
    try:
        with progress.clocks.part("compile"):
            loop.compile()
    except BaseException:
        variables.release()
        raise
    return loop, variables


def _drive(
    scenario: Scenario,
    loop: TrainingLoop,
    variables: Variables,
    dataset: Dataset,
    progress: _Progress,
    report: Tell,
) -> None:
    clocks = progress.clocks
    report("warm-up")
    with clocks.part("warmup"):
        loop.warm_up()
        variables.restore()
    report("stage")
    progress.first_touch_ns = time.perf_counter_ns()
    with clocks.part("stage"):
        loop.stage(dataset)
    traces = loop.traces()

    def keep(event: EpochResult | Phase) -> None:
        if isinstance(event, str):
            report(event)
            return
        epoch = _epoch(event, progress.first_touch_ns)
        progress.ended_ns, progress.finite = event.ended_ns, event.finite
        progress.empty_window_seconds = event.windows.empty_seconds
        progress.epochs.append(epoch)
        progress.samples += event.samples
        report(epoch)
        if event.finite:
            _check_count(event, scenario)

    staged_ns = time.perf_counter_ns()
    with progress.meters.training():
        progress.train_began_ns = time.perf_counter_ns()
        progress.first_touch_ns += progress.train_began_ns - staged_ns  # reading meters is none of the run's
        loop.train(keep)
    progress.retraced = loop.traces() > traces
    if progress.finite and len(progress.epochs) != scenario.epochs:
        raise BenchError(f"{len(progress.epochs)} epochs were trained, not {scenario.epochs}; {MISCOUNTED}")
    if progress.finite:
        report("evaluate")
        with clocks.part("test"):
            progress.test = loop.test()


def _check_count(result: EpochResult, scenario: Scenario) -> None:
    """Raise BenchError where an epoch had other steps or samples than the suite says."""
    counted = sum(result.windows.steps), result.samples
    wanted = scenario.steps_per_epoch, TRAIN_SIZE
    if counted != wanted:
        raise BenchError(
            f"epoch {result.epoch} took {counted[0]:,} steps over {counted[1]:,} images, "
            f"not {wanted[0]:,} over {wanted[1]:,}; {MISCOUNTED}"
        )


def _all_reduce(scenario: Scenario, runtime: Runtime) -> float | None:
    """What the replicas need to sum up a step's gradients; no run is lost for it."""
    from bench.training.all_reduce import all_reduce_seconds, gradient_shapes

    with suppress(Exception):
        return all_reduce_seconds(runtime.strategy, gradient_shapes(scenario))
    return None


def build(
    scenario: Scenario,
    seed: int,
    mean: float,
    deviation: float,
    strategy: Any = None,  # noqa: ANN401 -- a tf.distribute.Strategy, untyped
) -> tuple[TrainingLoop, Variables]:
    """The scenario's loop around a fresh model and optimizer, and the values that they start from.

    `strategy` is the one that this process started with, None for one_device.
    """
    from bench.training.model import build_model, build_optimizer

    with strategy.scope() if strategy is not None else nullcontext():
        model = build_model(scenario, mean, deviation, seed)
        optimizer = build_optimizer(scenario)
        optimizer.build(model.trainable_variables)
    loop = _loop(scenario, strategy)(model, optimizer, scenario, seed)
    return loop, Variables([*model.variables, *optimizer.variables])


def _loop(scenario: Scenario, strategy: Any) -> Callable[..., TrainingLoop]:  # noqa: ANN401
    from bench.training.coordinated import CoordinatedLoop
    from bench.training.fit import FitLoop
    from bench.training.fused import FusedLoop
    from bench.training.replicated import ReplicatedLoop

    if scenario.loop == "fit":
        return partial(FitLoop, strategy=strategy)
    if strategy is None:
        return FusedLoop
    together = scenario.strategy != "parameter_server"
    return partial(ReplicatedLoop if together else CoordinatedLoop, strategy=strategy)


def _epoch(result: EpochResult, first_touch_ns: int) -> Epoch:
    return Epoch(
        epoch=result.epoch,
        steps=sum(result.windows.steps),
        train_seconds=result.windows.total_seconds,
        eval_seconds=result.eval_seconds,
        elapsed_seconds=(result.ended_ns - first_touch_ns) / 1e9,
        learning_rate=result.learning_rate,
        train_loss=result.train.loss,
        train_accuracy=result.train.accuracy,
        val_loss=result.val.loss if result.val else None,
        val_accuracy=result.val.accuracy if result.val else None,
        window_seconds=result.windows.seconds,
        window_steps=result.windows.steps,
    )


def _measured(scenario: Scenario, progress: _Progress, status: Status) -> Measurement:
    """The run's own figures: times, throughput, scores."""
    epochs = progress.epochs
    clocks: dict[str, Any] = dict(progress.clocks.seconds)
    if "compile_seconds" in clocks:
        clocks["compile_cached"] = progress.compile_cached
    if not epochs:
        return Measurement(status=status, **clocks)
    last = epochs[-1]
    window_seconds = [seconds for e in epochs for seconds in e.window_seconds]
    window_steps = [steps for e in epochs for steps in e.window_steps]
    empty = progress.empty_window_seconds
    steps_alone = without_call(window_seconds, empty)
    train_seconds, times = sum(steps_alone), step_times(steps_alone, window_steps)
    step, mad = median_and_mad(times)
    hit = _target(scenario, epochs)
    accuracies = [e.val_accuracy for e in epochs if e.val_accuracy is not None]
    return Measurement(
        status=status,
        flags=_flags(times, accuracies, progress.retraced, short(window_seconds, empty)),
        train_seconds=train_seconds,
        eval_seconds=sum(e.eval_seconds or 0.0 for e in epochs),
        wall_seconds=_wall_seconds(progress),
        target_seconds=hit.elapsed_seconds if hit else None,
        target_epoch=hit.epoch if hit else None,
        steps=sum(e.steps for e in epochs),
        samples=progress.samples,
        step_seconds=step,
        step_seconds_mad=mad,
        empty_window_seconds=empty,
        all_reduce_seconds=progress.all_reduce_seconds,
        samples_per_second=progress.samples / train_seconds,
        train_loss=last.train_loss,
        train_accuracy=last.train_accuracy,
        val_loss=last.val_loss,
        val_accuracy=last.val_accuracy,
        best_val_accuracy=max(accuracies, default=None),
        test_loss=progress.test.loss if progress.test else None,
        test_accuracy=progress.test.accuracy if progress.test else None,
        flops_per_second=model_flops_per_step(scenario.widths, 1) * progress.samples / train_seconds,
        **clocks,
    )


def _wall_seconds(progress: _Progress) -> float | None:
    """Compilation, training and validation; None where it was no compilation."""
    if progress.compile_cached:
        return None
    compiling = progress.clocks.seconds["compile_seconds"]
    return compiling + (progress.ended_ns - progress.train_began_ns) / 1e9


def _target(scenario: Scenario, epochs: list[Epoch]) -> Epoch | None:
    """The first epoch whose validation accuracy is at or past the target."""
    if scenario.target_accuracy is None:
        return None
    return next((e for e in epochs if (e.val_accuracy or 0) >= scenario.target_accuracy), None)


def _flags(
    times: list[float], accuracies: list[float], retraced: bool, short_windows: bool
) -> tuple[str, ...]:
    raised = {
        "unstable": unstable(times),
        "short-windows": short_windows,
        "retraced": retraced,
        "not-learning": bool(accuracies) and max(accuracies) < CHANCE,
    }
    return tuple(flag for flag, up in raised.items() if up)


def _with_context(measurement: Measurement, runtime: Runtime, use: Use) -> Measurement:
    """What the process and its surroundings add: device, threads, memory, energy, and who else ran."""
    return replace(
        measurement,
        flags=measurement.flags + use.flags,
        device_name=runtime.gpu_name,
        import_seconds=runtime.import_seconds,
        peak_device_bytes=peak_device_bytes(),
        threads=runtime.threads,
        affinity=runtime.pinning.cores,
        niceness=runtime.pinning.niceness,
        pinned=runtime.pinning.pinned,
        process_id=os.getpid(),
        **modes(runtime),
        **use.figures(runtime.kind),
    )
