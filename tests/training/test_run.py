"""A run's row: by hand from a loop that answers from a script, then from the real loops on the digits."""

import contextlib
import math
import os
import time
from dataclasses import replace

import pytest

from bench.machine.gpu_sampler import GpuUse
from bench.machine.load import CpuUse
from bench.training import run as run_module
from bench.training import telemetry
from bench.training.epoch import EpochResult, Score, Windows, seconds_since
from bench.training.role import Role
from bench.training.run import Clocks, train_run
from bench.training.telemetry import Use

QUIET = CpuUse(
    cores=(0, 1),
    seconds=10.0,
    process_cpu_seconds=19.0,
    others_cpu_seconds=0.1,
    others_fraction=0.005,
    node_others_cpu_seconds=0.4,
    node_others_fraction=0.01,
    steal_seconds=0.02,
    cgroup_throttled_seconds=0.03,
    load_average=1.5,
    peak_host_bytes=7_000_000,
    peak_is_of_run=True,
    major_faults=4,
    involuntary_switches=5,
)
H100 = GpuUse(
    energy_joules=4000.0,
    mean_power_watts=400.0,
    min_sm_clock_hertz=1.5e9,
    median_sm_clock_hertz=1.98e9,
    throttle_reasons=("sw_power_cap",),
    peak_memory_bytes=2**34,
    max_temperature_celsius=70.0,
    samples=12,
    others=False,
    energy_source="counter",
    sm_clock_moved_fraction=-0.015,
)
CLOCKS = ["build", "compile", "warmup", "stage", "test"]
SECOND_NS = 10**9


def epoch(
    number, val=0.9, loss=0.5, seconds=(1.0, 1.0), steps=(125, 125), ended_ns=0, empty=None, samples=50_000
):
    """An epoch that took `seconds`; `val` is its validation accuracy, None for no validation."""
    score = None if val is None else Score(0.4, val)
    windows = Windows(seconds, steps, empty)
    return EpochResult(number, windows, 0.5, ended_ns, 0.001, Score(loss, 0.8), score, samples)


class Script:
    """A loop that reports the epochs it was given, then raises what it was given, if anything."""

    def __init__(self, epochs=(), problem=None, in_part="train", traces=(2, 2)):
        self._epochs, self._problem, self._in_part = epochs, problem, in_part
        self._traces = iter(traces)
        self.calls = []

    def prepare(self, scenario):
        assert scenario.dataset == "digits"
        self._called("prepare")

    def _called(self, part):
        self.calls.append(part)
        if self._problem is not None and part == self._in_part:
            raise self._problem

    def compile(self):
        self._called("compile")

    def warm_up(self):
        self._called("warm_up")

    def restore(self):
        self._called("restore")

    def release(self):
        self._called("release")

    def stage(self, dataset):
        assert dataset is not None
        self._called("stage")

    def train(self, report):
        for result in self._epochs:
            report("train")
            report("evaluate")
            report(replace(result, ended_ns=time.perf_counter_ns() + result.ended_ns))
        self._called("train")

    def test(self):
        self._called("test")
        return Score(0.45, 0.88)

    def traces(self):
        return next(self._traces)


class Meter:
    """Telemetry that always finds the same use."""

    use = Use(QUIET)

    def __init__(self, runtime):
        pass

    def start(self):
        pass

    def training(self):
        return contextlib.nullcontext()

    def stop(self):
        return self.use


@pytest.fixture
def follow(tf, small, digits, cpu_runtime, monkeypatch):  # noqa: ARG001
    """Call with a script and settings; gives the measurement and its epochs."""
    monkeypatch.setattr(run_module, "Telemetry", Meter)

    def call(script, report=lambda _: None, runtime=cpu_runtime, **settings):
        monkeypatch.setattr(run_module, "prepare", script.prepare)
        monkeypatch.setattr(run_module, "build", lambda *_: (script, script))
        return train_run(small(**settings), 1, digits, runtime, report)

    return call


