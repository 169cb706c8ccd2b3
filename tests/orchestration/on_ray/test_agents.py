"""Agents of nodes that fail to come up, or are gone. No Ray is started."""

from types import SimpleNamespace

import pytest
from ray.exceptions import RayError  # noqa: TID253

from bench.orchestration.on_ray import agents as module
from bench.orchestration.on_ray import slot
from bench.orchestration.on_ray.agents import ATTEMPTS, Agents
from bench.orchestration.pool import Ready
from bench.orchestration.scheduling.request import Allocation, Node, Request


class FakeServer:
    """A fork server that this process holds."""

    address, alive = "/held", True

    def is_alive(self):
        return self.alive


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def started(monkeypatch, server):
    """Agents, with those that were started in a list; this process serves node "h" itself."""
    calls = SimpleNamespace(add=lambda *_: None)
    agents, made = Agents({}, calls, {"h": server}), []
    monkeypatch.setattr(module.ray, "kill", lambda *_, **__: None)

    def start(node_id):
        live = SimpleNamespace(remote=lambda: None)
        agent = agents._agents[node_id] = module._Agent(SimpleNamespace(live=live))
        made.append(agent)
        return agent

    monkeypatch.setattr(agents, "_start", start)
    return agents, made


def answer(value):
    def result():
        if isinstance(value, Exception):
            raise value
        return value

    return SimpleNamespace(result=result)


def test_who_waits_for_an_agent_that_fails_waits_for_the_next_one(started):
    agents, made = started
    assert not agents.on("n", lambda: ["ready"])
    assert agents._told("n", made[0], answer(RayError("no room"))) == []
    assert agents._told("n", made[1], answer("/socket")) == ["ready"]
    assert (agents.on("n"), agents.address("n"), len(made)) == (True, "/socket", 2)


def test_where_none_comes_up_nobody_waits_for_ever(started):
    agents, made = started
    agents.on("n", lambda: ["ready"])
    told = [agents._told("n", made[-1], answer(RayError("no room"))) for _ in range(ATTEMPTS)]
    assert told == [[]] * (ATTEMPTS - 1) + [["ready"]]
    assert (agents.on("n"), agents.address("n"), len(made)) == (True, None, ATTEMPTS)


def test_one_whose_server_ends_again_and_again_is_not_made_anew_for_ever(started):
    agents, made = started
    for number in range(ATTEMPTS):
        assert not agents.on("n", lambda: [])
        agents._told("n", made[number], answer("/socket"))
        agents._gone("n")
    assert (agents.on("n"), agents.address("n")) == (True, None)


def test_a_node_that_this_process_serves_has_no_agent(started):
    agents, made = started
    assert (agents.on("h", lambda: pytest.fail("is there already")), agents.address("h")) == (True, "/held")
    assert made == []


def test_once_that_server_has_ended_the_node_has_an_agent_as_any_other(started, server):
    agents, made = started
    server.alive = False
    assert agents.address("h") is None
    assert not agents.on("h", lambda: ["ready"])
    assert agents._told("h", made[0], answer("/socket")) == ["ready"]
    assert (agents.on("h"), agents.address("h"), len(made)) == (True, "/socket", 1)


def test_its_end_counts_among_the_failures(started, server):
    agents, made = started
    server.alive = False
    for _ in range(ATTEMPTS - 1):
        assert not agents.on("h", lambda: [])
        agents._told("h", made[-1], answer("/socket"))
        agents._gone("h")
    assert (agents.on("h"), agents.address("h"), len(made)) == (True, None, ATTEMPTS - 1)


def test_a_slot_waits_for_the_agent_that_follows_a_server_which_ended_before_its_actor_came(
    started, server, monkeypatch
):
    agents, made = started
    part = SimpleNamespace(born=None, doing="", ask=lambda *_, **__: None)
    monkeypatch.setattr(slot, "Part", lambda *_: part)
    monkeypatch.setattr(slot, "NodeAffinitySchedulingStrategy", lambda *_, **__: None)
    node, request = Node("h", "h", (0,)), Request("cpu", 1, 0, None, "one_device")
    around = slot.Surroundings({}, None, agents, None, {})
    starting = slot.Slot(1, (Allocation(node, (0,)),), request, around)
    server.alive = False
    assert starting._introduced(part, answer("born")) == []
    assert agents._told("h", made[0], answer("/socket")) == [Ready(1)]
