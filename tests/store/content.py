"""What is in a generated session, as whole columns: a thousand runs take milliseconds.

Times come from the work in a step, the machine's speed, the session's mood, the node and chance; some runs
fail, some are flagged. Equal numbers give equal sessions.
"""

import datetime
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.records.net import model_flops_per_step
from bench.records.suite import parse_suite
from bench.records.tables import epochs_schema, runs_schema, to_table
from tests.store.machines import MACHINES, machine, machine_rows

SUITE = "generated"
SWEEPS = (
    {
        "name": "sizes",
        "hidden": [50, 50],
        "target_accuracy": 0.97,
        "matrix": {"batch_size": [10, 100, 1000, 10000], "learning_rate": [0.0003, 0.001, 0.003, 0.01]},
    },
    {
        "name": "loops",
        "hidden": [200, 200],
        "matrix": {
            "batch_size": [1, 32, 512],
            "loop": ["fit", "fused"],
            "precision": ["float32", "mixed_bfloat16"],
        },
    },
    {
        "name": "replicas",
        "hidden": [512, 512],
        "strategy": "mirrored",
        "matrix": {"devices": [1, 2, 4, 8], "batch_size": [256, 1024]},
    },
    {
        "name": "workers",
        "hidden": [512, 512],
        "strategy": "multi_worker_mirrored",
        "batch_per_replica": 128,
        "matrix": {"workers": [1, 2, 4]},
    },
    {
        "name": "wide-sigmoid",
        "activation": "sigmoid",
        "batch_size": 200,
        "target_accuracy": 0.985,
        "matrix": {
            "hidden": [[512, 512], [1024, 1024], [2048, 2048]],
            "schedule": ["constant", "cosine"],
        },
    },
    {
        "name": "optimizers",
        "hidden": [200],
        "batch_size": 128,
        "matrix": {"optimizer": ["adam", "sgd", "momentum", "adamw"]},
    },
    {"name": "baseline", "hidden": [200, 200], "activation": ["relu", "tanh"], "batch_size": 100},
)
"""Fifty scenarios; a run's number decides which it is of, and in which round."""
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOURS_BETWEEN = 6
SLOTS_OF_A_NODE = 2
DIGITS = 7
"""Of what logarithms and the like give, whose last digits are not the same on every processor."""

FAILURES = ("diverged", "oom_device", "oom_host", "timeout", "lost", "failed", "cancelled")
FAILED, UNSTABLE, CONTENDED = 0.02, 0.06, 0.03
_ERRORS = tuple(f"{status}: what a run said\nand more of it" for status in FAILURES)
_FLAGS = ((), ("unstable",), ("contended",), ("unstable", "contended"), ("throttled",), ("retried",))
_MODULES = tuple(f"{name} 1.{place} /usr/lib/python3/{name}" for place, name in enumerate("abcd"))


@dataclass(frozen=True)
class Shape:
    """So many `sessions` of so many `runs`, of `epochs` each; what one holds goes by its number alone."""

    sessions: int
    runs: int
    epochs: int = 3
    seed: int = 0


@lru_cache(maxsize=4)
def points(epochs=3):
    """The fifty points of the suite."""
    document = {"sweep": [{**sweep, "epochs": epochs} for sweep in SWEEPS]}
    return parse_suite(document, f"{SUITE}.toml", SUITE, "", {}, {}).points


def session_id(number):
    return f"{BEGIN + datetime.timedelta(hours=HOURS_BETWEEN * number):%Y%m%d-%H%M%S}-{number:04x}"


def header(shape, number):
    scenarios = [point.scenario.scenario_id for point in points(shape.epochs)]
    return {"session_id": session_id(number), "suite": SUITE, "scenarios": scenarios}


def session_tables(shape, number, ordered=False):
    """The three tables of session `number`: runs as they ended, or `ordered` by scenario and round."""
    made = _Session(shape, number)
    runs = made.runs()
    order = np.arange(shape.runs)
    if ordered:
        keys = [(name, "ascending") for name in ("sweep", "scenario_id", "round", "run_id")]
        order = pc.sort_indices(runs.select([name for name, _ in keys]), sort_keys=keys).to_numpy()
        runs = runs.take(order)
    machines = to_table("machines", list(machine_rows(made.id, made.machine)))
    return {"runs": runs, "epochs": made.epochs(order), "machines": machines}


