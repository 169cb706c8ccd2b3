import cProfile
import gc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.request import Allocation, Node, Request, whole

WHOLE_CPU = Request("cpu", None, 0, None)
ONE_GPU = Request("gpu", None, 1, None)
TWO_SOCKETS = Node("n1", "n1", tuple(range(8)), 2, cores_near_gpu=((4, 5, 6, 7), (0, 1, 2, 3)))
ASKED = st.tuples(
    st.none() | st.integers(1, 4), st.integers(0, 2), st.integers(1, 3), st.booleans(), st.booleans()
)


def gang(workers, kind="cpu", cpus=None, gpus=0, **options):
    return Request(kind, cpus, gpus, None, strategy="multi_worker_mirrored", workers=workers, **options)


def take(ledger, request, held=()):
    """The allocation of a run with one worker."""
    (allocation,) = ledger.take(request, held)
    return allocation


def where(allocations):
    return [allocation.node.name for allocation in allocations]


def cpu(cores):
    return Request("cpu", cores, 0, None)


class TestLedger:
    def test_a_cpu_run_takes_all_cores_of_a_node_unless_it_says_how_many(self, node):
        assert take(Ledger([node(cores=4)]), WHOLE_CPU).cores == (0, 1, 2, 3)
        assert take(Ledger([node(cores=4)]), cpu(3)).cores == (0, 1, 2)

    def test_cores_are_handed_out_once(self, node):
        ledger = Ledger([node(cores=3)])
        allocations = [take(ledger, cpu(1)) for _ in range(3)]
        assert sorted(core for allocation in allocations for core in allocation.cores) == [0, 1, 2]
        assert ledger.take(cpu(1)) is None

    def test_what_is_given_back_is_free_again(self, node):
        ledger = Ledger([node(gpus=1)])
        allocation = ledger.take(ONE_GPU)
        assert ledger.take(ONE_GPU) is None
        ledger.give_back(ONE_GPU, allocation)
        assert ledger.take(ONE_GPU) == allocation

    def test_each_gpu_has_its_share_of_the_cores(self, node):
        ledger = Ledger([node(cores=8, gpus=4)])
        allocations = [take(ledger, ONE_GPU) for _ in range(4)]
        assert [allocation.cores for allocation in allocations] == [(0, 1), (2, 3), (4, 5), (6, 7)]
        assert ledger.take(ONE_GPU) is None

    def test_two_gpus_have_two_shares(self, node):
        assert len(take(Ledger([node(cores=8, gpus=4)]), Request("gpu", None, 2, None)).cores) == 4

    def test_a_share_is_at_least_two_cores_and_so_fewer_runs_go_side_by_side(self, node):
        ledger = Ledger([node(cores=5, gpus=8)])
        assert [len(take(ledger, ONE_GPU).cores) for _ in range(2)] == [2, 2]
        assert ledger.take(ONE_GPU) is None
        assert take(ledger, cpu(1)).cores == (4,)

    def test_where_there_is_but_one_core_it_has_to_do(self, node):
        assert len(take(Ledger([node(cores=1, gpus=2)]), ONE_GPU).cores) == 1

    def test_a_run_that_asks_for_one_core_gets_one(self, node):
        ledger = Ledger([node(cores=4, gpus=4)])
        assert [take(ledger, Request("gpu", 1, 1, None)).cores for _ in range(4)] == [(0,), (1,), (2,), (3,)]

    def test_a_cpu_run_leaves_the_gpus_alone(self, node):
        ledger = Ledger([node(cores=4, gpus=1)])
        assert take(ledger, cpu(2)).gpus == ()
        assert take(ledger, Request("gpu", 2, 1, None)).gpus == (0,)

    def test_an_accelerator_is_found_on_its_node(self, node):
        ledger = Ledger(
            [node("a", cores=64, gpus=8, accelerator="A100"), node("b", gpus=1, accelerator="H100")]
        )
        request = Request("gpu", None, 1, "H100")
        assert take(ledger, request).node.name == "b"
        assert ledger.take(request) is None

    def test_of_several_types_that_of_the_node_with_the_most_free_cores_goes_first(self, node):
        """Whether that node has room or not."""
        nodes = [
            node("a", cores=16, gpus=1, accelerator="H100"),
            node("b", cores=4, gpus=1, accelerator="H100"),
            node("c", cores=8, gpus=1, accelerator="A100"),
        ]
        ledger = Ledger(nodes)
        assert take(ledger, Request("gpu", 1, 1, None)).node.name == "a"
        assert take(ledger, Request("gpu", 1, 1, None)).node.name == "b"
        assert take(Ledger(nodes), Request("gpu", 1, 1, None), held=[whole(nodes[0])]).node.name == "c"

    def test_the_node_with_the_most_free_cores_goes_first(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=3)])
        assert [take(ledger, cpu(1)).node.name for _ in range(3)] == ["b", "a", "b"]

    def test_a_held_node_is_left_alone(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=4)])
        a, b = (whole(node) for node in ledger.nodes.values())
        assert take(ledger, cpu(1), held=[b]).node.name == "a"
        assert ledger.take(cpu(1), held=[a, b]) is None

    def test_held_cores_are_left_alone(self, node):
        ledger = Ledger([node("a", cores=3)])
        held = Allocation(ledger.nodes["a"], (0, 2))
        assert take(ledger, cpu(1), held=[held]).cores == (1,)
        assert ledger.take(cpu(1), held=[held]) is None

    def test_tight_is_where_the_fewest_cores_are_left(self, node):
        ledger = Ledger([node("a", cores=4), node("b", cores=2)], tight=True)
        assert [take(ledger, cpu(1)).node.name for _ in range(3)] == ["b", "b", "a"]

    def test_a_dropped_node_is_forgotten(self, node):
        ledger = Ledger([node("a"), node("b")])
        allocations = ledger.take(WHOLE_CPU)
        ledger.drop(allocations[0].node.node_id)
        ledger.give_back(WHOLE_CPU, allocations)
        assert list(ledger.nodes) == ["b"]
        assert take(ledger, WHOLE_CPU).node.name == "b"
        assert ledger.take(WHOLE_CPU) is None

    def test_dropping_twice_does_nothing(self, node):
        ledger = Ledger([node("a")])
        ledger.drop("a")
        ledger.drop("a")
        assert not ledger.nodes

    def test_a_run_waits_for_the_node_with_the_most_free_cores(self, node):
        ledger = Ledger([node("a", cores=4), node("b", cores=4)])
        ledger.take(cpu(3))
        ledger.take(cpu(1))
        a, b = (whole(node) for node in ledger.nodes.values())
        assert ledger.awaited(WHOLE_CPU) == (b,)
        assert ledger.awaited(WHOLE_CPU, held=[b]) == (a,)
        assert ledger.awaited(WHOLE_CPU, held=[a, b]) == ()

    def test_a_run_that_has_to_be_on_a_node_goes_nowhere_else(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=64)])
        there = replace(cpu(1), node_id="a")
        assert take(ledger, there).node.name == "a"
        assert take(ledger, there).node.name == "a"
        assert ledger.take(there) is None

    def test_cores_near_the_gpu_go_first(self):
        ledger = Ledger([TWO_SOCKETS])
        first, second = take(ledger, ONE_GPU), take(ledger, ONE_GPU)
        assert (first.gpus, first.cores) == ((0,), (4, 5, 6, 7))
        assert (second.gpus, second.cores) == ((1,), (0, 1, 2, 3))

    def test_where_the_near_cores_are_taken_others_do(self):
        ledger = Ledger([TWO_SOCKETS])
        assert take(ledger, cpu(6)).cores == (0, 1, 2, 3, 4, 5)
        assert take(ledger, Request("gpu", 2, 1, None)).cores == (6, 7)