def test_the_parts_of_a_run_come_in_the_order_of_the_clocks(follow):
    script = Script([epoch(1)])
    measured, _ = follow(script)
    assert script.calls == ["prepare", "compile", "warm_up", "restore", "stage", "train", "test", "release"]
    assert measured.status == "ok"
    assert measured.error is None


def test_times_throughput_and_flops_are_of_all_windows(follow):
    epochs = [epoch(1, seconds=(1.0, 3.0), steps=(125, 125)), epoch(2, seconds=(4.0,), steps=(250,))]
    measured, rows = follow(Script(epochs), epochs=2)
    assert measured.steps == 500
    assert measured.samples == 100_000
    assert measured.train_seconds == 8.0
    assert measured.eval_seconds == 1.0
    assert measured.samples_per_second == 12_500.0
    # Windows took 8, 24 and 16 ms a step: median 16, deviations 8, 8 and 0.
    assert measured.step_seconds == pytest.approx(0.016)
    assert measured.step_seconds_mad == pytest.approx(0.008)
    # 784-32-10: 6 (784·32 + 32·10) − 2·784·32 = 102,272 operations for a sample.
    assert measured.flops_per_second == 102_272 * 12_500.0
    assert [row.steps for row in rows] == [250, 250]
    assert rows[0].window_seconds == (1.0, 3.0)
    assert rows[0].window_steps == (125, 125)


def test_the_call_around_each_window_is_no_training(follow):
    epochs = [epoch(1, seconds=(1.25, 3.25), steps=(125, 125), empty=0.25), epoch(2, empty=0.25)]
    measured, rows = follow(Script(epochs), epochs=2)
    assert measured.empty_window_seconds == 0.25
    assert [row.train_seconds for row in rows] == [4.0, 1.5]
    assert measured.train_seconds == 5.5
    assert measured.samples_per_second == 100_000 / 5.5
    assert measured.step_seconds == pytest.approx(0.007)  # of 8, 24, 6 and 6 ms
    assert rows[0].window_seconds == (1.25, 3.25)  # as they were timed
    assert "short-windows" in measured.flags


def test_a_call_of_under_one_percent_of_a_window_is_no_matter(follow):
    measured, _ = follow(Script([epoch(1, empty=0.009)]))
    assert "short-windows" not in measured.flags


def test_scores_are_the_last_epochs_and_the_best_validation_is_kept(follow):
    measured, rows = follow(Script([epoch(1, 0.95, loss=0.6), epoch(2, 0.93, loss=0.4)]), epochs=2)
    assert (measured.train_loss, measured.train_accuracy) == (0.4, 0.8)
    assert (measured.val_loss, measured.val_accuracy) == (0.4, 0.93)
    assert measured.best_val_accuracy == 0.95
    assert (measured.test_loss, measured.test_accuracy) == (0.45, 0.88)
    assert [(row.epoch, row.train_loss, row.val_accuracy) for row in rows] == [(1, 0.6, 0.95), (2, 0.4, 0.93)]


def test_a_remainder_is_counted_by_its_samples(follow):
    result = epoch(1, seconds=(2.0, 2.0), steps=(130, 131))
    measured, _ = follow(Script([result, replace(result, epoch=2)]), batch_size=192, epochs=2)
    assert measured.steps == 522
    assert measured.samples == 100_000
    assert measured.samples_per_second == 12_500.0


def test_samples_are_those_that_the_programs_counted(follow):
    measured, _ = follow(Script([epoch(1), epoch(2)]), epochs=2)
    assert measured.samples == 100_000
    measured, rows = follow(Script([epoch(1, samples=2_000, steps=(5, 5))]))
    assert (measured.steps, measured.samples, rows[0].steps) == (10, 2_000, 10)
    assert measured.samples_per_second == 1_000.0


