from tests.statistics.costs import Case, behind, holds, tables


def test_the_short_tables_have_a_row_for_each_case():
    intervals, places = tables(short=True)
    assert [len(row) for row in (*intervals.rows, *places.rows)] == [7] * 12 + [9] * 3


def test_intervals_hold_the_truth_of_runs_of_which_the_first_compiles():
    held, saw, _ = holds(Case(0, 6, 0.05, first=3.0), 300)
    assert saw == 0
    assert 0.91 <= held / 300 <= 0.99


def test_equal_sides_are_not_told_apart_and_unequal_ones_are():
    assert behind(Case(0, 10, 0.02), 4)[0] == 0
    assert float(behind(Case(0, 10, 0.02, slower=1.05), 2)[1].rstrip(" %")) > 80
