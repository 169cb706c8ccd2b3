from dataclasses import replace

import pytest

from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.request import Node, Request

NONE_LEFT = "needs a node, and none is left"
WHOLE_CPU = Request("cpu", None, 0, None)
ONE_GPU = Request("gpu", None, 1, None)


def gang(workers, kind="cpu", cpus=None, gpus=0, **options):
    return Request(kind, cpus, gpus, None, strategy="multi_worker_mirrored", workers=workers, **options)


def cpu(cores):
    return Request("cpu", cores, 0, None)


class TestOneWorker:
    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            (cpu(5), "needs 5 CPU cores on one node, and no node has more than 4"),
            (ONE_GPU, "needs a GPU, and no node has one"),
            (Request("gpu", None, 1, "H100"), "needs a GPU, and no node has one"),
        ],
    )
    def test_on_nodes_without_gpus(self, node, asked, reason):
        assert infeasible(asked, [node(), node("n2", cores=4)]) == reason

    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            (Request("gpu", None, 9, None), "needs 9 GPUs on one node, and no node has more than 8"),
            (Request("gpu", None, 1, "H200"), "needs GPUs of type H200, and no node has any"),
            (
                Request("gpu", None, 4, "H100"),
                "needs 4 GPUs of type H100 on one node, and no node has more than 2",
            ),
            (
                Request("gpu", 5, 1, "H100"),
                "needs 5 CPU cores beside its GPUs on one node, and no node has more than 4",
            ),
            (cpu(33), "needs 33 CPU cores on one node, and no node has more than 32"),
        ],
    )
    def test_on_nodes_with_gpus(self, node, asked, reason):
        nodes = [
            node("a", cores=4, gpus=2, accelerator="H100"),
            node("b", cores=32, gpus=8, accelerator="A100"),
        ]
        assert infeasible(asked, nodes) == reason

    @pytest.mark.parametrize("asked", [WHOLE_CPU, cpu(1), ONE_GPU])
    def test_where_every_node_is_lost(self, asked):
        assert infeasible(asked, []) == NONE_LEFT

    @pytest.mark.parametrize("asked", [WHOLE_CPU, cpu(4), ONE_GPU, Request("gpu", 4, 2, "H100")])
    def test_what_one_idle_node_holds_is_feasible(self, node, asked):
        assert infeasible(asked, [node(), node("n2", cores=4, gpus=2, accelerator="H100")]) is None

    def test_where_the_one_node_that_will_do_is_lost(self, node):
        assert infeasible(replace(cpu(1), node_id="c"), [node("a"), node("b")]) == NONE_LEFT
        assert infeasible(replace(cpu(3), node_id="a"), [node("a"), node("b", cores=4)]) == (
            "needs 3 CPU cores on one node, and no node has more than 2"
        )

    def test_a_process_sees_one_mig_slice(self):
        sliced = Node("n1", "n1", (0, 1, 2, 3), 2, slices=("1g.10gb",) * 2)
        assert infeasible(ONE_GPU, [sliced]) is None
        assert infeasible(replace(ONE_GPU, gpus=2), [sliced]) == (
            "needs 2 GPUs in one process, and a process sees only one MIG slice"
        )


class TestGangs:
    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            ({"spread": True}, "needs 3 nodes, one for each worker, and only 2 could hold one"),
            ({"cpus": 2}, "needs 3 workers with 2 CPU cores each, and all nodes together hold 2"),
            ({"cpus": 9}, "needs 9 CPU cores on one node, and no node has more than 3"),
            ({"kind": "gpu", "gpus": 1}, "needs a GPU, and no node has one"),
        ],
    )
    def test_on_nodes_without_gpus(self, node, asked, reason):
        nodes = [node("a", cores=2), node("b", cores=3)]
        assert infeasible(gang(3, **asked), nodes) == reason

    def test_gpus_of_two_types_do_not_train_together(self, node):
        nodes = [node("a", gpus=1, accelerator="A100"), node("b", gpus=1, accelerator="H100")]
        assert infeasible(gang(2, kind="gpu", gpus=1), nodes) == (
            "needs 2 workers with 1 GPU each, all of one type, and no type's nodes hold more than 1"
        )
        assert infeasible(gang(2, kind="gpu", gpus=1, spread=True), nodes) == (
            "needs 2 nodes, one for each worker, all with GPUs of one type, and only 1 could hold one"
        )

    def test_gpus_without_cores_for_all_of_them_say_how_many_cores_each_would_have(self, node):
        nodes = [node("a", cores=3, gpus=4)]
        assert infeasible(gang(3, kind="gpu", cpus=1, gpus=1), nodes) is None
        assert infeasible(gang(3, kind="gpu", gpus=1), nodes) == (
            "needs 3 workers with 1 GPU and 2 CPU cores each, all of one type, and no type's nodes hold more "
            "than 1; set cpus = 1 if a core must do for each"
        )
        assert infeasible(gang(4, kind="gpu", cpus=1, gpus=1), nodes) == (
            "needs 4 workers with 1 GPU and 1 CPU core each, all of one type, and no type's nodes hold more "
            "than 3"
        )
