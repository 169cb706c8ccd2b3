from bench.analysis.origin import platforms
from tests.runs import run_table


def platforms_of(*rows):
    found = platforms(run_table({"run_id": str(number), **row} for number, row in enumerate(rows)))
    return [found[row] for row in range(len(rows))]


def run(session_id="s", machine="a machine", machine_id="m1", software_id="v1"):
    return {
        "session_id": session_id,
        "machine": machine,
        "machine_id": machine_id,
        "software_id": software_id,
    }


def test_machines_of_one_name_and_softwares_are_told_apart():
    rows = (run(), run(machine_id="m2"), run(software_id="v2"))
    expected = [("a machine", "m1", "v1"), ("a machine", "m2", "v1"), ("a machine", "m1", "v2")]
    assert platforms_of(*rows) == expected


def test_a_run_that_no_machine_had_goes_with_that_of_its_session():
    nowhere = {"machine": None, "machine_id": None, "software_id": None}
    found = platforms_of(run("b", **nowhere), run("a"), run("b", machine_id="m2"), run("c", **nowhere))
    assert found[0] == ("a machine", "m2", "v1")
    assert found[3] == ("unknown", None, None)


def test_an_older_table_has_names_alone():
    assert platforms_of({"session_id": "s", "machine": "a"}) == [("a", None, None)]


def test_a_machine_without_a_name_is_unknown_and_keeps_its_id():
    assert platforms_of(run(machine="")) == [("unknown", "m1", "v1")]
