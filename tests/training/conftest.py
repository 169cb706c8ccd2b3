"""TensorFlow on this process's CPU, the digits, and small runs that several tests look at."""

from dataclasses import dataclass
from typing import Any

import pytest

from bench.data.datasets import load
from bench.machine.affinity import Pinning
from bench.records.scenario import Scenario
from bench.training.epoch import EpochResult, Score
from bench.training.runtime import Runtime
from tests.training.gangs import forks_for_gangs, gang

pytest.register_assert_rewrite("tests.training.replicas")

from tests.training.replicas import BASE, SEED, Told, runs  # noqa: E402 -- once its assertions can explain

# tanh, since relu has a kink: where an input of it lies within rounding of zero, a unit's gradient is there
# in one program and not in the other, and two sound runs part by more than rounding.
SMALL = {"dataset": "digits", "hidden": [32], "activation": "tanh", "batch_size": 200, "epochs": 1}


@dataclass
class Built:
    """What a scenario's run is made of, as `bench.training.run.build` gives it, and what it drives."""

    loop: Any
    variables: Any
    model: Any
    optimizer: Any

    def values(self):
        """Every variable's value by name: weights, optimizer state, states of random layers."""
        variables = [*self.model.variables, *self.optimizer.variables]
        return {f"{place} {variable.path}": variable.numpy() for place, variable in enumerate(variables)}


@dataclass(frozen=True)
class Trained:
    """A run that is over: what it reported, and what it left."""

    epochs: list[EpochResult]
    events: list[Any]
    test: Score
    start: dict[str, Any]
    values: dict[str, Any]
    weights: list[Any]
    optimizer: Any
    new_traces: int


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, which sees no GPU here."""
    import tensorflow

    tensorflow.config.set_visible_devices([], "GPU")
    return tensorflow


@pytest.fixture(scope="session")
def digits():
    return load("digits", None)


@pytest.fixture(scope="session")
def small():
    """Call with settings; gives a scenario of one epoch of 250 steps where they say nothing else."""
    return lambda **settings: Scenario(**{**SMALL, **settings})


@pytest.fixture(scope="session")
def build_loop(tf, digits):  # noqa: ARG001 -- TensorFlow has to be there
    """Call with a scenario and a seed; gives the loop, untouched, with its model and its optimizer."""
    from bench.training import model, run, runtime

    def build(scenario, seed=0):
        made = {}
        with pytest.MonkeyPatch.context() as patch:
            for name in ("build_model", "build_optimizer"):
                patch.setattr(model, name, _kept(made, name, getattr(model, name)))
            runtime.prepare(scenario)
            loop, variables = run.build(scenario, seed, digits.mean, digits.deviation)
        return Built(loop, variables, made["build_model"], made["build_optimizer"])

    return build


def _kept(made, name, function):
    def call(*arguments):
        made[name] = function(*arguments)
        return made[name]

    return call


@pytest.fixture(scope="session")
def train_afresh(build_loop, digits):
    """Call with a scenario and a seed; trains it as a run does, warm-up and restore included."""

    def train(scenario, seed=0):
        built = build_loop(scenario, seed)
        start = built.values()
        built.loop.compile()
        built.loop.warm_up()
        built.variables.restore()
        built.loop.stage(digits)
        traces, events = built.loop.traces(), []
        built.loop.train(events.append)
        epochs = [event for event in events if not isinstance(event, str)]
        new_traces = built.loop.traces() - traces
        weights = [weight.numpy() for weight in built.model.trainable_variables]
        driven = built.model.optimizer if scenario.loop == "fit" else built.optimizer
        return Trained(epochs, events, built.loop.test(), start, built.values(), weights, driven, new_traces)

    return train


@pytest.fixture(scope="session")
def train(train_afresh):
    """`train_afresh`, but a run that was made already is not made again."""
    made = {}

    def remembered(scenario, seed=0):
        if (scenario, seed) not in made:
            made[scenario, seed] = train_afresh(scenario, seed)
        return made[scenario, seed]

    return remembered


@pytest.fixture(scope="session")
def cpu_runtime():
    """What `start` would say of a process with two cores; this one keeps the cores that it has."""
    return Runtime("cpu", 2, Pinning((0, 1), 0, True), 1.5, None)


@pytest.fixture(scope="session")
def of_one_device(train):
    """Call with settings; gives a run of one device with them."""
    return lambda **settings: train(Scenario(**BASE | settings), SEED)


@pytest.fixture(scope="session")
def forks():
    """What the processes of gangs are copies of."""
    with forks_for_gangs() as forks:
        yield forks


@pytest.fixture(scope="session")
def told(forks, tmp_path_factory):
    """Call with a strategy, cases and counts of processes; gives what those tell that train."""

    def train_all(strategy, cases, devices=1, leaders="worker", **counts):
        replicas = {"strategy": strategy, "devices": devices}
        replicas |= {"workers": counts["worker"]} if counts else {}
        replicas |= {"servers": counts["ps"]} if "ps" in counts else {}
        folder = tmp_path_factory.mktemp(strategy)
        wanted = runs(cases, **replicas)
        with gang(forks, folder, strategy, wanted, devices=devices, probe=True, **counts) as found:
            started = [process.next("started") for process in found[leaders]]
            measured = [[process.next("run") for process in found[leaders]] for _ in cases]
            rates = [process.next("all-reduce") for process in found[leaders]]
        return Told(started, measured, rates)

    return train_all
