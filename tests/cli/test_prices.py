"""`--price` and `--prices` of `bench show` and `bench report`, on sessions of two machines."""

import csv
import io
import json

import pytest

from tests.commands import bench

CPU, GPU = "AMD EPYC 7763, 64 cores", "Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3"


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(f'currency = "USD"\n[price]\n"{CPU}" = 2\ngpu-box = 24.0\nelsewhere = 1\n')
    return path


def test_csv_and_json_with_prices_are_the_table_of_costs(thousand, prices):
    shown = bench("show", thousand, "--pool", "--prices", prices, "--format", "csv")
    assert (shown.status, shown.error) == (0, "")
    rows = list(csv.DictReader(io.StringIO(shown.output)))
    assert {row["machine"] for row in rows} == {CPU, GPU}
    assert {(row["currency"], row["price_per_hour"]) for row in rows} == {("USD", "2.0"), ("USD", "24.0")}
    one = next(row for row in rows if row["label"] == "batch_size=100 loop=fused" and row["machine"] == CPU)
    # Twenty runs whose only clock is that of compilation, training and validation, at 2 an hour.
    assert float(one["cost"]) == pytest.approx(float(one["paid"]) / 20)
    objects = json.loads(bench("show", thousand, "--pool", "--prices", prices, "--format", "json").output)
    assert [float(row["paid"]) for row in rows] == [found["paid"] for found in objects]


def test_a_machine_of_a_session_that_is_not_shown_is_asked_for_by_pooling(thousand):
    shown = bench("show", thousand, "--price", f"{CPU}=2", "--price", f"{GPU}=3")
    assert (shown.status, shown.output) == (2, "")
    assert shown.refusal().endswith("; 1 other session left out, which --pool has")


def test_the_table_stands_below_the_summaries(thousand):
    shown = bench("show", thousand, "--pool", "--price", "aaaa=2", "--where", "sweep == 'wide-sigmoid'")
    assert shown.output.index("step") < shown.output.index("Cost in EUR")
    assert f"{CPU}: 2.00 EUR an hour" in " ".join(shown.output.split())
    assert f"left out of the cost: {GPU}." in " ".join(shown.output.split())
    assert (
        "**Cost**: in EUR" in bench("show", thousand, "--pool", "--price", "aaaa=2", "--format", "md").output
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ["--price", "AMD EPIC=1"],
            f'--price AMD EPIC: no machine, machine_id or node here; did you mean "{CPU}"?',
        ),
        (["--price", "cpu-box=-1"], "a price must be a finite number from 0 on, not -1.0"),
        (["--prices", "none.toml"], "none.toml: no such file"),
        (["--prices", "s3://bucket/prices.toml"], "s3:// cannot be used here"),
        (["--price", "cpu-box=1", "--format", "csv", "--sort", "label"], "--sort: costs come by scenario"),
        (["--overhead", "--price", "cpu-box=1"], "--price: --overhead tells of time alone"),
    ],
)
def test_what_is_no_price_is_one_line(small, options, why):
    shown = bench("show", small, *options)
    assert (shown.status, shown.output) == (2, "")
    assert why in shown.refusal()


def test_a_price_of_nobodys_leaves_no_page(small, tmp_path):
    shown = bench("report", small, "--price", "nobody=1", "-o", tmp_path / "page.html")
    assert shown.status == 2
    assert "--price nobody: no machine" in shown.refusal()
    assert not (tmp_path / "page.html").exists()


def test_the_report_has_a_part_on_costs_where_prices_are_given(small, tmp_path):
    pages = []
    for options in ([], ["--price", "cpu-box=2"]):
        assert bench("report", small, "-o", tmp_path / "page.html", *options).status == 0
        pages.append((tmp_path / "page.html").read_text())
    assert ['id="cost"' in page for page in pages] == [False, True]
    assert f"{CPU}: 2.00 EUR an hour." in pages[1]


def test_a_comparison_for_programs_says_that_costs_are_not_in_it(thousand):
    asked = ("compare", thousand, "--by", "loop", "--price", "aaaa=1", "--format", "csv")
    assert "--format csv: has no costs unless --metric cost compares them" in bench(*asked).error
    assert not bench(*asked, "--metric", "cost").error
