"""Small runs, each in a process forked from this one, with TensorFlow imported; prints what they tell."""

import functools
import json
import multiprocessing
import os
import sys
from pathlib import Path

from bench.machine.environment import neutralise

CORES = (0,)
SMALL = {"dataset": "digits", "hidden": [32], "batch_size": 2500, "epochs": 1}
REPLICAS = {"strategy": "mirrored", "devices": 2}
CASES = {
    "first": {},
    "again": {},
    "unreadable": {"damaged": True},
    "replicas": {"settings": REPLICAS},
    "replicas again": {"settings": REPLICAS, "seed": 1},
}


def run(case):
    from bench.records.scenario import Scenario
    from bench.training import compile_cache, runtime
    from bench.training.role import Role
    from bench.training.run import train_run

    scenario = Scenario(**SMALL | case.get("settings", {}))
    cache = compile_cache.open_cache(
        Path(os.environ["BENCH_CACHE"]) / "xla", scenario, "cpu", CORES, os.environ
    )
    if case.get("damaged"):
        for entry in cache.own.iterdir():
            entry.write_bytes(entry.read_bytes()[:1000])
    started = runtime.start("cpu", CORES, Role(scenario.strategy, scenario.devices or 1), compile_cache=cache)
    compiled = []
    close = cache.close
    cache.close = lambda: (compiled.append(_compiled(cache)), close())
    measured, _ = train_run(scenario, case.get("seed", 0), load_digits(), started, lambda _: None)
    return {
        "status": measured.status,
        "cached": measured.compile_cached,
        "compiled": compiled[0],
        "compile_seconds": measured.compile_seconds,
        "wall_seconds": measured.wall_seconds,
        "tf_xla_flags": measured.tf_xla_flags,
        "scores": [measured.train_loss, measured.val_loss, measured.test_loss],
    }


def _compiled(cache):
    """How many programs are beside those that there were to read."""
    return len({entry.name for entry in cache.own.iterdir()} - cache.read)


@functools.cache
def load_digits():
    from bench.data.datasets import load

    return load("digits", None)


def main(_):
    neutralise(os.environ)
    load_digits()
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        told = pool.map(run, CASES.values(), chunksize=1)
    sys.stdout.write(json.dumps(dict(zip(CASES, told, strict=True))))