class TestGangs:
    def test_workers_fill_as_few_nodes_as_they_can(self, node):
        nodes = [node("a", cores=2), node("b", cores=4), node("c", cores=3)]
        assert where(Ledger(nodes).take(gang(3, cpus=1))) == ["b", "b", "b"]
        assert where(Ledger(nodes).take(gang(6, cpus=1))) == ["b", "b", "b", "b", "c", "c"]

    def test_spread_workers_have_a_node_each(self, node):
        nodes = [node("a", cores=2), node("b", cores=4), node("c", cores=3)]
        assert where(Ledger(nodes).take(gang(3, cpus=1, spread=True))) == ["b", "c", "a"]

    def test_no_two_workers_share_a_core(self, node):
        allocations = Ledger([node(cores=5)]).take(gang(2, cpus=2))
        assert [allocation.cores for allocation in allocations] == [(0, 1), (2, 3)]

    def test_without_a_number_workers_share_the_cores_of_a_node_evenly(self, node):
        allocations = Ledger([node(cores=5)]).take(gang(2))
        assert [allocation.cores for allocation in allocations] == [(0, 1), (2, 3)]

    def test_without_a_number_a_spread_worker_has_all_cores_of_its_node(self, node):
        allocations = Ledger([node("a", cores=2), node("b", cores=3)]).take(gang(2, spread=True))
        assert [len(allocation.cores) for allocation in allocations] == [3, 2]

    def test_a_gang_gets_all_of_its_places_or_none(self, node):
        ledger = Ledger([node("a", cores=2), node("b", cores=2)])
        assert ledger.take(gang(5, cpus=1)) is None
        assert len(ledger.take(gang(4, cpus=1))) == 4

    def test_each_worker_has_gpus_of_its_own(self, node):
        ledger = Ledger([node("a", cores=8, gpus=4)])
        allocations = ledger.take(gang(2, kind="gpu", gpus=2))
        assert [(allocation.gpus, allocation.cores) for allocation in allocations] == [
            ((0, 1), (0, 1, 2, 3)),
            ((2, 3), (4, 5, 6, 7)),
        ]

    def test_gpus_of_two_types_do_not_train_together(self, node):
        nodes = [node("a", gpus=1, accelerator="A100"), node("b", gpus=1, accelerator="H100")]
        request = gang(2, kind="gpu", gpus=1)
        assert Ledger(nodes).take(request) is None

    def test_gpus_without_cores_for_all_of_them_go_to_as_many_as_have_cores(self, node):
        nodes = [node("a", cores=3, gpus=4)]
        assert len(Ledger(nodes).take(gang(3, kind="gpu", cpus=1, gpus=1))) == 3
        assert Ledger(nodes).take(gang(3, kind="gpu", gpus=1)) is None

    def test_what_is_given_back_is_free_again(self, node):
        ledger = Ledger([node("a"), node("b")])
        request = gang(2, spread=True)
        allocations = ledger.take(request)
        assert ledger.take(cpu(1)) is None
        ledger.give_back(request, allocations)
        assert ledger.take(request) == allocations

    def test_a_gang_waits_for_as_many_nodes_as_it_needs(self, node):
        ledger = Ledger([node(name) for name in "abc"])
        a, b, _ = (whole(node) for node in ledger.nodes.values())
        assert ledger.awaited(gang(2, spread=True)) == (a, b)
        assert ledger.awaited(gang(2)) == (a,)


