import datetime
import itertools

from bench.analysis import sessions
from bench.analysis.sessions import SessionFacts
from tests.runs import arrow_table, run_table


def session_facts(rows):
    return sessions.session_facts(run_table(rows))


NUMBERS = itertools.count(1)


def at(minute):
    return datetime.datetime(2026, 1, 31, 14, minute, tzinfo=datetime.UTC)


def run(session_id="session", **columns):
    """A row of `runs`, as an older table has it: it names the node of the run's first process alone."""
    return {
        "run_id": f"run-{next(NUMBERS)}",
        "session_id": session_id,
        "suite": "suite",
        "scenario_id": "s1",
        "machine": "a machine",
        "node": "a node",
        "round": 1,
        "status": "ok",
        "flags": [],
        "started_at": at(0),
        **columns,
    }


def test_the_latest_are_those_of_each_suite_and_machine():
    rows = [
        run("a", started_at=at(1), machine_id="m1"),
        run("b", started_at=at(3), machine_id="m1"),
        run("c", started_at=at(2), machine_id="m2"),
        run("d", started_at=at(0), machine_id="m1", suite="other"),
    ]
    facts = session_facts(rows)
    assert sessions.latest(facts, 12) == {"b", "c", "d"}
    assert sessions.latest(facts, 1) == {"b", "d"}


def test_the_newest_began_last_and_one_without_a_time_came_first():
    rows = [run("z", started_at=None), run("b", started_at=at(1)), run("a", started_at=at(2)), run("b")]
    runs = run_table(rows)
    assert sessions.newest_of(runs, set()) == {"a"}
    assert sessions.newest_of(runs, {"a"}) == {"b"}
    assert sessions.newest_of(runs, {"a", "b"}) == {"z"}
    assert sessions.newest_of(runs, {"a", "b", "z"}) == set()


def test_rows_are_taken_by_their_sessions():
    table = arrow_table("runs", [run("a"), run("b"), run("a")])
    assert sessions.of_sessions(table, {"a"}).column("session_id").to_pylist() == ["a", "a"]


def facts_of(*rows):
    (found,) = session_facts(rows)
    return found


def test_the_facts_of_a_session():
    found = facts_of(
        run(round=1, started_at=at(7)),
        run(round=2, started_at=at(5), flags=["unstable", "contended"]),
        run(round=3, started_at=at(6), flags=["unstable"], scenario_id="s2", status="lost"),
    )
    assert found == SessionFacts(
        session_id="session",
        suite="suite",
        machines=("a machine",),
        nodes=("a node",),
        scenarios=2,
        rounds=3,
        runs=3,
        ok=2,
        flags=(("unstable", 2), ("contended", 1)),
        began=at(5),
    )


def test_machines_and_nodes_are_those_of_all_workers_each_once_by_name():
    found = facts_of(
        run(machine="m2", node="n2", machines=["m2", "m1"], nodes=["n2", "n1"]),
        run(machine="m2", node="n3", machines=None, nodes=[]),
        run(machine="m2", node="n2", machines=["m2", "m2"], nodes=["n2", None]),
    )
    assert (found.machines, found.nodes) == (("m1", "m2"), ("n1", "n2", "n3"))


def test_a_run_that_no_machine_had_names_none():
    nothing = {"machine": None, "node": None, "flags": None, "started_at": None, "status": "infeasible"}
    found = facts_of(run(**nothing))
    assert (found.machines, found.nodes, found.flags, found.began) == ((), (), (), None)
    assert (found.runs, found.ok) == (1, 0)
    beside = facts_of(run(**nothing), run(started_at=at(3)))
    assert (beside.machines, beside.nodes, beside.began) == (("a machine",), ("a node",), at(3))


def test_a_run_in_two_folders_counts_once():
    row = run(flags=["unstable"])
    found = facts_of(row, {**row}, run())
    assert (found.runs, found.ok, found.flags) == (2, 2, (("unstable", 1),))


def test_sessions_come_in_the_order_in_which_they_began_first_those_that_say_no_time():
    begun = {"d": at(2), "c": at(1), "b": None, "a": None, "f": at(1)}
    rows = [run(name, started_at=began) for name, began in begun.items()]
    found = session_facts([*rows, run("d", started_at=at(9))])
    assert [facts.session_id for facts in found] == ["a", "b", "c", "f", "d"]
    assert [facts.began for facts in found] == [None, None, at(1), at(1), at(2)]
    assert session_facts([]) == []
