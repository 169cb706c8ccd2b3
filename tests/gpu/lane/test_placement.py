"""Every tensor of the hot path is in the device's memory."""

import pytest

LOOPS = {
    "fused": {},
    "fused without XLA": {"jit": False},
    "mixed_float16": {"precision": "mixed_float16"},
    "mirrored": {"strategy": "mirrored"},
}


@pytest.fixture(scope="module", params=LOOPS.values(), ids=LOOPS)
def held(request, worker, small):
    return worker("staged", settings=small(**request.param))


def test_data_order_weights_and_state_are_on_the_device(held, device):
    elsewhere = {name: told for name, told in held.items() if told[1] != device}
    assert elsewhere == {}


def test_images_labels_order_weights_and_moments_are_among_them(held):
    parts = {name.split("/")[1] for name in held}
    assert {"model", "optimizer", "start", "_data"} <= parts
    assert len([name for name in held if name.startswith("/_order")]) == 1
    assert len(held) >= 6 + 1 + 4 + 4


def test_nothing_staged_is_int32(held):
    assert [name for name, told in held.items() if told[0] == "int32"] == []


def test_tensorflow_keeps_int32_in_the_hosts_memory(worker, kind):
    kept = worker("whole_numbers")
    assert kept == {"int32": "CPU:0", "int64": f"{kind.upper()}:0", "uint8": f"{kind.upper()}:0"}