class TestExclusive:
    ALONE = Request("cpu", 1, 0, None, exclusive=True)

    def test_nobody_else_is_on_the_node(self, node):
        ledger = Ledger([node(cores=4)])
        allocations = ledger.take(self.ALONE)
        assert allocations[0].cores == (0,)
        assert ledger.take(cpu(1)) is None
        ledger.give_back(self.ALONE, allocations)
        assert take(ledger, WHOLE_CPU).cores == (0, 1, 2, 3)

    def test_it_waits_until_the_node_is_empty(self, node):
        ledger = Ledger([node(cores=4)])
        other = ledger.take(cpu(1))
        assert ledger.take(self.ALONE) is None
        ledger.give_back(cpu(1), other)
        assert ledger.take(self.ALONE)

    def test_a_gang_has_all_of_its_nodes_to_itself(self, node):
        ledger = Ledger([node("a", gpus=2), node("b"), node("c")])
        assert ledger.take(gang(2, cpus=1, spread=True, exclusive=True))
        assert take(ledger, WHOLE_CPU).node.name == "c"
        assert ledger.take(Request("gpu", 1, 1, None)) is None

    @given(
        st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=3),
        st.lists(ASKED, max_size=20),
    )
    def test_no_core_or_gpu_is_ever_held_twice(self, sizes, asked):
        nodes = [Node(str(i), str(i), tuple(range(cores)), gpus) for i, (cores, gpus) in enumerate(sizes)]
        ledger, taken = Ledger(nodes), []
        for cores, gpus, workers, spread, gives_back in asked:
            request = Request("gpu" if gpus else "cpu", cores, gpus, None, workers=workers, spread=spread)
            allocations = ledger.take(request)
            if allocations is not None:
                assert len(allocations) == workers
                taken.append((request, allocations))
            if gives_back and taken:
                ledger.give_back(*taken.pop(0))
        for node in nodes:
            here = [
                allocation
                for _, allocations in taken
                for allocation in allocations
                if allocation.node == node
            ]
            held = [core for allocation in here for core in allocation.cores]
            assert len(held) == len(set(held))
            assert set(held) <= set(node.cores)
            gpus = [gpu for allocation in here for gpu in allocation.gpus]
            assert len(gpus) == len(set(gpus))
            assert set(gpus) <= set(range(node.gpus))


