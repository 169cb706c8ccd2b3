import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.orchestration.placement import Ledger, Need, Node, infeasible, need_of
from bench.records.scenario import Scenario

WHOLE_CPU = Need("cpu", None, 0, None)
ONE_GPU = Need("gpu", None, 1, None)


def cpu(cores):
    return Need("cpu", cores, 0, None)


def scenario(**settings):
    return Scenario(hidden=[8], batch_size=1, **settings)


class TestNeeds:
    def test_auto_is_a_cpu_where_there_is_no_gpu(self, node):
        assert need_of(scenario(), [node()]) == WHOLE_CPU

    def test_auto_is_a_gpu_where_there_is_one(self, node):
        assert need_of(scenario(), [node(), node("n2", gpus=1)]) == ONE_GPU

    def test_cpu_is_a_cpu_wherever_it_is(self, node):
        assert need_of(scenario(device="cpu", cpus=2), [node(gpus=1)]) == cpu(2)

    def test_gpu_is_a_gpu_even_where_there_is_none(self, node):
        assert need_of(scenario(device="gpu"), [node()]) == ONE_GPU

    def test_an_accelerator_is_a_gpu_of_that_type(self, node):
        assert need_of(scenario(accelerator="H100"), [node()]) == Need("gpu", None, 1, "H100")

    def test_tf32_is_a_gpu(self, node):
        assert need_of(scenario(precision="tf32"), [node()]).kind == "gpu"

    def test_equal_needs_are_one(self, node):
        assert need_of(scenario(epochs=1), [node()]) == need_of(scenario(epochs=2), [node()])


class TestInfeasible:
    @pytest.mark.parametrize(
        ("need", "reason"),
        [
            (cpu(5), "needs 5 CPU cores on one node, and no node has more than 4"),
            (ONE_GPU, "needs a GPU, and no node has one"),
            (Need("gpu", None, 1, "H100"), "needs a GPU, and no node has one"),
        ],
    )
    def test_on_nodes_without_gpus(self, node, need, reason):
        assert infeasible(need, [node(), node("n2", cores=4)]) == reason

    @pytest.mark.parametrize(
        ("need", "reason"),
        [
            (Need("gpu", None, 9, None), "needs 9 GPUs on one node, and no node has more than 8"),
            (Need("gpu", None, 1, "H200"), "needs GPUs of type H200, and no node has any"),
            (
                Need("gpu", None, 4, "H100"),
                "needs 4 GPUs of type H100 on one node, and no node has more than 2",
            ),
            (
                Need("gpu", 5, 1, "H100"),
                "needs 5 CPU cores beside its GPUs on one node, and no node has more than 4",
            ),
            (cpu(33), "needs 33 CPU cores on one node, and no node has more than 32"),
        ],
    )
    def test_on_nodes_with_gpus(self, node, need, reason):
        nodes = [
            node("a", cores=4, gpus=2, accelerator="H100"),
            node("b", cores=32, gpus=8, accelerator="A100"),
        ]
        assert infeasible(need, nodes) == reason

    @pytest.mark.parametrize("need", [WHOLE_CPU, cpu(1), ONE_GPU])
    def test_where_every_node_is_lost(self, need):
        assert infeasible(need, []) == "needs a node, and none is left"

    @pytest.mark.parametrize("need", [WHOLE_CPU, cpu(4), ONE_GPU, Need("gpu", 4, 2, "H100")])
    def test_what_one_idle_node_holds_is_feasible(self, node, need):
        assert infeasible(need, [node(), node("n2", cores=4, gpus=2, accelerator="H100")]) is None


class TestLedger:
    def test_a_cpu_run_takes_all_cores_of_a_node_unless_it_says_how_many(self, node):
        assert Ledger([node(cores=4)]).take(WHOLE_CPU).cores == (0, 1, 2, 3)
        assert Ledger([node(cores=4)]).take(cpu(3)).cores == (0, 1, 2)

    def test_cores_are_handed_out_once(self, node):
        ledger = Ledger([node(cores=3)])
        places = [ledger.take(cpu(1)) for _ in range(3)]
        assert sorted(core for place in places for core in place.cores) == [0, 1, 2]
        assert ledger.take(cpu(1)) is None

    def test_what_is_given_back_is_free_again(self, node):
        ledger = Ledger([node(gpus=1)])
        place = ledger.take(ONE_GPU)
        assert ledger.take(ONE_GPU) is None
        ledger.give_back(place)
        assert ledger.take(ONE_GPU) == place

    def test_each_gpu_has_its_share_of_the_cores(self, node):
        ledger = Ledger([node(cores=8, gpus=4)])
        places = [ledger.take(ONE_GPU) for _ in range(4)]
        assert [place.cores for place in places] == [(0, 1), (2, 3), (4, 5), (6, 7)]
        assert ledger.take(ONE_GPU) is None

    def test_two_gpus_have_two_shares(self, node):
        assert len(Ledger([node(cores=8, gpus=4)]).take(Need("gpu", None, 2, None)).cores) == 4

    def test_a_share_is_at_least_a_core(self, node):
        assert len(Ledger([node(cores=2, gpus=8)]).take(ONE_GPU).cores) == 1

    def test_a_cpu_run_leaves_the_gpus_alone(self, node):
        ledger = Ledger([node(cores=4, gpus=1)])
        assert ledger.take(cpu(2)).gpus == 0
        assert ledger.take(Need("gpu", 2, 1, None)).gpus == 1

    def test_an_accelerator_is_found_on_its_node(self, node):
        ledger = Ledger(
            [node("a", cores=64, gpus=8, accelerator="A100"), node("b", gpus=1, accelerator="H100")]
        )
        need = Need("gpu", None, 1, "H100")
        assert ledger.take(need).node.name == "b"
        assert ledger.take(need) is None

    def test_the_node_with_the_most_free_cores_goes_first(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=3)])
        assert [ledger.take(cpu(1)).node.name for _ in range(3)] == ["b", "a", "b"]

    def test_a_held_node_is_left_alone(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=4)])
        assert ledger.take(cpu(1), held={"b"}).node.name == "a"
        assert ledger.take(cpu(1), held={"a", "b"}) is None

    def test_a_dropped_node_is_forgotten(self, node):
        ledger = Ledger([node("a"), node("b")])
        place = ledger.take(WHOLE_CPU)
        ledger.drop(place.node.node_id)
        ledger.give_back(place)
        assert list(ledger.nodes) == ["b"]
        assert ledger.take(WHOLE_CPU).node.name == "b"
        assert ledger.take(WHOLE_CPU) is None

    def test_dropping_twice_does_nothing(self, node):
        ledger = Ledger([node("a")])
        ledger.drop("a")
        ledger.drop("a")
        assert not ledger.nodes

    @given(
        st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=3),
        st.lists(st.tuples(st.none() | st.integers(1, 4), st.integers(0, 2), st.booleans()), max_size=20),
    )
    def test_no_core_or_gpu_is_ever_held_twice(self, sizes, asked):
        nodes = [Node(str(i), str(i), tuple(range(cores)), gpus) for i, (cores, gpus) in enumerate(sizes)]
        ledger, places = Ledger(nodes), []
        for cores, gpus, gives_back in asked:
            place = ledger.take(Need("gpu" if gpus else "cpu", cores, gpus, None))
            if place is not None:
                places.append(place)
            if gives_back and places:
                ledger.give_back(places.pop(0))
        for node in nodes:
            here = [place for place in places if place.node == node]
            held = [core for place in here for core in place.cores]
            assert len(held) == len(set(held))
            assert set(held) <= set(node.cores)
            assert sum(place.gpus for place in here) <= node.gpus
