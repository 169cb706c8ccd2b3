"""The ten machines that generated sessions ran on: five with GPUs, of one node to four each."""

from dataclasses import dataclass

from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu
from bench.machine.software import Software
from bench.records.probe import Bandwidth, Probe, probe_columns
from bench.records.tables import machine_row

MACHINES = 10
PROBED_SECONDS = 6.0


@dataclass(frozen=True)
class Machine:
    """Some nodes of one kind; `speed` is how many times as fast as the first machine they are."""

    number: int
    speed: float
    nodes: tuple[Fingerprint, ...]

    @property
    def gpu(self):
        return bool(self.nodes[0].hardware.gpus)

    @property
    def device_name(self):
        hardware = self.nodes[0].hardware
        return hardware.gpus[0].name if hardware.gpus else hardware.cpu_name


def machine(number, software=0):
    """Machine `number` of `MACHINES`, with one of several states of `software`."""
    gpus = number % 2
    nodes = tuple(
        Fingerprint(f"m{number}-n{node}", _hardware(number, gpus), _software(software, gpus))
        for node in range(1 + number % 4)
    )
    return Machine(number, (1 + 0.15 * number) * (20 if gpus else 1), nodes)


def machine_rows(session_id, of):
    """The rows of `machines` of a session: each node, probed at its start and at its end."""
    kind = "gpu" if of.gpu else "cpu"
    for moment in ("start", "end"):
        for place, node in enumerate(of.nodes):
            rate = 150e9 * of.speed * (1 + 0.002 * place - 0.001 * (moment == "end"))
            rates = {"float32": rate, "mixed_bfloat16": 2 * rate if of.gpu else None}
            bandwidths = tuple(Bandwidth(2**bits, rate / bits) for bits in (16, 22, 28))
            probe = Probe(kind, 8, rates, bandwidths, 20e-6 / of.speed, 3e-6, 5e-6 if of.gpu else None)
            columns = probe_columns(probe, moment, "one_device", 1, seconds=PROBED_SECONDS + place)
            yield machine_row(session_id, node, columns)


def _hardware(number, gpus):
    board = Gpu(
        index=0,
        name=f"NVIDIA G{number}00",
        uuid=f"GPU-{number:08}",
        memory_bytes=80 * 2**30,
        compute_capability="9.0",
        power_limit_watts=700.0,
    )
    return Hardware(
        cpu_name=f"Some CPU {number}",
        cpu_architecture="x86_64",
        cpu_cores_physical=8 + number,
        cpu_cores_logical=16 + 2 * number,
        cpu_hertz_max=3.5e9,
        cpu_cache_l2_bytes=2**20,
        cpu_cache_l3_bytes=2**25,
        cpu_flags=("avx2", "avx512f", "fma"),
        memory_bytes=128 * 2**30,
        numa_nodes=1 + number % 2,
        virtualised=True,
        hypervisor="kvm",
        cgroup_cpu_limit=None,
        cgroup_cores=None,
        cgroup_memory_limit_bytes=None,
        gpus=(board,) * gpus,
    )


def _software(state, gpus):
    facts = dict.fromkeys(Software.__dataclass_fields__)
    facts |= {"python_version": "3.11.9", "kernel": f"6.{state}.0", "bench_version": "0.1.0"}
    facts |= {"tensorflow_version": "2.21.0", "keras_version": "3.15.0", "numpy_version": "2.3.1"}
    facts |= {"nvidia_driver_version": "570.1", "cuda_version": "12.8"} if gpus else {}
    return Software(**facts | {"environment": {"TF_CPP_MIN_LOG_LEVEL": "2"}})
