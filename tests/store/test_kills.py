"""Drivers, imports and repairs that are killed at any moment lose nothing, and end as those left alone.

`python -m tests.store --cases killed` kills a hundred of each.
"""

import pytest

from tests.store.kills import killed


@pytest.mark.slow
def test_nothing_is_lost_or_twice_however_often_the_driver_is_killed(tmp_path):
    found = killed(6, tmp_path, seed=1)
    assert found.kills == 6
    assert not found.wrong


@pytest.mark.slow
def test_nor_where_results_are_elsewhere_and_other_machines_go_on(tmp_path):
    pytest.importorskip("moto", reason="moto, of the extra `test`, is not installed")
    from tests.store.remote_kills import killed_elsewhere

    found = killed_elsewhere(2, tmp_path, seed=1)
    assert found.kills == 2
    assert not found.wrong


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_the_old_copy_or_the_new_one(tmp_path):
    from tests.store.import_kills import imports_killed

    found = imports_killed(4, tmp_path, seed=1)
    assert found.kills == 4
    assert not found.wrong


@pytest.mark.slow
def test_a_repair_that_is_killed_is_done_by_the_next_one(tmp_path):
    from tests.store.repair_kills import repairs_killed

    found = repairs_killed(5, tmp_path, seed=1, most=1)
    assert found.kills == 5
    assert not found.wrong
