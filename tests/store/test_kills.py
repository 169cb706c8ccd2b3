"""Drivers, imports and repairs that are killed at any moment lose nothing, and end as those left alone.

`python -m tests.store --cases killed` kills a hundred of each.
"""

import importlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest


@pytest.fixture(scope="module")
def kills():
    """Call with a function, as "module:name", and its arguments: what it gives, called in another process.

    It copies itself, which this one must not do once a client of an object store has run in it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        yield lambda *call, **named: process.submit(_called, *call, **named).result()


def _called(where, *arguments, **named):
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"tests.store.{module}"), name)(*arguments, **named)


@pytest.mark.slow
def test_nothing_is_lost_or_twice_however_often_the_driver_is_killed(kills, tmp_path):
    found = kills("kills:killed", 6, tmp_path, seed=1)
    assert found.kills == 6
    assert not found.wrong


@pytest.mark.slow
def test_nor_where_results_are_elsewhere_and_other_machines_go_on(kills, tmp_path):
    pytest.importorskip("moto", reason="moto, of the extra `test`, is not installed")
    found = kills("remote_kills:killed_elsewhere", 2, tmp_path, seed=1)
    assert found.kills == 2
    assert not found.wrong


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_the_old_copy_or_the_new_one(kills, tmp_path):
    found = kills("import_kills:imports_killed", 4, tmp_path, seed=1)
    assert found.kills == 4
    assert not found.wrong


@pytest.mark.slow
def test_a_repair_that_is_killed_is_done_by_the_next_one(kills, tmp_path):
    found = kills("repair_kills:repairs_killed", 5, tmp_path, seed=1, most=1)
    assert found.kills == 5
    assert not found.wrong
