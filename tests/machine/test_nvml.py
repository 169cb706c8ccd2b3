from types import SimpleNamespace

import pytest

from bench.machine.nvml import Gpu, GpuSample, Nvml, open_nvml, throttle_reasons


def processes(*pids):
    return [SimpleNamespace(pid=pid) for pid in pids]


def test_without_a_driver_there_is_no_nvml(fake_nvml):
    assert open_nvml(fake_nvml(driver=False)) is None


def test_opening_and_closing_count_as_one_user(fake_nvml, h100):
    module = fake_nvml(h100())
    nvml = open_nvml(module)
    assert (module.users, nvml.count) == (1, 1)
    nvml.close()
    assert module.users == 0


def test_a_gpu_is_described_in_si_units(fake_nvml, h100):
    nvml = open_nvml(fake_nvml(h100()))
    assert nvml.gpu(0) == Gpu(
        index=0,
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-1a2b3c",
        memory_bytes=80 * 2**30,
        compute_capability="9.0",
        driver_version="550.54.15",
        power_limit_watts=700.0,
        sm_clock_max_hertz=1.98e9,
        memory_clock_max_hertz=2.619e9,
        memory_bus_bits=5120,
        pcie_generation_max=5,
        pcie_width_max=16,
        ecc=True,
        mig=False,
    )
    assert nvml.cuda_version == "12.4"


def test_a_sample_is_in_si_units(fake_nvml, h100):
    assert open_nvml(fake_nvml(h100())).sample(0) == GpuSample(
        energy_joules=5000.0,
        power_watts=412.5,
        sm_clock_hertz=1.755e9,
        memory_clock_hertz=2.619e9,
        temperature_celsius=61.0,
        throttle_reasons=(),
        idle=False,
        memory_used_bytes=3 * 2**30,
        utilization_fraction=0.87,
    )


def test_what_a_device_does_not_support_is_none(fake_nvml):
    nvml = open_nvml(fake_nvml({}))
    assert nvml.gpu(0) == Gpu(index=0, driver_version="550.54.15")
    assert nvml.sample(0) == GpuSample()
    assert nvml.other_processes(0, 1) is None
    assert nvml.cores_near(0) is None


def test_a_device_that_is_not_there_is_all_none(fake_nvml, h100):
    assert open_nvml(fake_nvml(h100())).sample(7) == GpuSample()


def test_a_pynvml_older_than_a_call_gives_none():
    bare = SimpleNamespace(NVMLError=RuntimeError, nvmlInit=lambda: None)
    nvml = open_nvml(bare)
    assert nvml.count == 0
    assert nvml.driver_version is None
    assert nvml.sample(0) == GpuSample()


def test_old_bindings_give_bytes_and_old_drivers_the_old_name_of_the_reasons(fake_nvml, h100):
    device = h100(Name=b"Tesla V100", CurrentClocksEventReasons=None, CurrentClocksThrottleReasons=0x4)
    nvml = open_nvml(fake_nvml(device))
    assert nvml.gpu(0).name == "Tesla V100"
    assert nvml.sample(0).throttle_reasons == ("sw_power_cap",)


@pytest.mark.parametrize(
    ("mask", "reasons"),
    [
        (0x0, ()),
        (0x1 | 0x2, ()),
        (0x1 | 0x4 | 0x40, ("sw_power_cap", "hw_thermal_slowdown")),
        (0x8 | 0x80, ("hw_slowdown", "hw_power_brake_slowdown")),
        (0x20 | 0x4000, ("sw_thermal_slowdown", "unknown_0x4000")),
    ],
)
def test_reasons_are_decoded_and_idleness_is_none_of_them(mask, reasons):
    assert throttle_reasons(mask) == reasons


def test_the_reasons_bits_are_pynvmls():
    import pynvml

    assert throttle_reasons(pynvml.nvmlClocksEventReasonSwPowerCap) == ("sw_power_cap",)
    assert throttle_reasons(pynvml.nvmlClocksEventReasonHwThermalSlowdown) == ("hw_thermal_slowdown",)
    assert throttle_reasons(pynvml.nvmlClocksThrottleReasonReliability) == ("reliability",)
    harmless = pynvml.nvmlClocksEventReasonGpuIdle | pynvml.nvmlClocksEventReasonApplicationsClocksSetting
    assert throttle_reasons(harmless) == ()


def test_an_idle_device_says_so(fake_nvml, h100):
    assert open_nvml(fake_nvml(h100(CurrentClocksEventReasons=0x1))).sample(0).idle


def test_other_processes_are_those_that_are_not_ours(fake_nvml, h100):
    nvml = open_nvml(fake_nvml(h100(ComputeRunningProcesses=processes(40, 12, 7))))
    assert nvml.other_processes(0, own_pid=12) == (7, 40)


@pytest.mark.parametrize(
    ("namespace", "pids", "others"),
    [
        ("pid:[4026531836]", (7,), (7,)),
        ("pid:[4026532999]", (7,), None),
        ("pid:[4026532999]", (7, 8), (7, 8)),
        ("pid:[4026532999]", (12,), ()),
        ("pid:[4026532999]", (), ()),
    ],
)
def test_in_a_container_one_unknown_process_may_be_ours(fake_nvml, h100, tmp_path, namespace, pids, others):
    link = tmp_path / "proc/self/ns/pid"
    link.parent.mkdir(parents=True)
    link.symlink_to(namespace)
    nvml = Nvml(fake_nvml(h100(ComputeRunningProcesses=processes(*pids))), tmp_path)
    assert nvml.other_processes(0, own_pid=12) == others


def test_cores_near_a_gpu_are_the_bits_of_the_mask(fake_nvml, h100):
    assert open_nvml(fake_nvml(h100())).cores_near(0) == (0, 1, 3, 64)


@pytest.mark.parametrize(
    ("entry", "index"),
    [("1", 1), (" 0 ", 0), ("GPU-bbb", 1), ("GPU-aaa111", 0), ("2", None), ("GPU-ccc", None), ("", None)],
)
def test_entries_of_cuda_visible_devices_are_translated(fake_nvml, h100, entry, index):
    nvml = open_nvml(fake_nvml(h100(UUID="GPU-aaa111"), h100(UUID="GPU-bbb222")))
    assert nvml.index_of(entry) == index