class _Session:
    """The columns of one session, one entry a run."""

    def __init__(self, shape, number):
        self.shape, self.id = shape, session_id(number)
        late = number >= shape.sessions / 2
        self.machine = machine(number % MACHINES, software=int(late))
        self.chance = np.random.default_rng([shape.seed, number])
        self.began = BEGIN + datetime.timedelta(hours=HOURS_BETWEEN * number)
        count = self.count = shape.runs
        self.scenario = np.arange(count) % len(points(shape.epochs))
        self.round = np.arange(count) // len(points(shape.epochs)) + 1
        self.node = self.chance.integers(0, len(self.machine.nodes), count)
        fate = self.chance.random(count)
        self.failure = np.where(fate < FAILED, self.chance.integers(0, len(FAILURES), count), -1)
        self.ok = self.failure < 0
        self._measure(0.98 if late else 1.0)

    def _measure(self, factor):
        facts, count, chance = _facts(self.shape.epochs), self.count, self.chance
        mood = np.round(chance.normal(1, 0.03), DIGITS)
        slow_node = 1 + 0.03 * (self.node == 3)
        noise = np.round(chance.lognormal(0, 0.01, count), DIGITS)
        usual = facts["launch"] + facts["flops"] / 150e9 / self.machine.speed
        self.step = usual[self.scenario] * factor * mood * slow_node * noise
        self.steps = facts["steps"][self.scenario]
        self.samples = facts["samples"][self.scenario]
        self.train = self.step * self.steps
        self.eval = 0.08 * self.train + 0.02
        self.compile = chance.uniform(0.3, 1.2, count)
        luck = np.round(chance.normal(0, 0.002, count), DIGITS)
        self.accuracy = np.minimum(facts["accuracy"][self.scenario] + luck, 0.999)
        self.occupied = self.train + self.eval + self.compile + chance.uniform(0.8, 1.6, count)
        slots = SLOTS_OF_A_NODE * len(self.machine.nodes)
        held = np.zeros(-(-count // slots) * slots)
        held[:count] = self.occupied
        begun = np.cumsum(held.reshape(-1, slots), axis=0) - held.reshape(-1, slots)
        self.queue = begun.reshape(-1)[:count] + 4.0

    def runs(self):
        settings = _settings(self.shape.epochs).take(pa.array(self.scenario))
        columns = {name: settings.column(name) for name in settings.schema.names}
        columns |= self._identity() | self._outcome() | self._times() | self._scores() | self._meters()
        schema = runs_schema()
        nulls = {field.name: pa.nulls(self.count, field.type) for field in schema}
        return pa.table([(nulls | columns)[name] for name in schema.names], schema=schema)

    def epochs(self, order):
        """Those of the runs that ended ok, in the `order` of the runs."""
        each = self.shape.epochs
        rows = np.repeat(order[self.ok[order]], each)
        number = np.tile(np.arange(1, each + 1), len(rows) // each)
        train, evaluated = self.train[rows] / each, self.eval[rows] / each
        progress = number / each
        windows = np.stack([train * 0.4, train * 0.6], axis=1).reshape(-1)
        steps = np.maximum(self.steps[rows] // each, 2)
        halves = np.stack([steps // 2, steps - steps // 2], axis=1).reshape(-1)
        offsets = pa.array(np.arange(0, 2 * len(rows) + 1, 2), pa.int32())
        rates = _settings(each).column("learning_rate").to_numpy()[self.scenario[rows]]
        columns = {
            "run_id": self._run_ids().take(pa.array(rows)),
            "epoch": number,
            "steps": steps,
            "train_seconds": train,
            "eval_seconds": evaluated,
            "elapsed_seconds": number * (train + evaluated),
            "learning_rate": rates,
            "train_loss": 0.5 / number,
            "train_accuracy": self.accuracy[rows] * (0.9 + 0.1 * progress),
            "val_loss": 0.6 / number,
            "val_accuracy": self.accuracy[rows] * (0.9 + 0.1 * progress),
            "window_seconds": pa.ListArray.from_arrays(offsets, pa.array(windows)),
            "window_steps": pa.ListArray.from_arrays(offsets, pa.array(halves)),
        }
        schema = epochs_schema()
        return pa.table([columns[field.name] for field in schema], schema=schema)

    def _run_ids(self):
        ids = [point.scenario.scenario_id for point in points(self.shape.epochs)]
        names = [f"{self.id}-{ids[s]}-{r}" for s, r in zip(self.scenario, self.round, strict=True)]
        return pa.array(names)

    def _identity(self):
        nodes = self.machine.nodes
        first, count = nodes[0], self.count
        began = np.datetime64(self.began.replace(tzinfo=None), "us")
        return {
            "run_id": self._run_ids(),
            **{
                name: pa.array([value]).take(pa.array(np.zeros(count, int)))
                for name, value in {
                    "session_id": self.id,
                    "suite": SUITE,
                    "machine_id": first.machine_id,
                    "software_id": first.software_id,
                    "machine": first.machine,
                    "dataset_sha256": "ab" * 32,
                    "device_name": self.machine.device_name,
                }.items()
            },
            "round": self.round,
            "order": self.scenario + 1,
            "attempt": np.ones(count, int),
            "started_at": pa.array(
                began + (1e6 * self.queue).astype("timedelta64[us]"), pa.timestamp("us", tz="UTC")
            ),
            "node": pa.array([node.node for node in nodes]).take(pa.array(self.node)),
            "machines": pa.array([[first.machine]]).take(pa.array(np.zeros(count, int))),
            "nodes": pa.array([[node.node] for node in nodes]).take(pa.array(self.node)),
            "queue_seconds": self.queue,
            "occupied_seconds": self.occupied,
            "seed": self.round,
        }

    def _outcome(self):
        fate, count = self.chance.random(self.count), self.count
        bounds = np.cumsum([UNSTABLE, CONTENDED, 0.01, 0.01, 0.01])
        flags = (np.searchsorted(bounds, fate) + 1) % len(_FLAGS)
        statuses, errors = pa.array(["ok", *FAILURES]), pa.array([None, *_ERRORS])
        which = pa.array(self.failure + 1)
        return {
            "status": statuses.take(which),
            "error": errors.take(which),
            "flags": pa.array(_FLAGS, pa.list_(pa.string())).take(pa.array(flags)),
            "start_method": pa.array(["forkserver"]).take(pa.array(np.zeros(count, int))),
        }

    def _times(self):
        chance, count, ok = self.chance, self.count, self.ok
        target = _facts(self.shape.epochs)["target"][self.scenario]
        reached = ok & (self.accuracy >= target)
        return {
            "start_seconds": chance.uniform(0.15, 0.3, count),
            "import_seconds": np.zeros(count),
            "build_seconds": chance.uniform(0.02, 0.05, count),
            "stage_seconds": chance.uniform(0.05, 0.1, count),
            "compile_seconds": _where(ok, self.compile),
            "compile_cached": self.round > 1,
            "warmup_seconds": _where(ok, chance.uniform(0.1, 0.3, count)),
            "train_seconds": _where(ok, self.train),
            "eval_seconds": _where(ok, self.eval),
            "test_seconds": _where(ok, 0.01 + 0.01 * self.train),
            "wall_seconds": _where(ok & (self.round == 1), self.train + self.eval + self.compile),
            "target_seconds": _where(reached, 0.7 * (self.train + self.eval)),
            "target_epoch": _where(reached, np.full(count, max(self.shape.epochs - 1, 1))),
            "steps": _where(ok, self.steps),
            "samples": _where(ok, self.samples),
            "step_seconds": _where(ok, self.step),
            "step_seconds_mad": _where(ok, 0.004 * self.step),
            "empty_window_seconds": _where(ok, chance.uniform(1e-5, 3e-5, count)),
            "samples_per_second": _where(ok, self.samples / self.train),
            "metered_seconds": _where(ok, self.train + self.eval + self.compile + 0.5),
        }

    def _scores(self):
        ok, flops = self.ok, _facts(self.shape.epochs)["flops"][self.scenario]
        rate = flops / self.step
        share = np.minimum(rate / (150e9 * self.machine.speed), 1.0)
        bound = pa.array(["launch", "compute"]).take(pa.array((share > 0.5).astype(int)))
        return {
            "train_loss": _where(ok, 0.5 / self.shape.epochs + 1 - self.accuracy),
            "train_accuracy": _where(ok, np.minimum(self.accuracy + 0.005, 1.0)),
            "val_loss": _where(ok, 1 - self.accuracy),
            "val_accuracy": _where(ok, self.accuracy),
            "best_val_accuracy": _where(ok, self.accuracy),
            "test_loss": _where(ok, 1.02 - self.accuracy),
            "test_accuracy": _where(ok, self.accuracy - 0.002),
            "flops_per_second": _where(ok, rate),
            "limit_seconds": _where(ok, share * self.train),
            "limit_fraction": _where(ok, share),
            "bound_by": bound,
        }

    def _meters(self):
        chance, count, ok = self.chance, self.count, self.ok
        zero = pa.array(np.zeros(count, int))
        meters = {
            "peak_host_bytes": chance.integers(2**30, 2**31, count),
            "peak_host_of_run": np.ones(count, bool),
            "process_cpu_seconds": 1.5 * self.occupied,
            "others_cpu_fraction": chance.uniform(0, 0.02, count),
            "node_others_cpu_fraction": chance.uniform(0, 0.1, count),
            "steal_seconds": chance.uniform(0, 0.01, count),
            "cgroup_throttled_seconds": np.zeros(count),
            "load_average": chance.uniform(0.5, 4, count),
            "major_faults": chance.integers(0, 5, count),
            "involuntary_switches": chance.integers(0, 500, count),
            "threads": np.full(count, 12),
            "affinity": pa.array([[2 * slot, 2 * slot + 1] for slot in range(2)]).take(
                pa.array(np.arange(count) % 2)
            ),
            "niceness": np.zeros(count, int),
            "pinned": np.ones(count, bool),
            "tf32_enabled": np.zeros(count, bool),
            "compute_dtype": pa.array(["float32"]).take(zero),
            "op_determinism": np.zeros(count, bool),
            "modules": pa.array([list(_MODULES)]).take(zero),
            "process_id": chance.integers(1000, 60000, count),
        }
        return meters | (self._of_gpu(ok) if self.machine.gpu else {})

    def _of_gpu(self, ok):
        chance, count = self.chance, self.count
        zero = pa.array(np.zeros(count, int))
        watts = chance.uniform(200, 600, count)
        return {
            "peak_device_bytes": _where(ok, chance.integers(2**28, 2**33, count)),
            "energy_joules": _where(ok, watts * self.train),
            "energy_source": pa.array(["counter"]).take(zero),
            "gpu_samples": np.maximum(self.train, 2).astype(int),
            "gpu_power_watts": watts,
            "gpu_sm_clock_hertz": np.full(count, 1.98e9),
            "gpu_sm_clock_min_hertz": np.full(count, 1.95e9),
            "gpu_sm_clock_moved_fraction": np.zeros(count),
            "gpu_temperature_max_celsius": chance.uniform(40, 70, count),
            "gpu_throttle_reasons": pa.array([[]], pa.list_(pa.string())).take(zero),
            "memory_growth": np.ones(count, bool),
        }


def _where(known, values):
    """`values` with nulls where they are not `known`."""
    return pa.array(values, mask=~known)


@lru_cache(maxsize=4)
def _settings(epochs):
    """The columns of settings, one row a scenario."""
    rows = []
    for point in points(epochs):
        scenario = point.scenario
        named = {name: getattr(scenario, name) for name in type(scenario).model_fields}
        flops = model_flops_per_step(scenario.widths, scenario.global_batch)
        beside = {"sweep": point.sweep, "label": point.label, "scenario_id": scenario.scenario_id}
        rows.append({**named, **beside, "model_flops_per_step": flops})
    return to_table("runs", rows).select(list(rows[0]))


@lru_cache(maxsize=4)
def _facts(epochs):
    """What a scenario's runs are like, as arrays over the scenarios."""
    scenarios = [point.scenario for point in points(epochs)]
    rates = np.array([scenario.learning_rate for scenario in scenarios])
    batches = np.array([scenario.global_batch for scenario in scenarios])
    accuracy = 0.985 - 0.004 * np.abs(np.log10(batches / 100)) - 0.006 * np.abs(np.log10(rates / 1e-3))
    return {
        "flops": np.array([model_flops_per_step(s.widths, s.global_batch) / s.replicas for s in scenarios]),
        "launch": np.array([450e-6 if s.loop == "fit" else 60e-6 for s in scenarios]),
        "steps": np.array([s.steps for s in scenarios]),
        "samples": np.array([s.samples for s in scenarios]),
        "accuracy": np.round(accuracy, DIGITS),
        "target": np.array([s.target_accuracy or 2.0 for s in scenarios]),
    }
