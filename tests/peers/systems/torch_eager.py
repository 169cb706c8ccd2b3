"""PyTorch, eager: the data are tensors on the device, the batch is an index, Adam is the fused one."""

import os
import time

import torch

from tests.peers.shapes import LEARNING_RATE

DEVICE = os.environ.get("PEERS_DEVICE", "cpu").replace("gpu", "cuda")
ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}


class Eager:
    def __init__(self, shape, dataset):
        torch.manual_seed(0)
        self.batch, widths, layers = shape.batch, (784, *shape.hidden), []
        for a, b, name in zip(widths, widths[1:], shape.activation, strict=False):
            layers += [torch.nn.Linear(a, b), ACTIVATIONS[name]()]
        self.model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 10)).to(DEVICE)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)
        self.x, self.y = self.tensors(dataset.x_train, dataset.y_train)
        self.val = self.tensors(dataset.x_val, dataset.y_val)
        self.order, self.at = torch.randperm(len(self.x), device=DEVICE), 0
        self.step = self.plain_step

    def tensors(self, images, labels):
        scaled = torch.tensor(images, device=DEVICE).float() / 255
        return scaled, torch.tensor(labels, device=DEVICE).long()

    def plain_step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(self.model(x), y).backward()
        self.optimizer.step()

    def train(self, steps):
        began = time.perf_counter()
        for _ in range(steps):
            if self.at + self.batch > len(self.x):
                self.order, self.at = torch.randperm(len(self.x), device=DEVICE), 0
            chosen = self.order[self.at : self.at + self.batch]
            self.at += self.batch
            self.step(self.x[chosen], self.y[chosen])
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def accuracy(self):
        with torch.no_grad():
            return float((self.model(self.val[0]).argmax(1) == self.val[1]).float().mean())


prepare = Eager
