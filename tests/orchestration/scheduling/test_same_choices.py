"""The ledger finds the very cores and GPUs that it would find if it looked at every node each time."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.request import Node, Request, whole
from tests.orchestration.scheduling.plain_ledger import PlainLedger, choose, idle

MORE = settings(max_examples=300, deadline=None)
KINDS = st.sampled_from(
    [
        {"cores": 4},
        {"cores": 8},
        {"cores": 3, "gpus": 2, "accelerator": "A100"},
        {"cores": 8, "gpus": 4, "accelerator": "H100", "cores_near_gpu": ((4, 5), (6, 7), (0, 1), (2, 3))},
        {"cores": 8, "gpus": 3, "accelerator": "H100", "slices": ("1g.10gb",) * 3},
        {"cores": 8, "gpus": 2},
        {"cores": 2, "gpus": 2, "accelerator": "H100", "cores_near_gpu": ((1,),)},
    ]
)


@st.composite
def clusters(draw):
    """Up to eight nodes, not in the order of their ids; ids of several lengths."""
    kinds = draw(st.lists(KINDS, min_size=1, max_size=8))
    ids = draw(st.permutations([f"n{number}" for number in (1, 2, 3, 10, 11, 20, 21, 100)]))
    return [
        Node(node_id, node_id, **{**kind, "cores": tuple(range(kind["cores"]))})
        for node_id, kind in zip(ids, kinds, strict=False)
    ]


@st.composite
def requests(draw, nodes):
    gpus = draw(st.sampled_from([0, 0, 1, 1, 2, 3]))
    workers = draw(st.sampled_from([1, 1, 1, 2, 3, 6]))
    return Request(
        "gpu" if gpus else "cpu",
        draw(st.sampled_from([None, 1, 1, 2, 3, 5])),
        gpus,
        draw(st.sampled_from([None, None, None, "A100", "H100", "V100"])),
        workers=workers,
        spread=workers > 1 and draw(st.booleans()),
        exclusive=draw(st.sampled_from([False, False, False, True])),
        node_id=draw(st.sampled_from([None] * 5 + [nodes[0].node_id, "gone"])),
    )


@st.composite
def held_parts(draw, ledger, taken):
    """What is held for others: nodes, whole, and what other runs have now, of which some is free again."""
    nodes = [whole(node) for node in ledger.nodes.values()]
    others = [allocation for _, allocations in taken for allocation in allocations]
    parts = [
        replace(allocation, cores=allocation.cores[:2], gpus=allocation.gpus[1:]) for allocation in nodes
    ]
    known = [*nodes, *others, *parts]
    return draw(st.lists(st.sampled_from(known), max_size=3)) if known else []


@MORE
@given(st.data(), clusters(), st.booleans())
def test_the_ledger_chooses_as_if_it_looked_at_every_node(data, nodes, tight):
    ledger, plain, taken = Ledger(nodes, tight), PlainLedger(nodes, tight), []
    asked = data.draw(st.lists(requests(nodes), min_size=1, max_size=3))
    for _ in range(data.draw(st.integers(1, 15))):
        request, held = data.draw(st.sampled_from(asked)), data.draw(held_parts(ledger, taken))
        action = data.draw(st.sampled_from(["take", "take", "take", "give back", "awaited", "fit", "drop"]))
        if action == "take":
            allocations = plain.take(request, held)
            assert ledger.take(request, held) == allocations
            taken += [(request, allocations)] if allocations else []
        elif action == "give back" and taken:
            release = taken.pop(data.draw(st.integers(0, len(taken) - 1)))
            plain.give_back(*release)
            ledger.give_back(*release)
        elif action == "awaited":
            assert ledger.awaited(request, held) == plain.awaited(request, held)
        elif action == "fit":
            order = data.draw(st.permutations(taken))
            assert ledger.first_fit(request, order, held) == plain.first_fit(request, order, held)
        elif action == "drop" and data.draw(st.integers(0, 3)) == 0:
            node_id = data.draw(st.sampled_from(nodes)).node_id
            plain.drop(node_id)
            ledger.drop(node_id)
        assert list(ledger.nodes) == list(plain.free)


@MORE
@given(st.data(), clusters())
def test_infeasible_is_what_has_no_room_on_idle_nodes(data, nodes):
    request = data.draw(requests(nodes))
    there = [idle(node) for node in nodes if request.node_id in (None, node.node_id)]
    assert (infeasible(request, nodes) is None) == (choose(request, there) is not None)
