"""The stages of the check by importance, what they take, and which are dropped when minutes are short."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of the check, in a process of its own. Seconds are those of one H200 with 16 cores.

    It is ended after `deadline` seconds, and not begun with fewer than `least` left.
    """

    name: str
    what: str
    seconds: int
    deadline: int
    least: int
    gentle: int = 0
    """Seconds that it gets to end by itself when it is interrupted at its deadline."""


STAGES = (
    Stage("environment", "driver, libraries, what the process mapped, which JAX works", 20, 90, 10),
    Stage("steps", "a step of the notebook's nets: dynamic, chunked, with flags, JAX, in turns", 90, 150, 25),
    Stage("lane", "pytest -m gpu", 170, 240, 25),
    Stage("notebook", "bench run scenarios/notebook.toml, as many of four rounds as fit", 170, 260, 40, 15),
    Stage("wide-steps", "a step of wide sigmoid nets by precision: chunked, JAX, in turns", 150, 180, 25),
    Stage("hlo", "kernels of a step, read off the optimised program", 35, 75, 15),
    Stage("probe", "the probe in two processes, side by side", 60, 180, 20),
    Stage("wide", "bench run tests/gpu/wide.toml, likewise", 130, 240, 40, 15),
    Stage("overhead", "steps with and without the meters: tests.overhead", 45, 90, 30),
    Stage("peers", "PyTorch, eager and compiled, on the shapes of tests.peers", 90, 180, 30),
)
SPARE_SECONDS = 10  # to end, pack and write


def chosen(seconds, stages=STAGES):
    """The stages that fit into `seconds` by their estimates, and those that do not.

    The last of the list is dropped first, whatever its size: what follows matters less than what goes before.
    """
    kept = list(stages)
    while kept and sum(stage.seconds for stage in kept) + SPARE_SECONDS > seconds:
        kept.pop()
    return tuple(kept), tuple(stages[len(kept) :])
