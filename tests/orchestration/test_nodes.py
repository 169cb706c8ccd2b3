"""Nodes as they declare themselves and as they are seen from within: their names, cores and GPUs."""

import os
from types import SimpleNamespace

import pytest

from bench.orchestration import nodes
from bench.orchestration.nodes import Declared, Sight, as_nodes, look
from bench.orchestration.scheduling.request import Node


def declared(node_id, cpus=1, name="host", address="10.0.0.1", **more):
    return Declared(node_id, name, address, cpus, **more)


def sight(cores, boot_id="kernel", paid=None, **more):
    return Sight(boot_id, tuple(cores), len(cores) if paid is None else paid, **more)


def cores_of(*seen):
    return {node.node_id: node.cores for node in as_nodes(seen)}


def names_of(*nodes):
    seen = [(node, sight([0])) for node in nodes]
    return {node.node_id: node.name for node in as_nodes(seen)}


def test_a_node_is_where_it_says_and_has_what_it_declares():
    (node,) = as_nodes([(declared("a", 2, gpus=1, accelerator="A100"), sight([0, 1, 2, 3]))])
    assert node == Node("a", "host", (0, 1), 1, "A100", "10.0.0.1", ())


def test_nodes_are_in_order_of_their_names():
    seen = [(declared(i, name=name), sight([0, 1], boot_id=i)) for i, name in [("1", "b"), ("2", "a")]]
    assert [node.name for node in as_nodes(seen)] == ["a", "b"]


def test_a_node_has_no_more_cores_than_it_may_use():
    assert cores_of((declared("a", 8), sight([4, 5, 6]))) == {"a": (4, 5, 6)}


def test_a_node_has_no_more_cores_than_its_quota_pays_for():
    assert cores_of((declared("a", 4), sight([0, 1, 2, 3], paid=2))) == {"a": (0, 1)}


def test_nodes_on_hosts_of_their_own_have_the_same_core_numbers():
    dealt = cores_of(
        (declared("a", 2), sight([0, 1], boot_id="one")), (declared("b", 2), sight([0, 1], boot_id="two"))
    )
    assert dealt == {"a": (0, 1), "b": (0, 1)}


def test_nodes_on_one_host_share_no_core():
    both = sight(range(4))
    assert cores_of((declared("a", 1), both), (declared("b", 3), both)) == {"a": (0,), "b": (1, 2, 3)}


def test_pods_on_one_host_whose_quota_pays_for_a_part_of_its_cores_share_none():
    pod = sight(range(64), paid=8)
    dealt = cores_of((declared("a", 8), pod), (declared("b", 8), pod))
    assert dealt == {"a": tuple(range(8)), "b": tuple(range(8, 16))}


def test_cores_go_round_again_only_where_more_cpus_are_declared_than_there_are():
    host = sight(range(4))
    dealt = cores_of(*((declared(node_id, 3), host) for node_id in "abc"))
    assert dealt == {"a": (0, 1, 2), "b": (0, 1, 3), "c": (0, 2, 3)}


def test_who_may_use_few_cores_of_a_host_chooses_first():
    dealt = cores_of((declared("a", 2), sight(range(4))), (declared("b", 2), sight([0, 1])))
    assert dealt == {"a": (2, 3), "b": (0, 1)}


def test_where_the_kernel_does_not_tell_the_address_stands_for_the_host():
    silent = sight([0, 1], boot_id=None)
    dealt = cores_of(
        (declared("a"), silent), (declared("b"), silent), (declared("c", address="10.0.0.2"), silent)
    )
    assert dealt == {"a": (0,), "b": (1,), "c": (0,)}


def test_cores_are_dealt_alike_whoever_answers_first():
    seen = [(declared(node_id, name=name), sight([0, 1])) for node_id, name in [("2", "a"), ("1", "b")]]
    assert cores_of(*seen) == cores_of(*reversed(seen)) == {"2": (0,), "1": (1,)}


def test_equal_names_get_the_address():
    named = names_of(declared("a"), declared("b", address="10.0.0.2"), declared("c", name="other"))
    assert named == {"a": "host-10.0.0.1", "b": "host-10.0.0.2", "c": "other"}


def test_where_the_address_is_equal_too_they_get_a_number_in_order_of_ids():
    named = names_of(declared("c"), declared("a"), declared("b", address="10.0.0.2"))
    assert named == {"a": "host-10.0.0.1-1", "c": "host-10.0.0.1-2", "b": "host-10.0.0.2"}


@pytest.mark.parametrize(("gpus", "near"), [(2, ((0,), (1,))), (1, ()), (0, ())])
def test_the_cores_near_gpus_are_known_where_nvml_sees_as_many_as_are_declared(gpus, near):
    (node,) = as_nodes([(declared("a", gpus=gpus), sight([0, 1], cores_near_gpu=((0,), (1,))))])
    assert node.cores_near_gpu == near


def test_a_look_tells_kernels_apart(tmp_path):
    path = tmp_path / "proc/sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True)
    path.write_text("0f9c5c9e-0000-4000-8000-000000000001\n")
    assert look(tmp_path)[0].boot_id == "0f9c5c9e-0000-4000-8000-000000000001"
    path.unlink()
    assert look(tmp_path)[0].boot_id is None


def test_a_look_tells_cores_and_what_the_quota_pays_for(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {0, 1, 2, 3}, raising=False)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/pod\n")
    (tmp_path / "sys/fs/cgroup/pod").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("cpu cpuset\n")
    (tmp_path / "sys/fs/cgroup/pod/cpu.max").write_text("250000 100000\n")
    seen, _ = look(tmp_path)
    assert (seen.allowed, seen.paid) == ((0, 1, 2, 3), 2)


def test_a_look_tells_the_cores_near_every_gpu(monkeypatch):
    near = {0: (0, 1), 1: None}
    nvml = SimpleNamespace(devices=(0, 1), slice_names=(), cores_near=near.get, close=lambda: None)
    monkeypatch.setattr(nodes, "open_nvml", lambda: nvml)
    assert (look()[0].cores_near_gpu, look()[0].slices) == (((0, 1), ()), ())


def test_a_look_tells_of_mig_slices_and_the_node_has_them(monkeypatch):
    names = ("NVIDIA H100 80GB HBM3 MIG 3g.40gb",)
    nvml = SimpleNamespace(
        devices=("MIG-1",), slice_names=names, cores_near=lambda _: (0,), close=lambda: None
    )
    monkeypatch.setattr(nodes, "open_nvml", lambda: nvml)
    (node,) = as_nodes([(declared("a", 2, gpus=1), look()[0])])
    assert (node.slices, node.gpus_of_a_process, node.cores_near_gpu) == (names, 1, ((0,),))


def test_a_look_tells_what_training_lacks(monkeypatch):
    monkeypatch.setattr(nodes, "find_spec", lambda name: None if name == "tensorflow" else object())
    assert look()[0].missing == ("tensorflow",)
