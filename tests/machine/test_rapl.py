import threading

import pytest

from bench.errors import BenchError
from bench.machine.rapl import RaplMeter, RaplSampler


def zone(root, folder, name, energy, full=1_000_000_000):
    path = root / "sys/class/powercap" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy}\n")
    (path / "max_energy_range_uj").write_text(f"{full}\n")
    return path / "energy_uj"


def test_the_packages_are_summed_and_their_parts_left_out(tmp_path):
    first = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 7_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    whole = zone(tmp_path, "intel-rapl:2", "psys", 1_000_000)
    meter = RaplMeter(tmp_path)
    meter.start()
    first.write_text("6500000")
    second.write_text("8000000")
    core.write_text("9000000")
    whole.write_text("9000000")
    assert meter.stop() == pytest.approx(2.5)


def test_a_counter_that_wraps_goes_on(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, full=10_000_000)
    meter = RaplMeter(tmp_path)
    meter.start()
    counter.write_text("1000000")
    meter.update()
    counter.write_text("500000")
    assert meter.stop() == pytest.approx(2.0 + 9.5)


def test_what_cannot_be_read_is_none(tmp_path):
    readable = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    zone(tmp_path, "intel-rapl:1", "package-1", 0).unlink()
    meter = RaplMeter(tmp_path)
    meter.start()
    readable.write_text("1000000")
    assert meter.stop() is None


def test_a_machine_without_counters_has_no_energy(tmp_path):
    meter = RaplMeter(tmp_path)
    meter.start()
    assert meter.stop() is None


def test_stopping_before_starting_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="start the meter first"):
        RaplMeter(tmp_path).stop()


def test_a_package_that_cannot_be_read_at_the_start_leaves_no_sum(tmp_path):
    late = zone(tmp_path, "intel-rapl:0", "package-0", "")
    meter = RaplMeter(tmp_path)
    meter.start()
    late.write_text("1000000")
    assert meter.joules is None
    assert meter.stop() is None


def test_the_sampler_reads_often_enough_that_no_wrap_is_lost(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, full=10_000_000)
    waits, readings = [], iter(["1000000", "500000", "700000"])  # 2 J, then 9.5 J, then 0.2 J at the stop

    def wait(seconds):
        waits.append(seconds)
        counter.write_text(next(readings))
        return len(waits) == 3

    sampler = RaplSampler(tmp_path, wait=wait)
    sampler.start()
    assert sampler.stop() == pytest.approx(2.0 + 9.5 + 0.2)
    assert waits == [60.0, 60.0, 60.0]


def test_the_sampler_starts_anew(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    sampler = RaplSampler(tmp_path)
    for energy in (3_000_000, 7_000_000):
        sampler.start()
        counter.write_text(str(energy))
        assert sampler.stop() == pytest.approx({3_000_000: 2.0, 7_000_000: 4.0}[energy])


def test_without_counters_the_sampler_has_no_thread(tmp_path):
    sampler = RaplSampler(tmp_path)
    sampler.start()
    assert "rapl-sampler" not in {thread.name for thread in threading.enumerate()}
    assert sampler.stop() is None


def test_stopping_the_sampler_before_starting_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="start the meter first"):
        RaplSampler(tmp_path).stop()
