"""What a replica computes of a batch, with no strategy around it: shares that add up to one device's step."""

import numpy as np
import pytest

from bench.data.shapes import TRAIN_SIZE, VAL_SIZE

pytestmark = pytest.mark.slow

LAST = TRAIN_SIZE // 6000  # of batches of 6,000: 2,000 images are left for it


@pytest.fixture(scope="module")
def replicas_of(tf, digits, small):
    """Call with settings; gives the program of a share of a step, for plain tensors of the digits."""
    from bench.training.model import build_model, build_optimizer
    from bench.training.replica import Replica

    split = tf.constant(digits.x_train), tf.constant(digits.y_train)
    order = tf.range(TRAIN_SIZE, dtype=tf.int64)

    def make(alone=False, **settings):
        scenario = small(jit=False, **settings)
        model = build_model(scenario, digits.mean, digits.deviation, 3)
        replica = Replica(model, build_optimizer(scenario), scenario, alone)

        def run(share, step, draw=0, split=split):
            scalars = (tf.constant(number) for number in (share, step, draw))
            return replica.gradients(replica.inputs(), split, order, *scalars)

        return run

    return make


@pytest.mark.parametrize("step", [0, LAST])
@pytest.mark.parametrize("devices", [2, 4, 7])
def test_the_shares_gradients_add_up_to_those_of_one_device(replicas_of, step, devices):
    """Batches of 6,000 among 7 are 858 each but for the last; of the epoch's last 2,000 some get none."""
    one = replicas_of(batch_size=6000)(0, step)
    run = replicas_of(batch_size=6000, strategy="mirrored", devices=devices)
    shares = [run(share, step) for share in range(devices)]
    for number, gradient in enumerate(one[0]):
        total = sum(gradients[number].numpy() for gradients, _, _ in shares)
        assert np.abs(total - gradient.numpy()).max() < 1e-7
    assert sum(float(loss) for _, loss, _ in shares) == pytest.approx(float(one[1]), rel=1e-6)
    assert sum(int(correct) for _, _, correct in shares) == int(one[2])


def test_a_replica_that_updates_alone_takes_the_mean_of_its_own_share(replicas_of):
    servers = {"batch_size": 6000, "strategy": "parameter_server", "workers": 2}
    alone = replicas_of(alone=True, **servers)(1, 0)[0]
    together = replicas_of(batch_size=6000, strategy="mirrored", devices=2)(1, 0)[0]
    for mean, part in zip(alone, together, strict=True):
        assert np.abs(mean.numpy() - 2 * part.numpy()).max() < 1e-7


@pytest.mark.parametrize("layer", [{"dropout": 0.5}, {"shift": 2}])
def test_replicas_draw_different_numbers_for_the_same_images(replicas_of, tf, digits, layer):
    images = np.tile(digits.x_train[:100], (TRAIN_SIZE // 100, 1))
    split = tf.constant(images), tf.constant(np.tile(digits.y_train[:100], TRAIN_SIZE // 100))
    run = replicas_of(batch_size=200, strategy="mirrored", devices=2, **layer)
    losses = {float(run(share, 0, draw, split)[1]) for share in (0, 1) for draw in (0, 1)}
    assert len(losses) == 4
    assert float(run(0, 0, 1, split)[1]) in losses  # the same numbers again for the same step
    same = replicas_of(batch_size=200, strategy="mirrored", devices=2)
    assert float(same(0, 0, 0, split)[1]) == float(same(1, 0, 0, split)[1])


@pytest.mark.parametrize("devices", [1, 3])
def test_shares_of_a_split_add_up_to_its_score(tf, digits, small, devices):
    from bench.training.model import build_model, build_optimizer
    from bench.training.replica import Replica

    scenario = small(jit=False, strategy="mirrored", devices=devices)
    model = build_model(scenario, digits.mean, digits.deviation, 3)
    replica = Replica(model, build_optimizer(scenario), scenario)
    split = tf.constant(digits.x_val), tf.constant(digits.y_val)
    scores = [replica.score(replica.inputs(), split, tf.constant(share)) for share in range(devices)]
    answers = model(digits.x_val.astype(np.float32) / 255).numpy().argmax(axis=1)
    assert sum(int(correct) for _, correct in scores) == int((answers == digits.y_val).sum())
    assert sum(float(loss) for loss, _ in scores) / VAL_SIZE == pytest.approx(2.4, abs=0.3)
