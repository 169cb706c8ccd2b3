"""What is timed compiles nothing: a program serves windows of every length, wherever they begin."""

import pytest

LOOPS = {
    "fused": {"batch_size": 100},
    "fused, steps that no chunk divides": {"batch_size": 384},
    "mirrored": {"batch_size": 500, "strategy": "mirrored"},
}


@pytest.fixture(scope="module")
def compiled(begin, tmp_path_factory):
    """Call with settings; gives what XLA compiled in the windows of a run, and how many programs before."""
    dump = tmp_path_factory.mktemp("dump")
    process = begin(environment={"XLA_FLAGS": f"--xla_dump_to={dump} --xla_dump_hlo_as_text"})
    process.answer(90)

    def compiled(settings):
        return process.call("tests.gpu.training.compiled_in_windows", 300, settings=settings, dump=str(dump))

    yield compiled
    process.close()


@pytest.mark.parametrize("settings", LOOPS.values(), ids=LOOPS)
def test_no_window_compiles(settings, compiled, small):
    told = compiled(small(**settings))
    assert told["before"] > 0
    assert told["new"] == []
