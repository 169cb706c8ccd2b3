import pytest

from bench.training.role import ALONE, Role, tf_config

WORKERS = {"worker": ("10.0.0.1:4000", "10.0.0.2:4001")}
CLUSTER = {"chief": ("10.0.0.1:5000",), **WORKERS, "ps": ("10.0.0.2:5001",)}


def test_the_config_of_a_worker_names_all_of_them_and_its_place():
    role = Role("multi_worker_mirrored", 2, "worker", 1, WORKERS)
    assert tf_config(role) == (
        '{"cluster":{"worker":["10.0.0.1:4000","10.0.0.2:4001"]},"task":{"type":"worker","index":1}}'
    )


def test_the_config_of_a_chief_names_the_servers_too():
    role = Role("parameter_server", 1, "chief", 0, CLUSTER)
    assert tf_config(role) == (
        '{"cluster":{"chief":["10.0.0.1:5000"],"worker":["10.0.0.1:4000","10.0.0.2:4001"],'
        '"ps":["10.0.0.2:5001"]},"task":{"type":"chief","index":0}}'
    )


@pytest.mark.parametrize(
    ("role", "leads"),
    [
        (ALONE, True),
        (Role("mirrored", 4), True),
        (Role("multi_worker_mirrored", 1, "worker", 0, WORKERS), True),
        (Role("multi_worker_mirrored", 1, "worker", 1, WORKERS), False),
        (Role("parameter_server", 1, "chief", 0, CLUSTER), True),
        (Role("parameter_server", 1, "worker", 0, CLUSTER), False),
        (Role("parameter_server", 1, "ps", 0, CLUSTER), False),
    ],
)
def test_one_process_of_a_run_tells_of_it(role, leads):
    assert role.leads is leads
