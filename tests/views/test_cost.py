import csv
import io
import json
import math

import pytest

from bench.analysis.cost import Costs, ScenarioCost
from bench.analysis.front import Standing
from bench.analysis.typical import Estimate
from bench.views.cost import cost_csv, cost_json, cost_markdown, cost_tables

XEON, H100 = "Intel Xeon, 2 cores", "Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3"


def cost(side, standing, **columns):
    given = {
        **{
            "suite": "suite",
            "sweep": "batch-size",
            "label": "batch_size=1",
            "scenario_id": "s1",
            "side": side,
        },
        **{"sessions": 5, "session_id": None, "runs": 30, "ok": 29, "target_accuracy": None},
        **{"target_reached": 0, "at_least": 0, "lost": 0, "per_hour": 0.1, "paid": 1.0},
        **{"seconds": Estimate(21.3, 20.7, 22.0), "cost": Estimate(0.000601, 0.000581, 0.000621)},
        **{"target_seconds": None, "target_cost": None, "energy_joules": None},
        **{"energy_joules_per_million_samples": None, "standing": standing},
    }
    return ScenarioCost(**{**given, **columns})


FRONT = Standing("front", None, "session")
GPU = {"per_hour": 3.0, "seconds": Estimate(3.5), "energy_joules": Estimate(1060.0)}
TARGET = {
    **{"sweep": "wide", "label": "hidden=512", "scenario_id": "s2", "target_accuracy": 0.98},
    **{
        "target_reached": 3,
        "target_seconds": Estimate(math.inf, 2.0, math.inf),
        "target_cost": Estimate(0.5),
    },
}
FOUND = Costs(
    (
        cost(H100, Standing("behind", XEON, "session"), **GPU),
        cost(XEON, FRONT),
        cost(H100, Standing("maybe", None, "session"), **TARGET, per_hour=3.0),
        cost(XEON, FRONT, **TARGET),
    ),
    "USD",
)


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_and_tells_figures_places_and_prices(rendered, width):
    lines = rendered(cost_tables(FOUND), width)
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    for part in (
        "Cost in USD: suite · batch-size",
        "batch_size=1 1 behind 2",
        "batch_size=1 2 on the front",
        "hidden=512 1 maybe",
        "21.3 s",
        "0.000601",
        "∞",
        f"on 1 {H100}: 3.00 USD an hour",
        f"on 2 {XEON}: 0.100 USD an hour",
        "Sums are in USD",
        "cost to target: what was paid for all over those that got there",
    ):
        assert part in said
    assert ("20.7 s to 22.0 s" in said) == (width == 140)


def test_nothing_is_shown_of_no_scenario(rendered):
    assert rendered(cost_tables(Costs((), "EUR")), 80) == []
    assert cost_markdown(Costs((), "EUR")) == ""


def test_one_side_has_no_number_and_no_place(rendered):
    said = "\n".join(rendered(cost_tables(Costs((cost(XEON, None),), "EUR")), 80))
    assert "\nIntel Xeon, 2 cores: 0.100 EUR an hour" in said
    assert "front" not in said


def test_places_that_the_runs_do_not_settle_stand_in_parentheses(rendered):
    alone = Costs((cost(H100, Standing("behind", XEON)), cost(XEON, Standing("front"))), "EUR")
    said = " ".join(" ".join(rendered(cost_tables(alone), 100)).split())
    assert "(behind 2)" in said
    assert "(on the front)" in said
    assert "fewer than four of each: run each side as often, in turns (bench run SUITE --sessions 4)" in said


def test_too_few_rounds_of_one_session_are_said(rendered):
    few = {"sessions": 1, "session_id": "s", "runs": 3}
    found = Costs((cost(H100, Standing("maybe", None, "run"), **few), cost(XEON, FRONT, **few)), "EUR")
    assert "Fewer than four rounds tell no places" in "\n".join(rendered(cost_tables(found), 100))


def test_what_is_left_out_is_said():
    found = Costs(
        (cost(XEON, None, at_least=2, lost=1), cost(H100, None, per_hour=None, cost=None)), "EUR", (H100,)
    )
    said = cost_markdown(found)
    assert f"Without a price, and so left out of the cost: {H100}. Give --price '{H100}=…'" in said
    assert f"1: {H100}: no price" in said
    assert "2 runs of older tables" in said
    assert "1 attempt before these runs were lost" in said


def test_many_machines_without_a_price_are_counted():
    said = cost_markdown(Costs((cost(XEON, None),), "EUR", tuple("abcdefghi")))
    assert "a; b; c; d; e; f and 3 more. Give --price 'a=…'" in said


def test_shares_of_a_node_have_prices_from_to(rendered):
    found = Costs((cost(XEON, None), cost(XEON, None, per_hour=0.05, scenario_id="s3")), "EUR")
    assert "0.0500 to 0.100 EUR an hour" in "\n".join(rendered(cost_tables(found), 80))


def test_csv_and_json_have_plain_figures_under_the_same_names():
    rows, objects = list(csv.DictReader(io.StringIO(cost_csv(FOUND)))), json.loads(cost_json(FOUND))
    assert [set(row) for row in rows] == [set(one) for one in objects]
    assert (rows[0]["machine"], rows[0]["front"], rows[0]["behind"]) == (H100, "behind", XEON)
    assert float(rows[1]["cost_low"]) == objects[1]["cost_low"] == 0.000581
    assert (rows[2]["target_seconds"], objects[2]["target_seconds"]) == ("inf", None)
    assert (objects[1]["currency"], objects[1]["price_per_hour"], objects[1]["front_unit"]) == (
        "USD",
        0.1,
        "session",
    )
    assert objects[0]["session_id"] is None


def test_markdown_has_every_figure():
    said = cost_markdown(FOUND)
    assert "| batch-size · batch_size=1 | 1 | behind 2 | 29/30 | 5 | 3.50 s | – |" in said
    assert "1.06 kJ" in said


def test_sides_go_by_the_letters_that_stand_above(rendered):
    """In the order of the letters, whatever the names; a number would be a second name of the same side."""
    letters = {XEON: "A", "not there": "B", H100: "C"}
    lines = rendered(cost_tables(FOUND, letters), 140)
    assert [line[:6] for line in lines if line.startswith("on ")] == ["on A  ", "on C  "]
    assert "behind A" in " ".join(lines)
    assert f"A: {XEON}: 0.100 USD an hour" in cost_markdown(FOUND, letters)
