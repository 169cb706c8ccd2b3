import pickle
import subprocess
import sys
from dataclasses import replace

from bench.orchestration.scheduling.request import Allocation, Node, Request, one_of_each, request_of
from bench.records.scenario import Scenario

WHOLE_CPU = Request("cpu", None, 0, None)
ONE_GPU = Request("gpu", None, 1, None)


def cpu(cores):
    return Request("cpu", cores, 0, None)


def scenario(**settings):
    batch = {} if "batch_per_replica" in settings else {"batch_size": 1}
    return Scenario(hidden=[8], **batch, **settings)


class TestRequestOf:
    def test_auto_is_a_cpu_where_there_is_no_gpu(self, node):
        assert request_of(scenario(), [node()]) == WHOLE_CPU

    def test_auto_is_a_gpu_where_there_is_one(self, node):
        assert request_of(scenario(), [node(), node("n2", gpus=1)]) == ONE_GPU

    def test_cpu_is_a_cpu_wherever_it_is(self, node):
        assert request_of(scenario(device="cpu", cpus=2), [node(gpus=1)]) == cpu(2)

    def test_gpu_is_a_gpu_even_where_there_is_none(self, node):
        assert request_of(scenario(device="gpu"), [node()]) == ONE_GPU

    def test_an_accelerator_is_a_gpu_of_that_type(self, node):
        assert request_of(scenario(accelerator="H100"), [node()]) == Request("gpu", None, 1, "H100")

    def test_tf32_is_a_gpu(self, node):
        assert request_of(scenario(precision="tf32"), [node()]).kind == "gpu"

    def test_each_worker_needs_its_devices(self, node):
        settings = {"strategy": "multi_worker_mirrored", "workers": 3, "devices": 2, "placement": "spread"}
        on_gpus = request_of(scenario(batch_per_replica=1, **settings), [node(gpus=2)])
        assert (on_gpus.gpus, on_gpus.workers, on_gpus.spread, on_gpus.grouped) == (2, 3, True, True)
        on_cpus = request_of(scenario(batch_per_replica=1, **settings), [node()])
        assert (on_cpus.gpus, on_cpus.devices) == (0, 2)

    def test_servers_are_needed_by_parameter_server_alone(self, node):
        assert request_of(scenario(strategy="parameter_server", servers=2), [node()]).servers == 2
        assert request_of(scenario(), [node()]).servers == 0

    def test_equal_needs_are_one(self, node):
        assert request_of(scenario(epochs=1), [node()]) == request_of(scenario(epochs=2), [node()])

    def test_deterministic_runs_share_no_process_with_others(self, node):
        assert request_of(scenario(deterministic=True), [node()]) == replace(WHOLE_CPU, deterministic=True)

    def test_a_node_of_each_shape_tells_what_all_would(self, node):
        nodes = [node("a"), node("b", cores=4), node("c"), node("d", gpus=1), node("e", gpus=1)]
        assert [len(one_of_each(nodes[:n])) for n in range(6)] == [0, 1, 2, 2, 3, 3]
        assert request_of(scenario(), one_of_each(nodes)) == request_of(scenario(), nodes) == ONE_GPU


class TestIdentity:
    """Requests and allocations are looked up by value, and go to other processes."""

    NODE = Node("n1", "a", (0, 1), 1, "H100")

    def test_equal_ones_are_one(self):
        again = replace(self.NODE, name="a")
        assert {self.NODE: 1}[again] == 1
        assert {replace(ONE_GPU, workers=2): 1}[replace(ONE_GPU, workers=2)] == 1
        assert {Allocation(self.NODE, (0,)): 1}[Allocation(again, (0,))] == 1

    def test_different_ones_are_not(self):
        renamed = replace(self.NODE, name="b")
        assert len({self.NODE, renamed}) == 2
        assert len({Allocation(self.NODE, (0,)), Allocation(self.NODE, (1,)), Allocation(renamed, (0,))}) == 3
        assert len({ONE_GPU, replace(ONE_GPU, node_id="n1"), replace(ONE_GPU, exclusive=True)}) == 3

    def test_what_was_looked_up_is_found_in_another_process(self):
        """Where the hashes of strings are others."""
        known = {ONE_GPU: "request", Allocation(self.NODE, (0, 1)): "allocation", self.NODE: "node"}
        again = "[known[dataclasses.replace(key)] for key in known]"
        code = f"import dataclasses, pickle, sys; known = pickle.load(sys.stdin.buffer); print({again})"
        ended = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(known), capture_output=True, check=True
        )
        assert ended.stdout.decode().strip() == "['request', 'allocation', 'node']"