@pytest.mark.parametrize(
    ("steps", "samples"), [((5, 5), 2_000), ((125, 125), 49_999), ((125, 126), 50_000), ((250, 250), 100_000)]
)
def test_an_epoch_of_other_steps_or_samples_than_the_suite_says_fails_the_run(follow, steps, samples):
    measured, rows = follow(Script([epoch(1, steps=steps, samples=samples)]))
    assert measured.status == "failed"
    assert measured.error == (
        f"epoch 1 took {sum(steps):,} steps over {samples:,} images, not 250 over 50,000; "
        "something in the process cuts epochs short, or repeats parts of them"
    )
    assert len(rows) == 1


def test_fewer_epochs_than_the_suite_says_fail_the_run(follow):
    measured, rows = follow(Script([epoch(1)]), epochs=3)
    assert measured.status == "failed"
    assert measured.error.startswith("1 epochs were trained, not 3; ")
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("target", "hit"),
    [(0.85, 2), (0.9, 2), (0.91, 3), (0.5, 1), (0.96, None), (None, None)],
)
def test_the_target_is_hit_by_the_first_validation_at_or_past_it(follow, target, hit):
    accuracies = [0.8, 0.9, 0.95]
    epochs = [epoch(number, val) for number, val in enumerate(accuracies, start=1)]
    measured, rows = follow(Script(epochs), epochs=3, target_accuracy=target)
    assert measured.target_epoch == hit
    assert measured.target_seconds == (None if hit is None else rows[hit - 1].elapsed_seconds)


def test_the_way_to_the_target_begins_with_the_first_touch_of_the_data(follow, monkeypatch):
    pause = {"compile": 3, "warm_up": 4, "stage": 5, "train": 7, "test": 6}
    now = Clock(monkeypatch)
    script = Script([epoch(1, ended_ns=2 * SECOND_NS)])
    called = script._called
    monkeypatch.setattr(script, "_called", lambda part: (called(part), now.pass_by(pause.get(part, 0))))
    measured, rows = follow(script, target_accuracy=0.5)
    assert measured.compile_seconds == 3
    assert measured.warmup_seconds == 4
    assert measured.stage_seconds == 5
    assert rows[0].elapsed_seconds == measured.target_seconds == 5 + 2
    assert measured.test_seconds == 6
    # What the notebook measured: compilation, training and validation, but neither warm-up, staging nor test.
    assert measured.wall_seconds == 3 + 2


class Clock:
    """A clock that stands still until it is told that seconds pass."""

    def __init__(self, monkeypatch):
        self._ns = 1_000 * SECOND_NS
        monkeypatch.setattr(time, "perf_counter_ns", lambda: self._ns)

    def pass_by(self, seconds):
        self._ns += seconds * SECOND_NS


def test_a_clock_times_what_passes_and_forgets_a_part_that_failed(monkeypatch):
    now, clocks = Clock(monkeypatch), Clocks()
    with clocks.part("stage"):
        now.pass_by(2)
    with pytest.raises(ValueError, match="no"), clocks.part("compile"):
        raise ValueError("no")
    assert clocks.seconds == {"stage_seconds": 2.0}


def test_seconds_since_a_reading_of_the_clock(monkeypatch):
    now = Clock(monkeypatch)
    start = time.perf_counter_ns()
    now.pass_by(3)
    assert seconds_since(start) == 3.0


class Cache:
    """A cache of XLA's that is `filled` or not; notes what becomes of it."""

    def __init__(self, filled):
        self.filled, self.calls = filled, []

    def give_up(self):
        self.calls.append("give up")
        return self.filled

    def keep(self):
        self.calls.append("keep")

    def close(self):
        self.calls.append("close")


