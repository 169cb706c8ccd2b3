import dataclasses
import itertools
import threading
from types import SimpleNamespace

import pytest

from bench.errors import BenchError
from bench.machine.gpu_sampler import GpuSampler, GpuUse, Reading, clocks_moved, summarise, together
from bench.machine.nvml import GpuSample, open_nvml


def reading(seconds, others=False, **sample):
    return Reading(seconds, GpuSample(**sample), others)


def test_energy_is_the_counters_difference():
    use = summarise([reading(10.0, energy_joules=5000.0), reading(14.0, energy_joules=6200.0)])
    assert use.energy_joules == 1200.0
    assert use.energy_source == "counter"
    assert use.mean_power_watts == 300.0
    assert use.samples == 2


def test_without_the_counter_energy_is_the_integral_of_power():
    # Trapezoids: 4 s at 150 W, then 12 s at 250 W.
    use = summarise(
        [reading(0.0, power_watts=100.0), reading(4.0, power_watts=200.0), reading(16.0, power_watts=300.0)]
    )
    assert use.energy_joules == pytest.approx(3600.0)
    assert use.mean_power_watts == pytest.approx(225.0)
    assert use.energy_source == "samples"


def test_a_counter_that_was_reset_is_not_believed():
    use = summarise(
        [
            reading(0.0, energy_joules=900.0, power_watts=100.0),
            reading(20.0, energy_joules=10.0, power_watts=100.0),
        ]
    )
    assert use.energy_joules == pytest.approx(2000.0)
    assert use.energy_source == "samples"


@pytest.mark.parametrize(
    ("meter", "seconds", "source"),
    [
        ("energy_joules", 0.9, "too-short"),
        ("energy_joules", 1.0, "counter"),
        ("power_watts", 9.0, "too-short"),
        ("power_watts", 10.0, "samples"),
    ],
)
def test_energy_that_would_be_worth_nothing_is_not_given(meter, seconds, source):
    use = summarise([reading(0.0, **{meter: 100.0}), reading(seconds, **{meter: 150.0})])
    assert use.energy_source == source
    assert (use.energy_joules is None) == (use.mean_power_watts is None) == (source == "too-short")


IDLE = None


@pytest.mark.parametrize(
    ("clocks", "moved"),
    [
        ([1.5e9, 2.0e9, 2.0e9, 2.0e9], 1 / 3),  # still on its way up when the training began
        ([2.0e9, 1.5e9, 1.5e9, 2.0e9], 0.0),  # between two programs a GPU may clock higher than within one
        ([2.0e9, 1.8e9, 1.5e9, 1.2e9], -1 / 6),
        ([IDLE, 1.6e9, 2.0e9, IDLE], 0.25),
        ([IDLE, 1.6e9, IDLE], 0.0),
        ([2.0e9, 1.9e9], -0.05),  # too short for more
        ([IDLE, 2.0e9], None),
        ([IDLE, IDLE, IDLE], None),
        ([2.0e9], None),
    ],
)
def test_clocks_move_from_the_first_to_the_last_sample_that_found_the_gpu_busy(clocks, moved):
    readings = [
        reading(float(at), sm_clock_hertz=345e6 if clock is IDLE else clock, idle=clock is IDLE)
        for at, clock in enumerate(clocks)
    ]
    found = summarise(readings).sm_clock_moved_fraction
    assert found == (None if moved is None else pytest.approx(moved))


@pytest.mark.parametrize(
    ("fraction", "moved"), [(0.021, True), (-0.021, True), (0.019, False), (None, False)]
)
def test_clocks_have_moved_past_two_percent_either_way(fraction, moved):
    assert clocks_moved(dataclasses.replace(FAST, sm_clock_moved_fraction=fraction)) is moved


def test_clocks_are_those_under_load():
    use = summarise(
        [
            reading(0.0, sm_clock_hertz=345e6, idle=True),
            reading(1.0, sm_clock_hertz=1500e6, idle=False),
            reading(2.0, sm_clock_hertz=1980e6, idle=False),
            reading(3.0, sm_clock_hertz=1755e6, idle=False),
        ]
    )
    assert use.min_sm_clock_hertz == 1500e6
    assert use.median_sm_clock_hertz == 1755e6


def test_a_device_that_idled_throughout_still_has_clocks():
    assert summarise([reading(0.0, sm_clock_hertz=345e6, idle=True)]).min_sm_clock_hertz == 345e6


def test_extremes_and_reasons_are_over_all_samples_in_whatever_order():
    use = summarise(
        [
            reading(2.0, memory_used_bytes=10, temperature_celsius=60.0, throttle_reasons=("sw_power_cap",)),
            reading(0.0, memory_used_bytes=90, temperature_celsius=50.0, throttle_reasons=()),
            reading(1.0, memory_used_bytes=20, temperature_celsius=70.0, throttle_reasons=("board_limit",)),
        ]
    )
    assert use.throttle_reasons == ("board_limit", "sw_power_cap")
    assert use.peak_memory_bytes == 90
    assert use.max_temperature_celsius == 70.0


@pytest.mark.parametrize(
    ("seen", "others"),
    [([False, False], False), ([False, True], True), ([None, True], True), ([False, None], None)],
)
def test_others_are_told_only_where_every_sample_could_tell(seen, others):
    assert summarise([reading(float(at), other) for at, other in enumerate(seen)]).others is others


