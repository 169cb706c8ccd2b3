from tests.statistics.repetition import HEADER, repeated, tables


def test_a_scatter_that_is_small_reaches_its_precision_at_once():
    found = repeated(scatter=0.0001, wanted=0.01, cap=20, scenarios=10)
    assert (found.reached, found.rounds) == (1.0, 7.0)
    assert found.covered == found.covered_of_reached


def test_one_that_is_large_goes_on_to_the_end():
    found = repeated(scatter=0.5, wanted=0.01, cap=20, scenarios=10)
    assert (found.reached, found.rounds, found.covered_of_reached) == (0.0, 20.0, None)


def test_each_scatter_and_precision_has_a_row():
    (sheet,) = tables(short=True)
    assert len(sheet.rows) == 15
    assert {len(row) for row in sheet.rows} == {len(HEADER)}
