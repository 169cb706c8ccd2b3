"""The update that replicas share, held against what Keras' own `apply` does to the same weights."""

import numpy as np
import pytest

CASES = [
    {"optimizer": "adam"},
    {"optimizer": "adamw", "schedule": "cosine", "warmup_fraction": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": "momentum", "schedule": "linear"},
    {"optimizer": "adam", "precision": "mixed_float16"},
]
START = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
GRADIENTS = [np.float32([[1, -2, 3], [0.5, 0, -1]]) * factor for factor in (1, -0.5, 2)]
ENDLESS, UNDEFINED = np.full((2, 3), np.inf, np.float32), np.float32([[1, 2, np.nan], [0, 0, 0]])
SCALED = [case | {"precision": "mixed_float16"} for case in CASES[:4]]
UPS_AND_DOWNS = [*GRADIENTS, ENDLESS, *GRADIENTS, UNDEFINED, ENDLESS, *GRADIENTS]


@pytest.fixture
def stepped(tf, small):
    """Call with a way to update, gradients and settings; gives the values after one update for each."""
    import keras

    from bench.training.model import build_optimizer

    def take(way, gradients, **settings):
        optimizer = build_optimizer(small(**settings))
        weight = keras.Variable(START)
        optimizer.build([weight])
        for gradient in gradients:
            way(optimizer, [weight], [tf.constant(gradient)])
        return {variable.path: variable.numpy() for variable in [weight, *optimizer.variables]}

    return take


def by_keras(optimizer, weights, gradients):
    optimizer.apply(gradients, weights)


@pytest.mark.parametrize("settings", CASES)
def test_it_does_to_weights_and_state_what_keras_does(stepped, settings):
    from bench.training.update import update

    ours, theirs = stepped(update, GRADIENTS, **settings), stepped(by_keras, GRADIENTS, **settings)
    for mine, kerases in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, kerases, rtol=1e-6)


def soon(way):
    """`way` with an optimizer whose scale doubles after two finite steps, not after Keras' two thousand."""

    def call(optimizer, weights, gradients):
        optimizer.dynamic_growth_steps = 2
        way(optimizer, weights, gradients)

    return call


@pytest.mark.parametrize("settings", SCALED)
def test_with_a_scaled_loss_it_does_so_bit_by_bit_whichever_steps_are_left_out(stepped, settings):
    from bench.training.update import update

    ours, theirs = (stepped(soon(way), UPS_AND_DOWNS, **settings) for way in (update, by_keras))
    for mine, kerases in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_array_equal(mine, kerases)


def test_a_step_that_is_left_out_halves_the_scale_and_leaves_the_rest(stepped):
    from bench.training.update import update

    settings = {"optimizer": "adam", "precision": "mixed_float16"}
    taken = stepped(update, GRADIENTS, **settings)
    for endless in (ENDLESS, UNDEFINED):
        left_out = stepped(update, [*GRADIENTS, endless], **settings)
        pairs = zip(taken.items(), left_out.values(), strict=True)
        changed = {
            path.split("/")[-1]: (before, after)
            for (path, before), after in pairs
            if not np.array_equal(before, after)
        }
        assert changed == {"dynamic_scale": (2.0**15, 2.0**14), "step_counter": (3, 0)}


def test_the_scale_doubles_after_as_many_finite_steps_in_a_row_as_keras_counts(stepped):
    from bench.training.update import update

    def scale_after(*gradients):
        values = stepped(soon(update), gradients, optimizer="sgd", precision="mixed_float16")
        return next(value for path, value in values.items() if path.endswith("dynamic_scale"))

    first, second, third = GRADIENTS
    assert scale_after(first, second) == 2.0**16
    assert scale_after(first, ENDLESS, second) == 2.0**14
    assert scale_after(first, ENDLESS, second, third) == 2.0**15


@pytest.mark.parametrize("settings", SCALED)
def test_a_loop_of_scaled_steps_is_compiled_without_a_branch(tf, small, settings):
    """A GPU would copy the condition of one to the host, and wait for it, in every step."""
    steps, _, _ = _loop(tf, small(**settings))
    graph = steps.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert {"While", "StatelessWhile"} & {node.op for node in nodes}
    assert not {"If", "StatelessIf", "Case", "StatelessCase"} & {node.op for node in nodes}
    program = steps.experimental_get_compiler_ir()(stage="optimized_hlo")
    assert " while(" in program
    assert " conditional(" not in program


@pytest.mark.parametrize("settings", SCALED)
def test_the_compiled_loop_takes_the_steps_that_keras_takes(tf, small, stepped, settings):
    steps, weight, optimizer = _loop(tf, small(**settings))
    steps()
    theirs = stepped(by_keras, [GRADIENTS[0], ENDLESS, GRADIENTS[2]], **settings)
    for variable, kerases in zip([weight, *optimizer.variables], theirs.values(), strict=True):
        np.testing.assert_allclose(variable.numpy(), kerases, rtol=1e-6)


@pytest.mark.parametrize("scaled", [{}, {"precision": "mixed_float16"}])
@pytest.mark.parametrize("settings", [{}, {"schedule": "cosine", "epochs": 2}])
def test_the_rate_is_that_of_the_next_step_with_a_scaled_loss_or_without(small, settings, scaled):
    from bench.training.model import build_optimizer
    from bench.training.update import rate_of

    optimizer = build_optimizer(small(learning_rate=0.25, **settings, **scaled))
    assert rate_of(optimizer).numpy() == 0.25


def _loop(tf, scenario):
    """Three steps in a compiled loop, the second with a gradient that is not finite; and what they change."""
    import keras

    from bench.training.model import build_optimizer
    from bench.training.update import update

    optimizer, weight = build_optimizer(scenario), keras.Variable(START)
    optimizer.build([weight])
    gradients = tf.constant(np.stack([GRADIENTS[0], ENDLESS, GRADIENTS[2]]))

    def body(step):
        update(optimizer, [weight], [gradients[step]])
        return (step + 1,)

    @tf.function(jit_compile=True, autograph=False)
    def steps():
        tf.while_loop(lambda step: step < 3, body, (tf.constant(0),))

    return steps, weight, optimizer