def test_what_was_not_compiled_is_none_of_the_fit_s_time(follow, cpu_runtime, monkeypatch):
    now, script, cache = Clock(monkeypatch), Script([epoch(1)]), Cache(filled=True)
    called = script._called
    monkeypatch.setattr(script, "_called", lambda part: (called(part), now.pass_by(2)))
    measured, _ = follow(script, runtime=replace(cpu_runtime, compile_cache=cache))
    assert (measured.compile_cached, measured.compile_seconds, measured.wall_seconds) == (True, 2, None)
    assert cache.calls == ["keep", "close"]


@pytest.mark.parametrize("filled", [False, None])
def test_who_compiles_says_so(follow, cpu_runtime, filled):
    cache = None if filled is None else Cache(filled)
    measured, _ = follow(Script([epoch(1)]), runtime=replace(cpu_runtime, compile_cache=cache))
    assert measured.compile_cached is False
    assert measured.wall_seconds > 0


def test_without_xla_there_is_nothing_to_compile(follow):
    measured, _ = follow(Script([epoch(1)]), jit=False)
    assert measured.compile_cached is None
    assert measured.wall_seconds > 0


def test_what_was_compiled_for_a_run_that_failed_is_not_kept(follow, cpu_runtime):
    cache = Cache(filled=False)
    script = Script([epoch(1)], ValueError("no"), "test")
    measured, _ = follow(script, runtime=replace(cpu_runtime, compile_cache=cache))
    assert measured.status == "failed"
    assert cache.calls == ["close"]


def fails_once(monkeypatch, script):
    """Has the first compilation of `script` fail."""
    called, left = script._called, [ValueError("Serialized HLO does not match.")]

    def call(part):
        called(part)
        if part == "compile" and left:
            raise left.pop()

    monkeypatch.setattr(script, "_called", call)


def test_what_cannot_be_read_is_compiled_by_a_loop_of_its_own(follow, cpu_runtime, monkeypatch):
    script, cache = Script([epoch(1)]), Cache(filled=True)
    fails_once(monkeypatch, script)
    measured, _ = follow(script, runtime=replace(cpu_runtime, compile_cache=cache))
    assert (measured.status, measured.compile_cached) == ("ok", False)
    assert script.calls[:4] == ["prepare", "compile", "release", "compile"]
    assert cache.calls == ["give up", "keep", "close"]


@pytest.mark.parametrize(("filled", "addresses"), [(False, {}), (True, {"worker": ("a:1", "b:1")})])
def test_a_compilation_that_fails_otherwise_is_not_tried_again(
    follow, cpu_runtime, monkeypatch, filled, addresses
):
    script, role = Script([epoch(1)]), Role(addresses=addresses)
    fails_once(monkeypatch, script)
    measured, _ = follow(script, runtime=replace(cpu_runtime, compile_cache=Cache(filled), role=role))
    assert measured.status != "ok"
    assert script.calls == ["prepare", "compile", "release"]


def test_report_gets_every_epoch_as_it_ends(follow):
    seen = []
    script = Script([epoch(1), epoch(2)])
    _, rows = follow(script, report=lambda row: seen.append((row, list(script.calls))), epochs=2)
    epochs = [(row, calls) for row, calls in seen if not isinstance(row, str)]
    assert [row for row, _ in epochs] == rows
    assert all("train" not in calls for _, calls in epochs)  # while training was under way


def test_report_gets_every_phase_as_it_begins(follow):
    seen = []
    script = Script([epoch(1)])
    follow(script, report=lambda event: seen.append((event, len(script.calls))))
    done = ["prepare", "compile", "warm_up", "restore", "stage", "train", "test", "release"]
    assert [(event, done[:calls][-1:]) for event, calls in seen if isinstance(event, str)] == [
        ("build", []),
        ("compile", ["prepare"]),
        ("warm-up", ["compile"]),
        ("stage", ["restore"]),
        ("train", ["stage"]),
        ("evaluate", ["stage"]),
        ("evaluate", ["train"]),
    ]


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        (epoch(2, None, loss=math.nan), math.nan),
        (epoch(2, None, loss=math.inf), math.inf),
        (replace(epoch(2), val=Score(math.nan, 0.1)), 0.5),  # the last step of the epoch broke the weights
    ],
)
def test_a_loss_that_is_not_finite_is_a_run_that_diverged(follow, last, kept):
    script = Script([epoch(1, 0.9), last])
    measured, rows = follow(script, epochs=3)
    assert measured.status == "diverged"
    assert measured.error == "the loss is not finite in epoch 2"
    assert [row.epoch for row in rows] == [1, 2]
    assert rows[1].train_loss == pytest.approx(kept, nan_ok=True)
    assert measured.steps == 500
    assert measured.best_val_accuracy == 0.9
    assert measured.test_accuracy is None
    assert "test" not in script.calls


