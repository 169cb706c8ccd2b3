"""The work that every system does: nets, batches, steps. Imports nothing heavy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A net, a batch size, and how long to train: `steps` per window, `windows` of them after one to warm up.

    After all of them the validation accuracy must be `learned` at least, or the time counts for nothing.
    """

    name: str
    hidden: tuple[int, ...]
    activation: tuple[str, ...]
    batch: int
    steps: int
    windows: int
    learned: float


SHAPES = (
    Shape("batch 1, 50-50", (50, 50), ("relu", "relu"), 1, 5000, 2, 0.85),
    Shape("batch 100, 200-200", (200, 200), ("relu", "tanh"), 100, 500, 3, 0.93),
    Shape("batch 10,000, 50-50", (50, 50), ("relu", "relu"), 10_000, 5, 6, 0.60),
    Shape("batch 200, 1024-1024 sigmoid", (1024, 1024), ("sigmoid", "sigmoid"), 200, 125, 3, 0.85),
)
LEARNING_RATE = 1e-3
SYSTEMS = ("notebook-fit", "tuned-fit", "fused", "torch-eager", "torch-compiled", "jax-scan")
EXTRA = {"torch-eager": "torch", "torch-compiled": "torch", "jax-scan": "jax"}
