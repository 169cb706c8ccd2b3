"""What a process with JAX does for the check: the step of tests.peers, `lax.scan`, in any precision."""

import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from tests.peers.shapes import Shape
from tests.peers.systems.jax_scan import Scan

MODES = {
    "float32": ("float32", jnp.float32),
    "tf32": ("tensorfloat32", jnp.float32),
    "mixed_bfloat16": ("bfloat16", jnp.bfloat16),
}
HERE = SimpleNamespace()


def start(kind):
    """JAX and its devices; raises RuntimeError where it does not see those of `kind`."""
    HERE.devices = jax.devices("cuda" if kind == "gpu" else "cpu")
    number = jnp.ones((256, 256))
    return {"version": jax.__version__, "devices": str(HERE.devices), "sum": float((number @ number).sum())}


def prepare_steps(point, system):  # noqa: ARG001 -- as the other side has it
    """Compile what `measure_steps` times."""
    mode, compute = MODES[point["precision"]]
    jax.config.update("jax_default_matmul_precision", mode)
    hidden, activation, HERE.steps = tuple(point["hidden"]), tuple(point["activation"]), point["steps"]
    shape = Shape(point["name"], hidden, activation, point["batch"], HERE.steps, 1, 0)
    HERE.scan = Scan(shape, SimpleNamespace(**np.load(point["arrays"])), compute)
    began = time.perf_counter()
    HERE.scan.train(HERE.steps)
    compiled = time.perf_counter() - began
    HERE.scan.train(HERE.steps)
    return {"compile_seconds": compiled, "chunk": None, "empty_seconds": None}


def measure_steps(seconds):
    """Calls for so long: seconds per step."""
    spent, steps = 0.0, 0
    while spent < seconds:
        spent, steps = spent + HERE.scan.train(HERE.steps), steps + HERE.steps
    return {"step_seconds": spent / steps, "raw_seconds": spent / steps, "loss": None}