def test_an_error_keeps_the_epochs_that_were_measured_and_says_where(follow):
    measured, rows = follow(Script([epoch(1)], ValueError("labels of the wrong shape")), epochs=2)
    assert measured.status == "failed"
    assert measured.error.startswith("ValueError: labels of the wrong shape\n")
    assert "test_run.py" in measured.error
    assert "in _called" in measured.error
    assert len(rows) == 1
    assert measured.steps == 250
    assert measured.val_accuracy == 0.9
    assert measured.test_accuracy is None
    assert measured.stage_seconds is not None


def test_a_long_message_leaves_room_for_where(follow):
    measured, _ = follow(Script(problem=ValueError("x" * 10_000)))
    assert measured.error.startswith("ValueError: xxx")
    assert "in _called" in measured.error
    assert len(measured.error) <= 4_001


def test_an_error_while_compiling_leaves_the_clocks_up_to_it(follow):
    measured, rows = follow(Script(problem=RuntimeError("no XLA"), in_part="compile"))
    assert measured.status == "failed"
    assert rows == []
    assert measured.build_seconds is not None
    assert measured.compile_seconds is measured.wall_seconds is measured.steps is None
    assert measured.threads == 2


def test_an_error_in_the_test_split_keeps_all_of_training(follow):
    measured, rows = follow(Script([epoch(1)], RuntimeError("lost"), in_part="test"))
    assert measured.status == "failed"
    assert measured.train_seconds == 2.0
    assert len(rows) == 1


def test_a_report_that_fails_is_a_failed_run_and_not_a_lost_one(follow):
    def report(event):
        if not isinstance(event, str):
            raise OSError("disk full")

    measured, rows = follow(Script([epoch(1)]), report=report)
    assert measured.status == "failed"
    assert measured.error.startswith("OSError: disk full")
    assert len(rows) == 1


def test_a_run_whose_peer_is_gone_is_lost(follow, tf, cpu_runtime):
    gone = tf.errors.UnavailableError(None, None, "Collective ops is aborted by: Socket closed")
    pair = Role("multi_worker_mirrored", addresses={"worker": ("a:1", "b:1")})
    measured, rows = follow(Script([epoch(1)], gone), runtime=replace(cpu_runtime, role=pair), epochs=2)
    assert measured.status == "lost"
    assert "Socket closed" in measured.error
    assert len(rows) == 1
    assert follow(Script([epoch(1)], gone), epochs=2)[0].status == "failed"


def test_memory_that_ran_out_has_a_status_of_its_own(follow, tf, cpu_runtime):
    exhausted = tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate 8GiB")
    measured, rows = follow(Script([epoch(1)], exhausted))
    assert measured.status == "oom_host"
    assert "Out of memory" in measured.error
    assert len(rows) == 1
    on_gpu = replace(cpu_runtime, kind="gpu")
    assert follow(Script(problem=exhausted), runtime=on_gpu)[0].status == "oom_device"


@pytest.mark.parametrize("part", ["compile", "warm_up", "stage", "train", "test"])
def test_a_run_that_fails_gives_its_memory_back_too(follow, part):
    script = Script([epoch(1)], RuntimeError("no"), in_part=part)
    assert follow(script)[0].status == "failed"
    assert script.calls[-1] == "release"


