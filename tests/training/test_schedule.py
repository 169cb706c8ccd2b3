import math

import pytest


@pytest.fixture
def rates(tf, small):
    """Call with settings; gives the rate of each of ten steps: two epochs of five."""

    def by_step(**settings):
        from bench.training.schedule import learning_rate

        rate = learning_rate(small(batch_size=10_000, epochs=2, learning_rate=0.1, **settings))
        return [float(rate(tf.constant(step, tf.int64))) for step in range(10)]

    return by_step


def test_a_rate_that_never_changes_is_a_number(tf, small):  # noqa: ARG001
    from bench.training.schedule import learning_rate

    assert learning_rate(small(learning_rate=0.02)) == 0.02


def test_constant_after_a_linear_warm_up(rates):
    # 0.4 of 10 steps: quarters of the peak, the first step not zero.
    assert rates(warmup_fraction=0.4) == pytest.approx([0.025, 0.05, 0.075, *[0.1] * 7])


def test_linear_falls_to_zero_at_the_step_after_the_last(rates):
    assert rates(schedule="linear") == pytest.approx([0.1 * (10 - step) / 10 for step in range(10)])


def test_linear_after_a_warm_up(rates):
    # Two steps of warm-up, then eighths.
    expected = [0.05, 0.1, 0.1, 0.0875, 0.075, 0.0625, 0.05, 0.0375, 0.025, 0.0125]
    assert rates(schedule="linear", warmup_fraction=0.2) == pytest.approx(expected)


def test_cosine_without_warm_up(rates):
    found = rates(schedule="cosine")
    assert found[0] == pytest.approx(0.1)
    assert found[5] == pytest.approx(0.05)  # half of the way
    assert found == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 10)) for step in range(10)])


def test_cosine_after_a_warm_up(rates):
    found = rates(schedule="cosine", warmup_fraction=0.2)
    assert found[:3] == pytest.approx([0.05, 0.1, 0.1])
    assert found[4] == pytest.approx(0.0853553)  # a quarter of the way: (1 + 1/√2) / 2
    assert found[6] == pytest.approx(0.05)
    assert found[9] == pytest.approx(0.00380602)  # (1 + cos 7π/8) / 2


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 4])
def test_decay_ends_at_zero_and_stays_there(tf, schedule, warmup):
    from bench.training.schedule import WarmupDecay

    rate = WarmupDecay(0.1, schedule, warmup, 10)
    assert float(rate(tf.constant(10))) == pytest.approx(0, abs=1e-8)
    assert float(rate(tf.constant(12))) == pytest.approx(0, abs=1e-8)


def test_a_warm_up_of_every_step_reaches_the_peak(rates):
    assert rates(schedule="cosine", warmup_fraction=0.99)[-1] == pytest.approx(0.1)


def test_a_rate_is_float32_under_xla_too(tf):
    from bench.training.schedule import WarmupDecay

    rate = tf.function(WarmupDecay(0.1, "linear", 2, 10), jit_compile=True)(tf.constant(3, tf.int64))
    assert rate.dtype == tf.float32
    assert float(rate) == pytest.approx(0.0875)


def test_keras_can_rebuild_a_schedule_from_its_configuration(tf):  # noqa: ARG001
    import keras

    from bench.training.schedule import WarmupDecay

    schedule = WarmupDecay(0.1, "cosine", 2, 10)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert isinstance(again, WarmupDecay)
    assert again.get_config() == schedule.get_config()
    assert float(again(4)) == float(schedule(4))
