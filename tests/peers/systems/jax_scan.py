"""JAX by hand: parameters in a tree, Adam written out, `lax.scan` over the steps, everything in one jit."""

import functools
import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

from tests.peers.shapes import LEARNING_RATE

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}


def logits(parameters, names, x, compute=jnp.float32):
    parameters, x = jax.tree.map(lambda one: one.astype(compute), (parameters, x))
    for (w, b), name in zip(parameters[:-1], names, strict=True):
        x = ACTIVATIONS[name](x @ w + b)
    w, b = parameters[-1]
    return (x @ w + b).astype(jnp.float32)


def adam(parameters, gradients, state):
    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradients)
    v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradients)
    rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    moved = jax.tree.map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-7), parameters, m, v)
    return moved, (m, v, t)


@functools.partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=(5, 6))
def run(names, batch, compute, x, y, parameters, state, order):
    def mean_loss(parameters, images, labels):
        z = logits(parameters, names, images, compute)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], 1))

    def step(carry, chosen):
        parameters, state = carry
        images = x[chosen].astype(jnp.float32) * (1 / 255)
        loss, gradients = jax.value_and_grad(mean_loss)(parameters, images, y[chosen])
        return adam(parameters, gradients, state), loss

    (parameters, state), losses = jax.lax.scan(step, (parameters, state), order.reshape(-1, batch))
    return parameters, state, losses.sum()


class Scan:
    def __init__(self, shape, dataset, compute=jnp.float32):
        self.shape, self.compute, self.rng = shape, compute, np.random.default_rng(0)
        widths = (784, *shape.hidden, 10)
        self.parameters = [
            (jnp.asarray(self.rng.uniform(-s, s, (a, b)), jnp.float32), jnp.zeros(b))
            for a, b in itertools.pairwise(widths)
            for s in [np.sqrt(6 / (a + b))]
        ]
        zeros = lambda: jax.tree.map(jnp.zeros_like, self.parameters)  # noqa: E731
        self.state = (zeros(), zeros(), jnp.zeros((), jnp.int32))
        self.x, self.y = jnp.asarray(dataset.x_train), jnp.asarray(dataset.y_train, jnp.int32)
        self.val = jnp.asarray(dataset.x_val, jnp.float32) / 255, jnp.asarray(dataset.y_val, jnp.int32)

    def order(self, steps):
        needed, samples = steps * self.shape.batch, len(self.x)
        epochs = [self.rng.permutation(samples) for _ in range(-(-needed // samples))]
        return jnp.asarray(np.concatenate(epochs)[:needed], jnp.int32).block_until_ready()

    def train(self, steps):
        order = self.order(steps)
        began = time.perf_counter()
        self.parameters, self.state, loss = run(
            self.shape.activation,
            self.shape.batch,
            self.compute,
            self.x,
            self.y,
            self.parameters,
            self.state,
            order,
        )
        loss.block_until_ready()
        return time.perf_counter() - began

    def accuracy(self):
        z = logits(self.parameters, self.shape.activation, self.val[0])
        return float((z.argmax(1) == self.val[1]).mean())


prepare = Scan