def test_a_run_at_chance_is_flagged(follow):
    assert follow(Script([epoch(1, 0.114), epoch(2, 0.14)]), epochs=2)[0].flags == ("not-learning",)
    assert follow(Script([epoch(1, 0.114), epoch(2, 0.16)]), epochs=2)[0].flags == ()


def test_scattered_windows_are_flagged(follow):
    steady = follow(Script([epoch(1, seconds=(1.0, 1.01, 0.99), steps=(50, 50, 50))]))[0]
    scattered = follow(Script([epoch(1, seconds=(1.0, 1.2, 0.8), steps=(50, 50, 50))]))[0]
    assert steady.flags == ()
    assert scattered.flags == ("unstable",)


def test_a_trace_after_staging_is_flagged(follow):
    assert follow(Script([epoch(1)], traces=(2, 3)))[0].flags == ("retraced",)


def test_who_else_ran_is_flagged(follow, monkeypatch):
    # Others took 3 of 20 core seconds.
    busy = replace(QUIET, others_cpu_seconds=3.0, others_fraction=0.15)
    monkeypatch.setattr(Meter, "use", Use(busy))
    assert follow(Script([epoch(1)]))[0].flags == ("contended",)
    monkeypatch.setattr(Meter, "use", Use(replace(QUIET, cgroup_throttled_seconds=1.0)))
    assert follow(Script([epoch(1)]))[0].flags == ("throttled",)


def test_the_row_says_what_the_cpu_did(follow, monkeypatch):
    monkeypatch.setattr(Meter, "use", Use(QUIET, cpu_energy_joules=900.0))
    measured, _ = follow(Script([epoch(1)]))
    assert measured.metered_seconds == 10.0
    assert measured.process_cpu_seconds == 19.0
    assert measured.others_cpu_fraction == 0.005
    assert measured.node_others_cpu_fraction == 0.01
    assert measured.steal_seconds == 0.02
    assert measured.cgroup_throttled_seconds == 0.03
    assert measured.load_average == 1.5
    assert (measured.peak_host_bytes, measured.peak_host_of_run) == (7_000_000, True)
    assert (measured.major_faults, measured.involuntary_switches) == (4, 5)
    assert measured.energy_joules == measured.cpu_energy_joules == 900.0
    assert measured.energy_source == "counter"


def test_the_row_says_what_the_gpu_did(follow, cpu_runtime, monkeypatch):
    monkeypatch.setattr(Meter, "use", Use(QUIET, H100, cpu_energy_joules=900.0))
    measured, _ = follow(Script([epoch(1)]), runtime=replace(cpu_runtime, kind="gpu", gpu_name="H100"))
    assert (measured.energy_joules, measured.cpu_energy_joules) == (4000.0, 900.0)
    assert measured.energy_source == "counter"
    assert measured.gpu_samples == 12
    assert measured.gpu_sm_clock_moved_fraction == -0.015
    assert measured.gpu_power_watts == 400.0
    assert (measured.gpu_sm_clock_hertz, measured.gpu_sm_clock_min_hertz) == (1.98e9, 1.5e9)
    assert measured.gpu_temperature_max_celsius == 70.0
    assert measured.gpu_throttle_reasons == ("sw_power_cap",)
    assert measured.gpu_shared is False
    assert measured.device_name == "H100"
    assert measured.flags == ("throttled",)


@pytest.mark.parametrize("moved", [-0.03, 0.03])
def test_clocks_that_moved_are_flagged(follow, cpu_runtime, monkeypatch, moved):
    gpu = replace(H100, throttle_reasons=(), sm_clock_moved_fraction=moved)
    monkeypatch.setattr(Meter, "use", Use(QUIET, gpu))
    assert follow(Script([epoch(1)]), runtime=replace(cpu_runtime, kind="gpu"))[0].flags == ("clocks-moved",)


