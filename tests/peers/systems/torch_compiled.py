"""PyTorch with `torch.compile` around the whole step, optimizer included."""

import torch

from tests.peers.systems.torch_eager import Eager


class Compiled(Eager):
    def __init__(self, shape, dataset):
        super().__init__(shape, dataset)
        self.step = torch.compile(self.plain_step)


prepare = Compiled
