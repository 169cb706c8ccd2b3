"""What a run measured: the part of its row that the process that trained fills in."""

from dataclasses import dataclass
from typing import Literal, get_args

from bench.machine.figures import EnergySource

Status = Literal[
    "ok", "diverged", "oom_device", "oom_host", "timeout", "lost", "failed", "infeasible", "cancelled"
]
STATUSES: tuple[Status, ...] = get_args(Status)
UNFINISHED: frozenset[Status] = frozenset({"cancelled", "lost", "infeasible"})
"""What says nothing of the scenario: a session that is resumed tries it again."""
Phase = Literal["build", "compile", "warm-up", "stage", "train", "evaluate"]
"""What a run does now, in the order in which it does so; the last two by turns."""
Flag = Literal[
    "unstable",
    "short-windows",
    "throttled",
    "contended",
    "clocks-moved",
    "retraced",
    "not-learning",
    "retried",
    "published",
    "implausible",
]
StartMethod = Literal["forkserver", "spawn"]
"""How a process came to be, in multiprocessing's words: a copy of one with TensorFlow imported, or anew."""
START_METHODS: tuple[StartMethod, ...] = get_args(StartMethod)
IMPLAUSIBLE: Flag = "implausible"
"""Set when a row is read that holds a value which cannot have been measured; see `records.plausible`."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run: a row of the `epochs` table, less the run's id. Accuracies are 0 to 1.

    `elapsed_seconds` runs from the first touch of the data to the end of the epoch's validation.
    `window_seconds` are as they were timed; `train_seconds` is without the calls around them.
    Training scores are means over the epoch's batches as they passed, as Keras gives them; like Keras',
    `learning_rate` is the optimizer's at the end of the epoch, which the next step would take.
    """

    epoch: int
    steps: int
    train_seconds: float | None
    eval_seconds: float | None
    elapsed_seconds: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    window_seconds: tuple[float, ...]
    window_steps: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """What came of a run; None where it did not get so far. Seconds, bytes, joules; accuracies 0 to 1.

    The run's process was there `start_seconds` after it had been asked for, by `start_method`: TensorFlow
    imported and started, and the run's other processes found. `import_seconds` are those of an import in this
    very process. `compile_cached` says whether in `compile_seconds` XLA read what an earlier run of the
    session had compiled, in place of compiling it; None where XLA had nothing to compile.

    `train_seconds` holds training steps alone, `eval_seconds` the validations between them, `test_seconds`
    the evaluation of the test split after them. Training is timed in windows of steps, each of which is a
    call: one without steps takes `empty_window_seconds`, which are taken off every window in `train_seconds`
    and in all that is derived from it. `wall_seconds` is what the notebook measured: compilation, training
    and validation; None where `compile_cached`, since there was no compilation to measure. `target_seconds`
    runs from the first touch of the data to the end of the first validation at or past the target.
    `all_reduce_seconds` is what the replicas need to sum up one step's gradients when they do nothing else,
    None for one replica.

    Energy and what the GPU did are of the training alone, from before the first step to after the last
    validation (in tables that have no `empty_window_seconds` they are of the whole run):

    - `energy_joules` is that of the device trained on: the GPU's board (other users of it included) or, on
      a CPU, what `cpu_energy_joules` is on any run: the processor packages of the node. It says something
      of the run only where the run had all the cores of its packages to itself. `energy_source` says whence:
      "counter", the meter's own, read at both ends; "samples", the integral of the power sampled, for boards
      without one; or "too-short" where there are no joules because they would be worth nothing, with a GPU's
      counter under one second of training, with samples under ten.
    - GPU figures are of samples at both ends and once a second between, `gpu_samples` in all: mean power;
      median and lowest clock of those that found it busy, and by what share that clock went up or down from
      the first to the last; highest temperature; every reason that held the clocks down; whether another
      process computed on it (None where that cannot be seen, as in most containers). Of a MIG slice there are
      none but the last: energy, power, clocks and temperature are measured for its whole board.

    What follows is over the whole run, `metered_seconds` long, from before the model is built to after the
    test split:

    - `peak_host_bytes` is the process's, and the run's own where `peak_host_of_run`: elsewhere an earlier
      run of the process may have set it. Compiling counts, where the run did. `peak_device_bytes` is what
      TensorFlow held.
    - `process_cpu_seconds` is the CPU time of all threads and of child processes, such as XLA's `ptxas`.
      Others took `others_cpu_fraction` of the time of the run's own cores, `node_others_cpu_fraction` of all
      the node's cores, and the hypervisor's other guests `steal_seconds` of the run's.
      `cgroup_throttled_seconds` is how long a CPU quota held the run back, summed over cores. `load_average`
      is the node's over the last minute, this run included.

    `threads`, `affinity` and `niceness` are what the process had, read back; `pinned` says whether each of
    its threads was held to the cores asked for. Read back, too, are `tf32_enabled` (whether a GPU may round
    the inputs of float32 matrix products), `compute_dtype` (of Keras' layers), `op_determinism` (whether
    TensorFlow's operations had to be deterministic), `all_reduce_implementation` (how the replicas summed up
    their gradients: "NCCL", "RING" or "ReductionToOneDevice", None for one replica), `xla_flags` and
    `tf_xla_flags` (XLA_FLAGS and TF_XLA_FLAGS of the process, None where not set) and, on a GPU,
    `memory_growth`; and what was imported, in `modules`: name, version and folder of bench, TensorFlow, Keras
    and NumPy. `process_id` is the node's number for the process, which it gives again in time.

    Of a run of several processes that all train, times, scores and what was read back are the first one's.
    What they used is summed up (`process_cpu_seconds`, `steal_seconds`, energy, power, faults, switches and
    samples); memory, clocks, temperature and disturbances are the worst one's. Of parameter_server only the
    process that coordinates is metered.
    """

    status: Status
    error: str | None = None
    flags: tuple[str, ...] = ()
    device_name: str | None = None
    start_method: StartMethod | None = None
    start_seconds: float | None = None
    import_seconds: float | None = None
    build_seconds: float | None = None
    stage_seconds: float | None = None
    compile_seconds: float | None = None
    compile_cached: bool | None = None
    warmup_seconds: float | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    test_seconds: float | None = None
    wall_seconds: float | None = None
    target_seconds: float | None = None
    target_epoch: int | None = None
    steps: int | None = None
    samples: int | None = None
    step_seconds: float | None = None
    step_seconds_mad: float | None = None
    empty_window_seconds: float | None = None
    all_reduce_seconds: float | None = None
    samples_per_second: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    best_val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    flops_per_second: float | None = None
    limit_seconds: float | None = None
    limit_fraction: float | None = None
    bound_by: str | None = None
    metered_seconds: float | None = None
    peak_host_bytes: int | None = None
    peak_host_of_run: bool | None = None
    peak_device_bytes: int | None = None
    energy_joules: float | None = None
    energy_source: EnergySource | None = None
    cpu_energy_joules: float | None = None
    process_cpu_seconds: float | None = None
    others_cpu_fraction: float | None = None
    node_others_cpu_fraction: float | None = None
    steal_seconds: float | None = None
    cgroup_throttled_seconds: float | None = None
    load_average: float | None = None
    major_faults: int | None = None
    involuntary_switches: int | None = None
    gpu_samples: int | None = None
    gpu_power_watts: float | None = None
    gpu_sm_clock_hertz: float | None = None
    gpu_sm_clock_min_hertz: float | None = None
    gpu_sm_clock_moved_fraction: float | None = None
    gpu_temperature_max_celsius: float | None = None
    gpu_throttle_reasons: tuple[str, ...] | None = None
    gpu_shared: bool | None = None
    threads: int | None = None
    affinity: tuple[int, ...] | None = None
    niceness: int | None = None
    pinned: bool | None = None
    tf32_enabled: bool | None = None
    compute_dtype: str | None = None
    op_determinism: bool | None = None
    all_reduce_implementation: str | None = None
    xla_flags: str | None = None
    tf_xla_flags: str | None = None
    memory_growth: bool | None = None
    modules: tuple[str, ...] | None = None
    process_id: int | None = None
