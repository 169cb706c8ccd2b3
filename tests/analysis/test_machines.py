import pyarrow as pa
import pytest

from bench.analysis.machines import distinct_names, told_apart
from bench.records.store import Tables
from bench.records.tables import to_table

XEON = "Intel Xeon, 2 cores"


def run(machine_id, machine=XEON, **columns):
    return {"session_id": "s1", "run_id": machine_id, "machine_id": machine_id, "machine": machine, **columns}


def described(node, machine_id, machine=XEON):
    return {"session_id": "s1", "node": node, "machine_id": machine_id, "machine": machine}


def tables(runs, machines):
    return Tables(to_table("runs", runs), to_table("epochs", []), to_table("machines", machines))


@pytest.mark.parametrize(
    ("machines", "names"),
    [
        ([("3f9a01", XEON), ("77aa02", XEON)], {"3f9a01": f"{XEON} (3f9a)", "77aa02": f"{XEON} (77aa)"}),
        ([("3f9a01", XEON), ("3f9b02", XEON)], {"3f9a01": f"{XEON} (3f9a)", "3f9b02": f"{XEON} (3f9b)"}),
        ([("3f9a01", XEON), ("3f9a02", XEON)], {"3f9a01": f"{XEON} (3f9a01)", "3f9a02": f"{XEON} (3f9a02)"}),
        ([("a", XEON), ("b", XEON)], {"a": f"{XEON} (a)", "b": f"{XEON} (b)"}),
        ([("3f9a01", XEON), ("3f9a01", XEON)], {}),
        ([("3f9a01", XEON), ("77aa02", "AMD EPYC, 2 cores")], {}),
        ([("3f9a01", XEON), (None, XEON), ("77aa02", None)], {}),
        ([], {}),
    ],
)
def test_only_names_that_collide_get_as_much_of_the_id_as_tells_them_apart(machines, names):
    assert distinct_names(machines) == names


def test_the_rows_of_all_tables_get_these_names():
    runs = [
        run("3f9a01", nodes=["a"], machines=[XEON]),
        run("77aa02", nodes=["b", "a"], machines=[XEON, XEON]),
        run("77aa02", nodes=["b", "elsewhere"], machines=[XEON, XEON]),
        run("77aa02", nodes=None, machines=[XEON]),
        run(None, machine=None),
        run("cccc", machine="another"),
    ]
    machines = [described("a", "3f9a01"), described("b", "77aa02"), described("c", "cccc", "another")]
    a, b = f"{XEON} (3f9a)", f"{XEON} (77aa)"
    expected = [
        (a, [a]),
        (b, [b, a]),
        (b, [b, XEON]),
        (b, [XEON]),
        (None, None),
        ("another", None),
    ]
    (table,) = told_apart([tables(runs, machines)])
    assert [(row["machine"], row["machines"]) for row in table.runs.to_pylist()] == expected
    assert table.machines.column("machine").to_pylist() == [a, b, "another"]
    assert table.runs.schema.equals(tables([], []).runs.schema)


def test_sides_of_a_comparison_are_told_apart_from_each_other():
    sides = told_apart([tables([run("3f9a01")], []), tables([run("77aa02")], [])])
    assert [side.runs.column("machine").to_pylist() for side in sides] == [
        [f"{XEON} (3f9a)"],
        [f"{XEON} (77aa)"],
    ]


def test_where_no_names_collide_everything_stays():
    table = tables([run("3f9a01")], [described("a", "3f9a01")])
    assert told_apart([table])[0] is table
    assert isinstance(table.runs, pa.Table)
