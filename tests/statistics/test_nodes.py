import pytest

from tests.statistics.nodes import HEADER, Cluster, said, tables

EIGHT = Cluster(nodes=8, sessions=1, scenarios=1, rounds=4, noise=0.005, mood=0.02)


def test_equal_nodes_in_different_moods_are_hardly_ever_told_apart():
    """Less than one table in a hundred, by the whole programme; of fifty at most two."""
    assert said(EIGHT, 50).false <= 0.04


@pytest.mark.parametrize("sessions", [1, 5])
def test_a_node_that_is_much_slower_is_found(sessions):
    cluster = Cluster(nodes=16, sessions=sessions, scenarios=1, rounds=4, noise=0.005, mood=0.01, slow=0.5)
    assert said(cluster, 20).found == 1.0


def test_two_nodes_are_told_apart_as_they_were_in_the_session():
    """That moods did it, more sessions would tell."""
    found = said(Cluster(nodes=2, sessions=1, scenarios=1, rounds=4, noise=0.005, mood=0.05), 50)
    assert found.false > 0.5
    assert found.false_of_sessions <= 0.04


def test_each_cluster_has_a_row():
    (sheet,) = tables(short=True)
    assert {len(row) for row in sheet.rows} == {len(HEADER)}
