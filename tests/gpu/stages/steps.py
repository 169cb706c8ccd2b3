"""Seconds per step of several programs on the same work, in turns on the same device: medians and ratios.

On an H200, JAX took 2 to 15 s to compile a step in float32 and bench 2 to 3: JAX times cuBLAS' algorithms,
the XLA in TensorFlow takes what cuBLAS names. +cuBLASLt asks whether that is all that JAX is ahead by.
"""

import importlib.util
import os
from statistics import median

import numpy as np

from bench.data.datasets import load
from bench.views.format import seconds
from tests.gpu.process import ProcessError
from tests.gpu.shapes import NOTEBOOK, SHORT, SHORT_WIDE, WIDE
from tests.gpu.stages.environment import JAX_PATH

START_SECONDS = 90
PREPARE_SECONDS = 60
FLAGS = {
    "chunked +WHILE": "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL",
    "chunked +cuBLASLt": "--xla_gpu_enable_cublaslt=true",
}
BASE = "chunked"
SYSTEMS = {
    "notebook": ("chunked", "dynamic", *FLAGS, "JAX scan"),
    "wide": ("chunked", "chunked +cuBLASLt", "JAX scan"),
}
TURNS = 3
TURN_SECONDS = 0.25


def run(check, which):
    points = {"notebook": SHORT if check.short else NOTEBOOK, "wide": SHORT_WIDE if check.short else WIDE}
    with_systems(check, which, points[which])


def with_systems(check, which, points):
    """All processes are there at once, and only one of them works while it is timed."""
    systems = {name: System(check, name) for name in SYSTEMS[which] if installed(check, name)}
    try:
        for system in systems.values():
            system.started()
        check.report.write(f"| work | {' | '.join(systems)} | empty window, of a window |")
        check.report.write("| --- " * (len(systems) + 2) + "|")
        for point in points:
            told = {**point.told(), "dataset": check.dataset, "arrays": str(arrays(check))}
            row(check, point, systems, in_turns(check, systems, told, which == "notebook"))
    finally:
        for system in systems.values():
            system.close()
    check.report.write()
    for name, system in systems.items():
        for problem in system.problems:
            check.report.write(f"{name}: {problem}\n")


def installed(check, name):
    if check.short and name == "chunked +cuBLASLt":  # one set of flags is enough for a rehearsal
        return False
    there = name != "JAX scan" or importlib.util.find_spec("jax") is not None
    if not there:
        check.report.write(f"{name}: not installed; pip install '.[peers]' brings it\n")
    return there


def arrays(check):
    """The data as a plain file: JAX has a process without what bench needs where their libraries clash."""
    kept = check.work / "arrays.npz"
    if not kept.exists():
        data = load(check.dataset, None)
        np.savez(kept, **{name: getattr(data, name) for name in ("x_train", "y_train", "x_val", "y_val")})
    return kept


def in_turns(check, systems, point, together):
    """Step times of every system: all are prepared, then each is timed for a while, and again.

    Small nets compile side by side; of large ones the compiler times candidates on the device, one at a time.
    """
    for system in systems.values():
        system.prepare(point)
        if not together:
            system.prepared()
    if together:
        for system in systems.values():
            system.prepared()
    times = {name: [] for name in systems}
    for turn in range(1 if check.short else TURNS):
        for name in list(systems) if turn % 2 == 0 else reversed(systems):
            told = systems[name].measured(0.05 if check.short else TURN_SECONDS)
            if told:
                times[name].append(told["step_seconds"])
                systems[name].facts.update(told)
                check.report.figure("steps", point=point["name"], system=name, **systems[name].facts)
    return times


class System:
    """A process that trains one way. What goes wrong with it is kept, and costs its figures alone."""

    def __init__(self, check, name):
        self.check, self.name, self.problems, self.facts, self.ready = check, name, [], {}, False
        self.module = "tests.gpu.jax_scan" if name == "JAX scan" else "tests.gpu.training"
        self.begin()

    def begin(self):
        self.process = self.check.process(*self.place(), **self.environment())
        self.process.ask(f"{self.module}.start", kind=self.check.kind)
        self.fresh = True

    def place(self):
        told = self.check.work / JAX_PATH
        alone = self.name == "JAX scan" and told.exists() and told.read_text() == "none"
        return [""] if alone else []

    def environment(self):
        if self.name == "JAX scan":
            return {}
        if self.name not in FLAGS:
            return self.check.tensorflow()
        return self.check.tensorflow(
            XLA_FLAGS=f"{os.environ.get('XLA_FLAGS', '')} {FLAGS[self.name]}".strip()
        )

    def started(self):
        self.attempt(lambda: self.process.answer(self.limit(START_SECONDS)))
        self.fresh = False

    def prepare(self, point):
        self.ready = False
        if not self.process.alive and not self.problems[1:]:
            self.begin()
            self.started()
        if self.process.alive:
            self.process.ask(f"{self.module}.prepare_steps", point=point, system=self.name)
            self.ready = True

    def prepared(self):
        if self.ready:
            told = self.attempt(lambda: self.process.answer(self.limit(PREPARE_SECONDS)))
            self.facts, self.ready = told or {}, told is not None

    def measured(self, seconds):
        if self.ready:
            call = f"{self.module}.measure_steps"
            return self.attempt(lambda: self.process.call(call, self.limit(30), seconds=seconds))
        return None

    def limit(self, most):
        return min(most, self.check.left)

    def attempt(self, call):
        try:
            return call()
        except ProcessError as problem:
            self.problems.append(str(problem)[-1500:])
            return None

    def close(self):
        self.process.close()


def row(check, point, systems, measured):
    base = median(measured[BASE]) if measured[BASE] else None
    cells = [cell(median(times), base) if times else "–" for times in measured.values()]
    check.report.write(f"| {point.name} | {' | '.join(cells)} | {empty(systems[BASE])} |")


def empty(system):
    told = system.facts.get("empty_seconds")
    return f"{seconds(told)}, chunks of {system.facts['chunk']}" if told else "–"


def cell(value, base):
    return seconds(value) + (f" ({value / base:.2f}×)" if base else "")
