"""One module per system: `prepare(shape, dataset)` gives something that trains and evaluates."""

from typing import Protocol


class Trainer(Protocol):
    """A model, an optimizer and data, ready to train."""

    def train(self, steps: int) -> float:
        """Take `steps` steps over shuffled epochs; seconds, once the device has finished them."""

    def accuracy(self) -> float:
        """Validation accuracy, 0 to 1."""
