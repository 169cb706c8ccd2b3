"""Two machines of one name: apart in every view, by as much of their ids as it takes."""

import csv
import io

import pyarrow as pa
import pytest

from tests import doctored
from tests.commands import bench


def session(folder, machine_id):
    """The session, on a machine of another id; nothing else differs but the session's and the runs' names."""
    tables = doctored.whole()
    for name, table in tables.items():
        for column, value in (("machine_id", machine_id), ("session_id", machine_id), ("run_id", None)):
            if column in table.schema.names:
                names = [value or f"{machine_id}-{old}" for old in table.column(column).to_pylist()]
                table = table.set_column(table.schema.get_field_index(column), column, pa.array(names))
        tables[name] = table
    return doctored.write(tables, folder / machine_id)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("machines")
    for machine_id in ("3f9a01aaaaaa", "77aa02bbbbbb"):
        session(made, machine_id)
    return made


def machines(*arguments):
    said = bench("show", *map(str, arguments), "--format", "csv")
    assert (said.status, said.error) == (0, "")
    return {(row["machine"], row["runs"]) for row in csv.DictReader(io.StringIO(said.output))}


def test_they_are_not_summed_up_as_one(folder):
    assert machines(folder, "--all") == {("A CPU, 2 cores (3f9a)", "6"), ("A CPU, 2 cores (77aa)", "6")}


def test_alone_each_has_its_name(folder):
    assert machines(folder / "3f9a01aaaaaa") == {("A CPU, 2 cores", "6")}


def test_a_condition_knows_them_by_the_name_that_was_recorded(folder):
    chosen = 'machine_id == "3f9a01aaaaaa" and machine == "A CPU, 2 cores"'
    assert machines(folder, "--where", chosen) == {("A CPU, 2 cores (3f9a)", "6")}


def test_the_report_tells_them_apart(folder, tmp_path):
    assert bench("report", str(folder), "-o", str(tmp_path / "page.html")).status == 0
    page = (tmp_path / "page.html").read_text()
    assert "A CPU, 2 cores (3f9a)" in page
    assert "A CPU, 2 cores (77aa)" in page


def test_a_comparison_names_that_the_machine_differs(folder):
    said = bench("compare", str(folder / "3f9a01aaaaaa"), str(folder / "77aa02bbbbbb"))
    assert said.status == 0
    words = " ".join(said.output.split())
    assert "A CPU, 2 cores (3f9a)" in words
    assert "A CPU, 2 cores (77aa)" in words
