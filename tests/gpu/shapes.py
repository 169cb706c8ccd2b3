"""The nets whose steps are timed. Imports nothing heavy."""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Point:
    """A net, a batch and a precision; `steps` is how many of them JAX takes in a call of about 0.1 s."""

    name: str
    hidden: tuple[int, ...]
    activation: tuple[str, ...]
    batch: int
    steps: int
    precision: str = "float32"

    def told(self):
        """What a process needs to be told of it."""
        return asdict(self)


def _relu(batch, steps):
    return Point(f"batch {batch:,}, 50-50 relu", (50, 50), ("relu", "relu"), batch, steps)


def _wide(width, batch, steps, precision):
    name = f"batch {batch:,}, {width}-{width} sigmoid, {precision}"
    return Point(name, (width, width), ("sigmoid", "sigmoid"), batch, steps, precision)


NOTEBOOK = (
    _relu(1, 4000),
    _relu(10, 3000),
    _relu(100, 2000),
    _relu(1_000, 1500),
    _relu(10_000, 500),
    Point("batch 100, 200 relu, 200 tanh", (200, 200), ("relu", "tanh"), 100, 2000),
)
WIDE = tuple(
    _wide(*sizes, precision)
    for sizes in ((1024, 200, 1500), (4096, 1_000, 100))
    for precision in ("float32", "tf32", "mixed_bfloat16")
)
SHORT = (replace(NOTEBOOK[2], steps=20),)
SHORT_WIDE = (_wide(64, 1_000, 5, "mixed_bfloat16"),)
