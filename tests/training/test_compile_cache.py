"""What is kept of compilations between the runs of a session: files here, TensorFlow's own at the end."""

import json
import os
import shutil

import pytest

from bench.records.scenario import Scenario
from bench.training.compile_cache import open_cache
from tests.caches import cache_with_digits

SCENARIO = Scenario(hidden=[50], batch_size=100)
CORES = (0, 1)


@pytest.fixture
def environ(tmp_path, monkeypatch):
    own = tmp_path / "tmp"
    own.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(own))
    return {}


@pytest.fixture
def opened(environ, tmp_path):
    """Call with what is to be different; gives the cache, or None."""

    def call(folder="kept", scenario=SCENARIO, kind="cpu", cores=CORES, **variables):
        return open_cache(tmp_path / folder, scenario, kind, cores, environ | variables)

    return call


def compile_into(cache, **programs):
    for name, content in programs.items():
        (cache.own / f"{name}.pb").write_bytes(content)


@pytest.fixture
def kept(opened):
    """The folder of what a first run kept: two programs."""
    cache = opened()
    compile_into(cache, window=b"w" * 100, evaluation=b"e" * 100)
    cache.keep()
    cache.close()
    return cache.kept


def held(cache):
    return {entry.name: entry.read_bytes() for entry in cache.own.iterdir()}


def test_the_first_run_has_nothing_to_read_and_the_next_one_what_it_compiled(opened):
    first = opened()
    assert (first.filled, held(first)) == (False, {})
    compile_into(first, window=b"code")
    first.keep()
    second = opened()
    assert (second.filled, held(second)) == (True, {"window.pb": b"code"})
    first.close()
    assert not first.own.exists()
    assert second.own.exists()


def test_what_a_run_that_did_not_end_well_compiled_is_not_kept(opened):
    first = opened()
    compile_into(first, window=b"code")
    first.close()
    assert not opened().filled


def test_xla_is_told_of_the_process_s_own_folder_beside_what_the_user_told_it(opened):
    cache, environ = opened(), {"TF_XLA_FLAGS": "--tf_xla_clustering_debug"}
    cache.enable(environ)
    flag = f"--tf_xla_persistent_cache_directory={cache.own}"
    assert environ == {"TF_XLA_FLAGS": f"--tf_xla_clustering_debug {flag}"}


@pytest.mark.parametrize(
    "other",
    [
        {"folder": "another"},
        {"scenario": Scenario(hidden=[50], batch_size=101)},
        {"cores": (0,)},
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math"},
    ],
)
@pytest.mark.usefixtures("kept")
def test_what_was_compiled_for_something_else_is_not_read(opened, other):
    assert opened().filled
    assert not opened(**other).filled


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "gpu"},
        {"scenario": Scenario(hidden=[50], batch_size=100, jit=False)},
        {"scenario": Scenario(hidden=[50], batch_size=100, strategy="parameter_server", workers=2)},
        {"scenario": Scenario(hidden=[50], batch_size=100, strategy="mirrored", devices=2, dropout=0.1)},
        {"folder": "/dev/null/cache"},
        {"TF_XLA_FLAGS": "/etc/flags"},
    ],
)
def test_where_nothing_can_be_kept_all_is_compiled(opened, other):
    assert opened(**other) is None


def test_a_disk_that_is_nearly_full_is_left_alone(opened, monkeypatch, tmp_path):
    full = shutil.disk_usage("/")._replace(free=2**29)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert opened() is None
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_folder_that_no_flag_can_name_is_not_used(opened, monkeypatch, tmp_path):
    spaced = tmp_path / "a b"
    spaced.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spaced))
    assert opened() is None
    assert list(spaced.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda whole: whole[:50], lambda whole: b"x" + whole[1:], lambda _: b""])
def test_a_damaged_entry_is_compiled_again(opened, kept, damage):
    entry = next(kept.glob("*-window.pb"))
    entry.write_bytes(damage(entry.read_bytes()))
    cache = opened()
    assert set(held(cache)) == {"evaluation.pb"}
    assert not entry.exists()
    compile_into(cache, window=b"w" * 100)
    cache.keep()
    assert set(held(opened())) == {"window.pb", "evaluation.pb"}


@pytest.mark.usefixtures("kept")
def test_what_xla_cannot_read_is_given_up_for_the_session(opened):
    cache = opened()
    assert cache.give_up()
    assert held(cache) == {}
    assert opened() is None
    assert opened(folder="another") is not None


def test_where_nothing_was_read_there_is_nothing_to_blame(opened):
    assert not opened().give_up()


def test_two_first_runs_at_the_same_time_keep_either_s(opened):
    one, other = opened(), opened()
    for cache in (one, other):
        compile_into(cache, window=b"code")
        cache.keep()
    assert held(opened()) == {"window.pb": b"code"}
    assert len(list(one.kept.iterdir())) == 1


@pytest.fixture(scope="module")
def runs(forks, tmp_path_factory):
    """What `tests.training.cached_runs` tells of its runs, by name."""
    cache = cache_with_digits(tmp_path_factory.mktemp("cache"))
    environ = os.environ | {"BENCH_CACHE": str(cache), "TMPDIR": str(tmp_path_factory.mktemp("tmp"))}
    told = forks.run("tests.training.cached_runs:main", None, env=environ)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.mark.slow
def test_the_first_run_of_a_session_compiles_and_later_ones_read(runs):
    assert [runs[name]["cached"] for name in ("first", "again")] == [False, True]
    assert [runs[name]["compiled"] for name in ("first", "again")] == [2, 0]
    assert {runs[name]["tf_xla_flags"] for name in runs} == {None}


@pytest.mark.slow
def test_what_was_read_computes_the_same_bit_by_bit(runs):
    assert runs["again"]["scores"] == runs["first"]["scores"]


@pytest.mark.slow
def test_no_compilation_is_no_part_of_a_fit_s_time(runs):
    assert runs["first"]["wall_seconds"] > runs["first"]["compile_seconds"]
    assert runs["again"]["wall_seconds"] is None
    assert runs["again"]["compile_seconds"] > 0


@pytest.mark.slow
def test_what_xla_cannot_read_costs_the_time_of_compiling_and_nothing_else(runs):
    assert runs["unreadable"]["status"] == "ok"
    assert runs["unreadable"]["scores"] == runs["first"]["scores"]
    assert runs["unreadable"]["cached"] is False
    assert runs["unreadable"]["wall_seconds"] is not None


@pytest.mark.slow
def test_replicas_read_the_programs_of_each_of_them_whatever_the_seed(runs):
    first, again = runs["replicas"], runs["replicas again"]
    assert (first["cached"], again["cached"]) == (False, True)
    assert first["compiled"] > 2
    assert again["compiled"] == 0
    assert again["scores"] != first["scores"]
