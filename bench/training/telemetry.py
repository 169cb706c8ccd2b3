"""What the machine did while a run ran: CPU and GPU meters around it, outside the hot path."""

import os
from dataclasses import dataclass

from bench.machine.gpu_sampler import GpuSampler, GpuUse
from bench.machine.load import CpuMeter, CpuUse, contended, throttled_cpu
from bench.machine.nvml import open_nvml
from bench.training.runtime import Runtime


@dataclass(frozen=True)
class Use:
    """CPU and GPU use over a run; `gpu` is None on a CPU, and where NVML is not there."""

    cpu: CpuUse
    gpu: GpuUse | None

    @property
    def flags(self) -> tuple[str, ...]:
        """What of it makes the run's times doubtful."""
        gpu_busy, gpu_slow = (self.gpu.others, self.gpu.throttle_reasons) if self.gpu else (False, ())
        raised = {
            "contended": contended(self.cpu) or bool(gpu_busy),
            "throttled": throttled_cpu(self.cpu) or bool(gpu_slow),
        }
        return tuple(flag for flag, up in raised.items() if up)


class Telemetry:
    """Meters for one run of this process: `start`, then `stop` gives the use."""

    def __init__(self, runtime: Runtime) -> None:
        self._cpu = CpuMeter(runtime.pinning.cores)
        self._nvml = open_nvml() if runtime.kind == "gpu" else None
        self._gpu: GpuSampler | None = None
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        index = self._nvml.index_of(visible) if self._nvml else None
        if self._nvml and index is not None:
            self._gpu = GpuSampler(self._nvml, index)

    def start(self) -> None:
        """Begin; the GPU is read once a second from a thread of its own."""
        if self._gpu:
            self._gpu.start()
        self._cpu.start()

    def stop(self) -> Use:
        """End, and give what was used since `start`."""
        cpu = self._cpu.stop()
        gpu = self._gpu.stop() if self._gpu else None
        if self._nvml:
            self._nvml.close()
        return Use(cpu, gpu)
