"""The fused loop's programs as TensorFlow traces and XLA compiles them: chunks, and what a GPU would do."""

import re

import pytest

pytestmark = pytest.mark.slow

REMAINDER = {"batch_size": 192, "optimizer": "momentum"}  # 261 steps, the last of them of 80 samples
EVERYTHING = {
    "batch_size": 192,
    "dropout": 0.2,
    "shift": 1,
    "standardize": True,
    "label_smoothing": 0.1,
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_fraction": 0.1,
}


@pytest.fixture(scope="module")
def build(tf, digits):  # noqa: ARG001 -- TensorFlow has to be there
    """Call with a scenario and steps per chunk; gives a fresh loop, and the variables that it trains."""
    from bench.training import runtime
    from bench.training.fused import FusedLoop
    from bench.training.model import build_model, build_optimizer

    def made(scenario, chunk=None):
        runtime.prepare(scenario)
        model = build_model(scenario, digits.mean, digits.deviation, 3)
        optimizer = build_optimizer(scenario)
        optimizer.build(model.trainable_variables)
        return FusedLoop(model, optimizer, scenario, 3, chunk), [*model.variables, *optimizer.variables]

    return made


def values(variables):
    return [variable.numpy() for variable in variables]


def arguments(tf, loop):
    """What a window without any step is called with."""
    return *loop._data["train"], loop._order, tf.constant((0, 0, 0), tf.int64)


def compiled(tf, loop):
    return loop._window.experimental_get_compiler_ir(*arguments(tf, loop))(stage="optimized_hlo")


@pytest.mark.parametrize("settings", [{}, REMAINDER, {"precision": "mixed_float16"}])
def test_chunks_change_nothing(build, small, digits, settings):
    """To the bit in float32; of 16-bit numbers XLA rounds away more or fewer by what it fuses."""
    trained = []
    for chunk in (1, 50):
        loop, variables = build(small(**settings), chunk)
        start = values(variables)
        loop.compile()
        loop.stage(digits)
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        windows = list(loop.windows(1))
        assert sum(w.samples for w in windows) == 50_000
        trained.append((values(variables), sum(w.steps for w in windows)))
    (one, steps), (other, as_many) = trained
    assert steps == as_many
    apart = max(abs(a.astype("float64") - b.astype("float64")).max() for a, b in zip(one, other, strict=True))
    assert apart <= (1e-2 if settings.get("precision") else 0.0)


@pytest.mark.parametrize(("chunk", "known"), [(50, [50]), (25, [25]), (1, [])])
def test_the_compiler_knows_the_steps_of_a_chunk(tf, build, small, chunk, known):
    loop, _ = build(small(), chunk)
    loop.compile()
    assert [int(n) for n in re.findall(r'known_trip_count":{"n":"(\d+)"', compiled(tf, loop))] == known


def test_on_a_cpu_no_steps_are_tied_together(build, small):
    assert build(small())[0]._chunk == 1


def test_compiling_takes_a_step_since_a_gpu_gets_ready_by_executing(build, small):
    loop, variables = build(small(), 50)
    before = values(variables)
    loop.compile()
    assert any((a != b).any() for a, b in zip(before, values(variables), strict=True))


@pytest.mark.parametrize("jit", [True, False])
def test_nothing_that_training_reads_is_of_32_bit_integers(tf, build, small, digits, jit):
    """TensorFlow keeps those in the host's memory, and copies them to a GPU for every call."""
    loop, _ = build(small(jit=jit))
    loop.compile()
    loop.stage(digits)
    held = [tensor for split in loop._data.values() for tensor in split]
    assert {tensor.dtype for tensor in held} == {tf.uint8}
    assert tf.int32 not in {tensor.dtype for tensor in arguments(tf, loop)}


@pytest.mark.parametrize(
    "settings",
    [{}, EVERYTHING, {"precision": "mixed_float16"}, {"precision": "mixed_bfloat16"}],
    ids=["plain", "everything", "float16", "bfloat16"],
)
def test_without_xla_every_operation_has_a_kernel_for_a_gpu(tf, build, small, settings):
    """One that lacked it would run on the CPU, its inputs copied there and back in every step."""
    if not tf.test.is_built_with_cuda():
        pytest.skip("this TensorFlow has kernels for CPUs alone")
    loop, _ = build(small(jit=False, **settings))
    loop.compile()
    assert without_gpu_kernel(loop._window.get_concrete_function(*arguments(tf, loop))) == set()
    assert without_gpu_kernel(loop._evaluate.get_concrete_function(*loop._data["val"])) == set()


def test_a_gather_of_bytes_from_a_tensor_would_have_none(tf):
    gather = tf.function(lambda images: tf.gather(images, [0]))
    assert without_gpu_kernel(gather.get_concrete_function(tf.zeros((2, 3), tf.uint8))) == {"GatherV2"}


def without_gpu_kernel(function):
    """The operations of a traced function for whose types TensorFlow has registered no kernel for GPUs."""
    from tensorflow.python.framework import kernels

    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    registered = {node.op: kernels.get_registered_kernels_for_op(node.op).kernel for node in nodes}
    return {node.op for node in nodes if not any(serves(kernel, node) for kernel in registered[node.op])}


def serves(kernel, node):
    return kernel.device_type in ("GPU", "DEFAULT") and all(
        set(constraint.allowed_values.list.type)
        & {node.attr[constraint.name].type, *node.attr[constraint.name].list.type}
        for constraint in kernel.constraint
    )


def test_an_empty_window_is_timed_after_the_warm_up_and_changes_nothing(build, small):
    loop, variables = build(small(), 50)
    loop.compile()
    assert loop.empty_seconds is None
    loop.warm_up()
    before = values(variables)
    assert loop._run(1, 0, 0) == (0.0, 0, 0)
    assert all((a == b).all() for a, b in zip(before, values(variables), strict=True))
    assert loop.empty_seconds > 0
