"""What is said of an actor that is gone, from what Ray says and what it left. No Ray is started."""

from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError  # noqa: TID253

from bench.errors import ClusterLostError
from bench.orchestration.on_ray import death as ray_death
from bench.orchestration.on_ray import liveness as ray_liveness
from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.processes.death import Birth, Remains
from bench.orchestration.processes.group import ProcessSpec
from bench.orchestration.scheduling.request import Allocation, Node

NODE, OTHER = Node("n1", "n1", (0,)), Node("n2", "n2", (0,))
SPEC = ProcessSpec("worker", 0, Allocation(NODE, (0,)), 0)
BORN = Birth(7, "/a/file", {"/group": 0})


def died(detail=""):
    error = ActorDiedError()
    error.args = (f"The actor died.\n\tpid: 7\nWorker exit type: USER Worker exit detail: {detail}\n",)
    error.error_msg = error.args[0]
    return error


@pytest.fixture
def death(monkeypatch):
    """Of an actor with a node that is there, unless it is `gone`, and of which so much is left."""

    def death(error, left=None, born=BORN, gone=None):
        monkeypatch.setattr(ray_death, "_remains", lambda *_: left)
        liveness = SimpleNamespace(first_gone=lambda _: gone)
        return ray_death.death(error, SPEC, born, liveness, "worker 0: ")

    return death


def test_who_ran_out_of_memory_or_could_not_begin_is_told_by_ray(death):
    assert death(OutOfMemoryError("the node has none left")).status == "lost"  # it was not its own
    failed = death(RayTaskError("f", "a traceback", ValueError("x"), proctitle="p", pid=1, ip="i"))
    assert (failed.status, failed.error) == ("failed", "worker 0: ValueError: x")


def test_a_node_that_is_gone_is_why(death):
    found = death(died(), gone=NODE)
    assert (found.status, found.node_id) == ("lost", "n1")


def test_what_it_left_says_more_than_ray(death):
    found = death(died(), Remains(("Fatal Python error: Segmentation fault",)))
    assert found.status == "failed"
    assert found.error.startswith("worker 0: its process 7 ended itself (SIGSEGV)")


@pytest.mark.parametrize(("left", "born"), [(None, BORN), (Remains(), None)])
def test_of_what_was_never_born_or_seen_only_ray_s_word_is_known(death, left, born):
    found = death(died(), left, born)
    assert found.status == "lost"
    assert found.error.startswith("worker 0: ActorDiedError: The actor died.")


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("Worker exits with an exit code 1. The process receives a SIGTERM.", "an exit code 1. The process"),
        ("Worker unexpectedly exits with a connection error code 2. End of file. Some common causes", None),
    ],
)
def test_what_ray_knows_of_an_end_is_told(death, detail, told):
    found = death(died(detail), Remains())
    assert found.status == "lost"
    assert ("Ray says: " in found.error) == bool(told)
    assert told is None or told in found.error


@pytest.fixture
def liveness(monkeypatch):
    """Of two nodes, `answers` by their ids, on a clock; `asked` counts how often Ray was asked for nodes."""
    state = SimpleNamespace(now=0.0, answers={"n1": True, "n2": True}, asked=0, tried=[])

    def nodes():
        state.asked += 1
        return [{"NodeID": name, "Alive": name in state.answers} for name in ("n1", "n2")]

    def answers(node):
        state.tried.append(node and node["NodeID"])
        return node is not None and state.answers[node["NodeID"]]

    monkeypatch.setattr(ray_liveness.ray, "nodes", nodes)
    monkeypatch.setattr(ray_liveness, "_answers", answers)
    state.head = SimpleNamespace(gone=lambda: None, answers=lambda: True)
    state.of = ray_liveness.Liveness(Vigil(state.head), clock=lambda: state.now)
    return state


def test_the_first_node_that_does_not_answer_is_gone_for_good(liveness):
    allocations = (Allocation(NODE, (0,)), Allocation(NODE, (1,)), Allocation(OTHER, (0,)))
    assert liveness.of.first_gone(allocations) is None
    assert liveness.tried == ["n1", "n2"]
    liveness.answers["n2"] = False
    assert liveness.of.first_gone(allocations) == OTHER
    liveness.answers["n2"] = True
    tried = len(liveness.tried)
    assert liveness.of.first_gone((Allocation(OTHER, (0,)),)) == OTHER
    assert len(liveness.tried) == tried


def test_ray_is_not_asked_while_its_head_is_silent_which_would_hang(liveness):
    here, there = (Allocation(NODE, (0,)),), (Allocation(OTHER, (0,)),)
    assert liveness.of.first_gone(here) is None
    liveness.head.answers = lambda: False
    liveness.answers["n2"] = False
    liveness.now += 2.0
    assert (liveness.of.first_gone(here), liveness.of.first_gone(there)) == (None, OTHER)
    assert liveness.asked == 1


def test_who_asks_for_nodes_of_a_cluster_that_is_gone_is_told_so(liveness):
    liveness.head.gone = lambda: "it was killed"
    with pytest.raises(ClusterLostError, match="it was killed"):
        liveness.of.first_gone((Allocation(NODE, (0,)),))
    assert (liveness.asked, liveness.tried) == (0, [])


def test_ray_is_asked_for_its_nodes_once_in_a_while(liveness):
    here = (Allocation(NODE, (0,)),)
    for _ in range(3):
        liveness.of.first_gone(here)
    assert liveness.asked == 1
    del liveness.answers["n1"]
    liveness.now += 2.0
    assert liveness.of.first_gone(here) == NODE
    assert liveness.asked == 2
