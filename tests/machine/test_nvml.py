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
        persistence=True,
        application_sm_clock_hertz=1.98e9,
        application_memory_clock_hertz=2.619e9,
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


def test_a_driver_older_than_pynvml_gives_none(fake_nvml, h100):
    import pynvml

    def mismatch():
        raise pynvml.NVMLLibraryMismatchError("use a versioned function")

    module = fake_nvml(h100(ComputeRunningProcesses=mismatch))
    module.NVMLLibraryMismatchError = pynvml.NVMLLibraryMismatchError
    assert open_nvml(module).other_processes(0, own_pid=1) is None


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


@pytest.fixture
def seen_from(fake_nvml, h100, tmp_path):
    """Call with a PID namespace, PIDs on the GPU and PIDs in /proc; gives NVML as a process there has it."""

    def make(namespace, pids, proc=()):
        link = tmp_path / "proc/self/ns/pid"
        link.parent.mkdir(parents=True)
        link.symlink_to(namespace)
        for pid in proc:
            (tmp_path / "proc" / str(pid)).mkdir()
        return Nvml(fake_nvml(h100(ComputeRunningProcesses=processes(*pids))), tmp_path)

    return make


HOST, CONTAINER = "pid:[4026531836]", "pid:[4026532999]"


@pytest.mark.parametrize(
    ("namespace", "pids", "others"),
    [
        (HOST, (7,), (7,)),
        (CONTAINER, (7,), None),
        (CONTAINER, (7, 8), (7, 8)),
        (CONTAINER, (12,), ()),
        (CONTAINER, (7, 12), (7,)),
    ],
)
def test_in_a_container_one_unknown_process_may_be_ours(seen_from, namespace, pids, others):
    assert seen_from(namespace, pids, proc=(7, 8, 12)).other_processes(0, own_pid=12) == others


@pytest.mark.parametrize("namespace", [HOST, CONTAINER])
def test_a_list_without_anybody_is_one_that_cannot_be_seen(seen_from, namespace):
    """The process that trains would be on it."""
    assert seen_from(namespace, ()).other_processes(0, own_pid=12) is None


def test_a_process_that_is_not_to_be_found_may_be_ours_under_another_number(seen_from):
    """As in a sandbox with a kernel of its own, whose namespaces look like the host's."""
    assert seen_from(HOST, (7,)).other_processes(0, own_pid=12) is None


def test_cores_near_a_gpu_are_the_bits_of_the_mask(fake_nvml, h100):
    assert open_nvml(fake_nvml(h100())).cores_near(0) == (0, 1, 3, 64)


@pytest.mark.parametrize(
    ("entry", "index"),
    [("1", 1), (" 0 ", 0), ("GPU-bbb", 1), ("GPU-aaa111", 0), ("2", None), ("GPU-ccc", None), ("", None)],
)
def test_entries_of_cuda_visible_devices_are_translated(fake_nvml, h100, entry, index):
    nvml = open_nvml(fake_nvml(h100(UUID="GPU-aaa111"), h100(UUID="GPU-bbb222")))
    assert nvml.index_of(entry) == index


def test_a_handle_is_looked_up_once(fake_nvml, h100, monkeypatch):
    module, looked = fake_nvml(h100()), []
    handle = module.nvmlDeviceGetHandleByIndex
    monkeypatch.setitem(
        module._library, "nvmlDeviceGetHandleByIndex", lambda index: looked.append(index) or handle(index)
    )
    nvml = open_nvml(module)
    nvml.sample(0), nvml.gpu(0)
    assert looked == [0]


def test_a_board_in_mig_mode_is_the_slices_of_it(fake_nvml, h100, mig, mig_slice):
    cut = mig({0: mig_slice("MIG-a"), 3: mig_slice("MIG-b")})
    nvml = open_nvml(fake_nvml(h100(), cut))
    assert nvml.count == 2
    assert nvml.devices == (0, "MIG-a", "MIG-b")
    assert nvml.slice_names == ("NVIDIA H100 80GB HBM3 MIG 3g.40gb",) * 2


def test_a_board_of_which_no_slice_is_seen_stays_a_board(fake_nvml, mig):
    nvml = open_nvml(fake_nvml(mig({})))
    assert (nvml.devices, nvml.slice_names) == ((0,), ())
    assert nvml.gpu(0).mig is True


def test_a_slice_is_described_by_its_own_name_and_memory(fake_nvml, h100, mig, mig_slice):
    nvml = open_nvml(fake_nvml(h100(), mig({1: mig_slice("MIG-a", 20)})))
    assert nvml.gpu("MIG-a") == Gpu(
        index=1,
        name="NVIDIA H100 80GB HBM3 MIG 1g.20gb",
        uuid="MIG-a",
        memory_bytes=20 * 2**30,
        compute_capability="9.0",
        driver_version="550.54.15",
        ecc=True,
        mig=True,
        persistence=True,
    )


def test_a_slice_is_never_metered_as_its_board(fake_nvml, mig, mig_slice):
    nvml = open_nvml(fake_nvml(mig({0: mig_slice("MIG-a")})))
    assert nvml.sample("MIG-a") == GpuSample(memory_used_bytes=2**30)


def test_who_else_computes_on_a_slice_is_told_of_it_alone(fake_nvml, mig, mig_slice):
    cut = mig({0: mig_slice("MIG-a", ComputeRunningProcesses=processes(12))}, ComputeRunningProcesses=[])
    nvml = open_nvml(fake_nvml(cut))
    assert nvml.other_processes("MIG-a", own_pid=12) == ()
    assert nvml.cores_near("MIG-a") == (0, 1, 3, 64)


@pytest.mark.parametrize(
    ("entry", "device"),
    [
        ("0", 0),
        ("GPU-aaa", 0),
        ("MIG-b2", "MIG-b2"),
        (" MIG-c1", "MIG-c1"),
        ("MIG-x", None),
        ("1", None),
        ("GPU-bbb", None),
        ("2", "MIG-c1"),
        ("3", None),
    ],
)
def test_entries_are_boards_or_slices_and_never_a_board_that_is_cut(
    fake_nvml, h100, mig, mig_slice, entry, device
):
    """GPU 0 is whole, GPU 1 cut into two slices, of which CUDA takes either, and GPU 2 has one."""
    two = mig({0: mig_slice("MIG-b1"), 1: mig_slice("MIG-b2")}, UUID="GPU-bbb222")
    one = mig({0: mig_slice("MIG-c1")}, UUID="GPU-ccc333")
    nvml = open_nvml(fake_nvml(h100(UUID="GPU-aaa111"), two, one))
    assert nvml.device_of(entry) == device