class TestFirstFit:
    """What has to be given back before a run fits."""

    def test_as_many_as_it_takes(self, node):
        ledger = Ledger([node(cores=4)])
        releases = [(cpu(1), ledger.take(cpu(1))) for _ in range(4)]
        assert ledger.first_fit(cpu(1), releases) == (1, releases[0][1])
        number, (allocation,) = ledger.first_fit(cpu(3), releases[::-1])
        assert (number, allocation.cores) == (3, (1, 2, 3))
        assert ledger.first_fit(cpu(5), releases) is None

    def test_none_where_it_fits_already(self, node):
        ledger = Ledger([node(cores=4)])
        assert ledger.first_fit(cpu(4), []) == (0, (whole(node(cores=4)),))

    def test_what_is_held_for_others_does_not_count(self, node):
        ledger = Ledger([node("a"), node("b")])
        releases = [(cpu(1), ledger.take(cpu(1))) for _ in range(4)]
        (first,) = releases[0][1]
        assert ledger.first_fit(cpu(1), releases, held=[first]) == (2, releases[1][1])

    def test_a_gang_needs_room_for_all_of_its_workers(self, node):
        ledger = Ledger([node(name, gpus=1) for name in "abc"])
        releases = [(ONE_GPU, ledger.take(ONE_GPU)) for _ in range(3)]
        number, allocations = ledger.first_fit(gang(2, kind="gpu", gpus=1), releases)
        assert (number, where(allocations)) == (2, ["a", "b"])

    def test_the_gpus_of_a_gang_are_of_one_type(self, node):
        types = {"a": "A100", "b": "H100", "c": "A100"}
        ledger = Ledger([node(name, gpus=1, accelerator=it) for name, it in types.items()])
        releases = [(ONE_GPU, ledger.take(ONE_GPU)) for _ in range(3)]
        number, allocations = ledger.first_fit(gang(2, kind="gpu", gpus=1), releases)
        assert (number, where(allocations)) == (3, ["a", "c"])

    def test_nothing_is_given_back_or_taken(self, node):
        ledger = Ledger([node()])
        releases = [(WHOLE_CPU, ledger.take(WHOLE_CPU))]
        assert ledger.first_fit(cpu(1), releases)
        assert ledger.take(cpu(1)) is None

    def test_what_has_to_be_on_a_node_waits_for_that_node(self, node):
        ledger = Ledger([node("a"), node("b")])
        releases = [(cpu(2), ledger.take(cpu(2))) for _ in range(2)]
        assert ledger.first_fit(replace(cpu(1), node_id="b"), releases)[0] == 2
        assert ledger.first_fit(replace(cpu(1), node_id="c"), releases) is None

    def test_a_node_that_is_gone_frees_nothing(self, node):
        ledger = Ledger([node("a"), node("b")])
        releases = [(WHOLE_CPU, ledger.take(WHOLE_CPU)) for _ in range(2)]
        ledger.drop("a")
        assert ledger.first_fit(cpu(1), releases)[0] == 2


class TestCost:
    """Attempts cost what the kinds of nodes are, not what the nodes are."""

    REQUESTS = (
        cpu(1),
        WHOLE_CPU,
        ONE_GPU,
        Request("gpu", None, 4, "H100"),
        gang(4, kind="gpu", gpus=1),
        gang(4, cpus=1, spread=True),
        replace(WHOLE_CPU, exclusive=True),
    )

    @staticmethod
    def calls(act, *arguments):
        """How many functions are called meanwhile, and what comes of it."""
        profile = cProfile.Profile()
        gc.collect()
        gc.disable()  # what others left to be finalised would count, too
        try:
            result = profile.runcall(act, *arguments)
        finally:
            gc.enable()
        return sum(entry.callcount for entry in profile.getstats()), result

    @pytest.mark.parametrize("tight", [False, True])
    @pytest.mark.parametrize("request_", REQUESTS)
    def test_a_thousand_nodes_cost_what_ten_do(self, request_, tight):
        costs = []
        for number in (10, 1000):
            ledger = Ledger([Node(f"n{i}", "n", tuple(range(64)), 8, "H100") for i in range(number)], tight)
            busy = ledger.take(request_)  # what is known of kinds and core sets is known from now on
            ledger.give_back(request_, busy)
            taking, taken = self.calls(ledger.take, request_)
            giving, _ = self.calls(ledger.give_back, request_, taken)
            everything = [(WHOLE_CPU, ledger.take(WHOLE_CPU)) for _ in range(number)]
            failing, none = self.calls(ledger.take, request_)
            fitting, (released, _) = self.calls(ledger.first_fit, request_, everything)
            assert none is None
            costs.append((taking, giving, failing, fitting, released))
        assert costs[0] == costs[1]
