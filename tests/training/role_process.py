"""A process of a run, as the tests start it: told what to do, it tells what becomes of it in JSON.

With parameter_server only the chief trains. Every process lives until its input is closed.
"""

import dataclasses
import json
import sys


def main(told):
    from bench.training import runtime
    from bench.training.role import Role

    role = Role(**told["role"])
    started = runtime.start("cpu", tuple(told["cores"]), role)
    tell("started", [device.name for device in devices()])
    if role.strategy != "parameter_server" or role.task_type == "chief":
        train(told, started)
    sys.stdin.read()


def train(told, started):
    from bench.data.datasets import load
    from bench.records.scenario import Scenario
    from bench.training.run import train_run

    digits = load("digits", None)
    for settings in told["runs"]:
        measured, epochs = train_run(Scenario(**settings), told["seed"], digits, started, tell_event)
        tell("run", {**dataclasses.asdict(measured), "epochs": [dataclasses.asdict(one) for one in epochs]})
    if told["probe"]:
        from bench.training.probe import all_reduce_rate

        tell("all-reduce", all_reduce_rate(started.strategy))


def devices():
    import tensorflow as tf

    return tf.config.list_logical_devices("CPU")


def tell_event(event):
    if isinstance(event, str):
        tell("phase", event)
    else:
        tell("epoch", event.epoch)


def tell(kind, value):
    sys.stdout.write(json.dumps({"kind": kind, "value": value}) + "\n")
    sys.stdout.flush()