def test_a_device_that_tells_nothing_gives_none():
    assert summarise([reading(0.0, None), reading(1.0, None)]) == GpuUse(
        energy_joules=None,
        mean_power_watts=None,
        min_sm_clock_hertz=None,
        median_sm_clock_hertz=None,
        throttle_reasons=None,
        peak_memory_bytes=None,
        max_temperature_celsius=None,
        samples=2,
        others=None,
    )


FAST = GpuUse(
    energy_joules=300.0,
    mean_power_watts=30.0,
    min_sm_clock_hertz=1.5e9,
    median_sm_clock_hertz=1.98e9,
    throttle_reasons=("sw_power_cap",),
    peak_memory_bytes=2**30,
    max_temperature_celsius=60.0,
    samples=3,
    others=False,
    energy_source="counter",
    sm_clock_moved_fraction=0.01,
)
SLOW = GpuUse(
    energy_joules=200.0,
    mean_power_watts=20.0,
    min_sm_clock_hertz=1.2e9,
    median_sm_clock_hertz=1.4e9,
    throttle_reasons=("hw_slowdown", "sw_power_cap"),
    peak_memory_bytes=2**31,
    max_temperature_celsius=80.0,
    samples=4,
    others=True,
    energy_source="samples",
    sm_clock_moved_fraction=-0.05,
)


def test_devices_together_use_the_sum_and_are_as_slow_as_the_slowest():
    assert together([FAST, SLOW]) == together([SLOW, FAST])
    assert together([FAST, SLOW]) == GpuUse(
        energy_joules=500.0,
        mean_power_watts=50.0,
        min_sm_clock_hertz=1.2e9,
        median_sm_clock_hertz=1.4e9,
        throttle_reasons=("hw_slowdown", "sw_power_cap"),
        peak_memory_bytes=2**31,
        max_temperature_celsius=80.0,
        samples=7,
        others=True,
        energy_source="samples",
        sm_clock_moved_fraction=-0.05,
    )
    assert together([FAST]) == FAST


def test_a_sum_that_lacks_a_device_is_none():
    silent = summarise([reading(0.0, others=None)])
    both = together([FAST, silent])
    assert both.energy_joules is both.mean_power_watts is both.others is both.energy_source is None
    assert both.min_sm_clock_hertz == 1.5e9
    assert both.throttle_reasons == ("sw_power_cap",)
    assert together([silent, silent]).throttle_reasons is None
    assert together([SLOW, silent]).others is True


def test_the_thread_samples_between_start_and_stop(fake_nvml, h100):
    energy = itertools.count(1_000_000, 250_000)
    device = h100(
        TotalEnergyConsumption=lambda: next(energy),
        ComputeRunningProcesses=[SimpleNamespace(pid=7), SimpleNamespace(pid=12)],
    )
    waits, answers = [], iter([False, False, True])

    def wait(seconds):
        waits.append(seconds)
        return next(answers)

    sampler = GpuSampler(
        open_nvml(fake_nvml(device)), 0, own_pid=12, clock=itertools.count(0.0, 0.5).__next__, wait=wait
    )
    sampler.start()
    use = sampler.stop()
    # At the start, after each of two waits, and at the stop.
    assert use.samples == 4
    assert waits == [1.0, 1.0, 1.0]
    assert use.others


def test_stopping_does_not_wait_for_the_interval(fake_nvml, h100):
    sampler = GpuSampler(open_nvml(fake_nvml(h100())), 0, interval_seconds=3600.0)
    sampler.start()
    assert sampler.stop().samples == 2


def test_no_faster_than_once_a_second(fake_nvml, h100):
    waits = []
    sampler = GpuSampler(
        open_nvml(fake_nvml(h100())),
        0,
        interval_seconds=0.01,
        wait=lambda seconds: waits.append(seconds) or True,
    )
    sampler.start()
    sampler.stop()
    assert waits == [1.0]


def test_starting_twice_and_stopping_before_starting_are_errors(fake_nvml, h100):
    sampler = GpuSampler(open_nvml(fake_nvml(h100())), 0)
    with pytest.raises(BenchError, match="start the sampler first"):
        sampler.stop()
    sampler.start()
    with pytest.raises(BenchError, match="stop the sampler first"):
        sampler.start()
    sampler.stop()


def test_what_ends_the_sampling_early_is_raised_at_the_stop(fake_nvml, h100):
    nvml = open_nvml(fake_nvml(h100()))
    waits, read = [], nvml.sample

    def sample(index):
        if len(waits) == 1:
            raise OSError("the driver is gone")
        return read(index)

    nvml.sample = sample
    sampler = GpuSampler(nvml, 0, wait=lambda seconds: waits.append(seconds) or len(waits) > 1)
    sampler.start()
    with pytest.raises(OSError, match="the driver is gone"):
        sampler.stop()


def test_a_last_sample_that_fails_still_ends_the_thread(fake_nvml, h100):
    nvml = open_nvml(fake_nvml(h100()))
    sampler = GpuSampler(nvml, 0, interval_seconds=3600.0)
    sampler.start()
    nvml.sample = None
    with pytest.raises(TypeError):
        sampler.stop()
    assert "gpu-sampler" not in {thread.name for thread in threading.enumerate()}