def test_the_meters_run_while_the_loop_trains_and_no_clock_of_the_run_counts_them(follow, monkeypatch):
    script, clock, passed = Script([epoch(1)]), time.perf_counter_ns, [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock() + passed[0])

    @contextlib.contextmanager
    def training(_):
        script.calls.append("meters begin")
        passed[0] += 1000 * SECOND_NS
        yield
        script.calls.append("meters end")

    monkeypatch.setattr(Meter, "training", training)
    measured, rows = follow(script)
    assert script.calls[4:9] == ["stage", "meters begin", "train", "meters end", "test"]
    assert rows[0].elapsed_seconds < 1000
    assert measured.wall_seconds < 1000


def test_a_gpu_that_is_not_metered_has_no_energy_rather_than_the_cpus(follow, cpu_runtime, monkeypatch):
    monkeypatch.setattr(Meter, "use", Use(QUIET, cpu_energy_joules=900.0))
    measured, _ = follow(Script([epoch(1)]), runtime=replace(cpu_runtime, kind="gpu"))
    assert (measured.energy_joules, measured.cpu_energy_joules) == (None, 900.0)


def test_meters_that_fail_lose_no_run(follow, cpu_runtime, monkeypatch):
    def broken(*_):
        raise OSError("no such file")

    monkeypatch.setattr(run_module, "Telemetry", telemetry.Telemetry)
    for name in ("CpuMeter", "RaplSampler", "open_nvml"):
        monkeypatch.setattr(telemetry, name, broken)
    measured, rows = follow(Script([epoch(1)]), runtime=replace(cpu_runtime, kind="gpu"))
    assert (measured.status, measured.error, measured.flags) == ("ok", None, ())
    assert (measured.steps, len(rows)) == (250, 1)
    assert measured.peak_host_bytes is measured.energy_joules is measured.others_cpu_fraction is None
    assert measured.threads == 2


def test_the_row_says_what_the_process_had(follow):
    measured, _ = follow(Script([epoch(1)]))
    assert measured.threads == 2
    assert measured.affinity == (0, 1)
    assert measured.niceness == 0
    assert measured.pinned is True
    assert measured.process_id == os.getpid()
    assert measured.memory_growth is None
    assert measured.import_seconds == 1.5
    assert measured.peak_device_bytes is measured.energy_joules is measured.device_name is None


@pytest.fixture
def train(tf, small, digits, cpu_runtime):  # noqa: ARG001
    """Call with settings; trains with the real loops, and gives measurement, epochs and what was reported."""

    def call(dataset=digits, **settings):
        reported = []
        measured, rows = train_run(small(**settings), 3, dataset, cpu_runtime, reported.append)
        return measured, rows, [event for event in reported if not isinstance(event, str)]

    return call


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["fused", "fit"])
def test_a_real_run_has_every_figure(train, loop):
    measured, rows, reported = train(
        loop=loop, batch_size=1920, epochs=2, target_accuracy=0.5, learning_rate=0.01
    )
    assert measured.error is None
    assert measured.status == "ok"
    assert reported == rows
    assert [row.epoch for row in rows] == [1, 2]
    assert all(getattr(measured, f"{part}_seconds") > 0 for part in CLOCKS)
    assert measured.samples == 100_000
    assert measured.steps == 2 * 27
    parts = measured.compile_seconds + measured.train_seconds + measured.eval_seconds
    assert parts <= measured.wall_seconds
    assert measured.train_seconds == pytest.approx(sum(row.train_seconds for row in rows))
    assert measured.train_seconds <= sum(sum(row.window_seconds) for row in rows)
    assert measured.target_epoch == 1
    assert measured.target_seconds == rows[0].elapsed_seconds
    first = rows[0].train_seconds + rows[0].eval_seconds + measured.stage_seconds
    assert first <= measured.target_seconds < rows[1].elapsed_seconds
    assert rows[1].elapsed_seconds > rows[0].elapsed_seconds
    assert measured.best_val_accuracy > 0.7
    assert measured.test_accuracy > 0.7
    assert measured.peak_host_bytes > 100 * 2**20
    assert measured.metered_seconds > measured.wall_seconds + measured.stage_seconds
    assert measured.process_cpu_seconds > 0
    assert 0 <= measured.node_others_cpu_fraction <= 1.1  # ticks of 10 ms
    assert {"retraced", "not-learning"}.isdisjoint(measured.flags)


