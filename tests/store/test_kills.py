"""A session whose driver is killed at any moment loses nothing, and ends as one that was left alone.

`python -m tests.store --cases killed` kills a hundred.
"""

import pytest

from tests.store.kills import killed


@pytest.mark.slow
def test_nothing_is_lost_or_twice_however_often_the_driver_is_killed(tmp_path):
    found = killed(6, tmp_path, seed=1)
    assert found.kills == 6
    assert not found.wrong
