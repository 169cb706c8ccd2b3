"""The ledger finds the very cores and GPUs that it would find if it looked at every node each time."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.request import Node, Request, whole
from tests.orchestration.scheduling.plain_ledger import PlainLedger, choose, idle

STEPS = 120
KINDS = [
    {"cores": 4},
    {"cores": 8},
    {"cores": 3, "gpus": 2, "accelerator": "A100"},
    {"cores": 8, "gpus": 4, "accelerator": "H100", "cores_near_gpu": ((4, 5), (6, 7), (0, 1), (2, 3))},
    {"cores": 8, "gpus": 3, "accelerator": "H100", "slices": ("1g.10gb",) * 3},
    {"cores": 8, "gpus": 2},
    {"cores": 5, "gpus": 2, "accelerator": "H100", "cores_near_gpu": ((0,), (1, 2))},
]
many = settings(max_examples=80, deadline=None)
RANDOM = st.randoms(use_true_random=True)


def cluster(random):
    """Up to eight nodes of a few kinds, not in the order of their ids; ids of several lengths."""
    ids = [f"n{number}" for number in (1, 2, 3, 10, 11, 20, 21, 100)]
    kinds = [random.choice(KINDS) for _ in range(random.randint(1, 3))]
    chosen = [
        (node_id, random.choice(kinds)) for node_id in random.sample(ids, random.choice([1, 2, 3, 5, 8]))
    ]
    return [Node(i, i, **{**kind, "cores": tuple(range(kind["cores"]))}) for i, kind in chosen]


def asked(random, nodes):
    """A request of any kind."""
    gpus, workers = random.choice([0, 0, 1, 1, 2, 3]), random.choice([1, 1, 1, 2, 3, 6])
    return Request(
        "gpu" if gpus else "cpu",
        random.choice([None, 1, 1, 2, 3, 5]),
        gpus,
        random.choice([None, None, None, "A100", "H100", "V100"]),
        workers=workers,
        spread=workers > 1 and random.random() < 0.5,
        exclusive=random.random() < 0.2,
        node_id=random.choice([*[None] * 8, random.choice(nodes).node_id, "gone"]),
    )


def held_for_others(random, nodes, taken):
    """Mostly nothing; else some of what others have now, of whole nodes, and of parts of them."""
    if random.random() < 0.5:
        return []
    known = [allocation for _, allocations in taken for allocation in allocations]
    known += map(whole, nodes)
    known += [replace(whole(node), cores=node.cores[:2], gpus=()) for node in nodes]
    known += [replace(whole(node), cores=()) for node in nodes]
    return random.sample(known, min(len(known), random.randint(1, 3)))


@many
@given(RANDOM, st.booleans())
def test_the_ledger_chooses_as_if_it_looked_at_every_node(random, tight):
    nodes = cluster(random)
    ledger, plain, taken = Ledger(nodes, tight), PlainLedger(nodes, tight), []
    for _ in range(STEPS):
        request, held = asked(random, nodes), held_for_others(random, nodes, taken)
        allocations = plain.take(request, held)
        assert ledger.take(request, held) == allocations
        if allocations:
            taken.append((request, allocations))
        else:
            assert ledger.awaited(request, held) == plain.awaited(request, held)
            releases = random.sample(taken, len(taken))
            assert ledger.first_fit(request, releases, held) == plain.first_fit(request, releases, held)
        if taken and random.random() < 0.4:
            release = taken.pop(random.randrange(len(taken)))
            plain.give_back(*release)
            ledger.give_back(*release)
        if random.random() < 0.01:
            node_id = random.choice(nodes).node_id
            plain.drop(node_id)
            ledger.drop(node_id)
        assert list(ledger.nodes) == list(plain.free)


@many
@given(RANDOM)
def test_infeasible_is_what_has_no_room_on_idle_nodes(random):
    nodes = cluster(random)
    for _ in range(STEPS):
        request = asked(random, nodes)
        there = [idle(node) for node in nodes if request.node_id in (None, node.node_id)]
        assert (infeasible(request, nodes) is None) == (choose(request, there) is not None)