@pytest.fixture
def keras_that_cuts_short():
    """Keras, told by whatever imported it to take three steps of an epoch at most, then as it was."""
    import keras

    keras.config.set_max_steps_per_epoch(3)
    yield
    keras.config.set_max_steps_per_epoch(None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Limiting steps_per_epoch", "ignore:Your input ran out of data")
@pytest.mark.usefixtures("keras_that_cuts_short")
def test_an_epoch_that_keras_cuts_short_fails_the_run_and_is_counted_as_it_was(train):
    measured, rows, _ = train(loop="fit", batch_size=1920, jit=False)
    assert measured.status == "failed"
    assert measured.error.startswith("epoch 1 took 3 steps over 5,760 images, not 27 over 50,000; something")
    assert (measured.steps, measured.samples, rows[0].window_steps) == (3, 5_760, (3,))


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float32"), ("mixed_bfloat16", "bfloat16")])
def test_precision_flags_and_the_lack_of_determinism_are_read_back(train, monkeypatch, precision, dtype):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    measured, _, _ = train(batch_size=2500, precision=precision)
    assert (measured.compute_dtype, measured.tf32_enabled) == (dtype, False)
    assert (measured.xla_flags, measured.tf_xla_flags) == (None, "--tf_xla_clustering_debug")
    assert measured.op_determinism is False
    assert measured.all_reduce_implementation is None


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["fused", "fit"])
def test_a_learning_rate_far_too_high_diverges(train, loop):
    measured, rows, reported = train(
        loop=loop, hidden=[32, 32], activation="relu", learning_rate=1e30, batch_size=1000, epochs=3
    )
    assert measured.status == "diverged"
    assert measured.error == "the loss is not finite in epoch 1"
    assert reported == rows
    (row,) = rows
    assert not math.isfinite(row.train_loss)
    assert row.val_loss is row.val_accuracy is None
    assert not math.isfinite(measured.train_loss)
    assert measured.train_seconds > 0
    assert measured.test_accuracy is measured.best_val_accuracy is measured.target_epoch is None


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["fused", "fit"])
def test_data_of_the_wrong_shape_fail_the_run_and_not_the_process(train, digits, loop):
    cropped = replace(digits, x_train=digits.x_train[:, :700])
    measured, rows, _ = train(loop=loop, jit=False, batch_size=10_000, dataset=cropped)
    assert measured.status == "failed"
    assert "700" in measured.error
    assert "line" in measured.error
    assert rows == []
    assert measured.compile_seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["fused", "fit"])
def test_a_run_leaves_no_weights_behind(tf, build_loop, small, loop):
    # Traced, the optimizer's update keeps every handle for as long as the process lives.
    built = build_loop(small(loop=loop, dropout=0.3, precision="mixed_float16"))
    built.loop.compile()
    assert all(variable.numpy().size for variable in variables(built))
    built.variables.release()
    for variable in variables(built):
        left = tf.raw_ops.ReadVariableOp(resource=variable.value.handle, dtype=variable.dtype)
        assert left.numpy().size == 0


def variables(built):
    return [*built.model.variables, *built.optimizer.variables]


@pytest.mark.slow
def test_a_learning_rate_far_too_low_is_not_learning(train):
    measured, _, _ = train(learning_rate=1e-12, batch_size=10_000, jit=False)
    assert measured.status == "ok"
    assert "not-learning" in measured.flags
